//! A running installation of upstream's with everything that people do to it, replaced by ours while it
//! stands, and back: no Secret is written, no uid and no version moves, every status is right.
//!
//! That what either side seals opens under the other is `hand_over`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::{Client, ResourceExt};
use seal_api::{SealedSecret, annotations};
use seal_cluster::installation::INSTALLATION_SECRET;
use seal_cluster::keys::{KeySecretShape, key_secret};
use seal_core::{
    Certificate, KeySize, PrivateKey, PublicKey, Scope, SelfSigned, SystemRandom, encode_base64,
};
use seal_testbed::{ADMIN, AuditLog, AuditMark, ControlPlane, Process, UpstreamController, wait_for};
use serde_json::{Value, json};

use super::ground::{HOME, grant, our_controller_as, plane, served_certificate};

const SETTLED: Duration = Duration::from_secs(180);
const PLACE: &str = "prod";
const KEYS: usize = 5;
/// The account of ours, so that the audit log tells its calls from upstream's.
const ACCOUNT: &str = "seal";
const NO_RENEWAL: &str = "--key-renew-period=0";
/// The Service in front of the metrics of whichever controller runs.
const METRICS: &str = "metrics";
const METRICS_PORT: u16 = 8081;

/// What people do with SealedSecrets, how many of each, and the reason that ours gives where it fails.
const KINDS: &[(&str, usize, Option<&str>)] = &[
    ("plain", 60, None),
    ("opaque", 30, None),
    ("typed", 10, None),
    ("labelled", 10, None),
    ("templated", 10, None),
    ("namespace-wide", 10, None),
    ("cluster-wide", 10, None),
    ("legacy", 5, None),
    ("managed", 10, None),
    ("patched", 10, None),
    ("patched-managed", 10, None),
    ("immutable", 10, None),
    // Upstream makes the Secret and then refuses it; ours cannot know afterwards whose it is.
    ("ownerless", 5, Some("TargetNotOurs")),
    ("immutable-changed", 5, Some("TargetImmutable")),
    ("unopenable", 10, Some("SealedForAnother")),
    ("malformed", 5, Some("Malformed")),
    ("unmanaged", 10, Some("TargetNotOurs")),
];

fn kind(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(kind, _)| kind)
}

fn failure(name: &str) -> Option<&'static str> {
    let known = KINDS.iter().find(|(known, ..)| *known == kind(name));
    known.expect("a kind that stands in the table").2
}

fn word(name: &str) -> &'static str {
    match failure(name) {
        None => "True",
        Some(_) => "False",
    }
}

fn value_of(key: &PublicKey, name: &str, scope: Scope, value: &[u8]) -> String {
    let label = scope.label(
        &PLACE.parse().expect("a namespace"),
        &name.parse().expect("a name"),
    );
    encode_base64(&seal_core::seal(value, key, &label, &mut SystemRandom).expect("sealed"))
}

