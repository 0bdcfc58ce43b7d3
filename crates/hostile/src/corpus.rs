//! Hostile and broken files, by format: each must be refused, and how.
#![allow(missing_docs)]

use checkpoint_store::Fault;

use crate::bytes::{
    Entry, burnpack, burnpack_map, dictionary, end, legacy, npy, npy_of, number, safetensors,
    tensor, text, torch, zip,
};

/// Files of which the first is named, and how that must fail.
pub struct Case {
    pub name: &'static str,
    pub files: Vec<(&'static str, Vec<u8>)>,
    pub fault: Fault,
}

pub fn cases() -> Vec<Case> {
    let mut cases = other_files();
    cases.extend(safetensors_files());
    cases.extend(shards());
    cases.extend(archives());
    cases.extend(pickles());
    cases.extend(tensors_of_pickles());
    cases.extend(legacy_files());
    cases.extend(burnpack_files());
    cases
}

fn case(name: &'static str, file: &'static str, bytes: impl Into<Vec<u8>>, fault: Fault) -> Case {
    Case {
        name,
        files: vec![(file, bytes.into())],
        fault,
    }
}

fn other_files() -> Vec<Case> {
    let not = Fault::NotACheckpoint;
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    vec![
        case("an empty file", "a.pt", [], Fault::Damaged),
        case("a file of zeros", "a.pt", [0; 4096], Fault::Damaged),
        case("a pointer of Git LFS", "a.safetensors", lfs, not),
        case(
            "a page of HTML",
            "a.bin",
            "\n<!DOCTYPE html><html>404</html>",
            not,
        ),
        case("plain text", "a.pt", "these are no weights", not),
        case("one byte", "a.npz", "x", not),
        case("gzip", "a.pt", "\x1f\u{8b}\x08\0", not),
        case("HDF5", "a.ckpt", b"\x89HDF\r\n\x1a\n\0\0".to_vec(), not),
        case("GGUF", "a.bin", "GGUF\x03\0\0\0", not),
        case("a plain pickle", "a.pt", b"\x80\x04K\x01.".to_vec(), not),
        case(
            "an archive of something else",
            "a.pt",
            zip(&[Entry::new("a.txt", b"hi")]),
            not,
        ),
    ]
}

fn safetensors_files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let one = |info: &str| format!("{{\"a\":{{{info}}}}}");
    let f32s = |shape: &str, start: u64, stop: u64| {
        format!("\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{start},{stop}]")
    };
    let two = |first: &str, second: &str| format!("{{\"a\":{{{first}}},\"b\":{{{second}}}}}");
    let length = |length: u64| {
        let mut file = length.to_le_bytes().to_vec();
        file.extend(b"{}");
        file
    };
    let many: Vec<String> = (0..200_000)
        .map(|i| format!("\"{i}\":{{{}}}", f32s("[0]", 0, 0)))
        .collect();
    let nested = format!(
        "{{\"a\":{{\"x\":{}1{}}}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let file = |name, header: String, data, fault| {
        case(name, "a.safetensors", safetensors(&header, data), fault)
    };
    vec![
        case(
            "a header of 2^63 bytes",
            "a.safetensors",
            length(1 << 63),
            Fault::NotACheckpoint,
        ),
        case(
            "a header of 2^64-1 bytes",
            "a.safetensors",
            length(u64::MAX),
            Fault::NotACheckpoint,
        ),
        case(
            "a header of 2^55 bytes",
            "a.safetensors",
            length(1 << 55),
            bad,
        ),
        case(
            "a header longer than the file",
            "a.safetensors",
            length(3),
            bad,
        ),
        case(
            "a header cut off in its length",
            "a.safetensors",
            [9, 0, 0, 0],
            Fault::NotACheckpoint,
        ),
        file(
            "a header longer than the limit",
            format!("{{{}", " ".repeat(65 << 20)),
            0,
            Fault::TooLarge,
        ),
        file(
            "leading white space",
            format!(" {}", one(&f32s("[1]", 0, 4))),
            4,
            Fault::NotACheckpoint,
        ),
        file("no JSON", "{nothing".into(), 0, bad),
        file(
            "JSON that goes on",
            format!("{} {{}}", one(&f32s("[1]", 0, 4))),
            4,
            bad,
        ),
        file("JSON nested deeply", nested, 0, bad),
        file(
            "one name twice",
            format!("{{\"a\":{{{0}}},\"a\":{{{0}}}}}", f32s("[0]", 0, 0)),
            0,
            bad,
        ),
        file(
            "metadata twice",
            "{\"__metadata__\":{},\"__metadata__\":{}}".into(),
            0,
            bad,
        ),
        file(
            "metadata that is no text",
            "{\"__metadata__\":{\"a\":{}}}".into(),
            0,
            bad,
        ),
        file(
            "tensors that overlap",
            two(&f32s("[2]", 0, 8), &f32s("[2]", 4, 12)),
            12,
            bad,
        ),
        file(
            "tensors with a hole",
            two(&f32s("[1]", 0, 4), &f32s("[1]", 8, 12)),
            12,
            bad,
        ),
        file("a tensor beyond the end", one(&f32s("[2]", 0, 8)), 4, bad),
        file(
            "a tensor that ends before it begins",
            one(&f32s("[1]", 4, 0)),
            4,
            bad,
        ),
        file(
            "a tensor at 2^64-1",
            one(&f32s("[1]", u64::MAX - 3, u64::MAX)),
            4,
            bad,
        ),
        file(
            "a shape beyond 64 bits",
            one(&f32s("[4294967296,4294967296]", 0, 4)),
            4,
            bad,
        ),
        file(
            "a shape that needs more bytes",
            one(&f32s("[3]", 0, 8)),
            8,
            bad,
        ),
        file("a negative dimension", one(&f32s("[-1]", 0, 4)), 4, bad),
        file(
            "a thousand dimensions",
            one(&f32s(&format!("[1{}]", ",1".repeat(999)), 0, 4)),
            4,
            bad,
        ),
        file(
            "bytes after the last tensor",
            one(&f32s("[1]", 0, 4)),
            5,
            bad,
        ),
        file(
            "a hundred thousand tensors too many",
            format!("{{{}}}", many.join(",")),
            0,
            Fault::TooLarge,
        ),
        file("no tensor", "{}".into(), 0, Fault::Unsupported),
        file("a list for a header", "{\"a\":[]}".into(), 0, bad),
    ]
}

