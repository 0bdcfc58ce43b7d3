//! Buckets, on a real server of S3 that somebody has started: `cargo xtask ci --full --only buckets` does.
//!
//! `S3_SERVER` is its address, as `127.0.0.1:5000`; its bucket `checkpoints` holds the files of
//! `tests/foreign/fixtures` under `fixtures/`. A server in front of it misbehaves at every request in turn.

#![cfg(feature = "buckets")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod read;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use checkpoint_store::remote::{Settings, configure};
use hostile::server::{Misdeed, Server, Site, When};
use read::{all_of, fixtures};

/// What nothing may say.
const SECRET: &str = "topsecretkey";

/// Runs one test of this file with these variables in its environment, where credentials are read from.
fn with_environment(test: &str, endpoint: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            test,
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("S3_INNER", "1")
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "us-east-1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn upstream() -> String {
    std::env::var("S3_SERVER").expect("S3_SERVER names a server")
}

fn is_inner() -> bool {
    std::env::var_os("S3_INNER").is_some()
}

fn settings() {
    let mut settings = Settings::from_environment();
    settings.timeout = Duration::from_millis(1500);
    settings.retries = 3;
    settings.first_wait = Duration::from_millis(1);
    configure(Some(settings));
}

#[test]
#[ignore = "needs a server of S3"]
fn every_format_is_read_from_a_bucket_as_from_a_folder() {
    if !is_inner() {
        let endpoint = format!("http://{}", upstream());
        return with_environment(
            "every_format_is_read_from_a_bucket_as_from_a_folder",
            &endpoint,
        );
    }
    settings();
    let here = all_of(&fixtures()).unwrap();
    let there = all_of(Path::new("s3://checkpoints/fixtures")).unwrap();
    assert!(here.checkpoints.len() > 100);
    for (path, wanted) in &here.checkpoints {
        assert!(there.checkpoints.get(path) == Some(wanted), "{path:?}");
    }
    assert_eq!(there, here);
    let part = all_of(Path::new("s3://checkpoints/fixtures/numpy/*.npy")).unwrap();
    assert_eq!(part.checkpoints.len(), 3);
    let sharded = "hf/sharded/model.safetensors.index.json";
    let one = all_of(&Path::new("s3://checkpoints/fixtures").join(sharded)).unwrap();
    assert_eq!(one.checkpoints.len(), 1);
    let error = all_of(Path::new("s3://checkpoints/nothing")).unwrap_err();
    assert!(error.to_string().contains("no object"), "{error}");
}

#[test]
#[ignore = "needs a server of S3"]
fn a_bucket_that_misbehaves_at_any_request_gives_the_same_bytes_or_an_error() {
    let path = Path::new("s3://checkpoints/fixtures/numpy");
    if !is_inner() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        return with_environment(
            "a_bucket_that_misbehaves_at_any_request_gives_the_same_bytes_or_an_error",
            &endpoint,
        );
    }
    let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
    let (_, port) = endpoint.rsplit_once(':').unwrap();
    let site = Site {
        upstream: Some(upstream().parse().unwrap()),
        port: port.parse().unwrap(),
        ..Site::default()
    };
    let server = Server::start(site).unwrap();
    settings();
    let wanted = all_of(&fixtures().join("numpy")).unwrap();
    server.plan(None);
    assert_eq!(all_of(path).unwrap(), wanted);
    let requests = server.asked().len();
    let (mut same, mut errors) = (0, 0);
    for misdeed in Misdeed::ALL {
        for at in 0..requests {
            for when in [When::At(at), When::From(at)] {
                server.plan(Some((when, misdeed)));
                let begun = Instant::now();
                let read = all_of(path);
                assert!(begun.elapsed() < Duration::from_secs(60));
                match read {
                    Ok(read) => {
                        assert!(read == wanted, "{misdeed:?} {when:?}: other bytes");
                        same += 1;
                    }
                    Err(error) => {
                        let said = format!("{error} {error:?}");
                        assert!(!said.contains(SECRET), "{said}");
                        let passes = when == When::At(at) && misdeed.passes();
                        assert!(!passes, "{misdeed:?} {when:?}: {error}");
                        errors += 1;
                    }
                }
            }
        }
    }
    println!("{requests} requests: {same} times the same bytes, {errors} times an error");
    assert!(errors > 50);
}
