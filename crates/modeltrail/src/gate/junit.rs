//! The answer as JUnit XML, for continuous integration.

use super::Judgement;
use crate::gate::judged::{Judged, Status};
use std::fmt::Write as _;

/// One test case that weights are finite, and one per limit.
pub(super) fn document(found: &Judgement) -> String {
    let mut cases = vec![("weights are finite".to_owned(), finite(found))];
    let limits = found.limits.iter();
    cases.extend(limits.map(|limit| (super::text::limit_name(limit), failure(limit))));
    let failures = cases
        .iter()
        .filter(|(_, failure)| failure.is_some())
        .count();
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\"",
        cases.len()
    );
    let suite = escaped(&format!("{} after {}", found.b.name, found.a.name));
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"modeltrail gate\" {counts}>");
    let _ = writeln!(xml, "  <testsuite name=\"{suite}\" {counts}>");
    for (name, failure) in cases {
        let name = escaped(&name);
        let _ = write!(
            xml,
            "    <testcase classname=\"modeltrail.gate\" name=\"{name}\""
        );
        let _ = match failure {
            None => writeln!(xml, "/>"),
            Some(message) => writeln!(
                xml,
                ">\n      <failure type=\"retest\" message=\"{}\"/>\n    </testcase>",
                escaped(&message)
            ),
        };
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn finite(found: &Judgement) -> Option<String> {
    let bad = found.not_finite.iter();
    let bad: Vec<String> = bad.map(super::text::not_finite).collect();
    (!bad.is_empty()).then(|| bad.join("; "))
}

fn failure(limit: &Judged) -> Option<String> {
    let worst = limit.worst.as_deref();
    let worst = worst.map_or(String::new(), |worst| format!(" in {worst}"));
    match limit.status {
        Status::Within => None,
        Status::NotMeasured => Some("not measured: weights are not finite".to_owned()),
        Status::Over => Some(format!(
            "{}{worst}, and at most {} is within",
            super::text::measured(limit),
            limit.limit
        )),
    }
}

/// Text as the value of an attribute; signs that XML has no place for are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' | '\r' | '\t' => {
                let _ = write!(escaped, "&#{};", u32::from(sign));
            }
            sign if sign < ' ' || matches!(sign, '\u{fffe}' | '\u{ffff}') => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            sign => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_name_leaves_its_attribute() {
        let odd = "a\"/><x y='&'\n\u{1}é";
        assert_eq!(
            escaped(odd),
            "a&quot;/&gt;&lt;x y=&apos;&amp;&apos;&#10;\u{fffd}é"
        );
    }
}
