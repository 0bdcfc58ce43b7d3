//! Pickles, read as data.
//!
//! A pickle is a program for a small machine that builds objects and calls functions by name. Here
//! the machine builds plain values only. The few functions that PyTorch needs to describe a tensor
//! are known by name and turned into a description; whatever else a pickle names stays a name, on
//! an object that nothing is done with. No code is run and none is looked for.
//!
//! Values lie in arenas and refer to each other by number, so that a pickle of any depth or with
//! circles is freed without recursion. What they take is counted against a budget.

mod machine;
mod rebuild;
mod values;

pub(super) use machine::read;
pub(super) use values::{Numbers, Tensor, Value, Values};
