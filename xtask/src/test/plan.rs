//! The tiers and their steps, in order. A test file that belongs to no tier, and a tier without its file, become
//! failing steps. Nothing is run here.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use seal_peers::{Group, Prerequisite};

use crate::{Failure, package, workspace};

/// A kind of test, least powerful first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    Checks,
    Unit,
    Vectors,
    Cli,
    Interop,
    Cluster,
    Fuzz,
}

/// What control planes in network namespaces of their own need.
// These tests wait for controllers and leases more than they compute.
const CLUSTER_THREADS: &str = "--test-threads=6";

const PLANES: &[Prerequisite] = &[
    Prerequisite::Linux,
    Prerequisite::Go,
    Prerequisite::Program {
        name: "ip",
        package: "iproute2",
    },
    Prerequisite::Program {
        name: "unshare",
        package: "util-linux",
    },
    Prerequisite::Program {
        name: "nsenter",
        package: "util-linux",
    },
    Prerequisite::Program {
        name: "mount",
        package: "mount",
    },
    Prerequisite::Namespaces,
];

/// The same, and a reader of what templates write.
const INTEROP: &[Prerequisite] = &[
    Prerequisite::Linux,
    Prerequisite::Go,
    Prerequisite::Program {
        name: "ip",
        package: "iproute2",
    },
    Prerequisite::Program {
        name: "unshare",
        package: "util-linux",
    },
    Prerequisite::Program {
        name: "nsenter",
        package: "util-linux",
    },
    Prerequisite::Program {
        name: "mount",
        package: "mount",
    },
    Prerequisite::Namespaces,
    Prerequisite::Program {
        name: "openssl",
        package: "openssl",
    },
];

/// One thing that passes or fails.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) tier: Tier,
    pub(crate) title: String,
    pub(crate) action: Action,
}

/// How a step is carried out.
#[derive(Debug)]
pub(crate) enum Action {
    /// The machine brings these. A gate: without them the rest of the tier is not run, and fails.
    Demand(&'static [Prerequisite]),
    /// The peers of these groups are fetched. A gate.
    Fetch(&'static [Group]),
    /// The programs under test and the tests themselves are compiled. A gate.
    Compile,
    /// Cargo succeeds with these arguments.
    Cargo(Vec<String>),
    /// `cargo test` with these arguments; each test counts.
    Tests(Vec<String>),
    /// The peer `cargo-deny` is content.
    Deny,
    /// Each fuzz target runs for a short while; each counts.
    Fuzz,
    /// Fails with these words.
    Refuse(String),
}

impl Action {
    /// Whether the rest of a tier is pointless without it.
    pub(crate) fn is_gate(&self) -> bool {
        matches!(self, Self::Demand(_) | Self::Fetch(_) | Self::Compile)
    }
}

impl Tier {
    pub(crate) const ALL: [Self; 7] = [
        Self::Checks,
        Self::Unit,
        Self::Vectors,
        Self::Cli,
        Self::Interop,
        Self::Cluster,
        Self::Fuzz,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Checks => "checks",
            Self::Unit => "unit",
            Self::Vectors => "vectors",
            Self::Cli => "cli",
            Self::Interop => "interop",
            Self::Cluster => "cluster",
            Self::Fuzz => "fuzz",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name() == name)
    }

    pub(crate) fn summary(self) -> &'static str {
        match self {
            Self::Checks => "format, lints, dependencies, arrows, generated files",
            Self::Unit => "every crate by itself",
            Self::Vectors => "files found by walking, and the crates' own integration tests",
            Self::Cli => "the programs on files",
            Self::Interop => "the real kubeseal, the real upstream controllers and a real OpenBao",
            Self::Cluster => "a real API server",
            Self::Fuzz => "every fuzz target for a short while",
        }
    }

    /// The tiers whose tests lie in `tests/suite/tests`, in a file named after the tier or beginning so.
    fn has_suite(self) -> bool {
        matches!(self, Self::Vectors | Self::Cli | Self::Interop | Self::Cluster)
    }

