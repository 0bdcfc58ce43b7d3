//! What is observed of each checkpoint as an event file for TensorBoard.
//!
//! The file is a sequence of TFRecords: length (u64), its checksum, data, its checksum (u32 each),
//! all little-endian; the checksums are CRC-32C, rotated and shifted so that the checksum of data that
//! holds checksums is not weak. The data of each is an `Event` of TensorBoard's `event.proto`, in the
//! wire format of Protocol Buffers.

use super::Observation;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What every event file of today begins with.
const VERSION: &str = "brain.Event:2";
/// Most files of one second and one process.
const MOST_FILES: u32 = 1000;

/// An event file of this watch's own.
///
/// It begins a session of its own, so that TensorBoard shows it in place of what an earlier watch
/// of the same folder wrote of the same steps.
#[derive(Debug)]
pub struct EventFile {
    file: File,
    /// Whether anything is in it.
    has_begun: bool,
}

impl EventFile {
    /// A new file in this folder, which is made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub fn create(directory: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let now = SystemTime::now();
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let process = std::process::id();
        let mut number = 0;
        let mut file = loop {
            let name = format!("events.out.tfevents.{seconds:010}.modeltrail.{process}.{number}");
            match File::create_new(directory.join(name)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < MOST_FILES => {
                    number += 1;
                }
                created => break created?,
            }
        };
        file.write_all(&record(&event(now, 0, 3, VERSION.as_bytes())))?;
        Ok(Self {
            file,
            has_begun: false,
        })
    }

    /// Appends one checkpoint: every number that is known, at its claimed step, else at its number
    /// from 0; its time is that of the file.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn write(&mut self, line: &Observation) -> std::io::Result<()> {
        let step = line.position.map_or(line.number, |claim| claim.value);
        let time = line.saved.unwrap_or_else(SystemTime::now);
        let mut records = Vec::new();
        if !self.has_begun || line.went_back {
            // A session that starts at a step ends what was said of it and of later ones.
            records.extend(record(&event(time, step, 7, &[0x08, 0x01])));
        }
        records.extend(record(&event(time, step, 5, &summary(&scalars(line)))));
        // At once, so that a reader seldom sees half of it.
        self.file.write_all(&records)?;
        self.has_begun = true;
        Ok(())
    }
}

/// The numbers of a checkpoint that are known, with their tags.
fn scalars(line: &Observation) -> Vec<(&'static str, f32)> {
    let motion = line.reading.motion.as_ref();
    let verdict = line.reading.verdict.as_ref();
    let is_alarm = f64::from(u8::from(line.alarm().is_some()));
    let known = [
        ("step_length", motion.map(|motion| motion.step_length)),
        ("turn_degrees", line.turn()),
        ("outside_share", motion.map(|motion| motion.outside_share)),
        ("since_accredited_steps", line.since_accredited),
        ("score", verdict.map(|verdict| verdict.score)),
        ("alarm", verdict.map(|_| is_alarm)),
    ];
    let finite = known
        .into_iter()
        .filter_map(|(tag, value)| Some((tag, value.filter(|value| value.is_finite())? as f32)));
    finite.collect()
}

/// `Summary { value: [Value { tag: 1, simple_value: 2 }] }`.
fn summary(scalars: &[(&str, f32)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, scalar) in scalars {
        let mut value = Vec::new();
        bytes_field(&mut value, 1, format!("modeltrail/{tag}").as_bytes());
        value.push(2 << 3 | 5);
        value.extend(scalar.to_le_bytes());
        bytes_field(&mut summary, 1, &value);
    }
    summary
}

/// `Event { wall_time: 1, step: 2, …: field }`, a field whose value has a length of its own.
fn event(time: SystemTime, step: u64, field: u8, what: &[u8]) -> Vec<u8> {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut event = vec![1 << 3 | 1];
    event.extend(seconds.as_secs_f64().to_le_bytes());
    if step > 0 {
        event.push(2 << 3);
        varint(&mut event, step);
    }
    bytes_field(&mut event, field, what);
    event
}

fn bytes_field(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend(bytes);
}

/// Seven bits a byte, the lowest first.
fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(crc32c(&length)).to_le_bytes());
    record.extend(data);
    record.extend(masked(crc32c(data)).to_le_bytes());
    record
}

/// As TensorFlow's `MaskedCrc`.
fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: records are some hundred bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let checksum = bytes.iter().fold(u32::MAX, |checksum, &byte| {
        (0..8).fold(checksum ^ u32::from(byte), |bits, _| {
            (bits >> 1) ^ (0x82f6_3b78 * (bits & 1))
        })
    });
    !checksum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // RFC 3720, appendix B.4, and the usual check value.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    /// The file was written by TensorBoard's own writer: `tests/tensorboard/write.py`.
    #[test]
    fn records_are_those_that_tensorboard_writes() {
        let expected = include_bytes!("../../tests/tensorboard/events.tfrecord");
        let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        let scalars = [
            ("step_length", 0.125),
            ("turn_degrees", 33.3),
            ("alarm", 0.0),
        ];
        let written: Vec<u8> = [
            event(time, 0, 3, VERSION.as_bytes()),
            event(time, 7, 7, &[0x08, 0x01]),
            event(time, 7, 5, &summary(&scalars)),
            event(time, 1_000_000, 5, &summary(&scalars[..1])),
        ]
        .iter()
        .flat_map(|event| record(event))
        .collect();
        assert_eq!(written, expected);
    }
}
