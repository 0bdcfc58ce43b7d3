//! Sketches of files, kept in a folder, so that a second question about the same files reads none of
//! their weights.
//!
//! A sketch is found again by what its files are: their paths, lengths, times of last change and first and
//! last bytes, or what their server calls their versions, and the tensors that were asked for. What cannot
//! be found, read or written is sketched as if there were no cache; nothing in it is trusted beyond its
//! checksum.

use super::source::Source;
use crate::remote::is_remote;
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::Description;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use weightspace::sketch::{Parameters, Sketch, VERSION};

/// What a kept sketch begins with.
const MAGIC: &[u8] = b"modeltrail sketch 1\n";
/// Bytes of a file's beginning and end that tell it from another.
const ENDS: u64 = 4096;
/// Largest kept sketch that is read, in bytes.
const LARGEST: u64 = 1 << 28;

/// The sketch of a checkpoint: out of the folder, or made and put there.
///
/// # Errors
/// When it has to be made, and its weights cannot be read.
pub(super) fn sketch(
    folder: Option<&Path>,
    source: &Source,
    layout: &[TensorShape],
) -> crate::error::Result<Sketch> {
    let place = folder.and_then(|folder| place(folder, source, layout));
    if let Some(kept) = place.as_deref().and_then(kept) {
        return Ok(kept);
    }
    let sketch = source.sketch(layout, Parameters::default())?;
    if let Some(place) = place {
        // A folder that is full or write-protected costs time and nothing else.
        let _ = keep(&place, &sketch);
    }
    Ok(sketch)
}

/// Where the sketch of a checkpoint is kept; none if its files cannot be told from others.
fn place(folder: &Path, source: &Source, layout: &[TensorShape]) -> Option<PathBuf> {
    let Source::Foreign(description) = source else {
        return None;
    };
    let key = key(description, layout).ok()?;
    Some(folder.join(format!("{}.sketch", key.to_hex())))
}

fn key(description: &Description, layout: &[TensorShape]) -> std::io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let parameters = Parameters::default();
    hasher.update(format!("{VERSION} {parameters:?}\n").as_bytes());
    for tensor in layout {
        hasher.update(format!("{:?} {:?}\n", tensor.name, tensor.shape).as_bytes());
    }
    for ((path, length), version) in description.files().zip(description.versions()) {
        if is_remote(path) {
            // What its server calls this version of it.
            let version = version.ok_or(std::io::ErrorKind::Unsupported)?;
            hasher.update(format!("{path:?} {length} {version:?}\n").as_bytes());
            continue;
        }
        let path = fs::canonicalize(path)?;
        let mut file = File::open(&path)?;
        let about = file.metadata()?;
        let changed = about.modified()?.duration_since(UNIX_EPOCH);
        let changed = changed.map_or(0, |since| since.as_nanos());
        hasher.update(format!("{path:?} {length} {} {changed}\n", about.len()).as_bytes());
        let mut end = Vec::new();
        (&mut file).take(ENDS).read_to_end(&mut end)?;
        hasher.update(&end);
        file.seek(SeekFrom::Start(about.len().saturating_sub(ENDS)))?;
        end.clear();
        file.take(ENDS).read_to_end(&mut end)?;
        hasher.update(&end);
    }
    Ok(hasher.finalize())
}

/// A sketch that is kept, if it is whole.
fn kept(place: &Path) -> Option<Sketch> {
    let file = File::open(place).ok()?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    let rest = bytes.strip_prefix(MAGIC)?;
    let (sum, text) = rest.split_at_checked(blake3::OUT_LEN)?;
    if blake3::hash(text).as_bytes() != sum {
        return None;
    }
    serde_json::from_slice(text).ok()
}

/// Writes a sketch under another name first, so that none is ever half there.
fn keep(place: &Path, sketch: &Sketch) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let text = serde_json::to_vec(sketch)?;
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let new = folder.join(format!(".{name}.{}", std::process::id()));
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(MAGIC)?;
        file.write_all(blake3::hash(&text).as_bytes())?;
        file.write_all(&text)
    });
    match written.and_then(|()| fs::rename(&new, place)) {
        Ok(()) => Ok(()),
        Err(error) => {
            let _ = fs::remove_file(&new);
            Err(error)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::collection::Options;

    fn model(path: &Path, value: f32) {
        let header = r#"{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        for place in 0..4 {
            bytes.extend((value + place as f32).to_le_bytes());
        }
        fs::write(path, bytes).unwrap();
    }

    fn points(models: &Path, cache: &Path) -> Vec<f32> {
        let options = Options {
            memory: 0,
            cache: Some(cache.to_path_buf()),
            ..Options::default()
        };
        let found = options.read([models.to_path_buf()]);
        assert!(found.problems.is_empty());
        found.groups[0].points.as_slice().to_vec()
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_sketch_that_is_kept_is_the_one_that_was_made_and_a_changed_file_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (models, cache) = (folder.path().join("models"), folder.path().join("cache"));
        fs::create_dir(&models).unwrap();
        model(&models.join("a.safetensors"), 1.0);
        let made = points(&models, &cache);
        assert_eq!(files(&cache).len(), 1);
        assert_eq!(points(&models, &cache), made);
        model(&models.join("a.safetensors"), 7.0);
        assert_ne!(points(&models, &cache), made);
        assert_eq!(files(&cache).len(), 2);
    }

    #[test]
    fn what_is_damaged_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (models, cache) = (folder.path().join("models"), folder.path().join("cache"));
        fs::create_dir(&models).unwrap();
        model(&models.join("a.safetensors"), 1.0);
        let made = points(&models, &cache);
        let kept = files(&cache).remove(0);
        let mut bytes = fs::read(&kept).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&kept, &bytes).unwrap();
        assert_eq!(points(&models, &cache), made);
        assert_ne!(fs::read(&kept).unwrap(), bytes);
    }
}
