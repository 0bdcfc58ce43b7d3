//! What a terminal shows, as a picture: text with the colours of ANSI escapes, light or dark as its viewer
//! prefers.

use crate::svg::{escape, number};
use std::fmt::Write as _;

/// Size of the letters.
const SIZE: f64 = 13.0;
/// From one letter to the next: that of most fixed-width fonts, and others are stretched to it.
const ADVANCE: f64 = 0.6 * SIZE;
/// From one line to the next.
const LEADING: f64 = 18.0;
/// Between the frame and the text.
const MARGIN: f64 = 16.0;
/// Narrower than this a picture would be shown larger than its neighbours.
const NARROWEST: usize = 60;
/// Longer lines go on below, as in a terminal that is as wide.
const WIDEST: usize = 100;

/// Inks of the two schemes; each has a contrast of at least 4.5 to 1 with its paper.
const STYLE: &str = "\
.paper{fill:#fbfbfa;stroke:#dcdfe3}text{fill:#1c1e21}.bold{font-weight:600}.faint{fill:#5f656d}\
.red{fill:#b3261e;font-weight:600}.green{fill:#17692f;font-weight:600}.yellow{fill:#7a5000}.asked{fill:#0063a0;font-weight:600}\
@media(prefers-color-scheme:dark){.paper{fill:#15171a;stroke:#363b42}text{fill:#e6e8eb}.faint{fill:#a0a7b0}\
.red{fill:#ff8a80}.green{fill:#7ee787}.yellow{fill:#e3b341}.asked{fill:#7cc0f5}}";

/// A picture of a terminal in which `command` was typed and has printed `printed`, which may have the
/// escapes of ANSI for bold, faint, red, green and yellow; others are dropped.
///
/// The picture is as wide as its longest line, from 60 to 100 letters; longer lines are broken between
/// words. It is light or dark as its viewer prefers, and `command` is what a screen reader calls it.
///
/// ```
/// let svg = report::terminal::terminal("ls", "\x1b[1;31merror\x1b[0m: no\n");
/// assert!(svg.contains("<tspan class=\"red\""));
/// ```
#[must_use]
pub fn terminal(command: &str, printed: &str) -> String {
    let asked = vec![("asked", "$ ".to_owned()), ("bold", command.to_owned())];
    let lines = std::iter::once(asked).chain(printed.lines().map(spans));
    let lines: Vec<Vec<Span>> = lines.flat_map(broken).collect();
    let columns = lines.iter().map(|line| letters(line)).max().unwrap_or(0);
    let width = 2.0 * MARGIN + ADVANCE * columns.max(NARROWEST) as f64;
    let height = 2.0 * MARGIN + LEADING * lines.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" \
         role=\"img\" aria-label=\"{2}\" font-size=\"{SIZE}\" font-family=\"ui-monospace,'SF Mono',Menlo,\
         Consolas,'DejaVu Sans Mono','Liberation Mono',monospace\">\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" x=\".5\" y=\".5\" width=\"{3}\" height=\"{4}\" rx=\"8\"/>\n",
        number(width),
        number(height),
        escape(command),
        number(width - 1.0),
        number(height - 1.0)
    );
    for (row, line) in lines.iter().enumerate() {
        draw(&mut svg, line, MARGIN + LEADING * (row as f64 + 0.75));
    }
    svg.push_str("</svg>\n");
    svg
}

