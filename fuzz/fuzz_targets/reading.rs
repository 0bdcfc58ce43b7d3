use checkpoint_store::foreign::{ForeignCheckpoint, Limits, discover};
use std::path::PathBuf;

/// Where the file of this process lies that is read.
pub fn path(name: &str) -> PathBuf {
    let memory = std::path::Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    };
    let folder = folder.join(format!("modeltrail-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder to write to");
    folder.join(name)
}

/// Reads bytes as a foreign checkpoint of this name, whole.
#[allow(dead_code)]
pub fn read(name: &str, bytes: &[u8]) {
    let path = path(name);
    std::fs::write(&path, bytes).expect("room for the file");
    let limits = Limits::default();
    for found in &discover(&[path], &limits).checkpoints {
        if let Ok(checkpoint) = ForeignCheckpoint::open(found, &limits) {
            for index in 0..checkpoint.tensors().len() {
                let _ = checkpoint.read(index, &mut |_| {});
            }
        }
    }
}
