//! Checkpoints of several files: adapters, folders of ZeRO, ranks of distributed tensors, folders of
//! torch.distributed.checkpoint.

mod adapters;
mod distributed;
mod folder;
mod ranks;
mod zeros;

use super::Broken;
use crate::parallel::{
    Described, Files, Part, SOUND, Zero, adapter, config, factors, ranks, sharded,
};
use crate::pickled::{fields, shape, tensor};

pub(super) fn files() -> Vec<Broken> {
    let mut all = adapters::files();
    all.extend(zeros::files());
    all.extend(ranks::files());
    all.extend(distributed::files());
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
