//! A cluster that goes from upstream's controller to ours and back; everything that either side ever
//! sealed opens all the time, and no Secret is touched by the change.

use std::collections::BTreeMap;

use kube::Client;
use seal_api::{SealedSecret, Secret};
use seal_cluster::keys::{KeySecretShape, key_secret};
use seal_core::{Plaintext, PublicKey, Scope, SystemRandom};
use seal_engine::Answers;
use seal_engine::sealed_secret::{Opening, open, seal};
use seal_testbed::{ADMIN, ControlPlane, UpstreamController};
use seal_tests::built;

use super::ground::{
    HOME, apply_as, kubeseal, our_controller, plane, ring, scope_flag, seal_with, sealing_keys, secret_with,
    served_certificate, vector_key,
};

const ENTRIES: &[(&str, &str)] = &[("password", "hunter2'\"=\n"), ("empty", ""), ("user", "ü")];
const SIZES: [&str; 4] = ["2048", "3072", "4096", "8192"];

/// Where a value of that scope opens beside its home.
fn places(scope: Scope, name: &str) -> Vec<(&'static str, String)> {
    let renamed = format!("{name}-renamed");
    match scope {
        Scope::Strict => vec![("prod", name.to_owned())],
        Scope::NamespaceWide => vec![("prod", name.to_owned()), ("prod", renamed)],
        Scope::ClusterWide => vec![("prod", name.to_owned()), ("staging", renamed)],
    }
}

/// A Secret of ours, sealed by the engine.
pub(super) fn sealed_by_engine(name: &str, key: &PublicKey, scope: Scope) -> SealedSecret {
    let mut secret = Secret::default();
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.namespace = Some("prod".to_owned());
    for (entry, value) in ENTRIES {
        secret
            .data
            .insert((*entry).to_owned(), Plaintext::copied(value.as_bytes()));
    }
    seal(&secret, key, scope, false, &mut SystemRandom).expect("it can be sealed")
}

/// Keys in the shape in which we store them, of every size, made long ago.
async fn store_our_keys(plane: &ControlPlane) -> anyhow::Result<()> {
    for size in SIZES {
        let (key, certificate) = vector_key(size)?;
        let shape = KeySecretShape {
            prefix: format!("sealed-secrets-key-{size}-"),
            ..KeySecretShape::default()
        };
        let secret = key_secret(HOME, &key, &certificate, &shape, &mut SystemRandom)?;
        plane.apply(std::str::from_utf8(&secret.to_json())?).await?;
    }
    Ok(())
}

/// Every sealer seals under every scope for the certificate that is served now; the controller that
/// runs makes Secrets of all, wherever their scope lets them go. Returns the Secrets by place.
async fn seal_everything(plane: &ControlPlane, client: &Client, round: &str) -> anyhow::Result<Standing> {
    let (theirs, seal_program) = (kubeseal()?, built("seal-cli", "seal")?);
    let served = served_certificate(plane).await?;
    let certificate = tempfile::NamedTempFile::new()?;
    std::fs::write(certificate.path(), served.pem())?;
    let file = certificate.path().display().to_string();
    let mut standing = Standing::new();
    for scope in Scope::ALL {
        let flag = scope_flag(scope);
        let fetching = ["-o", "json", &flag];
        let with_file = ["--cert", &file, "-o", "json", &flag];
        let name = |sealer: &str| format!("{round}-{sealer}-{scope}");
        let mut objects = Vec::new();
        for (sealer, program, arguments) in [
            ("kubeseal-fetching", &theirs, fetching.to_vec()),
            ("kubeseal-cert", &theirs, with_file.to_vec()),
            ("seal", &seal_program, vec!["seal", "--cert", &file, &flag]),
            (
                "seal-kubeseal",
                &seal_program,
                [&["kubeseal"], &fetching[..]].concat(),
            ),
        ] {
            let name = name(sealer);
            objects.push((
                name.clone(),
                seal_with(plane, program, &arguments, &name, ENTRIES).await?,
            ));
        }
        let engine = name("engine");
        objects.push((engine.clone(), sealed_by_engine(&engine, served.key(), scope)));
        for (name, object) in &objects {
            for (namespace, place) in places(scope, name) {
                apply_as(plane, object, namespace, &place).await?;
            }
        }
        for (name, _) in &objects {
            for (namespace, place) in places(scope, name) {
                let secret = secret_with(client, namespace, &place, ENTRIES).await?;
                standing.insert((namespace.to_owned(), place), version(&secret));
            }
        }
        // What they and we seal, our engine opens with the keys as the cluster has them.
        let ring = ring(sealing_keys(client).await?);
        for (name, object) in &objects {
            let answers = Answers {
                sealing_keys: Some(&ring),
            };
            let how = Opening {
                accept_legacy: false,
                diagnose_scope: false,
                hints: None,
            };
            let opened =
                open(object, &answers, &how).map_err(|faults| anyhow::anyhow!("{name}: {faults:?}"))?;
            for (entry, value) in ENTRIES {
                assert!(
                    opened[0].entries[*entry].matches(value.as_bytes()),
                    "{name}: {entry}"
                );
            }
        }
    }
    Ok(standing)
}

