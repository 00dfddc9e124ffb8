//! The proxy before an API server: from the kubeconfig, else from the environment as Go reads it.
//!
//! kube's own reading is not used: it compares `NO_PROXY` with the proxy's address.

use std::env;
use std::net::IpAddr;

/// Judges the `proxy-url` of a kubeconfig; an empty one is none.
pub(super) fn judge(url: &str) -> Result<(), String> {
    if url.is_empty() {
        return Ok(());
    }
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    if !matches!(scheme, "http" | "https" | "socks5") {
        return Err(format!(
            "unsupported scheme \"{scheme}\", must be http, https, or socks5"
        ));
    }
    url.parse::<http::Uri>()
        .map(drop)
        .map_err(|_| format!("could not parse: {url}"))
}

/// The proxy for `server`, an absolute URL.
pub(super) fn for_server(configured: &str, server: &str) -> Option<http::Uri> {
    if !configured.is_empty() {
        return configured.parse().ok();
    }
    let variable = |name: &str| {
        let value = env::var(name).or_else(|_| env::var(name.to_lowercase())).ok();
        value.filter(|value| !value.is_empty())
    };
    let uri: http::Uri = server.parse().ok()?;
    let name = if uri.scheme_str() == Some("https") {
        "HTTPS_PROXY"
    } else {
        "HTTP_PROXY"
    };
    let proxy = variable(name)?;
    let host = uri.host()?.trim_matches(['[', ']']);
    if goes_direct(host, uri.port_u16(), &variable("NO_PROXY").unwrap_or_default()) {
        return None;
    }
    let full = if proxy.contains("://") {
        proxy
    } else {
        format!("http://{proxy}")
    };
    full.parse().ok()
}

// golang.org/x/net/http/httpproxy: loopback never; names match themselves and what ends with them.
fn goes_direct(host: &str, port: Option<u16>, no_proxy: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" {
                return true;
            }
            if let (Some(address), Some((network, bits))) = (address, entry.split_once('/')) {
                return in_network(address, network, bits);
            }
            let (name, wanted) = match entry.rsplit_once(':') {
                Some((name, digits)) if !name.contains(':') => (name, digits.parse::<u16>().ok()),
                _ => (entry, None),
            };
            if wanted.is_some() && wanted != port {
                return false;
            }
            if let Ok(entry) = name.parse::<IpAddr>() {
                return address == Some(entry);
            }
            let name = name.strip_prefix('*').unwrap_or(name).to_lowercase();
            let host = host.to_lowercase();
            match name.strip_prefix('.') {
                Some(_) => host.ends_with(&name),
                None => host == name || host.strip_suffix(&name).is_some_and(|head| head.ends_with('.')),
            }
        })
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let (left, right, width) = match (address, network) {
        (IpAddr::V4(left), IpAddr::V4(right)) => {
            (u128::from(left.to_bits()), u128::from(right.to_bits()), 32)
        }
        (IpAddr::V6(left), IpAddr::V6(right)) => (left.to_bits(), right.to_bits(), 128),
        _ => return false,
    };
    let shift = match width - bits.min(width) {
        128 => return true,
        shift => shift,
    };
    left >> shift == right >> shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_domains_addresses_and_networks() {
        for (host, list, direct) in [
            ("127.0.0.1", "", true),
            ("localhost", "", true),
            ("api.example.com", "", false),
            ("api.example.com", "example.com", true),
            ("api.example.com", ".example.com", true),
            ("example.com", ".example.com", false),
            ("badexample.com", "example.com", false),
            ("api.example.com", "example.com:8443", false),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("anything", "*", true),
        ] {
            assert_eq!(goes_direct(host, Some(443), list), direct, "{host} {list}");
        }
    }
}
