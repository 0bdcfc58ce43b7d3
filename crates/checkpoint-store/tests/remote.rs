//! What lies elsewhere is read as what lies here, or not at all: from a server that plays the Hugging
//! Face hub, and misbehaves at every request in turn. No network is needed.

#![cfg(feature = "remote")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use checkpoint_store::files::received;
use checkpoint_store::foreign::{ForeignCheckpoint, Limits, discover};
use checkpoint_store::remote::{Secret, Settings, configure};
use checkpoint_store::{Error, Fault};
use hostile::server::{Misdeed, Revision, Server, Site, When, files_in};
use read::{all_of, fixtures};

/// Settings are those of the process: one test after the other.
static ALONE: Mutex<()> = Mutex::new(());

struct Asking<'a> {
    server: Server,
    _alone: MutexGuard<'a, ()>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        configure(None);
    }
}

/// A server, and settings that lose no time.
fn ask(site: Site, token: Option<&str>) -> Asking<'static> {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start(site).unwrap();
    let mut settings = Settings::from_environment();
    settings.endpoint = server.endpoint();
    settings.token = token.map(Secret::new);
    settings.offline = false;
    settings.timeout = Duration::from_millis(250);
    settings.retries = 3;
    settings.first_wait = Duration::from_millis(1);
    configure(Some(settings));
    Asking {
        server,
        _alone: alone,
    }
}

/// A safetensors file with these tensors of f32, in the order given.
fn safetensors(tensors: &[(&str, usize, u32)]) -> Vec<u8> {
    let mut header = Vec::new();
    let mut values = Vec::new();
    for (name, count, seed) in tensors {
        let start = values.len();
        let mut state = *seed;
        for _ in 0..*count {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            values.extend_from_slice(&((state >> 8) as f32 / 1e7).to_le_bytes());
        }
        let end = values.len();
        header.push(format!(
            r#""{name}":{{"dtype":"F32","shape":[{count}],"data_offsets":[{start},{end}]}}"#
        ));
    }
    let header = format!("{{{}}}", header.join(","));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&values);
    file
}

/// A series of three steps, one of them in shards, in a folder.
fn series() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for step in [100_u32, 200] {
        let own = folder.path().join(format!("step{step}"));
        std::fs::create_dir(&own).unwrap();
        let file = safetensors(&[("embed", 40_000, step), ("head", 5_000, step + 1)]);
        std::fs::write(own.join("model.safetensors"), file).unwrap();
        std::fs::write(own.join("config.json"), "{}").unwrap();
        std::fs::write(
            own.join("trainer_state.json"),
            format!(r#"{{"global_step":{step}}}"#),
        )
        .unwrap();
    }
    let own = folder.path().join("step300");
    std::fs::create_dir(&own).unwrap();
    let [first, second] =
        [("embed", 40_000, 300), ("head", 5_000, 301)].map(|one| safetensors(&[one]));
    std::fs::write(own.join("model-00001-of-00002.safetensors"), first).unwrap();
    std::fs::write(own.join("model-00002-of-00002.safetensors"), second).unwrap();
    let index = r#"{"weight_map":{"embed":"model-00001-of-00002.safetensors","head":"model-00002-of-00002.safetensors"}}"#;
    std::fs::write(own.join("model.safetensors.index.json"), index).unwrap();
    folder
}

#[test]
fn every_format_is_read_from_the_hub_as_from_a_folder() {
    let files = files_in(&fixtures()).unwrap();
    let site = Site {
        repositories: BTreeMap::from([(
            "org/name".to_owned(),
            vec![Revision::branch("main", files)],
        )]),
        page: 50,
        ..Site::default()
    };
    let asking = ask(site, None);
    let here = all_of(&fixtures()).unwrap();
    assert!(here.checkpoints.len() > 100, "{}", here.checkpoints.len());
    let there = all_of(Path::new("hf://org/name")).unwrap();
    for (path, wanted) in &here.checkpoints {
        assert!(there.checkpoints.get(path) == Some(wanted), "{path:?}");
    }
    assert_eq!(here.problems, there.problems);
    assert_eq!(here, there);
    drop(asking);
}

#[test]
fn every_revision_is_a_folder_of_a_series() {
    let folder = series();
    let asking = ask(Site::series("org/name", folder.path()).unwrap(), None);
    let here = all_of(folder.path()).unwrap();
    assert_eq!(here.checkpoints.len(), 3);
    assert_eq!(all_of(Path::new("hf://org/name@*")).unwrap(), here);
    let some = all_of(Path::new("hf://org/name@step[12]00")).unwrap();
    assert_eq!(some.checkpoints.len(), 2);
    let one = all_of(Path::new("hf://org/name@step200")).unwrap();
    let [(path, _)] = one.checkpoints.iter().collect::<Vec<_>>()[..] else {
        panic!("{one:?}");
    };
    assert_eq!(path, Path::new("model.safetensors"));
    let below = all_of(Path::new("hf://org/name@*/step100/model.safetensors")).unwrap();
    assert_eq!(below.checkpoints.len(), 1);
    let matched = all_of(Path::new("hf://org/name@step100/*.safetensors")).unwrap();
    assert_eq!(matched.checkpoints.len(), 1);
    drop(asking);
}

