//! Tables: aligned Markdown for a terminal or a repository, HTML for the page.

use crate::svg::escape;

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Heading that spans neighbouring columns of the same group; may be empty.
    pub group: String,
    /// Heading of the column.
    pub title: String,
    /// Whether the cells are numbers, which stand right.
    pub numeric: bool,
}

impl Column {
    /// A column of text.
    #[must_use]
    pub fn text(title: &str) -> Self {
        Self {
            group: String::new(),
            title: title.into(),
            numeric: false,
        }
    }

    /// A column of numbers in a group.
    #[must_use]
    pub fn number(group: &str, title: &str) -> Self {
        Self {
            group: group.into(),
            title: title.into(),
            numeric: true,
        }
    }

    fn full_title(&self) -> String {
        match (self.group.as_str(), self.title.as_str()) {
            ("", title) => title.into(),
            (group, "") => group.into(),
            (group, title) => format!("{group}: {title}"),
        }
    }
}

/// A table of text cells. Rows shorter than the columns end in empty cells; longer ones are cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// What the table shows.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows of cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn cells<'a>(&'a self, row: &'a [String]) -> impl Iterator<Item = &'a str> {
        (0..self.columns.len()).map(|i| row.get(i).map_or("", String::as_str))
    }

    /// GitHub-flavoured Markdown whose columns are aligned in plain text too, without the caption.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let clean = |cell: &str| {
            cell.replace('\\', "\\\\")
                .replace('|', "\\|")
                .replace('\n', " ")
        };
        let titles: Vec<String> = self
            .columns
            .iter()
            .map(|c| clean(&c.full_title()))
            .collect();
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| self.cells(row).map(clean).collect())
            .collect();
        let width = |i: usize| {
            rows.iter()
                .chain([&titles])
                .map(|row| row[i].chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        };
        let widths: Vec<usize> = (0..titles.len()).map(width).collect();
        let line = |row: &[String]| {
            let mut line = String::from("|");
            for ((cell, &width), column) in row.iter().zip(&widths).zip(&self.columns) {
                let padding = " ".repeat(width - cell.chars().count());
                let (before, after) = if column.numeric {
                    (padding.as_str(), "")
                } else {
                    ("", padding.as_str())
                };
                line.push_str(&format!(" {before}{cell}{after} |"));
            }
            line.push('\n');
            line
        };
        let rules: Vec<String> = widths
            .iter()
            .zip(&self.columns)
            .map(|(&width, column)| match column.numeric {
                true => format!("{}:", "-".repeat(width - 1)),
                false => "-".repeat(width),
            })
            .collect();
        [titles, rules]
            .iter()
            .chain(&rows)
            .map(|row| line(row))
            .collect()
    }

    /// An HTML table with its caption; groups become a first row of headings.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut html = String::from("<div class=\"scroll\" tabindex=\"0\" role=\"region\"");
        html.push_str(&format!(" aria-label=\"{}\">", escape(&self.caption)));
        html.push_str("<table>\n");
        if !self.caption.is_empty() {
            html.push_str(&format!("<caption>{}</caption>\n", escape(&self.caption)));
        }
        html.push_str("<thead>\n");
        let grouped = self.columns.iter().any(|c| !c.group.is_empty());
        if grouped {
            html.push_str("<tr>");
            for group in self.columns.chunk_by(|a, b| a.group == b.group) {
                let name = escape(&group[0].group);
                let (cell, scope) = match name.is_empty() {
                    true => ("td", ""),
                    false => ("th", " scope=\"colgroup\""),
                };
                html.push_str(&format!(
                    "<{cell}{scope} colspan=\"{}\">{name}</{cell}>",
                    group.len()
                ));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("<tr>");
        for (i, column) in self.columns.iter().enumerate() {
            html.push_str(&format!(
                "<th scope=\"col\"{}>{}</th>",
                self.class(i),
                escape(&column.title)
            ));
        }
        html.push_str("</tr>\n</thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (i, cell) in self.cells(row).enumerate() {
                html.push_str(&format!("<td{}>{}</td>", self.class(i), escape(cell)));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table></div>\n");
        html
    }

    /// Numbers stand right, and each group begins with a rule.
    fn class(&self, i: usize) -> &'static str {
        let begins = i > 0 && self.columns[i].group != self.columns[i - 1].group;
        match (self.columns[i].numeric, begins) {
            (true, true) => " class=\"number begins\"",
            (true, false) => " class=\"number\"",
            (false, true) => " class=\"begins\"",
            (false, false) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            caption: "A & B".into(),
            columns: vec![
                Column::text("space"),
                Column::number("purity", "paper"),
                Column::number("purity", "ours"),
            ],
            rows: vec![
                vec!["full".into(), "1.000".into(), "0.99 ± 0.01".into()],
                vec!["a|b".into(), "0.5".into()],
            ],
        }
    }

    #[test]
    fn markdown_is_aligned_and_cells_cannot_break_it() {
        assert_eq!(
            table().to_markdown(),
            "| space | purity: paper | purity: ours |\n\
             | ----- | ------------: | -----------: |\n\
             | full  |         1.000 |  0.99 ± 0.01 |\n\
             | a\\|b  |           0.5 |              |\n"
        );
    }

    #[test]
    fn html_groups_columns_and_escapes_cells() {
        let mut table = table();
        table.rows[1][0] = "<b>".into();
        let html = table.to_html();
        assert!(html.contains("<th scope=\"colgroup\" colspan=\"2\">purity</th>"));
        assert!(html.contains("<td>&lt;b&gt;</td>"));
        assert!(html.contains("<caption>A &amp; B</caption>"));
        assert!(html.contains("<td class=\"number begins\">1.000</td>"));
    }
}
