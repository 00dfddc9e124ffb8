//! Certificates for templates: authorities, self-signed and signed ones, and pairs given as base64.
//! Serial numbers come from the handed-in generator; keys and signatures are aws-lc's own randomness.

use std::any::Any;
use std::net::IpAddr;
use std::time::Duration;

use rcgen::string::PrintableString;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::sprig::encodings::decode_base64;
use crate::sprig::keys::{Block, Key, is_private_key, write_pem};
use crate::value::{Object, Text, Value};

const CREATION_FAILED: CallFault = CallFault::Refused("error creating certificate");
/// The last second of the year 9999, beyond which X.509 has no dates.
const LAST_SECOND: i64 = 253_402_300_799;

/// A certificate and its private key, both PEM: `.Cert` and `.Key`.
pub(super) struct Certificate {
    certificate: Text,
    key: Text,
}

impl Certificate {
    /// As JSON has it.
    pub(super) fn entries(&self) -> [(Text, Value); 2] {
        [
            ("Cert".into(), self.certificate.clone().into()),
            ("Key".into(), self.key.clone().into()),
        ]
    }
}

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Cert", self.certificate.clone().into()),
            ("Key", self.key.clone().into()),
        ]
    }

    fn equal(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other
            .downcast_ref::<Certificate>()
            .is_some_and(|other| self.certificate == other.certificate && self.key == other.key)
    }
}

pub(super) fn gen_ca(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let key = Key::generate_rsa_2048(call)?;
    authority(arguments, &key, call)
}

pub(super) fn gen_ca_with_key(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let key = Key::from_pem(arguments.text(2)?, call)?;
    authority(arguments, &key, call)
}

fn authority(arguments: Arguments<'_>, key: &Key, call: &mut Call<'_>) -> Outcome {
    let mut request = Request::new(arguments.text(0)?, &[], &[], arguments.int(1)?, call)?;
    request.0.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    request.0.key_usages.push(KeyUsagePurpose::KeyCertSign);
    request.sign_itself(key, call)
}

pub(super) fn gen_self_signed_cert(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let request = Request::of(arguments, call)?;
    let key = Key::generate_rsa_2048(call)?;
    request.sign_itself(&key, call)
}

pub(super) fn gen_self_signed_cert_with_key(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let key = Key::from_pem(arguments.text(4)?, call)?;
    Request::of(arguments, call)?.sign_itself(&key, call)
}

pub(super) fn gen_signed_cert(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let request = Request::of(arguments, call)?;
    let issuer = issuer(arguments.any(4), call)?;
    let key = Key::generate_rsa_2048(call)?;
    request.sign(&key, &issuer, call)
}

pub(super) fn gen_signed_cert_with_key(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let key = Key::from_pem(arguments.text(5)?, call)?;
    let issuer = issuer(arguments.any(4), call)?;
    Request::of(arguments, call)?.sign(&key, &issuer, call)
}

/// Checks that both are what they should be, not that they belong together; upstream does not either.
pub(super) fn build_custom_cert(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let certificate = decode_base64(arguments.text(0)?)
        .map_err(|_| CallFault::Refused("unable to decode base64 certificate"))?;
    let key = decode_base64(arguments.text(1)?)
        .map_err(|_| CallFault::Refused("unable to decode base64 private key"))?;
    let block = Block::read(&certificate).ok_or(CallFault::Refused("unable to decode certificate"))?;
    if !X509Certificate::from_der(&block.content).is_ok_and(|(rest, _)| rest.is_empty()) {
        return Err(CallFault::Refused("error parsing certificate"));
    }
    if !is_private_key(&key, call)? {
        return Err(CallFault::Refused("error parsing private key"));
    }
    Ok(Value::object(Certificate {
        certificate: Text::from(certificate),
        key: Text::from(key),
    }))
}

fn issuer(value: &Value, call: &mut Call<'_>) -> Result<Issuer<'static, Key>, CallFault> {
    let pair = value
        .downcast::<Certificate>()
        .ok_or(CallFault::WrongType(value.type_name(), "sprig.certificate"))?;
    let block = Block::read(&pair.certificate).ok_or(CallFault::Refused("unable to decode certificate"))?;
    let key = Key::from_pem(&pair.key, call)?;
    Issuer::from_ca_cert_der(&block.content.as_slice().into(), key)
        .map_err(|_| CallFault::Refused("error parsing certificate"))
}

struct Request(CertificateParams);

impl Request {
    /// Common name, addresses, names, days: how most of these functions begin.
    fn of(arguments: Arguments<'_>, call: &mut Call<'_>) -> Result<Request, CallFault> {
        let items = |position| match arguments.any(position) {
            Value::List(list) => list.items(),
            _ => &[],
        };
        Request::new(arguments.text(0)?, items(1), items(2), arguments.int(3)?, call)
    }

    fn new(
        common_name: &Text,
        addresses: &[Value],
        names: &[Value],
        days: i64,
        call: &mut Call<'_>,
    ) -> Result<Request, CallFault> {
        let mut params = CertificateParams::default();
        for address in addresses {
            let parsed: IpAddr = text_of(address)?
                .to_str()
                .and_then(|text| text.parse().ok())
                .ok_or(CallFault::Refused("error parsing ip"))?;
            params.subject_alt_names.push(SanType::IpAddress(parsed));
        }
        for name in names {
            let name = text_of(name)?
                .to_str()
                .and_then(|text| text.try_into().ok())
                .ok_or(CREATION_FAILED)?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        let mut serial = [0; 16];
        call.random(&mut serial);
        let now = call.now().as_second();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + since_epoch(now)?;
        params.not_after = epoch + since_epoch(days.saturating_mul(86_400).saturating_add(now))?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        let common_name = common_name.to_str().ok_or(CREATION_FAILED)?;
        if !common_name.is_empty() {
            let value = PrintableString::try_from(common_name).map_or_else(
                |_| DnValue::Utf8String(common_name.to_owned()),
                DnValue::PrintableString,
            );
            params.distinguished_name.push(DnType::CommonName, value);
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::DigitalSignature,
        ];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        Ok(Request(params))
    }

    fn sign_itself(self, key: &Key, call: &Call<'_>) -> Outcome {
        finish(self.0.self_signed(key), key, call)
    }

    fn sign(mut self, key: &Key, issuer: &Issuer<'_, Key>, call: &Call<'_>) -> Outcome {
        self.0.use_authority_key_identifier_extension = true;
        finish(self.0.signed_by(key, issuer), key, call)
    }
}

fn finish(certificate: Result<rcgen::Certificate, rcgen::Error>, key: &Key, call: &Call<'_>) -> Outcome {
    let certificate = certificate.map_err(|_| CREATION_FAILED)?;
    Ok(Value::object(Certificate {
        certificate: write_pem("CERTIFICATE", certificate.der(), call)?,
        key: key.to_pem(call)?,
    }))
}

fn text_of(value: &Value) -> Result<&Text, CallFault> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(CallFault::WrongType(other.type_name(), "string")),
    }
}

fn since_epoch(seconds: i64) -> Result<Duration, CallFault> {
    let seconds = u64::try_from(seconds)
        .ok()
        .filter(|_| seconds <= LAST_SECOND)
        .ok_or(CREATION_FAILED)?;
    Ok(Duration::from_secs(seconds))
}
