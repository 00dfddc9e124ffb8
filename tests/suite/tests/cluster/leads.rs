//! Leads that begin, are lost and are won again: what a leader knows when it begins, and what it believes.

use k8s_openapi::api::rbac::v1::Role;
use kube::Api;
use kube::api::DeleteParams;
use seal_api::annotations::{MADE_FOR, MANAGED, SKIP_SET_OWNER_REFERENCES};
use seal_testbed::{Fault, FaultProxy, Gate, Rule, wait_for};
use serde_json::json;
use std::time::Duration;

use super::ground::{Controller, Place, SOON, account, admin, place_of, plane, value};
use super::leadership::{Replica, holds, set, two};

const FLAGS: [&str; 2] = ["--all-namespaces=false", "--key-renew-period=0"];
const LEASE: &str = "/apis/coordination.k8s.io/*";
// A lead that ends soon when nobody renews it, and is renewed often.
const RENEWED: &[&str] = &[
    "--leader-elect-lease-duration=8s",
    "--leader-elect-renew-deadline=6s",
    "--leader-elect-retry-period=200ms",
];
// In that time the deadline passes once more.
const RENEWALS: usize = 35;

// A SealedSecret whose Secret gets no owner reference.
async fn create_without_owner(place: &Place, name: &str) {
    let mut object = serde_json::to_value(place.object(name, &[("foo", "one")])).unwrap();
    let skip = json!({SKIP_SET_OWNER_REFERENCES: "true"});
    object["spec"]["template"] = json!({"metadata": {"annotations": skip}});
    place.create_json(&object).await.unwrap();
}

// Whoever heals it believes that it is its own.
async fn is_ours(place: &Place, name: &str) {
    place
        .patch_secret(name, json!({"stringData": {"foo": "tampered"}}))
        .await;
    place
        .secret_that(name, |secret| value(secret, "foo").as_deref() == Some("one"))
        .await;
    place.synced(name).await;
}

impl Replica {
    async fn waits(&self) {
        let waits = wait_for("the old leader to wait", SOON, async || {
            Ok((!self.leads().await).then_some(()))
        });
        waits.await.unwrap();
    }

    // How many calls of that verb there were about what `what` is part of.
    fn calls(&self, verb: &str, what: &str) -> usize {
        let seen = self.proxy.seen().into_iter();
        seen.filter(|call| call.verb == verb && call.uri.contains(what))
            .count()
    }

    async fn renews(&self, times: usize) {
        let enough = self.calls("update", "/leases/") + times;
        let renews = wait_for("the Lease to be renewed", SOON, async || {
            Ok((self.calls("update", "/leases/") >= enough).then_some(()))
        });
        renews.await.unwrap();
    }
}

#[tokio::test]
async fn who_leads_again_believes_the_record_of_who_led_in_between() {
    let (first, second, place) = two("between", RENEWED).await;
    create_without_owner(&place, "db").await;
    place.synced("db").await;
    let made = place.secret("db").await.metadata.uid;
    first.controller.process.pause().await.unwrap();
    second.begins_to_lead().await;
    place.delete_secret("db").await;
    let again = place
        .secret_that("db", |secret| secret.metadata.uid != made)
        .await;
    let again = again.metadata.uid.unwrap();
    place
        .object_that("db", |object| {
            serde_json::to_string(&object.status).is_ok_and(|status| status.contains(&again))
        })
        .await;
    first.controller.process.resume().unwrap();
    first.waits().await;
    let second_ends = second.controller.process.terminate(SOON).await;
    assert_eq!(second_ends.unwrap(), 0);
    first.begins_to_lead().await;
    is_ours(&place, "db").await;
}

#[tokio::test]
async fn a_secret_without_owner_stays_ours_when_we_are_killed_before_its_record_is_written() {
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    let controller = Controller::behind(&proxy, "crashing", &FLAGS).await.unwrap();
    let place = place_of(&controller).await;
    proxy.inject(Rule::on(
        "patch",
        "/apis/bitnami.com/v1alpha1/namespaces/*/sealedsecrets/*",
        Fault::ServerError,
    ));
    create_without_owner(&place, "db").await;
    place.secret("db").await;
    let managed = json!({"metadata": {"name": "taken-over",
        "annotations": {MANAGED: "true"}}, "stringData": {"foo": "theirs"}});
    place.create_secret(managed).await;
    create_without_owner(&place, "taken-over").await;
    place
        .secret_that("taken-over", |secret| {
            value(secret, "foo").as_deref() == Some("one")
        })
        .await;
    controller.process.kill();
    proxy.clear();
    let _controller = Controller::behind(&proxy, "crashing", &FLAGS).await.unwrap();
    for name in ["db", "taken-over"] {
        place.synced(name).await;
        is_ours(&place, name).await;
        assert_eq!(place.secret(name).await.metadata.owner_references, None);
    }
}

#[tokio::test]
async fn a_mark_of_ours_on_another_objects_secret_makes_it_nobody_elses() {
    let controller = Controller::start("copied-mark", &FLAGS).await.unwrap();
    let place = place_of(&controller).await;
    create_without_owner(&place, "db").await;
    place.synced("db").await;
    let marks = place.secret("db").await.metadata.annotations.unwrap();
    assert!(marks.contains_key(MADE_FOR));
    let theirs =
        json!({"metadata": {"name": "theirs", "annotations": marks}, "stringData": {"foo": "theirs"}});
    place.create_secret(theirs).await;
    create_without_owner(&place, "theirs").await;
    assert_eq!(place.failed("theirs").await.0, "TargetNotOurs");
    let theirs = place.secret("theirs").await;
    assert_eq!(value(&theirs, "foo").as_deref(), Some("theirs"));
}

