//! The few calls of the WebDriver protocol (<https://www.w3.org/TR/webdriver2/>) that the browser
//! test needs, over a plain socket. A client crate would bring an HTTP stack and an async runtime.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,900",
    "--force-device-scale-factor=1",
];

/// A browser with a fresh profile, closed when dropped.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
}

impl Browser {
    /// Starts chromedriver and Chromium. Without chromedriver: says so and returns nothing, unless
    /// the environment says `CI=true`, where that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let spawned = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut driver = match spawned {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let ci = std::env::var("CI").is_ok_and(|value| value == "true");
                assert!(!ci, "chromedriver is missing; install chromium-driver");
                eprintln!("skipped: chromedriver is not installed");
                return None;
            }
            spawned => spawned.unwrap(),
        };
        let port = BufReader::new(driver.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse().ok()
            })
            .expect("chromedriver names its port");
        let profile = TempDir::new().unwrap();
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            profile,
        };
        let directory = browser.profile.path().display();
        let mut arguments = ARGUMENTS.map(String::from).to_vec();
        arguments.push(format!("--user-data-dir={directory}"));
        let mut options = json!({ "args": arguments });
        if Path::new("/usr/bin/chromium").exists() {
            options["binary"] = "/usr/bin/chromium".into();
        }
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let created = browser.request("POST", "/session", &capabilities);
        browser.session = created["sessionId"].as_str().unwrap().into();
        Some(browser)
    }

    /// One request; the connection stays open afterwards, so the answer's length has to be read.
    fn exchange(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            match line.to_ascii_lowercase().split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
                Some(_) => {}
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut json = vec![0; length];
        answer.read_exact(&mut json)?;
        Ok(serde_json::from_slice::<Value>(&json)?["value"].take())
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let value = self.exchange(method, path, body).unwrap();
        assert!(value.get("error").is_none(), "{method} {path}: {value}");
        value
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.request("POST", &format!("/session/{}{path}", self.session), body)
    }

    pub(crate) fn open(&self, file: &Path) {
        self.post(
            "/url",
            &json!({ "url": format!("file://{}", file.display()) }),
        );
    }

    /// Shows pages in this width, light or dark.
    pub(crate) fn look(&self, width: u32, scheme: &str) {
        let cdp = |command: &str, parameters: Value| {
            let body = json!({ "cmd": command, "params": parameters });
            self.post("/goog/cdp/execute", &body);
        };
        cdp(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false }),
        );
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        cdp(
            "Emulation.setEmulatedMedia",
            json!({ "features": [feature] }),
        );
    }

    /// Runs a function body in the page and returns its value.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs an expression until it is true; panics after ten seconds.
    pub(crate) fn wait_until(&self, expression: &str) {
        for _ in 0..200 {
            if self.run(&format!("return Boolean({expression})")) == true {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never true: {expression}");
    }

    /// Everything written to the console since the last call.
    pub(crate) fn console(&self) -> Vec<Value> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        log.as_array().unwrap().clone()
    }

    fn act(&self, kind: &str, id: &str, actions: &Value) {
        let source = json!({ "type": kind, "id": id, "actions": actions });
        self.post("/actions", &json!({ "actions": [source] }));
    }

    pub(crate) fn point_at(&self, (x, y): (f64, f64)) {
        let to = json!({ "type": "pointerMove", "duration": 0, "x": x, "y": y });
        self.act("pointer", "mouse", &json!([to]));
    }

    pub(crate) fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        let at =
            |(x, y): (f64, f64)| json!({ "type": "pointerMove", "duration": 50, "x": x, "y": y });
        let button = |kind: &str| json!({ "type": kind, "button": 0 });
        let actions = json!([at(from), button("pointerDown"), at(to), button("pointerUp")]);
        self.act("pointer", "mouse", &actions);
    }

    pub(crate) fn double_click(&self, (x, y): (f64, f64)) {
        let button = |kind: &str| json!({ "type": kind, "button": 0 });
        let actions = json!([
            { "type": "pointerMove", "duration": 0, "x": x, "y": y },
            button("pointerDown"), button("pointerUp"), button("pointerDown"), button("pointerUp"),
        ]);
        self.act("pointer", "mouse", &actions);
    }

    /// Turns the wheel; negative is away from the user.
    pub(crate) fn wheel(&self, (x, y): (f64, f64), delta: f64) {
        let (x, y) = (x.round() as i64, y.round() as i64);
        let delta = delta as i64;
        let scroll = json!({
            "type": "scroll", "duration": 0, "x": x, "y": y, "deltaX": 0, "deltaY": delta
        });
        self.act("wheel", "wheel", &json!([scroll]));
    }

    /// Presses a key; special keys by their WebDriver code point.
    pub(crate) fn press(&self, key: &str) {
        let press = |kind: &str| json!({ "type": kind, "value": key });
        self.act(
            "key",
            "keyboard",
            &json!([press("keyDown"), press("keyUp")]),
        );
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Also after a failed assertion: killing the driver alone would leave the browser behind.
        let path = format!("/session/{}", self.session);
        _ = self.exchange("DELETE", &path, &json!({}));
        _ = self.driver.kill();
        _ = self.driver.wait();
    }
}
