//! What a store's settings refer to, read: Secrets, ConfigMaps, tokens of ServiceAccounts; each from the namespace
//! that the engine's boundary allows, and remembered, so that a change of one makes a new client.
//!
//! The controller's own identity is none of them: it never leaves for a store (S1).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use kube::Client;
use seal_api::external_secrets::{
    ByteString, CaProvider, CaProviderKind, SecretKeySelector, ServiceAccountSelector,
};
use seal_cluster::call::Deed;
use seal_cluster::object_entries::{Held, Holder, entries};
use seal_cluster::service_account_tokens::{MINT, mint};
use seal_core::Plaintext;
use seal_engine::external_secret::boundary::{From, Place, read_from};
use seal_engine::{Fault, SecretVersion, catalogue};
use seal_providers::{JwtSource, StoreError, Trust};
use zeroize::Zeroizing;

use super::dependents::Thing;
use crate::known::Key;

/// Reads what one store refers to, for one asker.
pub(super) struct Credentials<'a> {
    client: &'a Client,
    place: Place<'a>,
    interest: &'a Interest,
    audience: Audience,
    read: BTreeMap<(Holder, Key), Held>,
    things: BTreeMap<Thing, Option<SecretVersion>>,
}

/// Whether tokens of ServiceAccounts are minted that no audience bounds: what is not bound to a store, the API server
/// takes too (S2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Audience {
    /// They are, as upstream does: roles of Vault may count on it.
    #[default]
    Anybody,
    /// They are not.
    Named,
}

/// What stores refer to: of its changes the watch must tell from before the first reading on, or one that comes
/// between the reading and the telling is never heard of.
#[derive(Default)]
pub(super) struct Interest(Mutex<HashSet<Thing>>);

impl Interest {
    /// Whether some store refers to it.
    pub(super) fn has(&self, thing: &Thing) -> bool {
        self.lock().contains(thing)
    }

