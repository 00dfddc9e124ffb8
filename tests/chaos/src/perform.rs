//! Carries the acts out on the stage. What may come of an act is told to the judge before it is done;
//! a call whose answer is lost is made again until it is known to have worked.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use seal_api::sealing_key_ring::NAME as RING;
use seal_api::{SealedSecret, SealedSecretSpec, SealingKeyRing, SealingKeyRingSpec};
use seal_cluster::installation::{INSTALLATION_SECRET, RENEWED_AT};
use seal_testbed::{Gate, wait_for};
use serde_json::{Value, json};

use crate::act::{Act, Sealing, Tampering, Trouble};
use crate::keys::Keys;
use crate::observer::{Bench, TAMPERING};
use crate::place::{ENTRIES, Place};
use crate::stage::{HOME, Stage};
use crate::stores::Stores;

/// The annotation that tells the version of an object.
pub(crate) const VERSION: &str = "seal-chaos/version";
const SPARED: usize = 0;
const LONGER_THAN_A_LEAD: Duration = Duration::from_secs(8);
const SOON: Duration = Duration::from_secs(60);

/// Who acts.
pub(crate) struct Performer<'a> {
    pub(crate) stage: Stage<'a>,
    pub(crate) bench: Bench,
    pub(crate) stores: Option<Stores<'a>>,
    keys: Keys,
    /// What holds writes back, and until when.
    gates: Vec<(Gate, Instant)>,
    tamperings: usize,
}

impl<'a> Performer<'a> {
    /// One before the first act, with key 0 in place and nothing asked of the keys.
    pub(crate) async fn enter(
        stage: Stage<'a>,
        bench: Bench,
        stores: Option<Stores<'a>>,
    ) -> anyhow::Result<Self> {
        let mut performer = Self {
            stage,
            bench,
            stores,
            keys: Keys::default(),
            gates: Vec::new(),
            tamperings: 0,
        };
        performer.key_comes(0).await?;
        let ring = SealingKeyRing::new(RING, SealingKeyRingSpec::default());
        let rings: Api<SealingKeyRing> = Api::namespaced(performer.stage.client.clone(), HOME);
        insist("create the SealingKeyRing", async || {
            rings.create(&PostParams::default(), &ring).await
        })
        .await?;
        Ok(performer)
    }

    /// Starts the replicas and waits until key 0 seals: were others there, it might be one of them, and that
    /// the key that seals goes is another story.
    pub(crate) async fn begin(&mut self) -> anyhow::Result<()> {
        self.stage.start().await?;
        wait_for("the first key to seal", SOON, async || {
            Ok(self.bench.judge().renewals.notes().primary.clone())
        })
        .await
        .map(drop)
    }

    /// Opens the gates whose time has come, or all, at once.
    pub(crate) fn open_gates(&mut self, at_once: bool) {
        self.gates.retain(|(gate, due)| {
            let stays = !at_once && Instant::now() < *due;
            if !stays {
                gate.open();
            }
            stays
        });
    }