fn shards() -> Vec<Case> {
    let one = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    let index = |map: &str| format!("{{\"weight_map\":{{{map}}}}}").into_bytes();
    let file = |name, map: &str, fault| {
        let files = vec![
            ("m.safetensors.index.json", index(map)),
            ("a.safetensors", safetensors(one, 4)),
        ];
        Case { name, files, fault }
    };
    vec![
        file(
            "a shard above the folder",
            "\"a\":\"../a.safetensors\"",
            Fault::Code,
        ),
        file(
            "a shard at an absolute path",
            "\"a\":\"/etc/passwd\"",
            Fault::Code,
        ),
        file("a missing shard", "\"a\":\"b.safetensors\"", Fault::Missing),
        file(
            "a tensor that its shard lacks",
            "\"b\":\"a.safetensors\"",
            Fault::Damaged,
        ),
        file(
            "a tensor indexed twice",
            "\"a\":\"a.safetensors\",\"a\":\"a.safetensors\"",
            Fault::Damaged,
        ),
        file("an index of nothing", "", Fault::Damaged),
        case(
            "an index that is none",
            "m.bin.index.json",
            "[1, 2]",
            Fault::Damaged,
        ),
        case("an empty index", "m.bin.index.json", "", Fault::Damaged),
        case(
            "a shard alone",
            "m-00001-of-00003.safetensors",
            safetensors(one, 4),
            Fault::Missing,
        ),
        case(
            "a shard of a million",
            "m-000001-of-999999.safetensors",
            safetensors(one, 4),
            Fault::Missing,
        ),
    ]
}

fn archives() -> Vec<Case> {
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
        file("an archive of nothing", zip(&[]), Fault::Unsupported),
        file(
            "an archive of objects",
            zip(&[Entry::new(
                "a.npy",
                &npy_of("{'descr': '|O', 'fortran_order': False, 'shape': ()}", 9),
            )]),
            Fault::Unsupported,
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
            Fault::Unsupported,
        ),
    ]
}

