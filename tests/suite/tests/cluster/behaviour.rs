//! What becomes of a SealedSecret: upstream's cases by number, and what differs from them on purpose.

use seal_api::{SecretTemplate, TemplateMetadata, annotations};
use seal_core::Scope;
use serde_json::json;

use super::ground::{place, value, with_scope};

#[tokio::test]
async fn case_1_what_was_sealed_for_name_and_namespace_opens_there() {
    let place = place("strict").await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    let secret = place.secret("db").await;
    assert_eq!(value(&secret, "foo").as_deref(), Some("bar"));
    assert_eq!(secret.type_.as_deref(), Some("Opaque"));
    let owner = &secret.metadata.owner_references.unwrap()[0];
    let object = place.synced("db").await;
    assert_eq!((&owner.api_version, &owner.kind), (&"bitnami.com/v1alpha1".to_owned(), &"SealedSecret".to_owned()));
    assert_eq!((Some(&owner.uid), owner.controller), (object.metadata.uid.as_ref(), Some(true)));
    assert_eq!(owner.block_owner_deletion, None);
}
