//! Opcodes, tensors and storages of pickles.

use super::{Broken, Expect, broken};
use crate::bytes::{dictionary, tensor, torch};

pub(super) fn files() -> Vec<Broken> {
    let mut all = Vec::new();
    for opcode in 0..=255_u8 {
        let bytes = torch(&[0x80, 2, opcode, b'.']);
        all.push(broken(
            "one opcode of a pickle alone",
            "a.pt",
            bytes,
            Expect::Refused,
        ));
    }
    let weights = tensor("0", 4, 0, &[4], &[1]);
    for opcode in (0..=255_u8).step_by(3) {
        let mut pickle = dictionary("w", &weights);
        let at = pickle.len() - 1;
        pickle.insert(at, opcode);
        all.push(broken(
            "one opcode too many at the end of a pickle",
            "a.pt",
            torch(&pickle),
            Expect::Either,
        ));
    }
    for (elements, offset, shape, stride) in [
        (4_i64, 1_i64, 4_i64, 1_i64),
        (4, 0, 4, 2),
        (3, 0, 4, 1),
        (5, 0, 5, 1),
        (4, 4, 1, 1),
        (i64::MAX, 0, 4, 1),
        (4, i64::MAX, 1, 1),
        (4, 0, i64::MAX, 1),
        (4, 0, 2, i64::MAX),
        (i64::MIN, 0, 4, 1),
        (4, i64::MIN, 4, 1),
    ] {
        let tensor = tensor("0", elements, offset, &[shape], &[stride]);
        all.push(broken(
            "a tensor of a pickle that does not fit",
            "a.pt",
            torch(&dictionary("w", &tensor)),
            Expect::Refused,
        ));
    }
    for key in [
        "1",
        "",
        "00",
        "../0",
        "/etc/passwd",
        "0\0",
        "data/0",
        "\u{202e}0",
    ] {
        let tensor = tensor(key, 4, 0, &[4], &[1]);
        all.push(broken(
            "a storage that is not in the archive",
            "a.pt",
            torch(&dictionary("w", &tensor)),
            Expect::Refused,
        ));
    }
    all
}
