//! A key leaves the ring: whether it may, and the label that says so. Its Secret stays.
//!
//! Proof that no object needs a key is the record of each object, which only this installation can
//! make and which it makes by opening (S19); what has no record may need any key.

use seal_api::Retire;
use seal_api::annotations::KEY_LABEL;
use seal_cluster::keys::KeyState;
use seal_cluster::secrets::Secrets;
use seal_cluster::watch::Scope;
use seal_core::Fingerprint;
use tracing::info;

use super::{KeysError, ListedKey};

// Enough to begin with, and few enough for a status.
const MOST_NAMED: usize = 10;

/// A SealedSecret and the keys that it needs.
#[derive(Clone, Debug)]
pub(crate) struct User {
    /// Namespace and name.
    pub(crate) name: String,
    /// The keys that opened it as it stands; `None` if nobody knows.
    pub(crate) keys: Option<Vec<Fingerprint>>,
}

/// Where the SealedSecrets are not known: not listed yet, or not to be listed. Nobody can say what is
/// needed there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the SealedSecrets {} are not known yet; if this stays so, the log tells why, and a Role is missing or \
     --additional-namespaces names a namespace too many",
    wheres(.0)
)]
pub(crate) struct Unlisted(pub(crate) Vec<Scope>);

fn wheres(scopes: &[Scope]) -> String {
    let mut names: Vec<&str> = scopes.iter().filter_map(Scope::namespace).collect();
    if names.len() < scopes.len() || names.is_empty() {
        return "of the cluster".to_owned();
    }
    names.sort_unstable();
    let more = names.len().saturating_sub(MOST_NAMED);
    names.truncate(MOST_NAMED);
    match more {
        0 => format!("of {}", names.join(", ")),
        _ => format!("of {} and {more} more namespaces", names.join(", ")),
    }
}

/// Why a key stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It seals.
    #[error("{0} seals: make another key primary first")]
    Primary(Fingerprint),
    /// Objects need it, or may.
    #[error(
        "{key} may be needed by {count} SealedSecret{}: {}; reencrypt first (`kubeseal --re-encrypt`), or say \
         that the key is compromised",
        if *count == 1 { "" } else { "s" },
        names.join(", ")
    )]
    Needed {
        /// The key.
        key: Fingerprint,
        /// How many there are.
        count: usize,
        /// The first of them, the ones that need it before those that may.
        names: Vec<String>,
    },
}

/// What becomes of the key.
pub(super) fn state(wanted: &Retire) -> KeyState {
    match wanted.compromised {
        true => KeyState::Compromised,
        false => KeyState::Retired,
    }
}

/// Where in `keys` the key stands and is not retired as it is wanted: it may stand in several Secrets.
pub(super) fn pending<'a>(wanted: &Retire, keys: &'a [ListedKey]) -> Vec<&'a ListedKey> {
    let due = |key: &&ListedKey| {
        let open = key.state == KeyState::Active;
        let own = key.fingerprint.to_string() == wanted.fingerprint;
        own && (open || wanted.compromised && key.state != state(wanted))
    };
    keys.iter().filter(due).collect()
}

/// Whether `key` may be retired.
pub(super) fn judge(
    key: Fingerprint,
    primary: Option<Fingerprint>,
    compromised: bool,
    users: &[User],
) -> Result<(), Refusal> {
    if primary == Some(key) {
        return Err(Refusal::Primary(key));
    }
    if compromised {
        return Ok(());
    }
    let needs = |user: &&User| user.keys.as_ref().is_some_and(|keys| keys.contains(&key));
    let may = |user: &&User| user.keys.is_none();
    let mut names: Vec<String> = users.iter().filter(needs).map(|user| user.name.clone()).collect();
    let unknown = users.iter().filter(may);
    names.extend(unknown.map(|user| format!("{} (not opened yet)", user.name)));
    let count = names.len();
    names.truncate(MOST_NAMED);
    match count {
        0 => Ok(()),
        _ => Err(Refusal::Needed { key, count, names }),
    }
}

/// Writes what became of the key in `name`.
///
/// # Errors
/// [`KeysError`]; the Secret stays as it was.
pub(super) async fn relabel(
    secrets: &Secrets,
    namespace: &str,
    name: &str,
    state: KeyState,
) -> Result<(), KeysError> {
    let call = |source| KeysError::Call {
        doing: "retiring a key",
        source,
    };
    let Some(mut secret) = secrets.find(namespace, name).await.map_err(call)? else {
        return Ok(());
    };
    secret.metadata.managed_fields = None;
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.insert(KEY_LABEL.to_owned(), state.label().to_owned());
    secrets.replace(&secret).await.map_err(call)?;
    info!(
        secretname = name,
        state = state.label(),
        "a key opens nothing any longer"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use seal_core::{KeySize, PrivateKey};

    use super::*;

    #[test]
    fn the_namespaces_whose_objects_are_not_known_are_named() {
        let scope = |name: &str| Scope::Namespace(name.to_owned());
        let told = Unlisted(vec![scope("b"), scope("a")]).to_string();
        assert!(
            told.starts_with("the SealedSecrets of a, b are not known yet"),
            "{told}"
        );
        let told = Unlisted(vec![Scope::Cluster]).to_string();
        assert!(
            told.starts_with("the SealedSecrets of the cluster are not known yet"),
            "{told}"
        );
        let many = (0..12).map(|number| scope(&format!("n{number:02}"))).collect();
        let told = Unlisted(many).to_string();
        assert!(told.contains("n09 and 2 more namespaces are"), "{told}");
    }

    #[test]
    fn a_key_is_kept_while_it_seals_or_an_object_needs_it_or_may() {
        let [key, other] = [(); 2].map(|()| {
            let key = PrivateKey::generate(KeySize::Bits2048).unwrap();
            key.public().fingerprint()
        });
        let user = |name: &str, keys: Option<&[Fingerprint]>| User {
            name: name.to_owned(),
            keys: keys.map(<[_]>::to_vec),
        };
        let (needs, without, unknown) = (
            user("a/needs", Some(&[other, key])),
            user("a/without", Some(&[other])),
            user("a/unknown", None),
        );
        assert_eq!(
            judge(key, Some(other), false, std::slice::from_ref(&without)),
            Ok(())
        );
        assert_eq!(judge(key, Some(key), true, &[]), Err(Refusal::Primary(key)));
        let all = [unknown, needs, without];
        let refusal = judge(key, Some(other), false, &all).unwrap_err();
        let names = vec!["a/needs".to_owned(), "a/unknown (not opened yet)".to_owned()];
        assert_eq!(refusal, Refusal::Needed { key, count: 2, names });
        assert_eq!(judge(key, Some(other), true, &all), Ok(()));
        let many: Vec<User> = (0..25).map(|at| user(&format!("a/{at}"), None)).collect();
        let text = judge(key, None, false, &many).unwrap_err().to_string();
        assert!(
            text.contains("25 SealedSecrets") && text.matches("a/").count() == 10,
            "{text}"
        );
    }
}
