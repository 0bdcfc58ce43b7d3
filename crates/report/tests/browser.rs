//! The page in a real browser: opened from a file, pointed at, zoomed and walked by keyboard.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod synthetic;
mod webdriver;

use std::path::PathBuf;

use report::html::{Block, Page, Section};
use tempfile::TempDir;
use webdriver::Browser;

const RUNS: usize = 12;
const EPOCHS: usize = 20;
const ARROW_RIGHT: &str = "\u{e014}";
const ARROW_DOWN: &str = "\u{e015}";

fn write(page: &Page) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("report.html");
    std::fs::write(&file, page.to_html()).unwrap();
    (directory, file)
}

/// Opens the synthetic page with its scatter plot in sight; nothing if there is no browser.
fn open() -> Option<(Browser, TempDir)> {
    let browser = Browser::start()?;
    let page = synthetic::page(RUNS, EPOCHS, synthetic::figures(RUNS, EPOCHS));
    let (directory, file) = write(&page);
    browser.open(&file);
    browser.run("document.querySelector('.stage').scrollIntoView({block: 'center'})");
    browser.wait_until("document.querySelector('.stage').dataset.zoom");
    Some((browser, directory))
}

/// Where a checkpoint is on the screen.
fn locate(browser: &Browser, run: usize, epoch: usize) -> (f64, f64) {
    let script = format!("return document.querySelector('.scatter').locate({run}, {epoch})");
    let place = browser.run(&script);
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

fn zoom(browser: &Browser) -> f64 {
    let zoom = browser.run("return Number(document.querySelector('.stage').dataset.zoom)");
    zoom.as_f64().unwrap()
}

#[test]
fn the_page_opens_from_a_file_silently_with_every_section_and_loads_nothing() {
    let Some((browser, _directory)) = open() else {
        return;
    };
    let console = browser.console();
    assert!(console.is_empty(), "{console:?}");
    let headings = browser.run("return [...document.querySelectorAll('h2')].map(h => h.innerText)");
    assert_eq!(
        headings,
        serde_json::json!(["Tables", "Explore", "Figures", "Recipe"])
    );
    let counts = browser.run(
        "return [document.querySelectorAll('section svg').length,
            document.querySelectorAll('table').length,
            [...document.querySelectorAll('nav a')].filter(a => document.querySelector(a.hash)).length,
            performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length]",
    );
    assert_eq!(counts, serde_json::json!([10, 2, 4, 0]));
    // The silence above means something only if the log would have shown an error.
    browser.run("console.error('loud')");
    assert_eq!(browser.console().len(), 1);
}

#[test]
fn the_reproductions_report_opens_silently_and_answers_the_pointer() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../results/paper/report.html");
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.open(&file.canonicalize().unwrap());
    browser.run("document.querySelector('.stage').scrollIntoView({block: 'center'})");
    browser.wait_until("document.querySelector('.stage').dataset.zoom");
    let console = browser.console();
    assert!(console.is_empty(), "{console:?}");
    let headings = browser.run("return [...document.querySelectorAll('h2')].map(h => h.innerText)");
    let expected = ["Look around", "Tables", "Figures", "Controls", "Recipes"];
    assert_eq!(headings, serde_json::json!(expected));
    browser.point_at(locate(&browser, 17, 50));
    browser.wait_until(
        "document.querySelector('.tooltip:not([hidden])')?.textContent.startsWith('seed 17\\nepoch ')",
    );
}

#[test]
fn pointing_at_a_checkpoint_shows_its_seed_epoch_and_accuracy() {
    let Some((browser, _directory)) = open() else {
        return;
    };
    let trajectories = synthetic::MLP.embedding("", RUNS, EPOCHS).trajectories;
    for (run, epoch) in [(3, 1), (7, 20)] {
        browser.point_at(locate(&browser, run, epoch));
        let accuracy = 100.0 * trajectories[run].points[epoch - 1].accuracy;
        let expected = format!("seed {run}\nepoch {epoch}\ntest accuracy {accuracy:.1} %");
        browser.wait_until(&format!(
            "document.querySelector('.tooltip:not([hidden])')?.textContent === {expected:?}"
        ));
    }
    browser.point_at((5.0, 5.0));
    browser.wait_until("document.querySelector('.tooltip').hidden");
}

#[test]
fn the_wheel_zooms_about_the_pointer_dragging_moves_and_a_double_click_resets() {
    let Some((browser, _directory)) = open() else {
        return;
    };
    let before = locate(&browser, 3, 1);
    assert_eq!(zoom(&browser), 1.0);
    browser.wheel(before, -400.0);
    browser.wait_until("Number(document.querySelector('.stage').dataset.zoom) > 1.5");
    let zoomed = locate(&browser, 3, 1);
    let moved = (zoomed.0 - before.0).hypot(zoomed.1 - before.1);
    assert!(moved < 3.0, "the point under the wheel moved by {moved}");

    browser.drag(before, (before.0 + 60.0, before.1 - 20.0));
    let dragged = locate(&browser, 3, 1);
    let shift = (dragged.0 - zoomed.0, dragged.1 - zoomed.1);
    assert!(
        (shift.0 - 60.0).abs() < 2.0 && (shift.1 + 20.0).abs() < 2.0,
        "{shift:?}"
    );

    browser.double_click(before);
    browser.wait_until("document.querySelector('.stage').dataset.zoom === '1.000'");
    assert_eq!(locate(&browser, 3, 1), before);
}

