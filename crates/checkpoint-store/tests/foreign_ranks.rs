//! Files of several processes: joined where all are there, named where some are not, and never taken for
//! whole models.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use checkpoint_store::foreign::{ForeignCheckpoint, Limits, discover};
use checkpoint_store::{Error, Fault, Result};
use hostile::parallel::{Part, archive, ranks};
use hostile::pickled::{Pickled, fields, t, tensor};

fn fixture(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/fixtures");
    fixtures.join(name)
}

/// A copy of a folder of fixtures that may be changed.
fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

fn open(path: &Path) -> Result<Vec<ForeignCheckpoint>> {
    let limits = Limits::default();
    let mut discovery = discover(&[path.to_path_buf()], &limits);
    if let Some(problem) = discovery.problems.pop() {
        return Err(problem.error);
    }
    let found = discovery.checkpoints.iter();
    found
        .map(|found| ForeignCheckpoint::open(found, &limits))
        .collect()
}

fn refused(path: &Path, wanted: Fault) -> String {
    let error = open(path).unwrap_err();
    let Error::Foreign { fault, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*fault, wanted, "{error}");
    error.to_string()
}

#[test]
fn a_rank_alone_is_no_model_and_says_which_are_missing() {
    let folder = copy("ranks/columns");
    let gone = folder.path().join("model_world_size_3_rank_1.pt");
    fs::remove_file(&gone).unwrap();
    let message = refused(folder.path(), Fault::Missing);
    assert!(message.contains("3 processes"), "{message}");
    assert!(message.contains("rank 1"), "{message}");
    let message = refused(
        &fixture("ranks/columns/model_world_size_3_rank_0.pt"),
        Fault::Missing,
    );
    assert!(message.contains("rank 1, 2"), "{message}");
    // What all have is read of one, too.
    let alone = open(&fixture("ranks/replicated/model_world_size_4_rank_3.pt"));
    assert!(alone.is_err());
}

#[test]
fn ranks_of_several_steps_beside_each_other_are_several_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    for step in [10, 20] {
        for rank in 0..2 {
            let from = fixture("ranks/rows").join(format!("model_world_size_2_rank_{rank}.pt"));
            let to = folder.path().join(format!("step_{step}_rank_{rank}.pt"));
            fs::copy(from, to).unwrap();
        }
    }
    let opened = open(folder.path()).unwrap();
    assert_eq!(opened.len(), 2);
    let rows = open(&fixture("ranks/rows")).unwrap();
    assert_eq!(opened[0].tensors(), rows[0].tensors());
    assert_eq!(opened[0].tensors().len(), 5);
}

#[test]
fn whole_models_called_by_ranks_stay_models_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let root = fields(vec![("w", tensor("0", 4, &[4]))]);
    for rank in 0..3 {
        let path = folder.path().join(format!("rank_{rank}.pt"));
        fs::write(path, archive(&root, &[("0", 16)])).unwrap();
    }
    assert_eq!(open(folder.path()).unwrap().len(), 3);
}

#[test]
fn what_all_processes_have_whole_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    for rank in 0..2 {
        let root = fields(vec![
            ("w", Part::sound(rank).value()),
            ("plain", tensor("0", 4, &[4])),
        ]);
        let path = folder.path().join(format!("rank_{rank}.pt"));
        fs::write(path, archive(&root, &[("0", 16)])).unwrap();
    }
    let opened = open(folder.path()).unwrap();
    assert_eq!(opened[0].tensors().len(), 2);
    assert!(opened[0].unread().is_empty());
}

#[test]
fn tensors_that_differ_between_ranks_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    for (rank, side) in [(0, 4), (1, 2)] {
        let root = fields(vec![
            ("w", Part::sound(rank).value()),
            ("plain", tensor("0", 4, &[side])),
        ]);
        let path = folder.path().join(format!("rank_{rank}.pt"));
        fs::write(path, archive(&root, &[("0", 16)])).unwrap();
    }
    let opened = open(folder.path()).unwrap();
    assert_eq!(opened[0].tensors().len(), 1);
    assert_eq!(opened[0].unread()[0].name, "plain");
    assert!(opened[0].unread()[0].reason.contains("not the same"));
}

