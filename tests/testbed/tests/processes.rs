//! Programs beside a plane: upstream's real controller and `kubeseal`, and children that obey.

use std::time::Duration;

use seal_testbed::{
    ADMIN, Canary, ControlPlane, Process, Program, UpstreamController, Workspace, sealed_secrets_crd, tool,
    wait_for,
};

const SOON: Duration = Duration::from_secs(120);
const SECRET: &str = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"mine","namespace":"default"},"stringData":{"password":"#;

#[tokio::test]
async fn real_kubeseal_reaches_the_real_controller_through_the_service_proxy() {
    let plane = ControlPlane::builder().own_network().start().await.unwrap();
    plane.apply(&sealed_secrets_crd().unwrap()).await.unwrap();
    let controller = UpstreamController::start(&plane, "kube-system", &[])
        .await
        .unwrap();
    let canary = Canary::new().unwrap();
    let secret = format!("{SECRET}{}}}}}", serde_json::to_string(canary.text()).unwrap());

    let sealed = Program::new(tool("kubeseal").unwrap())
        .args(["--format", "yaml"])
        .env("KUBECONFIG", plane.kubeconfig(ADMIN).await.unwrap())
        .stdin(secret)
        .run()
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(canary.find_in(&sealed.stdout), []);
    plane.apply(&sealed.out()).await.unwrap();

    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(plane.client(ADMIN).await.unwrap(), "default");
    let opened = wait_for("the Secret", SOON, async || Ok(secrets.get_opt("mine").await?));
    let data = opened.await.unwrap().data.unwrap();
    assert_eq!(data["password"].0, canary.text().as_bytes());
    let account = "kube-system:sealed-secrets-controller";
    let calls = plane
        .audit()
        .all()
        .await
        .unwrap()
        .user(account)
        .verb("create")
        .resource("secrets")
        .name("mine");
    assert_eq!(calls.code(201).len(), 1);
    assert_eq!(canary.find_in(controller.log().as_bytes()), []);
}

#[tokio::test]
async fn process_logs_pauses_ends_when_told_and_takes_its_children_along() {
    let plane = ControlPlane::start().await.unwrap();
    let sh = |script: &str| {
        Process::start_in(
            &plane,
            "sh".as_ref(),
            ["-c", script],
            [("WORD", "heard".to_owned())],
        )
    };
    let polite = sh("trap 'echo bye; exit 3' TERM; echo $WORD; while :; do sleep 0.05; done").unwrap();
    wait_for("its first word", SOON, async || {
        Ok(polite.log().contains("heard").then_some(()))
    })
    .await
    .unwrap();
    polite.pause().await.unwrap();
    let state = std::fs::read_to_string(format!("/proc/{}/stat", polite.pid())).unwrap();
    assert_eq!(state.split(' ').nth(2), Some("T"));
    polite.resume().unwrap();
    assert_eq!(polite.terminate(SOON).await.unwrap(), 3);
    assert_eq!(polite.log(), "heard\nbye\n");

    let parent = sh("sleep 1000 & echo $!; wait").unwrap();
    let child = wait_for("its child", SOON, async || {
        Ok(parent.log().trim().parse::<u32>().ok())
    })
    .await
    .unwrap();
    parent.kill();
    let gone = async || Ok((!std::path::Path::new(&format!("/proc/{child}/cmdline")).exists()).then_some(()));
    wait_for("its child to be gone", SOON, gone).await.unwrap();
}

#[tokio::test]
async fn program_that_cannot_start_says_so() {
    let plane = ControlPlane::start().await.unwrap();
    let fault = Process::start_in(&plane, "/nowhere/program".as_ref(), [""; 0], [])
        .err()
        .unwrap();
    assert!(
        format!("{fault:#}").contains("/nowhere/program: No such file"),
        "{fault:#}"
    );
}

#[tokio::test]
async fn process_in_a_pods_clothes_finds_its_credentials_where_pods_do() {
    let plane = ControlPlane::start().await.unwrap();
    let script = "cd /var/run/secrets/kubernetes.io/serviceaccount; echo $KUBERNETES_SERVICE_PORT; cat namespace token";
    let account = ("seal", "controller");
    let pod = Process::start_as_pod(&plane, account, "sh".as_ref(), ["-c", script], [])
        .await
        .unwrap();

    let ended = wait_for("its end", SOON, async || pod.exit_code());
    assert_eq!(ended.await.unwrap(), 0);
    let port = plane.url().rsplit(':').next().unwrap().to_owned();
    assert!(pod.log().starts_with(&format!("{port}\nseal")), "{}", pod.log());
    assert_eq!(pod.log().matches('.').count(), 2, "a token has three parts");
}

#[test]
fn workspace_knows_its_files_and_goes_with_the_test() {
    let workspace = Workspace::new().unwrap();
    let written = workspace.write("a/b.yaml", "text").unwrap();
    workspace.write("c", "").unwrap();

    assert_eq!(
        workspace.files().unwrap(),
        ["a/b.yaml", "c"].map(std::path::PathBuf::from)
    );
    assert_eq!(workspace.read("a/b.yaml").unwrap(), "text");
    drop(workspace);
    assert!(!written.exists());
}

#[test]
fn program_gives_back_code_and_output() {
    let run = Program::new("sh")
        .args(["-c", "cat; echo oops >&2; exit 4"])
        .stdin("given")
        .run()
        .unwrap();
    assert_eq!(
        (run.code, run.out().as_str(), run.err().as_str()),
        (4, "given", "oops\n")
    );
}

#[test]
fn program_that_hangs_is_killed_at_its_deadline() {
    let fault = Program::new("sleep")
        .arg("1000")
        .deadline(Duration::from_millis(200))
        .run()
        .unwrap_err();
    assert!(fault.to_string().contains("did not end within 200ms"));
}
