//! Several replicas: one writes, all serve, and whatever happens to the one that writes, another one
//! goes on where it was, and nothing of the old one arrives late.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::rbac::v1::Role;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use seal_testbed::{Fault, FaultProxy, Gate, Rule, wait_for};
use serde_json::json;

use super::ground::{Controller, Place, SOON, account, admin, met, place_of, plane, value};

const SECRETS: &str = "/api/v1/namespaces/*/secrets*";
// A lead that ends soon when nobody renews it, and not because the machine is busy.
const SHORT: &[&str] = &[
    "--leader-elect-lease-duration=12s",
    "--leader-elect-renew-deadline=9s",
    "--leader-elect-retry-period=300ms",
];
// A lead that ends only when it is released.
const LONG: &[&str] = &["--leader-elect-lease-duration=3600s"];

/// A controller behind a proxy of its own.
pub(super) struct Replica {
    pub(super) controller: Controller,
    pub(super) proxy: FaultProxy<'static>,
}

impl Replica {
    pub(super) async fn start(namespace: &str, terms: &[&str]) -> Self {
        let proxy = FaultProxy::start(plane().await).await.unwrap();
        let flags = ["--all-namespaces=false", "--key-renew-period=0"];
        let flags: Vec<&str> = flags.iter().chain(terms).copied().collect();
        let controller = Controller::behind(&proxy, namespace, &flags).await.unwrap();
        Self { controller, proxy }
    }

    pub(super) async fn leads(&self) -> bool {
        let metrics = self.controller.metrics().await;
        metrics.contains("sealed_secrets_controller_leader 1\n")
    }

    pub(super) async fn begins_to_lead(&self) {
        let leads = wait_for("the other replica to lead", SOON, async || {
            Ok(self.leads().await.then_some(()))
        });
        leads.await.unwrap();
    }

    // Its writes of Secrets after so many writes, once there is one: a Secret can be seen before the answer
    // has passed the proxy.
    async fn secrets_written(&self, before: usize) -> Vec<String> {
        let written = wait_for("a write to be answered", SOON, async || {
            let mut written = self.writes().split_off(before);
            written.retain(|call| call.contains("/secrets"));
            Ok((!written.is_empty()).then_some(written))
        });
        written.await.unwrap()
    }

    // Verb and path of all writes that it has sent.
    pub(super) fn writes(&self) -> Vec<String> {
        let reads = ["get", "list", "watch"];
        let seen = self.proxy.seen().into_iter();
        seen.filter(|call| !reads.contains(&call.verb.as_str()))
            .map(|call| format!("{} {}", call.verb, call.uri))
            .collect()
    }
}

/// The one that leads and the one that waits.
pub(super) async fn two(namespace: &str, terms: &[&str]) -> (Replica, Replica, Place) {
    let (first, second) = tokio::join!(Replica::start(namespace, terms), Replica::start(namespace, terms));
    // A lead may have been lost again by now, and the next one not have begun.
    let settled = wait_for("one of two to lead", SOON, async || {
        let (first, second) = (first.leads().await, second.leads().await);
        Ok((first != second).then_some(first))
    });
    let (leader, standby) = match settled.await.unwrap() {
        true => (first, second),
        false => (second, first),
    };
    let place = place_of(&leader.controller).await;
    (leader, standby, place)
}

/// Seals another value for the object `db`.
pub(super) async fn set(place: &Place, text: &str) {
    let changed = place.object("db", &[("foo", text)]);
    let patch = json!({"spec": {"encryptedData": changed.spec.encrypted_data}});
    place.patch_object("db", patch).await;
}

/// Returns when its Secret has that value.
pub(super) async fn holds(place: &Place, text: &str) {
    place
        .secret_that("db", |secret| value(secret, "foo").as_deref() == Some(text))
        .await;
}

