//! `filterPEM`, `filterCertChain` and `certSANs`, and the order of a chain: leaf, intermediates, root. Signatures
//! are not verified; as upstream, certificates are held together by their key identifiers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::pem;
use crate::function::{Arguments, Call, CallFault};
use crate::value::{Buffer, List, Text, Value};

type Outcome = Result<Value, CallFault>;

/// Reading one certificate.
const CERTIFICATE_FUEL: u64 = 1_000;

pub(super) const LABEL: &str = "CERTIFICATE";
pub(super) const NO_BLOCK: CallFault = CallFault::Refused("failed to decode PEM block");
const MALFORMED: CallFault = CallFault::Refused("x509: malformed certificate");
const MALFORMED_FOR_NAMES: CallFault = CallFault::Refused("failed to parse certificate");
const JUNK: CallFault = CallFault::Refused("error filtering pem: found junk");
const SEVERAL_LEAVES: CallFault = CallFault::Refused("found multiple leaf or disjunct certificates");
const NO_LEAF: CallFault = CallFault::Refused("no leaf certificate found");
const CYCLE: CallFault = CallFault::Refused("constructing chain resulted in cycle");

/// A certificate's bytes and what its place in a chain follows from.
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
    own: Option<Vec<u8>>,
    issuer: Option<Vec<u8>>,
}

impl Certificate {
    pub(super) fn read(der: &[u8], call: &mut Call<'_>) -> Result<Certificate, CallFault> {
        let parsed = parse(der, call)?;
        let (mut own, mut issuer) = (None, None);
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(identifier) => own = Some(identifier.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(authority) => {
                    issuer = authority
                        .key_identifier
                        .as_ref()
                        .map(|identifier| identifier.0.to_vec());
                }
                _ => {}
            }
        }
        Ok(Certificate {
            der: der.to_vec(),
            own,
            issuer,
        })
    }

    fn is_root(&self) -> bool {
        self.issuer.is_none() || self.issuer == self.own
    }

    fn write(&self, into: &mut Buffer, call: &Call<'_>) -> Result<(), CallFault> {
        pem::encode(LABEL, &self.der, into, call)
    }
}

/// A certificate, and nothing behind it.
pub(super) fn parse<'d>(der: &'d [u8], call: &mut Call<'_>) -> Result<X509Certificate<'d>, CallFault> {
    call.spend(CERTIFICATE_FUEL + der.len() as u64 / 8)?;
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(MALFORMED),
    }
}

/// The certificates of all blocks of `text`. A block of another kind is a fault.
pub(super) fn read_all(text: &[u8], call: &mut Call<'_>) -> Result<Vec<Certificate>, CallFault> {
    call.spend(text.len() as u64 / 8)?;
    let mut certificates = Vec::new();
    let mut rest = text;
    while let Some((block, after)) = pem::decode(rest) {
        certificates.push(Certificate::read(&block.content, call)?);
        rest = after;
    }
    Ok(certificates)
}

/// The certificates from leaf to root: each is followed by the first other one whose identifier its own
/// issuer's is. An identifier that is lacking equals another one that is.
pub(super) fn order(certificates: Vec<Certificate>) -> Result<Vec<Certificate>, CallFault> {
    let mut by_identifier: HashMap<&[u8], [Option<usize>; 2]> = HashMap::new();
    for (index, certificate) in certificates.iter().enumerate() {
        let places = by_identifier
            .entry(certificate.own.as_deref().unwrap_or_default())
            .or_default();
        // Two are enough to find one that is not the certificate itself.
        if let Some(place) = places.iter_mut().find(|place| place.is_none()) {
            *place = Some(index);
        }
    }
    let parents: Vec<Option<usize>> = certificates
        .iter()
        .enumerate()
        .map(|(index, certificate)| {
            let issuer = certificate.issuer.as_deref().unwrap_or_default();
            let places = by_identifier.get(issuer)?;
            places.iter().flatten().copied().find(|other| *other != index)
        })
        .collect();
    let mut is_parent = vec![false; certificates.len()];
    parents
        .iter()
        .flatten()
        .for_each(|parent| is_parent[*parent] = true);
    let mut leaves = (0..certificates.len()).filter(|index| !is_parent[*index]);
    let leaf = leaves.next().ok_or(NO_LEAF)?;
    if leaves.next().is_some() {
        return Err(SEVERAL_LEAVES);
    }
    let mut slots: Vec<Option<Certificate>> = certificates.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(slots.len());
    let mut next = Some(leaf);
    while let Some(index) = next {
        ordered.push(slots[index].take().ok_or(CYCLE)?);
        next = parents[index];
    }
    Ok(ordered)
}

/// All of them as PEM.
pub(super) fn write_all(certificates: &[Certificate], call: &Call<'_>) -> Result<Text, CallFault> {
    let mut buffer = call.buffer();
    for certificate in certificates {
        certificate.write(&mut buffer, call)?;
    }
    Ok(buffer.into_text())
}

pub(super) fn filter_pem(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (label, text) = (arguments.text(0)?, arguments.text(1)?);
    call.spend(text.len() as u64 / 4)?;
    let mut buffer = call.buffer();
    let mut rest = pem::without_preface(text);
    while let Some((block, after)) = pem::decode(rest) {
        if block.is(label) {
            block.encode(&mut buffer, call)?;
        }
        rest = after;
    }
    match buffer.is_empty() && !rest.is_empty() {
        true => Err(JUNK),
        false => Ok(buffer.into_text().into()),
    }
}

pub(super) fn filter_cert_chain(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let kind = arguments.text(0)?;
    let chain = order(read_all(arguments.text(1)?, call)?)?;
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
        return Err(NO_LEAF);
    };
    let chosen: &[Certificate] = match kind.as_bytes() {
        b"leaf" if !first.is_root() => std::slice::from_ref(first),
        b"root" if last.is_root() => std::slice::from_ref(last),
        b"intermediate" => {
            let behind_leaf = &chain[1..];
            let roots = behind_leaf.iter().position(Certificate::is_root);
            &behind_leaf[..roots.unwrap_or(behind_leaf.len())]
        }
        _ => &[],
    };
    Ok(write_all(chosen, call)?.into())
}

/// Names, addresses, mail addresses and URIs, in this order.
pub(super) fn cert_sans(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(0)?;
    call.spend(text.len() as u64 / 8)?;
    let (block, _) = pem::decode(pem::without_preface(text)).ok_or(NO_BLOCK)?;
    let content: &Zeroizing<Vec<u8>> = &block.content;
    let certificate = parse(content, call).map_err(|fault| match fault {
        MALFORMED => MALFORMED_FOR_NAMES,
        other => other,
    })?;
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_| MALFORMED_FOR_NAMES)?;
    let names = extension.map_or(&[][..], |extension| &extension.value.general_names);
    let mut sorted: [Vec<Text>; 4] = Default::default();
    for name in names {
        match name {
            GeneralName::DNSName(name) => sorted[0].push(Text::new(name)),
            GeneralName::IPAddress(bytes) => {
                sorted[1].push(Text::new(address(bytes).ok_or(MALFORMED_FOR_NAMES)?));
            }
            GeneralName::RFC822Name(address) => sorted[2].push(Text::new(address)),
            GeneralName::URI(address) => sorted[3].push(Text::new(address)),
            _ => {}
        }
    }
    Ok(List::texts(sorted.into_iter().flatten()).into())
}

/// As Go prints it: an IPv4 address within IPv6 is an IPv4 address.
fn address(bytes: &[u8]) -> Option<String> {
    let address: IpAddr = match bytes.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(),
    };
    Some(address.to_canonical().to_string())
}
