//! Where a store listens: scheme, host, port and perhaps a path in front of everything. Whether one may connect to
//! that host is decided when its addresses are known.

use std::{fmt, str::FromStr};

use http::Uri;

use crate::StoreError;

/// A store's address, without credentials, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    tls: bool,
    /// As in a URL: an IPv6 address stands in brackets.
    host: String,
    port: u16,
    /// Empty, or with a slash before and none behind.
    base: String,
}

impl Address {
    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.tls
    }

    /// Host and port.
    pub(crate) fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Scheme, host and port alone.
    #[cfg_attr(not(feature = "webhook"), expect(dead_code, reason = "of webhooks only"))]
    pub(crate) fn without_path(&self) -> Self {
        Self {
            base: String::new(),
            ..self.clone()
        }
    }

    /// `path`, which begins with a slash and is encoded, below this address.
    pub(crate) fn uri(&self, path: &str) -> Result<Uri, StoreError> {
        format!("{}{path}", self)
            .parse()
            .map_err(|_| StoreError::Settings("a URL below the store's address cannot be built".to_owned()))
    }

    /// Whether `uri` is of the same scheme, host and port.
    pub(crate) fn is_origin_of(&self, uri: &Uri) -> bool {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return false,
        };
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(default_port(tls));
        tls == self.tls && host.eq_ignore_ascii_case(&self.host) && port == self.port
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}:{}{}", self.host, self.port, self.base)
    }
}

impl FromStr for Address {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let refused = |fault: &str| StoreError::Settings(format!("the store's address {fault}"));
        let uri: Uri = text.trim().parse().map_err(|_| refused("is not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refused("begins with neither https:// nor http://")),
        };
        let authority = uri.authority().ok_or_else(|| refused("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("holds credentials"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(refused("has a query or a fragment"));
        }
        if uri.host().unwrap_or_default().is_empty() {
            return Err(refused("names no host"));
        }
        let base = uri.path().trim_end_matches('/');
        let plain = |segment: &str| {
            !matches!(segment, "" | "." | "..") && !segment.contains(['%', '\\']) && segment.is_ascii()
        };
        if !base.is_empty() && !base[1..].split('/').all(plain) {
            return Err(refused("has a path that is not plain"));
        }
        Ok(Self {
            tls,
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or(default_port(tls)),
            base: base.to_owned(),
        })
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn address_is_scheme_host_port_and_path() {
        for (text, shown) in [
            ("https://Vault.example:8200", "https://vault.example:8200"),
            ("https://vault.example/", "https://vault.example:443"),
            ("http://10.0.0.1/vault/", "http://10.0.0.1:80/vault"),
            ("http://[::1]:8200", "http://[::1]:8200"),
        ] {
            assert_eq!(address(text).to_string(), shown);
        }
    }

    #[test]
    fn address_with_more_than_that_is_refused() {
        for text in [
            "vault.example:8200",
            "ftp://vault.example",
            "https://user:word@vault.example",
            "https://vault.example/?x=1",
            "https://vault.example/#x",
            "https://vault.example/a/../b",
            "https://vault.example/a//b",
            "https://vault.example/%2e%2e",
            "https://",
            "",
            "https://vault.example/a\r\nHost: other",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn credentials_in_an_address_are_not_repeated() {
        let refused = "https://user:hunter2@vault.example"
            .parse::<Address>()
            .unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    }

    #[test]
    fn origin_is_scheme_host_and_port() {
        let store = address("https://vault.example");
        let is = |text: &str| store.is_origin_of(&text.parse().unwrap());
        assert!(is("https://VAULT.example:443/x"));
        assert!(!is("http://vault.example/x"));
        assert!(!is("https://vault.example:8200/x"));
        assert!(!is("https://other.example/x"));
        assert!(!is("/x"));
    }
}
