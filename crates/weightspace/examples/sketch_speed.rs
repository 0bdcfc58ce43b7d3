//! How fast a checkpoint is sketched, beside a copy of the same memory in the same run.
//!
//! `cargo run --release -p weightspace --example sketch_speed [MILLIONS OF VALUES]`

use std::hint::black_box;
use std::time::Instant;

use weightspace::Error;
use weightspace::sketch::{Parameters, Sketcher};

/// Values widened at a time: what a reader of bf16 would hand over.
const CHUNK: usize = 1 << 16;

/// Repetitions, of which the quickest counts.
const REPEATS: usize = 5;

fn main() -> Result<(), Error> {
    let millions = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let values: usize = millions.unwrap_or(64) << 20;
    let narrow: Vec<u16> = (0..values as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 20) as u16 | 0x3c00)
        .collect();
    let wide: Vec<f32> = narrow.iter().copied().map(widened).collect();
    let mut copy = vec![0.0f32; values];

    let seconds = quickest(|| {
        copy.copy_from_slice(black_box(&wide));
        black_box(&copy);
        Ok(())
    })?;
    report("memcpy of f32, bytes read", seconds, values, 4);

    for dimensions in [1024, 4096] {
        let seconds = quickest(|| sketch(dimensions, &wide))?;
        report(
            &format!("sketch of f32, {dimensions} dimensions"),
            seconds,
            values,
            4,
        );
    }

    let mut buffer = vec![0.0f32; CHUNK];
    let seconds = quickest(|| {
        let sketcher = Sketcher::new(Parameters::default())?;
        let mut tensor = sketcher.tensor("weights", &[values]);
        for chunk in narrow.chunks(CHUNK) {
            let wide = buffer.iter_mut().zip(chunk);
            let count = wide.map(|(wide, &narrow)| *wide = widened(narrow)).count();
            tensor.feed(&buffer[..count]);
        }
        black_box(tensor.finish());
        Ok(())
    })?;
    report(
        "bf16 widened and sketched, 1024 dimensions",
        seconds,
        values,
        2,
    );
    Ok(())
}

/// bf16 is the upper half of f32.
fn widened(narrow: u16) -> f32 {
    f32::from_bits(u32::from(narrow) << 16)
}

fn sketch(dimensions: usize, values: &[f32]) -> Result<(), Error> {
    let sketcher = Sketcher::new(Parameters {
        dimensions,
        ..Parameters::default()
    })?;
    let mut tensor = sketcher.tensor("weights", &[values.len()]);
    values.chunks(CHUNK).for_each(|chunk| tensor.feed(chunk));
    black_box(tensor.finish());
    Ok(())
}

fn quickest(mut work: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let mut best = f64::INFINITY;
    for _ in 0..REPEATS {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn report(what: &str, seconds: f64, values: usize, bytes: usize) {
    let gigabytes = (values * bytes) as f64 / seconds / 1e9;
    let nanoseconds = seconds / values as f64 * 1e9;
    println!("{what:<44} {gigabytes:6.2} GB/s {nanoseconds:6.3} ns per value");
}
