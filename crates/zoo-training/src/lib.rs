//! zoo-training
