//! Checkpoints of several files: adapters, folders of ZeRO, ranks of distributed tensors, folders of
//! torch.distributed.checkpoint.

use super::{Broken, Expect, FOLDER, Reader};
use crate::bytes::safetensors;
use crate::parallel::{
    Described, Files, Part, SOUND, Zero, adapter, archive, chunk, config, factors, placement,
    ranks, shard, sharded,
};
use crate::pickled::{Pickled, fields, shape, t, tensor};
use Pickled::{Dict, List, Nothing, Number, Tuple};

fn folder(class: &str, files: Files, expect: Expect) -> Broken {
    let mut all = vec![(FOLDER.to_owned(), Vec::new())];
    all.extend(files);
    Broken {
        class: class.to_owned(),
        files: all,
        reader: Reader::Weights,
        expect,
    }
}

pub(super) fn files() -> Vec<Broken> {
    let mut all = adapters();
    all.extend(zeros());
    all.extend(distributed_tensors());
    all.extend(distributed());
    all
}

/// Sound ones, which fuzzing begins with.
pub(super) fn sound() -> [(&'static str, Vec<Files>); 4] {
    let more = [
        "",
        r#", "use_rslora": true, "fan_in_fan_out": true"#,
        r#", "rank_pattern": {"a": 2, "b[0-9]": 1}, "alpha_pattern": {"a": 3}"#,
    ];
    let adapters = more.map(|more| adapter(&config(more), factors(&SOUND)));
    let frozen = (
        fields(vec![("f", shape(&[2, 2]))]),
        fields(vec![("f", tensor("0", 4, &[2, 2]))]),
    );
    let zeros = [false, true].into_iter().flat_map(|third| {
        let sound = Zero::sound(third);
        let frozen = Some(frozen.clone());
        let more = Zero {
            frozen,
            ..sound.clone()
        };
        [named(sound.files()), named(more.files())]
    });
    let parts = ranks(&[Part::sound(0).value(), Part::sound(1).value()]);
    let at = |row| vec![(shape(&[row, 0]), vec![2, 2])];
    let older = ranks(&[
        sharded(&shape(&[4, 2]), at(0), 0),
        sharded(&shape(&[4, 2]), at(2), 1),
    ]);
    [
        ("adapter", adapters.to_vec()),
        ("zero", zeros.collect()),
        ("ranks", vec![parts, older]),
        ("distributed", vec![Described::sound().files()]),
    ]
}

/// The file of the model called as in the third stage, which says the same.
fn named(files: Files) -> Files {
    let files = files.into_iter().map(|(name, bytes)| match name.as_str() {
        "mp_rank_00_model_states.pt" => (
            "zero_pp_rank_0_mp_rank_00_model_states.pt".to_owned(),
            bytes,
        ),
        _ => (name, bytes),
    });
    files.collect()
}

/// Files cut off in many places.
fn cut_off(class: &str, files: &Files) -> Vec<Broken> {
    let mut all = Vec::new();
    for (place, (_, bytes)) in files.iter().enumerate() {
        for part in 0..10 {
            let mut files = files.clone();
            if let Some((_, cut)) = files.get_mut(place) {
                cut.truncate(bytes.len() * part / 10);
            }
            all.push(folder(class, files, Expect::Refused));
        }
    }
    all
}

fn adapters() -> Vec<Broken> {
    let mut all = vec![folder(
        "a sound adapter",
        adapter(&config(""), factors(&SOUND)),
        Expect::Read,
    )];
    all.extend(cut_off(
        "an adapter cut off",
        &adapter(&config(""), factors(&SOUND)),
    ));
    let deep = format!(r#", "x": {}1{}"#, "[".repeat(4000), "]".repeat(4000));
    for (more, expect) in [
        (r#", "use_dora": true"#, Expect::Refused),
        (r#", "use_anything": true"#, Expect::Refused),
        (r#", "rank_pattern": {"a": "two"}"#, Expect::Refused),
        (r#", "rank_pattern": {"(": 2}"#, Expect::Refused),
        (r#", "rank_pattern": {"a{4000}{4000}": 2}"#, Expect::Refused),
        (r#", "rank_pattern": {"(a*)*b$|.*": 1}"#, Expect::Refused),
        (r#", "rank_pattern": {"a": -1}"#, Expect::Refused),
        (r#", "rank_pattern": {"a": 1e300}"#, Expect::Refused),
        (r#", "alpha_pattern": {"a": 1e300}"#, Expect::Either),
        (r#", "layer_replication": [[0, 1]]"#, Expect::Refused),
        (r#", "target_parameters": ["a"]"#, Expect::Refused),
        (&deep, Expect::Refused),
    ] {
        all.push(folder(
            "an adapter whose configuration asks for what is not known",
            adapter(&config(more), factors(&SOUND)),
            expect,
        ));
    }
    let many: Vec<String> = (0..2000).map(|n| format!(r#""[a-z]{n}": 2"#)).collect();
    let many = format!(r#", "rank_pattern": {{{}}}"#, many.join(","));
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "\u{feff}{}",
        r#"{"peft_type": 3}"#,
        r#"{"peft_type": "LORA"}"#,
        r#"{"peft_type": "LORA", "lora_alpha": "4"}"#,
        r#"{"peft_type": "LOHA", "lora_alpha": 4}"#,
        r#"{"peft_type": "LORA", "r": 7, "lora_alpha": 4}"#,
        &config(&many),
        &" ".repeat(2 << 20),
    ] {
        all.push(folder(
            "an adapter with a wrong configuration",
            adapter(text, factors(&SOUND)),
            Expect::Refused,
        ));
    }
    let (a, b) = ("a.lora_A.weight", "a.lora_B.weight");
    let wide: &[u64] = &[1, 40_000];
    for (tensors, expect) in [
        (vec![(a, &[2, 5][..])], Expect::Either),
        (vec![(b, &[3, 2])], Expect::Either),
        (vec![(a, &[2, 5]), (b, &[3, 4])], Expect::Either),
        (vec![(a, &[2, 5]), (b, &[2])], Expect::Either),
        (vec![(a, &[0, 5]), (b, &[3, 0])], Expect::Either),
        (vec![(a, &[2, 0]), (b, &[0, 2])], Expect::Either),
        (vec![(a, &[2, 5, 3, 3]), (b, &[3, 2, 2, 2])], Expect::Either),
        (vec![(a, wide), (b, &[40_000, 1])], Expect::Refused),
        (
            vec![
                (a, &[2, 5]),
                (b, &[3, 2]),
                ("a.lora_magnitude_vector.weight", &[3]),
            ],
            Expect::Refused,
        ),
        (
            vec![(a, &[2, 5]), (b, &[3, 2]), ("a.lora", &[3])],
            Expect::Refused,
        ),
        (vec![("a.ia3_l", &[3, 1])], Expect::Refused),
        (vec![("x", &[3])], Expect::Either),
        (
            vec![(".lora_A.weight", &[2, 5]), (".lora_B.weight", &[3, 2])],
            Expect::Either,
        ),
        (
            vec![("lora_A", &[2, 5]), ("lora_B", &[3, 2])],
            Expect::Either,
        ),
        (
            vec![
                ("base_model.model.", &[3]),
                ("base_model.model.a.lora_A.weight", &[2, 5]),
            ],
            Expect::Either,
        ),
    ] {
        all.push(folder(
            "an adapter whose factors do not fit",
            adapter(&config(""), factors(&tensors)),
            expect,
        ));
    }
    all.push(folder(
        "an adapter without tensors",
        adapter(&config(""), safetensors("{}", 0)),
        Expect::Refused,
    ));
    all
}

fn zeros() -> Vec<Broken> {
    let mut all = Vec::new();
    for third in [false, true] {
        let sound = Zero::sound(third);
        all.push(folder(
            "a sound folder of ZeRO",
            sound.files(),
            Expect::Read,
        ));
        all.extend(cut_off("a folder of ZeRO cut off", &sound.files()));
        for lost in 0..sound.files().len() {
            let mut files = sound.files();
            files.remove(lost);
            all.push(folder(
                "a folder of ZeRO without one of its files",
                files,
                // One file of a model is enough where nothing is frozen.
                if third {
                    Expect::Either
                } else {
                    Expect::Refused
                },
            ));
        }
        let group = |entries: Vec<(&str, Pickled)>| List(vec![fields(entries)]);
        for shapes in [
            Nothing,
            Number(3),
            List(vec![]),
            List(vec![Nothing]),
            group(vec![]),
            group(vec![("a", shape(&[7])), ("b", shape(&[3]))]),
            group(vec![("a", shape(&[4]))]),
            group(vec![("a", shape(&[-5])), ("b", shape(&[3]))]),
            group(vec![("a", shape(&[i64::MAX, i64::MAX]))]),
            group(vec![("a", shape(&[i64::MAX]))]),
            group(vec![("a", shape(&[1; 40]))]),
            group(vec![("a", t("5"))]),
            group(vec![("a", shape(&[5])), ("a", shape(&[3]))]),
            group(vec![("a", shape(&[5])), ("mean", shape(&[3]))]),
            List(vec![fields(vec![("a", shape(&[5]))]); 3]),
            Dict(vec![(Number(1), shape(&[5]))]),
        ] {
            let zero = Zero {
                shapes,
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO whose shapes do not fit",
                zero.files(),
                Expect::Refused,
            ));
        }
        for (flat, bytes) in [
            (vec![], 20),
            (vec![0], 20),
            (vec![3], 20),
            (vec![i64::MAX], 20),
            (vec![-1], 20),
            (vec![5; 3], 20),
            (vec![5], 8),
            (vec![1; 3000], 20),
        ] {
            let zero = Zero {
                flat,
                bytes,
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO whose vectors do not fit",
                zero.files(),
                Expect::Refused,
            ));
        }
        for said in [
            Number(3),
            Number(i64::MAX),
            List(vec![Number(4)]),
            shape(&[9]),
        ] {
            let zero = Zero {
                said,
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO of more processes than there are",
                zero.files(),
                Expect::Refused,
            ));
        }
        for shared in [
            Dict(vec![(t("c"), t("none"))]),
            Dict(vec![(t("a"), t("b"))]),
            Dict(vec![(t("c"), t("d")), (t("d"), t("c"))]),
            Dict(vec![(t("c"), Number(1))]),
            List(vec![t("c")]),
        ] {
            let zero = Zero {
                shared,
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO with odd shared weights",
                zero.files(),
                Expect::Either,
            ));
        }
        for frozen in [
            (fields(vec![("f", shape(&[4]))]), Dict(vec![])),
            (
                fields(vec![("f", shape(&[40]))]),
                fields(vec![("f", tensor("0", 4, &[4]))]),
            ),
            (Number(1), Nothing),
        ] {
            let zero = Zero {
                frozen: Some(frozen),
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO whose frozen weights do not fit",
                zero.files(),
                Expect::Refused,
            ));
        }
        for name in [
            "zero_pp_rank_0_mp_rank_01_optim_states.pt",
            "zero_pp_rank_7_mp_rank_00_optim_states.pt",
            "zero_pp_rank_99999999999999999999_mp_rank_00_optim_states.pt",
            "layer_0_expert_0_mp_rank_00_model_states.pt",
        ] {
            let mut files = sound.files();
            let (_, bytes) = files.swap_remove(0);
            files.push((name.to_owned(), bytes));
            all.push(folder(
                "a folder of ZeRO with a file of another part",
                files,
                Expect::Refused,
            ));
        }
    }
    all
}

fn distributed_tensors() -> Vec<Broken> {
    let pair = |change: &dyn Fn(&mut Part)| {
        let parts: Vec<Pickled> = (0..2)
            .map(|rank| {
                let mut part = Part::sound(rank);
                change(&mut part);
                part.value()
            })
            .collect();
        ranks(&parts)
    };
    let mut all = vec![folder(
        "sound ranks of a distributed tensor",
        pair(&|_| {}),
        Expect::Read,
    )];
    all.extend(cut_off(
        "ranks of a distributed tensor cut off",
        &pair(&|_| {}),
    ));
    for mesh in [
        Nothing,
        Number(2),
        Number(0),
        Number(-2),
        shape(&[]),
        shape(&[0]),
        shape(&[3]),
        shape(&[i64::MAX]),
        shape(&[i64::MAX, i64::MAX]),
        shape(&[2, 1]),
        shape(&[1; 60]),
        Tuple(vec![shape(&[2]), Nothing]),
    ] {
        let change = |part: &mut Part| part.mesh = mesh.clone();
        all.push(folder(
            "ranks of a distributed tensor on another mesh",
            pair(&change),
            Expect::Either,
        ));
    }
    for whole in [
        Nothing,
        shape(&[4]),
        shape(&[4, 3]),
        shape(&[4, 0]),
        shape(&[4, i64::MAX]),
        shape(&[i64::MAX, i64::MAX]),
        shape(&[-4, 2]),
        shape(&[1; 60]),
    ] {
        let change = |part: &mut Part| part.whole = whole.clone();
        all.push(folder(
            "ranks of a distributed tensor of another shape",
            pair(&change),
            Expect::Either,
        ));
    }
    let one = |one| Tuple(vec![one]);
    for placements in [
        Nothing,
        Tuple(vec![]),
        one(Nothing),
        one(shard(0)),
        one(shard(7)),
        one(shard(-1)),
        one(shard(i64::MAX)),
        one(placement("Replicate", Nothing)),
        one(placement("Partial", Nothing)),
        one(placement(
            "_StridedShard",
            fields(vec![("dim", Number(1)), ("split_factor", Number(i64::MAX))]),
        )),
        Tuple(vec![shard(1); 40]),
        List(vec![shard(1)]),
    ] {
        let change = |part: &mut Part| part.placements = placements.clone();
        all.push(folder(
            "ranks of a distributed tensor that lies in another way",
            pair(&change),
            Expect::Either,
        ));
    }
    for coordinate in [shape(&[0]), shape(&[5]), shape(&[i64::MAX]), shape(&[0, 0])] {
        let change = |part: &mut Part| part.coordinate = coordinate.clone();
        all.push(folder(
            "ranks of a distributed tensor in other places",
            pair(&change),
            Expect::Either,
        ));
    }
    for (local, elements) in [
        (vec![4, 2], 8),
        (vec![1, 4], 4),
        (vec![4], 4),
        (vec![0, 1], 0),
        (vec![i64::MAX, 1], 4),
    ] {
        let change = |part: &mut Part| {
            part.local.clone_from(&local);
            part.elements = elements;
        };
        all.push(folder(
            "ranks of a distributed tensor with parts of another shape",
            pair(&change),
            Expect::Either,
        ));
    }
    all.push(folder(
        "one rank of two",
        ranks(&[Part::sound(0).value()]),
        Expect::Refused,
    ));
    let whole = shape(&[4, 2]);
    for at in [
        shape(&[0, 0]),
        shape(&[3, 0]),
        shape(&[i64::MAX, 0]),
        shape(&[0]),
        shape(&[-1, 0]),
        Nothing,
    ] {
        let parts = ranks(&[
            sharded(&whole, vec![(shape(&[0, 0]), vec![2, 2])], 0),
            sharded(&whole, vec![(at, vec![2, 2])], 1),
        ]);
        all.push(folder(
            "ranks of an older sharded tensor that does not fit",
            parts,
            Expect::Either,
        ));
    }
    let many = vec![(shape(&[0, 0]), vec![2, 2]); 2000];
    all.push(folder(
        "ranks of an older sharded tensor of thousands of parts",
        ranks(&[sharded(&whole, many.clone(), 0), sharded(&whole, many, 1)]),
        Expect::Either,
    ));
    all
}

fn distributed() -> Vec<Broken> {
    let sound = Described::sound();
    let len = chunk().len() as i64;
    let mut all = vec![folder(
        "a sound folder of torch.distributed.checkpoint",
        sound.files(),
        Expect::Read,
    )];
    all.extend(cut_off(
        "a folder of torch.distributed.checkpoint cut off",
        &sound.files(),
    ));
    for whole in [
        shape(&[4, 3]),
        shape(&[2, 4]),
        shape(&[8]),
        shape(&[]),
        shape(&[4, i64::MAX]),
        shape(&[i64::MAX, i64::MAX]),
        shape(&[4, -2]),
        shape(&[1; 60]),
        Nothing,
    ] {
        let one = Described {
            whole,
            ..sound.clone()
        };
        all.push(folder(
            "a folder of torch.distributed.checkpoint whose shape does not fit",
            one.files(),
            Expect::Either,
        ));
    }
    let at = |row, column| shape(&[row, column]);
    let four = || shape(&[4, 1]);
    for chunks in [
        vec![],
        vec![(at(0, 0), four())],
        vec![(at(0, 0), four()); 2],
        vec![(at(0, 0), four()); 5000],
        vec![(at(0, 0), four()), (at(0, 1), shape(&[2, 2]))],
        vec![(at(0, 0), four()), (at(1, 1), four())],
        vec![(at(0, 0), four()), (at(0, i64::MAX), four())],
        vec![(at(0, 0), four()), (shape(&[0]), four())],
        vec![(at(0, 0), four()), (Nothing, four())],
        vec![(at(0, 0), four()), (at(0, 1), shape(&[i64::MAX, i64::MAX]))],
    ] {
        let one = Described {
            chunks,
            ..sound.clone()
        };
        all.push(folder(
            "a folder of torch.distributed.checkpoint whose chunks do not fit",
            one.files(),
            // Chunks that overlap are no grid, and are not read.
            Expect::Either,
        ));
    }
    for (file, offset, length) in [
        ("__0_0.distcp", 1, len),
        ("__0_0.distcp", len, len + 1),
        ("__0_0.distcp", len, 0),
        ("__0_0.distcp", i64::MAX, len),
        ("__0_0.distcp", -1, len),
        ("__0_0.distcp", 0, i64::MAX),
        ("__9_0.distcp", 0, len),
        ("../__0_0.distcp", 0, len),
        ("/etc/passwd", 0, len),
        ("..", 0, len),
        ("", 0, len),
        ("a\0.distcp", 0, len),
    ] {
        let mut one = sound.clone();
        one.places[1] = (at(0, 1), file, offset, length);
        all.push(folder(
            "a folder of torch.distributed.checkpoint whose chunks lie elsewhere",
            one.files(),
            Expect::Refused,
        ));
    }
    let mut nested = sound.files();
    nested[0].1 = archive(&fields(vec![("w", tensor("0", 4, &[4]))]), &[("0", 16)]);
    all.push(folder(
        "a folder of torch.distributed.checkpoint described by another file",
        nested,
        Expect::Refused,
    ));
    all
}
