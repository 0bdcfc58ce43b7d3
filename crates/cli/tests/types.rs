//! Every type of number that a format can hold, through every command: a tensor of it is read, or it is
//! said to be unread; and of two files that differ in this tensor alone no command says that they are
//! the same, within a budget, or unrelated.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use hostile::bytes::{Entry, gguf, gguf_tensor, number, text as opcodes, zip};
use serde_json::{Value, json};
use std::path::Path;
use support::{Folder, modeltrail, text};

/// Values of the tensor, and of the one of f32 beside it.
const VALUES: usize = 8;

/// A type in a format: how files call it, and bytes of one value.
#[derive(Clone, Copy)]
struct Case {
    format: &'static str,
    dtype: &'static str,
    size: usize,
    /// What the tensor is called: `w` is a weight, and `steps` is one only if it has fractions.
    tensor: &'static str,
}

/// How integers and booleans are called that are read.
const INTEGERS: [&str; 21] = [
    "I", "U8", "U16", "U32", "U64", "BOOL", "<i", ">i", "|i", "<u", "|u", "|b1", "LongS", "IntS",
    "ShortS", "CharS", "ByteS", "BoolS", "int", "uint1", "uint3",
];

/// The types of GGUF: their names here, their numbers, and the bytes that 256 values take.
const GGUF: [(&str, u32, usize); 29] = [
    ("f32", 0, 1024),
    ("f16", 1, 512),
    ("q4_0", 2, 144),
    ("q4_1", 3, 160),
    ("q5_0", 6, 176),
    ("q5_1", 7, 192),
    ("q8_0", 8, 272),
    ("q8_1", 9, 320),
    ("q2_k", 10, 84),
    ("q3_k", 11, 110),
    ("q4_k", 12, 144),
    ("q5_k", 13, 176),
    ("q6_k", 14, 210),
    ("q8_k", 15, 292),
    ("iq2_xxs", 16, 66),
    ("iq1_s", 19, 50),
    ("iq4_nl", 20, 144),
    ("iq4_xs", 23, 136),
    ("I8", 24, 256),
    ("I16", 25, 512),
    ("I32", 26, 1024),
    ("I64", 27, 2048),
    ("f64", 28, 2048),
    ("bf16", 30, 512),
    ("tq1_0", 34, 54),
    ("tq2_0", 35, 66),
    ("mxfp4", 39, 136),
    ("nvfp4", 40, 144),
    ("nobodys", 99, 64),
];

