//! The table, row by row, and what must not pass. What the real server makes of it is the interop tier's.

use std::sync::Arc;

use super::{
    KvVersion::{V1, V2},
    *,
};
use crate::Allowed;

fn anybody() -> Asker {
    Asker {
        namespace: "team-a".to_owned(),
        allowed: Arc::default(),
    }
}

fn only(patterns: &[&str]) -> Asker {
    Asker {
        namespace: "team-a".to_owned(),
        allowed: Arc::new(Allowed::only(patterns.iter().copied()).unwrap()),
    }
}

fn gate(version: KvVersion, mount: &str) -> Gate {
    Gate::new(version, Some(mount).filter(|mount| !mount.is_empty())).unwrap()
}

#[test]
fn every_row_of_the_path_table() {
    for (version, mount, key, target) in [
        (V2, "secret/path", "test", "/v1/secret/path/data/test"),
        (V2, "secret/path", "secret/path/test", "/v1/secret/path/data/test"),
        (
            V2,
            "secret/path",
            "secret/path/data/test",
            "/v1/secret/path/data/test",
        ),
        (V2, "", "secret/test/big/path", "/v1/secret/data/test/big/path"),
        (V2, "", "secret/path/data/test", "/v1/secret/path/data/test"),
        (V1, "secret/path", "test", "/v1/secret/path/test"),
        (V1, "secret/path", "secret/path/test", "/v1/secret/path/test"),
        (V1, "", "secret/path/test", "/v1/secret/path/test"),
        // Quirks, kept.
        (V2, "secret", "data/test", "/v1/secret/data/data/test"),
        (V1, "secret", "secret/data/test", "/v1/secret/data/test"),
        (V2, "secret", "secretive/test", "/v1/secret/data/secretive/test"),
        (V2, "secret", "secret/secret/test", "/v1/secret/data/secret/test"),
        (V2, "secret", "/secret/test", "/v1/secret/data/secret/test"),
        (V2, "secret", "/test", "/v1/secret/data/test"),
        (V2, "/secret/", "test", "/v1/secret/data/test"),
        (V2, "", "secret/a/data/b/data/c", "/v1/secret/a/data/b/data/c"),
    ] {
        let place = gate(version, mount).data(&anybody(), key).unwrap();
        assert_eq!(place.target(), target, "{version:?} {mount:?} {key:?}");
    }
}

#[test]
fn metadata_is_that_of_the_same_secret() {
    for (mount, key, target) in [
        ("secret/path", "test", "/v1/secret/path/metadata/test"),
        ("secret/path", "secret/path/test", "/v1/secret/path/metadata/test"),
        (
            "secret/path",
            "secret/path/data/test",
            "/v1/secret/path/metadata/test",
        ),
        ("", "secret/path/data/test", "/v1/secret/path/metadata/test"),
    ] {
        let place = gate(V2, mount).metadata(&anybody(), key).unwrap();
        assert_eq!(place.target(), target, "{mount:?} {key:?}");
        assert_eq!(place.value(), gate(V2, mount).data(&anybody(), key).unwrap());
    }
    let refused = gate(V2, "").metadata(&anybody(), "secret/test").unwrap_err();
    assert!(refused.to_string().contains("/data/"), "{refused}");
    let refused = gate(V1, "secret").metadata(&anybody(), "test").unwrap_err();
    assert!(matches!(refused, StoreError::Unsupported(_)));
}

#[test]
fn folder_is_where_keys_are() {
    for (version, mount, path, target) in [
        (V2, "secret", None, "/v1/secret/metadata/"),
        (V2, "secret", Some("dev"), "/v1/secret/metadata/dev/"),
        (V2, "secret", Some("/dev/a/"), "/v1/secret/metadata/dev/a/"),
        (V2, "secret", Some("secret/dev"), "/v1/secret/metadata/dev/"),
        (V2, "", Some("secret/data/dev"), "/v1/secret/metadata/dev/"),
        (V2, "", Some("secret/data"), "/v1/secret/metadata/"),
        (V1, "secret", None, "/v1/secret/"),
        (V1, "secret", Some("dev"), "/v1/secret/dev/"),
        (V1, "", Some("secret/dev"), "/v1/secret/dev/"),
    ] {
        let place = gate(version, mount).folder(&anybody(), path).unwrap();
        assert_eq!(place.target(), target, "{version:?} {mount:?} {path:?}");
    }
    for (version, path) in [(V1, None), (V2, None), (V2, Some("secret/dev"))] {
        assert!(gate(version, "").folder(&anybody(), path).is_err());
    }
}

