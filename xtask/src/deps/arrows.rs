//! Which of our crates may use which, what must never reach a pure crate, and what must never ship. Pure judgement:
//! how the dependencies are found out is `deps`' business.

use crate::deps::tree::Tree;

/// One of our crates.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: &'static str,
    /// Those of ours that it may name in its manifest.
    pub(crate) may_use: &'static [&'static str],
    /// No runtime, network, clock, environment or files, at any depth.
    pub(crate) pure: bool,
    /// Linked into what users run.
    pub(crate) ships: bool,
}

impl Room {
    const fn pure(name: &'static str, may_use: &'static [&'static str]) -> Self {
        Self {
            name,
            may_use,
            pure: true,
            ships: false,
        }
    }

    const fn edge(name: &'static str, may_use: &'static [&'static str]) -> Self {
        Self {
            name,
            may_use,
            pure: false,
            ships: false,
        }
    }

    const fn program(name: &'static str, may_use: &'static [&'static str]) -> Self {
        Self {
            name,
            may_use,
            pure: false,
            ships: true,
        }
    }
}

const DOCUMENT: &str = "seal-document";
const CORE: &str = "seal-core";
const TEMPLATE: &str = "seal-template";
const API: &str = "seal-api";
const ENGINE: &str = "seal-engine";
const PROVIDERS: &str = "seal-providers";
const CLUSTER: &str = "seal-cluster";

/// The arrows, as the table of crates/README.md draws them; a test compares the two.
pub(crate) const ROOMS: &[Room] = &[
    Room::pure(DOCUMENT, &[]),
    Room::pure(CORE, &[DOCUMENT]),
    Room::pure(TEMPLATE, &[DOCUMENT]),
    Room::pure(API, &[CORE, DOCUMENT]),
    Room::pure(ENGINE, &[DOCUMENT, CORE, TEMPLATE, API]),
    Room::edge(PROVIDERS, &[CORE, DOCUMENT]),
    Room::edge(CLUSTER, &[ENGINE, API, CORE, DOCUMENT]),
    Room::program(
        "seal-controller",
        &[DOCUMENT, CORE, TEMPLATE, API, ENGINE, PROVIDERS, CLUSTER],
    ),
    Room::program(
        "seal-cli",
        &[DOCUMENT, CORE, TEMPLATE, API, ENGINE, PROVIDERS, CLUSTER],
    ),
];

/// A foreign crate that must not be reached, and why not with what to use instead.
type Ban = (&'static str, &'static str);

const ASYNC: &str = "a pure crate waits for nothing; replacement: state a need, the caller awaits the answer";
const NETWORK: &str =
    "a pure crate has no network; replacement: state a need, seal-cluster or the caller answers it";
const FILES: &str =
    "a pure crate touches no files; replacement: take and return bytes, the caller reads and writes";
const PROCESS: &str =
    "a pure crate knows no terminal and no arguments; replacement: typed settings handed in";

/// What no pure crate reaches at any depth.
const NOT_PURE: &[Ban] = &[
    ("tokio", ASYNC),
    ("async-std", ASYNC),
    ("smol", ASYNC),
    ("async-io", ASYNC),
    ("futures-executor", ASYNC),
    ("mio", NETWORK),
    ("socket2", NETWORK),
    ("kube-client", NETWORK),
    ("kube-runtime", NETWORK),
    ("hyper", NETWORK),
    ("hyper-util", NETWORK),
    ("h2", NETWORK),
    ("reqwest", NETWORK),
    ("ureq", NETWORK),
    ("axum", NETWORK),
    ("tower", NETWORK),
    ("tonic", NETWORK),
    ("rustls", NETWORK),
    ("tempfile", FILES),
    ("ignore", FILES),
    ("walkdir", FILES),
    ("notify", FILES),
    ("clap", PROCESS),
    ("anstream", PROCESS),
    ("rpassword", PROCESS),
    ("tracing-subscriber", PROCESS),
];

/// What must not be linked into a program that users run, although tests use some of it as oracles.
const NOT_SHIPPED: &[Ban] = &[
    (
        "rsa",
        "timing side channel RUSTSEC-2023-0071; replacement: aws-lc-rs",
    ),
    ("serde_yaml", "archived upstream; replacement: seal-document"),
    ("ring", "a second cryptographic library; replacement: aws-lc-rs"),
    (
        "openssl-sys",
        "links the system's OpenSSL; replacement: aws-lc-rs and rustls",
    ),
    ("native-tls", "links the system's TLS; replacement: rustls"),
    ("proptest", "a test tool; replacement: a dev-dependency"),
    (
        "seal-testbed",
        "test props do not ship; replacement: a dev-dependency of tests/",
    ),
    (
        "seal-peers",
        "test props do not ship; replacement: a dev-dependency of tests/",
    ),
];

/// What is wrong with the normal dependencies of `room`.
pub(crate) fn judge(room: &Room, tree: &Tree) -> Vec<String> {
    let mut complaints: Vec<String> = tree
        .direct()
        .filter(|name| is_ours(name) && !room.may_use.contains(name))
        .map(|name| match room.may_use {
            [] => format!("{} uses {name}, but may use none of ours", room.name),
            allowed => format!(
                "{} uses {name}, but may use {} only",
                room.name,
                allowed.join(", ")
            ),
        })
        .collect();
    let walls = [(room.pure, NOT_PURE), (room.ships, NOT_SHIPPED)];
    for (name, reason) in walls
        .into_iter()
        .filter(|(stands, _)| *stands)
        .flat_map(|(_, bans)| bans)
    {
        if let Some(route) = tree.route_to(name) {
            complaints.push(format!("{route}: {reason}"));
        }
    }
    complaints
}

/// The command and the controller never meet, not even in each other's tests.
pub(crate) fn judge_siblings(room: &Room, tree: &Tree) -> Option<String> {
    let sibling = match room.name {
        "seal-cli" => "seal-controller",
        "seal-controller" => "seal-cli",
        _ => return None,
    };
    tree.direct().any(|name| name == sibling).then(|| {
        format!("{} uses {sibling} (also for tests or builds); what both need belongs in seal-cluster or seal-engine", room.name)
    })
}

/// What is wrong with the pure crates' `clippy.toml`, given the root's.
pub(crate) fn judge_clippy(root: &str, files: &[(&str, String)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, text) in files {
        for line in root
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if !text.lines().any(|other| other == line) {
                complaints.push(format!(
                    "crates/{name}/clippy.toml replaces the root's, but lacks its `{line}`"
                ));
            }
        }
    }
    if let Some(((first, model), rest)) = files.split_first() {
        for (name, text) in rest {
            if text != model {
                complaints.push(format!(
                    "crates/{name}/clippy.toml and crates/{first}/clippy.toml differ; copy one"
                ));
            }
        }
    }
    complaints
}

fn is_ours(name: &str) -> bool {
    name.starts_with("seal-") || name == "xtask"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> &'static Room {
        ROOMS.iter().find(|room| room.name == name).unwrap()
    }

    fn tree(text: &str) -> Tree {
        Tree::parse(text).unwrap()
    }

    #[test]
    fn drawn_arrows_pass() {
        let tree = tree("0seal-engine v0.1.0\n1seal-core v0.1.0\n2seal-document v0.1.0\n1thiserror v2.0.0\n");
        assert_eq!(judge(room("seal-engine"), &tree), Vec::<String>::new());
    }

    #[test]
    fn arrow_that_is_not_drawn_is_reported_with_what_is() {
        let tree = tree("0seal-core v0.1.0\n1seal-document v0.1.0\n1seal-api v0.1.0\n");
        assert_eq!(
            judge(room("seal-core"), &tree),
            ["seal-core uses seal-api, but may use seal-document only"]
        );
    }

    #[test]
    fn kube_client_in_the_types_is_reported_with_its_route() {
        let tree = tree("0seal-api v0.1.0\n1kube v5.0.0\n2kube-client v5.0.0\n3hyper v1.0.0\n");
        let complaints = judge(room("seal-api"), &tree);
        assert_eq!(complaints.len(), 2);
        assert!(complaints[0].starts_with("seal-api → kube → kube-client: a pure crate has no network"));
    }

    #[test]
    fn runtime_behind_one_of_ours_is_reported_too() {
        let tree = tree("0seal-engine v0.1.0\n1seal-template v0.1.0\n2tokio v1.0.0\n");
        assert!(judge(room("seal-engine"), &tree)[0].starts_with("seal-engine → seal-template → tokio: "));
    }

    #[test]
    fn oracle_in_a_shipped_program_is_reported() {
        let tree = tree("0seal-cli v0.1.0\n1seal-core v0.1.0\n2rsa v0.9.10\n");
        assert!(judge(room("seal-cli"), &tree)[0].contains("RUSTSEC-2023-0071"));
    }

    #[test]
    fn command_and_controller_never_meet() {
        let tree = tree("0seal-cli v0.1.0\n1seal-controller v0.1.0\n");
        assert!(judge_siblings(room("seal-cli"), &tree).is_some());
        assert!(!judge(room("seal-cli"), &tree).is_empty());
    }

    #[test]
    fn arrows_have_no_circle() {
        // Each room names only rooms above it, so the table's order is a proof.
        for (index, room) in ROOMS.iter().enumerate() {
            let above: Vec<&str> = ROOMS[..index].iter().map(|room| room.name).collect();
            assert!(
                room.may_use.iter().all(|name| above.contains(name)),
                "{}",
                room.name
            );
        }
    }

    /// The README's rows: a crate and its last column, such as "core, document" or "all above but the controller".
    fn drawn(readme: &str) -> Vec<(String, Vec<String>)> {
        let mut rows: Vec<(String, Vec<String>)> = Vec::new();
        for line in readme.lines() {
            let Some((name, rest)) = line
                .strip_prefix("| [`seal-")
                .and_then(|line| line.split_once('`'))
            else {
                continue;
            };
            let cell = rest.trim_end_matches('|').rsplit('|').next().unwrap().trim();
            let above = rows.iter().map(|(name, _)| name.clone());
            let mut uses: Vec<String> = match cell {
                "–" => Vec::new(),
                "all above" => above.collect(),
                "all above but the controller" => above.filter(|name| name != "seal-controller").collect(),
                list => list.split(", ").map(|name| format!("seal-{name}")).collect(),
            };
            uses.sort();
            rows.push((format!("seal-{name}"), uses));
        }
        rows
    }

    #[test]
    fn table_is_the_one_that_the_readme_draws() {
        let readme = std::fs::read_to_string(crate::workspace().join("crates/README.md")).unwrap();
        let mut ours: Vec<(String, Vec<String>)> = ROOMS
            .iter()
            .map(|room| {
                (
                    room.name.to_owned(),
                    room.may_use.iter().map(|name| (*name).to_owned()).collect(),
                )
            })
            .collect();
        ours.iter_mut().for_each(|(_, uses)| uses.sort());
        assert_eq!(ours, drawn(&readme));
    }

    #[test]
    fn clippy_file_that_drops_a_root_setting_or_differs_is_reported() {
        let files = [
            ("seal-core", "a = true\nb = 1\n".to_owned()),
            ("seal-api", "b = 1\n".to_owned()),
        ];
        let complaints = judge_clippy("# root\na = true\n", &files);
        assert_eq!(complaints.len(), 2);
        assert!(complaints[0].contains("seal-api") && complaints[0].contains("a = true"));
    }
}
