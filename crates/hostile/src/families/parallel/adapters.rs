//! Adapters: weights beside a configuration.

use super::folder::{cut_off, folder};
use crate::bytes::safetensors;
use crate::families::{Broken, Expect};
use crate::parallel::{SOUND, adapter, config, factors};

pub(super) fn files() -> Vec<Broken> {
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
