//! Recipes, images and sketches.

use super::{Broken, Expect, Reader};

fn file(class: &str, name: &str, bytes: Vec<u8>, reader: Reader, expect: Expect) -> Broken {
    Broken {
        class: class.to_owned(),
        files: vec![(name.to_owned(), bytes)],
        reader,
        expect,
    }
}

const RECIPE: &str = "name = \"a\"\narchitecture = \"mlp\"\nlearning_rate = 0.03\nmomentum = 0.9\nweight_decay = 0.0003\nbatch_size = 12\nepochs = 3\nseeds = 2\n";

pub(super) fn recipes() -> Vec<Broken> {
    let mut all = Vec::new();
    let mut push = |class: &str, text: String, expect| {
        all.push(file(
            class,
            "a.toml",
            text.into_bytes(),
            Reader::Recipe,
            expect,
        ));
    };
    push("a sound recipe", RECIPE.to_owned(), Expect::Read);
    for (key, values) in [
        (
            "learning_rate = 0.03",
            ["nan", "inf", "-1", "1e400", "\"0.1\"", "[]"],
        ),
        (
            "momentum = 0.9",
            ["nan", "-inf", "-0.5", "1.5", "true", "{}"],
        ),
        (
            "batch_size = 12",
            [
                "0",
                "-1",
                "18446744073709551616",
                "1.5",
                "\"12\"",
                "99999999999",
            ],
        ),
        (
            "epochs = 3",
            ["-1", "4294967296", "1e9", "nan", "[3]", "\"three\""],
        ),
        (
            "seeds = 2",
            [
                "0",
                "-2",
                "9223372036854775807",
                "1.0",
                "{}",
                "18446744073709551615",
            ],
        ),
        (
            "architecture = \"mlp\"",
            ["\"vgg\"", "1", "\"\"", "\"MLP\"", "[]", "\"../mlp\""],
        ),
    ] {
        let (name, _) = key.split_once(" = ").unwrap_or((key, ""));
        for value in values {
            push(
                "a recipe with an impossible value",
                RECIPE.replace(key, &format!("{name} = {value}")),
                Expect::Refused,
            );
        }
    }
    for text in [
        "",
        "=",
        "[",
        "a = ",
        "[[recipe]]",
        "name = \"\\x\"",
        "name = '",
        "\u{feff}\u{feff}",
        "a.b.c = 1",
    ] {
        push(
            "a recipe that is no recipe",
            text.to_owned(),
            Expect::Refused,
        );
    }
    push(
        "a recipe with an unknown key",
        format!("{RECIPE}surprise = 1\n"),
        Expect::Refused,
    );
    push(
        "a recipe with a key twice",
        format!("{RECIPE}seeds = 3\n"),
        Expect::Refused,
    );
    push(
        "a recipe nested deeply",
        format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        Expect::Refused,
    );
    push(
        "a recipe of nested tables",
        format!("a = {}1{}", "{b=".repeat(50_000), "}".repeat(50_000)),
        Expect::Refused,
    );
    push(
        "a recipe of one long key",
        format!("{} = 1", "a.".repeat(50_000) + "a"),
        Expect::Refused,
    );
    push(
        "a recipe of long text",
        format!("name = \"{}\"", "x".repeat(8 << 20)),
        Expect::Refused,
    );
    push("a recipe of zeros", "\0".repeat(4096), Expect::Refused);
    all
}

pub(super) fn images() -> Vec<Broken> {
    let magic = b"IMAGES1\n".to_vec();
    let with = |rest: Vec<u8>| [magic.clone(), rest].concat();
    let frame = b"\x28\xb5\x2f\xfd";
    let mut all = Vec::new();
    for bytes in [
        vec![],
        magic[..4].to_vec(),
        magic.clone(),
        with(vec![0; 32]),
        with(vec![0xFF; 64]),
        with([vec![0; 32], frame.to_vec()].concat()),
        // A frame of zstd that claims 2^63 bytes.
        with(
            [
                vec![0; 32],
                frame.to_vec(),
                vec![0xE0, 0, 0, 0, 0, 0, 0, 0, 0x80],
            ]
            .concat(),
        ),
        with([vec![0; 32], frame.to_vec(), vec![0xFF; 1000]].concat()),
        b"IMAGES2\n".repeat(100),
        b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"P5 14 14 255\n".to_vec(),
        vec![0; 1 << 20],
    ] {
        all.push(file(
            "images that are none",
            "a.images",
            bytes,
            Reader::Images,
            Expect::Refused,
        ));
    }
    all
}

pub(super) fn sketches() -> Vec<Broken> {
    let mut all = Vec::new();
    for text in [
        "".to_owned(),
        "{".to_owned(),
        "[]".to_owned(),
        "{\"schema\":\"modeltrail.sketch/1\"}".to_owned(),
        "{\"schema\":\"modeltrail.sketch/99\",\"sketches\":[]}".to_owned(),
        "{\"schema\":1}".to_owned(),
        "{\"schema\":\"modeltrail.sketch/1\",\"checkpoints\":[{}]}".to_owned(),
        "{\"schema\":\"modeltrail.sketch/1\",\"seed\":-1}".to_owned(),
        "{\"schema\":\"modeltrail.sketch/1\",\"seed\":1e400}".to_owned(),
        "[".repeat(200_000),
        "{\"a\":".repeat(100_000),
        format!("{{\"schema\":\"{}\"}}", "x".repeat(4 << 20)),
    ] {
        all.push(file(
            "sketches that are none",
            "a.json",
            text.into_bytes(),
            Reader::Sketches,
            Expect::Refused,
        ));
    }
    all
}
