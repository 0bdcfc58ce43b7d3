use checkpoint_store::foreign::Limits;
use hostile::life::temporary;
use hostile::fuzzed::Target;
use hostile::reading::{Slot, Slots, weights};
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use tempfile::TempDir;

/// A folder, and the file in it that is read.
static PLACE: OnceLock<(TempDir, Mutex<Slot>)> = OnceLock::new();

/// Reads bytes as a file of this name, the same in all calls.
#[allow(dead_code)]
pub fn read_by(name: &str, bytes: &[u8], reader: impl FnOnce(&Path)) {
    let (_, slot) = PLACE.get_or_init(|| {
        let folder = temporary().expect("a folder to write to");
        let slot = Slot::create(&folder.path().join(name)).expect("a file to write to");
        (folder, Mutex::new(slot))
    });
    let mut slot = slot.lock().expect("whoever panics here ends the process");
    reader(slot.put(bytes).expect("room for the file"));
}

/// Reads bytes as a foreign checkpoint of this name, whole.
#[allow(dead_code)]
pub fn read(name: &str, bytes: &[u8]) {
    read_by(name, bytes, |path| {
        if let Err(error) = weights(path, &Limits::default()) {
            // What a command would say.
            let _ = error.to_string();
        }
    });
}

/// A folder, and the files in it that are read together.
static FOLDER: OnceLock<(TempDir, Mutex<Slots>)> = OnceLock::new();

/// Reads bytes as a checkpoint of several files, the same in all calls.
#[allow(dead_code)]
pub fn read_folder(target: Target, bytes: &[u8]) {
    let (_, slots) = FOLDER.get_or_init(|| {
        let folder = temporary().expect("a folder to write to");
        let slots = Slots::create(target, folder.path()).expect("files to write to");
        (folder, Mutex::new(slots))
    });
    let mut slots = slots.lock().expect("whoever panics here ends the process");
    let path = slots.put(bytes).expect("room for the files");
    if let Err(error) = weights(path, &Limits::default()) {
        let _ = error.to_string();
    }
}