#[test]
fn sums_that_are_not_added_up_are_no_values() {
    let parts: Vec<Pickled> = (0..2)
        .map(|rank| {
            let mut part = Part::sound(rank);
            part.whole = hostile::pickled::shape(&[4, 1]);
            let partial = hostile::parallel::placement("Partial", Pickled::Nothing);
            part.placements = Pickled::Tuple(vec![partial]);
            part.value()
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in ranks(&parts) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let opened = open(folder.path()).unwrap();
    assert!(opened[0].tensors().is_empty());
    assert_eq!(opened[0].unread().len(), 1);
}

#[test]
fn parts_of_tensor_parallelism_are_named_and_never_taken_for_models() {
    let whole = archive(
        &fields(vec![("model", fields(vec![("w", tensor("0", 4, &[4]))]))]),
        &[("0", 16)],
    );
    for (first, second) in [
        (
            "iter_10/mp_rank_00/model_optim_rng.pt",
            "iter_10/mp_rank_01/model_optim_rng.pt",
        ),
        ("mp_rank_00_model_states.pt", "mp_rank_01_model_states.pt"),
        ("consolidated.00.pth", "consolidated.01.pth"),
        ("a/tp_rank_0.pt", "a/tp_rank_1.pt"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for name in [first, second] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &whole).unwrap();
        }
        for path in [
            folder.path().to_path_buf(),
            folder.path().join(first),
            folder.path().join(second),
        ] {
            let message = refused(&path, Fault::Unsupported);
            assert!(message.contains("of 2 parts of one model"), "{message}");
            assert!(message.contains("tensor parallelism"), "{message}");
        }
        // Alone it is a model.
        fs::remove_file(folder.path().join(second)).unwrap();
        assert_eq!(open(folder.path()).unwrap().len(), 1, "{first}");
    }
}

#[test]
fn a_part_that_says_that_it_is_one_is_named_whatever_it_is_called() {
    let model = || fields(vec![("w", tensor("0", 4, &[4]))]);
    let arguments = fields(vec![("tensor_model_parallel_size", Pickled::Number(2))]);
    let one = fields(vec![("tensor_model_parallel_size", Pickled::Number(1))]);
    for (root, is_part) in [
        (vec![("model", model()), ("args", arguments)], true),
        (
            vec![("module", model()), ("mp_world_size", Pickled::Number(4))],
            true,
        ),
        (vec![("model", model()), ("args", one)], false),
        (vec![("model", model()), ("args", t("x"))], false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.pt");
        fs::write(&path, archive(&fields(root), &[("0", 16)])).unwrap();
        if is_part {
            let message = refused(&path, Fault::Unsupported);
            assert!(message.contains("parts of one model"), "{message}");
        } else {
            assert_eq!(open(&path).unwrap().len(), 1);
        }
    }
}

#[test]
fn a_folder_of_zero_without_one_of_its_processes_is_no_checkpoint() {
    for (name, says) in [
        ("zero/stage3_world3/global_step3", "that of rank 2"),
        ("zero/stage1_world2/global_step3", "that of rank 1"),
    ] {
        let folder = copy(name);
        let last = fs::read_dir(folder.path()).unwrap();
        let mut last: Vec<PathBuf> = last.map(|entry| entry.unwrap().path()).collect();
        last.retain(|path| path.to_string_lossy().contains("optim_states"));
        last.sort();
        let last = last.pop().unwrap();
        let kept = fs::read(&last).unwrap();
        fs::remove_file(&last).unwrap();
        let message = refused(folder.path(), Fault::Missing);
        assert!(message.contains(says), "{message}");
        // Named alone it is a part.
        fs::write(&last, kept).unwrap();
        let message = refused(&last, Fault::Unsupported);
        assert!(message.contains("DeepSpeed"), "{message}");
        assert_eq!(open(folder.path()).unwrap().len(), 1);
    }
}

#[test]
fn a_file_that_changes_after_the_folder_was_described_is_refused() {
    let folder = copy("zero/stage3_world2/global_step3");
    let discovery = discover(&[folder.path().to_path_buf()], &Limits::default());
    let described = discovery.checkpoints[0]
        .describe(&Limits::default())
        .unwrap();
    assert!(described.open().is_ok());
    let path = &discovery.checkpoints[0].files[0];
    let mut bytes = fs::read(path).unwrap();
    bytes.push(0);
    fs::write(path, bytes).unwrap();
    assert!(described.open().is_err());
}

#[test]
fn beside_the_whole_model_the_parts_of_a_training_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let parts = folder.path().join("checkpoint-3/global_step3");
    fs::create_dir_all(&parts).unwrap();
    for entry in fs::read_dir(fixture("zero/stage3_world2/global_step3")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, parts.join(path.file_name().unwrap())).unwrap();
    }
    let whole = folder.path().join("checkpoint-3/model.safetensors");
    fs::copy(fixture("adapters/base.safetensors"), &whole).unwrap();
    let discovery = discover(&[folder.path().to_path_buf()], &Limits::default());
    assert_eq!(discovery.checkpoints.len(), 1);
    assert_eq!(discovery.checkpoints[0].path, whole);
    assert_eq!(discovery.passed_over, 4);
    // Named itself, the folder is read.
    assert_eq!(open(&parts).unwrap().len(), 1);
    fs::remove_file(&whole).unwrap();
    assert_eq!(open(folder.path()).unwrap().len(), 1);
}

