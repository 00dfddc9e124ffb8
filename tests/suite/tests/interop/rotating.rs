//! `seal rotate` on a repository as people keep it: killed in every one of its steps, finished, retired; the Git
//! diff is ciphertexts and our note; and upstream's controller, on another cluster with the keys of the backup,
//! makes every Secret of what is committed.

mod checkout;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Mutex;

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams};
use seal_api::SealedSecret;
use seal_api::annotations::{KEY_ACTIVE, KEY_LABEL, KEY_RETIRED};
use seal_repository::{ENVIRONMENTS, Repository, SERVICES, namespace};
use seal_testbed::{
    ADMIN, ControlPlane, Fault, FaultProxy, Gate, Process, Program, ProgramOutput, Rule, UpstreamController,
    wait_for,
};
use seal_tests::built;

use self::checkout::{Checkout, documents};
use super::ground::{HOME, SERVICE, SOON, condition, grant, our_controller_as, plane, served_certificate};

const SEED: u64 = 20_261_125;
const ACCOUNT: &str = "seal";
const PORT: u16 = 8080;

const RING: &str = "/apis/sealops.dev/v1alpha1/namespaces/kube-system/sealingkeyrings/seal";
const CERTIFICATES: &str = "/api/v1/namespaces/kube-system/configmaps/seal-certificates";
const REQUESTS: &str = "/apis/sealops.dev/v1alpha1/namespaces/*/reencryptions*";

const OBJECTS: &str = "/apis/bitnami.com/v1alpha1/sealedsecrets";

/// Where a run is killed: when it makes that request, which is held. What it does until then is its own order, so
/// that each of its steps is met whatever the runs before have left.
struct Kill {
    verb: &'static str,
    path: &'static str,
    nth: usize,
    /// Whether the request is on its way nevertheless, and is carried out after the death of its sender.
    arrives: bool,
    /// What it has said of its steps by then, and what it has not.
    said: &'static str,
    not_yet: &'static str,
}

const NOTHING: &str = "";
const MADE: &str = "1. the key";
const PUBLISHED: &str = "2. it is published";
const REWRITTEN: &str = "rewritten (";
const UNDER_IT: &str = "3. all files are under it";
const COMPARED: &str = "4. ";

/// One for every step; each object is asked about once when files are rewritten, and once more to prove it.
fn kills(objects: usize) -> Vec<Kill> {
    let kill = |(verb, path, nth), arrives, (said, not_yet)| Kill {
        verb,
        path,
        nth,
        arrives,
        said,
        not_yet,
    };
    vec![
        // It looks which rotation is under way, and asks for a key.
        kill(("get", RING, 1), false, (NOTHING, MADE)),
        kill(("patch", RING, 1), false, (NOTHING, MADE)),
        kill(("patch", RING, 1), true, (NOTHING, MADE)),
        // It waits for the certificate.
        kill(("get", CERTIFICATES, 1), false, (MADE, PUBLISHED)),
        // It rewrites the first file, files in the midst, the last one.
        kill(("create", REQUESTS, 1), false, (PUBLISHED, REWRITTEN)),
        kill(("create", REQUESTS, objects / 3), true, (PUBLISHED, REWRITTEN)),
        kill(
            ("delete", REQUESTS, objects * 2 / 3),
            false,
            (PUBLISHED, REWRITTEN),
        ),
        kill(("create", REQUESTS, objects), false, (PUBLISHED, REWRITTEN)),
        // It proves.
        kill(("create", REQUESTS, objects + 1), false, (REWRITTEN, UNDER_IT)),
        // It compares with the cluster.
        kill(("list", OBJECTS, 1), false, (UNDER_IT, COMPARED)),
    ]
}

struct Ground {
    plane: ControlPlane,
    client: Client,
    checkout: Checkout,
    binary: PathBuf,
    recipient: String,
}

impl Ground {
    async fn start() -> Self {
        let plane = plane().await.unwrap();
        for definition in ["sealingkeyrings", "reencryptions"] {
            let path = format!(
                "{}/../../crds/sealops.dev_{definition}.yaml",
                env!("CARGO_MANIFEST_DIR")
            );
            plane
                .apply(&std::fs::read_to_string(path).unwrap())
                .await
                .unwrap();
        }
        for environment in ENVIRONMENTS {
            plane.namespace(&namespace(environment)).await.unwrap();
        }
        plane.expose(HOME, SERVICE, PORT).await.unwrap();
        grant(&plane, ACCOUNT).await.unwrap();
        plane.rights_count().await.unwrap();
        let checkout = Checkout::empty();
        let recipient = checkout.identity();
        let client = plane.client(ADMIN).await.unwrap();
        let binary = tokio::task::spawn_blocking(|| built("seal-cli", "seal"));
        Self {
            plane,
            client,
            checkout,
            binary: binary.await.unwrap().unwrap(),
            recipient,
        }
    }