#[test]
fn arrow_keys_walk_along_a_run_and_to_the_next_and_a_status_says_where() {
    let Some((browser, _directory)) = open() else {
        return;
    };
    browser.run("document.querySelector('.stage').focus()");
    let says = |text: &str| {
        browser.wait_until(&format!(
            "document.querySelector('.status').textContent.startsWith({text:?})"
        ));
    };
    browser.press(ARROW_RIGHT);
    says("seed 0, epoch 1,");
    browser.press(ARROW_RIGHT);
    says("seed 0, epoch 2,");
    browser.press(ARROW_DOWN);
    says("seed 1, epoch 2,");
    browser.press("+");
    browser.wait_until("document.querySelector('.stage').dataset.zoom === '1.500'");
}

#[test]
fn another_view_and_other_colours_change_the_picture() {
    let Some((browser, _directory)) = open() else {
        return;
    };
    let picture = "return document.querySelector('.points').toDataURL()";
    let choose = |name: &str, value: &str| {
        browser.run(&format!(
            "const s = document.querySelector('select.{name}'); s.value = {value:?};
             s.dispatchEvent(new Event('change'));
             return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        ));
        browser.run(picture)
    };
    let mut pictures = vec![browser.run(picture)];
    for (name, value) in [
        ("colour", "epoch"),
        ("colour", "accuracy"),
        ("view", "1"),
        ("view", "2"),
    ] {
        pictures.push(choose(name, value));
    }
    for (i, a) in pictures.iter().enumerate() {
        assert!(!pictures[i + 1..].contains(a), "picture {i} came twice");
    }
    assert!(browser.console().is_empty());
}

#[test]
fn in_every_figure_all_text_is_inside_the_picture_and_no_two_texts_collide() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let directory = TempDir::new().unwrap();
    for (name, svg) in synthetic::figures(250, 50) {
        let file = directory.path().join("figure.svg");
        std::fs::write(&file, svg).unwrap();
        browser.open(&file);
        // A file that is no XML would show as an error page instead of a picture.
        let faults = browser.run(
            "const picture = document.documentElement.getBoundingClientRect();
             if (document.documentElement.nodeName !== 'svg' || document.querySelector('parsererror'))
               return ['not a picture'];
             const texts = [...document.querySelectorAll('text')].map(t =>
               ({ text: t.textContent, box: t.getBoundingClientRect() }));
             if (texts.length < 5) return ['hardly any text'];
             const faults = [];
             texts.forEach(({ text, box }, i) => {
               if (box.left < 0 || box.top < 0 || box.right > picture.width || box.bottom > picture.height)
                 faults.push(`${text} leaves the picture`);
               for (const { text: other, box: b } of texts.slice(i + 1)) {
                 const across = Math.min(box.right, b.right) - Math.max(box.left, b.left);
                 const down = Math.min(box.bottom, b.bottom) - Math.max(box.top, b.top);
                 // Boxes are as high as a line; letters are a fifth lower at least.
                 if (across > 0.2 * Math.min(box.width, b.width)
                     && down > 0.2 * Math.min(box.height, b.height)) faults.push(`${text} on ${other}`);
               }
             });
             return faults;",
        );
        assert_eq!(faults, serde_json::json!([]), "{name}");
    }
}

/// The source of axe-core, which looks for what keeps people out; `.ci/run` puts it there.
fn axe() -> Option<String> {
    let path = "../../target/axe/axe_core_python/axe.min.js";
    let source = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path));
    if source.is_err() {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(
            !ci,
            "axe-core is missing: pip install --target target/axe axe-core-python"
        );
        eprintln!("skipped: axe-core is not installed");
    }
    source.ok()
}

#[test]
fn nobody_is_kept_out_light_or_dark_on_a_telephone_or_a_large_screen() {
    let (Some(axe), Some((browser, _directory))) = (axe(), open()) else {
        return;
    };
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })");
    browser.run(&axe);
    for width in [390, 768, 1280] {
        for scheme in ["light", "dark"] {
            browser.look(width, scheme);
            let wide = browser.run(
                "const page = document.documentElement; return page.scrollWidth - page.clientWidth",
            );
            assert_eq!(wide, 0, "the page is wider than {width} pixels");
            let found = browser.run(
                "return axe.run().then(({ violations }) => violations
                   .filter(({ impact }) => impact === 'serious' || impact === 'critical')
                   .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(n => n.html)}`))",
            );
            assert_eq!(found, serde_json::json!([]), "{width} pixels, {scheme}");
        }
    }
}

#[test]
fn a_page_of_hostile_names_and_empty_plots_opens_silently_too() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let evil = "</script></style><script>document.title = 'broken in'</script>&amp;";
    let mut view = synthetic::MLP.embedding(evil, 2, 3);
    view.trajectories[0].run = evil.into();
    view.trajectories[1].points.clear();
    let mut empty = view.clone();
    empty.trajectories.clear();
    let scatter = |views| Block::Scatter {
        views,
        caption: evil.into(),
    };
    let page = Page {
        title: "fine".into(),
        summary: evil.into(),
        facts: vec![(evil.into(), evil.into())],
        sections: vec![Section {
            title: evil.into(),
            blocks: vec![scatter(vec![view]), scatter(vec![empty]), scatter(vec![])],
        }],
    };
    let (_directory, file) = write(&page);
    browser.open(&file);
    browser.wait_until("document.querySelectorAll('.stage')[1].dataset.zoom");
    assert!(browser.console().is_empty(), "{:?}", browser.console());
    assert_eq!(browser.run("return document.title"), "fine");
    assert_eq!(
        browser.run("return document.querySelector('option').textContent"),
        evil
    );
}
