//! What is found in files, folders and globs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use checkpoint_store::foreign::{Discovery, ForeignCheckpoint, Format, Limits, discover};
use checkpoint_store::{Error, Fault};

/// A small sound checkpoint.
fn write(path: &Path) {
    let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(1.5_f32.to_le_bytes());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

fn folder_with(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        write(&folder.path().join(name));
    }
    folder
}

fn find(paths: &[PathBuf]) -> Discovery {
    discover(paths, &Limits::default())
}

/// The paths found, relative to a folder.
fn names(discovery: &Discovery, folder: &Path) -> Vec<String> {
    let paths = discovery.checkpoints.iter().map(|found| &found.path);
    paths
        .map(|path| path.strip_prefix(folder).unwrap().display().to_string())
        .collect()
}

fn fault(error: &Error) -> Fault {
    match error {
        Error::Foreign { fault, .. } => *fault,
        other => panic!("{other}"),
    }
}

#[test]
fn folders_are_looked_through_and_sorted_as_a_person_sorts() {
    let folder = folder_with(&[
        "ckpt-10.safetensors",
        "ckpt-2.safetensors",
        "deep/er/ckpt-1.pt",
        ".cache/hidden.pt",
        "notes.txt",
    ]);
    let discovery = find(&[folder.path().to_path_buf()]);
    assert!(discovery.problems.is_empty());
    assert_eq!(
        names(&discovery, folder.path()),
        [
            "ckpt-2.safetensors",
            "ckpt-10.safetensors",
            "deep/er/ckpt-1.pt"
        ]
    );
    // Called a PyTorch file, it is what it is.
    assert_eq!(discovery.checkpoints[2].format, Format::Safetensors);
}

#[test]
fn globs_match_within_folders_and_across_them() {
    let folder = folder_with(&["a/x1.pt", "a/x2.pt", "a/y.npz", "b/c/x3.pt"]);
    let glob = |pattern: &str| {
        let discovery = find(&[folder.path().join(pattern)]);
        assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
        names(&discovery, folder.path())
    };
    assert_eq!(glob("a/*.pt"), ["a/x1.pt", "a/x2.pt"]);
    assert_eq!(glob("a/x?.pt"), ["a/x1.pt", "a/x2.pt"]);
    assert_eq!(glob("**/x*.pt"), ["a/x1.pt", "a/x2.pt", "b/c/x3.pt"]);
    assert_eq!(glob("*"), ["a/x1.pt", "a/x2.pt", "a/y.npz", "b/c/x3.pt"]);
}

#[test]
fn a_path_with_the_signs_of_a_pattern_is_taken_as_it_is() {
    let folder = folder_with(&["run[1]/a*b.pt", "with space/and\nline.pt"]);
    let discovery = find(&[
        folder.path().join("run[1]/a*b.pt"),
        folder.path().join("with space"),
    ]);
    assert!(discovery.problems.is_empty());
    assert_eq!(discovery.checkpoints.len(), 2);
}

