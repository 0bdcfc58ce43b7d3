//! Prints one self-contained page with a chart and a table: `cargo run -p modeltrail-report
//! --example page > page.html`.

use report::figure::chart::{Axis, Chart, Panel, Series, Style};
use report::html::{Block, Page, Section};
use report::table::{Column, Table};

fn main() {
    let loss = |rate: f64| -> Vec<(f64, f64)> {
        (1..=30)
            .map(|epoch| (f64::from(epoch), (-rate * f64::from(epoch)).exp()))
            .collect()
    };
    let chart = Chart {
        title: "Loss by epoch".into(),
        columns: 1,
        panels: vec![Panel {
            title: "Two learning rates".into(),
            x: Axis::linear("epoch"),
            y: Axis::log("loss"),
            series: vec![
                Series::new("0.1", loss(0.1)).styled(Style::LineAndMarkers),
                Series::new("0.03", loss(0.03)),
            ],
            ..Panel::default()
        }],
    };
    let table = Table {
        caption: "After 30 epochs".into(),
        columns: vec![
            Column::number("", "learning rate"),
            Column::number("", "loss"),
        ],
        rows: [0.1f64, 0.03]
            .map(|rate| vec![format!("{rate}"), format!("{:.3}", (-30.0 * rate).exp())])
            .into(),
    };
    let page = Page {
        title: "A made-up training".into(),
        summary: "What a page of figures and tables looks like.".into(),
        facts: vec![("epochs".into(), "30".into())],
        sections: vec![Section {
            title: "Loss".into(),
            blocks: vec![
                Block::Figure {
                    svg: chart.to_svg(),
                    caption: "Lower is better.".into(),
                },
                Block::Table(table),
            ],
        }],
    };
    println!("{}", page.to_html());
}
