//! Families of broken files: one thing after another made wrong in the same way.

pub mod stores;
mod texts;

use checkpoint_store::Fault;

use crate::bytes::{
    Entry, burnpack, burnpack_map, dictionary, legacy, npy, npy_of, safetensors, tensor, text,
    torch, zip,
};
use crate::corpus;

/// What reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The importers of foreign checkpoints.
    Weights,
    /// Recipes in TOML.
    Recipe,
    /// Images to train on.
    Images,
    /// Files of sketches.
    Sketches,
    /// The files of a store.
    Store,
}

/// What must come of it. A panic, a crash, or too much time or memory never is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// An error of this kind.
    Fault(Fault),
    /// An error.
    Refused,
    /// Values, or an error.
    Either,
    /// Values.
    Read,
}

/// A file, or several of which the first is read.
#[derive(Debug, Clone)]
pub struct Broken {
    /// What is wrong, in general.
    pub class: String,
    /// Names and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// What reads it.
    pub reader: Reader,
    /// What must come of it.
    pub expect: Expect,
}

fn broken(class: &str, file: &str, bytes: Vec<u8>, expect: Expect) -> Broken {
    Broken {
        class: class.to_owned(),
        files: vec![(file.to_owned(), bytes)],
        reader: Reader::Weights,
        expect,
    }
}

/// All of them: those of the corpus, each a class of its own, and the families.
#[must_use]
pub fn all() -> Vec<Broken> {
    let cases = corpus::cases().into_iter().map(|case| Broken {
        class: case.name.to_owned(),
        files: case
            .files
            .into_iter()
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .collect(),
        reader: Reader::Weights,
        expect: Expect::Fault(case.fault),
    });
    let mut all: Vec<Broken> = cases.collect();
    all.extend(safetensors_family());
    all.extend(arrays());
    all.extend(archives());
    all.extend(pickles());
    all.extend(cut_off());
    all.extend(not_finite());
    all.extend(texts::recipes());
    all.extend(texts::images());
    all.extend(texts::sketches());
    all.extend(stores::files());
    all
}

fn safetensors_family() -> Vec<Broken> {
    let mut all = Vec::new();
    let header = |dtype: &str, shape: &str, offsets: &str| {
        format!("{{\"a\":{{\"dtype\":{dtype},\"shape\":{shape},\"data_offsets\":{offsets}}}}}")
    };
    let mut push = |class: &str, header: String| {
        let bytes = safetensors(&header, 16);
        all.push(broken(class, "a.safetensors", bytes, Expect::Refused));
    };
    for dtype in [
        "\"F31\"",
        "\"f32\"",
        "\"F32 \"",
        "\"\"",
        "null",
        "32",
        "[\"F32\"]",
        "{}",
        "true",
        "\"\\u0000\"",
    ] {
        push(
            "a safetensors element that is none",
            header(dtype, "[4]", "[0,16]"),
        );
    }
    for shape in [
        "4",
        "null",
        "\"4\"",
        "[4.5]",
        "[\"4\"]",
        "[null]",
        "[[4]]",
        "{}",
        "[1e400]",
        "[18446744073709551616]",
        "[9223372036854775807,9223372036854775807]",
        "[5]",
        "[3]",
        "[0]",
    ] {
        push(
            "a safetensors shape that is none or another",
            header("\"F32\"", shape, "[0,16]"),
        );
    }
    for offsets in [
        "0",
        "null",
        "[]",
        "[0]",
        "[0,16,32]",
        "[-1,15]",
        "[0,1e300]",
        "[16,0]",
        "[\"0\",\"16\"]",
        "[0,18446744073709551615]",
        "[18446744073709551615,15]",
        "[1,17]",
        "[0,15]",
    ] {
        push(
            "safetensors offsets that are none or others",
            header("\"F32\"", "[4]", offsets),
        );
    }
    for power in [0_u32, 8, 16, 24, 31, 32, 33, 40, 48, 56, 62, 63] {
        let mut bytes = (1_u64 << power).to_le_bytes().to_vec();
        bytes.extend(b"{\"a\":1}         ");
        all.push(broken(
            "a safetensors header of another length",
            "a.safetensors",
            bytes,
            Expect::Refused,
        ));
    }
    all
}

