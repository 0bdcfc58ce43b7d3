//! The harness itself: something is broken on purpose, and the harness must catch it.
//!
//! What is broken is broken in the tests' own code: a disk that does not do what it was told, digests
//! that are made right for wrong bytes, limits that are taken away. The product knows nothing of it.

use super::Effort;
use super::broken::{baseline, try_file};
use super::corruption::{Victim, put};
use super::tally::{Tally, described};
use anyhow::{Result, anyhow};
use hostile::disk::{Image, Sabotage};
use hostile::families::stores::reseal;
use hostile::families::{Expect, all};
use hostile::life::Life;

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let mut tallies = Vec::new();
    for (sabotage, what) in [
        (Sabotage::NoFileSync, "files are never synced"),
        (Sabotage::NoDirectorySync, "directories are never synced"),
        (
            Sabotage::RenameFirst,
            "files get their names before they are synced",
        ),
    ] {
        tallies.push(powerless(effort, sabotage, what)?);
    }
    tallies.push(unhashed(effort));
    tallies.push(unlimited()?);
    Ok(tallies)
}

/// One trial: it must fail in at least one of the attempts.
fn caught(tally: &mut Tally, what: &str, attempts: u64, failures: u64) {
    tally.count(if failures > 0 {
        Ok(())
    } else {
        Err(format!("{what}: {attempts} attempts noticed nothing"))
    });
    tally.note(format!(
        "{what}: noticed in {failures} of {attempts} attempts"
    ));
}

/// R2 on a disk that is not synced as it should be.
fn powerless(effort: Effort, sabotage: Sabotage, what: &str) -> Result<Tally> {
    let mut tally = Tally::new(format!(
        "broken: {what}; R2 fails, on each of the three lives"
    ));
    for life in Life::ALL {
        let whole = life
            .undisturbed(Some(sabotage))
            .map_err(|error| anyhow!(error))?;
        let seeds = effort.of(20, 2);
        let cases =
            (0..=whole.moments()).flat_map(|after| (0..seeds).map(move |seed| (after, seed)));
        let cases = cases.flat_map(|(after, seed)| {
            [
                Image::Nothing,
                Image::Subset { seed },
                Image::Torn { unit: 512, seed },
            ]
            .map(|image| (after, image))
        });
        let found = Tally::over("", cases, |(after, image)| whole.lose_power(after, image));
        caught(
            &mut tally,
            &format!("{what}, {life:?}"),
            found.tried(),
            found.failed(),
        );
    }
    Ok(tally)
}

/// R5 where digests are right whatever the bytes are, as if nobody looked at them.
fn unhashed(effort: Effort) -> Tally {
    let what = "the check of hashes";
    let mut tally = Tally::new(format!(
        "broken: {what}, by making them right again; R5 fails"
    ));
    let flips = effort.of(2000, 100);
    let found = Tally::over("", 0..flips, |flip: usize| {
        let victim = Victim::new(600)?;
        // A weight: nothing else would find it.
        let path = victim.files.first().ok_or("no file")?;
        let mut bytes = std::fs::read(path).map_err(described)?;
        let at = 4096 + flip * 2 % 4800;
        bytes[at] ^= 1;
        reseal(&mut bytes);
        put(path, 0, &bytes)?;
        victim.expect_found(path)
    });
    caught(&mut tally, what, found.tried(), found.failed());
    tally
}

/// R6 without limits: of lengths, of nesting, of memory.
fn unlimited() -> Result<Tally> {
    let what = "the caps of lengths, nesting, expansion and memory";
    let mut tally = Tally::new(format!("broken: {what}; R6 fails"));
    let base = baseline().map_err(anyhow::Error::msg)?;
    let capped = all()
        .into_iter()
        .filter(|case| case.expect == Expect::Fault(checkpoint_store::Fault::TooLarge));
    let found = Tally::over("", capped, |case| try_file(&case, base, true).map(drop));
    caught(&mut tally, what, found.tried(), found.failed());
    Ok(tally)
}
