//! Who may do what they need to: whoever seals, and the controller's own account. Asked of the API server
//! by reviews; where those are not allowed, nothing is claimed.

use seal_api::sealing_key_ring::NAME;
use seal_cluster::config_maps::{BACKUP, CERTIFICATES};
use seal_cluster::look::{Access, Look, Seen, Who};

use crate::controller::Controller;
use crate::report::Check;

const GROUP: &str = "bitnami.com";

/// Answers about one group of permissions that stand or fall together.
struct Answers {
    about: &'static str,
    /// Where, in words.
    place: String,
    answers: Vec<(Access, Seen<bool>)>,
    remedy: String,
    /// Whether the controller does its main job without.
    optional: bool,
}

/// All that was asked.
pub(super) struct Accesses {
    groups: Vec<Answers>,
    /// Why the controller's account was not asked about.
    unasked: Option<Check>,
}

fn access(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    namespace: &str,
    name: &str,
) -> Access {
    Access {
        verb,
        group,
        resource,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

fn all(verbs: &[&'static str], group: &'static str, resource: &'static str, namespace: &str) -> Vec<Access> {
    let of = |verb: &&'static str| access(verb, group, resource, namespace, "");
    verbs.iter().map(of).collect()
}

/// What asking the controller for its certificate takes.
fn asking(controller: &Controller) -> Vec<Access> {
    let Controller { namespace, name, .. } = controller;
    let proxied = format!("http:{name}:{}", controller.port().unwrap_or_default());
    vec![
        access("get", "", "services", namespace, name),
        access("get", "", "services/proxy", namespace, &proxied),
    ]
}

/// What keeping SealedSecrets in a namespace takes, and seeing what becomes of them.
fn working(namespace: &str) -> Vec<Access> {
    let verbs = ["get", "list", "create", "update", "patch"];
    let mut needed = all(&verbs, GROUP, "sealedsecrets", namespace);
    needed.push(access("list", "", "events", namespace, ""));
    needed
}

/// What opening SealedSecrets takes, there or everywhere.
fn opening(namespace: &str) -> Vec<Access> {
    let mut needed = all(&["list", "watch"], GROUP, "sealedsecrets", namespace);
    needed.push(access("patch", GROUP, "sealedsecrets/status", namespace, ""));
    needed.extend(all(
        &["get", "list", "watch", "create", "update"],
        "",
        "secrets",
        namespace,
    ));
    needed.extend(all(&["create", "patch"], "", "events", namespace));
    needed
}

/// What leading by that Lease, publishing and keeping take, at home. A role may name the objects, but for
/// making them.
fn keeping(home: &str, lease: Option<&str>) -> Vec<Access> {
    const LEASES: (&str, &str) = ("coordination.k8s.io", "leases");
    const MAPS: (&str, &str) = ("", "configmaps");
    let leases = lease.map(|lease| (LEASES, vec![lease]));
    let mut needed = Vec::new();
    for ((group, resource), names) in leases.into_iter().chain([(MAPS, vec![CERTIFICATES, BACKUP])]) {
        needed.push(access("create", group, resource, home, ""));
        for name in names {
            needed.extend(["get", "update"].map(|verb| access(verb, group, resource, home, name)));
        }
    }
    needed.push(access("get", "sealops.dev", "sealingkeyrings", home, NAME));
    needed.push(access(
        "patch",
        "sealops.dev",
        "sealingkeyrings/status",
        home,
        NAME,
    ));
    needed
}

impl Accesses {
    /// Asks.
    pub(super) async fn gather(look: &Look, controller: &Controller, namespace: &str) -> Self {
        let home = &controller.namespace;
        let mut groups = vec![
            Answers {
                about: "you, to ask",
                place: format!("in namespace {home}"),
                answers: asked(look, &Who::Myself, asking(controller)).await,
                remedy: "the chart's Role service-proxier has these permissions".to_owned(),
                optional: true,
            },
            Answers {
                about: "you, at work",
                place: format!("in namespace {namespace}"),
                answers: asked(look, &Who::Myself, working(namespace)).await,
                remedy: "ask for these permissions, unless something else applies your objects".to_owned(),
                optional: true,
            },
        ];
        let Some(name) = controller.account() else {
            let check = Check::unseen(
                "controller",
                &controller.deployment,
                "its account is not known without its Deployment",
            );
            return Self {
                groups,
                unasked: Some(check),
            };
        };
        let who = Who::Account {
            namespace: home.clone(),
            name: name.clone(),
        };
        let everywhere = asked(look, &who, opening("")).await;
        // Roles in single namespaces are enough where only these are watched.
        let (place, answers) = match everywhere
            .iter()
            .all(|(_, answer)| matches!(answer, Seen::Found(true)))
        {
            true => ("in all namespaces".to_owned(), everywhere),
            false => (
                format!("in namespace {namespace}"),
                asked(look, &who, opening(namespace)).await,
            ),
        };
        let remedy = format!("give the account {home}/{name} the chart's roles");
        groups.push(Answers {
            about: "controller",
            place,
            answers,
            remedy: remedy.clone(),
            optional: false,
        });
        groups.push(Answers {
            about: "controller, at home",
            place: format!("in namespace {home}"),
            answers: asked(look, &who, keeping(home, controller.lease_name())).await,
            remedy: format!(
                "{remedy}; without them it elects no leader, publishes no certificate and keeps no backup"
            ),
            optional: true,
        });
        Self {
            groups,
            unasked: None,
        }
    }

    /// What the answers come to, a line each.
    pub(super) fn judge(&self) -> Vec<Check> {
        self.groups
            .iter()
            .map(judged)
            .chain(self.unasked.clone())
            .collect()
    }
}

async fn asked(look: &Look, who: &Who, needed: Vec<Access>) -> Vec<(Access, Seen<bool>)> {
    let mut answers = Vec::new();
    for access in needed {
        let answer = look.may(who, &access).await;
        answers.push((access, answer));
    }
    answers
}

fn judged(group: &Answers) -> Check {
    let Answers {
        about,
        place,
        answers,
        remedy,
        optional,
    } = group;
    let refused: Vec<String> = answers
        .iter()
        .filter(|(_, answer)| matches!(answer, Seen::Found(false)))
        .map(|(access, _)| named(access))
        .collect();
    if !refused.is_empty() {
        let what = format!("may not {} {place}", refused.join(", "));
        let check = match optional {
            true => Check::warning(*about, what),
            false => Check::failed(*about, what),
        };
        return check.code("forbidden").remedy(remedy.clone());
    }
    match answers.iter().find(|(_, answer)| answer.found().is_none()) {
        Some((_, answer)) => Check::unseen(*about, answer, "the API server knows no such reviews"),
        None => Check::ok(*about, format!("may do all that is needed {place}")),
    }
}

// As kubectl writes it: sealedsecrets.bitnami.com/status.
fn named(access: &Access) -> String {
    let (resource, part) = match access.resource.split_once('/') {
        Some((resource, part)) => (resource, format!("/{part}")),
        None => (access.resource, String::new()),
    };
    let dot = if access.group.is_empty() { "" } else { "." };
    let gap = if access.name.is_empty() { "" } else { " " };
    let Access {
        verb, group, name, ..
    } = access;
    format!("{verb} {resource}{dot}{group}{part}{gap}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::State;

    fn group(answers: [Seen<bool>; 2], optional: bool) -> Answers {
        let needed = all(&["get", "list"], GROUP, "sealedsecrets", "prod");
        Answers {
            about: "you",
            place: "in namespace prod".to_owned(),
            answers: needed.into_iter().zip(answers).collect(),
            remedy: "ask".to_owned(),
            optional,
        }
    }

    #[test]
    fn what_is_refused_is_named_and_what_was_not_answered_is_not_claimed() {
        let (yes, no) = (|| Seen::Found(true), || Seen::Found(false));
        let silent = || Seen::Unknown("broken".to_owned());
        for (group, state, what) in [
            (
                group([yes(), yes()], false),
                State::Ok,
                "may do all that is needed in namespace prod",
            ),
            (
                group([yes(), no()], false),
                State::Failed,
                "may not list sealedsecrets.bitnami.com in namespace prod",
            ),
            (
                group([no(), silent()], true),
                State::Warning,
                "may not get sealedsecrets.bitnami.com in namespace prod",
            ),
            (group([yes(), silent()], false), State::Unknown, "broken"),
        ] {
            let check = judged(&group);
            assert_eq!((check.state, check.what.as_str()), (state, what));
        }
    }

    #[test]
    fn permissions_are_named_as_kubectl_writes_them() {
        for (access, name) in [
            (
                access("patch", GROUP, "sealedsecrets/status", "prod", ""),
                "patch sealedsecrets.bitnami.com/status",
            ),
            (
                access("get", "", "services/proxy", "a", "http:x:http"),
                "get services/proxy http:x:http",
            ),
            (access("list", "", "events", "prod", ""), "list events"),
        ] {
            assert_eq!(named(&access), name);
        }
    }
}
