//! The sealing keys and their backup: how many, how old, which one seals, which are of no use. Private keys
//! are read only to tell whether they can be, and are gone at once.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use seal_api::annotations::{BACKED_UP_KEYS, BACKED_UP_RETIRED};
use seal_cluster::config_maps::BACKUP;
use seal_cluster::installation::{INSTALLATION_SECRET, Installation};
use seal_cluster::keys::{is_active, read_key};
use seal_cluster::look::{Look, Seen};
use seal_core::Fingerprint;

use crate::controller::Controller;
use crate::report::Check;

/// One key Secret.
#[derive(Clone, Debug)]
struct KeySeen {
    secret: String,
    /// Fingerprint and begin, or why it is of no use.
    key: Result<(Fingerprint, Timestamp), String>,
}

/// What was seen of the keys.
pub(super) struct Keys {
    keys: Seen<Vec<KeySeen>>,
    /// The fingerprint of the one that was chosen to seal.
    primary: Option<String>,
}

impl Keys {
    /// Reads the key Secrets, if that is allowed.
    pub(super) async fn gather(look: &Look, controller: &Controller) -> Self {
        let mut primary = None;
        let keys = look.key_secrets(&controller.namespace).await.map(|secrets| {
            let mut keys = Vec::new();
            for secret in secrets {
                if secret.metadata.name.as_deref() == Some(INSTALLATION_SECRET) {
                    primary = Installation::read(secret).and_then(|installation| installation.primary);
                    continue;
                }
                if !is_active(secret.metadata.labels.as_ref()) {
                    continue;
                }
                keys.push(KeySeen {
                    secret: secret.metadata.name.clone().unwrap_or_default(),
                    key: read_key(&secret)
                        .map(|key| (key.private.public().fingerprint(), key.certificate.not_before()))
                        .map_err(|error| error.to_string()),
                });
            }
            keys
        });
        Self { keys, primary }
    }

    /// The key that was chosen to seal, if that could be seen.
    pub(super) fn chosen(&self) -> Option<Fingerprint> {
        self.primary.as_ref()?.parse().ok()
    }

    /// The keys that open, if they could be seen.
    pub(super) fn fingerprints(&self) -> Option<Vec<Fingerprint>> {
        let keys = self.keys.found()?.iter();
        Some(keys.filter_map(|seen| Some(seen.key.as_ref().ok()?.0)).collect())
    }

    /// What that comes to, given the key that is served.
    pub(super) fn judge(&self, served: Option<Fingerprint>, now: Timestamp) -> Vec<Check> {
        let keys = match &self.keys {
            Seen::Found(keys) => keys,
            other => return vec![Check::unseen("keys", other, "there are none")],
        };
        let usable: Vec<_> = keys.iter().filter_map(|seen| seen.key.as_ref().ok()).collect();
        let mut checks = vec![match usable.iter().max_by_key(|(_, since)| *since) {
            None => Check::failed("keys", "there is no usable sealing key: nothing opens")
                .code("no-key")
                .remedy("restore a backup (`seal keys restore`), or start the controller to make one"),
            Some((_, since)) => {
                let days = now.duration_since(*since).as_hours() / 24;
                let what = format!("{}, the newest {days} days old", counted(usable.len()));
                Check::ok("keys", what)
                    .fact("count", usable.len().to_string())
                    .fact("newestDays", days.to_string())
            }
        }];
        checks.extend(keys.iter().filter_map(|seen| {
            let why = seen.key.as_ref().err()?;
            Some(
                Check::warning(seen.secret.clone(), format!("of no use: {why}"))
                    .code("unusable-key")
                    .remedy("restore it from a backup; what was sealed with it does not open until then"),
            )
        }));
        checks.extend(self.primary(&usable, served));
        checks
    }

    fn primary(&self, usable: &[&(Fingerprint, Timestamp)], served: Option<Fingerprint>) -> Option<Check> {
        let about = "primary";
        let Some(primary) = &self.primary else {
            return Some(Check::note(
                about,
                "none was chosen: sealed-secrets, or a controller that has not started yet",
            ));
        };
        let stands = usable
            .iter()
            .any(|(fingerprint, _)| fingerprint.to_string() == *primary);
        let check = if !stands {
            Check::failed(
                about,
                format!("{primary} was chosen to seal, and its Secret is not there"),
            )
            .code("primary-missing")
            .remedy("restore that key, or choose another: `seal keys primary FINGERPRINT`")
        } else if served.is_some_and(|served| served.to_string() != *primary) {
            Check::warning(
                about,
                format!("{primary} was chosen to seal, and another is served"),
            )
            .code("primary-not-served")
            .remedy("wait for the controller to see it; if it stays so, restart the controller")
        } else {
            Check::ok(about, format!("{primary} seals"))
        };
        Some(check.fact("fingerprint", primary.clone()))
    }
}

