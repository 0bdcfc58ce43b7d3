//! Addresses of the web, as far as files need them (RFC 3986).

use std::fmt::Write;

/// An address: `https://user@host:port/path?query`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// The name and password in it.
    pub(super) user: Option<String>,
    /// Host and port, in lower case.
    pub(super) host: String,
    /// Begins with `/`, or is empty.
    pub(super) path: String,
    pub(super) query: Option<String>,
}

impl Url {
    /// Takes an address apart; none if it is none of the web. Slashes before the host may be missing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let scheme = ["http", "https"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(scheme))?;
        let rest = rest.strip_prefix('/')?.trim_start_matches('/');
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let end = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let (user, host) = match host.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, host),
        };
        (!host.is_empty()).then(|| Self {
            scheme,
            user,
            host: host.to_ascii_lowercase(),
            path: path.to_owned(),
            query,
        })
    }

    /// Whether it holds what should not be shown.
    pub(super) fn has_secrets(&self) -> bool {
        self.user.is_some() || self.query.is_some()
    }

    /// Scheme, host and path.
    pub(super) fn without_secrets(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.path)
    }

    /// As a request names it: percent-encoded where it is not yet, without the user.
    pub(super) fn to_request(&self) -> String {
        let mut text = format!("{}://{}", self.scheme, self.host);
        add_encoded(&mut text, &self.path, is_of_path);
        if self.path.is_empty() {
            text.push('/');
        }
        if let Some(query) = &self.query {
            text.push('?');
            add_encoded(&mut text, query, |byte| is_of_path(byte) || byte == b'?');
        }
        text
    }

    /// Whether it is asked of the same server in the same way.
    pub(super) fn has_origin_of(&self, other: &Self) -> bool {
        let host = |url: &Self| match url.scheme {
            "https" => url.host.trim_end_matches(":443").to_owned(),
            _ => url.host.trim_end_matches(":80").to_owned(),
        };
        self.scheme == other.scheme && host(self) == host(other)
    }

    /// Whether it leads to this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = match self.host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => self.host.split(':').next().unwrap_or_default(),
        };
        let address: Option<std::net::IpAddr> = host.parse().ok();
        host == "localhost" || address.is_some_and(|address| address.is_loopback())
    }

    /// Where an answer from here leads that says so. None if that is no address of the web.
    pub(super) fn join(&self, location: &str) -> Option<Self> {
        if location.split_once(':').is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }) {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme));
        }
        let whole = if location.starts_with('/') {
            location.to_owned()
        } else {
            let folder = self.path.rfind('/').map_or("", |end| &self.path[..end]);
            format!("{folder}/{location}")
        };
        Self::parse(&format!("{}://{}{whole}", self.scheme, self.host))
    }
}

/// A name as one part of a path: slashes in it are encoded too.
pub(super) fn part(name: &str) -> String {
    let mut text = String::new();
    for &byte in name.as_bytes() {
        if is_unreserved(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A path of names, each encoded.
pub(super) fn parts(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(part).collect();
    parts.join("/")
}

/// Adds a text with every byte encoded that may not stand; what is encoded stays as it is.
fn add_encoded(text: &mut String, from: &str, may_stand: impl Fn(u8) -> bool) {
    for &byte in from.as_bytes() {
        if byte == b'%' || may_stand(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_of_path(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_put_together() {
        let url = Url::parse("HTTPS://me:pass@Host.example:8443/a b/m.pt?x=1#end").unwrap();
        assert_eq!(url.host, "host.example:8443");
        assert_eq!(url.user.as_deref(), Some("me:pass"));
        assert_eq!(url.to_request(), "https://host.example:8443/a%20b/m.pt?x=1");
        assert_eq!(url.without_secrets(), "https://host.example:8443/a b/m.pt");
        assert_eq!(Url::parse("http:/h").unwrap().to_request(), "http://h/");
        for none in ["hf://org/name", "https:", "https://", "file:///etc", "a"] {
            assert_eq!(Url::parse(none), None, "{none}");
        }
    }

    #[test]
    fn redirects_lead_where_they_say() {
        let from = Url::parse("https://h/a/b?x=1").unwrap();
        let to = |location: &str| from.join(location).map(|url| url.to_request());
        assert_eq!(to("/c?y").as_deref(), Some("https://h/c?y"));
        assert_eq!(to("c").as_deref(), Some("https://h/a/c"));
        assert_eq!(to("//o/c").as_deref(), Some("https://o/c"));
        assert_eq!(to("http://o:1/c").as_deref(), Some("http://o:1/c"));
        assert_eq!(to("ftp://o/c"), None);
        assert_eq!(to("javascript:alert(1)"), None);
    }

    #[test]
    fn one_server_may_be_written_with_its_port_or_without() {
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(url("https://h:443/a").has_origin_of(&url("https://H/b")));
        assert!(!url("https://h/a").has_origin_of(&url("http://h/a")));
        assert!(!url("https://h/a").has_origin_of(&url("https://h.evil/a")));
        assert!(url("http://127.0.0.1:80/").is_loopback());
        assert!(url("http://[::1]:9/").is_loopback());
        assert!(!url("http://10.0.0.1/").is_loopback());
    }

    #[test]
    fn names_become_parts_of_a_path() {
        assert_eq!(part("refs/pr/1"), "refs%2Fpr%2F1");
        assert_eq!(parts("a b/ü.pt"), "a%20b/%C3%BC.pt");
    }
}
