//! What Kustomize makes of a checkout: values that generators take in plain text, and names and namespaces
//! that are changed under SealedSecrets which open under their own only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use seal_core::Scope;
use seal_document::{Node, Position, Value};

use super::finding::{Finding, MASK, position_of, shortened};
use super::plaintext::stands_for_another;
use super::rules;
use super::sealed::Sealed;
use crate::file_system::normal;

/// The names that Kustomize looks for.
pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What a kustomization says that concerns us.
#[derive(Default)]
pub(super) struct Kustomization {
    includes: Vec<String>,
    namespace: Option<String>,
    prefix: String,
    suffix: String,
}

/// Whether a file of that name is one.
pub(super) fn is_kustomization(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| NAMES.iter().any(|known| name == *known))
}

impl Kustomization {
    /// Reads one.
    pub(super) fn of(value: &Value) -> Self {
        let text = |field| {
            value
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let includes = ["resources", "bases", "components"]
            .into_iter()
            .flat_map(|field| texts(value.get(field)));
        Self {
            includes: includes.map(str::to_owned).collect(),
            namespace: Some(text("namespace")).filter(|namespace| !namespace.is_empty()),
            prefix: text("namePrefix"),
            suffix: text("nameSuffix"),
        }
    }
}

/// A file that a generator reads values from.
pub(super) struct GeneratorFile {
    pub(super) path: String,
    position: Position,
}

impl GeneratorFile {
    /// What to say of it if it is in the checkout.
    pub(super) fn finding(&self) -> Finding {
        Finding::new(&rules::PLAINTEXT_GENERATOR_FILE, self.position)
            .about("secretGenerator")
            .field(shortened(&self.path))
            .snippet(format!("- {}", shortened(&self.path)))
    }
}

/// Judges the secretGenerators of a kustomization. Returns the files that they read.
pub(super) fn generators(value: &Value, node: &Node<'_>, findings: &mut Vec<Finding>) -> Vec<GeneratorFile> {
    let mut files = Vec::new();
    let generators = value
        .get("secretGenerator")
        .and_then(Value::as_sequence)
        .unwrap_or_default();
    for (index, generator) in generators.iter().enumerate() {
        let path = seal_document::Path::root().key("secretGenerator").index(index);
        let here = node.at(&path).unwrap_or(node);
        let position = |field: &str, item: usize| {
            let item = here.at(&seal_document::Path::root().key(field).index(item));
            item.map_or_else(|| position_of(here, &[field]), Node::position)
        };
        for (item, literal) in texts(generator.get("literals")).enumerate() {
            let (key, value) = literal.split_once('=').unwrap_or((literal, literal));
            let value = value.trim_matches(['"', '\'']);
            if stands_for_another(value) {
                continue;
            }
            // Without the sign it may be a value.
            let (field, shown) = match literal.contains('=') {
                true => (shortened(key), format!("- {}={MASK}", shortened(key))),
                false => (item.to_string(), format!("- {MASK}")),
            };
            findings.push(
                Finding::new(&rules::PLAINTEXT_GENERATOR, position("literals", item))
                    .about("secretGenerator")
                    .field(format!("secretGenerator[{index}].literals.{field}"))
                    .snippet(shown),
            );
        }
        for field in ["files", "envs"] {
            files.extend(
                texts(generator.get(field))
                    .enumerate()
                    .map(|(item, path)| GeneratorFile {
                        path: path.split_once('=').map_or(path, |(_, path)| path).to_owned(),
                        position: position(field, item),
                    }),
            );
        }
        files.extend(
            generator
                .get("env")
                .and_then(Value::as_str)
                .map(|path| GeneratorFile {
                    path: path.to_owned(),
                    position: position_of(here, &["env"]),
                }),
        );
    }
    files
}

/// What the kustomizations of a checkout do to its SealedSecrets.
#[derive(Default)]
pub(super) struct Overlays {
    folders: BTreeMap<PathBuf, (String, Kustomization)>,
}

/// What becomes of an object on its way through.
#[derive(Clone, Default)]
struct Renamed {
    namespace: Option<String>,
    prefix: String,
    suffix: String,
}

impl Overlays {
    /// Takes in the kustomization at `path`, `shown` to people as this.
    pub(super) fn add(&mut self, path: &Path, shown: &str, kustomization: Kustomization) {
        let folder = path.parent().unwrap_or(Path::new(""));
        self.folders
            .insert(normal(folder), (shown.to_owned(), kustomization));
    }

