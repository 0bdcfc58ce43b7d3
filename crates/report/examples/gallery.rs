//! Writes every figure and a whole page from synthetic runs, to be looked at:
//! `cargo run --release -p modeltrail-report --example gallery -- DIR [RUNS] [EPOCHS]`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use std::{fs, path::PathBuf};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().expect("a directory to write to"));
    let mut size = || arguments.next().map(|n| n.parse::<usize>().unwrap());
    let (runs, epochs) = (size().unwrap_or(250), size().unwrap_or(50));
    fs::create_dir_all(&directory).unwrap();
    let figures = synthetic::figures(runs, epochs);
    for (name, svg) in figures.iter().chain(&synthetic::charts::charts()) {
        fs::write(directory.join(format!("{name}.svg")), svg).unwrap();
        println!("{:>8} bytes  {name}.svg", svg.len());
    }
    let page = synthetic::page(runs, epochs, figures).to_html();
    fs::write(directory.join("report.html"), &page).unwrap();
    println!("{:>8} bytes  report.html", page.len());
}