fn cases() -> Vec<Case> {
    let of = |format, types: &[(&'static str, usize)]| {
        let types = types.iter();
        let cases = types.flat_map(|&(dtype, size)| {
            let tensor = "w";
            let case = Case {
                format,
                dtype,
                size,
                tensor,
            };
            let counter = Case {
                tensor: "steps",
                ..case
            };
            let is_counter = INTEGERS.iter().any(|part| dtype.starts_with(part));
            [Some(case), is_counter.then_some(counter)]
                .into_iter()
                .flatten()
        });
        cases.collect::<Vec<_>>()
    };
    let safetensors = [
        ("F64", 8),
        ("F32", 4),
        ("F16", 2),
        ("BF16", 2),
        ("F8_E4M3", 1),
        ("F8_E5M2", 1),
        ("F8_E8M0", 1),
        ("F8_E4M3FNUZ", 1),
        ("F8_E5M2FNUZ", 1),
        ("F6_E2M3", 1),
        ("F6_E3M2", 1),
        ("F4", 1),
        ("C64", 8),
        ("I64", 8),
        ("I32", 4),
        ("I16", 2),
        ("I8", 1),
        ("U64", 8),
        ("U32", 4),
        ("U16", 2),
        ("U8", 1),
        ("BOOL", 1),
        ("F99", 3),
    ];
    let npy = [
        ("<f8", 8),
        (">f8", 8),
        ("<f4", 4),
        (">f4", 4),
        ("<f2", 2),
        (">f2", 2),
        ("<f16", 16),
        ("|V2", 2),
        ("|V1", 1),
        ("<c8", 8),
        ("<c16", 16),
        ("<i8", 8),
        (">i8", 8),
        ("<i4", 4),
        ("<i2", 2),
        ("|i1", 1),
        ("<u8", 8),
        ("<u4", 4),
        ("<u2", 2),
        ("|u1", 1),
        ("|b1", 1),
    ];
    let torch = [
        ("DoubleStorage", 8),
        ("FloatStorage", 4),
        ("HalfStorage", 2),
        ("BFloat16Storage", 2),
        ("LongStorage", 8),
        ("IntStorage", 4),
        ("ShortStorage", 2),
        ("CharStorage", 1),
        ("ByteStorage", 1),
        ("BoolStorage", 1),
        ("QInt8Storage", 1),
        ("QUInt8Storage", 1),
        ("QInt32Storage", 4),
        ("QUInt4x2Storage", 1),
        ("ComplexFloatStorage", 8),
        ("ComplexDoubleStorage", 16),
        ("NobodysStorage", 4),
    ];
    let untyped = [
        ("float64", 8),
        ("float32", 4),
        ("float16", 2),
        ("bfloat16", 2),
        ("float8_e4m3fn", 1),
        ("float8_e5m2", 1),
        ("float8_e4m3fnuz", 1),
        ("float8_e5m2fnuz", 1),
        ("float8_e8m0fnu", 1),
        ("float4_e2m1fn_x2", 1),
        ("complex32", 4),
        ("complex64", 8),
        ("int64", 8),
        ("int32", 4),
        ("uint16", 2),
        ("uint32", 4),
        ("uint64", 8),
        ("bits8", 1),
        ("uint4", 1),
        ("nobodys", 4),
    ];
    let burnpack = [
        ("F64", 8),
        ("F32", 4),
        ("Flex32", 4),
        ("F16", 2),
        ("BF16", 2),
        ("I64", 8),
        ("I32", 4),
        ("I16", 2),
        ("I8", 1),
        ("U64", 8),
        ("U32", 4),
        ("U16", 2),
        ("U8", 1),
        ("Bool", 1),
        ("QFloat", 1),
        ("Nobodys", 4),
    ];
    // Bytes of 256 values.
    let gguf = GGUF.map(|(dtype, _, bytes)| (dtype, bytes));
    let mut cases = of("safetensors", &safetensors);
    cases.extend(of("gguf", &gguf));
    cases.extend(of("npz", &npy));
    cases.extend(of("pt", &torch));
    cases.extend(of("v3.pt", &untyped));
    cases.extend(of("bpk", &burnpack));
    cases
}

impl Case {
    fn is_bool(&self) -> bool {
        ["BOOL", "|b1", "BoolStorage", "Bool"].contains(&self.dtype)
    }

    /// The bytes of the tensor: finite numbers in every type.
    fn bytes(&self, is_first: bool) -> Vec<u8> {
        let byte = match (self.is_bool(), is_first) {
            (true, is_first) => u8::from(is_first),
            // The exponents of 1 and 4.
            (false, true) if self.dtype.to_ascii_lowercase().contains("e8m0") => 0x7f,
            (false, false) if self.dtype.to_ascii_lowercase().contains("e8m0") => 0x81,
            (false, true) => 0x31,
            (false, false) => 0x4f,
        };
        if self.format == "gguf" {
            let value = match (self.dtype, is_first) {
                // The exponents of 1 and 4.
                ("mxfp4", true) => 0x7f,
                ("mxfp4", false) => 0x81,
                (_, true) => 0x3f,
                (_, false) => 0x40,
            };
            return vec![value; self.size];
        }
        let mut value = vec![byte; self.size];
        // No f64 that f32 would take for nothing.
        let top = if is_first { 0x3f } else { 0x40 };
        match self.dtype {
            "F64" | "<f8" | "DoubleStorage" | "float64" => value[7] = top,
            ">f8" => value[0] = top,
            _ => {}
        }
        value.repeat(VALUES)
    }

    /// A file with this tensor and one of f32, which is the same in all.
    fn file(&self, is_first: bool) -> Vec<u8> {
        let bytes = self.bytes(is_first);
        let bias: Vec<u8> = (0..VALUES)
            .flat_map(|i| (i as f32).sin().to_le_bytes())
            .collect();
        match self.format {
            "safetensors" => {
                let end = bias.len() + bytes.len();
                let header = json!({
                    "bias": {"dtype": "F32", "shape": [VALUES], "data_offsets": [0, bias.len()]},
                    self.tensor: {"dtype": self.dtype, "shape": [VALUES], "data_offsets": [bias.len(), end]},
                });
                let header = serde_json::to_vec(&header).unwrap();
                [
                    &(header.len() as u64).to_le_bytes()[..],
                    &header,
                    &bias,
                    &bytes,
                ]
                .concat()
            }
            "npz" => zip(&[
                Entry::new("bias.npy", &npy("<f4", &bias)),
                Entry::new(&format!("{}.npy", self.tensor), &npy(self.dtype, &bytes)),
            ]),
            "gguf" => {
                let (_, kind, _) = GGUF.iter().find(|(name, ..)| *name == self.dtype).unwrap();
                let start = bias.len().next_multiple_of(32) as u64;
                let described = [
                    gguf_tensor("bias", &[VALUES as u64], 0, 0),
                    gguf_tensor(self.tensor, &[256], *kind, start),
                ];
                let mut file = gguf(&[], &described, 0);
                let padding = start as usize - bias.len();
                file.extend([bias, vec![0; padding], bytes].concat());
                file
            }
            "bpk" => burnpack((self.tensor, self.dtype), &bias, &bytes),
            _ => {
                let tensor = match self.format {
                    "pt" => typed(self.dtype, "1"),
                    _ => untyped(self.dtype, "1", bytes.len()),
                };
                let pickle = [
                    b"\x80\x02}(".to_vec(),
                    opcodes("bias"),
                    typed("FloatStorage", "0"),
                    opcodes(self.tensor),
                    tensor,
                    b"u.".to_vec(),
                ]
                .concat();
                zip(&[
                    Entry::new("x/data.pkl", &pickle),
                    Entry::new("x/data/0", &bias),
                    Entry::new("x/data/1", &bytes),
                ])
            }
        }
    }
}

fn npy(descr: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({VALUES},), }}");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(bytes);
    file
}

