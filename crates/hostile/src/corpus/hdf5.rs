//! Files of Keras, in HDF5.

use super::{Case, case};
use crate::bytes::{Entry, hdf5, hdf5_object, zip};
use checkpoint_store::Fault;

/// Where the object after the root lies.
const SECOND: u64 = 1024;

fn long(number: u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// A name in the root group.
fn link(address: u64) -> (u16, Vec<u8>) {
    (6, [&[1, 0, 1, b'w'][..], &long(address)].concat())
}

fn shape(sides: &[u64]) -> (u16, Vec<u8>) {
    let sides = sides.iter().flat_map(|side| side.to_le_bytes());
    let head = [1, 0, 0, 0, 0, 0, 0, 0];
    let mut data = head.to_vec();
    data.extend(sides);
    data[1] = ((data.len() - 8) / 8) as u8;
    (1, data)
}

/// f32, little-endian.
fn floats() -> (u16, Vec<u8>) {
    let head = [0x11, 0x20, 0x1f, 0, 4, 0, 0, 0];
    (
        3,
        [&head[..], &[0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0]].concat(),
    )
}

/// Contiguous at an address.
fn lies(address: u64, len: u64) -> (u16, Vec<u8>) {
    (8, [&[3, 1][..], &long(address), &long(len)].concat())
}

/// A file whose root has one name, for an object of these messages.
pub(super) fn of(messages: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut file = hdf5(&[link(SECOND)]);
    file.resize(SECOND as usize, 0);
    file.extend(hdf5_object(messages));
    file.resize(2048, 0);
    file
}

/// A sound dataset of four numbers.
pub(super) fn sound() -> Vec<u8> {
    of(&[shape(&[4]), floats(), lies(2000, 16)])
}

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let file = |name, bytes: Vec<u8>, fault| case(name, "a.h5", bytes, fault);
    let table = |tree: u64, heap: u64| (17, [long(tree), long(heap)].concat());
    let continued = |address: u64, len: u64| (16, [long(address), long(len)].concat());
    let mut later = sound();
    later[8] = 9;
    let mut narrow = sound();
    narrow[13] = 4;
    // A tree whose child is the tree itself.
    let mut circle = hdf5(&[table(SECOND, 1200)]);
    circle.resize(SECOND as usize, 0);
    circle.extend(
        [
            &b"TREE\0\x01\x01\0"[..],
            &[0xff; 16],
            &long(0),
            &long(SECOND),
            &long(0),
        ]
        .concat(),
    );
    circle.resize(1200, 0);
    circle.extend([&b"HEAP\0\0\0\0"[..], &long(16), &long(0), &long(1300)].concat());
    circle.resize(2048, 0);
    vec![
        file(
            "the magic of HDF5 alone",
            b"\x89HDF\r\n\x1a\n".to_vec(),
            Fault::Unsupported,
        ),
        file("a superblock of version 9", later, Fault::Unsupported),
        file("addresses of four bytes", narrow, Fault::Unsupported),
        file("a root without names", hdf5(&[]), Fault::NoModel),
        file("a name beyond the end", hdf5(&[link(1 << 40)]), bad),
        file("a name at 2^64-1", hdf5(&[link(u64::MAX)]), bad),
        file(
            "a name of the root itself",
            hdf5(&[link(96)]),
            Fault::NoModel,
        ),
        file(
            "a tree of names beyond the end",
            hdf5(&[table(1 << 40, 1 << 40)]),
            bad,
        ),
        file("a tree of names that is itself", circle, bad),
        file(
            "a header that goes on in itself",
            hdf5(&[continued(112, 24)]),
            bad,
        ),
        file(
            "a header that goes on beyond the end",
            hdf5(&[continued(1 << 40, 24)]),
            bad,
        ),
        file(
            "a header that goes on for 2^63 bytes",
            hdf5(&[continued(112, 1 << 63)]),
            bad,
        ),
        file(
            "a dataset beyond the end",
            of(&[shape(&[4]), floats(), lies(1 << 40, 16)]),
            bad,
        ),
        file(
            "a dataset of another size",
            of(&[shape(&[5]), floats(), lies(2000, 16)]),
            bad,
        ),
        file(
            "a dataset at 2^64-2",
            of(&[shape(&[4]), floats(), lies(u64::MAX - 1, 16)]),
            bad,
        ),
        file(
            "a dataset of 2^126",
            of(&[shape(&[1 << 63, 1 << 63]), floats(), lies(2000, 16)]),
            bad,
        ),
        file(
            "a dataset of 2^62",
            of(&[shape(&[1 << 60]), floats(), lies(2000, u64::MAX)]),
            Fault::TooLarge,
        ),
        file(
            "a dataset without a type",
            of(&[shape(&[4]), lies(2000, 16)]),
            bad,
        ),
        case(
            "a Keras archive whose weights are compressed",
            "a.keras",
            zip(&[
                Entry::new("config.json", b"{}"),
                Entry::deflated("model.weights.h5", &sound()),
            ]),
            Fault::Unsupported,
        ),
        case(
            "a Keras archive with something else in it",
            "a.keras",
            zip(&[
                Entry::new("config.json", b"{}"),
                Entry::new("model.weights.h5", &[7; 200]),
            ]),
            Fault::Unsupported,
        ),
    ]
}