    /// Whether the folder's kustomization is known.
    pub(super) fn knows(&self, folder: &Path) -> bool {
        self.folders.contains_key(&normal(folder))
    }

    /// What is found of `sealed`, by the paths of their files.
    pub(super) fn judge(&self, sealed: &BTreeMap<PathBuf, Vec<Sealed>>) -> Vec<(PathBuf, Finding)> {
        let files: BTreeMap<PathBuf, &PathBuf> = sealed.keys().map(|path| (normal(path), path)).collect();
        let mut found = Vec::new();
        let mut named = BTreeSet::new();
        for root in self.roots() {
            let mut visited = BTreeSet::new();
            let mut waiting = vec![(root.clone(), Renamed::default())];
            while let Some((folder, outer)) = waiting.pop() {
                let Some((_, kustomization)) = self.folders.get(&folder) else {
                    continue;
                };
                if !visited.insert(folder.clone()) {
                    continue;
                }
                // What is outside is done last.
                let renamed = Renamed {
                    namespace: outer.namespace.or_else(|| kustomization.namespace.clone()),
                    prefix: format!("{}{}", outer.prefix, kustomization.prefix),
                    suffix: format!("{}{}", kustomization.suffix, outer.suffix),
                };
                for include in &kustomization.includes {
                    let path = normal(&folder.join(include));
                    if let Some(file) = files.get(&path) {
                        for (index, one) in sealed[*file].iter().enumerate() {
                            if renamed.namespace.is_some() {
                                named.insert(((*file).clone(), index));
                            }
                            let by = &self.folders[root].0;
                            found.extend(renamed.judge(one, by).map(|finding| ((*file).clone(), finding)));
                        }
                    } else {
                        waiting.push((path, renamed.clone()));
                    }
                }
            }
        }
        for (file, all) in sealed {
            for (index, one) in all.iter().enumerate() {
                let needs_one = one.scope != Scope::ClusterWide && one.namespace.is_none();
                if needs_one && !named.contains(&(file.clone(), index)) {
                    let finding = Finding::new(&rules::NO_NAMESPACE, one.namespace_at)
                        .about(&one.object)
                        .field("metadata.namespace")
                        .snippet("metadata:");
                    found.push((file.clone(), finding));
                }
            }
        }
        found
    }

