//! Requests and answers of HTTP/1.1, as far as a client that only reads needs them.

use super::State;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) target: String,
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) authorization: Option<String>,
    /// All of it, for whoever passes it on.
    pub(crate) head: String,
}

impl Request {
    /// The next one; none where the client is through.
    pub(crate) fn read(stream: &TcpStream) -> io::Result<Option<Self>> {
        // Nothing follows a request before its answer, so that the buffer holds nothing more.
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut request = Self {
            target,
            range: None,
            authorization: None,
            head: line.clone(),
        };
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 || line.trim().is_empty() {
                return Ok(Some(request));
            }
            request.head.push_str(&line);
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "range" => request.range = range(value.trim()),
                "authorization" => request.authorization = Some(value.trim().to_owned()),
                _ => {}
            }
        }
    }

    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The value of a field of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    }
}

fn range(value: &str) -> Option<(u64, u64)> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The length that it announces, if that is not its own.
    pub(crate) announced: Option<u64>,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            announced: None,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn with_body(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }

    /// Puts a header in, in place of one of that name.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.into()));
    }

    /// A file, or the part of it that was asked for.
    pub(crate) fn file(bytes: &[u8], tag: &str, range: Option<(u64, u64)>) -> Self {
        let len = bytes.len() as u64;
        let all = Self::new(200)
            .with("Accept-Ranges", "bytes")
            .with("ETag", format!("\"{tag}\""));
        let Some((first, last)) = range else {
            return all.with_body(bytes.to_vec());
        };
        if first >= len {
            return Self {
                status: 416,
                ..all.with("Content-Range", format!("bytes */{len}"))
            };
        }
        let last = last.min(len - 1);
        let part = bytes.get(first as usize..=last as usize);
        Self {
            status: 206,
            ..all.with("Content-Range", format!("bytes {first}-{last}/{len}"))
        }
        .with_body(part.unwrap_or_default().to_vec())
    }

    /// What another server answers, to which a request is passed on.
    pub(crate) fn of(upstream: SocketAddr, request: &Request) -> io::Result<Self> {
        let mut stream = TcpStream::connect(upstream)?;
        let head = &request.head;
        stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
        let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let mut answer = Self::new(status.and_then(|text| text.parse().ok()).unwrap_or(502));
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            match name.as_str() {
                "connection" => {}
                "content-length" => answer.announced = value.parse().ok(),
                "content-range" => answer.set("Content-Range", value),
                "etag" => answer.set("ETag", value),
                _ => answer.set(&name, value),
            }
        }
        if !body.is_empty() {
            answer.announced = None;
        }
        Ok(answer.with_body(body))
    }

    /// What comes before the body.
    pub(crate) fn head(&self) -> String {
        let length = self.announced.unwrap_or(self.body.len() as u64);
        let mut head = format!(
            "HTTP/1.1 {} it\r\nContent-Length: {length}\r\n",
            self.status
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }

    /// Sends it whole; more may follow.
    pub(crate) fn send(&self, mut stream: &TcpStream, state: &State) -> io::Result<bool> {
        state
            .sent
            .fetch_add(self.body.len() as u64, Ordering::SeqCst);
        stream.write_all(self.head().as_bytes())?;
        stream.write_all(&self.body)?;
        Ok(true)
    }
}
