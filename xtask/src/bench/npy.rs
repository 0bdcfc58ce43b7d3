//! The kinds of .npy that go between the benchmark and its contenders: matrices of little-endian f32,
//! f64 or i32 in C order.

use anyhow::{Context, Result, ensure};
use std::path::Path;

/// A point per row.
pub(super) struct Matrix<T> {
    pub(super) values: Vec<T>,
    pub(super) columns: usize,
}

pub(super) fn bytes_f32(values: &[f32], columns: usize) -> Vec<u8> {
    file(
        "<f4",
        values.len(),
        columns,
        values.iter().flat_map(|x| x.to_le_bytes()),
    )
}

pub(super) fn bytes_f64(values: &[f64], columns: usize) -> Vec<u8> {
    file(
        "<f8",
        values.len(),
        columns,
        values.iter().flat_map(|x| x.to_le_bytes()),
    )
}

pub(super) fn bytes_i32(values: &[i32], columns: usize) -> Vec<u8> {
    file(
        "<i4",
        values.len(),
        columns,
        values.iter().flat_map(|x| x.to_le_bytes()),
    )
}

fn file(kind: &str, count: usize, columns: usize, body: impl Iterator<Item = u8>) -> Vec<u8> {
    let shape = match columns {
        1 => format!("({count},)"),
        _ => format!("({}, {columns})", count / columns),
    };
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    // Preamble and header end on a multiple of 64 bytes.
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

pub(super) fn read_f32(path: &Path) -> Result<Matrix<f32>> {
    let (body, columns) = body(path, "<f4")?;
    let values = body.as_chunks::<4>().0.iter();
    Ok(Matrix {
        values: values.map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        columns,
    })
}

pub(super) fn read_f64(path: &Path) -> Result<Matrix<f64>> {
    let (body, columns) = body(path, "<f8")?;
    let values = body.as_chunks::<8>().0.iter();
    Ok(Matrix {
        values: values.map(|&bytes| f64::from_le_bytes(bytes)).collect(),
        columns,
    })
}

/// What follows the header, and the length of a row.
fn body(path: &Path, kind: &str) -> Result<(Vec<u8>, usize)> {
    let wrong = || format!("{} is no .npy of `{kind}` in C order", path.display());
    let mut bytes =
        std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let length = bytes.get(8..10).with_context(wrong)?;
    let start = 10 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    let header = String::from_utf8_lossy(bytes.get(10..start).with_context(wrong)?).into_owned();
    ensure!(
        header.contains(kind) && header.contains("'fortran_order': False"),
        wrong()
    );
    let shape = header.split("'shape': (").nth(1).with_context(wrong)?;
    let columns = shape.split([',', ')']).nth(1).unwrap_or("").trim();
    let columns = if columns.is_empty() {
        1
    } else {
        columns.parse().with_context(wrong)?
    };
    bytes.drain(..start);
    Ok((bytes, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let path = std::env::temp_dir().join(format!("npy-{}.npy", std::process::id()));
        std::fs::write(&path, bytes_f32(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3)).unwrap();
        let read = read_f32(&path).unwrap();
        assert_eq!((read.columns, read.values.len()), (3, 6));
        assert!(read_f64(&path).is_err());
        std::fs::write(&path, bytes_f64(&[0.5, -1.5], 1)).unwrap();
        let read = read_f64(&path).unwrap();
        assert_eq!((read.columns, read.values), (1, vec![0.5, -1.5]));
        std::fs::remove_file(&path).unwrap();
    }
}
