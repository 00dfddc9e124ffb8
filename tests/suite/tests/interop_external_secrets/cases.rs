//! What people do with ExternalSecrets, and what becomes of each under whichever controller.

use serde_json::{Map, Value, json};

/// What is in the store, by path.
pub(crate) fn stored() -> Vec<(&'static str, Value)> {
    vec![
        (
            "app",
            json!({"user": "ada", "password": "p<&>w", "number": 1.5, "list": [1, 2], "deep": {"er": "x"}}),
        ),
        ("coded", json!({"text": "aGVsbG8=", "plain": "not base64!"})),
        ("docker", json!({"auth": "{\"auths\":{}}"})),
        ("dev/x", json!({"a": "1"})),
        ("dev/y", json!({"b": "2"})),
        ("one", json!({"k": "1"})),
        ("two", json!({"l": "2"})),
    ]
}

/// One object.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) spec: Value,
    /// Status, reason and upstream's fixed text of `Ready`.
    pub(crate) told: Told,
}

/// What `Ready` says.
pub(crate) type Told = (&'static str, &'static str, &'static str);

const SYNCED: Told = ("True", "SecretSynced", "secret synced");
const NO_DATA: Told = (
    "False",
    "SecretSyncedError",
    "could not get secret data from provider",
);
const NO_UPDATE: Told = ("False", "SecretSyncedError", "could not update secret");

fn item(entry: &str, mut reference: Value, path: &str) -> Value {
    reference["key"] = path.into();
    json!({"secretKey": entry, "remoteRef": reference})
}

fn basic() -> Value {
    json!([
        item("user", json!({"property": "user"}), "app"),
        item("password", json!({"property": "password"}), "app"),
        item("number", json!({"property": "number"}), "app"),
        item("deep", json!({"property": "deep.er"}), "app"),
        item("whole", json!({}), "app"),
    ])
}

fn find() -> Value {
    json!({"find": {"path": "dev", "name": {"regexp": ".*"}}})
}

fn with(first: &Value, more: Value) -> Value {
    let mut all: Map<String, Value> = first.as_object().unwrap().clone();
    all.extend(more.as_object().unwrap().clone());
    all.into()
}

/// What comes out well.
pub(crate) fn good() -> Vec<Case> {
    let plain = json!({"data": basic()});
    let of = |target: Value| with(&plain, json!({"target": target}));
    let from = |from: Value| json!({"dataFrom": [from]});
    let rewritten = |how: Value| from(with(&find(), json!({"rewrite": how})));
    let template = |template: Value| of(json!({"template": template}));
    let merged = json!([{"merge": {"strategy": "JSON", "into": "all"}}]);
    let both = json!({"find": {"name": {"regexp": "^(one|two)$"}}});
    let specs = [
        ("plain", plain.clone()),
        ("name-of-forty-characters-aaaaaaaaaaaaaaa", plain.clone()),
        (
            "name-of-seventy-characters-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            plain.clone(),
        ),
        ("zero", with(&plain, json!({"refreshInterval": "0s"}))),
        ("once", with(&plain, json!({"refreshPolicy": "CreatedOnce"}))),
        ("on-change", with(&plain, json!({"refreshPolicy": "OnChange"}))),
        ("orphan", of(json!({"creationPolicy": "Orphan"}))),
        ("none", of(json!({"creationPolicy": "None"}))),
        ("merged", of(json!({"creationPolicy": "Merge"}))),
        ("taken", plain.clone()),
        ("renamed", of(json!({"name": "another-name"}))),
        ("deletable", of(json!({"deletionPolicy": "Delete"}))),
        ("immutable", of(json!({"immutable": true}))),
        ("extracted", from(json!({"extract": {"key": "app"}}))),
        ("found", from(find())),
        (
            "found-unicode",
            from(json!({"find": {"path": "dev", "name": {"regexp": ".*"}, "conversionStrategy": "Unicode"}})),
        ),
        (
            "rewritten",
            rewritten(
                json!([{"regexp": {"source": "^dev/", "target": "p-"}}, {"transform": {"template": "{{ .value | upper }}"}}]),
            ),
        ),
        (
            "merged-values",
            from(with(&both, json!({"rewrite": [{"merge": {}}]}))),
        ),
        ("merged-json", from(with(&both, json!({"rewrite": merged})))),
        (
            "decoded",
            json!({"data": [
                item("text", json!({"property": "text", "decodingStrategy": "Base64"}), "coded"),
                item("auto", json!({"property": "plain", "decodingStrategy": "Auto"}), "coded"),
            ]}),
        ),
        (
            "templated",
            template(json!({
                "metadata": {"labels": {"team": "{{ .user }}"}, "annotations": {"note": "{{ .user }}@db"}},
                "data": {"url": "https://{{ .user }}:{{ .password | b64enc }}@db"},
            })),
        ),
        (
            "template-merge",
            template(json!({"mergePolicy": "Merge", "data": {"more": "{{ .user | title }}"}})),
        ),
        (
            "template-from",
            template(json!({"templateFrom": [
                {"target": "Data", "literal": "lit: {{ .user }}"},
                {"configMap": {"name": "texts", "items": [{"key": "config"}]}},
            ]})),
        ),
        (
            "typed",
            json!({
                "target": {"template": {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "{{ .auth }}"}}},
                "data": [item("auth", json!({"property": "auth"}), "docker")],
            }),
        ),
    ];
    let case = |(name, spec): (&str, Value)| Case {
        name: name.to_owned(),
        spec,
        told: SYNCED,
    };
    specs.into_iter().map(case).collect()
}

