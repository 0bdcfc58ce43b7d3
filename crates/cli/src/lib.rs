//! modeltrail
