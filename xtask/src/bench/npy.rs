//! The files that go between the benchmark and its contenders: matrices in C order as .npy.

use anyhow::{Context, Result, ensure};
use npyz::{AutoSerialize, Deserialize, NpyFile, Order, WriteOptions, WriterBuilder};
use std::path::Path;

/// A point per row.
pub(super) struct Matrix<T> {
    pub(super) values: Vec<T>,
    pub(super) columns: usize,
}

/// Rows of so many columns; one column is a vector.
pub(super) fn bytes<T: AutoSerialize + Copy>(values: &[T], columns: usize) -> Result<Vec<u8>> {
    let shape = [values.len() / columns, columns].map(|side| side as u64);
    let shape = &shape[..if columns == 1 { 1 } else { 2 }];
    let mut bytes = Vec::new();
    let options = WriteOptions::new().default_dtype().shape(shape);
    let mut writer = options.writer(&mut bytes).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()?;
    Ok(bytes)
}

/// A matrix of this type.
pub(super) fn read<T: Deserialize>(path: &Path) -> Result<Matrix<T>> {
    let read = || {
        let bytes = std::fs::read(path)?;
        let file = NpyFile::new(&bytes[..])?;
        ensure!(file.order() == Order::C, "it is in Fortran order");
        let columns = file.shape().get(1).map_or(Ok(1), |&side| side.try_into())?;
        Ok(Matrix {
            values: file.into_vec()?,
            columns,
        })
    };
    read().with_context(|| format!("{}: not the .npy that was asked for", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_as_no_other_type() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.npy");
        std::fs::write(
            &path,
            bytes(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0], 3).unwrap(),
        )
        .unwrap();
        let found = read::<f32>(&path).unwrap();
        assert_eq!((found.columns, found.values.len()), (3, 6));
        assert!(read::<f64>(&path).is_err());
        std::fs::write(&path, bytes(&[0.5, -1.5], 1).unwrap()).unwrap();
        let found = read::<f64>(&path).unwrap();
        assert_eq!((found.columns, found.values), (1, vec![0.5, -1.5]));
    }
}