#[test]
fn the_same_file_is_found_once() {
    let folder = folder_with(&["a/x.pt"]);
    let path = folder.path().join("a/x.pt");
    let discovery = find(&[
        path.clone(),
        folder.path().to_path_buf(),
        folder.path().join("a"),
        folder.path().join("a/../a/x.pt"),
        folder.path().join("*/*.pt"),
    ]);
    assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
    assert_eq!(names(&discovery, folder.path()), ["a/x.pt"]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_circles_of_them_end() {
    use std::os::unix::fs::symlink;

    let folder = folder_with(&["real/x.pt"]);
    let at = |name: &str| folder.path().join(name);
    symlink(at("real"), at("real/again")).unwrap();
    symlink(folder.path(), at("real/up")).unwrap();
    symlink(at("real/x.pt"), at("alias.pt")).unwrap();
    fs::hard_link(at("real/x.pt"), at("second.pt")).unwrap();
    symlink(at("circle.pt"), at("circle.pt")).unwrap();
    symlink(at("nowhere.pt"), at("dangling.pt")).unwrap();
    let discovery = find(&[folder.path().to_path_buf(), at("real/x.pt")]);
    assert_eq!(names(&discovery, folder.path()), ["real/x.pt"]);
    let problems: Vec<&PathBuf> = discovery.problems.iter().map(|p| &p.path).collect();
    assert_eq!(problems, [&at("circle.pt"), &at("dangling.pt")]);
}

#[cfg(unix)]
#[test]
fn something_that_is_no_file_is_a_problem_and_blocks_nothing() {
    let discovery = find(&[PathBuf::from("/dev/null")]);
    assert_eq!(fault(&discovery.problems[0].error), Fault::NotACheckpoint);
}

#[test]
fn bad_files_are_problems_and_the_rest_goes_on() {
    let folder = folder_with(&["good.pt"]);
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty.pt"), "").unwrap();
    fs::write(at("page.safetensors"), "<html>").unwrap();
    fs::write(at("vocabulary.bin"), "any bytes at all").unwrap();
    let discovery = find(&[folder.path().to_path_buf(), at("missing.pt"), at("no*.pt")]);
    assert_eq!(names(&discovery, folder.path()), ["good.pt"]);
    let problems: Vec<(PathBuf, Fault)> = discovery
        .problems
        .iter()
        .map(|problem| (problem.path.clone(), fault(&problem.error)))
        .collect();
    assert_eq!(
        problems,
        [
            (at("empty.pt"), Fault::Damaged),
            (at("missing.pt"), Fault::Missing),
            (at("no*.pt"), Fault::Missing),
            (at("page.safetensors"), Fault::NotACheckpoint),
        ]
    );
    // Files called .bin may be anything; named itself, this one is a problem.
    assert_eq!(discovery.passed_over, 1);
    assert_eq!(find(&[at("vocabulary.bin")]).problems.len(), 1);
}

#[test]
fn a_folder_without_checkpoints_says_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("readme.txt"), "nothing").unwrap();
    for path in [folder.path().to_path_buf(), folder.path().join("*")] {
        let discovery = find(&[path]);
        let [problem] = &discovery.problems[..] else {
            panic!("{:?}", discovery.problems);
        };
        assert!(problem.error.to_string().contains("safetensors, PyTorch"));
    }
}

#[test]
fn a_hugging_face_folder_is_one_checkpoint_and_its_other_files_are_counted() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/fixtures/hf");
    let discovery = find(std::slice::from_ref(&fixtures));
    assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
    assert_eq!(
        names(&discovery, &fixtures),
        [
            "out/checkpoint-500/model.safetensors",
            "sharded/model.safetensors.index.json",
            "sharded-bin/checkpoint-20/pytorch_model.bin.index.json",
        ]
    );
    // Optimiser, schedule, random state, arguments, and the copy as a PyTorch file.
    assert_eq!(discovery.passed_over, 5);
}

#[test]
fn what_other_libraries_read_of_a_model_is_no_second_checkpoint() {
    // As model hubs have them, and pipelines of diffusers.
    let folder = folder_with(&[
        "bert/model.safetensors",
        "bert/flax_model.msgpack",
        "bert/tf_model.h5",
        "bert/onnx/model.onnx",
        "pipeline/unet/diffusion_pytorch_model.safetensors",
        "pipeline/unet/diffusion_pytorch_model.fp16.safetensors",
        "pipeline/unet/diffusion_pytorch_model.bin",
        "pipeline/text_encoder/model.safetensors",
        "pipeline/text_encoder/model.fp16.safetensors",
        "pipeline/vae/diffusion_pytorch_model.fp16.safetensors",
    ]);
    let discovery = find(&[folder.path().to_path_buf()]);
    assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
    assert_eq!(
        names(&discovery, folder.path()),
        [
            "bert/model.safetensors",
            "pipeline/text_encoder/model.safetensors",
            "pipeline/unet/diffusion_pytorch_model.safetensors",
            "pipeline/vae/diffusion_pytorch_model.fp16.safetensors",
        ]
    );
    assert_eq!(discovery.passed_over, 6);
}

#[test]
fn the_files_of_a_kohya_training_are_steps_and_their_states_are_beside_them() {
    let folder = folder_with(&[
        "style-000001.safetensors",
        "style-000002.safetensors",
        "style.safetensors",
        "style-000001-state/optimizer.bin",
        "style-000001-state/random_states_0.pkl",
        "style-000001-state/scheduler.bin",
    ]);
    let discovery = find(&[folder.path().to_path_buf()]);
    assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
    assert_eq!(
        names(&discovery, folder.path()),
        [
            "style-000001.safetensors",
            "style-000002.safetensors",
            "style.safetensors"
        ]
    );
    let positions = discovery.checkpoints.iter();
    let positions: Vec<_> = positions.map(|found| found.claimed.position()).collect();
    assert_eq!(positions, [Some(1), Some(2), None]);
}

