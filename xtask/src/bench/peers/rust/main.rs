//! The peers that are written in Rust: `peers METHOD POINTS.npy ANSWER.npy SEED` times one
//! and prints what it cost as a line of JSON.

use kodama::{Method, linkage};
use manifolds_rs::UmapParams;
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [method, points, answer, seed] = arguments.as_slice() else {
        return Err("usage: peers METHOD POINTS.npy ANSWER.npy SEED".into());
    };
    let (points, dimensions) = read(points)?;
    let rows = points.len() / dimensions;
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let (values, columns, version) = match method.as_str() {
        "kodama" => (merges(&points, dimensions), 1, "0.3.0"),
        "manifolds-rs" => {
            let data = (points.as_slice(), rows, dimensions);
            let parameters = UmapParams::default();
            let axes = manifolds_rs::umap(data, None, &parameters, seed.parse()?, 0)?;
            let interleaved = (0..rows).flat_map(|row| axes.iter().map(move |axis| f64::from(axis[row])));
            (interleaved.collect(), 2, "0.8.0")
        }
        _ => return Err(format!("there is no peer `{method}`").into()),
    };
    let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
    write(answer, &values, columns)?;
    let peak = peak_mib().unwrap_or(0.0);
    println!(r#"{{"cpu_s": {cpu}, "wall_s": {wall}, "peak_mib": {peak}, "version": "{version}"}}"#);
    Ok(())
}

/// Heights of single linkage over all distances, each a plain sum in f64.
fn merges(points: &[f32], dimensions: usize) -> Vec<f64> {
    let points: Vec<&[f32]> = points.chunks_exact(dimensions).collect();
    let mut distances = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    for (i, a) in points.iter().enumerate() {
        distances.extend(points[i + 1..].iter().map(|b| distance(a, b)));
    }
    let dendrogram = linkage(&mut distances, points.len(), Method::Single);
    dendrogram.steps().iter().map(|step| step.dissimilarity).collect()
}

/// In eight sums side by side, which the compiler makes vectors of.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            let difference = f64::from(*a) - f64::from(*b);
            *sum += difference * difference;
        }
    }
    sums.iter().sum::<f64>().sqrt()
}

/// The values of a little-endian f32 .npy in C order, and the length of its rows.
fn read(path: &str) -> Result<(Vec<f32>, usize), Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..header]);
    let shape = text.split("'shape': (").nth(1).ok_or("no shape")?;
    let columns = shape.split([',', ')']).nth(1).ok_or("one dimension")?;
    let values = bytes[header..].as_chunks::<4>().0;
    Ok((
        values.iter().map(|&value| f32::from_le_bytes(value)).collect(),
        columns.trim().parse()?,
    ))
}

fn write(path: &str, values: &[f64], columns: usize) -> Result<(), Box<dyn Error>> {
    let shape = match columns {
        1 => format!("({},)", values.len()),
        _ => format!("({}, {columns})", values.len() / columns),
    };
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    Ok(std::fs::write(path, bytes)?)
}

/// Processor seconds of this process, all threads together.
fn cpu_seconds() -> f64 {
    cpu_time::ProcessTime::now().as_duration().as_secs_f64()
}

fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
