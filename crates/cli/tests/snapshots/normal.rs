//! Answers, without what differs from machine to machine.
//!
//! Distances go through SIMD of different widths, so only the leading digits of a number are kept;
//! coordinates of UMAP not even those.

use serde_json::Value;

/// How many digits of a number with a fraction are compared.
const DIGITS: usize = 4;
/// What is smaller in JSON counts as zero.
const NOISE: f64 = 1e-12;
/// JSON that fits into so many columns stays on one line.
const WIDTH: usize = 100;

/// What is kept of numbers with a fraction.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fractions {
    /// The leading digits.
    Rounded,
    /// That there is one.
    Hidden,
}

/// Text, with its numbers shortened.
pub(crate) fn text(text: &str, fractions: Fractions) -> String {
    let mut out = String::new();
    let mut rest = text;
    // A number begins where no word does.
    let mut in_word = false;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() && !in_word {
            number(rest)
        } else {
            0
        };
        if length == 0 {
            in_word =
                first.is_alphanumeric() || matches!(first, '.' | '-' | '_' | '/' | ':') && in_word;
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (one, after) = rest.split_at(length);
        match fractions {
            _ if after.starts_with(" bytes") => out.push('#'),
            _ if !one.contains('.') => out.push_str(one),
            Fractions::Rounded => out.push_str(&shortened(one)),
            Fractions::Hidden => {
                let sign = out.strip_suffix('-').map_or(out.len(), str::len);
                out.truncate(sign);
                out.push_str("#.#");
            }
        }
        in_word = true;
        rest = after;
    }
    if fractions == Fractions::Hidden {
        // Columns are as wide as their numbers.
        let lines = out.lines().map(|line| line.split_whitespace());
        let lines = lines.map(|words| words.collect::<Vec<_>>().join(" ") + "\n");
        return lines.collect();
    }
    out
}

/// Bytes of the number that text begins with, 0 if it is the beginning of something else.
fn number(text: &str) -> usize {
    let digits = |from: usize, also: char| {
        let rest = text[from..].chars();
        rest.take_while(|&c| c.is_ascii_digit() || c == also)
            .count()
    };
    let whole = digits(0, ',');
    let mut end = whole;
    if text[end..].starts_with('.') && digits(end + 1, '0') > 0 {
        end += 1 + digits(end + 1, '0');
    }
    for exponent in ["e-", "e"] {
        if text[end..].starts_with(exponent) && digits(end + exponent.len(), '0') > 0 {
            end += exponent.len() + digits(end + exponent.len(), '0');
            break;
        }
    }
    let word = text[end..].chars().next().is_some_and(|c| {
        c.is_alphanumeric()
            || c == '.' && {
                let after = text[end + 1..].chars().next();
                after.is_some_and(char::is_alphanumeric)
            }
    });
    if word { 0 } else { end }
}

/// A number as it is written, without the digits that do not count.
fn shortened(number: &str) -> String {
    let (mantissa, exponent) = number
        .find('e')
        .map_or((number, ""), |at| number.split_at(at));
    let Some((whole, fraction)) = mantissa.split_once('.') else {
        return number.to_owned();
    };
    let significant = whole.trim_start_matches('0').len();
    let zeros = if significant > 0 {
        0
    } else {
        fraction.len() - fraction.trim_start_matches('0').len()
    };
    let kept = (DIGITS + zeros).saturating_sub(significant);
    if kept >= fraction.len() {
        return number.to_owned();
    }
    let value: f64 = mantissa.replace(',', "").parse().unwrap();
    format!("{value:.kept$}{exponent}")
}

/// One JSON document or several, its keys in order; nothing if it is no JSON.
pub(crate) fn json(text: &str, fractions: Fractions) -> Option<String> {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut out = String::new();
    for document in documents {
        write(&mut out, &simple(document.ok()?, fractions), 0, 0);
        out.push('\n');
    }
    Some(out)
}

