//! The whole demo, and its ends: by itself, by Ctrl-C, kept. Its first half is `cli_demo`'s.

#[path = "demo/showing.rs"]
mod showing;

use std::{path::PathBuf, time::Duration};

use seal_testbed::{Program, wait_for};
use showing::Showing;

const SOON: Duration = Duration::from_secs(120);
const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn whole_demo_shows_the_secret_in_the_cluster_and_leaves_nothing() {
    let mut demo = Showing::begin(&[]).unwrap();
    assert_eq!(demo.end().await.unwrap(), 0, "{}", demo.said());
    let said = demo.said();
    let (_, cluster) = said
        .split_once("From Git into the cluster")
        .expect("a step that unseals");
    let (unsealed, told) = cluster
        .split_once("What it says about it")
        .expect("a step that tells");
    let (told, renewed) = told.split_once("A second key").expect("a step with a second key");
    assert!(
        unsealed.contains("secret/db") || unsealed.contains("kind: Secret"),
        "{said}"
    );
    assert!(unsealed.contains(PASSWORD), "{said}");
    assert!(
        told.contains("Synced=True") && told.contains("Ready=True"),
        "{said}"
    );
    assert!(told.contains("SealedSecret unsealed successfully"), "{said}");
    for secret in [
        "secret/db",
        "secret/mail",
        "sealedsecret.bitnami.com/db condition met",
    ] {
        assert!(renewed.contains(secret), "{secret}: {said}");
    }
    demo.expect_nothing_left().await.unwrap();
}

#[tokio::test]
async fn interrupted_demo_leaves_nothing() {
    for signal in ["INT", "TERM"] {
        let mut demo = Showing::begin(&[]).unwrap();
        let begun = async || Ok(demo.said().contains("From Git into the cluster").then_some(()));
        wait_for("the controller's step", showing::DEADLINE, begun)
            .await
            .unwrap();
        assert!(
            demo.left_behind().unwrap().len() > 3,
            "a control plane is up: {}",
            demo.said()
        );
        let demo_process = demo.child.id().to_string();
        Program::new("kill")
            .args(["-s", signal, &demo_process])
            .run()
            .unwrap()
            .success()
            .unwrap();
        assert_eq!(demo.end().await.unwrap(), 130, "{}", demo.said());
        demo.expect_nothing_left().await.unwrap();
    }
}

#[tokio::test]
async fn kept_demo_works_until_its_folder_is_removed() {
    let mut demo = Showing::begin(&["--keep"]).unwrap();
    assert_eq!(demo.end().await.unwrap(), 0, "{}", demo.said());
    let said = demo.said();
    let after = |words: &str| {
        let line = said
            .lines()
            .rev()
            .find_map(|line| line.trim().strip_prefix(words));
        line.unwrap_or_else(|| panic!("no line with {words}: {said}"))
            .to_owned()
    };
    let kubectl = |line: &str| {
        let program = Program::new("kubectl")
            .env("HOME", after("cd "))
            .env("KUBECONFIG", after("export KUBECONFIG="));
        program.args(line.split(' ')).run().unwrap().success()
    };
    // Healed by a controller that outlived the demo.
    kubectl("delete secret db").unwrap();
    let back = async || Ok(kubectl("get secret db").ok());
    wait_for("the Secret to come back", SOON, back).await.unwrap();

    std::fs::remove_dir_all(PathBuf::from(after("rm -r "))).unwrap();
    let ended = async || Ok(demo.left_behind()?.is_empty().then_some(()));
    wait_for("everything to end", SOON, ended).await.unwrap();
}
