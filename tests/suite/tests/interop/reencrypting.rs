//! `seal reencrypt` through the HTTP API of a controller, upstream's and ours: what stands in a file comes
//! back under the newest key, and nothing else of the file changes.

use seal_api::Secret;
use seal_core::{Plaintext, Scope, SystemRandom};
use seal_engine::sealed_secret::{Answers, keys_of, seal};
use seal_testbed::{ADMIN, ControlPlane, Program, ProgramOutput, UpstreamController, Workspace};
use seal_tests::built;

use super::ground::{our_controller, plane, ring, sealing_keys, served_certificate, vector_key};

const FLAGS: &[&str] = &[
    "--key-size=2048",
    "--key-renew-period=0",
    "--rate-limit=1000",
    "--rate-limit-burst=1000",
];

/// A file with an object of every scope, sealed to the key that is served; with comments, and a template
/// that upstream's answer would lose.
async fn file(plane: &ControlPlane) -> String {
    let certificate = served_certificate(plane).await.unwrap();
    let mut text = "# who reads this\n".to_owned();
    for scope in Scope::ALL {
        let mut secret = Secret::default();
        secret.metadata.name = Some(scope.as_str().to_owned());
        secret.metadata.namespace = Some("prod".to_owned());
        for (entry, value) in [("a", "1"), ("b", "")] {
            secret
                .data
                .insert(entry.to_owned(), Plaintext::copied(value.as_bytes()));
        }
        let object = seal(&secret, certificate.key(), scope, false, &mut SystemRandom).unwrap();
        let yaml = serde_yaml::to_string(&object).unwrap();
        let yaml = yaml.replace(
            "  template:\n",
            "  # as the application wants it\n  template:\n    data:\n      url: \"db://{{ .a }}\"\n",
        );
        text.push_str(&format!("---\n{yaml}"));
    }
    text
}

async fn reencrypt(plane: &ControlPlane, folder: &Workspace) -> ProgramOutput {
    run(plane, folder, &["reencrypt", "f.yaml"]).await
}

/// `check` with the controller's word, over HTTP.
async fn check(plane: &ControlPlane, folder: &Workspace) -> ProgramOutput {
    run(plane, folder, &["check", "f.yaml", "--online"]).await
}

async fn run(plane: &ControlPlane, folder: &Workspace, arguments: &[&str]) -> ProgramOutput {
    let program = Program::new(built("seal-cli", "seal").unwrap())
        .args(arguments)
        .current_dir(folder.path())
        .env("KUBECONFIG", plane.kubeconfig(ADMIN).await.unwrap());
    tokio::task::spawn_blocking(|| program.run())
        .await
        .unwrap()
        .unwrap()
}

fn without_texts(file: &str) -> Vec<&str> {
    let sealed = |line: &&str| line.starts_with("    a: ") || line.starts_with("    b: ");
    file.split('\n').filter(|line| !sealed(line)).collect()
}

async fn all_on_the_newest(plane: &ControlPlane, file: &str, old: &str) {
    let ring = ring(sealing_keys(&plane.client(ADMIN).await.unwrap()).await.unwrap());
    let answers = Answers {
        sealing_keys: Some(&ring),
    };
    let served = served_certificate(plane).await.unwrap().fingerprint();
    assert_eq!(without_texts(file), without_texts(old));
    let mut count = 0;
    for document in serde_yaml::Deserializer::from_str(file) {
        let Ok(object) = <seal_api::SealedSecret as serde::Deserialize>::deserialize(document) else {
            continue;
        };
        for (entry, key) in keys_of(&object, &answers).unwrap() {
            assert_eq!(key, served, "{entry}");
            count += 1;
        }
    }
    assert_eq!(count, 6);
}

#[tokio::test]
async fn a_controller_reencrypts_a_file_and_only_ciphertexts_change() {
    let plane = plane().await.unwrap();
    let folder = Workspace::new().unwrap();

    let upstream = UpstreamController::start(&plane, "kube-system", FLAGS)
        .await
        .unwrap();
    let old = file(&plane).await;
    folder.write("f.yaml", &old).unwrap();
    let said = reencrypt(&plane, &folder).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(
        said.err().contains("1 file rewritten (6 of 6 entries)"),
        "{}",
        said.err()
    );
    let new = folder.read("f.yaml").unwrap();
    assert_ne!(new, old);
    all_on_the_newest(&plane, &new, &old).await;
    let said = check(&plane, &folder).await;
    assert_eq!(said.code, 0, "{}{}", said.out(), said.err());
    drop(upstream);

    let controller = our_controller(&plane, FLAGS).await.unwrap();
    let said = reencrypt(&plane, &folder).await;
    assert_eq!(said.code, 0, "{}", said.err());
    let newer = folder.read("f.yaml").unwrap();
    all_on_the_newest(&plane, &newer, &old).await;

    // Something that the controller's keys do not open: the file stays, and the rest of it, too.
    let (_, stranger) = vector_key("2048").unwrap();
    let mut secret = Secret::default();
    secret.metadata.name = Some("lost".to_owned());
    secret.metadata.namespace = Some("prod".to_owned());
    secret.data.insert("a".to_owned(), Plaintext::copied(b"1"));
    let lost = seal(&secret, stranger.key(), Scope::Strict, false, &mut SystemRandom).unwrap();
    let mixed = format!("{newer}---\n{}", serde_yaml::to_string(&lost).unwrap());
    folder.write("f.yaml", &mixed).unwrap();
    let said = reencrypt(&plane, &folder).await;
    assert_eq!(said.code, 5, "{}", said.err());
    assert!(
        said.err().contains("the controller cannot open it"),
        "{}",
        said.err()
    );
    assert_eq!(folder.read("f.yaml").unwrap(), mixed);
    let said = check(&plane, &folder).await;
    assert_eq!(said.code, 1, "{}", said.err());
    assert!(
        said.out()
            .contains("SealedSecret prod/lost: the controller cannot open it [does-not-open]"),
        "{}",
        said.out()
    );
    assert_eq!(said.out().matches("does-not-open").count(), 1, "{}", said.out());
    drop(controller);
    let said = check(&plane, &folder).await;
    assert_eq!(said.code, 7, "{}", said.err());
}
