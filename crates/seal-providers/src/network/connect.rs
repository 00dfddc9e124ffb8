//! Connecting: names are resolved here, each address is judged, and the one that passed is the one that is connected
//! to, so that no second resolution can lead elsewhere (S6).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

/// Where a store may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Anywhere but on this machine and its link: a tenant's settings must not reach what listens beside us or
    /// the cloud's metadata service.
    #[default]
    Network,
    /// On this machine too: for sidecars and tests.
    AlsoLoopback,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFault {
    #[error("its address {0} is one where no store may be")]
    Forbidden(IpAddr),
    #[error("the host is not known")]
    UnknownHost,
    #[error("it does not take the connection in time")]
    Late,
    #[error(transparent)]
    Io(io::Error),
}

/// Makes connections, without TLS.
#[derive(Clone)]
pub(super) struct Connector {
    reach: Reach,
    timeout: Duration,
    made: Arc<AtomicU64>,
}

impl Connector {
    pub(super) fn new(reach: Reach, timeout: Duration) -> Self {
        Self {
            reach,
            timeout,
            made: Arc::default(),
        }
    }

    /// How many connections have been made so far.
    pub(super) fn made(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.made)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectFault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectFault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectFault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(&uri).await })
    }
}

impl Connector {
    async fn connect(&self, uri: &Uri) -> Result<TokioIo<TcpStream>, ConnectFault> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let addresses = tokio::time::timeout(self.timeout, tokio::net::lookup_host((host, port)))
            .await
            .map_err(|_| ConnectFault::Late)?
            .map_err(|_| ConnectFault::UnknownHost)?;
        let mut fault = ConnectFault::UnknownHost;
        for address in addresses {
            if !self.reach.includes(address.ip()) {
                fault = ConnectFault::Forbidden(address.ip());
                continue;
            }
            match self.connect_to(address).await {
                Ok(stream) => return Ok(stream),
                Err(met) => fault = met,
            }
        }
        Err(fault)
    }

    async fn connect_to(&self, address: SocketAddr) -> Result<TokioIo<TcpStream>, ConnectFault> {
        let stream = tokio::time::timeout(self.timeout, TcpStream::connect(address))
            .await
            .map_err(|_| ConnectFault::Late)?
            .map_err(ConnectFault::Io)?;
        stream.set_nodelay(true).map_err(ConnectFault::Io)?;
        self.made.fetch_add(1, Ordering::SeqCst);
        Ok(TokioIo::new(stream))
    }
}

impl Reach {
    fn includes(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.includes_v4(address),
            IpAddr::V6(address) => self.includes_v6(address),
        }
    }

    fn includes_v4(self, address: Ipv4Addr) -> bool {
        match address.octets() {
            [127, ..] => self == Self::AlsoLoopback,
            // This network, link-local with the metadata services, multicast and reserved.
            [0, ..] | [169, 254, ..] | [224..=255, ..] => false,
            _ => true,
        }
    }

    fn includes_v6(self, address: Ipv6Addr) -> bool {
        if let Some(inner) = embedded(address) {
            return self.includes_v4(inner);
        }
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => self == Self::AlsoLoopback,
            [0, 0, 0, 0, 0, 0, 0, 0] => false,
            // Link-local, and a cloud's metadata service under a private prefix.
            [0xfe80..=0xfebf, ..] | [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => false,
            [0xff00..=0xffff, ..] => false,
            _ => true,
        }
    }
}

/// The IPv4 address in a mapped, translated (RFC 6052) or 6to4 one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let quad = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => Some(quad(high, low)),
        [0x2002, high, low, ..] => Some(quad(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_is_refused_whatever_it_is_wrapped_in() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(!Reach::AlsoLoopback.includes(address), "{address}");
            assert!(!Reach::Network.includes(address), "{address}");
        }
    }

    #[test]
    fn loopback_is_for_those_who_say_so() {
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            let address: IpAddr = address.parse().unwrap();
            assert!(Reach::AlsoLoopback.includes(address), "{address}");
            assert!(!Reach::Network.includes(address), "{address}");
        }
    }

    #[test]
    fn private_networks_are_where_stores_are() {
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "203.0.113.9",
            "fd12::1",
            "2001:db8::1",
        ] {
            assert!(Reach::Network.includes(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn name_that_resolves_to_loopback_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connector = |reach| Connector::new(reach, Duration::from_secs(5));
        for host in ["localhost", "127.0.0.1"] {
            let uri: Uri = format!("http://{host}:{port}").parse().unwrap();
            let refused = connector(Reach::Network).connect(&uri).await.err().unwrap();
            assert!(matches!(refused, ConnectFault::Forbidden(_)), "{host}: {refused}");
            connector(Reach::AlsoLoopback).connect(&uri).await.unwrap();
        }
        // The two that were allowed, and nobody else.
        for _ in 0..2 {
            listener.accept().await.unwrap();
        }
        let third = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(third.is_err());
    }
}
