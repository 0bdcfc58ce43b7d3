//! Folders of torch.distributed.checkpoint.

use super::folder::{cut_off, folder};
use crate::families::{Broken, Expect};
use crate::parallel::{Described, archive, chunk};
use crate::pickled::{Pickled, fields, shape, tensor};
use Pickled::Nothing;

pub(super) fn files() -> Vec<Broken> {
    let sound = Described::sound();
    let len = chunk().len() as i64;
    let mut all = vec![folder(
        "a sound folder of torch.distributed.checkpoint",
        sound.files(),
        Expect::Read,
    )];
    all.extend(cut_off(
        "a folder of torch.distributed.checkpoint cut off",
        &sound.files(),
    ));
    for whole in [
        shape(&[4, 3]),
        shape(&[2, 4]),
        shape(&[8]),
        shape(&[]),
        shape(&[4, i64::MAX]),
        shape(&[i64::MAX, i64::MAX]),
        shape(&[4, -2]),
        shape(&[1; 60]),
        Nothing,
    ] {
        let one = Described {
            whole,
            ..sound.clone()
        };
        all.push(folder(
            "a folder of torch.distributed.checkpoint whose shape does not fit",
            one.files(),
            Expect::Either,
        ));
    }
    let at = |row, column| shape(&[row, column]);
    let four = || shape(&[4, 1]);
    for chunks in [
        vec![],
        vec![(at(0, 0), four())],
        vec![(at(0, 0), four()); 2],
        vec![(at(0, 0), four()); 5000],
        vec![(at(0, 0), four()), (at(0, 1), shape(&[2, 2]))],
        vec![(at(0, 0), four()), (at(1, 1), four())],
        vec![(at(0, 0), four()), (at(0, i64::MAX), four())],
        vec![(at(0, 0), four()), (shape(&[0]), four())],
        vec![(at(0, 0), four()), (Nothing, four())],
        vec![(at(0, 0), four()), (at(0, 1), shape(&[i64::MAX, i64::MAX]))],
    ] {
        let one = Described {
            chunks,
            ..sound.clone()
        };
        all.push(folder(
            "a folder of torch.distributed.checkpoint whose chunks do not fit",
            one.files(),
            // Chunks that overlap are no grid, and are not read.
            Expect::Either,
        ));
    }
    for (file, offset, length) in [
        ("__0_0.distcp", 1, len),
        ("__0_0.distcp", len, len + 1),
        ("__0_0.distcp", len, 0),
        ("__0_0.distcp", i64::MAX, len),
        ("__0_0.distcp", -1, len),
        ("__0_0.distcp", 0, i64::MAX),
        ("__9_0.distcp", 0, len),
        ("../__0_0.distcp", 0, len),
        ("/etc/passwd", 0, len),
        ("..", 0, len),
        ("", 0, len),
        ("a\0.distcp", 0, len),
    ] {
        let mut one = sound.clone();
        one.places[1] = (at(0, 1), file, offset, length);
        all.push(folder(
            "a folder of torch.distributed.checkpoint whose chunks lie elsewhere",
            one.files(),
            Expect::Refused,
        ));
    }
    let mut nested = sound.files();
    nested[0].1 = archive(&fields(vec![("w", tensor("0", 4, &[4]))]), &[("0", 16)]);
    all.push(folder(
        "a folder of torch.distributed.checkpoint described by another file",
        nested,
        Expect::Refused,
    ));
    all
}