type Standing = BTreeMap<(String, String), (Option<String>, Option<String>)>;

fn version(secret: &Secret) -> (Option<String>, Option<String>) {
    (
        secret.metadata.uid.clone(),
        secret.metadata.resource_version.clone(),
    )
}

async fn still_stand(client: &Client, standing: &Standing) -> anyhow::Result<()> {
    for ((namespace, name), before) in standing {
        let secret = secret_with(client, namespace, name, ENTRIES).await?;
        assert_eq!(version(&secret), *before, "{namespace}/{name} was written");
    }
    Ok(())
}

#[tokio::test]
async fn a_cluster_goes_from_upstream_to_us_and_back_and_everything_opens_all_the_time() {
    let plane = plane().await.unwrap();
    let client = plane.client(ADMIN).await.unwrap();
    store_our_keys(&plane).await.unwrap();

    // Upstream's controller reads the keys that we wrote, and makes one of its own, since ours are old.
    let upstream = UpstreamController::start(&plane, HOME, &[]).await.unwrap();
    for size in SIZES {
        let (_, certificate) = vector_key(size).unwrap();
        for scope in Scope::ALL {
            let name = format!("stored-{size}-{scope}");
            let object = sealed_by_engine(&name, certificate.key(), scope);
            apply_as(&plane, &object, "prod", &name).await.unwrap();
        }
    }
    let mut standing = seal_everything(&plane, &client, "one").await.unwrap();
    for size in SIZES {
        for scope in Scope::ALL {
            let name = format!("stored-{size}-{scope}");
            let secret = secret_with(&client, "prod", &name, ENTRIES).await.unwrap();
            standing.insert(("prod".to_owned(), name), version(&secret));
        }
    }
    let theirs = served_certificate(&plane).await.unwrap().fingerprint();
    assert_eq!(sealing_keys(&client).await.unwrap().len(), SIZES.len() + 1);
    drop(upstream);

    // Ours takes the keys as they are, serves the same one, and writes no Secret that is right.
    let controller = our_controller(&plane, &[]).await.unwrap();
    assert_eq!(served_certificate(&plane).await.unwrap().fingerprint(), theirs);
    let made_by_us = seal_everything(&plane, &client, "two").await.unwrap();
    still_stand(&client, &standing).await.unwrap();
    standing.extend(made_by_us);
    assert_eq!(sealing_keys(&client).await.unwrap().len(), SIZES.len() + 1);
    drop(controller);

    // And back.
    let upstream = UpstreamController::start(&plane, HOME, &[]).await.unwrap();
    assert_eq!(served_certificate(&plane).await.unwrap().fingerprint(), theirs);
    let made_by_upstream = seal_everything(&plane, &client, "three").await.unwrap();
    // Upstream writes each Secret without a type once more when it starts; the server finds nothing new
    // in it and keeps the version.
    still_stand(&client, &standing).await.unwrap();
    assert_eq!(made_by_upstream.len(), 25);
    drop(upstream);
}

#[tokio::test]
async fn a_key_that_our_controller_made_opens_under_upstreams() {
    let plane = plane().await.unwrap();
    let client = plane.client(ADMIN).await.unwrap();
    // Its account and service are upstream's; upstream itself must not have made a key before.
    let upstream = UpstreamController::start(&plane, HOME, &[]).await.unwrap();
    drop(upstream);
    let path = format!("/api/v1/namespaces/{HOME}/secrets");
    client
        .request_text(http::Request::delete(path).body(Vec::new()).unwrap())
        .await
        .unwrap();

    let controller = our_controller(&plane, &[]).await.unwrap();
    let ours = served_certificate(&plane).await.unwrap();
    assert_eq!(ours.key().bits(), 4096);
    let standing = seal_everything(&plane, &client, "ours").await.unwrap();
    drop(controller);

    let upstream = UpstreamController::start(&plane, HOME, &[]).await.unwrap();
    assert_eq!(
        served_certificate(&plane).await.unwrap().fingerprint(),
        ours.fingerprint()
    );
    let more = seal_everything(&plane, &client, "theirs").await.unwrap();
    assert_eq!(more.len(), standing.len());
    still_stand(&client, &standing).await.unwrap();
    drop(upstream);
}
