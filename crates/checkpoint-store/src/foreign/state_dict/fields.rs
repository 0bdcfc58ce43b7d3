//! What the fields of a dictionary say of a training.

use crate::foreign::claimed::Claimed;
use crate::foreign::metadata::Metadata;
use crate::foreign::pickle::{Value, Values};

/// Takes over what the fields of a dictionary say: as claims, and as metadata under this key.
pub(in crate::foreign) fn note(
    values: &Values,
    mapping: Value,
    claimed: &mut Claimed,
    (metadata, under): (&mut Metadata, &str),
) {
    for &(key, value) in values.mapping(mapping).unwrap_or_default() {
        let Value::Text(key) = key else { continue };
        let key = values.text(key);
        let text = match value {
            Value::Int(number) => {
                if let Ok(number) = u64::try_from(number) {
                    claimed.add_number(key, number);
                }
                number.to_string()
            }
            // Some count epochs in parts; whole ones are claims.
            Value::Float(number) => {
                claimed.add_float(key, number);
                number.to_string()
            }
            Value::Bool(truth) => truth.to_string(),
            Value::Text(text) => {
                let text = values.text(text);
                claimed.add_text(key, text);
                metadata.add_under(under, key, text);
                continue;
            }
            _ => continue,
        };
        metadata.add_under(under, key, &text);
    }
}
