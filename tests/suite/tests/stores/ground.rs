//! One control plane, one OpenBao and one controller for all tests; each test has a namespace and a folder of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Event, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use seal_api::external_secrets::{
    ClusterExternalSecret, ClusterSecretStore, ExternalSecret, SecretStore, names,
};
use seal_testbed::{ADMIN, ControlPlane, OpenBao, Process, wait_for};
pub(crate) use seal_tests::built;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Long enough for a busy machine; waits end as soon as they may.
pub(crate) const SOON: Duration = Duration::from_secs(120);

/// The user that controllers are here.
pub(crate) const CONTROLLER: &str = "controller";

/// Everything that all tests share.
pub(crate) struct Ground {
    pub(crate) plane: ControlPlane,
    pub(crate) store: OpenBao,
    pub(crate) controller: Process,
}

static GROUND: OnceCell<Ground> = OnceCell::const_new();

pub(crate) async fn ground() -> &'static Ground {
    GROUND
        .get_or_init(async || {
            start()
                .await
                .expect("a control plane, an OpenBao and a controller")
        })
        .await
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The definition of one of the kinds.
pub(crate) fn definition(plural: &str) -> String {
    let file = format!("crds/{}_{plural}.yaml", names::GROUP);
    std::fs::read_to_string(root().join(file)).expect("a definition")
}

const BEFORE: [&str; 5] = [
    "external-secrets.io_externalsecrets",
    "external-secrets.io_secretstores",
    "external-secrets.io_clustersecretstores",
    "bitnami.com_sealedsecrets",
    "sealops.dev_sealingkeyrings",
];
const LATER: [&str; 6] = [
    "external-secrets.io_clusterexternalsecrets",
    "generators.external-secrets.io_clustergenerators",
    "generators.external-secrets.io_fakes",
    "generators.external-secrets.io_passwords",
    "generators.external-secrets.io_sshkeys",
    "generators.external-secrets.io_uuids",
];

/// All definitions.
pub(crate) async fn apply_definitions(plane: &ControlPlane) -> anyhow::Result<()> {
    apply(plane, &BEFORE).await?;
    apply(plane, &LATER).await
}

async fn apply(plane: &ControlPlane, definitions: &[&str]) -> anyhow::Result<()> {
    for definition in definitions {
        let file = root().join(format!("crds/{definition}.yaml"));
        plane.apply(&std::fs::read_to_string(file)?).await?;
    }
    Ok(())
}

/// A plane with the definitions of stores and what uses them, and nobody who takes care of anything.
pub(crate) async fn bare() -> anyhow::Result<ControlPlane> {
    let plane = ControlPlane::builder()
        .controller_manager()
        .user(CONTROLLER, &["system:masters"])
        .start()
        .await?;
    apply(&plane, &BEFORE).await?;
    Ok(plane)
}

pub(crate) async fn start() -> anyhow::Result<Ground> {
    start_with(&[]).await
}

/// One with a controller that gets these flags besides.
pub(crate) async fn start_with(flags: &[&str]) -> anyhow::Result<Ground> {
    let plane = bare().await?;
    let store = OpenBao::start().await?;
    plane.namespace("seal").await?;
    let controller = launch(&plane, flags).await?;
    // A controller that runs already has to find them.
    apply(&plane, &LATER).await?;
    Ok(Ground {
        plane,
        store,
        controller,
    })
}

/// The controller, built.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    built("seal-controller", "seal-controller")
}

/// A controller with these flags besides those that it needs here.
pub(crate) async fn launch(plane: &ControlPlane, flags: &[&str]) -> anyhow::Result<Process> {
    launch_as(plane, CONTROLLER, flags).await
}

/// The same as that user.
pub(crate) async fn launch_as(plane: &ControlPlane, user: &str, flags: &[&str]) -> anyhow::Result<Process> {
    let binary = binary()?;
    let kubeconfig = plane.kubeconfig(user).await?;
    let own = [
        "--listen-addr=127.0.0.1:0",
        "--listen-metrics-addr=127.0.0.1:0",
        "--log-format=json",
        "--key-size=2048",
        "--external-secrets",
        "--stores-on-loopback",
    ];
    let environment = [
        ("KUBECONFIG", kubeconfig.display().to_string()),
        ("POD_NAMESPACE", "seal".to_owned()),
    ];
    Process::start_in(plane, &binary, own.iter().chain(flags), environment)
}

/// A namespace on that ground.
pub(crate) async fn place_on(ground: &Ground, name: &str) -> Place {
    Place::on(ground, name).await
}

/// A namespace with a token for the store, and a folder of that name in the store.
pub(crate) struct Place {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Place {
    /// With a SecretStore `vault` on the KV engine at `secret`.
    pub(crate) async fn new(name: &str) -> Self {
        place_on(ground().await, name).await
    }

