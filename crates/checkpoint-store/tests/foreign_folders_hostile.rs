//! Hostile and broken checkpoints of several files: each quickly, within little memory, and no panic.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use cpu_time::ThreadTime;
use hostile::families::{Broken, Expect, FOLDER, all};
use hostile::reading::weights;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use checkpoint_store::Error;
use checkpoint_store::foreign::Limits;

/// The most memory that this process had since the last call, and what it has now, in bytes.
/// None where the system does not say.
fn memory() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        let kilobytes = line.split_whitespace().nth(1)?;
        Some(kilobytes.parse::<u64>().ok()? << 10)
    };
    let memory = (field("VmHWM:")?, field("VmRSS:")?);
    fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(memory)
}

fn folders() -> Vec<Broken> {
    let is_folder = |case: &Broken| case.files.first().is_some_and(|(name, _)| name == FOLDER);
    all().into_iter().filter(is_folder).collect()
}

/// One test for all, since memory is measured for the whole process.
#[test]
fn every_broken_folder_is_refused_or_read_quickly_within_little_memory() {
    let mut readers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &folders() {
        let temporary = tempfile::tempdir().unwrap();
        let path = case.write(temporary.path()).unwrap();
        let size: usize = case.files.iter().map(|(_, bytes)| bytes.len()).sum();
        let before = memory();
        let begin = ThreadTime::now();
        let outcome = weights(&path, &Limits::default());
        let took = begin.elapsed();
        let after = memory();

        let names = case.files.iter().map(|(name, _)| name.as_str());
        let told = format!("{} ({})", case.class, names.collect::<Vec<_>>().join(", "));
        match (&outcome, case.expect) {
            (Ok(_), Expect::Refused) => wrong.push(format!("{told} is read")),
            (Err(error), Expect::Read) => wrong.push(format!("{told}: {error}")),
            (Err(error), _) => {
                let Error::Foreign { way_out, .. } = error else {
                    panic!("{told}: {error}");
                };
                let message = error.to_string();
                let folder = temporary.path().to_string_lossy();
                assert!(
                    !way_out.is_empty() && message.contains(&*folder),
                    "{told}: {message}"
                );
                assert!(message.lines().count() == 1, "{told}: {message}");
                assert!(message.len() < 1000, "{told}: {message}");
            }
            _ => {}
        }
        assert!(took < Duration::from_secs(2), "{told}: {took:?}");
        if let (Some((_, before)), Some((peak, _))) = (before, after) {
            let used = peak.saturating_sub(before);
            assert!(used <= (64 << 20) + 4 * size as u64, "{told}: {used} bytes");
        }
        let reader = [
            "adapter",
            "ZeRO",
            "rank",
            "torch.distributed.checkpoint",
            "packed",
        ];
        let reader = reader
            .into_iter()
            .find(|reader| case.class.contains(reader));
        *readers.entry(reader.expect("a reader")).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(readers.len(), 5, "{readers:?}");
    assert!(readers.values().all(|&cases| cases >= 40), "{readers:?}");
    println!("{readers:?}");
}
