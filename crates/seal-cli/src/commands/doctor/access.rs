//! Who may do what they need to: whoever seals, and the controller's own account. Asked of the API server
//! by reviews; where those are not allowed, nothing is claimed.

use seal_api::sealing_key_ring::NAME;
use seal_cluster::config_maps::{BACKUP, CERTIFICATES};
use seal_cluster::look::{Access, Look, Seen, Who};

use crate::controller::Controller;
use crate::controller::told::Watched;
use crate::report::Check;

const GROUP: &str = "bitnami.com";

/// Answers about one group of permissions that stand or fall together.
struct Answers {
    about: &'static str,
    answers: Vec<(Access, Seen<bool>)>,
    remedy: String,
    /// Whether the controller does its main job without.
    optional: bool,
}

/// All that was asked.
pub(super) struct Accesses {
    groups: Vec<Answers>,
    /// What was not asked, or need not be.
    others: Vec<Check>,
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
    needed.extend(secrets(namespace));
    needed.extend(all(&["create", "patch"], "", "events", namespace));
    needed
}

/// What writing Secrets takes, and keeping the keys, which are Secrets at home.
fn secrets(namespace: &str) -> Vec<Access> {
    let verbs = ["get", "list", "watch", "create", "update"];
    all(&verbs, "", "secrets", namespace)
}

/// What leading by that Lease, publishing and backing up take, at home. A role may name the objects, but
/// for making them.
fn keeping(home: &str, lease: Option<&str>) -> Vec<Access> {
    const LEASES: (&str, &str) = ("coordination.k8s.io", "leases");
    const MAPS: (&str, &str) = ("", "configmaps");
    let seen = |(group, resource), name: &str| {
        ["get", "list", "watch"].map(|verb| access(verb, group, resource, home, name))
    };
    let leases = lease.map(|lease| (LEASES, vec![lease]));
    let mut needed = Vec::new();
    for (kind, names) in leases.into_iter().chain([(MAPS, vec![CERTIFICATES, BACKUP])]) {
        let (group, resource) = kind;
        needed.push(access("create", group, resource, home, ""));
        for name in names {
            needed.extend(seen(kind, name));
            needed.push(access("update", group, resource, home, name));
        }
    }
    let (group, status) = ("sealops.dev", "sealingkeyrings/status");
    needed.extend(seen((group, "sealingkeyrings"), NAME));
    needed.push(access("patch", group, status, home, NAME));
    needed
}

/// Whether the controller may do what ExternalSecrets take, where it watches; a line for it.
pub(super) async fn of_external_secrets(look: &Look, controller: &Controller, namespace: &str) -> Vec<Check> {
    let home = &controller.namespace;
    let Some(name) = controller.account() else {
        let why = "its account is not known without its Deployment";
        return vec![Check::unseen("controller", &controller.deployment, why)];
    };
    let who = Who::Account {
        namespace: home.clone(),
        name: name.clone(),
    };
    let (namespaces, of_cluster) = match controller.told.as_ref().map(|told| &told.watched) {
        Some(Watched::These(namespaces)) => (namespaces.clone(), false),
        Some(Watched::Unclear(why)) => return vec![Check::unknown("controller", why.clone())],
        Some(Watched::All) | None => (vec![String::new()], true),
    };
    let needed = namespaces.iter().flat_map(|namespace| fetching(namespace));
    let needed = needed.chain(of_cluster.then(using_cluster_stores).into_iter().flatten());
    let answers = asked(look, &who, needed.collect()).await;
    // The administrator of a namespace may ask there and nowhere else.
    let answers = match answers.iter().all(|(_, answer)| answer.found().is_none()) && of_cluster {
        true => asked(look, &who, fetching(namespace)).await,
        false => answers,
    };
    vec![judged(&Answers {
        about: "controller",
        answers,
        remedy: format!("give the account {home}/{name} the chart's roles (externalSecrets.enabled)"),
        optional: false,
    })]
}

/// What ExternalSecrets of a namespace take, or of all.
fn fetching(namespace: &str) -> Vec<Access> {
    const EXTERNAL: &str = "external-secrets.io";
    let mut needed = Vec::new();
    for resource in ["externalsecrets", "secretstores"] {
        needed.extend(all(&["list", "watch"], EXTERNAL, resource, namespace));
    }
    for resource in ["externalsecrets", "externalsecrets/status", "secretstores/status"] {
        needed.push(access("patch", EXTERNAL, resource, namespace, ""));
    }
    needed.extend(secrets(namespace));
    needed.push(access("delete", "", "secrets", namespace, ""));
    needed.push(access("get", "", "configmaps", namespace, ""));
    needed.push(access("create", "", "serviceaccounts/token", namespace, ""));
    needed.extend(all(&["create", "patch"], "", "events", namespace));
    needed
}

/// What ClusterSecretStores take besides.
fn using_cluster_stores() -> Vec<Access> {
    const EXTERNAL: &str = "external-secrets.io";
    let mut needed = all(&["list", "watch"], EXTERNAL, "clustersecretstores", "");
    needed.push(access("patch", EXTERNAL, "clustersecretstores/status", "", ""));
    needed.push(access("get", "", "namespaces", "", ""));
    needed
}

