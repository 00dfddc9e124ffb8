//! Manifests and charts of people's own: Go modules that peers are built from, so that a committed `go.sum` pins each.
//! What is in their files is not judged here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::error::PeerError;

/// A module whose files are read, and of which nothing is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// Its path, as the registry has it.
    pub path: &'static str,
    /// The pinned version.
    pub version: &'static str,
    /// The folder beside `src` whose `go.sum` has its sum.
    pub peer: &'static str,
}

const fn of(peer: &'static str, path: &'static str, version: &'static str) -> Module {
    Module { path, version, peer }
}

/// All of them. A peer that is raised takes its modules along: the version here must be one of its `go.sum`.
pub const CORPUS: &[Module] = &[
    of(
        "external-secrets",
        "github.com/external-secrets/external-secrets",
        "v0.20.4",
    ),
    of("external-secrets", "sigs.k8s.io/controller-runtime", "v0.22.3"),
    of("helm", "helm.sh/helm/v4", "v4.3.1"),
    of("helm", "k8s.io/cli-runtime", "v0.37.1"),
    of("helm", "sigs.k8s.io/kustomize/api", "v0.21.1"),
    of("helm", "sigs.k8s.io/kustomize/kyaml", "v0.21.2"),
    of("kubernetes", "github.com/google/cadvisor", "v0.52.1"),
    of("kubernetes", "k8s.io/api", "v0.34.4"),
    of("kubernetes", "k8s.io/apiextensions-apiserver", "v0.34.4"),
    of("kubernetes", "k8s.io/apiserver", "v0.34.4"),
    of("kubernetes", "k8s.io/kube-aggregator", "v0.34.4"),
    of("kubernetes", "k8s.io/kubectl", "v0.34.4"),
    of("kubernetes", "k8s.io/kubernetes", "v1.34.4"),
    of("kubernetes", "k8s.io/pod-security-admission", "v0.34.4"),
    of(
        "sealed-secrets",
        "github.com/bitnami-labs/sealed-secrets",
        "v0.40.0",
    ),
];

impl Module {
    /// The module of this path.
    ///
    /// # Errors
    /// There is none in the table.
    pub fn find(path: &str) -> Result<&'static Self, PeerError> {
        let found = CORPUS.iter().find(|module| module.path == path);
        found.ok_or_else(|| PeerError::Unknown {
            name: path.to_owned(),
        })
    }

    /// Path and version as Go writes them together.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}@{}", self.path, self.version)
    }

    /// Its folder in Go's cache, fetched if it is not there. It is read-only, and not ours to change.
    ///
    /// Guarantees: what Go fetched has the sum that is committed here, whatever a database of sums says or whether one
    /// is reached. Assumptions: nobody else writes to Go's cache.
    ///
    /// # Errors
    /// No sum is committed for this version, Go cannot fetch it, or its sum is another.
    pub fn folder(&self) -> Result<PathBuf, PeerError> {
        let expected = self.sum()?;
        let mut go = Command::new("go");
        // Outside any module, so that no go.mod chooses another version.
        go.args(["mod", "download", "-json", &self.title()])
            .env("GOWORK", "off")
            .env("GOFLAGS", "-mod=mod")
            .env("GOSUMDB", "off")
            .stdin(Stdio::null())
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = go.output().map_err(PeerError::io("go"))?;
        let answer = String::from_utf8_lossy(&output.stdout);
        let (Some(sum), Some(folder)) = (field(&answer, "Sum"), field(&answer, "Dir")) else {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = field(&answer, "Error").unwrap_or(said.trim());
            return Err(PeerError::Module {
                module: self.title(),
                complaint: format!("Go cannot fetch it: {said}"),
            });
        };
        if sum != expected {
            return Err(PeerError::Module {
                module: self.title(),
                complaint: format!("its sum is {sum}, not the {expected} of {}/go.sum", self.peer),
            });
        }
        Ok(PathBuf::from(folder))
    }

    /// The committed sum.
    fn sum(&self) -> Result<String, PeerError> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(self.peer)
            .join("go.sum");
        let text = fs::read_to_string(&path).map_err(PeerError::io(&path))?;
        let start = format!("{} {} ", self.path, self.version);
        let sum = text.lines().find_map(|line| line.strip_prefix(&start));
        sum.map(str::to_owned).ok_or_else(|| PeerError::Module {
            module: self.title(),
            complaint: format!(
                "{}/go.sum has no sum of it; write the version that this peer has now into corpus.rs",
                self.peer
            ),
        })
    }
}

/// A field of the flat object that Go prints, one field a line; this crate has no JSON, so that xtask compiles in
/// seconds.
fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("\"{name}\": \"");
    let value = answer
        .lines()
        .find_map(|line| line.trim().strip_prefix(start.as_str()))?;
    value.trim_end_matches(',').strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_module_stands_once_and_a_committed_sum_pins_it() {
        let paths: BTreeSet<&str> = CORPUS.iter().map(|module| module.path).collect();
        assert_eq!(paths.len(), CORPUS.len());
        for module in CORPUS {
            assert!(module.sum().unwrap().starts_with("h1:"), "{}", module.title());
            assert_eq!(Module::find(module.path).unwrap(), module);
        }
        assert!(Module::find("k8s.io/nothing").is_err());
    }

    #[test]
    fn a_version_that_no_peer_has_is_refused_before_anything_is_fetched() {
        let module = of("helm", "helm.sh/helm/v4", "v4.0.0");
        let refused = module.folder().unwrap_err().to_string();
        assert!(
            refused.contains("helm.sh/helm/v4@v4.0.0") && refused.contains("helm/go.sum has no sum"),
            "{refused}"
        );
    }

    #[test]
    fn what_go_answers_is_read_by_the_line() {
        let answer = "{\n\t\"Path\": \"a.b/c\",\n\t\"Dir\": \"/m/a.b/c@v1\",\n\t\"Sum\": \"h1:x=\"\n}\n";
        assert_eq!(field(answer, "Dir"), Some("/m/a.b/c@v1"));
        assert_eq!(field(answer, "Sum"), Some("h1:x="));
        assert_eq!(field(answer, "Error"), None);
    }
}
