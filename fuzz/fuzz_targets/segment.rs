#![no_main]

mod reading;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    // With digests that match, or nothing would come past them.
    hostile::families::stores::reseal(&mut bytes);
    let path = reading::path("a.segment");
    std::fs::write(&path, bytes).expect("room for the file");
    let _ = checkpoint_store::Segment::open(&path);
});
