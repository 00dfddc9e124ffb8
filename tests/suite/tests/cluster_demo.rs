//! The whole demo, and its ends: by itself, by Ctrl-C, kept; and the one with a secret store. Its first half is `cli_demo`'s.

#[path = "demo/showing.rs"]
mod showing;

use std::{path::PathBuf, time::Duration};

use seal_testbed::{Program, wait_for};
use showing::Showing;

const SOON: Duration = Duration::from_secs(120);
const CHANGED: &str = "a password of today";
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

    std::fs::remove_dir_all(PathBuf::from(after("rm -rf "))).unwrap();
    let ended = async || Ok(demo.left_behind()?.is_empty().then_some(()));
    wait_for("everything to end", SOON, ended).await.unwrap();
}

#[tokio::test]
async fn vault_demo_shows_a_secret_follow_the_store_and_leaves_nothing() {
    let mut demo = Showing::begin(&["vault"]).unwrap();
    assert_eq!(demo.end().await.unwrap(), 0, "{}", demo.said());
    let said = demo.said();
    let (_, fetched) = said
        .split_once("From the store into the cluster")
        .expect("a step that fetches");
    let (fetched, followed) = fetched
        .split_once("The value changes")
        .expect("a step with a change");
    let (followed, failed) = followed
        .split_once("When something is wrong")
        .expect("a step that fails");
    assert!(
        fetched.contains("externalsecret.external-secrets.io/db condition met"),
        "{said}"
    );
    let secret = "kubectl get secret db -o go-template='{{.data.password | base64decode}}'";
    assert!(fetched.contains(&format!("{secret}\n   {PASSWORD}")), "{said}");
    assert!(followed.contains("The Secret had it"), "{said}");
    assert!(followed.contains(&format!("{secret}\n   {CHANGED}")), "{said}");
    let wrong = "spec.data[0] (password), shop/db of SecretStore/vault: cannot find secret data for key";
    assert!(failed.contains(wrong), "{said}");
    demo.expect_nothing_left().await.unwrap();
}

#[tokio::test]
async fn kept_vault_demo_works_until_its_folders_are_removed() {
    let mut demo = Showing::begin(&["vault", "--keep"]).unwrap();
    assert_eq!(demo.end().await.unwrap(), 0, "{}", demo.said());
    let said = demo.said();
    let (_, kept) = said.split_once("It stays up").expect("how to go on");
    // As people do: the lines that it printed, in a shell of their own.
    let lines: Vec<&str> = kept.lines().map(str::trim).collect();
    let exports: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.starts_with("export ") || line.starts_with("cd "))
        .collect();
    let shell = |line: &str| {
        let script = format!("set -e\n{}\n{line}", exports.join("\n"));
        Program::new("sh").args(["-c", &script]).run().unwrap().success()
    };
    let typed = |begin: &str| {
        let line = lines.iter().find(|line| line.starts_with(begin));
        line.unwrap_or_else(|| panic!("no line with {begin}: {said}"))
            .to_string()
    };
    let (put, look) = (typed("bao kv put"), typed("kubectl get secret"));
    shell(&format!(
        "echo '{{\"password\": \"of tomorrow\"}}' > db.json; {put}"
    ))
    .unwrap();
    let followed = async || {
        let said = shell(&look)?.out();
        Ok((said == "of tomorrow").then_some(()))
    };
    wait_for("the Secret to follow", SOON, followed).await.unwrap();

    shell(&format!("cd /; {}", typed("rm -rf "))).unwrap();
    let ended = async || Ok(demo.left_behind()?.is_empty().then_some(()));
    wait_for("everything to end", SOON, ended).await.unwrap();
}