    async fn on(ground: &Ground, name: &str) -> Self {
        ground.plane.namespace(name).await.unwrap();
        let client = ground.plane.client(ADMIN).await.unwrap();
        let place = Self {
            client,
            name: name.to_owned(),
        };
        place.token(ground.store.root_token()).await;
        let spec = json!({"provider": {"vault": {
            "server": ground.store.url(), "path": "secret", "version": "v2",
            "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}},
        }}});
        place.create("SecretStore", "vault", spec).await;
        place
    }

    /// The object, once `Ready` has that reason.
    pub(crate) async fn reason(&self, name: &str, reason: &str) {
        let what = format!("{}/{name} to be {reason}", self.name);
        let found = wait_for(&what, SOON, async || {
            let object = self.objects().get(name).await?;
            let conditions = object.status.into_iter().flat_map(|status| status.conditions);
            let told = conditions
                .into_iter()
                .any(|condition| condition.reason.as_deref() == Some(reason));
            Ok(told.then_some(()))
        });
        found.await.unwrap();
    }

    /// The object, once it fulfils that.
    pub(crate) async fn object_that(
        &self,
        name: &str,
        fulfils: impl Fn(&ExternalSecret) -> bool,
    ) -> ExternalSecret {
        let what = format!("the object {}/{name}", self.name);
        let found = wait_for(&what, SOON, async || {
            Ok(self
                .objects()
                .get_opt(name)
                .await?
                .filter(|object| fulfils(object)))
        });
        found.await.unwrap()
    }

    pub(crate) async fn delete_object(&self, name: &str) {
        let params = DeleteParams::default();
        self.objects().delete(name, &params).await.unwrap();
        let gone = wait_for("the object to go", SOON, async || {
            Ok(self.objects().get_opt(name).await?.is_none().then_some(()))
        });
        gone.await.unwrap();
    }

    pub(crate) async fn config_map(&self, name: &str, data: Value) {
        let map = json!({"metadata": {"name": name}, "data": data});
        let map: ConfigMap = serde_json::from_value(map).unwrap();
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.name);
        maps.create(&PostParams::default(), &map).await.unwrap();
    }

    /// Another object, at another path, which is fetched that many times from now on: whatever else was to happen
    /// at once has happened by then.
    pub(crate) async fn time_passes(&self, times: usize) {
        let path = format!("secret/data/{}/clock", self.name);
        let audit = ground().await.store.audit();
        if self.objects().get_opt("clock").await.unwrap().is_none() {
            self.write("clock", &json!({"a": "tick"})).await;
            let entry = json!({"secretKey": "a", "remoteRef": {"key": format!("{}/clock", self.name), "property": "a"}});
            self.external("clock", json!({"refreshInterval": "1s", "data": [entry]}))
                .await;
        }
        let mark = audit.mark().unwrap();
        let passed = wait_for("time to pass", SOON, async || {
            let reads = audit.since(mark)?.operation("read").path(&path);
            Ok((reads.len() >= times).then_some(()))
        });
        passed.await.unwrap();
    }

    /// How often that path below the place's folder was read.
    pub(crate) async fn reads(&self, path: &str) -> usize {
        let path = format!("secret/data/{}/{path}", self.name);
        let log = ground().await.store.audit().all().unwrap();
        log.operation("read").path(&path).len()
    }

    pub(crate) async fn make_secret(&self, name: &str, values: &[(&str, &str)]) {
        let values: std::collections::BTreeMap<_, _> = values.iter().copied().collect();
        let secret = json!({"metadata": {"name": name}, "stringData": values});
        let secret: Secret = serde_json::from_value(secret).unwrap();
        self.secrets()
            .create(&PostParams::default(), &secret)
            .await
            .unwrap();
    }

    pub(crate) async fn patch_secret(&self, name: &str, patch: Value) {
        let params = PatchParams::default();
        self.secrets()
            .patch(name, &params, &Patch::Merge(patch))
            .await
            .unwrap();
    }

