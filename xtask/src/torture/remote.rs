//! R13: remote objects. A server on this machine plays the hub and misbehaves at every request in turn; a
//! question about what it has ends with the answer that the folder gives, or with an error that names the
//! server, and never with a token or a signature in it.

use super::Effort;
use super::tally::Tally;
use anyhow::{Result, ensure};
use hostile::server::{Misdeed, Server, Site, When};
use modeltrail::audit::{AuditOptions, audit};
use modeltrail::collection::Options;
use modeltrail::inspect::inspect;
use modeltrail::progress::Silent;
use modeltrail::remote::{Secret, Settings, configure};
use modeltrail::runs::RunOptions;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The token of the hub, which nothing may say.
const TOKEN: &str = "hf_topsecret";
/// What addresses are signed with, which nothing may say either.
const SIGNATURE: &str = "signature";
/// How long a question may take, whatever the server does: many times what all its waits add up to.
const LONGEST: Duration = Duration::from_secs(30);
/// Steps of the series, and weights of each.
const STEPS: u32 = 4;
const WEIGHTS: usize = 30_000;
/// The series, on the hub.
const THERE: &str = "hf://org/name@*";

/// A question, and how it is asked.
type Question = (&'static str, fn(&Path) -> Result<String, String>);

const QUESTIONS: [Question; 3] = [
    ("audit", |root| {
        let asked = AuditOptions::default();
        let answer = audit(&[root.into()], &Options::default(), &asked, &Silent);
        match answer
            .as_ref()
            .ok()
            .and_then(|audit| audit.problems().first())
        {
            Some(problem) => Err(problem.message.clone()),
            None => as_json(root, answer),
        }
    }),
    ("inspect", |root| {
        let answer =
            inspect(&[root.into()], &Options::default()).map_err(|error| error.to_line())?;
        match answer.problems().first() {
            Some(problem) => Err(problem.message.clone()),
            None => as_json(root, Ok(answer)),
        }
    }),
    ("runs", |root| {
        let collection = Options::default().read([root]);
        if let Some(problem) = collection.problems.first() {
            return Err(problem.message.clone());
        }
        as_json(root, collection.runs(&RunOptions::default(), &Silent))
    }),
];

fn as_json<T: serde::Serialize>(
    root: &Path,
    answer: modeltrail::Result<T>,
) -> Result<String, String> {
    let answer = answer.map_err(|error| error.to_line())?;
    let text = serde_json::to_string(&answer).map_err(|error| error.to_string())?;
    Ok(text.replace(&*root.to_string_lossy(), "ROOT"))
}

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let folder = tempfile::tempdir()?;
    write_series(folder.path())?;
    let mut tallies = Vec::new();
    let step = effort.of(1, 17);
    for (question, ask) in QUESTIONS {
        tallies.push(misbehaving(question, ask, folder.path(), step)?);
    }
    tallies.push(token(folder.path())?);
    configure(None);
    Ok(tallies)
}

fn settings(server: &Server, token: Option<&str>) -> Settings {
    let mut settings = Settings::from_environment();
    settings.endpoint = server.endpoint();
    settings.token = token.map(Secret::new);
    settings.offline = false;
    settings.timeout = Duration::from_millis(250);
    settings.retries = 3;
    settings.first_wait = Duration::from_millis(1);
    settings
}

fn start(folder: &Path) -> Result<Server> {
    let site = Site {
        token: Some(TOKEN.to_owned()),
        page: 2,
        ..Site::series("org/name", folder)?
    };
    let server = Server::start(site)?;
    configure(Some(settings(&server, Some(TOKEN))));
    Ok(server)
}

/// One question, for each misdeed at each request: once, and from there on.
fn misbehaving(
    question: &str,
    ask: fn(&Path) -> Result<String, String>,
    folder: &Path,
    step: usize,
) -> Result<Tally> {
    let server = start(folder)?;
    let wanted = ask(folder).map_err(anyhow::Error::msg)?;
    server.plan(None);
    let there = PathBuf::from(THERE);
    let undisturbed = ask(&there).map_err(anyhow::Error::msg)?;
    ensure!(
        undisturbed == wanted,
        "{question}: the hub is not the folder"
    );
    let requests = server.asked().len();
    let mut what = String::new();
    let _ = write!(
        what,
        "`{question}` of a series on a hub that misbehaves in {} ways at each of {requests} requests, once \
         and from there on: the JSON of the folder, or an error that names the server; no token and no \
         signature in it, within {} s",
        Misdeed::ALL.len(),
        LONGEST.as_secs()
    );
    let mut tally = Tally::new(what);
    let (mut same, mut refused) = (0, 0);
    let cases = Misdeed::ALL.into_iter().flat_map(|misdeed| {
        (0..requests).flat_map(move |at| [(When::At(at), misdeed), (When::From(at), misdeed)])
    });
    // What never comes is waited for as often as is tried again.
    let is_long = |misdeed| matches!(misdeed, Misdeed::Silent | Misdeed::Stall);
    let cases = cases.filter(|(when, misdeed)| {
        !is_long(*misdeed) || matches!(when, When::At(_)) || *when == When::From(1)
    });
    for (when, misdeed) in cases.step_by(step) {
        server.plan(Some((when, misdeed)));
        let begun = Instant::now();
        let answer = ask(&there);
        let took = begun.elapsed();
        match &answer {
            Ok(_) => same += 1,
            Err(_) => refused += 1,
        }
        let is_once = matches!(when, When::At(_));
        tally.count(
            judged(&answer, &wanted, is_once && misdeed.passes(), took)
                .map_err(|failure| format!("{question}, {misdeed:?} {when:?}: {failure}")),
        );
    }
    tally.note(format!(
        "{question}: {same} times the answer of the folder, {refused} times an error"
    ));
    Ok(tally)
}