#[test]
fn one_commit_under_two_names_is_one_checkpoint() {
    let folder = series();
    let mut site = Site::series("org/name", folder.path()).unwrap();
    let revisions = site.repositories.get_mut("org/name").unwrap();
    let last = revisions.last().unwrap().clone();
    revisions.push(Revision {
        name: "main".to_owned(),
        ..last.clone()
    });
    revisions.push(Revision {
        name: "v1".to_owned(),
        is_tag: true,
        ..last
    });
    let asking = ask(site, None);
    let there = all_of(Path::new("hf://org/name@*")).unwrap();
    assert_eq!(there, all_of(folder.path()).unwrap());
    drop(asking);
}

/// Reads a path once for each misdeed at each request, and once for each from each request on: what
/// passes changes nothing, and the rest is the same or an error.
fn misbehaves(path: &Path, asking: &Asking<'_>, secrets: &[&str]) {
    let wanted = all_of(path).unwrap();
    asking.server.plan(None);
    assert_eq!(all_of(path).unwrap(), wanted);
    let requests = asking.server.asked().len();
    assert!(requests > 1, "{requests}");
    let mut errors = 0;
    for misdeed in Misdeed::ALL {
        for at in 0..requests {
            for when in [When::At(at), When::From(at)] {
                // What never comes is waited for as often as is tried again.
                let is_long = matches!(misdeed, Misdeed::Silent | Misdeed::Stall);
                if is_long && when == When::From(at) && at != 1 {
                    continue;
                }
                asking.server.plan(Some((when, misdeed)));
                let begun = Instant::now();
                let read = all_of(path);
                let took = begun.elapsed();
                assert!(
                    took < Duration::from_secs(20),
                    "{misdeed:?} {when:?}: {took:?}"
                );
                match read {
                    // A server that gives other bytes from the first one on has a damaged file.
                    Ok(read) if !read.problems.is_empty() => {
                        for (path, whole) in &read.checkpoints {
                            assert!(wanted.checkpoints.get(path) == Some(whole), "{path:?}");
                        }
                        let passes = when == When::At(at) && misdeed.passes();
                        assert!(!passes, "{misdeed:?} {when:?}: {:?}", read.problems);
                        errors += 1;
                    }
                    Ok(read) => assert!(read == wanted, "{misdeed:?} {when:?}: other bytes"),
                    Err(error) => {
                        let is_once = when == When::At(at);
                        assert!(
                            !(is_once && misdeed.passes()),
                            "{misdeed:?} {when:?}: {error}"
                        );
                        let said = format!("{error} {error:?}");
                        assert!(said.contains("127.0.0.1"), "{said}");
                        for secret in secrets {
                            assert!(!said.contains(secret), "{misdeed:?} {when:?}: {said}");
                        }
                        errors += 1;
                    }
                }
            }
        }
    }
    assert!(errors > 50, "{errors}");
}

#[test]
fn a_hub_that_misbehaves_at_any_request_gives_the_same_bytes_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for step in ["step1", "step2"] {
        let own = folder.path().join(step);
        std::fs::create_dir(&own).unwrap();
        let file = safetensors(&[("embed", 30_000, 1), ("head", 50, 2)]);
        std::fs::write(own.join("model.safetensors"), file).unwrap();
    }
    let site = Site {
        token: Some("hf_topsecret".to_owned()),
        ..Site::series("org/name", folder.path()).unwrap()
    };
    let asking = ask(site, Some("hf_topsecret"));
    misbehaves(
        Path::new("hf://org/name@*"),
        &asking,
        &["hf_topsecret", "signature"],
    );
}

