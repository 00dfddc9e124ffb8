//! SealedSecrets as people write them: values from the seed, sealed, spelt in many ways.

use std::collections::BTreeMap;

use seal_core::{EncryptionLabel, PublicKey, Scope, SystemRandom, encode_base64, seal};
use seal_engine::sealed_secret::sealed_with;
use serde_json::{Map, Value, json};

use crate::{ENVIRONMENTS, Repository, Sealed, namespace};

/// How one is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As `kubeseal` prints it, with comments.
    Plain,
    /// The same with the line ends of Windows.
    Windows,
    /// Quoted texts, four spaces, keys in an order of the author's own.
    Quoted,
    /// Behind other objects, in one file with them.
    Among,
    /// An item of a List.
    Listed,
    /// JSON.
    Json,
    /// With our note which key sealed what.
    Noted,
}

impl Spelling {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Plain,
        Self::Windows,
        Self::Quoted,
        Self::Among,
        Self::Listed,
        Self::Json,
        Self::Noted,
    ];

    fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            _ => "yaml",
        }
    }
}

/// What is to be sealed.
pub(crate) struct Wanted<'a> {
    /// The file's path without its extension.
    pub(crate) stem: &'a str,
    /// The environment; none where Kustomize sets the namespace.
    pub(crate) environment: Option<&'a str>,
    pub(crate) name: &'a str,
    pub(crate) scope: Scope,
    pub(crate) spelling: Spelling,
    /// The entries.
    pub(crate) values: Vec<(&'a str, String)>,
    /// A template that makes an entry of `username` and `password`.
    pub(crate) template: bool,
}

/// A password of the seed's.
pub(crate) fn password(random: &mut fastrand::Rng) -> String {
    let length = random.usize(16..40);
    (0..length).map(|_| random.alphanumeric()).collect()
}

/// Seals it and adds its file. Returns the file's path.
pub(crate) fn add(repository: &mut Repository, wanted: Wanted<'_>, key: &PublicKey) -> String {
    let label = label(&wanted);
    let seal = |value: &str| {
        let sealed = seal(value.as_bytes(), key, &label, &mut SystemRandom);
        encode_base64(&sealed.expect("a short value is sealed"))
    };
    let texts: BTreeMap<&str, String> = wanted
        .values
        .iter()
        .map(|(entry, value)| (*entry, seal(value)))
        .collect();
    let object = object(&wanted, &texts, key);
    let file = format!("{}.{}", wanted.stem, wanted.spelling.extension());
    repository.put(&file, spelt(wanted.spelling, &object));
    let mut values: BTreeMap<String, String> = wanted
        .values
        .iter()
        .map(|(entry, value)| ((*entry).to_owned(), value.clone()))
        .collect();
    if wanted.template {
        let url = format!("postgres://{}:{}@db/shop", values["username"], values["password"]);
        values.insert("url".to_owned(), url);
    }
    let namespaces = match wanted.environment {
        Some(environment) => vec![namespace(environment)],
        None => ENVIRONMENTS.map(namespace).to_vec(),
    };
    repository.sealed.push(Sealed {
        file: file.clone(),
        namespaces,
        name: wanted.name.to_owned(),
        scope: wanted.scope,
        object,
        values,
    });
    file
}

fn label(wanted: &Wanted<'_>) -> EncryptionLabel {
    match wanted.environment {
        None => EncryptionLabel::cluster_wide(),
        Some(environment) => {
            let namespace = namespace(environment).parse().expect("a namespace");
            let name = wanted.name.parse().expect("a name");
            wanted.scope.label(&namespace, &name)
        }
    }
}

