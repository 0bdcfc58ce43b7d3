//! What a file says of itself beside its tensors: texts and numbers, as many as are worth showing.

/// Most entries that are kept.
const MOST: usize = 200;
/// Longest text that is kept whole, in characters.
const LONGEST: usize = 400;

/// Texts and numbers that stand beside the tensors of a file, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Names and values in the order of the file, long texts cut short.
    pub entries: Vec<(String, String)>,
    /// How many more there are.
    pub more: usize,
}

impl Metadata {
    /// Adds an entry, or counts it where there are many.
    pub(super) fn add(&mut self, key: &str, value: &str) {
        if self.entries.len() < MOST {
            self.entries.push((short(key), short(value)));
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Adds an entry of a dictionary that stands under a key of its own. However long the texts of a
    /// file are, no more is copied than is kept.
    pub(super) fn add_under(&mut self, under: &str, key: &str, value: &str) {
        if under.is_empty() || self.entries.len() >= MOST {
            return self.add(key, value);
        }
        self.add(&format!("{}.{}", short(under), short(key)), value);
    }

    /// Takes over what another file of the same checkpoint says.
    pub(super) fn extend(&mut self, other: Self) {
        for (key, value) in other.entries {
            self.add(&key, &value);
        }
        self.more = self.more.saturating_add(other.more);
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_entries_are_counted_and_long_texts_cut_short() {
        let mut metadata = Metadata::default();
        for index in 0..MOST + 3 {
            metadata.add(&index.to_string(), &"é".repeat(1000));
        }
        assert_eq!((metadata.entries.len(), metadata.more), (MOST, 3));
        let (_, value) = metadata.entries.first().unwrap();
        assert_eq!(value.chars().count(), LONGEST + 1);
        let mut other = Metadata::default();
        other.add("a", "b");
        other.extend(metadata);
        assert_eq!((other.entries.len(), other.more), (MOST, 4));
    }
}
