//! Files of Burn.

use super::{Case, case};
use crate::bytes::{burnpack, burnpack_map};
use checkpoint_store::Fault;

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let file = |name, map: &[u8], data, fault| case(name, "a.bpk", burnpack(1, map, data), fault);
    let nested = [b"\xa1ax".to_vec(), vec![0x81; 100_000], vec![0]].concat();
    vec![
        case(
            "a later version",
            "a.bpk",
            burnpack(9, &burnpack_map(&[4], 0, 16), 16),
            Fault::Unsupported,
        ),
        case(
            "a map longer than the file",
            "a.bpk",
            b"NRUB\x01\0\xff\xff\xff\xff".to_vec(),
            bad,
        ),
        case("the magic of Burn alone", "a.bpk", "NRUB", bad),
        file("no map", b"", 0, bad),
        file("a map of nothing", b"\xa0", 0, Fault::NoModel),
        file(
            "a map of 2^60 tensors",
            b"\xa1gtensors\xbb\x10\0\0\0\0\0\0\0",
            0,
            bad,
        ),
        file("a map that goes on", b"\xa0\xa0", 0, bad),
        file("a map nested deeply", &nested, 0, bad),
        file(
            "a tensor of Burn beyond the end",
            &burnpack_map(&[5], 0, 20),
            16,
            bad,
        ),
        file(
            "a tensor of Burn of another size",
            &burnpack_map(&[5], 0, 16),
            16,
            bad,
        ),
        file(
            "a tensor of Burn at 2^64-1",
            &burnpack_map(&[4], u64::MAX - 16, u64::MAX),
            16,
            bad,
        ),
        file(
            "a tensor of Burn that ends before it begins",
            &burnpack_map(&[4], 16, 0),
            16,
            bad,
        ),
    ]
}