    async fn controller(&self) -> Process {
        let backup = format!("--backup-recipients={}", self.recipient);
        let flags = ["--key-size=2048", "--key-renew-period=0", &backup];
        our_controller_as(&self.plane, ACCOUNT, &flags).await.unwrap()
    }

    fn words(&self, more: &[&str]) -> Vec<String> {
        let folder = self.checkout.folder().display().to_string();
        let words = ["rotate", &folder, "--controller-namespace", HOME];
        words.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    async fn seal(&self, words: Vec<String>) -> ProgramOutput {
        let program = Program::new(&self.binary)
            .args(words)
            .env("KUBECONFIG", self.plane.kubeconfig(ADMIN).await.unwrap())
            .deadline(SOON);
        tokio::task::spawn_blocking(|| program.run())
            .await
            .unwrap()
            .unwrap()
    }

    async fn rotate(&self, more: &[&str]) -> ProgramOutput {
        self.seal(self.words(more)).await
    }

    /// Begins it, and kills it there.
    async fn kill(&self, more: &[&str], kill: &Kill) {
        let proxy = FaultProxy::start(&self.plane).await.unwrap();
        let gate = Gate::default();
        proxy.inject(Rule::on(kill.verb, kill.path, Fault::Hold(gate.clone())).from_nth(kill.nth));
        let told = self.checkout.outside("told");
        // Outside of the plane's network, where the proxy is.
        let run = Command::new(&self.binary)
            .args(self.words(more))
            .env("KUBECONFIG", proxy.kubeconfig(ADMIN).await.unwrap())
            .stderr(File::create(&told).unwrap())
            .spawn();
        let run = Mutex::new(Killed(run.unwrap()));
        tokio::select! {
            () = gate.is_holding() => {}
            ended = wait_for("it to end", SOON, async || Ok(run.lock().unwrap().0.try_wait()?)) => {
                panic!("{ended:?}: {}", std::fs::read_to_string(&told).unwrap());
            }
        }
        drop(run);
        let told = std::fs::read_to_string(told).unwrap();
        assert!(
            told.contains(kill.said) && !told.contains(kill.not_yet),
            "{} {}: {told}",
            kill.verb,
            kill.path
        );
        if kill.arrives {
            gate.open();
            wait_for("what was on its way to arrive", SOON, async || {
                let arrived = |seen: seal_testbed::Seen| seen.fault == Some("hold") && seen.code.is_some();
                Ok(proxy.seen().into_iter().any(arrived).then_some(()))
            })
            .await
            .unwrap();
        }
    }

    async fn keys(&self) -> usize {
        let keys: Api<Secret> = Api::namespaced(self.client.clone(), HOME);
        let keys_only = format!("{KEY_LABEL} in ({KEY_ACTIVE}, {KEY_RETIRED})");
        let keys_only = ListParams::default().labels(&keys_only);
        let all = keys.list_metadata(&keys_only).await.unwrap();
        all.items.len()
    }

    /// What a GitOps tool does with a checkout.
    async fn apply(&self, client: &Client) {
        let how = PatchParams::apply("gitops").force();
        for (place, name, object) in self.checkout.objects() {
            let all: Api<SealedSecret> = Api::namespaced(client.clone(), &place);
            all.patch(&name, &how, &Patch::Apply(object)).await.unwrap();
        }
    }
}

/// SIGKILL at the end of its scope.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until all Secrets of the repository are there, with their values and no others.
async fn all_open(client: &Client, repository: &Repository, who: &str) {
    let what = format!("every Secret of the repository under {who}");
    wait_for(&what, SOON, async || {
        let mut standing = BTreeMap::new();
        for environment in ENVIRONMENTS {
            let all: Api<Secret> = Api::namespaced(client.clone(), &namespace(environment));
            for secret in all.list(&ListParams::default()).await? {
                let data: BTreeMap<String, Vec<u8>> = secret
                    .data
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(entry, value)| (entry, value.0))
                    .collect();
                standing.insert(
                    (namespace(environment), secret.metadata.name.unwrap_or_default()),
                    data,
                );
            }
        }
        for one in &repository.sealed {
            for place in &one.namespaces {
                let wanted = one.values.iter();
                let wanted: BTreeMap<String, Vec<u8>> = wanted
                    .map(|(entry, value)| (entry.clone(), value.clone().into_bytes()))
                    .collect();
                let found = standing.get(&(place.clone(), one.name.clone()));
                anyhow::ensure!(found == Some(&wanted), "{}: {place}/{}", one.file, one.name);
            }
        }
        Ok(Some(()))
    })
    .await
    .unwrap();
}

