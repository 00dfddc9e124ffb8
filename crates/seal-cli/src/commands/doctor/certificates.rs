//! The certificates that people seal with, held against the one that the controller serves: published in
//! the ConfigMap, kept in files. Whether a certificate is valid, `health` judges.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use seal_cluster::config_maps::{CERTIFICATE, CERTIFICATES};
use seal_cluster::look::Seen;
use seal_core::{Certificate, Fingerprint};

use crate::controller::health;
use crate::report::Check;

/// The certificate in that ConfigMap.
pub(super) fn published(seen: Seen<ConfigMap>) -> Seen<Certificate> {
    seen.and(|map| {
        let pem = map.data.as_ref().and_then(|data| data.get(CERTIFICATE));
        match pem.map(|pem| Certificate::from_pem(pem.as_bytes())) {
            None => Seen::Unknown(format!("the ConfigMap {CERTIFICATES} has no {CERTIFICATE}")),
            Some(Ok(certificate)) => Seen::Found(certificate),
            Some(Err(error)) => {
                Seen::Unknown(format!("{CERTIFICATE} in the ConfigMap {CERTIFICATES}: {error}"))
            }
        }
    })
}

/// A line for the published certificate and each local one; `keys` are those that open, if known.
pub(super) fn judge(
    served: Option<Fingerprint>,
    published: &Seen<Certificate>,
    local: &[(String, Certificate)],
    keys: Option<&[Fingerprint]>,
    now: Timestamp,
) -> Vec<Check> {
    let about = "published";
    let mut checks = vec![match published {
        Seen::Found(found) if served.is_some_and(|served| served != found.fingerprint()) => Check::failed(
            about,
            format!("{} stands in the ConfigMap {CERTIFICATES}, and another is served", found.fingerprint()),
        )
        .code("published-differs")
        .remedy("the controller heals it at once; if it stays so, find out who writes it, and do not seal with it"),
        Seen::Found(found) => health::validity(about, found, now),
        Seen::Absent => Check::note(about, format!("there is no ConfigMap {CERTIFICATES}; the controller's answer is all there is")),
        other => Check::unseen(about, other, ""),
    }];
    checks.extend(local.iter().map(|(file, found)| {
        let own = found.fingerprint();
        if served.is_none_or(|served| served == own) {
            return health::validity(file, found, now);
        }
        match keys.map(|keys| keys.contains(&own)) {
            Some(true) => Check::warning(
                file,
                format!("{own}, an older key: what is sealed with it still opens"),
            )
            .code("certificate-old")
            .remedy("fetch the newest: seal cert fetch --refresh"),
            Some(false) => Check::failed(
                file,
                format!("{own}, no key of this controller: nothing sealed with it opens"),
            )
            .code("certificate-foreign")
            .remedy("fetch this controller's: seal cert fetch --refresh"),
            None => Check::warning(file, format!("{own}, not the one that is served"))
                .code("certificate-differs")
                .remedy("fetch the newest: seal cert fetch --refresh"),
        }
    }));
    checks
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use seal_core::{KeySize, PrivateKey, SelfSigned, SystemRandom};

    use super::*;
    use crate::report::State;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn certificate() -> Certificate {
        let key = PrivateKey::generate(KeySize::Bits2048).unwrap();
        let contents = SelfSigned {
            common_name: "",
            not_before: NOW,
            lifetime: Duration::from_secs(365 * 86_400),
        };
        Certificate::self_signed(&key, &contents, &mut SystemRandom).unwrap()
    }

    #[test]
    fn certificates_are_the_served_one_an_older_one_or_a_strangers() {
        let (served, older) = (certificate(), certificate());
        let (current, old) = (served.fingerprint(), older.fingerprint());
        let again = Certificate::from_pem(served.pem().as_bytes()).unwrap();
        let local = [("new.pem".to_owned(), again), ("old.pem".to_owned(), older)];
        for (keys, expected) in [
            (Some(vec![current, old]), (State::Warning, "certificate-old")),
            (Some(vec![current]), (State::Failed, "certificate-foreign")),
            (None, (State::Warning, "certificate-differs")),
        ] {
            let checks = judge(Some(current), &Seen::Absent, &local, keys.as_deref(), NOW);
            assert_eq!(checks[0].state, State::Note);
            assert_eq!(checks[1].state, State::Ok);
            assert_eq!((checks[2].state, checks[2].code.as_deref().unwrap()), expected);
        }
        let swapped = judge(Some(old), &Seen::Found(served), &[], None, NOW);
        assert_eq!(swapped[0].code.as_deref(), Some("published-differs"));
    }

    #[test]
    fn a_config_map_without_a_certificate_is_no_answer() {
        assert!(matches!(
            published(Seen::Found(ConfigMap::default())),
            Seen::Unknown(_)
        ));
        let map: ConfigMap =
            serde_json::from_value(serde_json::json!({"data": {CERTIFICATE: certificate().pem()}})).unwrap();
        assert!(matches!(published(Seen::Found(map)), Seen::Found(_)));
    }
}
