//! A small SVG writer: short numbers, escaped text, the same bytes for the same picture.
//!
//! A chart library was weighed and declined: a marker there is one element of about seventy bytes,
//! so a cloud of 12,500 points becomes a megabyte. Here a point is a zero-length segment with
//! round caps inside one path per colour, ten bytes each.

use std::fmt::Write as _;

/// Advance widths of the printable ASCII characters in Helvetica and its metric twins Arial and
/// Liberation Sans, in thousandths of the font size.
const ADVANCE: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

const FONT_STACK: &str = "Helvetica,Arial,'Liberation Sans',sans-serif";

/// Width of a text in pixels; characters outside ASCII count as a wide letter.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let thousandths: f64 = text
        .chars()
        .map(|c| {
            let index = (c as usize).wrapping_sub(32);
            ADVANCE.get(index).map_or(600.0, |&w| f64::from(w))
        })
        .sum();
    thousandths * size / 1000.0
}

/// Escapes text for element content and quoted attributes of HTML and SVG.
///
/// Control characters that XML forbids become the replacement character.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A coordinate in tenths of a pixel, the resolution of every picture here.
fn tenths(value: f64) -> i64 {
    // Saturates on purpose: a non-finite coordinate becomes 0, never invalid SVG.
    (value * 10.0).round() as i64
}

fn push_tenths(out: &mut String, value: i64) {
    if value < 0 {
        out.push('-');
    }
    let (whole, tenth) = (value.unsigned_abs() / 10, value.unsigned_abs() % 10);
    match (whole, tenth) {
        (_, 0) => _ = write!(out, "{whole}"),
        (0, _) => _ = write!(out, ".{tenth}"),
        _ => _ = write!(out, "{whole}.{tenth}"),
    }
}

/// A number with at most one decimal.
pub(crate) fn number(value: f64) -> String {
    let mut out = String::new();
    push_tenths(&mut out, tenths(value));
    out
}

/// The `d` attribute of a path, written with relative moves.
///
/// The cursor is kept in whole tenths, so that relative moves do not drift.
#[derive(Default)]
pub(crate) struct Path {
    d: String,
    cursor: (i64, i64),
    start: (i64, i64),
}

impl Path {
    pub(crate) fn is_empty(&self) -> bool {
        self.d.is_empty()
    }

    fn pair(&mut self, x: i64, y: i64) {
        push_tenths(&mut self.d, x);
        if y >= 0 {
            self.d.push(' ');
        }
        push_tenths(&mut self.d, y);
    }

    pub(crate) fn move_to(&mut self, x: f64, y: f64) -> &mut Self {
        let to = (tenths(x), tenths(y));
        let first = self.d.is_empty();
        self.d.push(if first { 'M' } else { 'm' });
        self.pair(to.0 - self.cursor.0, to.1 - self.cursor.1);
        self.cursor = to;
        self.start = to;
        self
    }

    pub(crate) fn line_to(&mut self, x: f64, y: f64) -> &mut Self {
        let to = (tenths(x), tenths(y));
        let step = (to.0 - self.cursor.0, to.1 - self.cursor.1);
        match step {
            (0, 0) => {}
            (dx, 0) => {
                self.d.push('h');
                push_tenths(&mut self.d, dx);
            }
            (0, dy) => {
                self.d.push('v');
                push_tenths(&mut self.d, dy);
            }
            (dx, dy) => {
                self.d.push('l');
                self.pair(dx, dy);
            }
        }
        self.cursor = to;
        self
    }

    /// A zero-length segment: with round caps, a disc as wide as the stroke.
    pub(crate) fn dot(&mut self, x: f64, y: f64) -> &mut Self {
        self.move_to(x, y);
        self.d.push_str("h0");
        self
    }

    pub(crate) fn close(&mut self) -> &mut Self {
        self.d.push('z');
        self.cursor = self.start;
        self
    }

    /// Lines through all points; non-finite points break the line.
    pub(crate) fn polyline(&mut self, points: impl IntoIterator<Item = (f64, f64)>) -> &mut Self {
        let mut drawing = false;
        for (x, y) in points {
            if !(x.is_finite() && y.is_finite()) {
                drawing = false;
            } else if drawing {
                self.line_to(x, y);
            } else {
                self.move_to(x, y);
                drawing = true;
            }
        }
        self
    }
}

/// Where a text is anchored.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// One line of text.
pub(crate) struct Text<'a> {
    pub(crate) content: &'a str,
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    pub(crate) bold: bool,
    pub(crate) fill: &'a str,
    /// Reads from bottom to top.
    pub(crate) upwards: bool,
}

impl<'a> Text<'a> {
    pub(crate) fn new(content: &'a str) -> Self {
        Self {
            content,
            size: 12.0,
            anchor: Anchor::Start,
            bold: false,
            fill: "#333",
            upwards: false,
        }
    }

    pub(crate) fn size(self, size: f64) -> Self {
        Self { size, ..self }
    }

    pub(crate) fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(crate) fn fill(self, fill: &'a str) -> Self {
        Self { fill, ..self }
    }

