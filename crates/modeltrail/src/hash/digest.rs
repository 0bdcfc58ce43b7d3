//! The bytes that are hashed, of a tensor and of a model. `docs/hash.md` says the same for people.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;
use std::fmt;

/// What the bytes of a tensor begin with.
const TENSOR: &str = "modeltrail.tensor/1\n";
/// What the bytes of a model begin with.
const MODEL: &str = "modeltrail.model/1\n";

/// Both digests of the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// BLAKE3, 32 bytes.
    pub blake3: Hex,
    /// SHA-256.
    pub sha256: Hex,
}

/// 32 bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hex(pub [u8; 32]);

impl fmt::Display for Hex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Hex {
    /// The bytes that 64 hexadecimal digits stand for; none if these are something else.
    fn parse(text: &str) -> Option<Self> {
        let (digits, rest) = text.as_bytes().as_chunks::<2>();
        if digits.len() != 32 || !rest.is_empty() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(digits) {
            let nibble = |digit: u8| char::from(digit).to_digit(16);
            let [high, low] = digits.map(nibble);
            *byte = u8::try_from(16 * high? + low?).ok()?;
        }
        Some(Self(bytes))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("a digest is 64 hexadecimal digits"))
    }
}

/// Both hashes over the same bytes.
#[derive(Debug, Clone)]
pub(super) struct Hasher {
    blake3: blake3::Hasher,
    sha256: sha2::Sha256,
}

impl Hasher {
    fn new() -> Self {
        Self {
            blake3: blake3::Hasher::new(),
            sha256: sha2::Sha256::new(),
        }
    }

    /// The start of a tensor of this type and shape: its name is not hashed. Its values follow.
    pub(super) fn of_tensor(dtype: &str, shape: &[u64]) -> Self {
        let mut hasher = Self::new();
        let sides: Vec<String> = shape.iter().map(u64::to_string).collect();
        let header = format!("{TENSOR}{dtype}\n{}\n", sides.join(","));
        hasher.update(header.as_bytes());
        hasher
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.blake3.update(bytes);
        self.sha256.update(bytes);
    }

    pub(super) fn finish(self) -> Digest {
        Digest {
            blake3: Hex(*self.blake3.finalize().as_bytes()),
            sha256: Hex(self.sha256.finalize().into()),
        }
    }
}

/// The root of a model whose tensors have these names and digests. Their order does not matter.
pub(super) fn root<'a>(tensors: impl IntoIterator<Item = (&'a str, Digest)>) -> Digest {
    let mut tensors: Vec<(&str, Digest)> = tensors.into_iter().collect();
    tensors.sort_by_key(|(name, _)| *name);
    let mut blake3 = blake3::Hasher::new();
    let mut sha256 = sha2::Sha256::new();
    blake3.update(MODEL.as_bytes());
    sha256.update(MODEL.as_bytes());
    for (name, digest) in tensors {
        let length = (name.len() as u64).to_le_bytes();
        blake3.update(&length);
        blake3.update(name.as_bytes());
        blake3.update(&digest.blake3.0);
        sha256.update(length);
        sha256.update(name.as_bytes());
        sha256.update(digest.sha256.0);
    }
    Digest {
        blake3: Hex(*blake3.finalize().as_bytes()),
        sha256: Hex(sha256.finalize().into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(dtype: &str, shape: &[u64], bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::of_tensor(dtype, shape);
        hasher.update(bytes);
        hasher.finish()
    }

    /// `printf 'modeltrail.tensor/1\nf32\n2\n\0\0\200?\0\0\0@' | sha256sum`.
    #[test]
    fn a_tensor_is_hashed_as_the_shell_hashes_its_bytes() {
        let values: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let own = of("f32", &[2], &values);
        let mut bytes = b"modeltrail.tensor/1\nf32\n2\n".to_vec();
        bytes.extend(&values);
        assert_eq!(own.blake3.0, *blake3::hash(&bytes).as_bytes());
        let sha256: [u8; 32] = sha2::Sha256::digest(&bytes).into();
        assert_eq!(own.sha256.0, sha256);
    }

    #[test]
    fn type_and_shape_count_and_a_scalar_is_no_vector() {
        let bytes = [0; 8];
        let all = [
            of("f32", &[2], &bytes),
            of("f32", &[1, 2], &bytes),
            of("f32", &[2, 1], &bytes),
            of("i32", &[2], &bytes),
            of("f64", &[], &bytes),
            of("f64", &[1], &bytes),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one));
        }
    }

    #[test]
    fn the_root_holds_names_and_does_not_depend_on_the_order() {
        let (a, b) = (of("f32", &[0], &[]), of("f16", &[0], &[]));
        assert_eq!(root([("x", a), ("y", b)]), root([("y", b), ("x", a)]));
        assert_ne!(root([("x", a), ("y", b)]), root([("x", b), ("y", a)]));
        assert_ne!(root([("x", a)]), root([("x", a), ("y", b)]));
        // Names that run into each other.
        assert_ne!(root([("xy", a)]), root([("x", a)]));
    }

    #[test]
    fn digits_are_read_as_they_are_written() {
        let digest = of("f32", &[], &[1, 2, 3, 4]);
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
        for wrong in ["", "00", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66)] {
            assert_eq!(Hex::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Hex::parse(&"AB".repeat(32)), Some(Hex([0xab; 32])));
    }
}