/// Opcodes of a storage of so many elements.
fn storage(class: &str, key: &str, elements: usize) -> Vec<u8> {
    [
        b"(".to_vec(),
        opcodes("storage"),
        format!("c{class}\n").into_bytes(),
        opcodes(key),
        opcodes("cpu"),
        number(elements as i64),
        b"tQ".to_vec(),
    ]
    .concat()
}

/// Opcodes of a tensor on a storage that says its type.
fn typed(class: &str, key: &str) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n(".to_vec(),
        storage(&format!("torch\n{class}"), key, VALUES),
        number(0),
        [
            b"(".to_vec(),
            number(VALUES as i64),
            b"t(".to_vec(),
            number(1),
            b"t".to_vec(),
        ]
        .concat(),
        b"\x89NtR".to_vec(),
    ]
    .concat()
}

/// Opcodes of a tensor that says its type, on a storage of bytes.
fn untyped(dtype: &str, key: &str, bytes: usize) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v3\n(".to_vec(),
        storage("torch.storage\nUntypedStorage", key, bytes),
        number(0),
        [
            b"(".to_vec(),
            number(VALUES as i64),
            b"t(".to_vec(),
            number(1),
            b"t".to_vec(),
        ]
        .concat(),
        b"\x89N".to_vec(),
        format!("ctorch\n{dtype}\n").into_bytes(),
        b"tR".to_vec(),
    ]
    .concat()
}

/// A burnpack file, its map in CBOR.
fn burnpack((name, dtype): (&str, &str), bias: &[u8], bytes: &[u8]) -> Vec<u8> {
    let text = |text: &str| [&[0x60 + text.len() as u8], text.as_bytes()].concat();
    let long = |number: usize| [&[0x1b], &(number as u64).to_be_bytes()[..]].concat();
    let start = bias.len().next_multiple_of(256);
    let tensor = |name: &str, dtype: &str, start: usize, end: usize| {
        [
            text(name),
            vec![0xa3],
            [text("dtype"), text(dtype)].concat(),
            [text("shape"), vec![0x81, VALUES as u8]].concat(),
            [text("data_offsets"), vec![0x82], long(start), long(end)].concat(),
        ]
        .concat()
    };
    let map = [
        vec![0xa1],
        text("tensors"),
        vec![0xa2],
        tensor("bias", "F32", 0, bias.len()),
        tensor(name, dtype, start, start + bytes.len()),
    ]
    .concat();
    let mut file = b"NRUB\x01\x00".to_vec();
    file.extend((map.len() as u32).to_le_bytes());
    file.extend(map);
    file.resize(file.len().next_multiple_of(256), 0);
    file.extend(bias);
    file.resize(file.len() + start - bias.len(), 0);
    file.extend(bytes);
    file
}

/// What `inspect` says of the tensor: its role.
fn role(path: &str, name: &str) -> String {
    let answer = support::json(&["inspect", path], 0);
    let tensors = answer["checkpoints"][0]["tensors"].as_array().unwrap();
    let own = |tensor: &&Value| tensor["name"] == name;
    let tensor = tensors
        .iter()
        .find(own)
        .unwrap_or_else(|| panic!("{path}: {answer}"));
    tensor["role"].as_str().unwrap().to_owned()
}

/// What a command says on both streams, and its exit status.
fn said(arguments: &[&str]) -> (String, i32) {
    let output = modeltrail(arguments);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    (said, output.status.code().unwrap())
}