fn arrays() -> Vec<Broken> {
    let mut all = Vec::new();
    for descr in [
        "'|O'",
        "'<U1'",
        "'|S4'",
        "'<M8[ns]'",
        "'<c8'",
        "'>Z4'",
        "'<f3'",
        "'<f4 '",
        "''",
        "None",
        "4",
        "[('a','<f4')]",
        "'<f'",
        "'<f99999999999999999999'",
        "'<V4'",
        "'f4,f4'",
    ] {
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (4,), }}");
        all.push(broken(
            "an array of elements that are not read",
            "a.npy",
            npy_of(&header, 16),
            Expect::Refused,
        ));
    }
    for shape in [
        "4",
        "(4)",
        "[4]",
        "(-4,)",
        "(4.0,)",
        "('4',)",
        "(4,,)",
        "(4",
        "4,)",
        "(5,)",
        "(3,)",
        "(18446744073709551616,)",
        "(4294967296,4294967296)",
        "(2,2,2)",
        "None",
        "((4,),)",
        "(1,)*4",
        "(0,)",
    ] {
        all.push(broken(
            "an array of a shape that is none or another",
            "a.npy",
            npy(shape, 16),
            Expect::Refused,
        ));
    }
    for (at, value) in [
        (0, 0),
        (6, 0),
        (6, 4),
        (6, 255),
        (7, 9),
        (8, 0),
        (8, 255),
        (9, 255),
        (10, b'['),
        (11, 0),
    ] {
        let mut bytes = npy("(4,)", 16);
        bytes[at] = value;
        all.push(broken(
            "an array with a wrong byte before its shape",
            "a.npy",
            bytes,
            Expect::Either,
        ));
    }
    all
}

fn archives() -> Vec<Broken> {
    let mut all = Vec::new();
    let whole = zip(&[Entry::new("a.npy", &npy("(4,)", 16))]);
    let directory = whole.len() - 22 - (46 + 5);
    // Every field of the entry, of the directory and of the end.
    let local = (4..30).step_by(2);
    let central = (directory + 4..directory + 46).step_by(2);
    let end = (whole.len() - 18..whole.len()).step_by(2);
    for at in local.chain(central).chain(end) {
        for value in [0xFFFF_u16, 0] {
            let mut bytes = whole.clone();
            bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
            if bytes != whole {
                all.push(broken(
                    "a zip archive with a wrong field",
                    "a.npz",
                    bytes,
                    Expect::Either,
                ));
            }
        }
    }
    for name in [
        "../a.npy",
        "/a.npy",
        "..\\a.npy",
        "C:\\a.npy",
        "a/../../b.npy",
        "\0.npy",
        "a\n.npy",
    ] {
        let bytes = zip(&[Entry::new(name, &npy("(4,)", 16))]);
        all.push(broken(
            "an entry whose name is a path",
            "a.npz",
            bytes,
            Expect::Either,
        ));
    }
    all
}

fn pickles() -> Vec<Broken> {
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

/// Sound files of each format, cut off.
fn cut_off() -> Vec<Broken> {
    let weights = dictionary("w", &tensor("0", 4, 0, &[4], &[1]));
    let mut storages = b"\x80\x02](".to_vec();
    storages.extend(text("0"));
    storages.extend(b"e.");
    storages.extend(4_i64.to_le_bytes());
    storages.extend([0; 16]);
    let header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}";
    let array = npy("(4,)", 16);
    let mut all = Vec::new();
    for (class, name, bytes) in [
        ("an archive of PyTorch cut off", "a.pt", torch(&weights)),
        (
            "an older file of PyTorch cut off",
            "a.pth",
            legacy(&weights, &storages),
        ),
        (
            "a safetensors file cut off",
            "a.safetensors",
            safetensors(header, 16),
        ),
        ("an array cut off anywhere", "a.npy", array.clone()),
        (
            "an archive of arrays cut off",
            "a.npz",
            zip(&[Entry::deflated("a.npy", &array)]),
        ),
        (
            "a file of Burn cut off",
            "a.bpk",
            burnpack(1, &burnpack_map(&[4], 0, 16), 16),
        ),
    ] {
        for part in 0..24 {
            let cut = bytes[..bytes.len() * part / 24].to_vec();
            all.push(broken(class, name, cut, Expect::Refused));
        }
    }
    all
}

/// Weights that are no numbers are values like others.
fn not_finite() -> Vec<Broken> {
    let header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}";
    let values = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        1e-45,
        f32::MAX,
    ];
    let files = values.into_iter().map(|value| {
        let mut bytes = safetensors(header, 0);
        bytes.extend([value; 4].iter().flat_map(|value| value.to_le_bytes()));
        broken(
            "weights that are NaN or infinite",
            "a.safetensors",
            bytes,
            Expect::Read,
        )
    });
    files.collect()
}