    fn demands(self) -> &'static [Prerequisite] {
        match self {
            // Helm is built by it, and renders the manifests that are compared.
            Self::Checks => &[Prerequisite::Go],
            Self::Unit | Self::Vectors | Self::Cli => &[],
            Self::Interop => INTEROP,
            Self::Cluster => PLANES,
            Self::Fuzz => &[Prerequisite::NightlyRust],
        }
    }

    fn groups(self) -> &'static [Group] {
        match self {
            Self::Checks => &[Group::Helm],
            Self::Unit | Self::Vectors => &[],
            Self::Cli => &[Group::Age],
            Self::Interop => &[
                Group::SealedSecrets,
                Group::ExternalSecrets,
                Group::ControlPlane,
                Group::Age,
                Group::OpenBao,
                Group::System,
            ],
            // The test bed's own tests start the upstream controller too.
            Self::Cluster => &[
                Group::ControlPlane,
                Group::SealedSecrets,
                Group::Helm,
                Group::OpenBao,
                Group::System,
            ],
            Self::Fuzz => &[Group::Fuzz],
        }
    }

    /// The tier of the suite file `target`: `cluster` and `cluster_roles` are both the cluster's.
    fn of_target(target: &str) -> Option<Self> {
        let head = target.split('_').next()?;
        Self::named(head).filter(|tier| tier.has_suite())
    }
}

/// The steps of `tier`.
pub(crate) fn steps(tier: Tier) -> Result<Vec<Step>, Failure> {
    let step = |title: &str, action| Step {
        tier,
        title: title.to_owned(),
        action,
    };
    let mut steps = Vec::new();
    if !tier.demands().is_empty() {
        steps.push(step("prerequisites", Action::Demand(tier.demands())));
    }
    if !tier.groups().is_empty() {
        let names: Vec<&str> = tier.groups().iter().map(|group| group.name()).collect();
        steps.push(step(
            &format!("peers: {}", names.join(", ")),
            Action::Fetch(tier.groups()),
        ));
    }
    match tier {
        Tier::Checks => {
            steps.push(step("format", cargo(&["fmt", "--all", "--check"])));
            let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
            steps.push(step("clippy", cargo(&lints)));
            steps.push(step("deny: licences, bans, sources", Action::Deny));
            steps.push(step("arrows", cargo(&["xtask", "deps"])));
            steps.push(step("generated files", generated()));
            steps.extend(strays(&targets(&suite())?).map(|words| step("stray test", Action::Refuse(words))));
        }
        Tier::Unit => {
            steps.push(step("unit tests", tests(&["--lib", "--bins"])));
            steps.push(step("examples in documentation", tests(&["--doc"])));
        }
        Tier::Fuzz => steps.push(step("fuzz targets", fuzz())),
        Tier::Vectors | Tier::Cli | Tier::Interop | Tier::Cluster => {
            if tier != Tier::Vectors {
                steps.push(step("programs", Action::Compile));
            }
            if !targets(&suite())?
                .iter()
                .any(|target| Tier::of_target(target) == Some(tier))
            {
                let words = format!("tests/suite/tests/{}.rs is missing", tier.name());
                steps.push(step("suite", Action::Refuse(words)));
            }
            let mine = targets_of(tier)?;
            if !mine.is_empty() {
                let threads = (tier == Tier::Cluster).then_some(CLUSTER_THREADS);
                steps.push(step(
                    &format!("tests: {}", mine.join(", ")),
                    named_tests(&mine, threads),
                ));
            }
        }
    }
    Ok(steps)
}

fn cargo(arguments: &[&str]) -> Action {
    Action::Cargo(arguments.iter().map(|argument| (*argument).to_owned()).collect())
}

/// The whole workspace is selected even for one target: Cargo then resolves the same features every time and
/// compiles each dependency once.
fn tests(arguments: &[&str]) -> Action {
    let whole = ["--workspace", "--no-fail-fast"];
    Action::Tests(
        whole
            .iter()
            .chain(arguments)
            .map(|argument| (*argument).to_owned())
            .collect(),
    )
}

