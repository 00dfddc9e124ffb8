//! A GitOps repository as people keep it: services with Kustomize bases and an overlay for each of three
//! environments, Helm charts with templates and values, what clusters need beside them, and SealedSecrets in all
//! scopes and spellings. A seed decides all of it but the randomness of sealing. It reads and writes nothing.

mod charts;
mod large;
mod sealed;
mod services;

use std::collections::BTreeMap;

use seal_core::{PublicKey, Scope};

pub use large::{manifest, sealed_manifest};
pub use sealed::Spelling;

/// The environments; each is a namespace `shop-…` of its own.
pub const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "production"];

/// The namespace of an environment.
pub fn namespace(environment: &str) -> String {
    format!("shop-{environment}")
}

/// A repository.
#[derive(Default)]
pub struct Repository {
    /// The files, by their paths from its top.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The SealedSecrets in those that Git does not ignore.
    pub sealed: Vec<Sealed>,
}

/// A SealedSecret of the repository.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The file that it stands in.
    pub file: String,
    /// Where it is applied; several where its file leaves the namespace to Kustomize.
    pub namespaces: Vec<String>,
    /// Its name.
    pub name: String,
    /// Its scope.
    pub scope: Scope,
    /// The object, as JSON.
    pub object: serde_json::Value,
    /// What its Secret holds once it is opened.
    pub values: BTreeMap<String, String>,
}

/// How many services a repository has that is large enough for a rotation to be worth a test: more than 300
/// manifests.
pub const SERVICES: usize = 12;

impl Repository {
    /// The repository of `seed` with so many services, sealed to `key`.
    pub fn of(seed: u64, services: usize, key: &PublicKey) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut repository = Self::default();
        repository.top();
        for index in 0..services {
            services::add(&mut repository, index, &mut random, key);
        }
        for index in 0..services.div_ceil(3) {
            charts::add(&mut repository, index, &mut random);
        }
        for environment in ENVIRONMENTS {
            services::add_cluster(&mut repository, environment, &mut random, key);
        }
        repository
    }

    /// How many of its files are manifests that Git does not ignore.
    pub fn manifests(&self) -> usize {
        let is_manifest = |path: &&String| {
            !is_ignored(path) && [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end))
        };
        self.files.keys().filter(is_manifest).count()
    }

    fn put(&mut self, path: &str, text: impl Into<String>) {
        self.files.insert(path.to_owned(), text.into().into_bytes());
    }

    fn top(&mut self) {
        self.put(
            "README.md",
            "# The shop\nOne folder per service, one overlay per environment.\n",
        );
        self.put(".gitignore", "/rendered/\n*.dec.yaml\n.env\n");
        // Checkouts of Windows users must not differ from those of others.
        self.put(".gitattributes", "* -text\n");
        let environments: String = ENVIRONMENTS
            .iter()
            .map(|environment| {
                let scopes = match *environment {
                    "production" => "[strict, namespace-wide]",
                    _ => "[strict, namespace-wide, cluster-wide]",
                };
                format!(
                    "  {environment}:\n    paths: [\"services/*/overlays/{environment}/**\", \
                     \"clusters/{environment}/**\"]\n    allowed-scopes: {scopes}\n"
                )
            })
            .collect();
        self.put(
            ".seal.yaml",
            format!("# Who changes this changes what is allowed.\nenvironments:\n{environments}"),
        );
        // What somebody rendered: cut, and none of Git's business.
        self.put(
            "rendered/all.yaml",
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: old, namespace: shop-dev}\n\
             spec: {encryptedData: {password: AgBcut}}\n",
        );
    }
}

fn is_ignored(path: &str) -> bool {
    path.starts_with("rendered/")
}

#[cfg(test)]
mod tests {
    use seal_core::{KeySize, PrivateKey};

    use super::*;

    fn repository(seed: u64) -> Repository {
        let key = PrivateKey::generate(KeySize::Bits2048).expect("a key");
        Repository::of(seed, SERVICES, key.public())
    }

    #[test]
    fn it_is_as_large_and_as_various_as_a_rotation_needs() {
        let made = repository(7);
        assert!(made.manifests() >= 300, "{}", made.manifests());
        for scope in Scope::ALL {
            assert!(made.sealed.iter().any(|one| one.scope == scope), "{scope}");
        }
        let holds = |text: &str| {
            let bytes = text.as_bytes();
            let all = made.files.values();
            all.filter(|file| file.windows(bytes.len()).any(|part| part == bytes))
                .count()
        };
        for text in [
            "\r\n",
            "\n---\n",
            "{{ .Values.",
            "kind: List",
            "sealops.dev/sealed-with",
            "# ",
        ] {
            assert!(holds(text) > 0, "{text:?}");
        }
        assert!(made.sealed.iter().any(|one| one.file.ends_with(".json")));
        assert!(
            made.sealed
                .iter()
                .any(|one| one.namespaces.len() == ENVIRONMENTS.len())
        );
    }

    #[test]
    fn every_manifest_that_is_no_template_is_read_by_another_reader_and_the_sealed_ones_are_there() {
        use serde::Deserialize;

        let made = repository(8);
        for (path, bytes) in &made.files {
            let manifest = path.ends_with(".yaml") || path.ends_with(".json");
            if !manifest || path.contains("/templates/") {
                continue;
            }
            let text = std::str::from_utf8(bytes).expect("text");
            for document in serde_yaml::Deserializer::from_str(text) {
                serde_yaml::Value::deserialize(document).unwrap_or_else(|error| panic!("{path}: {error}"));
            }
        }
        for one in &made.sealed {
            let text = std::str::from_utf8(&made.files[&one.file]).expect("text");
            for sealed in one.object["spec"]["encryptedData"]
                .as_object()
                .expect("entries")
                .values()
            {
                assert!(text.contains(sealed.as_str().expect("a text")), "{}", one.file);
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_repository_but_for_ciphertexts() {
        let (one, other) = (repository(9), repository(9));
        assert!(one.files.keys().eq(other.files.keys()));
        let values = |made: &Repository| {
            made.sealed
                .iter()
                .map(|one| one.values.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(values(&one), values(&other));
        assert_ne!(values(&one), values(&repository(10)));
    }
}