/// What does not, or comes to nothing.
pub(crate) fn others() -> Vec<Case> {
    let missing = json!([item("a", json!({"property": "a"}), "nowhere")]);
    let deletes = json!({"creationPolicy": "Owner", "deletionPolicy": "Delete"});
    let deleted = (
        "True",
        "SecretDeleted",
        "secret deleted due to DeletionPolicy=Delete",
    );
    let waits = (
        "True",
        "SecretMissing",
        "secret will not be created due to CreationPolicy=Merge",
    );
    let immutable = (
        "False",
        "SecretSyncedError",
        "could not update secret, target is immutable",
    );
    let owned = (
        "False",
        "SecretSyncedError",
        "target is owned by another ExternalSecret",
    );
    let specs = [
        ("missing", json!({"data": missing}), NO_DATA),
        (
            "no-property",
            json!({"data": [item("a", json!({"property": "nothing"}), "app")]}),
            NO_DATA,
        ),
        (
            "no-store",
            json!({"data": basic(), "secretStoreRef": {"name": "nowhere"}}),
            NO_DATA,
        ),
        (
            "no-template",
            json!({"data": basic(), "target": {"template": {"data": {"a": "{{ .nope }}"}}}}),
            NO_UPDATE,
        ),
        ("gone", json!({"data": missing, "target": deletes}), deleted),
        (
            "waiting",
            json!({"data": basic(), "target": {"creationPolicy": "Merge"}}),
            waits,
        ),
        ("standing-immutable", json!({"data": basic()}), immutable),
        (
            "second",
            json!({"data": basic(), "target": {"name": "plain"}}),
            owned,
        ),
    ];
    let case = |(name, spec, told): (&str, Value, Told)| Case {
        name: name.to_owned(),
        spec,
        told,
    };
    specs.into_iter().map(case).collect()
}

/// What stands before any object comes.
pub(crate) fn standing() -> Vec<Value> {
    let secret = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": {"foreign": "label"}},
            "data": {"foreign": "MQ=="}})
    };
    let texts = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "texts"},
        "data": {"config": "user={{ .user }}"}});
    let immutable = with(&secret("standing-immutable"), json!({"immutable": true}));
    vec![secret("merged"), secret("taken"), immutable, texts]
}