    // Those that no other one includes: what is built for a cluster. In a ring, which Kustomize refuses,
    // there is none.
    fn roots(&self) -> impl Iterator<Item = &PathBuf> {
        let includes = |(folder, (_, kustomization)): (&PathBuf, &(String, Kustomization))| {
            let paths = kustomization
                .includes
                .iter()
                .map(|include| normal(&folder.join(include)));
            paths.collect::<Vec<_>>()
        };
        let included: BTreeSet<PathBuf> = self.folders.iter().flat_map(includes).collect();
        self.folders
            .keys()
            .filter(move |folder| !included.contains(*folder))
    }
}

impl Renamed {
    fn judge(&self, sealed: &Sealed, by: &str) -> Option<Finding> {
        let finding = |position, field: &str, what: String| {
            Finding::new(&rules::KUSTOMIZE_RENAMES, position)
                .about(&sealed.object)
                .field(format!("{field} by {}", shortened(by)))
                .masked(field)
                .what(what)
        };
        let other = self.namespace.as_ref().filter(|namespace| {
            sealed.scope != Scope::ClusterWide
                && sealed.namespace.as_ref().is_some_and(|own| own != *namespace)
        });
        if let Some(namespace) = other {
            let what = format!(
                "{} sets namespace {}, and the values open in another one",
                shortened(by),
                shortened(namespace)
            );
            return Some(finding(sealed.namespace_at, "namespace", what));
        }
        let affixes = [("namePrefix", &self.prefix), ("nameSuffix", &self.suffix)];
        let (field, affix) = affixes.into_iter().find(|(_, affix)| !affix.is_empty())?;
        (sealed.scope == Scope::Strict && sealed.name.is_some()).then(|| {
            let what = format!(
                "{} sets {field} {}, and the values open under another name",
                shortened(by),
                shortened(affix)
            );
            finding(sealed.name_at, "name", what)
        })
    }
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let items = value.and_then(Value::as_sequence).unwrap_or_default();
    items.iter().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(scope: Scope) -> Sealed {
        Sealed {
            object: "SealedSecret prod/db".to_owned(),
            name: Some("db".to_owned()),
            namespace: Some("prod".to_owned()),
            scope,
            name_at: Position::START,
            namespace_at: Position::START,
            scope_at: Position::START,
        }
    }

    fn judged(kustomizations: &[(&str, &str)], scope: Scope) -> Vec<String> {
        let mut overlays = Overlays::default();
        for (folder, text) in kustomizations {
            let stream = seal_document::parse(
                text,
                seal_document::Format::Yaml,
                &seal_document::Limits::default(),
            );
            let value = stream.unwrap().documents()[0]
                .value(
                    seal_document::Schema::Kubernetes,
                    seal_document::DuplicateKeys::Error,
                )
                .unwrap();
            let path = Path::new(folder).join(NAMES[0]);
            overlays.add(&path, folder, Kustomization::of(&value));
        }
        let files = [(PathBuf::from("./base/db.yaml"), vec![sealed(scope)])].into();
        let found = overlays.judge(&files);
        found.into_iter().map(|(_, finding)| finding.what).collect()
    }

    const BASE: (&str, &str) = ("base", "resources: [db.yaml]\n");

    #[test]
    fn what_the_outermost_kustomization_makes_of_it_counts() {
        let other = ("over/a", "resources: [../../base]\nnamespace: other\n");
        let same = ("over/b", "resources: [../../base/]\nnamespace: prod\n");
        let renamed = ["over/a sets namespace other, and the values open in another one"];
        assert_eq!(judged(&[BASE, other, same], Scope::Strict), renamed);
        assert_eq!(judged(&[BASE, other], Scope::NamespaceWide), renamed);
        assert_eq!(judged(&[BASE, other], Scope::ClusterWide), [""; 0]);
        let inner = ("base", "resources: [db.yaml]\nnamespace: other\n");
        assert_eq!(
            judged(&[inner, same], Scope::Strict),
            [""; 0],
            "only the base alone is wrong"
        );
        assert_eq!(judged(&[inner], Scope::Strict).len(), 1);
    }

    #[test]
    fn a_prefix_hurts_what_is_sealed_for_its_name_only() {
        let prefix = ("over", "resources: [../base]\nnamePrefix: x-\n");
        let renamed = ["over sets namePrefix x-, and the values open under another name"];
        assert_eq!(judged(&[BASE, prefix], Scope::Strict), renamed);
        assert_eq!(judged(&[BASE, prefix], Scope::NamespaceWide), [""; 0]);
    }

    #[test]
    fn a_ring_of_kustomizations_ends() {
        let ring = ("base", "resources: [db.yaml, ../over]\nnamespace: a\n");
        let over = ("over", "resources: [../base]\n");
        let third = ("third", "resources: [../over]\n");
        assert_eq!(judged(&[ring, over, third], Scope::Strict).len(), 1);
    }
}