    pub(crate) async fn token(&self, token: &str) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault-token"},
            "stringData": {"token": token}});
        let params = PatchParams::apply("test").force();
        self.secrets()
            .patch("vault-token", &params, &Patch::Apply(secret))
            .await
            .unwrap();
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    pub(crate) fn objects(&self) -> Api<ExternalSecret> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    pub(crate) async fn store(&self, name: &str) -> kube::Result<SecretStore> {
        let stores: Api<SecretStore> = Api::namespaced(self.client.clone(), &self.name);
        stores.get(name).await
    }

    pub(crate) fn dynamic(&self, kind: &str) -> Api<DynamicObject> {
        match kind {
            "ExternalSecret" => Api::namespaced_with(
                self.client.clone(),
                &self.name,
                &ApiResource::erase::<ExternalSecret>(&()),
            ),
            "SecretStore" => Api::namespaced_with(
                self.client.clone(),
                &self.name,
                &ApiResource::erase::<SecretStore>(&()),
            ),
            "ClusterExternalSecret" => Api::all_with(
                self.client.clone(),
                &ApiResource::erase::<ClusterExternalSecret>(&()),
            ),
            _ => Api::all_with(
                self.client.clone(),
                &ApiResource::erase::<ClusterSecretStore>(&()),
            ),
        }
    }

    pub(crate) async fn create(&self, kind: &str, name: &str, spec: Value) {
        let object =
            json!({"apiVersion": names::API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        self.dynamic(kind)
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    }

    pub(crate) async fn patch(&self, kind: &str, name: &str, patch: Value) {
        let params = PatchParams::default();
        self.dynamic(kind)
            .patch(name, &params, &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// An ExternalSecret `name` of these entries of one path below the place's folder.
    pub(crate) async fn external(&self, name: &str, more: Value) {
        let mut spec = json!({"refreshInterval": "1h", "secretStoreRef": {"name": "vault"}});
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.create("ExternalSecret", name, spec).await;
    }

    /// Writes to the store.
    pub(crate) async fn write(&self, path: &str, data: &Value) {
        let path = format!("{}/{path}", self.name);
        ground().await.store.write("secret", &path, data).await.unwrap();
    }

    /// The Secret, once it fulfils that.
    pub(crate) async fn secret_that(&self, name: &str, holds: impl Fn(&Secret) -> bool) -> Secret {
        let what = format!("the Secret {}/{name}", self.name);
        let found = wait_for(&what, SOON, async || {
            Ok(self.secrets().get_opt(name).await?.filter(|secret| holds(secret)))
        });
        match found.await {
            Ok(secret) => secret,
            Err(error) => panic!("{error}; {}", ground().await.controller.log()),
        }
    }

    pub(crate) async fn holds(&self, name: &str, entry: &str, text: &str) -> Secret {
        self.secret_that(name, |secret| value(secret, entry).as_deref() == Some(text))
            .await
    }

    /// Reason and message of `Ready`, once it is of that status.
    pub(crate) async fn ready(&self, name: &str, status: &str) -> (String, String) {
        let (_, reason, message) = self.ready_as(name, &[status]).await;
        (reason, message)
    }

    /// Status, reason and message of `Ready`, once it is one of those.
    pub(crate) async fn ready_as(&self, name: &str, statuses: &[&str]) -> (String, String, String) {
        let what = format!("{}/{name} to be Ready={}", self.name, statuses.join(" or "));
        let found = wait_for(&what, SOON, async || {
            let object = self.objects().get(name).await?;
            let conditions = object.status.into_iter().flat_map(|status| status.conditions);
            let ready = conditions
                .into_iter()
                .find(|condition| condition.kind == "Ready" && statuses.contains(&condition.status.as_str()));
            let Some(ready) = ready else { return Ok(None) };
            let (reason, message) = (
                ready.reason.unwrap_or_default(),
                ready.message.unwrap_or_default(),
            );
            let answered = !self.misses_what_is_there(&message).await?;
            Ok(answered.then_some((ready.status, reason, message)))
        });
        match found.await {
            Ok(ready) => ready,
            Err(error) => panic!("{error}; {}", ground().await.controller.log()),
        }
    }

    /// Whether the answer is from before the store was seen: objects and stores come by two watches.
    async fn misses_what_is_there(&self, message: &str) -> kube::Result<bool> {
        for kind in ["SecretStore", "ClusterSecretStore"] {
            let missed = message.split_once(&format!(" {kind}.external-secrets.io \""));
            if let Some((name, _)) = missed.and_then(|(_, rest)| rest.split_once("\" not found")) {
                return Ok(self.dynamic(kind).get_opt(name).await?.is_some());
            }
        }
        Ok(false)
    }

    /// The message of `Ready`, once these words are in it.
    pub(crate) async fn message_with(&self, name: &str, words: &str) -> String {
        let what = format!("{}/{name} to say {words}", self.name);
        let found = wait_for(&what, SOON, async || {
            let object = self.objects().get(name).await?;
            let conditions = object.status.into_iter().flat_map(|status| status.conditions);
            let mut messages = conditions.into_iter().filter_map(|condition| condition.message);
            Ok(messages.find(|message| message.contains(words)))
        });
        found.await.unwrap()
    }

    pub(crate) async fn delete_secret(&self, name: &str) {
        self.secrets()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// Waits for an event about the object.
    pub(crate) async fn told(&self, name: &str, reason: &str, message: &str) {
        let all: Api<Event> = Api::namespaced(self.client.clone(), &self.name);
        let field = ListParams::default().fields(&format!("involvedObject.name={name},reason={reason}"));
        let told = wait_for("the event", SOON, async || {
            let found = all.list(&field).await?.items.into_iter();
            let mut found = found.filter(|event| event.message.as_deref() == Some(message));
            Ok(found.next().map(drop))
        });
        told.await.unwrap();
    }
}

pub(crate) fn value(secret: &Secret, entry: &str) -> Option<String> {
    let bytes = &secret.data.as_ref()?.get(entry)?.0;
    Some(String::from_utf8_lossy(bytes).into_owned())
}
