#![no_main]

mod reading;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    // With digests that match, or nothing would come past them.
    hostile::families::stores::reseal(&mut bytes);
    reading::read_by("a.segment", &bytes, |path| {
        if let Err(error) = checkpoint_store::Segment::open(path) {
            let _ = error.to_string();
        }
    });
});
