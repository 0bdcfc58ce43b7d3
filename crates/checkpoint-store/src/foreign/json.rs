//! JSON as Python writes it.

/// Python writes `NaN` and `Infinity`, which JSON does not have: they become `null`.
pub(super) fn as_json(bytes: Vec<u8>) -> Vec<u8> {
    const NOT_JSON: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut json = Vec::with_capacity(bytes.len());
    let (mut at, mut in_text) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let word = NOT_JSON.iter().find(|word| rest.starts_with(word));
        if let (false, Some(word)) = (in_text, word) {
            json.extend_from_slice(b"null");
            at += word.len();
            continue;
        }
        if in_text && byte == b'\\' {
            json.push(byte);
            at += 1;
        } else if byte == b'"' {
            in_text = !in_text;
        }
        json.extend(bytes.get(at));
        at += 1;
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_and_json_lacks_becomes_null() {
        let json = |text: &str| String::from_utf8(as_json(text.as_bytes().to_vec())).unwrap();
        assert_eq!(
            json(r#"{"a": NaN, "b": -Infinity}"#),
            r#"{"a": null, "b": null}"#
        );
        let quoted = r#"{"NaN \" NaN": "Infinity\\", "c": 1}"#;
        assert_eq!(json(quoted), quoted);
    }
}