#[test]
fn the_number_of_processes_is_no_step() {
    let opened = discover(&[fixture("ranks/rows")], &Limits::default());
    assert_eq!(opened.checkpoints[0].claimed.position(), None);
    assert_eq!(opened.checkpoints[0].files.len(), 2);
}

#[test]
fn an_adapter_of_a_training_claims_the_step_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    for step in [10, 20] {
        let checkpoint = folder.path().join(format!("out/checkpoint-{step}"));
        fs::create_dir_all(&checkpoint).unwrap();
        for name in ["adapter_config.json", "adapter_model.safetensors"] {
            fs::copy(fixture("adapters/plain").join(name), checkpoint.join(name)).unwrap();
        }
        fs::copy(
            fixture("adapters/bin/adapter_model.bin"),
            checkpoint.join("adapter_model.bin"),
        )
        .unwrap();
        fs::write(checkpoint.join("optimizer.pt"), b"x").unwrap();
    }
    let discovery = discover(&[folder.path().to_path_buf()], &Limits::default());
    assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
    let steps: Vec<_> = discovery
        .checkpoints
        .iter()
        .map(|found| found.claimed.position())
        .collect();
    assert_eq!(steps, [Some(10), Some(20)]);
    // The second copies of the weights, and the optimisers.
    assert_eq!(discovery.passed_over, 4);
}

#[test]
fn columns_of_more_than_a_buffer_come_in_their_order() {
    let (rows, columns, world) = (300_usize, 130_usize, 3_usize);
    let folder = tempfile::tempdir().unwrap();
    for rank in 0..world {
        let mut part = Part::sound(rank as i64);
        part.whole = hostile::pickled::shape(&[rows as i64, (columns * world) as i64]);
        part.local = vec![rows as i64, columns as i64];
        part.elements = (rows * columns) as i64;
        part.mesh = hostile::pickled::shape(&[world as i64]);
        let root = fields(vec![("w", part.value())]);
        let path = folder.path().join(format!("rank_{rank}.pt"));
        fs::write(path, archive(&root, &[("0", rows * columns * 4)])).unwrap();
    }
    let opened = open(folder.path()).unwrap();
    let mut values = Vec::new();
    opened[0]
        .read(0, &mut |part| {
            assert!(!part.is_empty() && part.len() <= 1 << 18);
            values.extend_from_slice(part);
        })
        .unwrap();
    assert_eq!(values.len(), rows * columns * world);
    // The same in every rank, as the bytes of its storage count.
    let own = |place: usize| {
        let byte = |at: usize| ((4 * place + at) % 61) as u8;
        f32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
    };
    for row in 0..rows {
        for column in 0..columns * world {
            let wanted = own(row * columns + column % columns);
            let found = values[row * columns * world + column];
            assert_eq!(found.to_bits(), wanted.to_bits(), "{row}, {column}");
        }
    }
    // As they are stored, too.
    let mut bytes = 0;
    opened[0]
        .read_stored(0, &mut |part| bytes += part.len())
        .unwrap();
    assert_eq!(bytes, rows * columns * world * 4);
}

#[test]
fn meshes_of_older_versions_and_ranks_that_only_their_files_number_are_joined() {
    let is_joined = |change: &dyn Fn(&mut Part, i64)| {
        let folder = tempfile::tempdir().unwrap();
        for rank in 0..2 {
            let mut part = Part::sound(rank);
            change(&mut part, rank);
            let root = fields(vec![("w", part.value())]);
            let path = folder.path().join(format!("rank_{rank}.pt"));
            fs::write(path, archive(&root, &[("0", 16)])).unwrap();
        }
        let opened = open(folder.path()).unwrap();
        let mut values = Vec::new();
        opened[0]
            .read(0, &mut |part| values.extend_from_slice(part))
            .unwrap();
        // Each row has one value of each rank, the same in both.
        assert_eq!(opened[0].tensors()[0].shape, [4, 2]);
        assert!(values.chunks(2).all(|row| row[0] == row[1]), "{values:?}");
    };
    is_joined(&|_, _| {});
    is_joined(&|part, rank| {
        part.mesh = tensor("0", 4, &[2]);
        part.rank = Pickled::Nothing;
        part.coordinate = Pickled::List(vec![Pickled::Number(rank)]);
    });
    is_joined(&|part, _| {
        part.rank = Pickled::Nothing;
        part.coordinate = Pickled::Nothing;
    });
    is_joined(&|part, _| {
        part.mesh = Pickled::Tuple(vec![Pickled::Number(2)]);
        part.coordinate = Pickled::Nothing;
    });
}