    /// Does it. Says what is to be known about it beside the act itself.
    pub(crate) async fn perform(&mut self, act: &Act) -> anyhow::Result<Option<String>> {
        match act {
            Act::Create(sealing) => self.create(*sealing).await?,
            Act::Change(sealing) => self.change(*sealing, false).await?,
            Act::Break(sealing) => self.change(*sealing, true).await?,
            Act::Remove(place) => self.remove(*place).await?,
            Act::DeleteSecret(place) => return self.delete_secret(*place).await,
            Act::Tamper(place, how) => return self.tamper(*place, *how).await,
            Act::KeyComes(key) => self.key_comes(*key).await?,
            Act::KeyGoes(key) => self.key_goes(*key).await?,
            Act::RenewByWord { word, at_once } => self.renew_by_word(*word, *at_once).await?,
            Act::RenewBySignal => {
                let leader = self.stage.leader().await;
                let leader = &self.stage.replicas[leader];
                if !leader.listens() {
                    return Ok(Some("it does not listen yet".to_owned()));
                }
                self.bench.judge().renewals.signal();
                leader.ask_for_a_key()?;
            }
            Act::Kill { clock_ahead } => return self.kill(*clock_ahead).await.map(Some),
            Act::Pause(time) => {
                let leader = self.stage.leader().await;
                self.stage.replicas[leader].stop(*time).await?;
                return Ok(Some(self.stage.replicas[leader].pod.clone()));
            }
            Act::RestartServer { and_leader: false } => {
                self.stage.plane.kill_api_server();
                self.stage.plane.start_api_server().await?;
            }
            Act::RestartServer { and_leader: true } => {
                // Asked for while there is somebody to ask.
                let leader = self.stage.leader().await;
                self.stage.plane.kill_api_server();
                let remark = self.strike(leader, None).await?;
                self.stage.plane.start_api_server().await?;
                return Ok(Some(remark));
            }
            Act::Disturb(replica, disturbance) => {
                let gate = Gate::default();
                self.stage.replicas[*replica]
                    .proxy
                    .inject(disturbance.rule(&gate));
                if let Trouble::Hold(time) = disturbance.trouble {
                    self.gates.push((gate, Instant::now() + time));
                }
            }
            Act::CutAll(replica) => self.stage.replicas[*replica].proxy.cut_all(),
            Act::Store(act) => {
                if let Some(stores) = &mut self.stores {
                    stores.perform(act, &self.bench).await?;
                }
            }
        }
        Ok(None)
    }

    async fn kill(&mut self, clock_ahead: Option<u32>) -> anyhow::Result<String> {
        let leader = self.stage.leader().await;
        self.strike(leader, clock_ahead).await
    }

    // One replica lives through it all, so that there is somebody to see leak.
    async fn strike(&mut self, at: usize, clock_ahead: Option<u32>) -> anyhow::Result<String> {
        let pod = self.stage.replicas[at].pod.clone();
        if at == SPARED {
            self.stage.replicas[at].stop(LONGER_THAN_A_LEAD).await?;
            return Ok(format!(
                "{pod} is spared, and stands still until it has lost its lead"
            ));
        }
        self.stage.replicas[at].kill();
        self.stage.start_again(at, clock_ahead).await?;
        Ok(pod)
    }

    async fn create(&mut self, sealing: Sealing) -> anyhow::Result<()> {
        let Sealing { place, version, .. } = sealing;
        let mut object = SealedSecret::new(&place.name(), SealedSecretSpec::default());
        object.metadata.annotations = Some([(VERSION.to_owned(), version.to_string())].into());
        object.spec.encrypted_data = self.keys.seal(sealing, false)?;
        self.bench.judge().hold(place, version);
        let objects = self.objects(place);
        insist("create an object", async || {
            objects.create(&PostParams::default(), &object).await
        })
        .await
    }

    async fn change(&mut self, sealing: Sealing, broken: bool) -> anyhow::Result<()> {
        let Sealing { place, version, .. } = sealing;
        if !broken {
            self.bench.judge().hold(place, version);
        }
        let patch = json!({
            "metadata": {"annotations": {VERSION: version.to_string()}},
            "spec": {"encryptedData": self.keys.seal(sealing, broken)?},
        });
        let objects = self.objects(place);
        insist("change an object", async || {
            let patch = Patch::Merge(&patch);
            objects
                .patch(&place.name(), &PatchParams::default(), &patch)
                .await
        })
        .await
    }

    async fn remove(&self, place: Place) -> anyhow::Result<()> {
        let objects = self.objects(place);
        insist("delete an object", async || {
            if let Some(object) = objects.get_opt(&place.name()).await? {
                self.bench.judge().let_go(&object.uid().unwrap_or_default());
                objects.delete(&place.name(), &DeleteParams::default()).await?;
            }
            Ok(())
        })
        .await
    }

    async fn delete_secret(&self, place: Place) -> anyhow::Result<Option<String>> {
        let secrets = self.secrets(place);
        let Some(uid) = uid_of(&secrets, place).await? else {
            return Ok(Some("there is none".to_owned()));
        };
        self.bench.judge().let_go(&uid);
        let that_one = DeleteParams::default().preconditions(kube::api::Preconditions {
            uid: Some(uid),
            resource_version: None,
        });
        insist("delete a Secret", async || {
            secrets.delete(&place.name(), &that_one).await
        })
        .await?;
        Ok(None)
    }

