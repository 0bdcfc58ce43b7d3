//! Writes the files that cargo-fuzz begins with, a folder for each target:
//! `cargo run --release -p hostile --example seeds -- fuzz/seeds`

use hostile::families;
use hostile::fuzzed::Target;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or("fuzz/seeds".to_owned()));
    let families = families::all();
    for target in Target::ALL {
        let folder = out.join(target.name());
        std::fs::create_dir_all(&folder)?;
        let seeds = target.seeds(&families);
        println!("{} in {}", seeds.len(), folder.display());
        for (number, bytes) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("{number:03}")), bytes)?;
        }
    }
    Ok(())
}
