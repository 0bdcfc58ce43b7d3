//! One self-contained page: no network, no external fonts, opens from a file.

use crate::{
    figure::Embedding,
    scatter::{scatter, trails},
    svg::escape,
    table::Table,
};

pub use crate::scatter::Trails;

const STYLE: &str = include_str!("../assets/page.css");
const SCRIPT: &str = include_str!("../assets/scatter.js");

/// A page: a header that says what, when and how, and sections.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Title.
    pub title: String,
    /// What the page shows, in a few sentences; blank lines part paragraphs.
    pub summary: String,
    /// Facts about the run, as in ("commit", "f6a536f"): commit, recipe, seeds, hardware, time.
    pub facts: Vec<(String, String)>,
    /// The sections, in order.
    pub sections: Vec<Section>,
}

/// A section of a page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// What stands below it, in order.
    pub blocks: Vec<Block>,
}

/// A part of a section. All text is escaped.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Text; blank lines part paragraphs.
    Text(String),
    /// Text in a fixed-width font as it is, such as a recipe.
    Verbatim(String),
    /// A table.
    Table(Table),
    /// A figure on a white card; on a dark page, a dark one.
    Figure {
        /// An SVG document as [`crate::figure`] writes them; it enters the page as it is.
        svg: String,
        /// What the figure shows.
        caption: String,
    },
    /// An interactive scatter plot with a choice of views.
    Scatter {
        /// The views, named by their titles.
        views: Vec<Embedding>,
        /// What the plot shows.
        caption: String,
    },
    /// The same, with the names of all checkpoints.
    Trails {
        /// The views, named by their titles.
        views: Vec<Trails>,
        /// What the plot shows.
        caption: String,
    },
    /// Blocks that unfold on a click on their title.
    Folded {
        /// What can be unfolded.
        title: String,
        /// The blocks.
        blocks: Vec<Self>,
    },
}

impl Page {
    /// The whole page as one HTML document in UTF-8.
    #[must_use]
    pub fn to_html(&self) -> String {
        let title = escape(&self.title);
        let facts: String = self
            .facts
            .iter()
            .map(|(name, value)| {
                format!(
                    "<div><dt>{}</dt><dd>{}</dd></div>\n",
                    escape(name),
                    escape(value)
                )
            })
            .collect();
        let links: String = self
            .sections
            .iter()
            .enumerate()
            .map(|(i, s)| format!("<a href=\"#section-{}\">{}</a>\n", i + 1, escape(&s.title)))
            .collect();
        let sections: String = self
            .sections
            .iter()
            .enumerate()
            .map(|(i, section)| section.to_html(i + 1))
            .collect();
        let summary = paragraphs(&self.summary);
        format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{summary}<dl>
{facts}</dl>
</header>
<nav aria-label="Sections">
{links}</nav>
<main>
{sections}</main>
<script>
{SCRIPT}</script>
</body>
</html>
"#
        )
    }
}

impl Section {
    fn to_html(&self, number: usize) -> String {
        let blocks: String = self.blocks.iter().map(Block::to_html).collect();
        format!(
            "<section id=\"section-{number}\">\n<h2>{}</h2>\n{blocks}</section>\n",
            escape(&self.title)
        )
    }
}

impl Block {
    fn to_html(&self) -> String {
        match self {
            Self::Text(text) => paragraphs(text),
            Self::Verbatim(text) => format!(
                "<pre class=\"scroll\" tabindex=\"0\">{}</pre>\n",
                escape(text)
            ),
            Self::Table(table) => table.to_html(),
            Self::Figure { svg, caption } => format!(
                "<figure class=\"card\">\n<div class=\"scroll\">{svg}</div>\n\
                 <figcaption>{}</figcaption>\n</figure>\n",
                escape(caption)
            ),
            Self::Scatter { views, caption } => scatter(views, caption),
            Self::Trails { views, caption } => trails(views, caption),
            Self::Folded { title, blocks } => {
                let blocks: String = blocks.iter().map(Self::to_html).collect();
                let title = escape(title);
                format!("<details>\n<summary>{title}</summary>\n{blocks}</details>\n")
            }
        }
    }
}

fn paragraphs(text: &str) -> String {
    text.split("\n\n")
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(|p| format!("<p>{}</p>\n", escape(p)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_every_kind_is_escaped() {
        let evil = "<img src=x onerror=alert(1)>";
        let page = Page {
            title: evil.into(),
            summary: evil.into(),
            facts: vec![(evil.into(), evil.into())],
            sections: vec![Section {
                title: evil.into(),
                blocks: vec![
                    Block::Text(evil.into()),
                    Block::Verbatim(evil.into()),
                    Block::Table(Table {
                        caption: evil.into(),
                        ..Table::default()
                    }),
                    Block::Figure {
                        svg: String::new(),
                        caption: evil.into(),
                    },
                    Block::Scatter {
                        views: vec![],
                        caption: evil.into(),
                    },
                    Block::Trails {
                        views: vec![],
                        caption: evil.into(),
                    },
                    Block::Folded {
                        title: evil.into(),
                        blocks: vec![Block::Text(evil.into())],
                    },
                ],
            }],
        };
        let html = page.to_html();
        assert!(!html.contains("<img"));
        assert_eq!(html.matches("&lt;img").count(), 16);
    }

    #[test]
    fn the_page_names_no_address_it_could_load_from() {
        let html = Page::default().to_html();
        for address in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!html.contains(address), "{address}");
        }
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        assert_eq!(paragraphs("a\n\n\n b\nc"), "<p>a</p>\n<p>b\nc</p>\n");
    }
}
