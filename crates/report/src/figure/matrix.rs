//! Matrices as pictures: a colour per cell, and its value where there is room for it.
//!
//! # Example
//!
//! ```
//! use report::figure::matrix::{Matrix, matrices};
//!
//! let confusion = Matrix {
//!     title: "Causes".into(),
//!     row_label: "truth".into(),
//!     column_label: "named".into(),
//!     rows: vec!["data".into(), "nothing".into()],
//!     columns: vec!["data".into(), "nothing".into()],
//!     values: vec![vec![48.0, 2.0], vec![1.0, 99.0]],
//!     // Numbers with no decimals, so no colour bar.
//!     decimals: Some(0),
//!     ..Matrix::default()
//! };
//! let svg = matrices("Confusion of causes", 2, &[confusion]);
//! assert!(svg.contains(">99</text>"));
//! ```

use crate::{
    area::{Area, WIDTH, panel_title},
    axes::{Axis, Frame},
    colour::{OKABE_ITO, Rgb, WHITE, viridis},
    colour_bar::{COLOUR_BAR_WIDTH, colour_bar},
    scale::{Domain, Scale},
    svg::{Anchor, Path, Svg, Text, text_width},
};

/// Shades of a picture; neighbours in one row of one shade are one rectangle.
const SHADES: usize = 64;

/// One matrix. Rows run downwards.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Title; may be empty.
    pub title: String,
    /// What the rows are; may be empty.
    pub row_label: String,
    /// What the columns are; may be empty.
    pub column_label: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// `values[row][column]`; cells without a finite value are grey.
    pub values: Vec<Vec<f64>>,
    /// Values of the palest and the fullest colour; without them, the least and the greatest.
    pub range: Option<(f64, f64)>,
    /// Decimals of the numbers in the cells; without them there is a colour bar instead.
    pub decimals: Option<usize>,
    /// What the values are, beside the colour bar.
    pub value_label: String,
}

/// Matrices in rows of at most `columns` pictures, as one SVG document; linear in the number of
/// cells. `title` is what a screen reader says.
#[must_use]
pub fn matrices(title: &str, columns: usize, matrices: &[Matrix]) -> String {
    let columns = columns.max(1).min(matrices.len().max(1));
    // About as high as wide, and never higher than a screen.
    let row_height = (WIDTH / columns as f64).clamp(280.0, 460.0);
    let (cells, height) = Area::cells(matrices.len(), columns, row_height);
    let mut svg = Svg::new(WIDTH, height, title);
    for (matrix, cell) in matrices.iter().zip(cells) {
        let width = cell.width.min(1.6 * row_height);
        draw(&mut svg, Area { width, ..cell }, matrix);
    }
    svg.finish()
}

fn draw(svg: &mut Svg, area: Area, matrix: &Matrix) {
    let area = panel_title(svg, area, &matrix.title);
    let bar = if matrix.decimals.is_none() {
        COLOUR_BAR_WIDTH
    } else {
        0.0
    };
    let axes = Area {
        width: area.width - bar,
        ..area
    };
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    let side = |count: usize| Domain::of(Scale::Linear, [-0.5, count.max(1) as f64 - 0.5]);
    let (x, upwards) = (side(columns), side(rows));
    let y = Domain {
        low: upwards.high,
        high: upwards.low,
        ..upwards
    };
    let (mut x_axis, mut y_axis) = (
        Axis::new(x, &matrix.column_label).named(&matrix.columns),
        Axis::new(y, &matrix.row_label).named(&matrix.rows),
    );
    if rows == 0 || columns == 0 {
        (x_axis, y_axis) = (x_axis.without_ticks(), y_axis.without_ticks());
    }
    let frame = Frame::draw(svg, axes, x_axis, y_axis);
    let values = || matrix.values.iter().flatten().copied();
    if rows == 0 || columns == 0 || !values().any(f64::is_finite) {
        frame.no_data(svg);
        return;
    }
    let range = match matrix.range {
        Some((low, high)) => Domain::of(Scale::Linear, [low, high]),
        None => Domain::of(Scale::Linear, values()),
    };
    // Numbers are read best on pale cells.
    let colour = |t: f64| match matrix.decimals {
        Some(_) => WHITE.mix(OKABE_ITO[0], t.clamp(0.0, 1.0)),
        None => viridis(t),
    };
    fill(svg, &frame, matrix, range, colour);
    match matrix.decimals {
        Some(decimals) => write_numbers(svg, &frame, matrix, range, decimals),
        None => colour_bar(
            svg,
            frame.plot,
            axes.right() + 4.0,
            range,
            viridis,
            &matrix.value_label,
        ),
    }
}

/// One path per shade.
fn fill(svg: &mut Svg, frame: &Frame, matrix: &Matrix, range: Domain, colour: impl Fn(f64) -> Rgb) {
    let shade = |value: f64| {
        let t = range.position(value).clamp(0.0, 1.0);
        if value.is_finite() {
            (t * (SHADES - 1) as f64).round() as usize
        } else {
            SHADES
        }
    };
    let mut paths: Vec<Path> = (0..=SHADES).map(|_| Path::default()).collect();
    for (row, values) in matrix.values.iter().take(matrix.rows.len()).enumerate() {
        let shades: Vec<usize> = values
            .iter()
            .take(matrix.columns.len())
            .map(|&v| shade(v))
            .collect();
        let (top, bottom) = (frame.y(row as f64 - 0.5), frame.y(row as f64 + 0.5));
        let bottom = (bottom + 0.5).min(frame.plot.bottom());
        let mut column = 0;
        for run in shades.chunk_by(|a, b| a == b) {
            let left = frame.x(column as f64 - 0.5);
            column += run.len();
            // Half a pixel under its neighbour, or borders that meet would show as a grid.
            let right = (frame.x(column as f64 - 0.5) + 0.5).min(frame.plot.right());
            paths[run[0]]
                .move_to(left, top)
                .line_to(right, top)
                .line_to(right, bottom)
                .line_to(left, bottom)
                .close();
        }
    }
    for (shade, path) in paths.iter().enumerate() {
        let fill = if shade == SHADES {
            Rgb(0xdd, 0xdd, 0xdd)
        } else {
            colour(shade as f64 / (SHADES - 1) as f64)
        };
        svg.path(path, &format!("fill=\"{}\"", fill.hex()));
    }
}

fn write_numbers(svg: &mut Svg, frame: &Frame, matrix: &Matrix, range: Domain, decimals: usize) {
    let texts: Vec<Vec<String>> = matrix
        .values
        .iter()
        .map(|row| row.iter().map(|v| written(*v, decimals)).collect())
        .collect();
    let widest = texts
        .iter()
        .flatten()
        .map(|text| text_width(text, 1.0))
        .fold(1e-9, f64::max);
    let cell = frame.plot.width / matrix.columns.len() as f64;
    let size = (cell * 0.8 / widest).min(12.0);
    for (row, texts) in texts.iter().take(matrix.rows.len()).enumerate() {
        for (column, text) in texts.iter().take(matrix.columns.len()).enumerate() {
            let dark = range.position(matrix.values[row][column]) > 0.55;
            let text = Text::new(text)
                .size(size)
                .anchor(Anchor::Middle)
                .fill(if dark { "#fff" } else { "#222" });
            let y = frame.y(row as f64) + size * 0.35;
            svg.text(frame.x(column as f64), y, &text);
        }
    }
}

fn written(value: f64, decimals: usize) -> String {
    if value.is_finite() {
        format!("{value:.decimals$}").replace('-', "\u{2212}")
    } else {
        "\u{2013}".into()
    }
}