fn named_tests(targets: &[String], threads: Option<&str>) -> Action {
    let named = targets.iter().flat_map(|target| ["--test", target.as_str()]);
    let arguments: Vec<&str> = named
        .chain(threads.into_iter().flat_map(|threads| ["--", threads]))
        .collect();
    tests(&arguments)
}

fn generated() -> Action {
    let name = package::GENERATE.name;
    match package::GENERATE.exists() {
        true => cargo(&["run", "--quiet", "--package", name, "--", "--check"]),
        false => Action::Refuse(format!("this checkout has no package {name}")),
    }
}

fn fuzz() -> Action {
    match workspace().join("tests/fuzz/Cargo.toml").is_file() {
        true => Action::Fuzz,
        false => Action::Refuse("this checkout has no tests/fuzz".to_owned()),
    }
}

fn suite() -> PathBuf {
    workspace().join("tests/suite/tests")
}

/// The test targets of `tier`, each name once, since Cargo runs every target of that name: the suite's, and those
/// beside a crate. Where the name does not tell, a crate's run with the vectors and the test bed's with the cluster.
fn targets_of(tier: Tier) -> Result<Vec<String>, Failure> {
    let mut folders = vec![
        (suite(), None),
        (workspace().join("tests/testbed/tests"), Some(Tier::Cluster)),
    ];
    let crates = workspace().join("crates");
    for name in children(&crates)? {
        folders.push((crates.join(name).join("tests"), Some(Tier::Vectors)));
    }
    let mut mine = BTreeSet::new();
    for (folder, otherwise) in folders {
        let all = targets(&folder)?.into_iter();
        mine.extend(all.filter(|target| Tier::of_target(target).or(otherwise) == Some(tier)));
    }
    Ok(mine.into_iter().collect())
}

/// The names of the test targets that Cargo finds in a folder: `x.rs` and `x/main.rs`.
fn targets(folder: &Path) -> Result<Vec<String>, Failure> {
    let names = children(folder)?
        .into_iter()
        .filter_map(|name| match name.strip_suffix(".rs") {
            Some(target) => Some(target.to_owned()),
            None => folder.join(&name).join("main.rs").is_file().then_some(name),
        });
    Ok(names.collect())
}

fn children(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(Failure::Fault(format!(
                "{} cannot be read: {error}",
                folder.display()
            )));
        }
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// A test that no tier runs is a test that nobody runs.
fn strays(targets: &[String]) -> impl Iterator<Item = String> {
    targets.iter().filter(|target| Tier::of_target(target).is_none()).map(|target| {
        format!("tests/suite/tests/{target} belongs to no tier; begin its name with vectors, cli, interop or cluster")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_has_steps_and_a_name_that_finds_it() {
        for tier in Tier::ALL {
            assert_eq!(Tier::named(tier.name()), Some(tier));
            assert!(!steps(tier).unwrap().is_empty());
        }
    }

    #[test]
    fn suite_files_belong_to_the_tier_that_begins_their_name() {
        assert_eq!(Tier::of_target("cluster"), Some(Tier::Cluster));
        assert_eq!(Tier::of_target("cluster_roles"), Some(Tier::Cluster));
        assert_eq!(Tier::of_target("client"), None);
        assert_eq!(Tier::of_target("unit"), None);
    }

    #[test]
    fn file_without_a_tier_is_named() {
        let stray: Vec<String> = strays(&["cli".to_owned(), "misc".to_owned()]).collect();
        assert_eq!(stray.len(), 1);
        assert!(stray[0].starts_with("tests/suite/tests/misc belongs to no tier"));
    }

    #[test]
    fn gates_come_before_what_they_guard() {
        for tier in Tier::ALL {
            let gates: Vec<bool> = steps(tier)
                .unwrap()
                .iter()
                .map(|step| step.action.is_gate())
                .collect();
            assert!(
                gates.is_sorted_by(|first, second| first >= second),
                "{}",
                tier.name()
            );
        }
    }
}
