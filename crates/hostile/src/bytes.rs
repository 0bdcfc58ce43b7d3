//! Files built byte by byte: well-formed where nothing else is asked for.
#![allow(missing_docs, clippy::unwrap_used)]

/// A safetensors file of this header and so many bytes of data.
pub fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.resize(file.len() + data, 0);
    file
}

/// A sound safetensors file of these tensors of one dimension, of f32.
pub fn safetensors_of(tensors: &[(&str, &[f32])]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut data = Vec::new();
    for (name, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        entries.push(format!(
            r#""{name}":{{"dtype":"F32","shape":[{}],"data_offsets":[{start},{}]}}"#,
            values.len(),
            data.len()
        ));
    }
    let header = format!("{{{}}}", entries.join(","));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// One entry of a zip archive, and the lies that its records tell.
#[derive(Clone)]
pub struct Entry {
    pub name: String,
    /// As it lies in the file.
    pub stored: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    /// The size unpacked, and the checksum.
    pub size: u64,
    pub sum: u32,
    /// Added to where it begins.
    pub shift: u32,
}

impl Entry {
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            stored: bytes.to_vec(),
            method: 0,
            flags: 0,
            size: bytes.len() as u64,
            sum: crc32fast::hash(bytes),
            shift: 0,
        }
    }

    pub fn deflated(name: &str, bytes: &[u8]) -> Self {
        use std::io::Write;
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        Self {
            stored: encoder.finish().unwrap(),
            method: 8,
            ..Self::new(name, bytes)
        }
    }
}

/// A zip archive of these entries.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = file.len() as u32 + entry.shift;
        let mut common = Vec::new();
        for number in [20, entry.flags, entry.method, 0, 0] {
            common.extend(number.to_le_bytes());
        }
        common.extend(entry.sum.to_le_bytes());
        common.extend((entry.stored.len() as u32).to_le_bytes());
        common.extend((entry.size as u32).to_le_bytes());
        common.extend((entry.name.len() as u16).to_le_bytes());
        common.extend([0; 2]);

        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(entry.name.bytes());
        file.extend(&entry.stored);

        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.bytes());
    }
    end(file, &directory, entries.len() as u16)
}

/// Closes an archive with this directory.
pub fn end(mut file: Vec<u8>, directory: &[u8], count: u16) -> Vec<u8> {
    let offset = file.len() as u32;
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(offset.to_le_bytes());
    file.extend([0; 2]);
    file
}

/// An array of f32 of this shape, as text, with so many bytes of zeros.
pub fn npy(shape: &str, bytes: usize) -> Vec<u8> {
    npy_of(
        &format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"),
        bytes,
    )
}

pub fn npy_of(dictionary: &str, bytes: usize) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((dictionary.len() as u16).to_le_bytes());
    file.extend(dictionary.bytes());
    file.resize(file.len() + bytes, 0);
    file
}

/// A PyTorch archive of this pickle, and a storage `0` of 16 bytes.
pub fn torch(pickle: &[u8]) -> Vec<u8> {
    zip(&[
        Entry::new("x/data.pkl", pickle),
        Entry::new("x/data/0", &[0; 16]),
    ])
}

/// A PyTorch file of the form before 1.6, of this pickle and what follows it.
pub fn legacy(pickle: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    file.extend(b"\x80\x02}X\x0d\0\0\0little_endian\x88s.");
    file.extend(pickle);
    file.extend(rest);
    file
}

/// The opcodes of a text.
pub fn text(text: &str) -> Vec<u8> {
    let mut pickle = b"X".to_vec();
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.bytes());
    pickle
}

/// The opcodes of a whole number.
pub fn number(number: i64) -> Vec<u8> {
    let mut pickle = b"\x8a\x08".to_vec();
    pickle.extend(number.to_le_bytes());
    pickle
}

fn tuple(numbers: &[i64]) -> Vec<u8> {
    let mut pickle = b"(".to_vec();
    pickle.extend(numbers.iter().flat_map(|&value| number(value)));
    pickle.extend(b"t");
    pickle
}

