use kube::api::{Patch, PatchParams};
use seal_api::external_secrets::{ExternalSecret, FailedEntry};
use seal_testbed::wait_for;
use serde_json::{Value, json};

use super::ground::{CONTROLLER, Place, SOON, definition, launch, place_on, start};

fn data(entries: &[(&str, &str)]) -> Value {
    let entries = entries
        .iter()
        .map(|(name, key)| json!({"secretKey": name, "remoteRef": {"key": key, "property": "a"}}));
    entries.collect()
}

async fn failed(place: &Place, name: &str, count: usize) -> Vec<FailedEntry> {
    let what = format!("{name} to tell of {count} entries");
    let found = wait_for(&what, SOON, async || {
        let object = place.objects().get(name).await?;
        let failed = object.status.map(|status| status.failed_entries);
        Ok(failed.filter(|failed| failed.len() == count))
    });
    found.await.unwrap()
}

#[tokio::test]
async fn the_status_says_of_each_entry_that_failed_where_and_why_and_forgets_it_when_all_is_well() {
    let place = Place::new("entries").await;
    place.write("good", &json!({"a": "hunter2"})).await;
    place.write("other", &json!({"b": "hunter3"})).await;
    let spec = json!({
        "refreshInterval": "2s",
        "data": data(&[("good", "entries/good"), ("gone", "entries/gone"), ("other", "entries/other")]),
        "dataFrom": [{"extract": {"key": "entries/whole"}}],
    });
    place.external("app", spec).await;
    let told = failed(&place, "app", 3).await;
    let places: Vec<_> = told
        .iter()
        .map(|entry| {
            let texts = [&entry.field, &entry.secret_key, &entry.store, &entry.path];
            let texts = texts.map(|text| text.clone().unwrap_or_default());
            format!("{} {} {}", texts.join(" "), entry.code, entry.message)
        })
        .collect();
    assert_eq!(
        places,
        [
            "spec.data[1] gone SecretStore/vault entries/gone source-missing Secret does not exist",
            "spec.data[2] other SecretStore/vault entries/other property-missing \
             cannot find secret data for key: \"a\"",
            "spec.dataFrom[0]  SecretStore/vault entries/whole source-missing Secret does not exist",
        ]
    );
    assert!(!format!("{told:?}").contains("hunter"));

    place.write("gone", &json!({"a": "one"})).await;
    place.write("whole", &json!({"c": "one"})).await;
    failed(&place, "app", 1).await;
    place.write("other", &json!({"a": "one"})).await;
    place.ready("app", "True").await;
    failed(&place, "app", 0).await;
}

/// Upstream's definition has no such field. What it prunes must not be written again and again.
#[tokio::test]
async fn where_the_field_is_pruned_the_message_tells_all_and_nothing_is_written_twice() {
    let mut ground = start().await.unwrap();
    let mut upstreams: Value = serde_yaml::from_str(&definition("externalsecrets")).unwrap();
    let status = upstreams
        .pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/status/properties")
        .unwrap();
    for ours in ["failedEntries", "record"] {
        status.as_object_mut().unwrap().remove(ours).unwrap();
    }
    ground.plane.apply(&upstreams.to_string()).await.unwrap();
    let place = place_on(&ground, "pruned").await;
    // Somebody else's, so that nobody but us writes its status.
    let spec = json!({"controller": "another", "provider": {"fake": {"data": []}}});
    place.create("SecretStore", "theirs", spec).await;
    let theirs = json!({"secretStoreRef": {"name": "theirs"}, "data": data(&[("a", "b")])});
    place.external("probe", theirs).await;
    let pruned = wait_for("the definition to count", SOON, async || {
        let entry = json!([{"code": "a", "message": "b", "remedy": "c"}]);
        let patch = Patch::Merge(json!({"status": {"failedEntries": entry}}));
        let objects = place.objects();
        let written: ExternalSecret = objects
            .patch_status("probe", &PatchParams::default(), &patch)
            .await?;
        let kept = written
            .status
            .is_some_and(|status| !status.failed_entries.is_empty());
        Ok((!kept).then_some(()))
    });
    pruned.await.unwrap();

    let entries = data(&[("one", "pruned/one"), ("two", "pruned/two")]);
    let spec = json!({"refreshInterval": "1s", "data": entries});
    place.external("app", spec).await;
    let (_, message) = place.ready("app", "False").await;
    for cause in ["spec.data[0] (key: pruned/one)", "spec.data[1] (key: pruned/two)"] {
        assert!(message.contains(cause), "{message}");
    }
    let first = place.objects().get("app").await.unwrap();
    assert!(first.status.unwrap().failed_entries.is_empty());
    let version = first.metadata.resource_version;
    let attempts = async |ground: &super::ground::Ground| {
        let begin = ground.store.audit().mark().unwrap();
        let tried = wait_for("four more attempts", SOON, async || {
            let log = ground.store.audit().since(begin)?;
            Ok((log.path("secret/data/pruned/one").len() >= 4).then_some(()))
        });
        tried.await.unwrap();
    };
    attempts(&ground).await;
    ground.controller.terminate(SOON).await.unwrap();
    let before = ground.plane.audit().mark().await.unwrap();
    ground.controller = launch(&ground.plane, &[]).await.unwrap();
    attempts(&ground).await;
    let app = place.objects().get("app").await.unwrap();
    assert_eq!(
        app.metadata.resource_version, version,
        "nothing was written since"
    );
    let calls = ground.plane.audit().since(before).await.unwrap();
    let writes = calls.user(CONTROLLER).only(|call| {
        call.verb == "patch" && call.uri.contains("/namespaces/pruned/externalsecrets/app/status")
    });
    assert!(writes.len() <= 1, "{writes}");
}
