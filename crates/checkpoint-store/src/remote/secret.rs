//! What is known and never shown: tokens, and addresses that hold a password or a signature.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use super::url::Url;

/// A text that is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever it is meant for.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Whole addresses by the paths that are shown for them.
static ADDRESSES: LazyLock<Mutex<HashMap<PathBuf, String>>> = LazyLock::new(Mutex::default);

/// A path as it is shown: of a web address that has a query or names a user, the rest; two that differ
/// in nothing else get numbers.
pub(super) fn shown(path: &Path) -> PathBuf {
    let Some(text) = path.to_str() else {
        return path.to_path_buf();
    };
    let Some(url) = Url::parse(text).filter(Url::has_secrets) else {
        return path.to_path_buf();
    };
    let plain = url.without_secrets();
    let mut addresses = ADDRESSES
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut number = 1_u32;
    loop {
        let name = PathBuf::from(match number {
            1 => plain.clone(),
            number => format!("{plain}#{number}"),
        });
        match addresses.get(&name) {
            Some(known) if known != text => number += 1,
            Some(_) => return name,
            None => {
                addresses.insert(name.clone(), text.to_owned());
                return name;
            }
        }
    }
}

/// The whole address that stands behind a path that is shown.
pub(super) fn whole(path: &Path) -> Option<String> {
    let addresses = ADDRESSES
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    addresses.get(path).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_signatures_are_kept_and_not_shown() {
        let signed = Path::new("https://me:pass@host.example/a/m.safetensors?sig=secret");
        let name = shown(signed);
        assert_eq!(name, Path::new("https://host.example/a/m.safetensors"));
        assert_eq!(shown(signed), name);
        assert_eq!(whole(&name).as_deref(), signed.to_str());
        let other = shown(Path::new("https://host.example/a/m.safetensors?sig=other"));
        assert_eq!(other, Path::new("https://host.example/a/m.safetensors#2"));
        // What is shown stays as it is.
        assert_eq!(shown(&other), other);
        let plain = Path::new("hf://org/name@main");
        assert_eq!(shown(plain), plain);
        assert!(!format!("{:?}", Secret::new("hf_abc")).contains("abc"));
    }
}