#[test]
fn formats_that_are_not_read_are_named_with_the_way_out() {
    for (file, words) in [
        ("0/manifest.ocdbt", ["Orbax", "orbax.checkpoint"]),
        (
            "variables/variables.index",
            ["TensorFlow", "tf.train.load_checkpoint"],
        ),
        ("model.pdparams", ["PaddlePaddle", "paddle.load"]),
        ("model.params", ["MXNet", "mxnet.nd.load"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"\x80\x04neither of those that are read").unwrap();
        for path in [folder.path().to_path_buf(), path] {
            let discovery = find(std::slice::from_ref(&path));
            let [problem] = discovery.problems.as_slice() else {
                panic!("{file}: {discovery:?}");
            };
            let message = problem.error.to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
    }
}

#[test]
fn shards_without_their_index_are_put_together_by_their_names() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/fixtures/hf/sharded");
    let folder = tempfile::tempdir().unwrap();
    let shards = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ];
    for shard in shards {
        fs::copy(fixtures.join(shard), folder.path().join(shard)).unwrap();
    }
    let discovery = find(&[folder.path().to_path_buf()]);
    let [found] = &discovery.checkpoints[..] else {
        panic!("{:?}", discovery.problems);
    };
    assert_eq!(found.claimed.position(), None);
    let checkpoint = ForeignCheckpoint::open(found, &Limits::default()).unwrap();
    assert_eq!(checkpoint.tensors().len(), 8);

    fs::remove_file(folder.path().join(shards[1])).unwrap();
    let discovery = find(&[folder.path().to_path_buf()]);
    let [problem] = &discovery.problems[..] else {
        panic!("{discovery:?}");
    };
    assert!(
        problem.error.to_string().contains(shards[1]),
        "{}",
        problem.error
    );
}

#[test]
fn folders_are_claimed_as_runs_where_there_are_several_and_names_say_nothing() {
    let folder = folder_with(&[
        "blue/checkpoints/epoch_1.pt",
        "blue/checkpoints/epoch_2.pt",
        "green/checkpoint-7/model.safetensors",
        "seed-4/epoch_1.pt",
    ]);
    let runs = |path: PathBuf| -> Vec<Option<String>> {
        let checkpoints = find(&[path]).checkpoints.into_iter();
        let runs = checkpoints.map(|found| found.claimed.run);
        runs.map(|run| run.map(|claim| claim.value)).collect()
    };
    let named = |names: &[&str]| -> Vec<Option<String>> {
        names.iter().map(|name| Some((*name).to_owned())).collect()
    };
    assert_eq!(
        runs(folder.path().to_path_buf()),
        named(&["blue", "blue", "green", "seed-4"])
    );
    assert_eq!(runs(folder.path().join("blue")), [None, None]);
}

#[test]
fn a_file_that_changes_after_it_was_opened_gives_an_error() {
    let folder = folder_with(&["a.pt"]);
    let path = folder.path().join("a.pt");
    let discovery = find(std::slice::from_ref(&path));
    let checkpoint =
        ForeignCheckpoint::open(&discovery.checkpoints[0], &Limits::default()).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(60)
        .unwrap();
    let error = checkpoint.read(0, &mut |_| ()).unwrap_err();
    assert_eq!(fault(&error), Fault::Damaged);
    assert!(checkpoint.read(1, &mut |_| ()).is_err());
}

#[test]
fn a_raised_limit_lets_through_what_a_lower_one_refuses() {
    let folder = folder_with(&["a.pt"]);
    let found = &find(&[folder.path().to_path_buf()]).checkpoints[0];
    let strict = Limits {
        largest_tensor: 3,
        ..Limits::default()
    };
    let error = ForeignCheckpoint::open(found, &strict).unwrap_err();
    assert_eq!(fault(&error), Fault::TooLarge);
    assert!(ForeignCheckpoint::open(found, &Limits::default()).is_ok());
}

#[test]
fn ten_thousand_files_are_found() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("0.pt"));
    let bytes = fs::read(folder.path().join("0.pt")).unwrap();
    for index in 1..10_000 {
        fs::write(folder.path().join(format!("{index}.pt")), &bytes).unwrap();
    }
    let discovery = find(&[folder.path().to_path_buf()]);
    assert_eq!(discovery.checkpoints.len(), 10_000);
}
