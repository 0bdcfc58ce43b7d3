//! What a server does that it should not.

use super::State;
use super::answer::{Answer, Request};
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// What a server does in place of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdeed {
    /// It answers with this status.
    Status(u16),
    /// It asks to come again after so many seconds.
    TooMany(u64),
    /// It closes the connection without an answer.
    Close,
    /// It closes the connection in the middle of the body.
    Cut,
    /// It announces and sends less than it was asked for.
    Short,
    /// It sends another part of the file, and says so.
    WrongRange,
    /// It sends another part of the file, and does not say which.
    NoRange,
    /// It sends the whole file where a part was asked for.
    Whole,
    /// It sends another version of the file, under another ETag.
    Changed,
    /// It sends a version of another length.
    Longer,
    /// It sends the body bit by bit, and all of it.
    Slow,
    /// It sends half of the body, and then nothing.
    Stall,
    /// It sends nothing at all.
    Silent,
    /// It redirects to itself.
    Loop,
    /// It redirects to nowhere.
    Nowhere,
    /// It sends what is no HTTP.
    Noise,
    /// It sends what is no JSON, or other bytes under another ETag.
    Nonsense,
    /// Addresses that it signed before are no longer accepted; not this one either.
    Expired,
    /// It says that the body is compressed.
    Compressed,
}

impl Misdeed {
    /// Every one of them.
    pub const ALL: [Self; 27] = [
        Self::Status(500),
        Self::Status(502),
        Self::Status(503),
        Self::Status(504),
        Self::Status(408),
        Self::Status(401),
        Self::Status(403),
        Self::Status(404),
        Self::Status(418),
        Self::TooMany(0),
        Self::TooMany(3600),
        Self::Close,
        Self::Cut,
        Self::Short,
        Self::WrongRange,
        Self::NoRange,
        Self::Whole,
        Self::Changed,
        Self::Longer,
        Self::Slow,
        Self::Stall,
        Self::Silent,
        Self::Loop,
        Self::Nowhere,
        Self::Noise,
        Self::Nonsense,
        Self::Expired,
    ];

    /// Whether it passes: asked again, the server does as it should.
    #[must_use]
    pub fn passes(self) -> bool {
        match self {
            Self::Status(status) => status >= 500 || status == 408,
            Self::TooMany(seconds) => seconds <= 60,
            Self::Close
            | Self::Cut
            | Self::Short
            | Self::WrongRange
            | Self::NoRange
            | Self::Slow
            | Self::Stall
            | Self::Silent
            | Self::Noise => true,
            _ => false,
        }
    }

    /// Does it. Returns whether the connection goes on.
    pub(super) fn commit(
        self,
        mut answer: Answer,
        request: &Request,
        mut stream: &TcpStream,
        state: &State,
    ) -> io::Result<bool> {
        let is_file = request.range.is_some() && answer.status == 206;
        match self {
            Self::Status(status) => return State::refuse(status, "no").send(stream, state),
            Self::TooMany(seconds) => {
                let answer = State::refuse(429, "no").with("Retry-After", seconds.to_string());
                return answer.send(stream, state);
            }
            Self::Close => {}
            Self::Cut => {
                stream.write_all(answer.head().as_bytes())?;
                stream.write_all(half(&answer.body))?;
            }
            Self::Short => {
                answer.body.truncate(answer.body.len() / 2);
                return answer.send(stream, state);
            }
            Self::WrongRange | Self::NoRange if is_file => {
                let said = answer.headers.iter();
                let mut said = said.filter(|(name, _)| name == "Content-Range");
                let whole = said
                    .next_back()
                    .and_then(|(_, range)| range.split('/').nth(1));
                let whole = whole.unwrap_or_default().to_owned();
                answer.body.iter_mut().for_each(|byte| *byte ^= 0x55);
                if self == Self::WrongRange {
                    let first = request.range.map_or(0, |(first, _)| first) + 1;
                    let last = first + (answer.body.len() as u64).saturating_sub(1);
                    answer.set("Content-Range", format!("bytes {first}-{last}/{whole}"));
                } else {
                    answer.headers.retain(|(name, _)| name != "Content-Range");
                }
                return answer.send(stream, state);
            }
            Self::Whole if is_file => {
                let whole = Request {
                    range: None,
                    ..request.clone()
                };
                let site = &state.site;
                let answer = match request.path().starts_with("/files/") {
                    true => site.answer_of_files(&whole, state),
                    false => site.answer_of_hub(&whole, state),
                };
                return answer.send(stream, state);
            }
            Self::Changed | Self::Nonsense if is_file => {
                answer.body.iter_mut().for_each(|byte| *byte ^= 0x55);
                answer.set("ETag", "\"another\"");
                return answer.send(stream, state);
            }
            Self::Longer if is_file => {
                let first = request.range.map_or(0, |(first, _)| first);
                let last = first + (answer.body.len() as u64).saturating_sub(1);
                answer.set("Content-Range", format!("bytes {first}-{last}/99999999"));
                return answer.send(stream, state);
            }
            Self::Slow => {
                stream.write_all(answer.head().as_bytes())?;
                for part in answer.body.chunks(answer.body.len().div_ceil(4).max(1)) {
                    stream.write_all(part)?;
                    std::thread::sleep(Duration::from_millis(10));
                }
                return Ok(true);
            }
            Self::Stall => {
                stream.write_all(answer.head().as_bytes())?;
                stream.write_all(half(&answer.body))?;
                wait(stream, state);
            }
            Self::Silent => wait(stream, state),
            Self::Loop => {
                let answer = Answer::new(302).with("Location", request.target.clone());
                return answer.send(stream, state);
            }
            Self::Nowhere => {
                let answer = Answer::new(302).with("Location", "ftp://nowhere/x");
                return answer.send(stream, state);
            }
            Self::Noise => stream.write_all(b"\x16\x03\x01 no HTTP \r\n\r\n\r\n")?,
            Self::Nonsense => {
                answer.body = b"[{\"type\": \"file\", \"path\": ".to_vec();
                return answer.send(stream, state);
            }
            Self::Expired => {
                state.site.expire(state);
                return Answer::new(403).send(stream, state);
            }
            Self::Compressed => {
                answer.set("Content-Encoding", "gzip");
                return answer.send(stream, state);
            }
            // Of what is no part of a file there is no wrong part.
            Self::WrongRange | Self::NoRange | Self::Whole | Self::Changed | Self::Longer => {
                return answer.send(stream, state);
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
        Ok(false)
    }
}

fn half(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len() / 2).unwrap_or_default()
}

/// Waits until the client goes away, or the server ends.
fn wait(stream: &TcpStream, state: &State) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    for _ in 0..1500 {
        let mut byte = [0];
        match stream.peek(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            _ => return,
        }
        if state.is_over() {
            return;
        }
    }
}
