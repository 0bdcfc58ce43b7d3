//! Remote paths through the command: every answer about a series on a hub is the one about the folder, and
//! no token and no signature is ever said. The hub is played by a server on this machine.
#![cfg(feature = "remote")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use hostile::server::{Misdeed, Server, Site, When};
use std::process::{Command, Output};
use support::{Folder, check_schema, text};

const TOKEN: &str = "hf_topsecret";

/// Eight steps of a run, each in a folder of its own, as branches of a repository are.
fn series() -> Folder {
    let folder = Folder::new();
    for step in 1..=8 {
        let value = |index: usize| {
            let along = 0.1 * step as f32 * (index as f32).cos();
            (index as f32).sin() + along
        };
        let weights: Vec<f32> = (0..48).map(value).collect();
        let bias: Vec<f32> = (100..106).map(value).collect();
        let name = format!("step{}/model.safetensors", 100 * step);
        folder.write(
            &name,
            &[("fc.weight", &[6, 8], &weights), ("fc.bias", &[6], &bias)],
        );
    }
    folder
}

fn hub(folder: &Folder) -> Server {
    let site = Site {
        token: Some(TOKEN.to_owned()),
        ..Site::series("org/name", folder.0.path()).unwrap()
    };
    Server::start(site).unwrap()
}

/// The command, with the hub in its environment and nothing else of what tools of the hub look at.
fn ask(server: &Server, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modeltrail"));
    for (name, _) in std::env::vars() {
        if name.starts_with("HF_") || name.starts_with("HUGGING_FACE_") {
            command.env_remove(name);
        }
    }
    command
        .env("HF_ENDPOINT", server.endpoint())
        .env("HF_TOKEN", TOKEN)
        .env("HF_HUB_DOWNLOAD_TIMEOUT", "2")
        .env("MODELTRAIL_RETRIES", "2")
        .args(arguments)
        .output()
        .unwrap()
}

fn silent_about_secrets(output: &Output) {
    for said in [&output.stdout, &output.stderr] {
        let said = text(said);
        assert!(!said.contains(TOKEN), "{said}");
        assert!(!said.contains("signature"), "{said}");
    }
}

#[test]
fn every_answer_about_a_hub_is_the_one_about_the_folder() {
    let folder = series();
    let server = hub(&folder);
    let here = folder.root().to_owned();
    let there = "hf://org/name@*".to_owned();
    let of = |root: &str, step: usize| format!("{root}/step{step}/model.safetensors");
    type Question<'a> = (&'a str, &'a dyn Fn(&str) -> Vec<String>);
    let questions: [Question<'_>; 10] = [
        ("inspect", &|root| vec![root.to_owned()]),
        ("audit", &|root| vec![root.to_owned()]),
        ("runs", &|root| vec![root.to_owned()]),
        ("order", &|root| vec![root.to_owned()]),
        ("linkage", &|root| vec![root.to_owned()]),
        ("umap", &|root| vec![root.to_owned()]),
        ("diff", &|root| vec![of(root, 100), of(root, 200)]),
        ("lineage", &|root| {
            vec![of(root, 300), "--against".to_owned(), of(root, 200)]
        }),
        ("gate", &|root| {
            let candidate = vec!["--candidate".to_owned(), of(root, 800)];
            [vec!["--accredited".to_owned(), of(root, 700)], candidate].concat()
        }),
        ("audit", &|root| vec![of(root, 500), of(root, 600)]),
    ];
    for (question, paths) in questions {
        let answer = |root: &str| {
            let mut arguments = vec![question.to_owned(), "--json".to_owned()];
            arguments.extend(paths(root));
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = ask(&server, &arguments);
            silent_about_secrets(&output);
            let document = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|_| panic!("{question}: {}", text(&output.stderr)));
            check_schema(&document);
            let said = text(&output.stdout).replace(root, "ROOT");
            (output.status.code(), said)
        };
        let (wanted, found) = (answer(&here), answer(&there));
        assert_eq!(found, wanted, "{question}");
        assert_ne!(wanted.0, Some(2), "{question}: {}", wanted.1);
    }
}

#[test]
fn a_series_that_does_not_arrive_whole_gives_no_answer() {
    let folder = series();
    let server = hub(&folder);
    let whole = ask(&server, &["audit", "--json", "hf://org/name@*"]);
    assert_ne!(whole.status.code(), Some(2), "{}", text(&whole.stderr));
    let requests = {
        server.plan(None);
        ask(&server, &["audit", "--json", "hf://org/name@*"]);
        server.asked().len()
    };
    for at in (0..requests).step_by(3) {
        server.plan(Some((When::From(at), Misdeed::Status(503))));
        let output = ask(&server, &["audit", "--json", "hf://org/name@*"]);
        silent_about_secrets(&output);
        assert_eq!(output.status.code(), Some(2), "{at}");
        let said = text(&output.stderr);
        assert!(said.contains("127.0.0.1"), "{said}");
        assert!(said.contains("503"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        // What passes changes nothing.
        server.plan(Some((When::At(at), Misdeed::Cut)));
        let output = ask(&server, &["audit", "--json", "hf://org/name@*"]);
        assert_eq!(
            output.stdout,
            whole.stdout,
            "{at}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn what_is_signed_or_holds_a_password_is_not_said() {
    let folder = series();
    let site = Site {
        files: [(
            "/m.safetensors".to_owned(),
            std::fs::read(folder.path("step100/model.safetensors")).unwrap(),
        )]
        .into(),
        ..Site::default()
    };
    let server = Server::start(site).unwrap();
    let host = server.endpoint().replace("http://", "");
    for address in [
        format!("http://{host}/m.safetensors?signature=1"),
        format!("http://me:signature@{host}/m.safetensors"),
        format!("http://{host}/none.safetensors?signature=1"),
    ] {
        for arguments in [
            vec!["inspect", "--json", &address],
            vec!["inspect", &address],
            vec!["diff", "--json", &address, &address],
            vec!["runs", &address],
            vec!["inspect", "--no-such-flag", &address],
            vec!["export", &address],
        ] {
            silent_about_secrets(&ask(&server, &arguments));
        }
    }
    let signed = format!("http://{host}/m.safetensors?signature=1");
    let output = ask(&server, &["inspect", "--json", &signed]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let user = format!("http://me:signature@{host}/m.safetensors");
    ask(&server, &["inspect", &user]);
    let sent = server
        .asked()
        .into_iter()
        .filter_map(|one| one.authorization);
    assert!(sent.into_iter().any(|sent| sent.starts_with("Basic ")));
}

#[test]
fn sketches_are_kept_and_weights_are_not() {
    let folder = series();
    let server = hub(&folder);
    let cache = folder.path("cache");
    let cache = cache.to_str().unwrap();
    let arguments = [
        "runs",
        "--json",
        "hf://org/name@*",
        "--memory",
        "1K",
        "--cache",
        cache,
    ];
    let first = ask(&server, &arguments);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let kept: Vec<_> = std::fs::read_dir(cache).unwrap().collect();
    assert_eq!(kept.len(), 8);
    server.plan(None);
    let second = ask(&server, &arguments);
    assert_eq!(second.stdout, first.stdout);
    // The beginnings of the files, and nothing more.
    let ranges = server.asked().into_iter().filter(|asked| asked.of_files);
    assert!(ranges.count() <= 8);
}

#[test]
fn a_training_is_followed_on_this_machine() {
    let folder = series();
    let server = hub(&folder);
    let output = ask(&server, &["watch", "--once", "hf://org/name"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("on this machine"), "{said}");
}