async fn all_synced(client: &Client) {
    let all: Api<SealedSecret> = Api::all(client.clone());
    wait_for("every status to be about the newest text", SOON, async || {
        for object in all.list(&ListParams::default()).await? {
            let status = object.status.as_ref();
            let seen = status.and_then(|status| status.observed_generation);
            let synced = condition(&object, "Synced").is_some_and(|synced| synced.status == "True");
            anyhow::ensure!(
                synced && seen == object.metadata.generation,
                "{:?}: {status:?}",
                object.metadata.name
            );
        }
        Ok(Some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_repository_is_rotated_through_kills_in_every_step_and_upstream_opens_all_of_it() {
    let ground = Ground::start().await;
    let controller = ground.controller().await;
    let first = served_certificate(&ground.plane).await.unwrap();
    let repository = Repository::of(SEED, SERVICES, first.key());
    assert!(repository.manifests() >= 300, "{}", repository.manifests());
    ground.checkout.fill(&repository);
    ground.apply(&ground.client).await;
    all_open(&ground.client, &repository, "ours").await;
    all_synced(&ground.client).await;

    let said = ground.rotate(&["--plan"]).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(ground.checkout.diff().is_empty());
    assert_eq!(ground.keys().await, 1);
    for kill in kills(repository.sealed.len()) {
        ground.kill(&[], &kill).await;
        // Each file is old or new, and no run has made a key beside another's.
        assert!(ground.keys().await <= 2, "{} {}", kill.verb, kill.path);
        ground.checkout.only_ciphertexts_differ(&repository);
    }

    let said = ground.rotate(&[]).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(said.err().contains("no new key is made"), "{}", said.err());
    assert!(said.err().contains("3. all files are under it"), "{}", said.err());
    assert_eq!(ground.keys().await, 2);
    let second = served_certificate(&ground.plane).await.unwrap();
    assert_ne!(first.fingerprint(), second.fingerprint());
    let changed = ground.checkout.only_ciphertexts_differ(&repository);
    assert_eq!(
        changed,
        repository.sealed.len(),
        "every file, and every text in it"
    );
    ground.checkout.every_text_changed(&repository);
    ground.checkout.commit("Bring all under the new key");

    // The cluster takes what is committed; then nothing needs the old key.
    ground.apply(&ground.client).await;
    all_synced(&ground.client).await;
    all_open(&ground.client, &repository, "ours").await;
    let unneeded = format!("nothing needs {} any longer", first.fingerprint());
    wait_for("nothing to need the old key", SOON, async || {
        let said = ground.rotate(&[]).await;
        anyhow::ensure!(said.err().contains(&unneeded), "{}", said.err());
        Ok(Some(()))
    })
    .await
    .unwrap();
    for arrives in [false, true] {
        let kill = Kill {
            verb: "patch",
            path: RING,
            nth: 1,
            arrives,
            said: COMPARED,
            not_yet: "opens nothing any longer",
        };
        ground.kill(&["--retire"], &kill).await;
    }
    let said = ground.rotate(&["--retire"]).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(ground.checkout.diff().is_empty());
    assert_eq!(ground.keys().await, 2);

    // The cluster is lost: another one, upstream's controller, what Git has and the backup's keys.
    let backup = ground.restored().await;
    drop((controller, ground.plane, ground.client));
    let plane = plane().await.unwrap();
    for environment in ENVIRONMENTS {
        plane.namespace(&namespace(environment)).await.unwrap();
    }
    for key in backup {
        plane.apply(&key.to_string()).await.unwrap();
    }
    let ground = Ground {
        client: plane.client(ADMIN).await.unwrap(),
        plane,
        ..ground
    };
    let flags = ["--key-renew-period=0", "--kubeclient-qps=-1"];
    let upstream = UpstreamController::start(&ground.plane, HOME, &flags)
        .await
        .unwrap();
    ground.apply(&ground.client).await;
    all_open(&ground.client, &repository, "upstream's").await;
    drop(upstream);
}

impl Ground {
    /// The key Secrets that the backup on the cluster holds.
    async fn restored(&self) -> Vec<serde_json::Value> {
        let identity = self.checkout.outside("id.txt").display().to_string();
        let file = self.checkout.outside("keys.yaml");
        let words = [
            "keys",
            "restore",
            "--from-cluster",
            "-I",
            &identity,
            "--controller-namespace",
            HOME,
        ];
        let words = words.iter().map(|word| (*word).to_owned());
        let words = words
            .chain(["-w".to_owned(), file.display().to_string()])
            .collect();
        let said = self.seal(words).await;
        assert_eq!(said.code, 0, "{}", said.err());
        let text = std::fs::read_to_string(file).unwrap();
        let keys: Vec<_> = documents(&text).collect();
        assert_eq!(keys.len(), 2, "the one that seals and the one that is retired");
        keys
    }
}