/// The object, and what stands under its name before it comes.
fn object(name: &str, key: &PublicKey) -> (Value, Option<Value>) {
    let of = |name: &str, scope| value_of(key, name, scope, name.as_bytes());
    let mut annotated = None;
    let mut template = Value::Null;
    let mut standing = None;
    let mut entries = json!({"a": of(name, Scope::Strict), "b": of(name, Scope::Strict)});
    let mut data = Value::Null;
    let stands = |marks: &[&str]| {
        let marks: BTreeMap<&str, &str> = marks.iter().map(|mark| (*mark, "true")).collect();
        Some(json!({
            "metadata": {"name": name, "annotations": marks, "labels": {"foreign": "label"}},
            "type": "Opaque", "data": {"a": "b2xk", "old": "b2xk"},
        }))
    };
    match kind(name) {
        "opaque" => template = json!({"type": "Opaque"}),
        "typed" => template = json!({"type": "example.com/typed"}),
        "labelled" => {
            template = json!({"metadata": {"labels": {"app": "x"}, "annotations": {"note": "y"}}});
        }
        "templated" => template = json!({"data": {"joined": "{{ .a }}:{{ .b | upper }}"}}),
        "namespace-wide" => {
            annotated = Some(annotations::NAMESPACE_WIDE);
            entries = json!({"a": of("any", Scope::NamespaceWide)});
        }
        "cluster-wide" => {
            annotated = Some(annotations::CLUSTER_WIDE);
            entries = json!({"a": of("any", Scope::ClusterWide)});
        }
        "legacy" => {
            let inner = json!({"type": "x/y", "metadata": {"labels": {"in": "blob"}}, "data": {"a": "YQ=="}});
            data = value_of(key, name, Scope::Strict, inner.to_string().as_bytes()).into();
            entries = json!({});
        }
        "managed" => standing = stands(&[annotations::MANAGED]),
        "patched" => standing = stands(&[annotations::PATCH]),
        "patched-managed" => standing = stands(&[annotations::PATCH, annotations::MANAGED]),
        "unmanaged" => standing = stands(&[]),
        "immutable" | "immutable-changed" => template = json!({"immutable": true}),
        "ownerless" => {
            let skip = json!({annotations::SKIP_SET_OWNER_REFERENCES: "true"});
            template = json!({"metadata": {"annotations": skip}});
        }
        "unopenable" => entries = json!({"a": of("another", Scope::Strict)}),
        "malformed" => entries = json!({"a": of(name, Scope::Strict), "b": "NOT BASE64"}),
        _ => {}
    }
    let mut object = json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": name, "namespace": PLACE},
        "spec": {"encryptedData": entries},
    });
    if let Some(annotation) = annotated {
        object["metadata"]["annotations"] = json!({annotation: "true"});
    }
    for (field, value) in [("template", template), ("data", data)] {
        if !value.is_null() {
            object["spec"][field] = value;
        }
    }
    (object, standing)
}

/// Five keys, the last of them the one that seals.
async fn store_keys(plane: &ControlPlane) -> anyhow::Result<Vec<Certificate>> {
    let mut certificates = Vec::new();
    for year in 1..=KEYS {
        let key = PrivateKey::generate(KeySize::Bits2048)?;
        let contents = SelfSigned {
            common_name: "",
            not_before: format!("202{year}-01-01T00:00:00Z").parse::<Timestamp>()?,
            lifetime: Duration::from_secs(20 * 365 * 86_400),
        };
        let certificate = Certificate::self_signed(&key, &contents, &mut SystemRandom)?;
        let shape = KeySecretShape {
            prefix: format!("sealed-secrets-key-{year}-"),
            ..KeySecretShape::default()
        };
        let secret = key_secret(HOME, &key, &certificate, &shape, &mut SystemRandom)?;
        plane.apply(std::str::from_utf8(&secret.to_json())?).await?;
        certificates.push(certificate);
    }
    Ok(certificates)
}

/// One API server, its users and what stands on it.
struct Cluster {
    plane: ControlPlane,
    client: Client,
    certificates: Vec<Certificate>,
}

type Versions = BTreeMap<(String, String), (Option<String>, Option<String>)>;

impl Cluster {
    async fn start() -> anyhow::Result<Self> {
        let plane = plane().await?;
        plane.expose(HOME, METRICS, METRICS_PORT).await?;
        let client = plane.client(ADMIN).await?;
        let certificates = store_keys(&plane).await?;
        Ok(Self {
            plane,
            client,
            certificates,
        })
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let group = if kind == "Secret" {
            GroupVersionKind::gvk("", "v1", kind)
        } else {
            GroupVersionKind::gvk("bitnami.com", "v1alpha1", kind)
        };
        Api::namespaced_with(self.client.clone(), PLACE, &ApiResource::from_gvk(&group))
    }

    async fn create(&self, name: &str, key: usize) -> anyhow::Result<()> {
        let (object, standing) = object(name, self.certificates[key % KEYS].key());
        let how = PostParams::default();
        if let Some(standing) = standing {
            self.api("Secret")
                .create(&how, &serde_json::from_value(standing)?)
                .await?;
        }
        self.api("SealedSecret")
            .create(&how, &serde_json::from_value(object)?)
            .await?;
        Ok(())
    }