#[test]
fn every_type_of_every_format_goes_through_every_command() {
    let folder = Folder::new();
    let mut roles = std::collections::BTreeMap::new();
    for case in cases() {
        let name = format!("{} {} {}", case.format, case.dtype, case.tensor);
        let extension = case.format.rsplit('.').next().unwrap();
        let path = |part: &str| folder.shown(&format!("{part}/epoch-1.{extension}"));
        let (a, b, copy) = (path("a"), path("b"), path("copy"));
        for (path, is_first) in [(&a, true), (&b, false), (&copy, true)] {
            std::fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
            std::fs::write(path, case.file(is_first)).unwrap();
        }
        let role = role(&a, case.tensor);
        check(&folder, &name, &role, [&a, &b, &copy]);
        roles.insert(name, role);
        for part in ["a", "b", "copy", "out"] {
            let _ = std::fs::remove_dir_all(folder.path(part));
        }
    }
    let count = |wanted: &str| roles.values().filter(|role| *role == wanted).count();
    assert!(count("weight") >= 30, "{roles:#?}");
    assert!(count("unread") >= 15, "{roles:#?}");
    assert!(count("not_float") >= 25, "{roles:#?}");
}

fn check(folder: &Folder, name: &str, role: &str, [a, b, copy]: [&String; 3]) {
    let is_unread = role == "unread";
    // Two that differ there are never the same, whatever is asked.
    let (diff, status) = said(&["diff", a, b]);
    assert!(!diff.contains("verdict: identical"), "{name}: {diff}");
    if is_unread {
        assert_eq!(status, 2, "{name}: {diff}");
        assert!(
            (diff.contains("cannot tell") || diff.contains("changed, by an unknown amount"))
                && diff.contains('w'),
            "{name}: {diff}"
        );
    }
    let (gate, status) = said(&["gate", "--accredited", a, "--candidate", b]);
    match role {
        "weight" => assert_eq!(status, 1, "{name}: {gate}"),
        "unread" => assert_eq!(status, 2, "{name}: {gate}"),
        // Counters and masks are in no budget, and their change is said.
        _ => assert!(gate.contains("buffers changed"), "{name}: {gate}"),
    }
    assert!(!gate.contains("Identical"), "{name}: {gate}");
    let (lineage, status) = said(&["lineage", a, "--against", b]);
    // It compares weights, and says so.
    let is_same = lineage.contains("IDENTICAL: the weights of ");
    assert_eq!(is_same, role == "not_float", "{name}: {lineage}");
    if is_unread {
        assert!(!lineage.contains("NO RELATION"), "{name}: {lineage}");
        assert!(status == 0 || status == 2, "{name}: {lineage}");
    }
    let (runs, _) = said(&["runs", a, b]);
    assert!(!runs.contains("bit-identical"), "{name}: {runs}");
    if is_unread {
        assert!(runs.contains("not read: 2 tensors"), "{name}: {runs}");
        assert!(!runs.contains("the same weights"), "{name}: {runs}");
    }
    // A copy of everything is the same, also where it cannot be read but compared.
    let (same, status) = said(&["diff", a, copy]);
    if is_unread {
        assert!(status == 0 || status == 2, "{name}: {same}");
    } else {
        assert_eq!(status, 0, "{name}: {same}");
        assert!(same.contains("verdict: identical"), "{name}: {same}");
    }
    // What cannot be read is lost by no command without a word.
    let out = folder.shown("out");
    for command in [
        &["export", a, "--format", "npz", "--out", &out][..],
        &["import", a, "--out", &out],
    ] {
        let (said, status) = said(command);
        assert_eq!(status, if is_unread { 2 } else { 0 }, "{name}: {said}");
        let _ = std::fs::remove_dir_all(&out);
    }
    let sketches = folder.shown("kept.json");
    let (sketch, status) = said(&["sketch", a, b, "--out", &sketches, "--allow-unread"]);
    assert_eq!(status, 0, "{name}: {sketch}");
    let [first, second] = ["a", "b"].map(|part| {
        let file = Path::new(a).file_name().unwrap().to_str().unwrap();
        format!("{sketches}:{part}/{file}")
    });
    let (gate, status) = said(&["gate", "--accredited", &first, "--candidate", &second]);
    if is_unread {
        assert_eq!(status, 2, "{name}: {gate}");
    }
    std::fs::remove_file(sketches).unwrap();
    let folder_of = Path::new(a).parent().unwrap().to_str().unwrap();
    let (watch, status) = said(&["watch", folder_of, "--once", "--json"]);
    assert_eq!(status, 0, "{name}: {watch}");
    assert_eq!(watch.contains("\"dtype\""), is_unread, "{name}: {watch}");
}
