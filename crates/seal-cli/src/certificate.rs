//! Which certificate to seal with: from a file, a URL, or the controller; kept for a day; held to the
//! fingerprints that were asked for (S3). How it is read is `seal-core`'s.

mod cache;
pub(crate) mod download;

use jiff::{SignedDuration, Timestamp};
use seal_cluster::config_maps::{CERTIFICATE, CERTIFICATES, HISTORY};
use seal_cluster::kubeconfig::Connection;
use seal_core::succession::{Statement, proves};
use seal_core::{Certificate, Fingerprint};

use crate::arguments::{CertificateArguments, ClusterArguments};
use crate::cluster;
use crate::command_error::CommandError;
use crate::input::{KEY_FILE_LIMIT, Source};
use crate::terminal::Terminal;
use cache::Cache;

/// A kept certificate is used without asking for this long; the controller makes a new key every 30
/// days, and still opens what was sealed with the old one.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// Where the certificate comes from, and what it must be.
pub(crate) struct CertificateSource<'a> {
    origin: Origin<'a>,
    pins: &'a [Fingerprint],
    refresh: bool,
}

enum Origin<'a> {
    File(Source),
    Url(&'a str),
    Controller(&'a ClusterArguments),
}

impl<'a> CertificateSource<'a> {
    /// What the flags and variables name.
    pub(crate) fn settle(arguments: &'a CertificateArguments) -> Result<Self, CommandError> {
        let origin = match arguments.cert.as_deref() {
            None => Origin::Controller(&arguments.cluster),
            Some(url) if url.starts_with("https://") => Origin::Url(url),
            Some(url) if url.starts_with("http://") => {
                if arguments.fingerprint.is_empty() && !download::is_loopback(url) {
                    return Err(CommandError::usage(
                        "over plain http anyone on the way can put his own certificate in place of the controller's",
                    )
                    .remedy("use https, or pin the key with --fingerprint"));
                }
                Origin::Url(url)
            }
            Some(path) => Origin::File(Source::of(path.as_ref())),
        };
        Ok(Self {
            origin,
            pins: &arguments.fingerprint,
            refresh: arguments.refresh,
        })
    }

    /// The certificate, for sealing: one that has expired is refused.
    pub(crate) fn usable(&self, terminal: Terminal) -> Result<Certificate, CommandError> {
        let certificate = self.obtain(terminal)?;
        if certificate.not_after() < Timestamp::now() {
            let when = certificate.not_after().strftime("%Y-%m-%d");
            return Err(CommandError::key(format!("the certificate expired on {when}"))
                .remedy("fetch the controller's newest with `seal cert fetch --refresh`"));
        }
        Ok(certificate)
    }

    /// The certificate, also one that has expired.
    pub(crate) fn obtain(&self, terminal: Terminal) -> Result<Certificate, CommandError> {
        let certificate = match &self.origin {
            Origin::File(source) => read(&source.read(KEY_FILE_LIMIT)?, &source.shown())?,
            Origin::Url(url) => read(&download::get(url)?, &download::without_credentials(url))?,
            Origin::Controller(controller) => self.ask(controller, terminal)?,
        };
        let found = certificate.fingerprint();
        if !self.pins.is_empty() && !self.pins.contains(&found) {
            if !self.follows_a_pin(found)? {
                let pins: Vec<String> = self.pins.iter().map(ToString::to_string).collect();
                return Err(CommandError::key(format!(
                    "the certificate's key is {found}, which --fingerprint does not name, and nothing proves \
                     that it follows {}",
                    pins.join(" or ")
                ))
                .remedy("if the controller has a new key, verify its fingerprint and pin it"));
            }
            terminal.detail(
                "the certificate's key is not pinned, but signed for by those that follow a pinned one",
            );
        }
        terminal.detail(&format!(
            "certificate {found}, valid until {}",
            certificate.not_after()
        ));
        Ok(certificate)
    }

    // The controller's ConfigMap need not be trusted for this: what it says is signed (S3).
    fn follows_a_pin(&self, found: Fingerprint) -> Result<bool, CommandError> {
        let Origin::Controller(controller) = &self.origin else {
            return Ok(false);
        };
        let map = cluster::config_map(controller, CERTIFICATES)?;
        let history = map.and_then(|map| map.data?.remove(HISTORY)).unwrap_or_default();
        let statements: Vec<String> = serde_json::from_str(&history).unwrap_or_default();
        let statements: Vec<Statement> = statements.iter().filter_map(|text| text.parse().ok()).collect();
        Ok(proves(&statements, self.pins, found))
    }

    // Where the controller does not answer, its ConfigMap does; but only a pin tells whose it is (S3). Many
    // a role that holds no key may write ConfigMaps there, and nobody would see a failing proxy turn into
    // a certificate of somebody else's.
    fn fetch(&self, controller: &ClusterArguments, connection: Connection) -> Result<Vec<u8>, CommandError> {
        let answer = cluster::certificate(controller, connection);
        if answer.is_ok() || self.pins.is_empty() {
            return answer;
        }
        let map = cluster::config_map(controller, CERTIFICATES).ok().flatten();
        let kept = map.and_then(|map| map.data?.remove(CERTIFICATE));
        kept.map_or(answer, |kept| Ok(kept.into_bytes()))
    }

    fn ask(&self, controller: &ClusterArguments, terminal: Terminal) -> Result<Certificate, CommandError> {
        let connection = cluster::connection(controller).map_err(|error| {
            error.remedy("name the certificate with --cert, or a kubeconfig with --kubeconfig")
        })?;
        let cache = Cache::of(&connection, controller);
        let kept = cache.as_ref().and_then(Cache::read);
        if let Some(kept) = kept.as_ref().filter(|kept| !self.refresh && kept.age <= FRESH) {
            return read(&kept.pem, "the kept certificate");
        }
        let fetched = self.fetch(controller, connection);
        match (fetched, kept) {
            (Ok(pem), kept) => {
                let certificate = read(&pem, "the controller's answer")?;
                let before = kept.and_then(|kept| Certificate::from_pem(&kept.pem).ok());
                if let Some(before) =
                    before.filter(|before| before.fingerprint() != certificate.fingerprint())
                {
                    terminal.warn(&format!(
                        "the controller has a new key: {}, before it was {}",
                        certificate.fingerprint(),
                        before.fingerprint()
                    ));
                }
                // A certificate that is not kept is fetched again: slower, and no reason to fail.
                if let Some(Err(error)) = cache.map(|cache| cache.write(certificate.pem())) {
                    terminal.detail(&format!("the certificate is not kept: {error}"));
                }
                Ok(certificate)
            }
            (Err(_), Some(kept)) if !self.refresh => {
                let days = kept.age.as_hours() / 24;
                terminal.warn(&format!(
                    "the controller does not answer; sealing with the certificate it had {days} days ago"
                ));
                read(&kept.pem, "the kept certificate")
            }
            (Err(error), _) => Err(error),
        }
    }
}

fn read(pem: &[u8], whence: &str) -> Result<Certificate, CommandError> {
    Certificate::from_pem(pem).map_err(|fault| {
        let error = CommandError::from(fault).about(whence);
        match Misplaced::recognize(pem) {
            Some(misplaced) => error.remedy(misplaced.remedy()),
            None => error,
        }
    })
}

/// What people name where a certificate belongs.
enum Misplaced {
    PrivateKey,
    Secret,
}

impl Misplaced {
    // By the marks of their kinds, so that nothing of the private part is decoded to give an advice.
    fn recognize(text: &[u8]) -> Option<Self> {
        let lines = || text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let has = |mark: &[u8]| text.windows(mark.len()).any(|window| window == mark);
        if lines().any(|line| line.starts_with(b"-----BEGIN ") && line.ends_with(b"PRIVATE KEY-----")) {
            return Some(Self::PrivateKey);
        }
        (has(b"tls.crt") && (has(b"tls.key") || has(b"kubernetes.io/tls"))).then_some(Self::Secret)
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::PrivateKey => {
                "this is a private key, which opens what was sealed: keep it from those who only seal. The \
                 certificate that was made with it (`seal keygen --cert-file`), or the one that `seal cert \
                 fetch` prints, is what seals"
            }
            Self::Secret => {
                "this is a key Secret, which opens what was sealed: keep it from those who only seal. Its \
                 certificate is its entry tls.crt, decoded from base64: `kubectl create --dry-run=client -f \
                 FILE -o go-template='{{index .data \"tls.crt\" | base64decode}}'`; of a running controller, \
                 `seal cert fetch` prints it"
            }
        }
    }
}