/// A stretch of a line, and the class that it is drawn in.
type Span = (&'static str, String);

/// A line in as many as it takes; what goes on below begins two letters farther in than the line.
fn broken(line: Vec<Span>) -> Vec<Vec<Span>> {
    let letters = || {
        line.iter()
            .flat_map(|(class, text)| text.chars().map(move |sign| (*class, sign)))
    };
    let indent = letters().take_while(|(_, sign)| *sign == ' ').count() + 2;
    let mut rest: Vec<(&'static str, char)> = letters().collect();
    let mut lines = Vec::new();
    while rest.len() > WIDEST {
        let is_break = |at: &usize| rest.get(*at).is_some_and(|(_, sign)| *sign == ' ');
        let at = (indent + 1..=WIDEST).rev().find(is_break);
        let after = rest.split_off(at.unwrap_or(WIDEST));
        lines.push(joined(rest));
        let after = after.into_iter().skip_while(|(_, sign)| *sign == ' ');
        rest = std::iter::repeat_n(("", ' '), indent)
            .chain(after)
            .collect();
    }
    lines.push(joined(rest));
    lines
}

/// Letters of one class after another, in stretches.
fn joined(letters: Vec<(&'static str, char)>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (class, sign) in letters {
        match spans.last_mut() {
            Some((last, text)) if *last == class => text.push(sign),
            _ => spans.push((class, sign.to_string())),
        }
    }
    spans
}

/// How many letters a line has.
fn letters(line: &[Span]) -> usize {
    line.iter().map(|(_, text)| text.chars().count()).sum()
}

/// One line of text. Each stretch has its place and length, so that columns stand below each other whatever
/// the font is.
fn draw(svg: &mut String, line: &[Span], y: f64) {
    let mut column = 0;
    let mut drawn = String::new();
    for (class, text) in line {
        // Blanks are not drawn: what follows them has its place. So a run of them never depends on how a
        // viewer treats blanks.
        for (start, word) in words(text) {
            let count = word.chars().count();
            let class = match *class {
                "" => String::new(),
                class => format!(" class=\"{class}\""),
            };
            let _ = write!(
                drawn,
                "<tspan{class} x=\"{}\" textLength=\"{}\">{}</tspan>",
                number(MARGIN + ADVANCE * (column + start) as f64),
                number(ADVANCE * count as f64),
                escape(word)
            );
        }
        column += text.chars().count();
    }
    if !drawn.is_empty() {
        let _ = writeln!(svg, "<text y=\"{}\">{drawn}</text>", number(y));
    }
}

/// What stands between runs of two blanks or more, with the letters before it.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut column = 0;
    for part in text.split("  ") {
        let word = part.trim();
        let before = part.chars().take_while(|sign| *sign == ' ').count();
        if !word.is_empty() {
            found.push((column + before, word));
        }
        column += part.chars().count() + 2;
    }
    found
}

/// The stretches of a line, and how each is drawn.
fn spans(line: &str) -> Vec<Span> {
    let mut parts = line.split("\x1b[");
    let mut spans = vec![("", parts.next().unwrap_or_default().to_owned())];
    for part in parts {
        // What is no colour ends the stretch and changes nothing.
        let (code, text) = part.split_once('m').unwrap_or(("", part));
        spans.push((class(code), text.to_owned()));
    }
    spans.retain(|(_, text)| !text.is_empty());
    spans
}

/// The class of an escape.
fn class(code: &str) -> &'static str {
    match code {
        "1" => "bold",
        "2" => "faint",
        "31" | "1;31" => "red",
        "32" | "1;32" => "green",
        "33" | "1;33" => "yellow",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_end_where_they_end_and_no_escape_is_left() {
        let svg = terminal(
            "x",
            "a \x1b[33m! b\x1b[0m c\n\x1b[2mnote\x1b[0m: d\x1b[4me\n",
        );
        assert!(svg.contains("<tspan class=\"yellow\" x=\"31.6\" textLength=\"23.4\">! b</tspan>"));
        assert!(svg.contains("class=\"faint\" x=\"16\" textLength=\"31.2\">note<"));
        assert!(!svg.contains('\x1b') && !svg.contains("[0m"), "{svg}");
    }

    #[test]
    fn columns_have_their_places_whatever_the_blanks_between() {
        assert_eq!(words("  a b   c"), [(2, "a b"), (8, "c")]);
        assert_eq!(words("ab  ‖c‖ d  e"), [(0, "ab"), (4, "‖c‖ d"), (11, "e")]);
        assert_eq!(words("   "), []);
    }

    #[test]
    fn a_long_line_goes_on_below_in_its_colour() {
        let long = format!("\x1b[33m  {}\x1b[0m", "word ".repeat(30).trim_end());
        let lines = broken(spans(&long));
        assert_eq!(
            lines.iter().map(|line| letters(line)).collect::<Vec<_>>(),
            [96, 58]
        );
        assert_eq!(lines[1][0], ("", "    ".to_owned()));
        assert_eq!(lines[1][1].0, "yellow");
        assert_eq!(broken(spans(&"x".repeat(250))).len(), 3);
    }

    #[test]
    fn text_is_escaped_and_a_picture_is_as_wide_as_its_longest_line() {
        let svg = terminal("<b>", &format!("{}\n", "x".repeat(80)));
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"));
        assert!(svg.contains("width=\"656\""), "{svg}");
    }
}