/// Whether the key that seals is in the backup.
pub(super) fn backup(seen: &Seen<ConfigMap>, sealing: Option<Fingerprint>) -> Check {
    let about = "backup";
    let backup = match seen {
        Seen::Found(backup) => backup,
        Seen::Absent => {
            return Check::warning(
                about,
                format!(
                    "there is no ConfigMap {BACKUP}: if the key Secrets are lost, so is everything sealed"
                ),
            )
            .code("no-backup")
            .remedy(
                "let the controller keep one with --backup-recipients, or make one with `seal keys backup`",
            );
        }
        other => return Check::unseen(about, other, ""),
    };
    let names = |list: &str| -> Vec<&str> {
        let annotations = backup.metadata.annotations.as_ref();
        let names = annotations.and_then(|all| all.get(list)).into_iter();
        let names = names.flat_map(|names| names.split(',')).map(str::trim);
        names.filter(|name| !name.is_empty()).collect()
    };
    let (held, retired) = (names(BACKED_UP_KEYS), names(BACKED_UP_RETIRED));
    let holds = match retired.len() {
        0 => format!("it holds {}", counted(held.len())),
        count => format!("it holds {} and {count} retired", counted(held.len())),
    };
    match sealing.map(|sealing| held.contains(&sealing.to_string().as_str())) {
        None => Check::unknown(about, format!("{holds}; whether the one that seals is among them is not known")),
        Some(true) => Check::ok(about, format!("{holds}, the one that seals among them")),
        Some(false) => Check::warning(about, format!("{holds}, and not the one that seals"))
            .code("backup-stale")
            .remedy("see why the controller does not renew it: its logs, --backup-recipients, its permission to update configmaps"),
    }
}

fn counted(keys: usize) -> String {
    format!("{keys} {}", if keys == 1 { "key" } else { "keys" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::State;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn name(letter: char) -> Fingerprint {
        format!("SHA256:{}8", String::from(letter).repeat(42))
            .parse()
            .unwrap()
    }

    fn good(letter: char, days: i64) -> KeySeen {
        KeySeen {
            secret: format!("key-{letter}"),
            key: Ok((name(letter), NOW - jiff::SignedDuration::from_hours(24 * days))),
        }
    }

    fn broken() -> KeySeen {
        KeySeen {
            secret: "key-z".to_owned(),
            key: Err("tls.crt is missing".to_owned()),
        }
    }

    #[test]
    fn keys_are_counted_the_broken_named_and_the_primary_held_against_what_is_served() {
        type Row = (
            Vec<KeySeen>,
            Option<char>,
            char,
            &'static [(State, Option<&'static str>)],
        );
        use State::{Failed, Note, Ok as Good, Warning};
        let rows: Vec<Row> = vec![
            (
                vec![good('a', 3), good('b', 40)],
                Some('a'),
                'a',
                &[(Good, None), (Good, None)],
            ),
            (vec![good('a', 3)], None, 'a', &[(Good, None), (Note, None)]),
            (
                vec![good('a', 3), broken()],
                Some('a'),
                'a',
                &[(Good, None), (Warning, Some("unusable-key")), (Good, None)],
            ),
            (
                vec![good('a', 3), good('b', 4)],
                Some('a'),
                'b',
                &[(Good, None), (Warning, Some("primary-not-served"))],
            ),
            (
                vec![good('a', 3)],
                Some('b'),
                'a',
                &[(Good, None), (Failed, Some("primary-missing"))],
            ),
            (
                vec![],
                Some('b'),
                'a',
                &[(Failed, Some("no-key")), (Failed, Some("primary-missing"))],
            ),
        ];
        for (keys, primary, served, expected) in rows {
            let keys = Keys {
                keys: Seen::Found(keys),
                primary: primary.map(|letter| name(letter).to_string()),
            };
            assert_eq!(keys.chosen(), primary.map(name));
            let checks = keys.judge(Some(name(served)), NOW);
            let found: Vec<_> = checks
                .iter()
                .map(|check| (check.state, check.code.as_deref()))
                .collect();
            assert_eq!(found, expected, "{checks:?}");
        }
    }

    #[test]
    fn a_backup_is_whole_stale_missing_or_not_to_be_judged() {
        let holding = |keys: &str| {
            let mut map = ConfigMap::default();
            map.metadata.annotations = Some([(BACKED_UP_KEYS.to_owned(), keys.to_owned())].into());
            Seen::Found(map)
        };
        let both = format!("{}, {}", name('a'), name('b'));
        for (seen, served, state, code) in [
            (holding(&both), Some('a'), State::Ok, None),
            (
                holding(&name('b').to_string()),
                Some('a'),
                State::Warning,
                Some("backup-stale"),
            ),
            (holding(""), Some('a'), State::Warning, Some("backup-stale")),
            (holding(&both), None, State::Unknown, None),
            (Seen::Absent, Some('a'), State::Warning, Some("no-backup")),
        ] {
            let check = backup(&seen, served.map(name));
            assert_eq!(
                (check.state, check.code.as_deref()),
                (state, code),
                "{}",
                check.what
            );
        }
        let mut map = ConfigMap::default();
        let lists = [(BACKED_UP_KEYS, 'a'), (BACKED_UP_RETIRED, 'b')];
        let lists = lists.map(|(list, letter)| (list.to_owned(), name(letter).to_string()));
        map.metadata.annotations = Some(lists.into());
        let check = backup(&Seen::Found(map), Some(name('a')));
        assert_eq!(
            check.what,
            "it holds 1 key and 1 retired, the one that seals among them"
        );
    }
}
