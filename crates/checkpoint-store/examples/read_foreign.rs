//! Lists the tensors of checkpoints that other programs wrote, reads their values, and says how
//! fast that was.
//!
//! `cargo run --release -p checkpoint-store --example read_foreign -- PATHS`

use std::path::PathBuf;
use std::time::Instant;

use checkpoint_store::foreign::{ForeignCheckpoint, Limits, discover};

fn main() {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let limits = Limits::default();
    let discovery = discover(&paths, &limits);
    for problem in &discovery.problems {
        eprintln!("{}", problem.error);
    }
    for found in &discovery.checkpoints {
        let checkpoint = match ForeignCheckpoint::open(found, &limits) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                eprintln!("{error}");
                continue;
            }
        };
        println!(
            "{} ({}, {} files): {:?}",
            found.path.display(),
            found.format,
            found.files.len(),
            checkpoint.claimed()
        );
        let begin = Instant::now();
        let (mut bytes, mut listed) = (0, 0);
        for (index, tensor) in checkpoint.tensors().iter().enumerate() {
            // One pass with an addition in eight lanes, about the least that anything does.
            let mut lanes = [0.0_f32; 8];
            let outcome = checkpoint.read(index, &mut |values| {
                for eight in values.chunks_exact(8) {
                    for (lane, value) in lanes.iter_mut().zip(eight) {
                        *lane += value;
                    }
                }
            });
            bytes += tensor.elements() * tensor.element.bytes();
            if listed < 20 {
                let sum: f32 = lanes.iter().sum();
                println!(
                    "  {:?} {} {} {:?}, {}",
                    tensor.role,
                    tensor.name,
                    tensor.element,
                    tensor.shape,
                    match outcome {
                        Ok(()) => format!("sum of its eights {sum}"),
                        Err(error) => error.to_string(),
                    }
                );
                listed += 1;
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "  {} tensors, {} left out, {:.3} GB in {seconds:.2} s: {:.2} GB/s",
            checkpoint.tensors().len(),
            checkpoint.left_out().len(),
            bytes as f64 / 1e9,
            bytes as f64 / 1e9 / seconds
        );
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status")
        && let Some(line) = status.lines().find(|line| line.starts_with("VmHWM"))
    {
        println!("most memory: {}", line.trim_start_matches("VmHWM:").trim());
    }
}
