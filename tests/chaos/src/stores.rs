//! A real OpenBao behind a proxy, one ClusterSecretStore for it, and what is done to the two and to the ExternalSecrets
//! that use them. What may come of it is told to the judge first.

pub(crate) mod act;
pub(crate) mod ending;
pub(crate) mod script;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use seal_api::external_secrets::{ClusterSecretStore, ExternalSecret, names};
use seal_testbed::{FaultProxy, OpenBao, StoreRefusal, wait_for};
use serde_json::{Value, json};

use self::act::{Outage, StoreAct};
use crate::observer::Bench;
use crate::perform::insist;
use crate::place::{ENTRIES, Place};
use crate::stage::HOME;

const ENGINE: &str = "secret";
const AWAY: &str = "moved-away";
const STORE: &str = "chaos";
const TOKEN: &str = "store-token";
const POLICY: &str = "chaos";
// As often as this a value may change without anybody looking.
const INTERVAL: &str = "2s";
const SOON: Duration = Duration::from_secs(60);

/// What replicas need to be told besides.
pub(crate) const FLAGS: [&str; 2] = ["--external-secrets", "--stores-on-loopback"];

/// The store, and the way to it.
pub(crate) struct Stores<'a> {
    store: &'a OpenBao,
    proxy: FaultProxy<'a>,
    client: Client,
    token: String,
    outage: Option<Outage>,
}

impl<'a> Stores<'a> {
    /// Puts the ClusterSecretStore and its token there; no value yet.
    pub(crate) async fn set(store: &'a OpenBao, client: Client) -> anyhow::Result<Self> {
        let proxy = FaultProxy::before_store(store).await?;
        let rules = format!("path \"{ENGINE}/*\" {{ capabilities = [\"read\", \"list\"] }}");
        store.policy(POLICY, &rules).await?;
        let token = store.token(&[POLICY], "24h").await?;
        let secret = json!({"metadata": {"name": TOKEN}, "stringData": {"token": token}});
        let secrets: Api<Secret> = Api::namespaced(client.clone(), HOME);
        secrets
            .create(&PostParams::default(), &serde_json::from_value(secret)?)
            .await?;
        let spec = json!({"provider": {"vault": {
            "server": proxy.url(), "path": ENGINE, "caBundle": STANDARD.encode(store.ca_pem()),
            "auth": {"tokenSecretRef": {"name": TOKEN, "key": "token", "namespace": HOME}},
        }}});
        let object = json!({"apiVersion": names::API_VERSION, "kind": "ClusterSecretStore", "metadata": {"name": STORE}, "spec": spec});
        let all: Api<ClusterSecretStore> = Api::all(client.clone());
        all.create(&PostParams::default(), &serde_json::from_value(object)?)
            .await?;
        Ok(Self {
            store,
            proxy,
            client,
            token,
            outage: None,
        })
    }

    /// Does it.
    pub(crate) async fn perform(&mut self, act: &StoreAct, bench: &Bench) -> anyhow::Result<()> {
        match act {
            StoreAct::Publish { source, version } => self.publish(*source, *version, bench).await,
            StoreAct::Withdraw(source) => self.withdraw(*source, bench).await,
            StoreAct::Order(place) => self.order(*place).await,
            StoreAct::Cancel(place) => self.cancel(*place, bench).await,
            StoreAct::Rotate => self.rotate().await,
            StoreAct::Disturb(disturbance) => {
                self.proxy.inject(disturbance.rule());
                Ok(())
            }
            StoreAct::CutAll => {
                self.proxy.cut_all();
                Ok(())
            }
            StoreAct::Begin(outage) => self.begin(*outage).await,
            StoreAct::End => self.end().await,
        }
    }

    /// Ends all that was done to the way to it.
    pub(crate) fn clear(&self) {
        self.proxy.clear();
    }

    /// Breaks all connections to it.
    pub(crate) fn cut_all(&self) {
        self.proxy.cut_all();
    }

    async fn publish(&self, source: Place, version: u64, bench: &Bench) -> anyhow::Result<()> {
        bench.judge().hold(source, version);
        let entries = ENTRIES.map(|entry| (entry.to_owned(), source.text(version).into()));
        let values = Value::Object(entries.into_iter().collect());
        self.patiently("write a value", async || {
            self.store.write(ENGINE, &path(source), &values).await
        })
        .await?;
        // Whoever saw that the value was gone before may still act on it.
        for place in source.orders() {
            self.let_go_of_secret(place, bench).await?;
            bench.judge().keep(place);
        }
        Ok(())
    }

    async fn withdraw(&self, source: Place, bench: &Bench) -> anyhow::Result<()> {
        for place in source.orders().filter(|place| place.deletes()) {
            bench.judge().withdraw(place);
            self.let_go_of_secret(place, bench).await?;
        }
        let path = format!("{ENGINE}/metadata/{}", path(source));
        self.patiently("delete a value", async || {
            self.store.call("DELETE", &path, &Value::Null).await.map(drop)
        })
        .await
    }