    pub(crate) fn upwards(self) -> Self {
        Self {
            upwards: true,
            ..self
        }
    }
}

/// A picture being written. No element carries an id, so any number of pictures can stand inline
/// in one page.
pub(crate) struct Svg {
    width: f64,
    height: f64,
    title: String,
    body: String,
}

impl Svg {
    /// `title` is what a screen reader says.
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        Self {
            width,
            height,
            title: escape(title),
            body: String::new(),
        }
    }

    /// Adds `height` at the bottom.
    pub(crate) fn grow(&mut self, height: f64) {
        self.height += height;
    }

    /// `style` is a list of attributes, as in `fill="none" stroke="#333"`.
    pub(crate) fn path(&mut self, path: &Path, style: &str) {
        if !path.is_empty() {
            _ = writeln!(self.body, r#"<path d="{}" {style}/>"#, path.d);
        }
    }

    /// Discs of one colour and diameter.
    pub(crate) fn dots(&mut self, path: &Path, colour: &str, diameter: f64) {
        self.path(
            path,
            &format!(
                r#"stroke="{colour}" stroke-width="{}" stroke-linecap="round""#,
                number(diameter)
            ),
        );
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), style: &str) {
        let mut path = Path::default();
        path.move_to(from.0, from.1).line_to(to.0, to.1);
        self.path(&path, style);
    }

    pub(crate) fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, style: &str) {
        _ = writeln!(
            self.body,
            r#"<rect x="{}" y="{}" width="{}" height="{}" {style}/>"#,
            number(x),
            number(y),
            number(width),
            number(height)
        );
    }

    pub(crate) fn circle(&mut self, x: f64, y: f64, radius: f64, style: &str) {
        _ = writeln!(
            self.body,
            r#"<circle cx="{}" cy="{}" r="{}" {style}/>"#,
            number(x),
            number(y),
            number(radius)
        );
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, text: &Text<'_>) {
        let (x, y) = (number(x), number(y));
        let anchor = match text.anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let weight = if text.bold {
            r#" font-weight="600""#
        } else {
            ""
        };
        let place = if text.upwards {
            format!(r#"transform="translate({x} {y})rotate(-90)""#)
        } else {
            format!(r#"x="{x}" y="{y}""#)
        };
        _ = writeln!(
            self.body,
            r#"<text {place} font-size="{}" fill="{}"{anchor}{weight}>{}</text>"#,
            number(text.size),
            text.fill,
            escape(text.content)
        );
    }

    pub(crate) fn finish(self) -> String {
        let (width, height) = (number(self.width), number(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FONT_STACK}\" role=\"img\" \
             aria-label=\"{title}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n<g fill=\"none\">\n{body}</g>\n</svg>\n",
            title = self.title,
            body = self.body
        )
    }
}

/// A filled band between two lines over the same positions.
pub(crate) fn band(
    svg: &mut Svg,
    lower: &[(f64, f64)],
    upper: &[(f64, f64)],
    colour: &str,
    opacity: &str,
) {
    let mut path = Path::default();
    path.polyline(upper.iter().copied());
    for &(x, y) in lower.iter().rev() {
        path.line_to(x, y);
    }
    if !path.is_empty() {
        path.close();
    }
    svg.path(
        &path,
        &format!("fill=\"{colour}\" fill-opacity=\"{opacity}\""),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_at_most_one_decimal_and_no_leading_zero() {
        let written = [0.0, -0.04, 0.25, -0.5, 12.0, -3.123, 899.96].map(number);
        assert_eq!(written, ["0", "0", ".3", "-.5", "12", "-3.1", "900"]);
    }

    #[test]
    fn a_million_relative_moves_do_not_drift() {
        let mut path = Path::default();
        path.move_to(0.0, 0.0);
        for i in 1..=1_000_000 {
            path.line_to(f64::from(i) * 0.033, 1.0);
        }
        assert_eq!(path.cursor, (330_000, 10));
    }

    #[test]
    fn a_point_of_a_cloud_takes_about_ten_bytes() {
        let mut path = Path::default();
        for i in 0..1000_u32 {
            // A walk whose steps are a few pixels, as neighbouring checkpoints are.
            let phase = f64::from(i) * 0.1;
            path.dot(400.0 + 60.0 * phase.cos(), 300.0 + 60.0 * phase.sin());
        }
        assert!(path.d.len() <= 11_000, "{} bytes", path.d.len());
    }

    #[test]
    fn text_cannot_leave_its_element() {
        let mut svg = Svg::new(10.0, 10.0, "\"><script>");
        svg.text(
            0.0,
            0.0,
            &Text::new("</text><script>alert('&')</script>\u{0}"),
        );
        let svg = svg.finish();
        assert!(!svg.contains("<script"));
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;alert(&#39;&amp;&#39;)"));
        assert!(!svg.contains('\u{0}'));
    }

    #[test]
    fn text_widths_are_helveticas() {
        // Adobe's metrics: "Weight" = 944 + 556 + 222 + 556 + 556 + 278 thousandths.
        assert!((text_width("Weight", 10.0) - 31.12).abs() < 1e-9);
    }
}
