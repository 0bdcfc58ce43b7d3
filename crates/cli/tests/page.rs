//! `modeltrail report`, `order`, `completions` and `man`, as a user meets them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::Value;
use std::path::Path;
use support::{Folder, modeltrail, text};

fn json(arguments: &[&str]) -> Value {
    support::json(arguments, 0)
}

/// A file of one matrix.
fn write(folder: &Folder, name: &str, values: &[f32]) {
    folder.write(name, &[("fc.weight", &[8, values.len() / 8], values)]);
}

/// A run that starts anywhere and slows down.
fn walk(seed: u64, count: usize) -> Vec<Vec<f32>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    let mut vector = || -> Vec<f32> { (0..80).map(|_| next()).collect() };
    vector();
    let mut here: Vec<f32> = vector().iter().map(|x| 4.0 * x).collect();
    let drift = vector();
    let steps = (0..count).map(|step| {
        let length = 0.3 * 0.95_f32.powi(step as i32);
        let noise = vector();
        for ((weight, along), noise) in here.iter_mut().zip(&drift).zip(noise) {
            *weight += length * (along + 0.3 * noise);
        }
        here.clone()
    });
    steps.collect()
}

/// Two runs of so many epochs; `name` is none for a checkpoint that is lost.
fn two_runs(count: usize, name: impl Fn(usize, usize) -> Option<String>) -> Folder {
    let folder = Folder::new();
    for run in 1..3 {
        for (step, weights) in walk(run as u64, count).iter().enumerate() {
            if let Some(name) = name(run, step + 1) {
                write(&folder, &name, weights);
            }
        }
    }
    folder
}

fn named(run: usize, epoch: usize) -> Option<String> {
    Some(format!("seed-{run}/epoch-{epoch}.safetensors"))
}

#[test]
fn a_report_is_one_page_that_shows_every_checkpoint_and_comes_out_the_same_twice() {
    let folder = two_runs(8, named);
    let (first, second) = (folder.shown("a.html"), folder.shown("b.html"));
    let paths = [folder.shown("seed-1"), folder.shown("seed-2")];
    let report = |out: &str, threads: &str| {
        json(&[
            "report",
            &paths[0],
            &paths[1],
            "-o",
            out,
            "--threads",
            threads,
        ])
    };
    let answer = report(&first, "1");
    assert_eq!(answer["schema"], "modeltrail.report/1");
    assert_eq!(
        (&answer["checkpoints"], &answer["runs"]),
        (&16.into(), &2.into())
    );
    report(&second, "2");
    let page = std::fs::read_to_string(&first).unwrap();
    assert_eq!(page, std::fs::read_to_string(&second).unwrap());
    assert_eq!(answer["bytes"], page.len());
    for title in [
        "Runs",
        "In the plane",
        "Steps and turns",
        "Tree",
        "Distances",
    ] {
        assert!(page.contains(&format!("<h2>{title}</h2>")), "{title}");
    }
    for run in 1..3 {
        for epoch in 1..9 {
            let name = format!("seed-{run}/epoch-{epoch}.safetensors");
            assert!(page.matches(&name).count() >= 3, "{name}");
        }
    }
    for address in ["http://", "https://", "src=", "@import"] {
        let used = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!used.contains(address), "{address}");
    }
}