    async fn upstream(&self) -> anyhow::Result<UpstreamController> {
        // Its default of five calls a second would take minutes.
        let flags = [NO_RENEWAL, "--kubeclient-qps=-1"];
        UpstreamController::start(&self.plane, HOME, &flags).await
    }

    async fn ours(&self) -> anyhow::Result<(Process, AuditMark)> {
        grant(&self.plane, ACCOUNT).await?;
        let mark = self.plane.audit().mark().await?;
        let process = our_controller_as(&self.plane, ACCOUNT, &[NO_RENEWAL]).await?;
        Ok((process, mark))
    }

    /// The objects of whose condition the controller that runs has told in its metrics: both do so once
    /// they are through with the Secret and the status.
    async fn looked_at(&self) -> anyhow::Result<BTreeSet<String>> {
        let path = format!("/api/v1/namespaces/{HOME}/services/http:{METRICS}:http/proxy/metrics");
        let request = http::Request::get(path).body(Vec::new())?;
        let text = self.client.request_text(request).await?;
        let series = text
            .lines()
            .filter_map(|line| line.strip_prefix("sealed_secrets_controller_condition_info{"));
        let name = |line: &str| Some(line.split_once(",name=\"")?.1.split_once('"')?.0.to_owned());
        Ok(series.filter_map(name).collect())
    }

    async fn objects(&self) -> anyhow::Result<Vec<SealedSecret>> {
        let all: Api<SealedSecret> = Api::namespaced(self.client.clone(), PLACE);
        Ok(all.list(&ListParams::default()).await?.items)
    }

    /// Waits until whoever runs has looked at every object, and every status is right in his words. A right
    /// status alone may be the one that his predecessor left.
    async fn settled(&self, who: &str, right: impl Fn(&SealedSecret) -> bool) {
        let what = format!("every object to be looked at, and its status to be right, under {who}");
        let settled = wait_for(&what, SETTLED, async || {
            let (looked_at, objects) = (self.looked_at().await?, self.objects().await?);
            for object in &objects {
                let name = object.name_any();
                ensure!(looked_at.contains(&name), "{name} was not looked at");
                ensure!(right(object), "{name}: {:?}", object.status);
            }
            Ok(Some(()))
        });
        settled.await.expect("right statuses");
    }

    /// Uid and version of every Secret there is, keys included.
    async fn versions(&self) -> Versions {
        let secrets: Api<PartialObjectMeta<k8s_openapi::api::core::v1::Secret>> =
            Api::all(self.client.clone());
        let all = secrets
            .list_metadata(&ListParams::default())
            .await
            .expect("Secrets");
        let ours = all
            .items
            .into_iter()
            .filter(|secret| secret.name_any() != INSTALLATION_SECRET);
        ours.map(|secret| {
            let place = (secret.namespace().unwrap_or_default(), secret.name_any());
            (place, (secret.uid(), secret.resource_version()))
        })
        .collect()
    }

    /// What ours asked for since then.
    async fn calls(&self, mark: AuditMark) -> AuditLog {
        let calls = self.plane.audit().since(mark).await.expect("an audit log");
        calls.user(&format!("{HOME}:{ACCOUNT}"))
    }
}

fn is(object: &SealedSecret, condition: &str, status: &str) -> bool {
    super::ground::condition(object, condition).is_some_and(|condition| condition.status == status)
}

fn observed(object: &SealedSecret) -> bool {
    let observed = object
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    observed == object.metadata.generation
}

fn right_for_upstream(object: &SealedSecret) -> bool {
    observed(object) && is(object, "Synced", word(&object.name_any()))
}

