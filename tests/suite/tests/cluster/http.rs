//! The real kubeseal and ours against our controller, through the API server's service proxy: sealing,
//! `--fetch-cert`, `--validate`, `--re-encrypt`, and what attackers made of the last two.

use std::path::PathBuf;

use kube::{Api, Client};
use seal_api::{SealedSecret, annotations};
use seal_testbed::{ADMIN, ControlPlane, Process, Program, ProgramOutput, tool, wait_for};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::ground::{SOON, binary, built, condition, crd, grant_on};

const HOME: &str = "kube-system";
const SERVICE: &str = "sealed-secrets-controller";
const PORT: u16 = 8080;

/// Our controller where kubeseal looks for it.
struct Installed {
    plane: ControlPlane,
    client: Client,
    kubeconfig: PathBuf,
    kubeseal: PathBuf,
    seal: PathBuf,
    _controller: Process,
}

async fn installed() -> &'static Installed {
    static INSTALLED: OnceCell<Installed> = OnceCell::const_new();
    INSTALLED
        .get_or_init(async || Installed::start().await.expect("a controller behind the proxy"))
        .await
}

impl Installed {
    async fn start() -> anyhow::Result<Self> {
        let plane = ControlPlane::builder().own_network().start().await?;
        plane.apply(&crd()?).await?;
        grant_on(&plane, HOME).await?;
        plane.expose(HOME, SERVICE, PORT).await?;
        let (controller, seal) =
            tokio::task::spawn_blocking(|| anyhow::Ok((binary()?, built("seal-cli", "seal")?))).await??;
        let flags = ["--key-size=2048", "--key-renew-period=0"];
        let process = Process::start_as_pod(&plane, (HOME, "seal"), &controller, flags, []).await?;
        let client = plane.client(ADMIN).await?;
        wait_for("the controller to be ready", SOON, async || {
            if let Some(code) = process.exit_code()? {
                anyhow::bail!("ended with {code}: {}", process.log());
            }
            let request = http::Request::get(proxy("/readyz")).body(Vec::new())?;
            let answer = client.request_text(request).await;
            Ok(answer.ok().filter(|answer| answer == "ok\n"))
        })
        .await?;
        Ok(Self {
            kubeconfig: plane.kubeconfig(ADMIN).await?,
            kubeseal: tool("kubeseal")?,
            client,
            plane,
            seal,
            _controller: process,
        })
    }

    fn real(&self, arguments: &[&str], input: &str) -> ProgramOutput {
        self.run(Program::new(&self.kubeseal), arguments, input)
    }

    fn ours(&self, arguments: &[&str], input: &str) -> ProgramOutput {
        self.run(Program::new(&self.seal).arg("kubeseal"), arguments, input)
    }

    fn run(&self, program: Program, arguments: &[&str], input: &str) -> ProgramOutput {
        let program = program.args(arguments).env("KUBECONFIG", &self.kubeconfig);
        program.stdin(input).run().unwrap()
    }

    /// Both must say the same.
    fn both(&self, arguments: &[&str], input: &str) -> ProgramOutput {
        let (real, ours) = (self.real(arguments, input), self.ours(arguments, input));
        let said = |output: &ProgramOutput| (output.code, output.out(), output.err());
        assert_eq!(said(&real), said(&ours), "{arguments:?}");
        ours
    }

    /// What both make of it where ciphertexts differ each time.
    fn each(&self, arguments: &[&str], input: &Value) -> [Value; 2] {
        [
            self.real(arguments, &input.to_string()),
            self.ours(arguments, &input.to_string()),
        ]
        .map(|output| {
            let output = output.success().unwrap();
            serde_json::from_slice(&output.stdout).unwrap()
        })
    }

    /// A strict SealedSecret of that name.
    fn sealed(&self, name: &str) -> Value {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": "default"},
            "stringData": {"foo": "bar"},
        });
        let output = self.real(&["-o", "json"], &secret.to_string());
        serde_json::from_slice(&output.success().unwrap().stdout).unwrap()
    }
}

fn proxy(path: &str) -> String {
    format!("/api/v1/namespaces/{HOME}/services/http:{SERVICE}:http/proxy{path}")
}