#[test]
fn runs_writes_the_page_of_report() {
    let folder = two_runs(6, named);
    let paths = [folder.shown("seed-1"), folder.shown("seed-2")];
    let (one, two) = (folder.shown("one.html"), folder.shown("two.html"));
    json(&["report", &paths[0], &paths[1], "--out", &one]);
    json(&["runs", &paths[0], &paths[1], "--html", &two]);
    assert_eq!(std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
}

#[test]
fn a_page_shows_what_is_wrong() {
    let folder = two_runs(8, |run, epoch| match (run, epoch) {
        // Misfiled, and one that is missing.
        (1, 4) => Some("seed-2/epoch-9.safetensors".to_owned()),
        (2, 5) => None,
        _ => named(run, epoch),
    });
    std::fs::write(folder.path("seed-1/epoch-77.safetensors"), "no tensors").unwrap();
    let out = folder.shown("page.html");
    let output = modeltrail(&["report", folder.0.path().to_str().unwrap(), "-o", &out]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(out).unwrap();
    for told in [
        "claims run seed-2, but lies in run seed-1",
        "gap: epoch 5 is missing",
        "What was not used",
        "epoch-77.safetensors",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_refused_before_anything_is_read() {
    let folder = two_runs(3, named);
    let inside = folder.shown("nowhere/page.html");
    let itself = folder.shown("seed-1");
    for (out, word) in [(&itself, "is a folder"), (&inside, "Make it first")] {
        for command in [["report", "-o"], ["runs", "--html"]] {
            let output = modeltrail(&[command[0], &itself, command[1], out]);
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{message}");
            assert!(
                message.contains(word) && output.stdout.is_empty(),
                "{message}"
            );
        }
    }
    assert_eq!(std::fs::read_dir(folder.path("seed-1")).unwrap().count(), 3);
}

#[test]
fn any_number_of_checkpoints_makes_a_page() {
    for count in [1, 2, 3, 7] {
        let folder = Folder::new();
        for (step, weights) in walk(1, count).iter().enumerate() {
            write(&folder, &format!("epoch-{step}.safetensors"), weights);
        }
        // Alike to the last bit.
        write(&folder, "copies/epoch-0.safetensors", &walk(1, 1)[0]);
        let out = folder.shown("page.html");
        json(&["report", folder.0.path().to_str().unwrap(), "-o", &out]);
        let page = std::fs::read_to_string(out).unwrap();
        assert!(page.contains("</html>") && !page.contains("NaN"), "{count}");
    }
}

#[test]
fn many_runs_are_rows_and_long_tables_are_folded() {
    let folder = Folder::new();
    for run in 0..25 {
        for (step, weights) in walk(run + 1, 4).iter().enumerate() {
            write(
                &folder,
                &format!("seed-{run}/epoch-{step}.safetensors"),
                weights,
            );
        }
    }
    let out = folder.shown("page.html");
    let path = folder.0.path().to_str().unwrap();
    let answer = json(&["report", path, "-o", &out]);
    assert_eq!(answer["runs"], 25);
    let page = std::fs::read_to_string(out).unwrap();
    assert!(page.contains("<summary>All 25 runs</summary>"));
    assert!(page.contains("Shown are 12 of 25 runs."));
    assert!(page.contains("A row a run."));
    assert!(page.contains("UMAP, all checkpoints"));
}

#[test]
fn an_order_of_foreign_checkpoints_is_scored_against_their_claims() {
    let folder = two_runs(8, |run, epoch| {
        Some(format!("seed-{run}/step-{}.safetensors", 500 * epoch))
    });
    let answer = json(&["order", folder.0.path().to_str().unwrap()]);
    assert_eq!(answer["schema"], "modeltrail.order/1");
    let group = &answer["groups"][0];
    assert_eq!(group["verdict"], "separated");
    let scores = &group["scores"];
    assert_eq!(
        (&scores["claimed"], &scores["unit"]),
        (&16.into(), &"step".into())
    );
    for (score, value) in [
        ("fraction_of_run", 1.0),
        ("kendall_tau", 1.0),
        ("initial", 8.0),
    ] {
        assert_eq!(scores["recommended"][score]["value"], value, "{score}");
    }
    let orders = group["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 2);
    for order in orders {
        let places = order["checkpoints"].as_array().unwrap();
        assert!(places[0]["step"].as_f64().unwrap() > 0.0);
        assert!(places[0]["next_confidence"].as_f64().unwrap() > 0.5);
        assert!(places[7]["step"].is_null() && places[7]["next_confidence"].is_null());
    }
}

#[test]
fn one_order_of_everything_can_be_asked_for_and_names_need_not_claim_anything() {
    let letter = |run: usize, step: usize| char::from(b'a' + ((run * 8 + step) * 7 % 17) as u8);
    let folder = two_runs(8, |run, step| {
        Some(format!("{}x.safetensors", letter(run - 1, step - 1)))
    });
    let path = folder.0.path().to_str().unwrap().to_owned();
    let one = json(&["order", &path, "--runs", "1"]);
    let group = &one["groups"][0];
    assert_eq!(group["orders"].as_array().unwrap().len(), 1);
    assert_eq!(
        group["orders"][0]["checkpoints"].as_array().unwrap().len(),
        16
    );
    assert!(group["scores"].is_null());
    let output = modeltrail(&["order", &path]);
    let page = text(&output.stdout);
    assert!(page.contains("or more between families"), "{page}");
    assert!(
        page.contains("sure of next") && !page.contains("Kendall"),
        "{page}"
    );
}

#[test]
fn linkage_and_umap_take_foreign_checkpoints_and_sketches() {
    let folder = two_runs(8, named);
    let path = folder.0.path().to_str().unwrap().to_owned();
    let sketches = folder.shown("sketches.json");
    let kept = modeltrail(&["sketch", &path, "--out", &sketches]);
    assert_eq!(kept.status.code(), Some(0), "{}", text(&kept.stderr));
    for paths in [&path, &sketches] {
        let linkage = json(&["linkage", paths]);
        let group = &linkage["groups"][0];
        assert_eq!(
            (&group["claimed_runs"], &group["told_runs"]),
            (&2.into(), &2.into())
        );
        assert_eq!(group["purity"]["mean"]["value"], 1.0);
        let umap = json(&["umap", paths, "--neighbors", "4"]);
        let points = umap["groups"][0]["points"].as_array().unwrap();
        assert_eq!(points.len(), 16);
        assert_eq!(points[0]["run"], "seed-1");
        assert_eq!(
            json(&["order", paths])["groups"][0]["orders"][0]["direction"],
            "forward"
        );
    }
}

#[test]
fn gaps_are_told_by_claims_and_without_claims_by_a_long_step() {
    let claimed = two_runs(12, |run, epoch| {
        named(run, epoch).filter(|_| (run, epoch) != (1, 6))
    });
    let page = text(&modeltrail(&["runs", claimed.0.path().to_str().unwrap()]).stdout);
    assert_eq!(page.matches("gap:").count(), 1, "{page}");
    assert!(page.contains("gap: epoch 6 is missing"), "{page}");

    let letter = |step: usize| char::from(b'a' + (step * 11 % 26) as u8);
    let nameless = |lost: std::ops::Range<usize>| {
        let folder = Folder::new();
        for (step, weights) in walk(1, 24).iter().enumerate() {
            if !lost.contains(&step) {
                write(&folder, &format!("{}x.safetensors", letter(step)), weights);
            }
        }
        let answer = json(&["runs", folder.0.path().to_str().unwrap(), "--runs", "1"]);
        answer["groups"][0]["runs"][0].clone()
    };
    assert!(nameless(0..0)["gaps"].as_array().unwrap().is_empty());
    let run = nameless(10..14);
    let gaps = run["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{run}");
    assert_eq!(gaps[0]["gap"], "long_step");
    let after = gaps[0]["after"].as_u64().unwrap() as usize;
    assert_eq!(
        run["checkpoints"][after]["name"],
        format!("{}x.safetensors", letter(9))
    );
}

#[test]
fn a_run_that_a_loss_splits_in_two_is_one_run_with_a_gap() {
    let folder = Folder::new();
    for (step, weights) in walk(1, 30).iter().enumerate() {
        if !(5..25).contains(&step) {
            write(&folder, &format!("epoch-{step}.safetensors"), weights);
        }
    }
    let page = text(&modeltrail(&["runs", folder.0.path().to_str().unwrap()]).stdout);
    assert!(
        page.starts_with("10 checkpoints of 1 family: 1 run\n"),
        "{page}"
    );
    let told = "gap: epochs 5 to 24 are missing";
    assert_eq!(page.matches(told).count(), 1, "{page}");
}

#[test]
fn completions_come_out_for_every_shell_and_know_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = modeltrail(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let script = text(&output.stdout);
        for word in ["modeltrail", "report", "linkage", "html"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(modeltrail(&["completions", "cmd"]).status.code(), Some(2));
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let folder = Folder::new();
    let out = folder.shown("man/man1");
    let output = modeltrail(&["man", "--out", &out]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = |name: &str| std::fs::read_to_string(Path::new(&out).join(name)).unwrap();
    for name in [
        "modeltrail.1",
        "modeltrail-report.1",
        "modeltrail-zoo-train.1",
    ] {
        assert!(page(name).contains(".TH"), "{name}");
    }
    let report = page("modeltrail-report.1");
    assert!(
        report.contains("modeltrail report") && report.contains("Examples"),
        "{report}"
    );
}
