//! How answers look: widths, long names, many tensors, colours, paths that are no Unicode, names that
//! would lead elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(unix)]

mod support;

use serde_json::Value;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Folder, Tensor, json, modeltrail, refused, safetensors, text};

/// Runs the program with this in its environment.
fn with(variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modeltrail"));
    command.args(arguments).env_remove("NO_COLOR");
    for (name, value) in variables {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    text(&output.stdout)
}

fn widest(said: &str) -> usize {
    said.lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0)
}

/// Two files of so many tensors; the last third of them changed, the later the more.
fn many(folder: &Folder, count: usize) -> [String; 2] {
    let names: Vec<String> = (0..count)
        .map(|index| format!("layers.{index}.weight"))
        .collect();
    let save = |name: &str, factor: f32| {
        let values: Vec<[f32; 2]> = (0..count)
            .map(|index| {
                let moved = if 3 * index < 2 * count {
                    0.0
                } else {
                    factor * index as f32
                };
                [1.0 + moved / count as f32, 0.5]
            })
            .collect();
        let tensors = names.iter().zip(&values);
        let tensors: Vec<Tensor<'_>> = tensors
            .map(|(name, values)| (name.as_str(), &[2_usize][..], &values[..]))
            .collect();
        folder.write(name, &tensors);
        folder.shown(name)
    };
    [save("a.safetensors", 0.0), save("b.safetensors", 1.0)]
}

#[test]
fn tables_and_help_keep_to_the_width_of_the_terminal() {
    let folder = Folder::new();
    let name = "x".repeat(3000);
    for epoch in 1..=3 {
        let file = format!("{}-epoch-{epoch}.safetensors", "run".repeat(60));
        folder.write(
            &file,
            &[(&name, &[2, 2], &[epoch as f32; 4]), ("y", &[1], &[0.0])],
        );
    }
    let file = folder.shown(&format!("{}-epoch-1.safetensors", "run".repeat(60)));
    for columns in ["60", "80", "140"] {
        let width: usize = columns.parse().unwrap();
        for command in ["runs", "inspect", "order"] {
            // Titles and numbers of these need more.
            if command != "runs" && width < 80 {
                continue;
            }
            let arguments = &[command, folder.root()];
            let said = with(&[("COLUMNS", columns)], arguments);
            let tables: Vec<&str> = said
                .lines()
                .filter(|line| line.trim().contains("  "))
                .collect();
            assert!(!tables.is_empty());
            assert!(widest(&tables.join("\n")) <= width, "{columns}: {said}");
        }
        let said = with(&[("COLUMNS", columns)], &["diff", &file, &file]);
        let table = said.split("\n\n").nth(1).unwrap();
        assert!(widest(table) <= width.max(70), "{columns}: {said}");
        for command in ["gate", "watch", "diff", "inspect"] {
            let help = with(&[("COLUMNS", columns)], &[command, "--help"]);
            let lines = help
                .lines()
                .filter(|line| !line.starts_with("  modeltrail") && !line.starts_with("Usage"));
            let widest = lines.map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width.min(100), "{command} {columns}: {help}");
        }
    }
    // In JSON nothing is cut short.
    let answer = json(&["diff", &file, &file], 0);
    let names = answer["tensors"].as_array().unwrap().iter();
    assert!(
        names
            .map(|row| row["name"].as_str().unwrap())
            .any(|own| own == name)
    );
    let said = with(&[], &["diff", &file, &file]);
    assert!(widest(&said) < 400, "{said}");
    assert!(said.contains("xx…xx"), "{said}");
}

#[test]
fn of_many_tensors_those_that_changed_most_are_shown() {
    let folder = Folder::new();
    let [a, b] = many(&folder, 300);
    let said = with(&[], &["diff", &a, &b]);
    assert!(said.lines().count() < 40, "{said}");
    let mut rows = said
        .lines()
        .skip_while(|line| !line.starts_with("changed most"));
    let first = rows.nth(1).unwrap();
    assert!(first.starts_with("layers.299.weight"), "{said}");
    assert!(
        said.contains(
            "100 of 300 tensors changed, and 200 are the same bits; shown are 20 (--all)"
        ),
        "{said}"
    );
    let all = with(&[], &["diff", &a, &b, "--all"]);
    assert_eq!(all.matches("layers.").count(), 300);
    let answer = json(&["diff", &a, &b], 0);
    assert_eq!(answer["tensors"].as_array().unwrap().len(), 300);
    let said = with(&[], &["diff", &a, &b, "--expect-frozen", "layers.*"]);
    assert!(said.contains("! 92 more like these (--all)"), "{said}");
    // Sketches, likewise.
    let sketches = folder.shown("kept.json");
    assert!(
        modeltrail(&["sketch", &a, &b, "--out", &sketches])
            .status
            .success()
    );
    let [a, b] = ["a", "b"].map(|name| format!("{sketches}:{name}.safetensors"));
    let said = with(&[], &["diff", &a, &b]);
    assert!(
        said.contains("shown are 20 (--all)") && said.lines().count() < 40,
        "{said}"
    );
}