/// The value with its numbers shortened, and without sizes of files that numbers are written to.
fn simple(value: Value, fractions: Fractions) -> Value {
    match value {
        Value::Array(values) => {
            let values = values.into_iter().map(|value| simple(value, fractions));
            Value::Array(values.collect())
        }
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| {
                let value = match value {
                    Value::Number(_) if key == "bytes" => Value::from("#"),
                    value => simple(value, fractions),
                };
                (key, value)
            });
            Value::Object(entries.collect())
        }
        Value::Number(number) if number.is_f64() => match fractions {
            Fractions::Rounded => Value::from(rounded(number.as_f64().unwrap())),
            Fractions::Hidden => Value::from("#.#"),
        },
        Value::String(string) => Value::from(self::text(&string, Fractions::Rounded)),
        other => other,
    }
}

/// A number to its leading digits, and zero where it is nothing but rounding.
fn rounded(value: f64) -> f64 {
    if value.abs() < NOISE {
        return 0.0;
    }
    format!("{value:.*e}", DIGITS - 1).parse().unwrap()
}

/// Writes a value that begins in this column of a line with this indent.
fn write(out: &mut String, value: &Value, column: usize, indent: usize) {
    let line = on_one_line(value);
    if column + line.chars().count() <= WIDTH {
        out.push_str(&line);
        return;
    }
    let next = format!("\n{:1$}", "", indent + 2);
    match value {
        Value::Array(values) => {
            out.push('[');
            for (number, value) in values.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                out.push_str(&next);
                write(out, value, indent + 2, indent + 2);
            }
            out.push_str(&next[..=indent]);
            out.push(']');
        }
        Value::Object(_) => {
            out.push('{');
            for (number, (key, value)) in entries(value).into_iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                let key = format!("{next}{key:?}: ");
                out.push_str(&key);
                write(out, value, key.len() - 1, indent + 2);
            }
            out.push_str(&next[..=indent]);
            out.push('}');
        }
        _ => out.push_str(&line),
    }
}

fn on_one_line(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(on_one_line).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(_) => {
            let entries = entries(value).into_iter();
            let entries = entries.map(|(key, value)| format!("{key:?}: {}", on_one_line(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn entries(value: &Value) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = value.as_object().unwrap().iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

#[test]
fn only_leading_digits_of_numbers_are_kept() {
    for (long, short) in [
        ("a 2.67496e0 b", "a 2.675e0 b"),
        ("11.3714", "11.37"),
        ("0.04689798", "0.04690"),
        ("99.9 %", "99.9 %"),
        ("2,160 weights", "2,160 weights"),
        ("123,456.78,", "123457,"),
        ("modeltrail 0.1.0.", "modeltrail 0.1.0."),
        ("e3fd369ec537.segment 12e3ab", "e3fd369ec537.segment 12e3ab"),
        ("epoch-1.pt", "epoch-1.pt"),
        ("12,345 bytes", "# bytes"),
        ("p = 3e-12", "p = 3e-12"),
    ] {
        assert_eq!(text(long, Fractions::Rounded), short);
    }
    assert_eq!(text("a   -1.5  2", Fractions::Hidden), "a #.# 2\n");
}

#[test]
fn json_is_sorted_and_broken_where_it_is_wide() {
    let short = json(
        r#"{"b": 1.000049, "a": [1, -2e-17], "bytes": 7}"#,
        Fractions::Rounded,
    );
    assert_eq!(
        short.unwrap(),
        "{\"a\": [1, 0.0], \"b\": 1.0, \"bytes\": \"#\"}\n"
    );
    let wide = format!(r#"{{"a": "{:1$}", "b": 0.5}}"#, "", WIDTH);
    let lines = json(&wide, Fractions::Hidden).unwrap();
    assert!(lines.starts_with("{\n  \"a\": \""), "{lines}");
    assert!(lines.ends_with("\",\n  \"b\": \"#.#\"\n}\n"), "{lines}");
    assert_eq!(json("no JSON", Fractions::Rounded), None);
}