/// As upstream's, and `Ready` beside it; what fails has its reason.
fn right_for_us(object: &SealedSecret) -> bool {
    let name = object.name_any();
    let synced = super::ground::condition(object, "Synced");
    let reason = synced.and_then(|condition| condition.reason.as_deref());
    right_for_upstream(object)
        && is(object, "Ready", word(&name))
        && failure(&name).is_none_or(|expected| reason == Some(expected))
}

/// Nothing of people's was written; the one Secret that is our own keeps the installation's key and its
/// choice among the sealing keys.
fn no_secret_was_written(calls: &AuditLog) {
    let writes = calls.clone().resource("secrets").writes();
    let others = writes.only(|call| call.name != INSTALLATION_SECRET);
    assert!(others.is_empty(), "{others}");
    let made = calls.clone().resource("secrets").verb("create");
    assert!(made.len() <= 1, "{made}");
    let refused = calls.clone().code(403);
    assert!(refused.is_empty(), "{refused}");
}

#[tokio::test]
async fn a_living_installation_changes_hands_and_back_and_no_secret_is_written() {
    let cluster = Cluster::start().await.unwrap();

    // Upstream's, with all that people do to it.
    let upstream = cluster.upstream().await.unwrap();
    let mut key = 0;
    for (kind, count, _) in KINDS {
        for number in 0..*count {
            cluster.create(&format!("{kind}.{number}"), key).await.unwrap();
            key += 1;
        }
    }
    let objects = cluster.objects().await.unwrap();
    assert!(objects.len() >= 200, "{}", objects.len());
    // What cannot be changed any longer is changed once it stands.
    for object in objects {
        let name = object.name_any();
        if kind(&name) != "immutable-changed" {
            continue;
        }
        let stands = async || Ok(cluster.api("Secret").get_opt(&name).await?);
        wait_for("the immutable Secret", SETTLED, stands).await.unwrap();
        let new = value_of(cluster.certificates[0].key(), &name, Scope::Strict, b"new");
        let patch = Patch::Merge(json!({"spec": {"encryptedData": {"a": new}}}));
        cluster
            .api("SealedSecret")
            .patch(&name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }
    cluster.settled("upstream", right_for_upstream).await;
    drop(upstream);
    let before = cluster.versions().await;

    // Ours takes over.
    let (controller, mark) = cluster.ours().await.unwrap();
    let newest = cluster.certificates[KEYS - 1].fingerprint();
    assert_eq!(
        served_certificate(&cluster.plane).await.unwrap().fingerprint(),
        newest
    );
    cluster.settled("us", right_for_us).await;
    let calls = cluster.calls(mark).await;
    no_secret_was_written(&calls);
    let told = calls.resource("sealedsecrets/status").writes();
    assert!(told.len() >= 200, "only {} statuses were told", told.len());
    assert_eq!(cluster.versions().await, before);

    // Life goes on under ours.
    for (number, kind) in ["plain", "typed", "managed", "patched", "immutable", "unopenable"]
        .iter()
        .enumerate()
    {
        cluster.create(&format!("{kind}.late"), number).await.unwrap();
    }
    cluster.settled("us", right_for_us).await;
    drop(controller);
    let before = cluster.versions().await;

    // And back: upstream looks at everything once more, and the server finds nothing new in what it writes.
    let upstream = cluster.upstream().await.unwrap();
    assert_eq!(
        served_certificate(&cluster.plane).await.unwrap().fingerprint(),
        newest
    );
    cluster.settled("upstream", right_for_upstream).await;
    assert_eq!(cluster.versions().await, before);
    drop(upstream);

    // And ours once more: what it wrote down about each object came through, so that the Secrets that
    // stand are not even read.
    let (controller, mark) = cluster.ours().await.unwrap();
    cluster.settled("us", right_for_us).await;
    let calls = cluster.calls(mark).await;
    no_secret_was_written(&calls);
    let read = calls.resource("secrets").verb("get").namespace(PLACE);
    let read = read.only(|call| failure(&call.name).is_none());
    assert!(read.is_empty(), "{read}");
    assert_eq!(cluster.versions().await, before);
    drop(controller);
}