    fn begin(&self, thing: &Thing) {
        self.lock().insert(thing.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Thing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there are no credentials.
pub(super) enum Lacking {
    /// The store is the asker's own affair, and nobody asks.
    Asker,
    /// Something is wrong.
    Fault(Fault),
}

impl std::convert::From<Fault> for Lacking {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<'a> Credentials<'a> {
    /// For the store in that place.
    pub(super) fn new(
        client: &'a Client,
        place: Place<'a>,
        interest: &'a Interest,
        audience: Audience,
    ) -> Self {
        Self {
            client,
            place,
            interest,
            audience,
            read: BTreeMap::new(),
            things: BTreeMap::new(),
        }
    }

    /// What has been read, at which version; without one what was not there.
    pub(super) fn into_things(self) -> BTreeMap<Thing, Option<SecretVersion>> {
        self.things
    }

    /// The entry of a Secret; `default` is which, where the reference does not say.
    pub(super) async fn secret(
        &mut self,
        selector: &SecretKeySelector,
        default: &str,
    ) -> Result<Plaintext, Lacking> {
        let entry = selector
            .key
            .as_deref()
            .filter(|key| !key.is_empty())
            .unwrap_or(default);
        let named = selector.namespace.as_deref();
        self.entry(Holder::Secret, named, &selector.name, entry).await
    }

    /// Which authorities are trusted: those of the bundle, of the object, or the machine's own.
    pub(super) async fn trust(
        &mut self,
        bundle: Option<&ByteString>,
        provider: Option<&CaProvider>,
    ) -> Result<Trust, Lacking> {
        if let Some(bundle) = bundle.filter(|bundle| !bundle.0.is_empty()) {
            let pem = bundle.decode().map_err(|_| unusable("caBundle is not base64"))?;
            return Ok(Trust::Authorities(pem));
        }
        let Some(provider) = provider else {
            return Ok(Trust::System);
        };
        let holder = match provider.kind {
            CaProviderKind::Secret => Holder::Secret,
            CaProviderKind::ConfigMap => Holder::ConfigMap,
        };
        let entry = provider
            .key
            .as_deref()
            .filter(|key| !key.is_empty())
            .unwrap_or("ca.crt");
        let named = provider.namespace.as_deref();
        let pem = self.entry(holder, named, &provider.name, entry).await?;
        Ok(Trust::Authorities(pem.expose().to_vec()))
    }

    /// What mints tokens of a ServiceAccount, one for each login.
    pub(super) fn tokens(
        &self,
        account: &ServiceAccountSelector,
        audiences: &[String],
    ) -> Result<JwtSource, Lacking> {
        let namespace = self.namespace(account.namespace.as_deref())?;
        let (client, name) = (self.client.clone(), account.name.clone());
        let audiences: Vec<String> = account.audiences.iter().chain(audiences).cloned().collect();
        if audiences.is_empty() && self.audience == Audience::Named {
            return Err(unusable(
                "serviceAccountRef has no audiences, and --require-token-audience asks for one",
            ));
        }
        Ok(Arc::new(move || {
            let (client, namespace, name) = (client.clone(), namespace.clone(), name.clone());
            let audiences = audiences.clone();
            async move {
                let minted = mint(&client, &namespace, &name, &audiences).await;
                let token = minted.map_err(|error| {
                    StoreError::Credentials(format!(
                        "no token of the ServiceAccount {namespace}/{name}: {}",
                        error.fault(MINT).sentence()
                    ))
                })?;
                text(&token).map_err(|what| StoreError::Credentials(what.to_owned()))
            }
            .boxed()
        }))
    }

    /// All entries of a Secret that carries this label: one that its owner has marked for being used like that.
    pub(super) async fn labelled_secret(
        &mut self,
        selector: &SecretKeySelector,
        (label, value): (&str, &str),
    ) -> Result<BTreeMap<String, Plaintext>, Lacking> {
        let named = selector.namespace.as_deref();
        let held = self.held(Holder::Secret, named, &selector.name).await?;
        if held.labels.get(label).is_none_or(|found| found != value) {
            let what = format!("the Secret {} lacks the label {label}: {value}", selector.name);
            return Err(unusable(&what));
        }
        let entries = held.entries.iter();
        Ok(entries
            .map(|(entry, value)| (entry.clone(), value.duplicate()))
            .collect())
    }

    async fn entry(
        &mut self,
        holder: Holder,
        named: Option<&str>,
        name: &str,
        entry: &str,
    ) -> Result<Plaintext, Lacking> {
        let namespace = self.namespace(named)?;
        let found = self.held(holder, named, name).await?.entries.get(entry);
        let found = found.ok_or_else(|| {
            let fault = Fault::new(&catalogue::CREDENTIAL_ENTRY_ABSENT);
            about(fault, holder, &namespace, name).fact("key", entry)
        })?;
        Ok(found.duplicate())
    }

    async fn held(&mut self, holder: Holder, named: Option<&str>, name: &str) -> Result<&Held, Lacking> {
        let namespace = self.namespace(named)?;
        let key = Key {
            namespace: namespace.as_str().into(),
            name: name.into(),
        };
        let thing = match holder {
            Holder::Secret => Thing::Secret(key.clone()),
            Holder::ConfigMap => Thing::ConfigMap(key.clone()),
        };
        self.interest.begin(&thing);
        match self.read.entry((holder, key)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let deed = Deed {
                    verb: "get",
                    resource: holder.resource(),
                };
                let found = entries(self.client, holder, &namespace, name).await;
                let found = found.map_err(|error| error.fault(deed))?;
                let version = found.as_ref().map(|found| found.version.clone());
                self.things.insert(thing, version);
                let found = found.ok_or_else(|| {
                    let fault = Fault::new(&catalogue::CREDENTIAL_ABSENT);
                    about(fault, holder, &namespace, name)
                })?;
                Ok(unknown.insert(found))
            }
        }
    }

    fn namespace(&self, named: Option<&str>) -> Result<String, Lacking> {
        match read_from(self.place, named)? {
            From::Fixed(namespace) | From::Asker(namespace) => Ok(namespace),
            From::Nobody => Err(Lacking::Asker),
        }
    }
}

fn about(fault: Fault, holder: Holder, namespace: &str, name: &str) -> Fault {
    fault
        .fact("kind", holder.kind())
        .fact("namespace", namespace)
        .fact("name", name)
}

/// A fault of the store's settings.
pub(super) fn unusable(what: &str) -> Lacking {
    Lacking::Fault(Fault::new(&catalogue::STORE_SETTINGS).fact("what", what))
}

/// A credential as text, without the line break that editors leave at its end.
pub(super) fn text(value: &Plaintext) -> Result<Zeroizing<String>, &'static str> {
    let text = std::str::from_utf8(value.expose()).map_err(|_| "a credential is not UTF-8")?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}