fn pickles() -> Vec<Case> {
    let bad = Fault::Damaged;
    let file = |name, pickle: &[u8], fault| case(name, "a.pt", torch(pickle), fault);
    let weights = tensor("0", 4, 0, &[4], &[1]);
    let attack = [
        b"cposix\nsystem\n".to_vec(),
        text("true"),
        b"\x85R".to_vec(),
    ]
    .concat();
    let beside = [
        b"\x80\x02}".to_vec(),
        text("w"),
        weights.clone(),
        b"s".to_vec(),
        text("x"),
        attack.clone(),
        b"s.".to_vec(),
    ]
    .concat();
    // Each dictionary holds the one before twice.
    let mut laughs = b"\x80\x02}q\x00".to_vec();
    for level in 0..60_u8 {
        laughs.extend(b"}(");
        for key in ["a", "b"] {
            laughs.extend(text(key));
            laughs.extend([b'h', level]);
        }
        laughs.extend([b'u', b'q', level + 1]);
    }
    laughs.push(b'.');
    let mut nested = b"\x80\x02".to_vec();
    for _ in 0..1000 {
        nested.extend(b"}");
        nested.extend(text("a"));
    }
    nested.extend(&weights);
    nested.extend([b's'; 1000]);
    nested.push(b'.');
    let circle = [b"\x80\x02}q\x00".to_vec(), text("a"), b"h\x00s.".to_vec()].concat();
    let mut copies = b"\x80\x02ccollections\nOrderedDict\nq\x00](".to_vec();
    copies.extend(b"))\x86".repeat(100_000));
    copies.extend(b"e\x85q\x01");
    copies.extend(b"h\x00h\x01R0".repeat(100_000));
    copies.extend(b"}.");
    let compressed = zip(&[
        Entry::deflated("x/data.pkl", &dictionary("w", &weights)),
        Entry::new("x/data/0", &[0; 16]),
    ]);
    let order = zip(&[
        Entry::new("x/data.pkl", &dictionary("w", &weights)),
        Entry::new("x/data/0", &[0; 16]),
        Entry::new("x/byteorder", b"middle"),
    ]);
    vec![
        file(
            "a pickle that runs a command",
            &[b"\x80\x02".to_vec(), attack, b".".to_vec()].concat(),
            Fault::Code,
        ),
        file("a command beside sound weights", &beside, Fault::Code),
        file(
            "a pickle that evaluates text",
            b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
            Fault::Code,
        ),
        file(
            "an object of protocol 0 that runs a command",
            b"(ios\nsystem\n.",
            Fault::Code,
        ),
        file(
            "objects of a class alone",
            b"\x80\x02c__main__\nNet\n)\x81.",
            Fault::Unsupported,
        ),
        file("a number alone", b"\x80\x02K\x01.", Fault::Unsupported),
        file("no opcode at all", b"", bad),
        file("a pickle without its end", b"\x80\x02}", bad),
        file("a pickle that goes on", b"\x80\x02}.}", bad),
        file("a pickle that takes more than is there", b"\x80\x02R.", bad),
        file(
            "a pickle that takes what lies below its mark",
            b"\x80\x02}(s.",
            bad,
        ),
        file("a tuple without a mark", b"\x80\x02t.", bad),
        file(
            "a place of the memo before it is filled",
            b"\x80\x02h\x07.",
            bad,
        ),
        file("an unknown opcode", b"\x80\x02\xff.", bad),
        file("an unknown protocol", b"\x80\x63}.", bad),
        file("an extension of a registry", b"\x80\x02\x82\x01.", bad),
        file("a text of 4 GiB", b"\x80\x02X\xff\xff\xff\xffabc", bad),
        file(
            "bytes of 2^64-1",
            b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc",
            bad,
        ),
        file(
            "a name without end",
            &[b"\x80\x02c".to_vec(), vec![b'a'; 100_000]].concat(),
            bad,
        ),
        file("a call of a number", b"\x80\x02K\x01)R.", bad),
        file("a filled number", b"\x80\x02K\x01K\x02K\x03s.", bad),
        file("a reference to something outside", b"\x80\x02K\x01Q.", bad),
        file(
            "tuples nested a million deep",
            &[b"\x80\x02)".to_vec(), vec![0x85; 1 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "eight million lists",
            &[b"\x80\x02".to_vec(), vec![b']'; 8 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "eight million values",
            &[b"\x80\x02".to_vec(), vec![b'N'; 8 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "eight million marks",
            &[b"\x80\x02".to_vec(), vec![b'('; 8 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "eight million memos",
            &[b"\x80\x02N".to_vec(), vec![0x94; 8 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "dictionaries that double sixty times",
            &laughs,
            Fault::TooLarge,
        ),
        file(
            "dictionaries nested a thousand deep",
            &nested,
            Fault::TooLarge,
        ),
        file("a dictionary that holds itself", &circle, Fault::TooLarge),
        file(
            "a list copied a hundred thousand times",
            &copies,
            Fault::TooLarge,
        ),
        case(
            "a pickle that is compressed",
            "a.pt",
            compressed,
            Fault::Unsupported,
        ),
        case("an order of bytes that is none", "a.pt", order, bad),
    ]
}

fn tensors_of_pickles() -> Vec<Case> {
    let bad = Fault::Damaged;
    let file =
        |name, tensor: Vec<u8>, fault| case(name, "a.pt", torch(&dictionary("w", &tensor)), fault);
    let max = i64::MAX;
    // Ten thousand tensors on one storage of 100 kB.
    let mut shared = b"\x80\x02}(".to_vec();
    for index in 0..10_000 {
        shared.extend(text(&index.to_string()));
        shared.extend(tensor("0", 25_000, 0, &[25_000], &[1]));
    }
    shared.extend(b"u.");
    let shared = zip(&[
        Entry::new("x/data.pkl", &shared),
        Entry::new("x/data/0", &[0; 100_000]),
    ]);
    let mut twice = b"\x80\x02}(".to_vec();
    for _ in 0..2 {
        twice.extend(text("w"));
        twice.extend(tensor("0", 4, 0, &[4], &[1]));
    }
    twice.extend(b"u.");
    vec![
        file(
            "a storage that is missing",
            tensor("1", 4, 0, &[4], &[1]),
            bad,
        ),
        file(
            "a storage above the archive",
            tensor("../../0", 4, 0, &[4], &[1]),
            bad,
        ),
        file(
            "a tensor larger than its storage",
            tensor("0", 4, 0, &[5], &[1]),
            bad,
        ),
        file(
            "a storage larger than its bytes",
            tensor("0", 4000, 0, &[4000], &[1]),
            bad,
        ),
        file(
            "a storage that claims more than its tensor needs and there is",
            tensor("0", max, 0, &[4], &[1]),
            bad,
        ),
        file(
            "a storage of negative size",
            tensor("0", -4, 0, &[4], &[1]),
            bad,
        ),
        file(
            "a tensor before its storage",
            tensor("0", 4, -1, &[4], &[1]),
            bad,
        ),
        file("a tensor at 2^63-1", tensor("0", 4, max, &[4], &[1]), bad),
        file(
            "a negative dimension of a tensor",
            tensor("0", 4, 0, &[-4], &[1]),
            bad,
        ),
        file("a negative stride", tensor("0", 4, 0, &[4], &[-1]), bad),
        file(
            "a stride of 2^63-1",
            tensor("0", 4, 0, &[4, 4], &[max, 1]),
            bad,
        ),
        file(
            "fewer strides than dimensions",
            tensor("0", 4, 0, &[2, 2], &[1]),
            bad,
        ),
        file(
            "a tensor repeated 2^62 times",
            tensor("0", 4, 0, &[max / 2, 4], &[0, 1]),
            bad,
        ),
        file(
            "a tensor repeated a billion times",
            tensor("0", 4, 0, &[1 << 30], &[0]),
            Fault::TooLarge,
        ),
        file(
            "a tensor of a hundred dimensions",
            tensor("0", 4, 0, &[1; 100], &[1; 100]),
            bad,
        ),
        file(
            "a tensor on a number",
            b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x02))tR".to_vec(),
            bad,
        ),
        file(
            "a storage of an unknown type",
            [
                b"(".to_vec(),
                text("storage"),
                b"cnowhere\nFloatStorage\n".to_vec(),
                text("0"),
                text("cpu"),
                number(4),
                b"tQ".to_vec(),
            ]
            .concat(),
            bad,
        ),
        case(
            "ten thousand tensors on one storage",
            "a.pt",
            shared,
            Fault::TooLarge,
        ),
        case("one tensor name twice", "a.pt", torch(&twice), bad),
    ]
}

fn legacy_files() -> Vec<Case> {
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

fn burnpack_files() -> Vec<Case> {
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
        file("a map of nothing", b"\xa0", 0, Fault::Unsupported),
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
