//! Folders of the files of one checkpoint.

use crate::families::{Broken, Expect, FOLDER, Reader};
use crate::parallel::Files;

pub(super) fn folder(class: &str, files: Files, expect: Expect) -> Broken {
    let mut all = vec![(FOLDER.to_owned(), Vec::new())];
    all.extend(files);
    Broken {
        class: class.to_owned(),
        files: all,
        reader: Reader::Weights,
        expect,
    }
}

/// Files cut off in many places.
pub(super) fn cut_off(class: &str, files: &Files) -> Vec<Broken> {
    let mut all = Vec::new();
    for (place, (_, bytes)) in files.iter().enumerate() {
        for part in 0..10 {
            let mut files = files.clone();
            if let Some((_, cut)) = files.get_mut(place) {
                cut.truncate(bytes.len() * part / 10);
            }
            all.push(folder(class, files, Expect::Refused));
        }
    }
    all
}
