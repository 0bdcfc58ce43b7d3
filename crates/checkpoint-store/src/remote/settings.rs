//! How remote files are asked for, as the tools of their providers read it from the environment.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::secret::Secret;

/// The hub that everybody means.
const ENDPOINT: &str = "https://huggingface.co";
/// Longest token that is taken for one.
const MOST_TOKEN_BYTES: usize = 4096;

/// How remote files are asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Where the hub is: `HF_ENDPOINT`, or `https://huggingface.co`.
    pub endpoint: String,
    /// The hub's token: `HF_TOKEN`, or what stands in the file that `hf auth login` writes.
    pub token: Option<Secret>,
    /// Whether the hub must not be asked: `HF_HUB_OFFLINE`.
    pub offline: bool,
    /// How long an answer, and every further part of it, is waited for: `HF_HUB_DOWNLOAD_TIMEOUT`, in
    /// seconds, or ten of them.
    pub timeout: Duration,
    /// How often a request is tried again that fails in a way that may pass: `MODELTRAIL_RETRIES`, or 7
    /// times.
    pub retries: u32,
    /// How long is waited before the first of these, and twice as long before each further one: 100 ms.
    pub first_wait: Duration,
}

/// What was set for the process.
static CONFIGURED: RwLock<Option<Settings>> = RwLock::new(None);

/// Sets how remote files are asked for from now on in this process, in place of its environment; none
/// goes back to that.
pub fn configure(settings: Option<Settings>) {
    let mut configured = CONFIGURED.write().unwrap_or_else(PoisonError::into_inner);
    *configured = settings;
}

impl Settings {
    /// As the environment has it.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    pub(super) fn current() -> Self {
        let configured = CONFIGURED.read().unwrap_or_else(PoisonError::into_inner);
        configured.clone().unwrap_or_else(Self::from_environment)
    }

    fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let given = |name: &str| {
            let value = variable(name)?.trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        let is_set = |name: &str| {
            let value = given(name).unwrap_or_default().to_ascii_uppercase();
            ["1", "ON", "YES", "TRUE"].contains(&value.as_str())
        };
        let seconds = given("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|text| text.parse::<f64>().ok());
        let seconds = seconds.filter(|seconds| *seconds > 0.0 && *seconds < 1e6);
        Self {
            endpoint: given("HF_ENDPOINT")
                .unwrap_or_else(|| ENDPOINT.to_owned())
                .trim_end_matches('/')
                .to_owned(),
            token: token(&given, is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN")),
            offline: is_set("HF_HUB_OFFLINE"),
            timeout: Duration::from_secs_f64(seconds.unwrap_or(10.0)),
            retries: given("MODELTRAIL_RETRIES")
                .and_then(|text| text.parse().ok())
                .unwrap_or(7),
            first_wait: Duration::from_millis(100),
        }
    }
}

/// The token, from the places that `huggingface_hub` looks at, in its order.
fn token(given: &dyn Fn(&str) -> Option<String>, is_disabled: bool) -> Option<Secret> {
    if is_disabled {
        return None;
    }
    let named = given("HF_TOKEN").or_else(|| given("HUGGING_FACE_HUB_TOKEN"));
    let token = named.or_else(|| {
        let home = || given("HOME").or_else(|| given("USERPROFILE"));
        let cache = || {
            let cache = given("XDG_CACHE_HOME").map(PathBuf::from);
            cache.or_else(|| Some(PathBuf::from(home()?).join(".cache")))
        };
        let folder = || {
            let folder = given("HF_HOME").map(PathBuf::from);
            folder.or_else(|| Some(cache()?.join("huggingface")))
        };
        let file = given("HF_TOKEN_PATH").map(PathBuf::from);
        let file = file.or_else(|| Some(folder()?.join("token")))?;
        std::fs::read_to_string(file).ok()
    })?;
    let token = token.trim();
    let is_plain = |byte: u8| byte.is_ascii_graphic();
    let is_token =
        !token.is_empty() && token.len() <= MOST_TOKEN_BYTES && token.bytes().all(is_plain);
    is_token.then(|| Secret::new(token))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn of(variables: &[(&str, &str)]) -> Settings {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        Settings::from_variables(&|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    fn token_of(variables: &[(&str, &str)]) -> Option<String> {
        let token = of(variables).token?;
        Some(token.reveal().to_owned())
    }

    #[test]
    fn the_environment_is_read_as_the_hub_s_own_tools_read_it() {
        let settings = of(&[]);
        assert_eq!(settings.endpoint, "https://huggingface.co");
        assert_eq!((settings.offline, settings.retries), (false, 7));
        assert_eq!(settings.timeout, Duration::from_secs(10));
        let settings = of(&[
            ("HF_ENDPOINT", "http://localhost:8080/"),
            ("HF_HUB_OFFLINE", "yes"),
            ("HF_HUB_DOWNLOAD_TIMEOUT", "2.5"),
            ("MODELTRAIL_RETRIES", "0"),
        ]);
        assert_eq!(settings.endpoint, "http://localhost:8080");
        assert_eq!((settings.offline, settings.retries), (true, 0));
        assert_eq!(settings.timeout, Duration::from_millis(2500));
    }

    #[test]
    fn the_token_is_taken_from_the_variable_and_then_from_the_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap();
        let write = |file: &str, text: &str| {
            let file = home.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        assert_eq!(token_of(&[("HOME", path)]), None);
        write(".cache/huggingface/token", "hf_home\n");
        assert_eq!(token_of(&[("HOME", path)]).as_deref(), Some("hf_home"));
        write("own/token", "hf_own");
        let own = format!("{path}/own");
        let both = [("HOME", path), ("HF_HOME", own.as_str())];
        assert_eq!(token_of(&both).as_deref(), Some("hf_own"));
        write("there", "hf_there");
        let there = format!("{path}/there");
        let all = [both[0], both[1], ("HF_TOKEN_PATH", there.as_str())];
        assert_eq!(token_of(&all).as_deref(), Some("hf_there"));
        let named = [all[0], all[1], all[2], ("HF_TOKEN", " hf_named ")];
        assert_eq!(token_of(&named).as_deref(), Some("hf_named"));
        let disabled = [named[3], ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
        assert_eq!(token_of(&disabled), None);
        // What cannot stand in a header is no token.
        assert_eq!(token_of(&[("HF_TOKEN", "hf\r\nX-Evil: 1")]), None);
    }
}
