//! All experiments on one page, and all tables in one file.

use super::world::World;
use crate::findings::Findings;
use report::html::{Block, Page, Section};

/// All tables, under the headings and texts of their experiments.
pub fn markdown(title: &str, all: &[Findings]) -> String {
    let mut text = format!("# {title}\n");
    for findings in all {
        text.push_str(&format!("\n## {}\n\n{}\n", findings.title, findings.text));
        for table in &findings.tables {
            text.push_str(&format!(
                "\n### {}\n\n{}",
                table.caption,
                table.to_markdown()
            ));
        }
    }
    text
}

fn section(findings: Findings) -> Section {
    let figures = findings.figures.into_iter().map(|figure| Block::Figure {
        svg: figure.svg,
        caption: figure.caption,
    });
    Section {
        title: findings.title.to_owned(),
        blocks: std::iter::once(Block::Text(findings.text))
            .chain(figures)
            .chain(findings.tables.into_iter().map(Block::Table))
            .collect(),
    }
}

/// One experiment on a page of its own.
pub fn page_of(findings: Findings, summary: &str, made_on: Vec<(String, String)>) -> Page {
    Page {
        title: findings.title.to_owned(),
        summary: summary.to_owned(),
        facts: made_on,
        sections: vec![section(findings)],
    }
}

/// All findings on one page; `made_on` says on what and from which code they were made.
pub fn page(all: Vec<Findings>, world: &World, made_on: Vec<(String, String)>) -> Page {
    let zoos = world.zoos.iter().map(|zoo| {
        let recipe = &zoo.zoo.recipe;
        (
            format!("Zoo {}", recipe.name),
            format!("{} seeds x {} epochs", recipe.seeds, recipe.epochs),
        )
    });
    let mut facts: Vec<(String, String)> = zoos.collect();
    facts.extend(made_on);
    Page {
        title: "What can be read off a trajectory".to_owned(),
        summary: SUMMARY.to_owned(),
        facts,
        sections: all.into_iter().map(section).collect(),
    }
}

const SUMMARY: &str = "Order, direction, number of runs, shifts of the data, forks and progress, read \
from weights alone, with controls and with what does not work. Whatever is tuned is tuned on models \
with even seeds and reported on models with odd ones.";
