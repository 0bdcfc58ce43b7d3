//! Cutting a name into words and numbers.

/// A run of letters or of digits in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Where it begins in the name, in bytes.
    pub(super) start: usize,
    /// What stands between it and the word before.
    pub(super) gap: &'a str,
}

impl Word<'_> {
    /// Whether it is a whole number.
    pub(super) fn is_number(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Whether it is a number with a point, as metrics are.
    pub(super) fn is_decimal(&self) -> bool {
        self.text.contains('.')
    }

    /// Its letters, in small ones.
    pub(super) fn lower(&self) -> String {
        self.text.to_ascii_lowercase()
    }

    /// Where it ends in the name, in bytes.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Cuts a name into runs of letters and runs of ASCII digits; digits with one point among them are
/// one word.
pub(super) fn words(name: &str) -> Vec<Word<'_>> {
    let kind = |character: char| {
        if character.is_ascii_digit() {
            2
        } else if character.is_alphanumeric() {
            1
        } else {
            0
        }
    };
    let mut words = Vec::new();
    let mut gap_start = 0;
    let mut characters = name.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let this = kind(character);
        if this == 0 {
            continue;
        }
        let mut end = start + character.len_utf8();
        let mut has_point = false;
        while let Some(&(at, next)) = characters.peek() {
            let digit_after = || {
                let after = name.get(at + 1..).and_then(|rest| rest.bytes().next());
                after.is_some_and(|byte| byte.is_ascii_digit())
            };
            let is_point = this == 2 && next == '.' && !has_point && digit_after();
            if kind(next) != this && !is_point {
                break;
            }
            has_point |= is_point;
            end = at + next.len_utf8();
            characters.next();
        }
        words.push(Word {
            text: name.get(start..end).unwrap_or_default(),
            start,
            gap: name.get(gap_start..start).unwrap_or_default(),
        });
        gap_start = end;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_letters_numbers_and_decimals() {
        let texts = |name| -> Vec<String> {
            let words = words(name).into_iter();
            words.map(|word| word.text.to_owned()).collect()
        };
        assert_eq!(texts("model_12_acc0.87"), ["model", "12", "acc", "0.87"]);
        assert_eq!(texts("a.5.b"), ["a", "5", "b"]);
        assert_eq!(texts("v1.2.3"), ["v", "1.2", "3"]);
        assert_eq!(texts("12."), ["12"]);
    }
}