#[test]
fn colours_are_there_where_they_are_wanted() {
    let folder = Folder::new();
    let [a, b] = many(&folder, 3);
    let gate = ["gate", "--accredited", &a, "--candidate", &b];
    let colour = "\x1b[";
    let always = [&gate[..], &["--color", "always"]].concat();
    assert!(with(&[], &always).contains("\x1b[1;31mRETEST\x1b[0m"));
    assert!(with(&[("NO_COLOR", "1")], &always).contains(colour));
    assert!(!with(&[], &gate).contains(colour));
    assert!(!with(&[], &[&gate[..], &["--color", "never"]].concat()).contains(colour));
    let json = [&always[..], &["--json"]].concat();
    assert!(!with(&[], &json).contains(colour));
    refused(
        &[&gate[..], &["--color", "sometimes"]].concat(),
        &["sometimes"],
    );
    assert!(with(&[], &["--color=always", "--help"]).contains(colour));
    assert!(!with(&[], &["--help"]).contains(colour));
}

#[test]
fn paths_in_json_keep_bytes_that_are_no_unicode() {
    let folder = Folder::new();
    let bytes = |values: f32| safetensors(&[("fc.weight", &[2, 2], &[values; 4])]);
    let name = |epoch: u8| {
        OsString::from_vec(vec![
            b'%',
            0xff,
            b'-',
            b'e',
            b'p',
            b'o',
            b'c',
            b'h',
            b'-',
            b'0' + epoch,
            b'.',
            b'p',
            b't',
        ])
    };
    for epoch in 1..4 {
        std::fs::write(folder.0.path().join(name(epoch)), bytes(f32::from(epoch))).unwrap();
    }
    std::fs::write(folder.0.path().join(name(7)), b"").unwrap();
    let path = |value: &Value| modeltrail::path::read(value.as_str().unwrap());
    let answer = json(&["runs", folder.root()], 1);
    let places = answer["groups"][0]["runs"][0]["checkpoints"]
        .as_array()
        .unwrap();
    let mut found: Vec<_> = places.iter().map(|place| path(&place["path"])).collect();
    found.push(path(&answer["problems"][0]["path"]));
    found.sort();
    let expected = [1, 2, 3, 7].map(|epoch| folder.0.path().join(name(epoch)));
    assert_eq!(found, expected);
    let answer = json(&["inspect", folder.root()], 1);
    assert_eq!(path(&answer["checkpoints"][0]["path"]), expected[0]);
    assert_eq!(path(&answer["problems"][0]["path"]), expected[3]);
    // A folder to write to may be called so, too.
    let elsewhere = Folder::new();
    let out = elsewhere
        .0
        .path()
        .join(OsString::from_vec(b"out\xfe".to_vec()));
    let output = Command::new(env!("CARGO_BIN_EXE_modeltrail"))
        .args(["export", "--format", "npz", "--json", "--out"])
        .arg(&out)
        .arg(folder.0.path().join(name(1)))
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(path(&answer["out"]), out);
    assert!(path(&answer["files"][0]).is_file());
    let watched = modeltrail(&["watch", folder.root(), "--once", "--json"]);
    let lines = text(&watched.stdout);
    let first: Value = serde_json::from_str(
        lines
            .lines()
            .find(|line| line.contains("\"checkpoint\""))
            .unwrap(),
    )
    .unwrap();
    assert_eq!(path(&first["path"]), expected[0]);
}

