//! `.seal.yaml`: what holds for which files of a checkout. It names no command, no kubeconfig and nothing
//! outside of its folder (S22); who changes it changes what is allowed, so that it belongs under review.

mod reader;
mod schema;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ignore::gitignore::Gitignore;
use seal_core::{Fingerprint, Scope};
use seal_document::{DuplicateKeys, Format, Limits, Position, Schema, Value};

use crate::arguments::CertificateArguments;
use crate::command_error::CommandError;
use crate::file_system::{others_can_write, real_place};
use crate::input;

use reader::{Reader, nearest};
pub(crate) use schema::schema;

// What may stand in it, level by level, sorted.
const TOP: [&str; 3] = ["allowed-scopes", "check", "environments"];
const ENVIRONMENT: [&str; 4] = ["allowed-scopes", "certificate", "fingerprints", "paths"];
const CHECK: [&str; 1] = ["allow"];
const ALLOW: [&str; 3] = ["paths", "reason", "rule"];

/// Its name.
pub(crate) const NAME: &str = ".seal.yaml";
const LIMIT: usize = 1 << 20;

/// What one `.seal.yaml` says.
pub(crate) struct Settings {
    /// The folder that it stands in.
    pub(crate) root: PathBuf,
    allowed: Option<BTreeSet<Scope>>,
    pub(crate) environments: Vec<Environment>,
    pub(crate) allow: Vec<Allow>,
}

/// Files that go to one cluster.
pub(crate) struct Environment {
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) position: Position,
    paths: Globs,
    /// The folder that is all of its paths, if they are one.
    pub(crate) folder: Option<PathBuf>,
    /// A file beneath the root, or a URL.
    pub(crate) certificate: Option<String>,
    pub(crate) fingerprints: Vec<Fingerprint>,
    allowed: Option<BTreeSet<Scope>>,
}

/// A rule that may find something in some files.
pub(crate) struct Allow {
    pub(crate) rule: String,
    paths: Globs,
    pub(crate) reason: String,
    pub(crate) position: Position,
}

struct Globs(Gitignore);

impl Settings {
    /// The settings for `file`: those of its checkout's topmost folder that has some, as a change to a folder below
    /// must not take pins and scopes away (S3, S20). Without a checkout those of the nearest folder that nobody else
    /// can write.
    pub(crate) fn of(file: &Path) -> Result<Option<Self>, CommandError> {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let Ok(folder) = fs::canonicalize(folder) else {
            return Ok(None);
        };
        let top = folder.ancestors().find(|folder| folder.join(".git").exists());
        // A link could lead to what somebody else wrote.
        let stands =
            |folder: &&Path| fs::symlink_metadata(folder.join(NAME)).is_ok_and(|found| found.is_file());
        let within = |folder: &&Path| top.is_none_or(|top| folder.starts_with(top));
        let mut standing = folder.ancestors().take_while(within).filter(stands);
        let chosen = match top {
            Some(_) => standing.last(),
            None => standing.find(|folder| !others_can_write(folder)),
        };
        let Some(folder) = chosen else {
            return Ok(None);
        };
        let path = folder.join(NAME);
        let bytes = input::read_file(&path, LIMIT)?;
        Self::read(&bytes, folder)
            .map(Some)
            .map_err(|error| error.about(&path.display().to_string()))
    }