    async fn tamper(&mut self, place: Place, how: Tampering) -> anyhow::Result<Option<String>> {
        let secrets = self.secrets(place);
        if uid_of(&secrets, place).await?.is_none() {
            return Ok(Some("there is none".to_owned()));
        }
        let changes: Value = match how {
            Tampering::Replace => json!({"stringData": {ENTRIES[2]: "tampered"}}),
            Tampering::Drop => json!({"data": {ENTRIES[2]: null}}),
            Tampering::PutBack => {
                let entries = ENTRIES.map(|entry| (entry.to_owned(), place.source().text(1).into()));
                json!({"stringData": serde_json::Map::from_iter(entries)})
            }
        };
        let first = self.tamperings + 1;
        let numbers = std::cell::Cell::new(first);
        insist("tamper with a Secret", async || {
            // A number of its own for each try: what a try did may have been healed before the next one.
            let mut patch = changes.clone();
            patch["metadata"] = json!({"annotations": {TAMPERING: numbers.get().to_string()}});
            numbers.set(numbers.get() + 1);
            let patch = Patch::Merge(&patch);
            secrets
                .patch(&place.name(), &PatchParams::default(), &patch)
                .await
        })
        .await?;
        self.tamperings = numbers.get();
        Ok(None)
    }

    async fn key_comes(&mut self, key: usize) -> anyhow::Result<()> {
        let secret: Secret = serde_json::from_value(self.keys.secret(key)?)?;
        let secrets: Api<Secret> = Api::namespaced(self.stage.client.clone(), HOME);
        insist("create a key", async || {
            secrets.create(&PostParams::default(), &secret).await
        })
        .await
    }

    async fn key_goes(&self, key: usize) -> anyhow::Result<()> {
        self.bench.judge().renewals.let_go(&Keys::name(key));
        let secrets: Api<Secret> = Api::namespaced(self.stage.client.clone(), HOME);
        insist("delete a key", async || {
            secrets.delete(&Keys::name(key), &DeleteParams::default()).await
        })
        .await
    }

    async fn renew_by_word(&self, word: usize, at_once: bool) -> anyhow::Result<()> {
        let word = format!("word-{word}");
        self.bench.judge().renewals.ask(&word);
        if at_once {
            let secrets: Api<Secret> = Api::namespaced(self.stage.client.clone(), HOME);
            let forget = Patch::Merge(json!({"data": {RENEWED_AT: null}}));
            insist("have the last renewal forgotten", async || {
                secrets
                    .patch(INSTALLATION_SECRET, &PatchParams::default(), &forget)
                    .await
            })
            .await?;
        }
        let rings: Api<SealingKeyRing> = Api::namespaced(self.stage.client.clone(), HOME);
        let ask = Patch::Merge(json!({"spec": {"renew": word}}));
        insist("ask for a key", async || {
            rings.patch(RING, &PatchParams::default(), &ask).await
        })
        .await
    }

    fn objects(&self, place: Place) -> Api<SealedSecret> {
        Api::namespaced(self.stage.client.clone(), place.namespace())
    }

    fn secrets(&self, place: Place) -> Api<Secret> {
        Api::namespaced(self.stage.client.clone(), place.namespace())
    }
}

async fn uid_of(secrets: &Api<Secret>, place: Place) -> anyhow::Result<Option<String>> {
    let found = wait_for("a Secret's uid", SOON, async || {
        Ok(Some(secrets.get_metadata_opt(&place.name()).await?))
    });
    Ok(found.await?.and_then(|found| found.uid()))
}

/// Until it worked. That it exists already, or is gone already, is what an attempt without an answer left.
pub(crate) async fn insist<T>(what: &str, attempt: impl AsyncFn() -> kube::Result<T>) -> anyhow::Result<()> {
    wait_for(what, SOON, async || match attempt().await {
        Ok(_) => Ok(Some(())),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Some(())),
        Err(fault) => Err(fault.into()),
    })
    .await
}
