//! weightspace