    /// Reads them; everything that is not known is an error.
    pub(crate) fn read(bytes: &[u8], root: &Path) -> Result<Self, CommandError> {
        let text = seal_document::decode(bytes)?;
        let stream = seal_document::parse(text, Format::Yaml, &Limits::default())
            .map_err(|error| CommandError::input(error.to_string()))?;
        let mut settings = Self {
            root: root.to_owned(),
            allowed: None,
            environments: Vec::new(),
            allow: Vec::new(),
        };
        let document = match stream.documents() {
            [] => return Ok(settings),
            [document] => document,
            _ => return Err(CommandError::input("it must hold one document")),
        };
        let Some(node) = document.root() else {
            return Ok(settings);
        };
        let value = document.value(Schema::Kubernetes, DuplicateKeys::Error)?;
        let reader = Reader { root, node };
        let top = reader.known(&value, &[], &TOP)?;
        settings.allowed = reader.scopes(top, &[])?;
        // What is taken for nothing would leave somebody without the pins that he wrote.
        if value
            .get("environments")
            .is_some_and(|all| !all.is_null() && all.as_mapping().is_none())
        {
            return Err(reader.error(&["environments"], "it is a mapping of names to environments"));
        }
        for (name, environment) in entries(value.get("environments")) {
            let at = ["environments", name];
            let known = reader.known(environment, &at, &ENVIRONMENT)?;
            settings.environments.push(Environment {
                name: name.to_owned(),
                position: reader.position(&at),
                paths: reader.globs(known, &at)?,
                folder: reader.texts(known, &at, "paths")?.as_deref().and_then(one_folder),
                certificate: reader.certificate(known, &at)?,
                fingerprints: reader.fingerprints(known, &at)?,
                allowed: reader.scopes(known, &at)?,
            });
        }
        if let Some(check) = value.get("check") {
            reader.known(check, &["check"], &CHECK)?;
            if check
                .get("allow")
                .is_some_and(|all| !all.is_null() && all.as_sequence().is_none())
            {
                return Err(reader.error(&["check", "allow"], "it is a list"));
            }
            let rows = check
                .get("allow")
                .and_then(Value::as_sequence)
                .unwrap_or_default();
            for (index, row) in rows.iter().enumerate() {
                let at = seal_document::Path::root().key("check").key("allow").index(index);
                let here = Reader {
                    root,
                    node: node.at(&at).unwrap_or(node),
                };
                let known = here.known(row, &[], &ALLOW)?;
                let text = |field: &str| match known.get(field).and_then(Value::as_str) {
                    Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
                    _ => Err(here.error(&[], &format!("{field} is missing"))),
                };
                settings.allow.push(Allow {
                    rule: text("rule")?,
                    reason: text("reason")?,
                    paths: here.globs(known, &[])?,
                    position: here.node.position(),
                });
            }
        }
        Ok(settings)
    }

