//! `seal cert`: the certificate to seal with, as PEM or described.

use jiff::Timestamp;
use seal_core::Certificate;
use seal_document::{Mapping, Value};

use crate::arguments::{CertCommand, Rendition};
use crate::certificate::CertificateSource;
use crate::command_error::CommandError;
use crate::output;
use crate::report::pretty;
use crate::terminal::Terminal;

/// Runs it.
pub(super) fn run(command: &CertCommand, terminal: Terminal) -> Result<(), CommandError> {
    match command {
        CertCommand::Fetch {
            out_file,
            certificate,
        } => {
            let certificate = CertificateSource::settle(certificate)?.obtain(terminal)?;
            output::write_public(out_file.as_deref(), certificate.pem())
        }
        CertCommand::Show {
            file,
            output,
            certificate,
        } => {
            let mut named = certificate.clone();
            named.cert = file.clone().or(named.cert);
            let certificate = CertificateSource::settle(&named)?.obtain(terminal)?;
            output::print(&described(&certificate, *output))
        }
    }
}

fn described(certificate: &Certificate, rendition: Rendition) -> String {
    let (begin, end) = (certificate.not_before(), certificate.not_after());
    let now = Timestamp::now();
    let days = end.duration_since(now).as_hours() / 24;
    match rendition {
        Rendition::Human => {
            let state = if end < now {
                format!("expired {} days ago", -days)
            } else if begin > now {
                "not valid yet".to_owned()
            } else {
                format!("{days} days left")
            };
            format!(
                "fingerprint  {}\nkey          RSA, {} bits\nnot before   {begin}\nnot after    {end} ({state})\n",
                certificate.fingerprint(),
                certificate.key().bits()
            )
        }
        Rendition::Json => {
            let mut report = Mapping::new();
            report.insert("fingerprint", certificate.fingerprint().to_string());
            report.insert(
                "bits",
                i64::try_from(certificate.key().bits()).unwrap_or(i64::MAX),
            );
            report.insert("notBefore", begin.to_string());
            report.insert("notAfter", end.to_string());
            report.insert("expired", end < now);
            pretty(&Value::Mapping(report))
        }
    }
}