impl Accesses {
    /// Asks.
    pub(super) async fn gather(look: &Look, controller: &Controller, namespace: &str) -> Self {
        let home = &controller.namespace;
        let mut accesses = Self {
            groups: vec![
                Answers {
                    about: "you, to ask",
                    answers: asked(look, &Who::Myself, asking(controller)).await,
                    remedy: "the chart's Role service-proxier has these permissions".to_owned(),
                    optional: true,
                },
                Answers {
                    about: "you, at work",
                    answers: asked(look, &Who::Myself, working(namespace)).await,
                    remedy: "ask for these permissions, unless something else applies your objects"
                        .to_owned(),
                    optional: true,
                },
            ],
            others: Vec::new(),
        };
        let Some(name) = controller.account() else {
            accesses.others.push(Check::unseen(
                "controller",
                &controller.deployment,
                "its account is not known without its Deployment",
            ));
            return accesses;
        };
        let who = Who::Account {
            namespace: home.clone(),
            name: name.clone(),
        };
        let remedy = format!("give the account {home}/{name} the chart's roles");
        match opened(look, &who, controller, namespace).await {
            Ok(answers) => accesses.groups.push(Answers {
                about: "controller",
                answers,
                remedy: remedy.clone(),
                optional: false,
            }),
            Err(why) => accesses.others.push(Check::unknown("controller", why)),
        }
        accesses.others.extend(unwatched(controller, namespace));
        accesses.groups.push(Answers {
            about: "controller, keys",
            answers: asked(look, &who, secrets(home)).await,
            remedy: format!("{remedy}; without them it has no keys"),
            optional: false,
        });
        accesses.groups.push(Answers {
            about: "controller, at home",
            answers: asked(look, &who, keeping(home, controller.lease_name())).await,
            remedy: format!(
                "{remedy}; without them it elects no leader, publishes no certificate and keeps no backup"
            ),
            optional: true,
        });
        accesses
    }

    /// What the answers come to, a line each.
    pub(super) fn judge(&self) -> Vec<Check> {
        self.groups
            .iter()
            .map(judged)
            .chain(self.others.iter().cloned())
            .collect()
    }
}

/// Asked where the controller opens SealedSecrets; or why that cannot be told.
async fn opened(
    look: &Look,
    who: &Who,
    controller: &Controller,
    namespace: &str,
) -> Result<Vec<(Access, Seen<bool>)>, String> {
    let everywhere = asked(look, who, opening("")).await;
    let all = |expected: fn(&Seen<bool>) -> bool| everywhere.iter().all(|(_, answer)| expected(answer));
    // Roles in single namespaces are enough where only these are watched.
    let namespaces = match controller.told.as_ref().map(|told| &told.watched) {
        _ if all(|answer| matches!(answer, Seen::Found(true))) => return Ok(everywhere),
        Some(Watched::These(namespaces)) => namespaces.as_slice(),
        Some(Watched::Unclear(why)) => return Err(why.clone()),
        // The administrator of a namespace may ask there and nowhere else.
        Some(Watched::All) | None if all(|answer| answer.found().is_none()) => &[namespace.to_owned()],
        Some(Watched::All) | None => return Ok(everywhere),
    };
    let needed = namespaces.iter().flat_map(|namespace| opening(namespace));
    Ok(asked(look, who, needed.collect()).await)
}

// No fault: another controller may take care of it.
fn unwatched(controller: &Controller, namespace: &str) -> Option<Check> {
    let Watched::These(watched) = &controller.told.as_ref()?.watched else {
        return None;
    };
    if watched.iter().any(|watched| watched == namespace) {
        return None;
    }
    let what = format!("nothing in namespace {namespace} is opened: it is not watched");
    let remedy = "if it is to be, name it too (--additional-namespaces, additionalNamespaces of the chart)";
    Some(Check::note("controller", what).remedy(remedy))
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
        answers,
        remedy,
        optional,
    } = group;
    let refused = refused(answers);
    if !refused.is_empty() {
        let refused = refused
            .iter()
            .map(|(names, namespaces)| format!("{} {}", names.join(", "), place(namespaces)));
        let what = format!("may not {}", refused.collect::<Vec<_>>().join("; "));
        let check = match optional {
            true => Check::warning(*about, what),
            false => Check::failed(*about, what),
        };
        return check.code("forbidden").remedy(remedy.clone());
    }
    match answers.iter().find(|(_, answer)| answer.found().is_none()) {
        Some((_, answer)) => Check::unseen(*about, answer, "the API server knows no such reviews"),
        None => {
            let place = place(&namespaces(answers));
            Check::ok(*about, format!("may do all that is needed {place}"))
        }
    }
}

fn namespaces(answers: &[(Access, Seen<bool>)]) -> Vec<&str> {
    let mut namespaces: Vec<&str> = answers.iter().map(|(access, _)| &*access.namespace).collect();
    // They were asked about one after the other.
    namespaces.dedup();
    namespaces
}

// What is refused, and in which namespaces: a controller may watch many that lack the same.
fn refused(answers: &[(Access, Seen<bool>)]) -> Vec<(Vec<String>, Vec<&str>)> {
    let mut all: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
    for namespace in namespaces(answers) {
        let refused = answers
            .iter()
            .filter(|(access, answer)| access.namespace == namespace && matches!(answer, Seen::Found(false)));
        let names: Vec<String> = refused.map(|(access, _)| named(access)).collect();
        if names.is_empty() {
            continue;
        }
        match all.iter_mut().find(|(known, _)| *known == names) {
            Some((_, namespaces)) => namespaces.push(namespace),
            None => all.push((names, vec![namespace])),
        }
    }
    all
}

fn place(namespaces: &[&str]) -> String {
    match namespaces {
        [""] => "in all namespaces".to_owned(),
        [one] => format!("in namespace {one}"),
        several => format!("in namespaces {}", several.join(", ")),
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