#[test]
fn what_a_server_could_read_otherwise_does_not_pass() {
    for key in [
        "",
        "/",
        "a//b",
        "a/",
        "a/./b",
        "../b",
        "a/../../sys/b",
        "a/..",
        "a%2e%2e/b",
        "a%2fb",
        "%",
        "a\\..\\b",
        "a\r\nX-Vault-Token: b",
        "a\0",
        "a\u{7f}",
        "a\u{85}b",
    ] {
        let below = format!("secret/{key}");
        for (version, mount, key) in [
            (V2, "secret", key),
            (V1, "secret", key),
            (V2, "", &below),
            (V1, "", &below),
        ] {
            let outcome = gate(version, mount).data(&anybody(), key);
            assert!(
                matches!(outcome, Err(StoreError::Key { .. })),
                "{version:?} {mount:?} {key:?}: {outcome:?}"
            );
        }
    }
}

#[test]
fn whatever_passes_is_encoded_byte_by_byte() {
    let place = gate(V2, "secret").data(&anybody(), "a b/ü?x=1#y+&;:@").unwrap();
    assert_eq!(
        place.target(),
        "/v1/secret/data/a%20b/%C3%BC%3Fx%3D1%23y%2B%26%3B%3A%40"
    );
    assert_eq!(place.shown(), "secret/data/a b/ü?x=1#y+&;:@");
}

#[test]
fn our_own_token_cannot_be_read_as_a_secret() {
    for (mount, key) in [
        ("", "auth/token/lookup-self"),
        ("", "/auth/token/lookup-self"),
        ("", "team/auth/token/lookup-self"),
        ("auth/token", "lookup-self"),
        ("team/auth", "token/lookup-self"),
        ("", "sys/mounts"),
        ("sys", "mounts"),
    ] {
        let refused = gate(V1, mount).data(&anybody(), key).unwrap_err();
        assert!(
            refused.to_string().contains("own affairs"),
            "{mount} {key}: {refused}"
        );
    }
    assert!(gate(V1, "").data(&anybody(), "database/creds/app").is_ok());
    assert!(gate(V2, "secret").data(&anybody(), "auth/token").is_ok());
}

#[test]
fn allowed_paths_are_those_without_the_engines_part() {
    let asker = only(&["secret/{{namespace}}/*"]);
    for (mount, key) in [
        ("secret", "team-a/db"),
        ("secret", "secret/team-a/db"),
        ("secret", "secret/data/team-a/db"),
        ("", "secret/team-a/db"),
        ("", "secret/data/team-a/db"),
    ] {
        assert!(gate(V2, mount).data(&asker, key).is_ok(), "{mount} {key}");
    }
    for (mount, key) in [
        ("secret", "team-b/db"),
        ("secret", "team-a"),
        ("secret", "team-a/db/more"),
        ("", "other/team-a/db"),
        ("", "secret/data/team-b/db"),
    ] {
        let refused = gate(V2, mount).data(&asker, key).unwrap_err();
        assert!(matches!(refused, StoreError::NotAllowed { .. }), "{mount} {key}");
        assert!(gate(V2, "secret").metadata(&asker, "team-b/db").is_err());
    }
}

#[test]
fn each_hit_is_judged_as_if_it_had_been_asked_for() {
    let asker = only(&["secret/{{namespace}}/*"]);
    let root = gate(V2, "secret").folder(&asker, None).unwrap();
    let own = root.inner(&asker, "team-a/").unwrap();
    assert_eq!(own.target(), "/v1/secret/metadata/team-a/");
    let hit = own.inner(&asker, "db").unwrap();
    assert_eq!(hit.value().target(), "/v1/secret/data/team-a/db");
    assert_eq!(root.inner(&asker, "team-a/db").unwrap(), hit);

    assert!(root.inner(&asker, "team-b/").is_err());
    assert!(root.inner(&asker, "team-b/db").is_err());
    assert!(own.inner(&asker, "deep/").is_err());
    assert!(root.inner(&anybody(), "../x").is_err());
    assert!(root.inner(&anybody(), "x%2fy").is_err());
}

#[test]
fn settings_with_such_a_path_are_refused_too() {
    for mount in ["secret/../sys", "secret//kv", "se%63ret"] {
        assert!(matches!(
            Gate::new(V2, Some(mount)).unwrap_err(),
            StoreError::Settings(_)
        ));
    }
}