    async fn let_go_of_secret(&self, place: Place, bench: &Bench) -> anyhow::Result<()> {
        if !place.deletes() || !bench.judge().is_withdrawn(place) {
            return Ok(());
        }
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), place.namespace());
        let found = wait_for("a Secret's uid", SOON, async || {
            Ok(Some(secrets.get_metadata_opt(&place.name()).await?))
        });
        if let Some(uid) = found.await?.and_then(|found| found.uid()) {
            bench.judge().let_go(&uid);
        }
        Ok(())
    }

    async fn order(&self, place: Place) -> anyhow::Result<()> {
        let key = path(place.source());
        let mut spec = json!({
            "refreshInterval": INTERVAL,
            "secretStoreRef": {"name": STORE, "kind": "ClusterSecretStore"},
            "target": {"deletionPolicy": if place.deletes() { "Delete" } else { "Retain" }},
        });
        // Entry by entry is where versions could be mixed.
        if place.deletes() {
            spec["dataFrom"] = json!([{"extract": {"key": key}}]);
        } else {
            let entry =
                |entry: &str| json!({"secretKey": entry, "remoteRef": {"key": key, "property": entry}});
            spec["data"] = ENTRIES.map(entry).to_vec().into();
        }
        let object = json!({"apiVersion": names::API_VERSION, "kind": "ExternalSecret", "metadata": {"name": place.name()}, "spec": spec});
        let object: ExternalSecret = serde_json::from_value(object)?;
        let objects: Api<ExternalSecret> = Api::namespaced(self.client.clone(), place.namespace());
        insist("create an ExternalSecret", async || {
            objects.create(&PostParams::default(), &object).await
        })
        .await
    }

    async fn cancel(&self, place: Place, bench: &Bench) -> anyhow::Result<()> {
        let objects: Api<ExternalSecret> = Api::namespaced(self.client.clone(), place.namespace());
        insist("delete an ExternalSecret", async || {
            if let Some(object) = objects.get_opt(&place.name()).await? {
                bench.judge().let_go(&object.uid().unwrap_or_default());
                objects.delete(&place.name(), &DeleteParams::default()).await?;
            }
            Ok(())
        })
        .await
    }

    // The old token dies at once: what was under way with it is refused.
    async fn rotate(&mut self) -> anyhow::Result<()> {
        let new = self.store.token(&[POLICY], "24h").await?;
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), HOME);
        let patch = Patch::Merge(json!({"stringData": {"token": new}}));
        insist("replace the token", async || {
            secrets.patch(TOKEN, &PatchParams::default(), &patch).await
        })
        .await?;
        let old = std::mem::replace(&mut self.token, new);
        let gone = json!({"token": old});
        self.store
            .call("POST", "auth/token/revoke", &gone)
            .await
            .map(drop)
    }

    async fn begin(&mut self, outage: Outage) -> anyhow::Result<()> {
        match outage {
            Outage::Sealed => self.store.seal().await?,
            Outage::Still => self.store.process().pause().await?,
            Outage::Unmounted => self.remount(ENGINE, AWAY).await?,
        }
        self.outage = Some(outage);
        Ok(())
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        match self.outage.take() {
            None => Ok(()),
            Some(Outage::Sealed) => self.store.unseal().await,
            Some(Outage::Still) => self.store.process().resume(),
            Some(Outage::Unmounted) => self.remount(AWAY, ENGINE).await,
        }
    }

    // With all that is in it: of an engine that is mounted anew every value would be gone in truth.
    async fn remount(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let wanted = json!({"from": from, "to": to});
        let answer = self.store.call("POST", "sys/remount", &wanted).await?;
        let id = answer["migration_id"]
            .as_str()
            .or_else(|| answer["data"]["migration_id"].as_str())
            .unwrap_or_default()
            .to_owned();
        let path = format!("sys/remount/status/{id}");
        wait_for("the engine to be moved", SOON, async || {
            let answer = self.store.call("GET", &path, &Value::Null).await?;
            let status = answer
                .pointer("/data/migration_info/status")
                .or_else(|| answer.pointer("/migration_info/status"));
            Ok((status.and_then(Value::as_str) == Some("success")).then_some(()))
        })
        .await
    }

    // An engine that was just moved is not there at once.
    async fn patiently(
        &self,
        what: &str,
        attempt: impl AsyncFn() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        wait_for(what, SOON, async || match attempt().await {
            Err(fault)
                if fault
                    .downcast_ref::<StoreRefusal>()
                    .is_some_and(|refusal| refusal.code == 404) =>
            {
                Ok(None)
            }
            outcome => outcome.map(Some),
        })
        .await
    }
}

fn path(source: Place) -> String {
    format!("chaos/{}", source.name())
}
