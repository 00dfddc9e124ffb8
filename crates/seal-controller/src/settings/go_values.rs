//! Values of flags as Go's packages write them: booleans, durations, listen addresses, dates.
//!
//! Which flags there are stands in `settings`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use seal_core::{KeySize, Namespace};

/// `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("neither true nor false".to_owned()),
    }
}

/// `time.ParseDuration`, not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GoDuration(pub(super) Duration);

impl FromStr for GoDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "a duration such as 720h or 1h30m is needed".to_owned();
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let mut rest = text;
        let mut total = Duration::ZERO;
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let end = rest
                .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
                .ok_or_else(bad)?;
            let number: f64 = rest[..end].parse().map_err(|_| bad())?;
            rest = &rest[end..];
            let end = rest
                .find(|letter: char| letter.is_ascii_digit())
                .unwrap_or(rest.len());
            let seconds = match &rest[..end] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return Err(bad()),
            };
            let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| bad())?;
            total = total.checked_add(part).ok_or_else(bad)?;
            rest = &rest[end..];
        }
        Ok(Self(total))
    }
}

/// `:8080` or `host:8080`, the host as an address or a name that this machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListenAddress(pub(super) SocketAddr);

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "an address such as :8080 or 127.0.0.1:8080 is needed".to_owned();
        if let Some(port) = text.strip_prefix(':') {
            // The unspecified IPv6 address takes IPv4 as well, as in Go.
            let port = port.parse().map_err(|_| bad())?;
            return Ok(Self(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let mut known = text.to_socket_addrs().map_err(|_| bad())?;
        known.next().map(Self).ok_or_else(bad)
    }
}

/// `a=b,c=d`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs(pub(super) BTreeMap<String, String>);

impl FromStr for Pairs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').ok_or("pairs such as a=b,c=d are needed")?;
            Ok((name.trim().to_owned(), value.to_owned()))
        };
        text.split(',')
            .filter(|part| !part.is_empty())
            .map(pair)
            .collect::<Result<_, String>>()
            .map(Self)
    }
}

/// RFC 1123 with a numeric zone; empty for none.
pub(super) fn cutoff_time(text: &str) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S %z", text)
        .and_then(|parsed| parsed.to_timestamp())
        .map(Some)
        .map_err(|_| "a date such as Mon, 02 Jan 2006 15:04:05 -0700 is needed".to_owned())
}

/// `a,b`.
pub(super) fn namespaces(text: &str) -> Result<Vec<String>, String> {
    let named = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let checked = named.map(|name| match name.parse::<Namespace>() {
        Ok(_) => Ok(name.to_owned()),
        Err(error) => Err(format!("\"{name}\": {error}")),
    });
    checked.collect()
}

/// The beginning of a Secret's name that leaves room for a suffix.
pub(super) fn key_prefix(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins_well = text.bytes().next().is_some_and(|byte| byte != b'-');
    match begins_well && text.len() <= 245 && text.bytes().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err("lower-case letters, digits and '-' are needed, at most 245".to_owned()),
    }
}

/// A size in which keys are made.
pub(super) fn key_size(text: &str) -> Result<KeySize, String> {
    let bits: u32 = text
        .parse()
        .map_err(|_| "a number of bits is needed".to_owned())?;
    KeySize::try_from(bits).map_err(|error| error.to_string())
}

/// slog's names of levels, and one below them.
pub(super) fn verbosity(text: &str) -> Result<tracing::Level, String> {
    text.parse()
        .map_err(|_| "ERROR, WARN, INFO, DEBUG or TRACE is needed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let seconds = |text: &str| {
            text.parse::<GoDuration>()
                .map(|duration| duration.0.as_secs_f64())
                .ok()
        };
        assert_eq!(seconds("720h"), Some(2_592_000.0));
        assert_eq!(seconds("1h30m"), Some(5400.0));
        assert_eq!(seconds("1.5s"), Some(1.5));
        assert_eq!(seconds("0"), Some(0.0));
        for bad in ["", "1", "30d", "-1h", "h", "1hh"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn addresses_may_leave_out_the_host() {
        assert_eq!(
            ":8080".parse::<ListenAddress>().unwrap().0.to_string(),
            "[::]:8080"
        );
        assert_eq!(
            "127.0.0.1:1".parse::<ListenAddress>().unwrap().0.to_string(),
            "127.0.0.1:1"
        );
        assert_eq!("localhost:1".parse::<ListenAddress>().unwrap().0.port(), 1);
        for bad in ["8080", "", ":", "localhost", "127.0.0.1:65536"] {
            assert!(bad.parse::<ListenAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn namespaces_are_names() {
        assert_eq!(namespaces(" a,,b-1 ").unwrap(), ["a", "b-1"]);
        for bad in ["A", "a/b", "a b", "a,-b"] {
            assert!(namespaces(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes_are_names() {
        for bad in ["", "-a", "A", "a_b", "a.b"] {
            assert!(key_prefix(bad).is_err(), "{bad}");
        }
        assert!(key_prefix("sealed-secrets-key").is_ok());
    }
}