#[test]
fn a_web_server_that_misbehaves_at_any_request_gives_the_same_bytes_or_an_error() {
    let file = safetensors(&[("embed", 30_000, 1), ("head", 50, 2)]);
    let site = Site {
        files: BTreeMap::from([("/a/model.safetensors".to_owned(), file)]),
        ..Site::default()
    };
    let asking = ask(site, None);
    let address = format!("{}/a/model.safetensors", asking.server.endpoint());
    misbehaves(Path::new(&address), &asking, &[]);
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_else() {
    let folder = series();
    let site = Site {
        token: Some("hf_topsecret".to_owned()),
        ..Site::series("org/name", folder.path()).unwrap()
    };
    let asking = ask(site, Some("hf_topsecret"));
    all_of(Path::new("hf://org/name@*")).unwrap();
    let asked = asking.server.asked();
    let of_files = asked.iter().filter(|asked| asked.of_files);
    assert!(of_files.clone().count() > 3);
    for asked in of_files {
        assert_eq!(asked.authorization, None);
    }
    let hub = asked.iter().filter(|asked| !asked.of_files);
    for asked in hub {
        assert_eq!(asked.authorization.as_deref(), Some("Bearer hf_topsecret"));
    }
}

#[test]
fn without_the_token_the_error_says_how_to_log_in() {
    let folder = series();
    let site = Site {
        token: Some("hf_topsecret".to_owned()),
        ..Site::series("org/name", folder.path()).unwrap()
    };
    for token in [None, Some("hf_expired")] {
        let asking = ask(site.clone(), token);
        let error = all_of(Path::new("hf://org/name@*")).unwrap_err();
        let Error::Foreign { fault, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*fault, Fault::Refused);
        assert!(error.to_string().contains("HF_TOKEN"), "{error}");
        assert!(!format!("{error:?}").contains("hf_expired"));
        drop(asking);
    }
}

#[test]
fn descriptions_cost_headers_and_not_weights() {
    let file = safetensors(&[("embed", 2_000_000, 1), ("head", 50, 2)]);
    let files = BTreeMap::from([("model.safetensors".to_owned(), file)]);
    let site = Site {
        repositories: BTreeMap::from([(
            "org/name".to_owned(),
            vec![Revision::branch("main", files)],
        )]),
        ..Site::default()
    };
    let asking = ask(site, None);
    let before = received();
    let path = PathBuf::from("hf://org/name");
    let discovery = discover(std::slice::from_ref(&path), &Limits::default());
    let found = &discovery.checkpoints[0];
    let description = found.describe(&Limits::default()).unwrap();
    assert_eq!(description.tensors().len(), 2);
    assert!(received() - before <= 64 << 10);
    // Three for the API, two for the beginning of the file.
    assert!(
        asking.server.asked().len() <= 5,
        "{:?}",
        asking.server.asked()
    );
    let checkpoint = description.open().unwrap();
    let mut count = 0;
    checkpoint
        .read(0, &mut |values| count += values.len())
        .unwrap();
    assert_eq!(count, 2_000_000);
    let asked = asking.server.asked().len();
    assert!(asked < 20, "{asked}");
    drop(asking);
}

#[test]
fn a_part_of_a_tensor_costs_that_part() {
    let file = safetensors(&[("embed", 4_000_000, 1)]);
    let site = Site {
        files: BTreeMap::from([("/model.safetensors".to_owned(), file)]),
        ..Site::default()
    };
    let asking = ask(site, None);
    let address = format!("{}/model.safetensors", asking.server.endpoint());
    let limits = Limits::default();
    let discovery = discover(&[PathBuf::from(address)], &limits);
    let checkpoint = ForeignCheckpoint::open(&discovery.checkpoints[0], &limits).unwrap();
    let before = received();
    let mut count = 0;
    let range = 3_000_000..3_000_010;
    checkpoint
        .read_range(0, range, &mut |values| count += values.len())
        .unwrap();
    assert_eq!(count, 10);
    assert!(received() - before <= 64 << 10);
    drop(asking);
}

#[test]
fn an_index_of_shards_is_read_from_the_web_with_the_shards_beside_it() {
    let folder = series();
    let files = files_in(&folder.path().join("step300")).unwrap();
    let files = files
        .into_iter()
        .map(|(name, file)| (format!("/b/{name}"), file));
    let site = Site {
        files: files.collect(),
        ..Site::default()
    };
    let asking = ask(site, None);
    let index = "model.safetensors.index.json";
    let address = format!("{}/b/{index}?token=secret", asking.server.endpoint());
    let there = all_of(Path::new(&address)).unwrap();
    let wanted = all_of(&folder.path().join("step300").join(index)).unwrap();
    let [there, wanted] = [there, wanted].map(|all| {
        let all = all.checkpoints.into_values();
        all.map(|one| one.tensors).collect::<Vec<_>>()
    });
    assert!(there == wanted);
    let missing = format!("{}/b/other.safetensors", asking.server.endpoint());
    let error = all_of(Path::new(&missing)).unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
}

#[test]
fn what_a_path_should_be_is_said() {
    let asking = ask(Site::default(), None);
    for (path, wanted) in [
        ("hf://", "hf://ORG/NAME"),
        ("hf://org/na me", "hf://ORG/NAME"),
        ("https://host", "names a server"),
        ("hf://org/none", "no such repository"),
    ] {
        let error = all_of(Path::new(path)).unwrap_err();
        assert!(error.to_string().contains(wanted), "{path}: {error}");
    }
    drop(asking);
}