#[test]
fn no_entry_that_is_written_leads_out_of_its_folder() {
    let folder = Folder::new();
    let names = [
        "../x",
        "/abs",
        "C:\\x",
        "a\\..\\..\\b",
        "nul\0byte",
        "..",
        "a/../../b",
        "plain.weight",
    ];
    let tensors: Vec<Tensor<'_>> = names
        .iter()
        .map(|name| (*name, &[1_usize][..], &[1.0_f32][..]))
        .collect();
    folder.write("epoch-1.safetensors", &tensors);
    let path = folder.shown("epoch-1.safetensors");
    for format in ["npz", "safetensors", "parquet"] {
        let out = folder.shown(&format!("out/{format}/inner"));
        let before = listing(&folder, format);
        let output = modeltrail(&["export", &path, "--format", format, "--out", &out]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{format}: {}",
            text(&output.stderr)
        );
        assert_eq!(listing(&folder, format), before, "{format}");
        if format != "npz" {
            continue;
        }
        // What unpacks the archive by its names stays where it is told to.
        let file = std::fs::read(folder.path("out/npz/inner/epoch-1.npz")).unwrap();
        for entry in entries(&file) {
            let parts: Vec<&str> = entry.split(['/', '\\']).collect();
            assert!(!parts.contains(&"..") && !parts.contains(&""), "{entry}");
            assert!(!entry.contains([':', '\0']), "{entry}");
        }
        assert_eq!(entries(&file).len(), names.len());
        let inner = folder.shown("out/npz/inner/epoch-1.npz");
        let answer = json(&["inspect", &inner], 0);
        assert_eq!(
            answer["checkpoints"][0]["tensors"]
                .as_array()
                .unwrap()
                .len(),
            names.len()
        );
    }
}

/// What lies in the folder outside of what one export writes.
fn listing(folder: &Folder, format: &str) -> Vec<OsString> {
    let mut names = Vec::new();
    let mut folders = vec![folder.0.path().to_path_buf()];
    let out = folder.path("out");
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path == out.join(format) || path == out {
                continue;
            }
            if path.is_dir() {
                folders.push(path.clone());
            }
            names.push(path.into_os_string());
        }
    }
    names.sort();
    names
}

/// The names in the directory of a zip archive.
fn entries(file: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(start) = file[at..]
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
    {
        let record = at + start;
        let length = u16::from_le_bytes([file[record + 28], file[record + 29]]) as usize;
        let name = &file[record + 46..record + 46 + length];
        names.push(String::from_utf8(name.to_vec()).unwrap());
        at = record + 46 + length;
    }
    names
}

#[test]
fn a_limit_that_is_met_names_its_flag_and_a_value_that_is_enough() {
    let folder = Folder::new();
    let [a, b] = many(&folder, 40);
    let met = |arguments: &[&str]| {
        let output = modeltrail(arguments);
        let said = text(&output.stderr);
        let flag = said
            .split("(--limit ")
            .nth(1)
            .and_then(|rest| rest.split(')').next());
        flag.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    for limit in ["most_tensors=30", "largest_header=100", "largest_tensor=4"] {
        for command in [
            ["diff", &a, &b].as_slice(),
            &["runs", &a, &b],
            &["inspect", &a],
        ] {
            let mut arguments = command.to_vec();
            arguments.extend(["--limit", limit]);
            let flag = met(&arguments);
            let name = limit.split('=').next().unwrap();
            assert!(flag.starts_with(name), "{flag}");
            let raised = [command, &["--limit", &flag]].concat();
            assert_eq!(modeltrail(&raised).status.code(), Some(0), "{raised:?}");
        }
    }
}

#[test]
fn a_watch_says_what_it_waits_for() {
    let folder = Folder::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_modeltrail"))
        .args(["watch", folder.root(), "--interval", "0.05"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (heard, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count) = stderr.read(&mut bytes) {
            if count == 0 || heard.send(bytes[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut said = String::new();
    let mut wait_for = |words: &str| {
        let end = Instant::now() + Duration::from_secs(30);
        while !said.contains(words) {
            assert!(Instant::now() < end, "`{words}` is not in: {said}");
            if let Ok(more) = hear.recv_timeout(Duration::from_millis(100)) {
                said.push_str(&text(&more));
            }
        }
    };
    wait_for("waiting for the first checkpoint in ");
    folder.write("epoch-1.safetensors", &[("fc.weight", &[2, 2], &[1.0; 4])]);
    wait_for("waiting for the next checkpoint in ");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn many_files_of_one_trouble_are_one_line() {
    let folder = Folder::new();
    for epoch in 1..=30 {
        let name = format!("epoch-{epoch}.safetensors");
        folder.write(&name, &[("fc.weight", &[2, 2], &[epoch as f32; 4])]);
        std::fs::write(folder.path(&format!("broken-{epoch}.pt")), b"").unwrap();
    }
    let output = modeltrail(&["runs", folder.root()]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.contains("29 more files for the same reason"), "{said}");
    // In natural order.
    assert!(
        said.lines().next().unwrap().contains("broken-1.pt"),
        "{said}"
    );
    assert!(
        said.contains("broken-2.pt to ") && said.trim_end().ends_with("broken-30.pt"),
        "{said}"
    );
    let answer = json(&["runs", folder.root()], 1);
    assert_eq!(answer["problems"].as_array().unwrap().len(), 30);
}