#[tokio::test]
async fn a_write_that_takes_longer_than_a_lead_without_renewal_is_waited_for_while_it_is_renewed() {
    let replica = Replica::start("slow-writes", RENEWED).await;
    replica.begins_to_lead().await;
    let place = place_of(&replica.controller).await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    place.synced("db").await;
    let gate = Gate::default();
    let secrets = "/api/v1/namespaces/*/secrets*";
    replica
        .proxy
        .inject(Rule::on("update", secrets, Fault::Hold(gate.clone())));
    set(&place, "two").await;
    gate.is_holding().await;
    replica.renews(RENEWALS).await;
    gate.open();
    holds(&place, "two").await;
    place.synced("db").await;
    let seen = replica.proxy.seen().into_iter();
    let held: Vec<_> = seen
        .filter(|call| call.fault == Some("hold"))
        .map(|call| call.code)
        .collect();
    assert_eq!(held, [Some(200)]);
}

#[tokio::test]
async fn who_lost_the_lead_does_not_go_through_its_own_renewals() {
    let (first, second, _) = two("replayed", RENEWED).await;
    // It watches the Lease only while it waits for it.
    first.controller.process.pause().await.unwrap();
    second.begins_to_lead().await;
    first.controller.process.resume().unwrap();
    first.waits().await;
    second.renews(RENEWALS).await;
    second.controller.process.pause().await.unwrap();
    first.begins_to_lead().await;
    let asked = second.calls("get", "/leases/");
    second.controller.process.resume().unwrap();
    second.waits().await;
    first.renews(RENEWALS).await;
    let asked = second.calls("get", "/leases/") - asked;
    assert!(asked <= 5, "asked for the Lease {asked} times");
}

#[tokio::test]
async fn who_begins_as_the_leader_lists_once_however_long_the_election_takes() {
    let namespace = "one-list";
    let controller = Controller::start(namespace, &FLAGS).await.unwrap();
    let place = place_of(&controller).await;
    assert_eq!(controller.process.terminate(SOON).await.unwrap(), 0);
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    for (neighbour, election) in [("quick", 0), ("slow", 1500)] {
        // Where the machine is so busy that the first try at the Lease fails, there is a second list, rightly.
        let mut tries = 0;
        while !lists_once(
            &proxy,
            &place,
            namespace,
            &format!("{neighbour}{tries}"),
            election,
        )
        .await
        {
            tries += 1;
            assert!(tries < 3, "{neighbour}: more than one list each time");
        }
    }
}

async fn lists_once(
    proxy: &FaultProxy<'_>,
    place: &Place,
    namespace: &str,
    neighbour: &str,
    election: u64,
) -> bool {
    proxy.clear();
    proxy.inject(Rule::on(
        "*",
        LEASE,
        Fault::Latency(Duration::from_millis(election)),
    ));
    let mark = plane().await.audit().mark().await.unwrap();
    let controller = Controller::behind(proxy, namespace, &FLAGS).await.unwrap();
    place.create(&place.object(neighbour, &[("foo", "bar")])).await;
    place.synced(neighbour).await;
    let calls = plane().await.audit().since(mark).await.unwrap();
    let lists = calls.user(&account(namespace)).verb("list");
    let objects = lists.clone().resource("sealedsecrets");
    // Those of sealing keys are selected by their label.
    let secrets = lists
        .resource("secrets")
        .only(|call| call.uri.contains("labelSelector=&"));
    assert_eq!(controller.process.terminate(SOON).await.unwrap(), 0);
    (objects.len(), secrets.len()) == (1, 1)
}

#[tokio::test]
async fn who_takes_over_lists_again_what_it_has_listed_while_it_waited() {
    let (leader, standby, place) = two("anew", RENEWED).await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    place.synced("db").await;
    let lists = |what: &str| standby.calls("list", &format!("/{what}?&labelSelector=&"));
    assert_eq!((lists("sealedsecrets"), lists("secrets")), (1, 1));
    assert_eq!(leader.controller.process.terminate(SOON).await.unwrap(), 0);
    set(&place, "two").await;
    holds(&place, "two").await;
    assert_eq!((lists("sealedsecrets"), lists("secrets")), (2, 2));
}

#[tokio::test]
async fn a_replica_that_may_not_reach_the_lease_serves_what_it_can() {
    let namespace = "without-lease";
    let controller = Controller::start(namespace, &FLAGS).await.unwrap();
    let before = controller.certificate().await;
    assert_eq!(controller.process.terminate(SOON).await.unwrap(), 0);
    let roles: Api<Role> = Api::namespaced(admin().await, namespace);
    let role = format!("{namespace}-leader");
    roles.delete(&role, &DeleteParams::default()).await.unwrap();
    let kubeconfig = plane().await.kubeconfig(&account(namespace)).await.unwrap();
    let mut controller = Controller::launch(namespace, &FLAGS, &kubeconfig).await.unwrap();
    controller.wait_until_ready().await.unwrap();
    assert_eq!(controller.certificate().await.fingerprint(), before.fingerprint());
    assert!(
        controller
            .metrics()
            .await
            .contains("sealed_secrets_controller_leader 0\n")
    );
}
