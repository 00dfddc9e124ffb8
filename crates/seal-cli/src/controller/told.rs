//! What a Deployment tells its controller, as far as it changes what is to be expected from outside. Flags
//! and variables are read as the controller reads them; nobody is asked, and nothing judged.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;
use seal_cluster::lease::DEFAULT_NAME;
use seal_core::{Namespace, ObjectName};

use super::container;

/// What it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) election: Election,
    pub(crate) watched: Watched,
    pub(crate) external_secrets: External,
}

/// How the one replica that works is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Election {
    /// It is not: there is to be one replica only.
    Off,
    /// By the Lease of this name.
    By(String),
    /// It cannot be told from the Deployment: why.
    Unclear(String),
}

/// Where SealedSecrets are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// In all namespaces.
    All,
    /// In these, the controller's own first.
    These(Vec<String>),
    /// It cannot be told from the Deployment: why.
    Unclear(String),
}

/// Whether ExternalSecrets are taken care of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum External {
    /// They are not.
    Off,
    /// They are.
    On {
        /// Those whose stores are of this class, or of none.
        class: String,
        /// Whether a pattern of namespaces may match a part of a name.
        unanchored: bool,
    },
    /// It cannot be told from the Deployment: why.
    Unclear(String),
}

impl Told {
    /// By that Deployment; nothing if it runs no container.
    pub(crate) fn of(deployment: &Deployment) -> Option<Self> {
        let given = Given(container(deployment)?);
        let home = deployment.metadata.namespace.as_deref().unwrap_or_default();
        Some(Self {
            election: election(&given).unwrap_or_else(Election::Unclear),
            watched: watched(&given, home).unwrap_or_else(Watched::Unclear),
            external_secrets: external_secrets(&given).unwrap_or_else(External::Unclear),
        })
    }
}

/// The text that a Deployment's container gives to that flag, if it does.
pub(crate) fn argument<'d>(deployment: &'d Deployment, flag: &str) -> Option<&'d str> {
    Given(container(deployment)?).flag(flag, None)
}

fn election(given: &Given<'_>) -> Result<Election, String> {
    if !given.boolean("leader-elect", true)? {
        return Ok(Election::Off);
    }
    let flag = "leader-elect-resource-name";
    let name = given.text(flag)?.unwrap_or(DEFAULT_NAME);
    // It becomes part of a path.
    let name: ObjectName = name.parse().map_err(|_| unreadable(flag))?;
    Ok(Election::By(name.to_string()))
}

// Naming some means not watching all, also where it is only the controller's own.
fn watched(given: &Given<'_>, home: &str) -> Result<Watched, String> {
    let flag = "additional-namespaces";
    let text = given.text(flag)?.unwrap_or_default();
    let named = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let named = named.map(str::parse).collect::<Result<Vec<Namespace>, _>>();
    let named = named.map_err(|_| unreadable(flag))?;
    if named.is_empty() && given.boolean("all-namespaces", true)? {
        return Ok(Watched::All);
    }
    let mut all = vec![home.to_owned()];
    for name in named.iter().map(ToString::to_string) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    Ok(Watched::These(all))
}

fn external_secrets(given: &Given<'_>) -> Result<External, String> {
    if !given.boolean("external-secrets", false)? {
        return Ok(External::Off);
    }
    Ok(External::On {
        class: given.text("controller-class")?.unwrap_or("default").to_owned(),
        unanchored: given.boolean("unanchored-namespace-regexes", false)?,
    })
}

// A value may be anything: the flag is named, and what it says is not repeated.
fn unreadable(flag: &str) -> String {
    format!("its Deployment gives --{flag} (or its variable) a value that the controller cannot read")
}

/// The flags and variables of a container.
struct Given<'d>(&'d Container);