    /// The path of `file`, which need not stand yet, from the root.
    pub(crate) fn relative(&self, file: &Path) -> Option<PathBuf> {
        let place = real_place(file)?;
        place.strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    /// The environment of that name.
    pub(crate) fn named(&self, name: &str) -> Result<&Environment, CommandError> {
        let names: Vec<&str> = self.environments.iter().map(|one| one.name.as_str()).collect();
        let Some(found) = self.environments.iter().find(|one| one.name == name) else {
            let error = CommandError::usage(format!("{NAME} has no environment {name}"));
            return Err(match (nearest(name, &names), names.as_slice()) {
                (Some(meant), _) => error.remedy(format!("did you mean {meant}?")),
                (None, []) => error.remedy("write down its paths and its certificate there"),
                (None, names) => error.remedy(format!("there are {}", names.join(", "))),
            });
        };
        Ok(found)
    }

    /// `arguments`, and where they name no certificate or no fingerprints, those of `environment`.
    pub(crate) fn filled(
        &self,
        arguments: &CertificateArguments,
        environment: &Environment,
    ) -> CertificateArguments {
        let mut filled = arguments.clone();
        if filled.cert.is_none() {
            filled.cert = environment
                .certificate
                .as_ref()
                .map(|whence| match whence.contains("://") {
                    true => whence.clone(),
                    false => self.root.join(whence).display().to_string(),
                });
        }
        if filled.fingerprint.is_empty() {
            filled.fingerprint.clone_from(&environment.fingerprints);
        }
        filled
    }

    /// The first environment that the file at `relative` belongs to.
    pub(crate) fn environment(&self, relative: &Path) -> Option<&Environment> {
        self.environments.iter().find(|one| one.paths.take(relative))
    }

    /// The scopes that a SealedSecret in the file at `relative` may have: strict, if nothing is said.
    pub(crate) fn allowed(&self, relative: &Path) -> BTreeSet<Scope> {
        let own = self.environment(relative).and_then(|one| one.allowed.clone());
        own.or_else(|| self.allowed.clone())
            .unwrap_or_else(|| [Scope::Strict].into())
    }
}

impl Allow {
    /// Whether it is about the file at `relative`.
    pub(crate) fn covers(&self, rule: &str, relative: &Path) -> bool {
        self.rule == rule && self.paths.take(relative)
    }
}

impl Globs {
    fn take(&self, relative: &Path) -> bool {
        self.0.matched_path_or_any_parents(relative, false).is_ignore()
    }
}

/// The widest scope that `file` may have: what the flag says, else what its settings say, else strict.
pub(crate) fn widest_scope(flag: Option<Scope>, file: &Path) -> Result<Scope, CommandError> {
    if let Some(scope) = flag {
        return Ok(scope);
    }
    let Some(settings) = Settings::of(file)? else {
        return Ok(Scope::Strict);
    };
    let relative = settings.relative(file).unwrap_or_default();
    Ok(settings.allowed(&relative).into_iter().max().unwrap_or_default())
}

/// `arguments`, and where they name no certificate or no fingerprints, those of `file`'s environment.
pub(crate) fn with_environment(
    arguments: &CertificateArguments,
    file: &Path,
) -> Result<CertificateArguments, CommandError> {
    let Some(settings) = Settings::of(file)? else {
        return Ok(arguments.clone());
    };
    let relative = settings.relative(file).unwrap_or_default();
    Ok(match settings.environment(&relative) {
        Some(environment) => settings.filled(arguments, environment),
        None => arguments.clone(),
    })
}

// `clusters/prod` of the one glob `clusters/prod/**`.
fn one_folder(globs: &[String]) -> Option<PathBuf> {
    let [only] = globs else { return None };
    let folder = only.strip_suffix("/**")?.trim_start_matches('/');
    let is_plain = !folder.is_empty() && !folder.contains(['*', '?', '[', '\\']);
    is_plain.then(|| folder.into())
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    value
        .and_then(Value::as_mapping)
        .into_iter()
        .flat_map(seal_document::Mapping::iter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (String, Option<String>) {
        let error = Settings::read(text.as_bytes(), Path::new("/r"))
            .err()
            .expect("it is refused");
        let complaint = &error.complaints()[0];
        (complaint.what.clone(), complaint.remedy.clone())
    }

    #[test]
    fn the_first_environment_whose_globs_take_a_file_counts() {
        let text = "allowed-scopes: [strict, namespace-wide]\nenvironments:\n  prod:\n    paths: [clusters/prod/**, '*.prod.yaml']\n    allowed-scopes: [strict]\n  rest:\n    paths: ['**']\n";
        let settings = Settings::read(text.as_bytes(), Path::new("/r")).unwrap();
        let name = |path: &str| settings.environment(Path::new(path)).map(|one| one.name.as_str());
        assert_eq!(name("clusters/prod/a/db.yaml"), Some("prod"));
        assert_eq!(name("x/db.prod.yaml"), Some("prod"));
        assert_eq!(name("x/clusters/prod/db.yaml"), Some("rest"));
        assert_eq!(
            settings.allowed(Path::new("clusters/prod/x.yaml")),
            [Scope::Strict].into()
        );
        assert_eq!(settings.allowed(Path::new("x.yaml")).len(), 2);
        let empty = Settings::read(b"", Path::new("/r")).map(|one| one.allowed(Path::new("x")));
        assert_eq!(empty.unwrap(), [Scope::Strict].into());
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_place_and_a_suggestion() {
        let (what, remedy) = refused("environments:\n  prod:\n    path: [x]\n");
        assert_eq!(what, "3:5: there is no setting path");
        assert_eq!(remedy.as_deref(), Some("did you mean paths?"));
        let (_, remedy) = refused("kubeconfig: x\n");
        assert_eq!(
            remedy.as_deref(),
            Some("there are allowed-scopes, check, environments")
        );
        for (text, complaint) in [
            ("- a\n", "a mapping is expected"),
            ("allowed-scopes: strict\n", "must be a list"),
            ("allowed-scopes: [wide]\n", "must name strict"),
            ("environments: {a: {paths: []}}\n", "must be globs"),
            ("environments: {a: {paths: ['../x']}}\n", "must be globs"),
            (
                "environments: {a: {paths: [x], certificate: /etc/x}}\n",
                "beneath this folder",
            ),
            (
                "environments: {a: {paths: [x], certificate: ../x}}\n",
                "beneath this folder",
            ),
            (
                "environments: {a: {paths: [x], certificate: 'http://x'}}\n",
                "beneath this folder",
            ),
            ("environments: {a: {paths: [x], fingerprints: [x]}}\n", "SHA256:"),
            ("check: {allow: [{rule: x, paths: [x]}]}\n", "reason is missing"),
        ] {
            assert!(refused(text).0.contains(complaint), "{text}: {}", refused(text).0);
        }
    }
}
