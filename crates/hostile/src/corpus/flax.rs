//! Files of Flax, in msgpack.

use super::{Case, case};
use checkpoint_store::Fault;

/// An array of f32 of this shape, in a dictionary.
fn array(dimensions: &[u8], bytes: usize) -> Vec<u8> {
    let mut inner = vec![0x93, 0x90 | (dimensions.len() as u8 & 15)];
    inner.extend(dimensions);
    inner.extend(b"\xa7float32\xc4");
    inner.push(bytes as u8);
    inner.resize(inner.len() + bytes, 0);
    let mut file = b"\x81\xa1w\xc7".to_vec();
    file.push(inner.len() as u8);
    file.push(1);
    file.extend(inner);
    file
}

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let file = |name, bytes: Vec<u8>, fault| case(name, "a.msgpack", bytes, fault);
    let nested = [b"\x81\xa1a".repeat(5000), b"\xc0".to_vec()].concat();
    let lists = [b"\x81\xa1a".to_vec(), vec![0x91; 100_000], vec![0xc0]].concat();
    let mut behind = array(&[4], 16);
    behind.push(0xc0);
    let mut cut = array(&[4], 16);
    cut.truncate(cut.len() - 1);
    let mut longer = array(&[4], 16);
    longer[4] += 1;
    let mark = b"\xb9__msgpack_chunked_array__";
    let chunked = |rest: &[u8]| [&b"\x81\xa1w\x83"[..], &mark[..], b"\xc3", rest].concat();
    vec![
        file(
            "a dictionary of nothing",
            b"\x81\xa1a\xc0".to_vec(),
            Fault::NoModel,
        ),
        file(
            "a dictionary of 2^32 entries",
            b"\xdf\xff\xff\xff\xff\xa1a\xc0".to_vec(),
            bad,
        ),
        file("dictionaries nested deeply", nested, Fault::TooLarge),
        file("lists nested deeply", lists, Fault::TooLarge),
        file(
            "a list of 2^32 items",
            b"\x81\xa1a\xdd\xff\xff\xff\xff\xc0".to_vec(),
            bad,
        ),
        file("an array of Flax of another size", array(&[5], 16), bad),
        file(
            "an array of Flax whose sides do not multiply to it",
            array(&[1; 15], 16),
            bad,
        ),
        file("an array of Flax cut off", cut, bad),
        file("an array of Flax that is longer than it says", longer, bad),
        file("an array of Flax and something behind it", behind, bad),
        file(
            "a text beyond the end",
            b"\x81\xa1a\xdb\xff\xff\xff\xff".to_vec(),
            bad,
        ),
        file("a byte that means nothing", b"\x81\xa1a\xc1".to_vec(), bad),
        file(
            "chunks of nothing",
            chunked(b"\xa5shape\x81\xa10\x04\xa6chunks\x80"),
            bad,
        ),
        file(
            "chunks that are none",
            chunked(b"\xa5shape\x81\xa10\x04\xa6chunks\x81\xa10\xc0"),
            bad,
        ),
        file(
            "a shape of chunks that is none",
            chunked(b"\xa5shape\x81\xa10\xc0"),
            bad,
        ),
    ]
}