/// The opcodes of a tensor on a storage of so many f32.
pub fn tensor(key: &str, elements: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text(key),
        text("cpu"),
        number(elements),
        b"tQ".to_vec(),
        number(offset),
        tuple(shape),
        tuple(strides),
        b"\x89NtR".to_vec(),
    ]
    .concat()
}

/// A pickle of a dictionary with one entry.
pub fn dictionary(key: &str, value: &[u8]) -> Vec<u8> {
    [
        b"\x80\x02}".to_vec(),
        text(key),
        value.to_vec(),
        b"s.".to_vec(),
    ]
    .concat()
}

/// A burnpack file of this map and so many bytes of data.
pub fn burnpack(version: u16, map: &[u8], data: usize) -> Vec<u8> {
    let mut file = b"NRUB".to_vec();
    file.extend(version.to_le_bytes());
    file.extend((map.len() as u32).to_le_bytes());
    file.extend(map);
    file.resize(file.len().next_multiple_of(256) + data, 0);
    file
}

/// The CBOR of one tensor `w` of f32 at these bytes.
pub fn burnpack_map(shape: &[u8], start: u64, end: u64) -> Vec<u8> {
    let mut map = b"\xa1gtensors\xa1aw\xa3edtypecF32eshape".to_vec();
    map.push(0x80 + shape.len() as u8);
    map.extend(shape);
    map.extend(b"ldata_offsets\x82");
    for offset in [start, end] {
        map.push(0x1b);
        map.extend(offset.to_be_bytes());
    }
    map
}

/// A GGUF file of version 3 with these fields and descriptions of tensors, and so many bytes for them.
pub fn gguf(fields: &[Vec<u8>], tensors: &[Vec<u8>], data: usize) -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((fields.len() as u64).to_le_bytes());
    file.extend(fields.concat());
    file.extend(tensors.concat());
    file.resize(file.len().next_multiple_of(32), 0);
    file.resize(file.len() + data, 0);
    file
}

/// The description of a tensor of GGUF: its dimensions, the fastest first, its type, and where it begins.
pub fn gguf_tensor(name: &str, dimensions: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut tensor = gguf_text(name);
    tensor.extend((dimensions.len() as u32).to_le_bytes());
    tensor.extend(dimensions.iter().flat_map(|side| side.to_le_bytes()));
    tensor.extend(kind.to_le_bytes());
    tensor.extend(offset.to_le_bytes());
    tensor
}

/// A text of GGUF.
pub fn gguf_text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A field of a protocol buffer: bytes.
pub fn protobuf(field: u64, bytes: &[u8]) -> Vec<u8> {
    [
        varint(field << 3 | 2),
        varint(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

/// A field of a protocol buffer: a number.
pub fn protobuf_number(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

/// A model of ONNX with this graph.
pub fn onnx(graph: &[u8]) -> Vec<u8> {
    [
        protobuf_number(1, 9),
        protobuf(2, b"test"),
        protobuf(7, graph),
    ]
    .concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A file of HDF5, its root group with these messages.
pub fn hdf5(messages: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".to_vec();
    for address in [0, u64::MAX, 0, u64::MAX, 0, 96] {
        file.extend(u64::to_le_bytes(address));
    }
    file.resize(96, 0);
    file.extend(hdf5_object(messages));
    file
}

/// The header of an object of HDF5 with these messages.
pub fn hdf5_object(messages: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut all = Vec::new();
    for (kind, data) in messages {
        all.extend(kind.to_le_bytes());
        all.extend((data.len() as u16).to_le_bytes());
        all.extend([0; 4]);
        all.extend(data);
    }
    let mut object = vec![1, 0];
    object.extend((messages.len() as u16).to_le_bytes());
    object.extend(1_u32.to_le_bytes());
    object.extend((all.len() as u32).to_le_bytes());
    object.extend([0; 4]);
    object.extend(all);
    object
}