impl<'d> Given<'d> {
    // A flag wins over its variable, the last of several over the others.
    fn value(&self, flag: &str, bare: Option<&'static str>) -> Result<Option<&'d str>, String> {
        let found = match self.flag(flag, bare) {
            None => self.variable(flag)?,
            found => found,
        };
        // The kubelet puts variables there, which need not be known here.
        match found {
            Some(text) if text.contains("$(") => Err(elsewhere(flag)),
            found => Ok(found),
        }
    }

    /// The text of that flag.
    fn text(&self, flag: &str) -> Result<Option<&'d str>, String> {
        self.value(flag, None)
    }

    /// Whether that flag is set, which by itself means that it is; as Go's `strconv.ParseBool` reads it.
    fn boolean(&self, flag: &str, default: bool) -> Result<bool, String> {
        match self.value(flag, Some("true"))? {
            None => Ok(default),
            Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
            Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
            Some(_) => Err(unreadable(flag)),
        }
    }

    // One with a meaning of its own, `bare`, has its value behind an equals sign only.
    fn flag(&self, flag: &str, bare: Option<&'static str>) -> Option<&'d str> {
        let Container { command, args, .. } = self.0;
        let mut words = command.iter().chain(args).flatten().map(String::as_str);
        let mut found = None;
        while let Some(word) = words.next() {
            match word.strip_prefix("--").and_then(|word| word.strip_prefix(flag)) {
                Some("") => found = bare.or_else(|| words.next()),
                Some(rest) => found = rest.strip_prefix('=').or(found),
                None => {}
            }
        }
        found
    }

    fn variable(&self, flag: &str) -> Result<Option<&'d str>, String> {
        let name = format!("SEALED_SECRETS_{}", flag.replace('-', "_").to_uppercase());
        let Container { env, env_from, .. } = self.0;
        let mut variables = env.iter().flatten().rev();
        match variables.find(|variable| variable.name == name) {
            Some(variable) if variable.value_from.is_some() => Err(elsewhere(flag)),
            Some(variable) => Ok(Some(variable.value.as_deref().unwrap_or_default())),
            None if env_from.iter().flatten().next().is_some() => Err(elsewhere(flag)),
            None => Ok(None),
        }
    }
}