fn judged(
    answer: &Result<String, String>,
    wanted: &str,
    passes: bool,
    took: Duration,
) -> Result<(), String> {
    if took > LONGEST {
        return Err(format!("it took {} s", took.as_secs()));
    }
    let said = match answer {
        Ok(answer) | Err(answer) => answer,
    };
    for secret in [TOKEN, SIGNATURE] {
        if said.contains(secret) {
            return Err(format!("it says {secret}: {said}"));
        }
    }
    match answer {
        Ok(answer) if answer == wanted => Ok(()),
        Ok(_) => Err("another answer than that of the folder".to_owned()),
        Err(said) if passes => Err(format!("an error where it passes: {said}")),
        Err(said) if said.contains("127.0.0.1") => Ok(()),
        // A server that gives other bytes from the first one on has a damaged file, which is named.
        Err(said) if said.contains("hf://org/name@*/") => Ok(()),
        // What failed was said before, on its own.
        Err(said) if said.contains("no checkpoint could be read") => Ok(()),
        Err(said) => Err(format!("the error does not name the server: {said}")),
    }
}

/// Who sees the token, and what is said where it is missing or not accepted.
fn token(folder: &Path) -> Result<Tally> {
    let mut tally = Tally::new(
        "the hub's token goes to the hub at every request and to no other server; without it, or with one \
         that expired, the error says how to log in and names no token",
    );
    let server = start(folder)?;
    for (_, ask) in QUESTIONS {
        let _ = ask(Path::new(THERE));
    }
    let bearer = format!("Bearer {TOKEN}");
    for asked in server.asked() {
        let is_right = match &asked.authorization {
            Some(sent) => !asked.of_files && *sent == bearer,
            None => asked.of_files,
        };
        tally.count(if is_right {
            Ok(())
        } else {
            Err(format!("{} came with another header", asked.target))
        });
    }
    for token in [None, Some("hf_expired")] {
        configure(Some(settings(&server, token)));
        let answer = Options::default().read([THERE]);
        let said: Vec<&str> = answer
            .problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        let said = said.join(" ");
        tally.count(if !said.contains("HF_TOKEN") || said.contains("hf_") {
            Err(format!("with {token:?} it says: {said}"))
        } else {
            Ok(())
        });
    }
    Ok(tally)
}

/// A run of a few steps, one of them in shards.
fn write_series(folder: &Path) -> Result<()> {
    for step in 1..=STEPS {
        let own = folder.join(format!("step{}", 100 * step));
        std::fs::create_dir(&own)?;
        let value = |index: usize| {
            let index = index as f32;
            (index * 0.37).sin() + 0.05 * step as f32 * (index * 0.11).cos()
        };
        let weights: Vec<f32> = (0..WEIGHTS).map(value).collect();
        let bias: Vec<f32> = (WEIGHTS..WEIGHTS + 50).map(value).collect();
        if step < STEPS {
            let file = hostile::bytes::safetensors_of(&[
                ("embed", weights.as_slice()),
                ("bias", bias.as_slice()),
            ]);
            std::fs::write(own.join("model.safetensors"), file)?;
            continue;
        }
        let names = ["model-00001-of-00002", "model-00002-of-00002"];
        for (name, tensor) in names
            .iter()
            .zip([("embed", weights.as_slice()), ("bias", bias.as_slice())])
        {
            let file = hostile::bytes::safetensors_of(&[tensor]);
            std::fs::write(own.join(format!("{name}.safetensors")), file)?;
        }
        let [first, second] = names;
        let index = format!(
            r#"{{"weight_map":{{"embed":"{first}.safetensors","bias":"{second}.safetensors"}}}}"#
        );
        std::fs::write(own.join("model.safetensors.index.json"), index)?;
    }
    Ok(())
}