fn claimed(mut object: Value, place: &[&str]) -> Value {
    let metadata = place.iter().fold(&mut object, |object, field| &mut object[field]);
    metadata["annotations"] = json!({annotations::CLUSTER_WIDE: "true"});
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn both_fetch_the_certificate_and_what_they_seal_is_made_a_secret() {
    let installed = installed().await;
    let certificate = installed.both(&["--fetch-cert"], "").success().unwrap();
    assert!(certificate.out().starts_with("-----BEGIN CERTIFICATE-----\n"));
    let sealed = installed.sealed("fetched");
    installed.plane.apply(&sealed.to_string()).await.unwrap();
    let objects: Api<SealedSecret> = Api::namespaced(installed.client.clone(), "default");
    wait_for("the SealedSecret", SOON, async || {
        let object = objects.get("fetched").await?;
        Ok((condition(&object, "Synced").0 == "True").then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_validate_what_opens_and_say_the_same_of_what_does_not() {
    let installed = installed().await;
    let sealed = installed.sealed("validated");
    let good = installed.both(&["--validate"], &sealed.to_string());
    assert_eq!(
        (good.code, good.out(), good.err()),
        (0, String::new(), String::new())
    );
    let mut elsewhere = sealed.clone();
    elsewhere["metadata"]["namespace"] = "kube-public".into();
    let bad = installed.both(&["--validate"], &elsewhere.to_string());
    assert_eq!(bad.err(), "error: unable to decrypt sealed secret: validated\n");
    assert_eq!(bad.code, 1);
    let bad = installed.both(&["--re-encrypt"], &elsewhere.to_string());
    assert_eq!(bad.code, 1);
    assert!(
        bad.err().starts_with("error: cannot re-encrypt secret: "),
        "{}",
        bad.err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn both_wait_where_they_ask_more_often_than_the_limit_allows() {
    let installed = installed().await;
    let sealed = installed.sealed("patient").to_string();
    let many = [sealed.as_str(); 6].join("\n---\n");
    installed.both(&["--validate"], &many).success().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_reencrypt_and_what_comes_back_opens() {
    let installed = installed().await;
    let sealed = installed.sealed("again");
    for again in installed.each(&["--re-encrypt", "-o", "json"], &sealed) {
        assert_ne!(
            again["spec"]["encryptedData"]["foo"],
            sealed["spec"]["encryptedData"]["foo"]
        );
        assert_eq!(again["metadata"]["name"], "again");
        installed
            .ours(&["--validate"], &again.to_string())
            .success()
            .unwrap();
    }
}

/// CVE-2026-22728: the template's claim made the controller seal a strict value cluster-wide.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_claims_cluster_wide_leaves_a_strict_secret_strict() {
    let installed = installed().await;
    let sealed = installed.sealed("strict");
    let claims = claimed(sealed.clone(), &["spec", "template", "metadata"]);
    for again in installed.each(&["--re-encrypt", "-o", "json"], &claims) {
        let annotation = &again["metadata"]["annotations"][annotations::CLUSTER_WIDE];
        assert_eq!(*annotation, Value::Null);
        installed
            .ours(&["--validate"], &again.to_string())
            .success()
            .unwrap();
        let mut carried = claimed(again, &["metadata"]);
        carried["metadata"]["namespace"] = "kube-public".into();
        let refused = installed.ours(&["--validate"], &carried.to_string());
        assert_eq!(refused.err(), "error: unable to decrypt sealed secret: strict\n");
    }
    let claims = claimed(sealed, &["metadata"]).to_string();
    assert_eq!(installed.both(&["--re-encrypt"], &claims).code, 1);
}

/// sealed-secrets #2019 and #2049: whether a template failed was one bit of a value.
#[tokio::test(flavor = "multi_thread")]
async fn templates_that_fail_on_a_value_change_neither_answer() {
    let installed = installed().await;
    let mut sealed = installed.sealed("oracle");
    for guess in ["b", "x"] {
        let oracle = format!("{{{{ if hasPrefix {guess:?} .foo }}}}{{{{ fail \"yes\" }}}}{{{{ end }}}}");
        sealed["spec"]["template"]["data"] = json!({"guess": oracle});
        installed
            .both(&["--validate"], &sealed.to_string())
            .success()
            .unwrap();
        installed.each(&["--re-encrypt", "-o", "json"], &sealed);
    }
}
