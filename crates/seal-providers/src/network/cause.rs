//! Why a connection failed, in a few words that stay the same from one try to the next. The chain of errors below a
//! request is looked through; nothing of what was sent or answered is in it.

use std::{error::Error, io};

use rustls::CertificateError;

use super::connect::ConnectFault;
use crate::words::harmless;

pub(super) fn cause(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(words) = known(error) {
            return harmless(&words, []);
        }
        next = error.source();
    }
    "the connection broke".to_owned()
}

fn known(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(fault) = error.downcast_ref::<ConnectFault>() {
        return match fault {
            ConnectFault::Io(error) => of_io(error),
            fault => Some(fault.to_string()),
        };
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return of_io(error);
    }
    let error = error.downcast_ref::<hyper::Error>()?;
    let words = if error.is_parse() {
        "it does not speak HTTP, or HTTPS is wanted"
    } else if error.is_incomplete_message() {
        "it broke off before the answer"
    } else {
        return None;
    };
    Some(words.to_owned())
}

fn of_io(error: &io::Error) -> Option<String> {
    if let Some(inner) = error.get_ref() {
        let inner: &(dyn Error + 'static) = inner;
        if let Some(words) = known(inner) {
            return Some(words);
        }
    }
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            "connection reset"
        }
        io::ErrorKind::TimedOut => "it does not take the connection in time",
        io::ErrorKind::UnexpectedEof => "it broke off before the answer",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "there is no way to it",
        _ => return None,
    };
    Some(words.to_owned())
}

fn of_tls(error: &rustls::Error) -> String {
    let words = match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            // A bad signature is that of an authority of the same name with another key: one that was made anew.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "its certificate is of an authority that is not trusted; the store's CA is missing or another one"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            _ => "its certificate is not valid",
        },
        rustls::Error::AlertReceived(alert) => {
            return format!("it ended the TLS handshake: {alert:?}");
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS",
        _ => "the TLS handshake failed",
    };
    words.to_owned()
}
