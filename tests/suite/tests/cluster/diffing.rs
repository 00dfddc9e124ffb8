//! `seal diff --cluster`: files and what stands, entry by entry, and what is in the way of what does not.

use seal_testbed::ADMIN;
use serde_json::json;

use super::ground::{Place, place};
use super::reencrypting::seal;

async fn write(folder: &tempfile::TempDir, place: &Place, name: &str, entries: &[(&str, &str)]) {
    let text = serde_yaml::to_string(&place.object(name, entries)).unwrap();
    std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
}

#[tokio::test]
async fn files_are_compared_with_what_stands_and_no_secret_is_read() {
    let place = place("compares").await;
    let folder = tempfile::tempdir().unwrap();
    let db = place.object("db", &[("a", "x"), ("b", "y")]);
    place.create(&db).await;
    std::fs::write(folder.path().join("db.yaml"), serde_yaml::to_string(&db).unwrap()).unwrap();
    place.synced("db").await;
    // Others' marks are none of the file's business.
    place
        .patch_object(
            "db",
            json!({"metadata": {"annotations": {"argocd.example/tracking": "db"}}}),
        )
        .await;
    let said = seal(&folder, ADMIN, "diff --cluster .").await;
    assert_eq!((said.code, said.out()), (0, String::new()), "{}", said.err());

    write(&folder, &place, "db", &[("a", "z"), ("c", "y")]).await;
    write(&folder, &place, "new", &[("a", "x")]).await;
    write(&folder, &place, "taken", &[("a", "x")]).await;
    place
        .create_secret(json!({"metadata": {"name": "taken"}, "stringData": {"a": "somebody-elses"}}))
        .await;
    let said = seal(&folder, ADMIN, "diff --cluster .").await;
    assert_eq!(said.code, 1, "{}", said.err());
    let text = said.out();
    let told: Vec<String> = text
        .lines()
        .map(|line| line.rsplit_once('/').unwrap().1.to_owned())
        .collect();
    assert_eq!(
        told,
        [
            "db: a: sealed anew",
            "db: b: removed",
            "db: c: added",
            "new: added",
            "new: a: added",
            "taken: added",
            "taken: a Secret of that name stands there and is not handed over",
            "taken: a: added",
        ],
        "{text}"
    );
    place
        .patch_secret(
            "taken",
            json!({"metadata": {"annotations": {seal_api::annotations::MANAGED: "true"}}}),
        )
        .await;
    let said = seal(&folder, ADMIN, "diff --cluster taken.yaml").await;
    assert_eq!(said.code, 1, "{}", said.err());
    assert!(!said.out().contains("handed over"), "{}", said.out());
}

#[tokio::test]
async fn what_stands_and_does_not_open_is_a_difference() {
    let place = place("compares-unopened").await;
    let folder = tempfile::tempdir().unwrap();
    let mut db = place.object("db", &[]);
    db.spec
        .encrypted_data
        .insert("a".to_owned(), Some("AAAA".to_owned()));
    place.create(&db).await;
    place.failed("db").await;
    std::fs::write(folder.path().join("db.yaml"), serde_yaml::to_string(&db).unwrap()).unwrap();
    let said = seal(&folder, ADMIN, "diff --cluster db.yaml --output json").await;
    assert_eq!(said.code, 1, "{}", said.err());
    let told: serde_json::Value = serde_json::from_str(&said.out()).unwrap();
    let items = &told["files"][0]["items"];
    assert_eq!(items[0]["change"], "not-opened", "{told}");
    assert_eq!(items[1]["change"], "unchanged", "{told}");
}
