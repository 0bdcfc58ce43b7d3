//! What checkpoints claim together: by names that differ in a number, by the folders that they lie in,
//! and by what lies beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::files;
use crate::foreign::claimed::{Claim, Origin, Series, claimed_beside, is_telling_folder, series};
use crate::foreign::found::Found;
use crate::limits::Limits;

/// Takes the last number of names that differ in it alone for a step: `resnet18-0` to
/// `resnet18-10`. A number that stands alone in its folder may mean anything, and so may two with
/// words after them.
pub(super) fn claim_series(checkpoints: &mut [Found]) {
    let of = |found: &Found| {
        let stem = found.path.file_stem()?.to_string_lossy();
        let Series {
            name,
            number,
            has_end,
        } = series(&stem)?;
        let folder = found.path.parent().unwrap_or(Path::new(""));
        Some(((folder.to_path_buf(), name), number, has_end))
    };
    let mut numbers: BTreeMap<(PathBuf, String), BTreeSet<u64>> = BTreeMap::new();
    for (key, number, _) in checkpoints.iter().filter_map(of) {
        numbers.entry(key).or_default().insert(number);
    }
    for found in checkpoints {
        if is_named_alone(found)
            && found.claimed.position().is_none()
            && let Some((key, value, has_end)) = of(found)
            && let Some(numbers) = numbers.get(&key)
            && numbers.len() > if has_end { 2 } else { 1 }
        {
            let from = Origin::FileName;
            found.claimed.step = Some(Claim { value, from });
        }
    }
}

/// Whether its name is that of one file, or one that was given to it in memory.
fn is_named_alone(found: &Found) -> bool {
    match &found.arrays {
        Some(arrays) => arrays.is_named(),
        None => found.files.len() == 1,
    }
}

/// Takes over what the trainer's state says, where it lies beside one checkpoint and no other.
pub(super) fn claim_beside(checkpoints: &mut [Found], limits: &Limits) {
    let folder = |found: &Found| {
        if files::is_folder(&found.path) && found.index.is_some() {
            found.path.clone()
        } else {
            let folder = found.path.parent().unwrap_or(Path::new(""));
            folder.to_path_buf()
        }
    };
    let mut in_folder: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
    let on_disk = |(_, found): &(usize, &Found)| found.arrays.is_none();
    for (index, found) in checkpoints.iter().enumerate().filter(on_disk) {
        in_folder.entry(folder(found)).or_default().push(index);
    }
    for (folder, members) in in_folder {
        let [only] = members.as_slice() else { continue };
        let found = checkpoints.get_mut(*only);
        if let (Some(found), Some(state)) = (found, claimed_beside(&folder, limits)) {
            found.claimed = found.claimed.overridden_by(&state);
        }
    }
}

/// Takes the folders for runs where the names say of no run, and there are several.
pub(super) fn claim_folders(checkpoints: &mut [Found]) {
    let folder = |found: &Found| -> Option<PathBuf> {
        let folders = found.path.ancestors().skip(1);
        let mut telling = folders.filter(|folder| {
            let name = folder.file_name().unwrap_or_default();
            is_telling_folder(&name.to_string_lossy())
        });
        let folder = telling.next()?;
        folder.file_name().map(|_| folder.to_path_buf())
    };
    let silent = |found: &Found| found.claimed.run.is_none();
    let folders: BTreeSet<PathBuf> = checkpoints
        .iter()
        .filter(|found| silent(found))
        .filter_map(folder)
        .collect();
    if folders.len() < 2 {
        return;
    }
    for found in checkpoints.iter_mut().filter(|found| silent(found)) {
        let name = folder(found);
        let name = name.as_deref().and_then(Path::file_name);
        found.claimed.run = name.map(|name| Claim {
            value: name.to_string_lossy().into_owned(),
            from: Origin::FolderName,
        });
    }
}
