#![no_main]

mod reading;

use hostile::fuzzed::Target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reading::read_folder(Target::Zero, bytes));
