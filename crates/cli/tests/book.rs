//! The book holds together: links lead somewhere, every page is in the table of contents, and the
//! reference has every command and every schema.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// The pages that are not in `docs/`.
const BESIDE: [&str; 11] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "datasets/README.md",
    "examples/README.md",
    "examples/checkpoints/README.md",
    "examples/families/README.md",
    "examples/gallery/README.md",
    "crates/cli/README.md",
];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files in `docs/` with this ending, relative to the root.
fn files_in_docs(ending: &str) -> BTreeSet<PathBuf> {
    let root = root();
    let (mut folders, mut files) = (vec![root.join("docs")], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                files.insert(path.strip_prefix(&root).unwrap().to_owned());
            }
        }
    }
    files
}

/// The text of a page without what stands in fences.
fn prose(page: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose += &format!("{line}\n");
        }
    }
    prose
}

/// Without what stands between backticks.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

/// Where the links and pictures of a page lead.
fn links(page: &str) -> Vec<String> {
    let prose = without_code(&prose(page));
    let parts = prose.split("](").skip(1);
    parts
        .filter_map(|part| Some(part.split_once(')')?.0.to_owned()))
        .collect()
}

/// The names by which headings can be linked to, as mdBook and GitHub make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut counts = BTreeMap::new();
    let prose = prose(page);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let letters = title.chars().filter_map(|sign| match sign {
                ' ' => Some('-'),
                _ if sign.is_alphanumeric() || "-_".contains(sign) => Some(sign),
                _ => None,
            });
            let name: String = letters.collect();
            let count = counts.entry(name.clone()).or_insert(0);
            *count += 1;
            match *count {
                1 => name,
                more => format!("{name}-{}", more - 1),
            }
        })
        .collect()
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            part => path.push(part),
        }
        path
    })
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_in_it() {
    let root = root();
    let mut broken = Vec::new();
    let mut count = 0;
    let pages = files_in_docs("md").into_iter();
    for page in pages.chain(BESIDE.map(PathBuf::from)) {
        for link in links(&read(&root.join(&page))) {
            if link.contains("://") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.clone(),
                file => plain(&page.parent().unwrap().join(file)),
            };
            let there = root.join(&target);
            let is_heading = || there.is_file() && anchors(&read(&there)).contains(anchor);
            if !there.exists() || (!anchor.is_empty() && !is_heading()) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(count > 100, "{count}");
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = links(&read(&root().join("docs/SUMMARY.md")));
    let listed: BTreeSet<PathBuf> = summary
        .iter()
        .map(|link| Path::new("docs").join(link))
        .collect();
    assert_eq!(listed.len(), summary.len(), "a page is listed twice");
    let mut pages = files_in_docs("md");
    pages.remove(Path::new("docs/SUMMARY.md"));
    assert_eq!(listed, pages);
}

#[test]
fn every_picture_is_shown_and_made_from_a_command() {
    let pages = files_in_docs("md").into_iter();
    let pages: String = pages.map(|page| read(&root().join(page))).collect();
    for picture in files_in_docs("svg") {
        let name = picture.file_name().unwrap().to_str().unwrap();
        let asked = format!("pictures/{name} $ modeltrail ");
        assert!(
            pages.contains(&asked),
            "nothing makes {}",
            picture.display()
        );
        assert!(
            pages.contains(&format!("pictures/{name})")),
            "{} is not shown",
            picture.display()
        );
    }
}

#[test]
fn the_reference_has_every_schema() {
    let page = links(&read(&root().join("docs/reference/schemas.md")));
    for schema in files_in_docs("json") {
        let name = schema.file_name().unwrap().to_str().unwrap();
        let link = format!("../schema/{name}");
        assert!(
            page.contains(&link),
            "docs/reference/schemas.md does not link to {link}"
        );
    }
}

/// The commands that a help lists.
fn commands(arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_modeltrail"))
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_reference_has_the_help_of_every_command() {
    let page = read(&root().join("docs/reference/cli.md"));
    let (all, of_zoo) = (commands(&[]), commands(&["zoo"]));
    assert!(all.len() > 15 && of_zoo.len() > 2, "{all:?} {of_zoo:?}");
    let all = all.into_iter().filter(|name| name != "zoo");
    for name in all.chain(of_zoo.iter().map(|name| format!("zoo {name}"))) {
        assert!(
            page.contains(&format!("\n$ modeltrail {name} --help\n")),
            "add `$ modeltrail {name} --help` to docs/reference/cli.md in a block of its own, and run \
             `BLESS=1 cargo test -p modeltrail-cli --test documented`"
        );
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(
        lines <= 150,
        "README.md has {lines} lines: move something to the book"
    );
}
