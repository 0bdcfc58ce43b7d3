//! What is written for other programs, read back by our own readers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use checkpoint_store::NewFile;
use checkpoint_store::export::{Labels, Npz, Row, Safetensors, Table};
use checkpoint_store::foreign::{ForeignCheckpoint, Limits, discover};
use checkpoint_store::{Error, TensorShape};
use proptest::prelude::*;
use std::path::Path;

/// Tensors and their values, NaN with payloads among them.
fn checkpoints() -> impl Strategy<Value = Vec<(TensorShape, Vec<f32>)>> {
    let tensor = prop::collection::vec(0_u64..5, 0..4).prop_flat_map(|shape| {
        let count = shape.iter().product::<u64>() as usize;
        let values = prop::collection::vec(any::<u32>(), count);
        values.prop_map(move |bits| {
            let values = bits.iter().copied().map(f32::from_bits).collect();
            (shape.clone(), values)
        })
    });
    let named = |tensors: Vec<(Vec<u64>, Vec<f32>)>| {
        let names = (0..).map(|index| format!("layer.{index}/é \"w\""));
        let named = names.zip(tensors);
        named
            .map(|(name, (shape, values))| (TensorShape::new(name, shape), values))
            .collect()
    };
    prop::collection::vec(tensor, 1..6).prop_map(named)
}

fn read(path: &Path) -> (ForeignCheckpoint, Vec<(TensorShape, Vec<u32>)>) {
    let limits = Limits::default();
    let discovery = discover(&[path.to_path_buf()], &limits);
    assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
    let checkpoint = ForeignCheckpoint::open(&discovery.checkpoints[0], &limits).unwrap();
    let mut tensors = Vec::new();
    for (index, tensor) in checkpoint.tensors().iter().enumerate() {
        let mut bits = Vec::new();
        checkpoint
            .read(index, &mut |values| {
                bits.extend(values.iter().map(|value| value.to_bits()))
            })
            .unwrap();
        tensors.push((
            TensorShape::new(tensor.name.clone(), tensor.shape.clone()),
            bits,
        ));
    }
    tensors.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    (checkpoint, tensors)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_tensor_comes_back_bit_for_bit_however_its_values_are_cut(
        tensors in checkpoints(),
        cut in 1_usize..9,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let layout: Vec<TensorShape> = tensors.iter().map(|(tensor, _)| tensor.clone()).collect();
        let values: Vec<f32> = tensors.iter().flat_map(|(_, values)| values.clone()).collect();
        let labels = Labels { run: Some("seed-7".to_owned()), epoch: Some(3), step: Some(400) };

        let path = folder.path().join("a.safetensors");
        let file = NewFile::create(&path, false).unwrap();
        let mut writer = Safetensors::begin(file, &layout, &labels).unwrap();
        values.chunks(cut).for_each(|values| writer.values(values));
        writer.finish().unwrap();

        let path_npz = folder.path().join("a.npz");
        let mut writer = Npz::begin(NewFile::create(&path_npz, false).unwrap(), &layout).unwrap();
        values.chunks(cut).for_each(|values| writer.values(values));
        writer.finish().unwrap();

        let mut expected: Vec<(TensorShape, Vec<u32>)> = tensors
            .iter()
            .map(|(tensor, values)| {
                (tensor.clone(), values.iter().map(|value| value.to_bits()).collect())
            })
            .collect();
        expected.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        let (checkpoint, tensors) = read(&path);
        prop_assert_eq!(&tensors, &expected);
        let claimed = checkpoint.claimed();
        prop_assert_eq!(claimed.run.as_ref().map(|run| run.value.as_str()), Some("seed-7"));
        prop_assert_eq!(claimed.epoch.as_ref().map(|epoch| epoch.value), Some(3));
        prop_assert_eq!(claimed.step.as_ref().map(|step| step.value), Some(400));
        prop_assert_eq!(&read(&path_npz).1, &expected);
    }
}

#[test]
fn a_checkpoint_with_too_few_or_too_many_values_is_refused_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let layout = [TensorShape::new("w", [3])];
    let path = folder.path().join("a");
    for count in [0, 2, 4] {
        let values = vec![1.0; count];
        let file = || NewFile::create(&path, false).unwrap();
        let mut npz = Npz::begin(file(), &layout).unwrap();
        npz.values(&values);
        let error = npz.finish().unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        assert!(
            error.to_string().contains("whose tensors have 3"),
            "{error}"
        );
        let mut safetensors = Safetensors::begin(file(), &layout, &Labels::default()).unwrap();
        safetensors.values(&values);
        let error = safetensors.finish().unwrap_err();
        assert!(
            error.to_string().contains("whose tensors have 3"),
            "{error}"
        );
        let mut table = Table::begin(file(), &layout).unwrap();
        assert!(table.row(Row::default(), &values).is_err());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_tensor_named_like_the_metadata_of_safetensors_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = NewFile::create(&folder.path().join("a"), false).unwrap();
    let layout = [TensorShape::new("__metadata__", [1])];
    let error = Safetensors::begin(file, &layout, &Labels::default())
        .err()
        .unwrap();
    assert!(error.to_string().contains("write npz"), "{error}");
}

#[test]
fn a_table_of_many_rows_and_row_groups_is_read_back_row_by_row() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{ListAccessor, RowAccessor};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    // A million weights: sixteen rows fill a row group.
    let layout = [TensorShape::new("w", [1024, 1024])];
    let weights = |row: usize| vec![row as f32 + 0.5; 1 << 20];
    let mut table = Table::begin(NewFile::create(&path, false).unwrap(), &layout).unwrap();
    for row in 0..20 {
        let labels = Labels {
            run: (row % 3 > 0).then(|| format!("run-{}", row % 3)),
            epoch: (row % 2 == 0).then_some(row as u64),
            step: None,
        };
        let name = format!("checkpoint {row}");
        table
            .row(
                Row {
                    name,
                    path: "folder".to_owned(),
                    labels,
                },
                &weights(row),
            )
            .unwrap();
    }
    table.finish().unwrap();

    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(reader.num_row_groups(), 2);
    let metadata = reader.metadata().file_metadata();
    assert_eq!(metadata.num_rows(), 20);
    assert_eq!(metadata.created_by(), Some("modeltrail version 0.1.0"));
    for (index, row) in reader.into_iter().enumerate() {
        let row = row.unwrap();
        assert_eq!(row.get_string(0).unwrap(), &format!("checkpoint {index}"));
        assert_eq!(row.get_string(2).is_ok(), index % 3 > 0);
        assert_eq!(
            row.get_long(3).ok(),
            (index % 2 == 0).then_some(index as i64)
        );
        assert!(row.get_long(4).is_err(), "there is no step");
        let list = row.get_list(5).unwrap();
        assert_eq!(list.len(), 1 << 20);
        assert_eq!(list.get_float(12_345).unwrap(), index as f32 + 0.5);
    }
}
