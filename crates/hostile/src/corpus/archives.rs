//! Archives of NumPy, and arrays alone.

use super::{Case, case};
use crate::bytes::{Entry, end, npy, npy_of, zip};
use checkpoint_store::Fault;

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let array = npy("(4,)", 16);
    let good = Entry::new("a.npy", &array);
    let with = |change: fn(&mut Entry)| {
        let mut entry = Entry::new("a.npy", &npy("(4,)", 16));
        change(&mut entry);
        zip(&[entry])
    };
    let whole = zip(std::slice::from_ref(&good));
    let bomb = npy("(67108864,)", 268_435_456);
    let bomb = Entry::deflated("a.npy", &bomb);
    let lying = Entry {
        size: array.len() as u64,
        ..Entry::deflated("a.npy", &npy("(4,)", 50 << 20))
    };
    let file = |name, bytes, fault| case(name, "a.npz", bytes, fault);
    vec![
        file("an archive cut off", whole[..whole.len() / 2].to_vec(), bad),
        file(
            "a directory outside the file",
            end(b"PK\x03\x04".to_vec(), &[], 9),
            bad,
        ),
        file(
            "a directory of something else",
            end(b"PK\x03\x04".to_vec(), &[7; 46], 1),
            bad,
        ),
        file(
            "entries that are not where they should be",
            with(|e| e.shift = 5),
            bad,
        ),
        file("entries beyond the end", with(|e| e.shift = u32::MAX), bad),
        file("a wrong checksum", with(|e| e.sum ^= 1), bad),
        file("a stored entry in two sizes", with(|e| e.size += 1), bad),
        file(
            "an encrypted entry",
            with(|e| e.flags = 1),
            Fault::Unsupported,
        ),
        file(
            "an entry compressed in another way",
            with(|e| e.method = 12),
            Fault::Unsupported,
        ),
        file("bytes that are not deflated", with(|e| e.method = 8), bad),
        file("one entry twice", zip(&[good.clone(), good]), bad),
        file(
            "an archive that unpacks to 256 MiB",
            zip(&[bomb]),
            Fault::TooLarge,
        ),
        file(
            "an archive that unpacks to more than it says",
            zip(&[lying]),
            bad,
        ),
        file("an archive of nothing", zip(&[]), Fault::NoModel),
        file(
            "an archive of objects",
            zip(&[Entry::new(
                "a.npy",
                &npy_of("{'descr': '|O', 'fortran_order': False, 'shape': ()}", 9),
            )]),
            Fault::NoModel,
        ),
        file(
            "an array of another size",
            zip(&[Entry::new("a.npy", &npy("(5,)", 16))]),
            bad,
        ),
        case("an array cut off", "a.npy", npy("(5,)", 16), bad),
        case(
            "an array beyond 64 bits",
            "a.npy",
            npy("(4294967296, 4294967296)", 16),
            bad,
        ),
        case(
            "a shape that is a number in brackets",
            "a.npy",
            npy("(4)", 16),
            bad,
        ),
        case(
            "an array header that is code",
            "a.npy",
            npy_of("__import__('os')", 16),
            bad,
        ),
        case(
            "an array header cut off",
            "a.npy",
            b"\x93NUMPY\x01\0\xff\xff{".to_vec(),
            bad,
        ),
        case(
            "an array of strings",
            "a.npy",
            npy_of(
                "{'descr': '<U2', 'fortran_order': False, 'shape': (2,)}",
                16,
            ),
            Fault::NoModel,
        ),
    ]
}
