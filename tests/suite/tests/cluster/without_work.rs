//! Where nothing changed nothing is done: not after a restart, not for its own writes.

use seal_api::annotations;
use seal_testbed::{AuditLog, AuditMark, wait_for};
use serde_json::json;

use super::ground::{Controller, SOON, account, place_of, plane};

async fn calls(user: &str, mark: AuditMark) -> AuditLog {
    plane().await.audit().since(mark).await.unwrap().user(user)
}

#[tokio::test]
async fn a_restart_with_nothing_changed_reads_no_secret_writes_nothing_and_opens_nothing() {
    let flags = ["--all-namespaces=false", "--key-renew-period=0"];
    let controller = Controller::start("restart", &flags).await.unwrap();
    let place = place_of(&controller).await;
    let good = ["db0", "db1", "db2", "db3", "db4"];
    for name in good {
        place
            .create(&place.object(name, &[("foo", "bar"), ("goo", "baz")]))
            .await;
    }
    for name in good {
        place.synced(name).await;
    }
    // Something that fails, too: its status stays as it was told.
    let mut broken = place.object("broken", &[]);
    broken
        .spec
        .encrypted_data
        .insert("foo".to_owned(), Some("AAAA".to_owned()));
    place.create(&broken).await;
    place.failed("broken").await;
    let code = controller.process.terminate(SOON).await.unwrap();
    assert_eq!(code, 0, "SIGTERM is no fault");
    assert!(controller.process.log().contains("\"ended\""));

    let mark = plane().await.audit().mark().await.unwrap();
    let controller = Controller::start("restart", &flags).await.unwrap();
    place.create(&place.object("neighbour", &[("foo", "bar")])).await;
    place.synced("neighbour").await;
    controller.has_looked_at(&[&good[..], &["broken"]].concat()).await;
    let calls = calls(&account("restart"), mark).await;
    let others = calls.only(|call| call.name != "neighbour" && !call.name.starts_with("neighbour."));
    let keys = |name: &str| name.starts_with("sealed-secrets-key") || name == "seal-installation-key";
    let read = others
        .clone()
        .resource("secrets")
        .verb("get")
        .only(|call| !keys(&call.name));
    assert!(read.is_empty(), "{read}");
    let writes = others.writes().only(|call| call.resource != "leases");
    assert!(writes.is_empty(), "{writes}");
    let opened = "sealed_secrets_controller_unseal_requests_total 2\n";
    let metrics = controller.metrics().await;
    assert!(
        metrics.contains(opened),
        "the broken one and the neighbour: {metrics}"
    );
}

#[tokio::test]
async fn one_object_costs_one_write_of_its_secret_one_of_its_status_and_one_event() {
    let controller = Controller::start("costs", &["--all-namespaces=false"])
        .await
        .unwrap();
    let place = place_of(&controller).await;
    let mark = plane().await.audit().mark().await.unwrap();
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    place.event("db", "Unsealed").await;
    // What its own writes bring back must not make it write again: a label that its metrics show is looked
    // at after them.
    place
        .patch_object(
            "db",
            json!({"metadata": {"labels": {annotations::INSTANCE_LABEL: "touched"}}}),
        )
        .await;
    let looked = wait_for("the label to be looked at", SOON, async || {
        let metrics = controller.metrics().await;
        Ok(metrics
            .contains("ss_app_kubernetes_io_instance=\"touched\"")
            .then_some(()))
    });
    looked.await.unwrap();
    let calls = calls(&account("costs"), mark).await;
    let of_db = |log: AuditLog| log.only(|call| call.name == "db" || call.name.starts_with("db."));
    let all = of_db(calls);
    let shapes: Vec<_> = all
        .calls
        .iter()
        .map(|call| (call.verb.as_str(), call.resource.as_str()))
        .collect();
    let expected = [
        ("create", "secrets"),
        ("patch", "sealedsecrets"),
        ("create", "events"),
    ];
    assert_eq!(shapes, expected, "{all}");
}

#[tokio::test]
async fn a_forged_record_is_not_believed() {
    let controller = Controller::start("forged", &["--all-namespaces=false"])
        .await
        .unwrap();
    let place = place_of(&controller).await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    let object = place.synced("db").await;
    let mut status = serde_json::to_value(object.status.unwrap()).unwrap();
    let records = status["conditions"].as_array_mut().unwrap();
    let record = records
        .iter_mut()
        .find(|condition| condition["type"] == "sealops.dev/Recorded")
        .unwrap();
    let forged = record["message"]
        .as_str()
        .unwrap()
        .replace("\"managed\":[]", "\"managed\":[\"label:x\"]");
    record["message"] = json!(forged);
    let patch = kube::api::Patch::Merge(json!({"status": status}));
    place
        .objects()
        .patch_status("db", &Default::default(), &patch)
        .await
        .unwrap();
    let healed = wait_for("the record to be right again", SOON, async || {
        let object = place.objects().get("db").await?;
        let text = serde_json::to_string(&object.status)?;
        Ok((!text.contains("label:x")).then_some(()))
    });
    healed.await.unwrap();
}