#[tokio::test]
async fn of_two_fresh_replicas_one_makes_the_key_and_writes_and_both_serve_its_certificate() {
    let (leader, standby, place) = two("fresh", LONG).await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    let (first, second) = tokio::join!(leader.controller.certificate(), standby.controller.certificate());
    assert_eq!(first.fingerprint(), second.fingerprint());
    let keys = ListParams::default().labels("sealedsecrets.bitnami.com/sealed-secrets-key=active");
    assert_eq!(place.secrets().list(&keys).await.unwrap().items.len(), 1);
    assert_eq!(standby.controller.get("/healthz").await.0, 200);
    assert_eq!(standby.controller.get("/readyz").await.0, 200);
    let lease = "/apis/coordination.k8s.io/";
    let others: Vec<String> = standby
        .writes()
        .into_iter()
        .filter(|call| !call.contains(lease))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn every_replica_verifies_and_rotates_and_one_takes_what_another_gave() {
    let (leader, standby, place) = two("replies", LONG).await;
    let object = place.object("db", &[("foo", "bar")]);
    let mut elsewhere = object.clone();
    elsewhere.metadata.namespace = Some("elsewhere".to_owned());
    for (asked, other) in [(&leader, &standby), (&standby, &leader)] {
        assert_eq!(asked.controller.post("/v1/verify", &object).await.0, 200);
        assert_eq!(asked.controller.post("/v1/verify", &elsewhere).await.0, 409);
        let (code, rotated) = asked.controller.post("/v1/rotate", &object).await;
        assert_eq!(code, 200);
        let rotated = serde_json::from_str(&rotated).unwrap();
        assert_ne!(rotated, object);
        assert_eq!(other.controller.post("/v1/verify", &rotated).await.0, 200);
    }
}

#[tokio::test]
async fn a_leader_that_ends_hands_over_at_once() {
    let (leader, standby, place) = two("ending", LONG).await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    place.synced("db").await;
    let code = leader.controller.process.terminate(SOON).await.unwrap();
    assert_eq!(code, 0);
    set(&place, "two").await;
    holds(&place, "two").await;
    assert!(standby.leads().await);
    let leases: Api<Lease> = Api::namespaced(place.client.clone(), &place.namespace);
    let spec = leases.get("seal-controller").await.unwrap().spec.unwrap();
    assert!(spec.holder_identity.is_some_and(|holder| !holder.is_empty()));
    assert_eq!(spec.lease_transitions, Some(1));
}

#[tokio::test]
async fn when_a_leader_is_killed_another_one_goes_on_and_repeats_nothing() {
    let (leader, standby, place) = two("killed", SHORT).await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    place.synced("db").await;
    let before = standby.writes().len();
    leader.controller.process.kill();
    set(&place, "two").await;
    holds(&place, "two").await;
    place.synced("db").await;
    assert_eq!(
        standby.secrets_written(before).await,
        ["update /api/v1/namespaces/killed/secrets/db"]
    );
}

#[tokio::test]
async fn a_replica_whose_watch_lags_when_it_begins_to_lead_does_not_go_back() {
    let (leader, standby, place) = two("lagging", SHORT).await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    place.synced("db").await;
    // From now on it hears of Secrets, but not of SealedSecrets.
    let watch = Rule::on("watch", "*/sealedsecrets", Fault::ServerError);
    standby.proxy.inject(watch);
    standby.proxy.cut_all();
    met(&standby.proxy, "server error", "/sealedsecrets", 1).await;
    set(&place, "two").await;
    holds(&place, "two").await;
    place.synced("db").await;
    let before = standby.writes().len();
    leader.controller.process.kill();
    standby.begins_to_lead().await;
    place
        .patch_secret("db", json!({"stringData": {"foo": "tampered"}}))
        .await;
    holds(&place, "two").await;
    assert_eq!(
        standby.secrets_written(before).await,
        ["update /api/v1/namespaces/lagging/secrets/db"]
    );
}

#[tokio::test]
async fn a_write_that_is_held_up_for_longer_than_the_lead_does_not_undo_what_the_next_leader_wrote() {
    let (leader, standby, place) = two("held", SHORT).await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    place.synced("db").await;
    let gate = Gate::default();
    leader
        .proxy
        .inject(Rule::on("*", "/apis/coordination.k8s.io/*", Fault::ServerError));
    leader
        .proxy
        .inject(Rule::on("update", SECRETS, Fault::Hold(gate.clone())));
    set(&place, "two").await;
    gate.is_holding().await;
    standby.begins_to_lead().await;
    holds(&place, "two").await;
    set(&place, "three").await;
    holds(&place, "three").await;
    let before = place.secret("db").await.metadata.resource_version;
    gate.open();
    let late = wait_for("the late write to arrive", SOON, async || {
        let seen = leader.proxy.seen().into_iter();
        let mut held = seen.filter(|call| call.fault == Some("hold"));
        Ok(held.next().map(|call| call.code))
    });
    assert_eq!(late.await.unwrap(), Some(409));
    leader.proxy.clear();
    place.create(&place.object("after", &[("foo", "bar")])).await;
    place.synced("after").await;
    assert_eq!(place.secret("db").await.metadata.resource_version, before);
    assert!(!leader.leads().await);
}

#[tokio::test]
async fn a_leader_that_stood_still_for_longer_than_its_lead_writes_nothing_any_more() {
    let (leader, standby, place) = two("standing-still", SHORT).await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    place.synced("db").await;
    leader.controller.process.pause().await.unwrap();
    standby.begins_to_lead().await;
    set(&place, "two").await;
    holds(&place, "two").await;
    let before = leader.writes().len();
    leader.controller.process.resume().unwrap();
    let waits = wait_for("the old leader to wait", SOON, async || {
        Ok((!leader.leads().await).then_some(()))
    });
    waits.await.unwrap();
    set(&place, "three").await;
    holds(&place, "three").await;
    place.synced("db").await;
    let late = leader.writes().split_off(before);
    let late: Vec<String> = late
        .into_iter()
        .filter(|call| !call.contains("/leases/"))
        .collect();
    assert!(late.is_empty(), "{late:?}");
}

#[tokio::test]
async fn a_replica_that_may_not_reach_the_lease_says_what_is_missing() {
    super::ground::grant("leaseless").await.unwrap();
    let roles: Api<Role> = Api::namespaced(admin().await, "leaseless");
    roles
        .delete("leaseless-leader", &DeleteParams::default())
        .await
        .unwrap();
    plane().await.rights_count().await.unwrap();
    let kubeconfig = plane().await.kubeconfig(&account("leaseless")).await.unwrap();
    let controller = Controller::launch("leaseless", &[], &kubeconfig).await.unwrap();
    let said = wait_for("the complaint", SOON, async || {
        let log = controller.process.log();
        Ok(log
            .contains("grant get, list, watch, create and update on leases")
            .then_some(()))
    });
    said.await.unwrap();
    assert_eq!(controller.process.terminate(SOON).await.unwrap(), 0);
}
