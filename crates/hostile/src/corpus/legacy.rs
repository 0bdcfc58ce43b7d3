//! Files of PyTorch before 1.6.

use super::{Case, case};
use crate::bytes::{dictionary, legacy, tensor, text};
use checkpoint_store::Fault;

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let weights = dictionary("w", &tensor("0", 4, 0, &[4], &[1]));
    let keys = |keys: &[&str]| {
        let mut pickle = b"\x80\x02](".to_vec();
        pickle.extend(keys.iter().flat_map(|key| text(key)));
        pickle.extend(b"e.");
        pickle
    };
    let file = |name, rest: Vec<u8>, fault| case(name, "a.pth", legacy(&weights, &rest), fault);
    let storage = |count: i64, bytes: usize| {
        let mut rest = keys(&["0"]);
        rest.extend(count.to_le_bytes());
        rest.resize(rest.len() + bytes, 0);
        rest
    };
    vec![
        case(
            "only the magic of older files",
            "a.pth",
            legacy(b"", b"")[..15].to_vec(),
            bad,
        ),
        file("no list of storages", vec![], bad),
        file("a list of no storages", keys(&[]), bad),
        file("a storage that no tensor uses", keys(&["1"]), bad),
        file("storages cut off", storage(4, 15), bad),
        file("a storage of 2^62 values", storage(1 << 62, 16), bad),
        file("a storage of fewer values", storage(3, 12), bad),
        file(
            "a list of storages that is a number",
            b"\x80\x02K\x01.".to_vec(),
            bad,
        ),
    ]
}