fn elsewhere(flag: &str) -> String {
    format!("what its Deployment says of --{flag} stands elsewhere: in a ConfigMap, a Secret or its Pod")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(container: &Value) -> Told {
        let mut container = container.clone();
        container["name"] = json!("controller");
        let deployment = json!({"metadata": {"namespace": "home"}, "spec": {"selector": {}, "template": {"spec": {"containers": [container]}}}});
        Told::of(&serde_json::from_value(deployment).unwrap()).unwrap()
    }

    #[test]
    fn the_lease_is_that_of_the_flag_of_the_variable_or_the_default() {
        let by = |name: &str| Election::By(name.to_owned());
        let variable =
            |name: &str, value: &str| json!([{"name": format!("SEALED_SECRETS_{name}"), "value": value}]);
        for (container, election) in [
            (json!({}), by("seal-controller")),
            (json!({"args": ["--leader-elect"]}), by("seal-controller")),
            (json!({"args": ["--leader-elect-resource-name=a"]}), by("a")),
            (
                json!({"args": ["--leader-elect-resource-name", "a.b"]}),
                by("a.b"),
            ),
            (
                json!({"command": ["/controller", "--leader-elect-resource-name=a"]}),
                by("a"),
            ),
            (
                json!({"args": ["--leader-elect-resource-name=a"], "env": variable("LEADER_ELECT_RESOURCE_NAME", "b")}),
                by("a"),
            ),
            (
                json!({"env": variable("LEADER_ELECT_RESOURCE_NAME", "b")}),
                by("b"),
            ),
            (json!({"args": ["--leader-elect=false"]}), Election::Off),
            (
                json!({"args": ["--leader-elect=0", "--leader-elect-resource-name=a"]}),
                Election::Off,
            ),
            // Its value is never the next word.
            (
                json!({"args": ["--leader-elect", "false"]}),
                by("seal-controller"),
            ),
            (json!({"env": variable("LEADER_ELECT", "F")}), Election::Off),
            (
                json!({"args": ["--leader-elect=true"], "env": variable("LEADER_ELECT", "F")}),
                by("seal-controller"),
            ),
            // Another flag that only begins so.
            (
                json!({"args": ["--leader-elect-retry-period=2s"]}),
                by("seal-controller"),
            ),
        ] {
            assert_eq!(told(&container).election, election, "{container}");
        }
    }

    #[test]
    fn all_namespaces_are_watched_or_its_own_and_those_that_are_named() {
        let these = |names: &[&str]| Watched::These(names.iter().map(|name| (*name).to_owned()).collect());
        let variable = json!([{"name": "SEALED_SECRETS_ADDITIONAL_NAMESPACES", "value": "c"}]);
        for (container, watched) in [
            (json!({}), Watched::All),
            (json!({"args": ["--additional-namespaces="]}), Watched::All),
            (
                json!({"args": ["--additional-namespaces= b,,a, home,a"]}),
                these(&["home", "b", "a"]),
            ),
            (
                json!({"args": ["--additional-namespaces", "home"]}),
                these(&["home"]),
            ),
            (json!({"args": ["--all-namespaces=f"]}), these(&["home"])),
            (
                json!({"args": ["--all-namespaces"], "env": variable}),
                these(&["home", "c"]),
            ),
            (
                json!({"args": ["--additional-namespaces="], "env": variable}),
                Watched::All,
            ),
        ] {
            assert_eq!(told(&container).watched, watched, "{container}");
        }
        for arguments in [["--additional-namespaces=../a"], ["--all-namespaces=no"]] {
            assert!(matches!(
                told(&json!({"args": arguments})).watched,
                Watched::Unclear(_)
            ));
        }
    }

    #[test]
    fn external_secrets_are_taken_care_of_where_a_flag_or_variable_says_so() {
        let variable = json!([{"name": "SEALED_SECRETS_EXTERNAL_SECRETS", "value": "true"}]);
        let on = |class: &str, unanchored| External::On {
            class: class.to_owned(),
            unanchored,
        };
        for (container, external) in [
            (json!({}), External::Off),
            (json!({"args": ["--external-secrets"]}), on("default", false)),
            (
                json!({"args": ["--external-secrets=true", "--controller-class=ours", "--unanchored-namespace-regexes"]}),
                on("ours", true),
            ),
            (json!({"env": variable}), on("default", false)),
            (
                json!({"args": ["--external-secrets=false"], "env": variable}),
                External::Off,
            ),
        ] {
            assert_eq!(told(&container).external_secrets, external, "{container}");
        }
    }

    #[test]
    fn what_does_not_stand_in_the_deployment_or_cannot_be_read_is_not_guessed_and_not_repeated() {
        let source = json!({"configMapKeyRef": {"name": "hunter2", "key": "hunter2"}});
        for (container, flag) in [
            (
                json!({"env": [{"name": "SEALED_SECRETS_LEADER_ELECT", "valueFrom": source}]}),
                "--leader-elect ",
            ),
            (
                json!({"envFrom": [{"configMapRef": {"name": "hunter2"}}]}),
                "--leader-elect ",
            ),
            (
                json!({"args": ["--leader-elect-resource-name=$(HUNTER2)"]}),
                "--leader-elect-resource-name",
            ),
            (
                json!({"args": ["--leader-elect-resource-name=../hunter2"]}),
                "--leader-elect-resource-name",
            ),
            (json!({"args": ["--leader-elect=hunter2"]}), "--leader-elect "),
        ] {
            let Election::Unclear(why) = told(&container).election else {
                panic!("{container}")
            };
            assert!(why.contains(flag) && !why.contains("hunter2"), "{why}");
        }
        // Flags that say it all leave no question to variables.
        let all = json!({"args": ["--leader-elect", "--leader-elect-resource-name=a"],
            "envFrom": [{"configMapRef": {"name": "x"}}]});
        assert_eq!(told(&all).election, Election::By("a".to_owned()));
    }
}