fn object(wanted: &Wanted<'_>, texts: &BTreeMap<&str, String>, key: &PublicKey) -> Value {
    let mut annotations = Map::new();
    if wanted.scope != Scope::Strict {
        annotations.insert(
            format!("sealedsecrets.bitnami.com/{}", wanted.scope),
            "true".into(),
        );
    }
    if wanted.spelling == Spelling::Noted {
        let note = sealed_with(
            texts
                .iter()
                .map(|(entry, text)| (*entry, key.fingerprint(), text.as_str())),
        );
        annotations.insert("sealops.dev/sealed-with".to_owned(), note.into());
    }
    let mut metadata = json!({"name": wanted.name});
    if let Some(environment) = wanted.environment {
        metadata["namespace"] = namespace(environment).into();
    }
    if !annotations.is_empty() {
        metadata["annotations"] = annotations.into();
    }
    let mut template = json!({
        "metadata": {"labels": {"app.kubernetes.io/part-of": "shop"}},
        "type": "Opaque",
    });
    if wanted.template {
        template["data"] = json!({"url": "postgres://{{ .username }}:{{ .password }}@db/shop"});
    }
    json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": metadata,
        "spec": {"encryptedData": texts, "template": template},
    })
}

fn spelt(spelling: Spelling, object: &Value) -> String {
    match spelling {
        Spelling::Json => format!("{}\n", serde_json::to_string_pretty(object).expect("it is JSON")),
        Spelling::Plain | Spelling::Noted => yaml(object, 2, '\0'),
        Spelling::Windows => yaml(object, 2, '\0').replace('\n', "\r\n"),
        Spelling::Quoted => yaml(object, 4, '\''),
        Spelling::Among => format!(
            "{SERVICE_ACCOUNT}---\n# What it reads.\n{}...\n---\n# Nothing yet.\n",
            yaml(object, 2, '"')
        ),
        Spelling::Listed => {
            let item = yaml(object, 2, '\0').trim_end().replace('\n', "\n    ");
            format!("apiVersion: v1\nkind: List\nitems:\n  -\n    {item}\n")
        }
    }
}

const SERVICE_ACCOUNT: &str =
    "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: reader   # kept for the old job\n";

// Written by hand, as people do: comments, blanks and quotes are theirs, not a library's.
fn yaml(object: &Value, indent: usize, quote: char) -> String {
    let quoted = |text: &str| match quote {
        '\0' => text.to_owned(),
        quote => format!("{quote}{text}{quote}"),
    };
    let (metadata, spec) = (&object["metadata"], &object["spec"]);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut lines = vec![
        (0, "# Sealed; ask the team of the shop for values.".to_owned()),
        (0, "apiVersion: bitnami.com/v1alpha1".to_owned()),
        (0, "kind: SealedSecret".to_owned()),
        (0, "metadata:".to_owned()),
        (1, format!("name: {}", text(&metadata["name"]))),
    ];
    if let Some(namespace) = metadata.get("namespace") {
        lines.push((
            1,
            format!("namespace: {}  # as the overlay says", text(namespace)),
        ));
    }
    if let Some(annotations) = metadata["annotations"].as_object() {
        lines.push((1, "annotations:".to_owned()));
        for (name, value) in annotations {
            lines.push((2, format!("{name}: '{}'", text(value))));
        }
    }
    lines.push((0, "spec:".to_owned()));
    lines.push((1, "encryptedData:".to_owned()));
    for (entry, sealed) in spec["encryptedData"].as_object().expect("entries") {
        lines.push((2, format!("{entry}: {}", quoted(&text(sealed)))));
    }
    lines.push((0, String::new()));
    lines.push((1, "template:".to_owned()));
    if let Some(url) = spec["template"]["data"].get("url") {
        lines.push((2, "data:".to_owned()));
        lines.push((3, "# Read at start only.".to_owned()));
        lines.push((3, format!("url: \"{}\"", text(url))));
    }
    lines.push((
        2,
        "metadata: {labels: {app.kubernetes.io/part-of: shop}}".to_owned(),
    ));
    lines.push((2, "type: Opaque".to_owned()));
    lines
        .into_iter()
        .map(|(depth, line)| match line.is_empty() {
            true => "\n".to_owned(),
            false => format!("{}{line}\n", " ".repeat(depth * indent)),
        })
        .collect()
}
