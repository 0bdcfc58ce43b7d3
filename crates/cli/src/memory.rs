//! Amounts of memory, as people write them.

use std::str::FromStr;

/// So many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory(pub u64);

impl FromStr for Memory {
    type Err = String;

    /// A whole number with a unit: `512M`, `2GiB`; bytes without one. K, M, G and T are powers of 1024.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|sign: char| sign.is_ascii_alphabetic());
        let unit = text.strip_prefix(digits).unwrap_or_default();
        let unit = unit.to_ascii_lowercase();
        let unit = unit.trim_end_matches("ib").trim_end_matches('b');
        let power = ["", "k", "m", "g", "t"]
            .iter()
            .position(|known| *known == unit);
        let number: Option<u64> = digits.parse().ok();
        let bytes = number.zip(power).and_then(|(number, power)| {
            number.checked_mul(1024_u64.checked_pow(u32::try_from(power).ok()?)?)
        });
        let bytes =
            bytes.ok_or_else(|| format!("{text:?} is no amount of memory: write 512M or 2GiB"))?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_and_without_units() {
        let bytes = |text: &str| text.parse::<Memory>().ok().map(|memory| memory.0);
        assert_eq!(bytes("17"), Some(17));
        assert_eq!(bytes("2GiB"), Some(2 << 30));
        assert_eq!(bytes("2g"), Some(2 << 30));
        assert_eq!(bytes("512MB"), Some(512 << 20));
        assert_eq!(bytes("99999999T"), None);
        assert_eq!(bytes("GiB"), None);
        assert_eq!(bytes("-1"), None);
        assert_eq!(bytes("1.5G"), None);
    }
}
