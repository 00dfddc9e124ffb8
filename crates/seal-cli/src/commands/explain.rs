//! `seal explain`: why a SealedSecret opens or does not and an ExternalSecret is ready or not, whose fault that is, and
//! what to do. It settles
//! what is asked about and gathers the facts; `judge` and its neighbours say what they mean.

mod conditions;
mod entries;
mod external_secret;
mod faults;
mod judge;
mod owner;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::annotations::KEY_LABEL;
use seal_api::external_secrets::names;
use seal_api::{SealedSecret, Secret};
use seal_cluster::keys::{KeyState, read_key};
use seal_cluster::look::{Look, Seen};
use seal_core::{Fingerprint, KeyRing, ObjectName};
use seal_engine::{FaultKind, catalogue};

use crate::arguments::ExplainArguments;
use crate::command_error::CommandError;
use crate::controller::Controller;
use crate::input::Source;
use crate::manifests::{self, Found, Kind, ManifestFile};
use crate::report::{Check, Report, Section, printed};
use crate::terminal::Terminal;
use crate::{cluster, keys, opening, output};
use judge::{Facts, Surroundings};

// A dozen calls, each of which may wait for a controller that does not answer.
const PATIENCE: Duration = Duration::from_secs(120);
const KINDS: [&str; 5] = [
    "ss",
    "sealedsecret",
    "sealedsecrets",
    "sealedsecret.bitnami.com",
    "sealedsecrets.bitnami.com",
];
const SECRETS: [&str; 2] = ["secret", "secrets"];

/// What is asked about.
enum Target<'a> {
    Faults(Vec<&'static FaultKind>),
    /// In the cluster; whether it was asked for by its Secret.
    Object {
        name: ObjectName,
        by_secret: bool,
    },
    /// An ExternalSecret in the cluster.
    External(ObjectName),
    File(&'a Path),
}

/// Runs it.
pub(super) fn run(arguments: &ExplainArguments, terminal: Terminal) -> Result<(), CommandError> {
    let Some(target) = arguments.target.as_deref() else {
        return output::print(&faults::list(catalogue::CATALOGUE, arguments.output));
    };
    let (reports, hidden) = match Target::settle(target)? {
        Target::Faults(kinds) => return output::print(&faults::described(&kinds, arguments.output)),
        Target::File(path) => (in_file(path, arguments)?, None),
        Target::Object { name, by_secret } => in_cluster(&name, by_secret, arguments)?,
        Target::External(name) => external_in_cluster(&name, arguments)?,
    };
    output::print(&printed(&reports, arguments.output))?;
    if let Some(error) = hidden {
        return Err(error);
    }
    match reports.iter().map(Report::findings).sum() {
        0 => Ok(()),
        count => {
            terminal.tell(&format!(
                "{count} {}",
                if count == 1 { "finding" } else { "findings" }
            ));
            Err(CommandError::findings())
        }
    }
}

impl<'a> Target<'a> {
    fn settle(text: &'a str) -> Result<Self, CommandError> {
        if let Some((kind, name)) = text.split_once('/') {
            let is = |kinds: &[&str]| kinds.iter().any(|known| known.eq_ignore_ascii_case(kind));
            let is_external = is(&external_secret::KINDS);
            if is(&KINDS) || is(&SECRETS) || is_external {
                let name = name.parse().map_err(|error| {
                    CommandError::usage(format!("{text}: {error}"))
                        .remedy(format!("for a file in the folder {kind} write ./{text}"))
                })?;
                if is_external {
                    return Ok(Self::External(name));
                }
                let by_secret = is(&SECRETS);
                return Ok(Self::Object { name, by_secret });
            }
        }
        match catalogue::named(text) {
            kinds if kinds.is_empty() => Ok(Self::File(Path::new(text))),
            kinds => Ok(Self::Faults(kinds)),
        }
    }
}

fn ring(arguments: &ExplainArguments) -> Result<Option<KeyRing>, CommandError> {
    match arguments.keys.keys.is_empty() {
        true => Ok(None),
        false => keys::ring(&arguments.keys).map(Some),
    }
}

fn in_file(path: &Path, arguments: &ExplainArguments) -> Result<Vec<Report>, CommandError> {
    let ring = ring(arguments)?;
    let source = Source::of(path);
    if path.as_os_str() != "-" && !path.exists() {
        return Err(CommandError::file("read", path, &std::io::ErrorKind::NotFound.into()).remedy(
            "name a file, ss/NAME or es/NAME for an object in the cluster, or a code that `seal explain --list` shows",
        ));
    }
    let file = ManifestFile::read(source)?;
    let stream = file.parse()?;
    let all = manifests::find(&stream).map_err(|error| error.about(&file.source.shown()))?;
    let chosen = |found: &&Found| match arguments.document.as_deref() {
        None => true,
        Some(wanted) => match wanted.parse::<usize>() {
            Ok(number) => found.place.document + 1 == number,
            Err(_) => name_of(found) == Some(wanted),
        },
    };
    let mut reports: Vec<Report> = all
        .iter()
        .filter(|found| found.kind == Kind::SealedSecret)
        .filter(chosen)
        .map(|found| explained(found, &file, arguments, ring.as_ref()))
        .collect();
    let namespace = arguments.namespace.as_ref().map(ToString::to_string);
    let external = external_secret::in_stream(&stream, &file.source.shown(), namespace.as_deref());
    let chosen = external
        .into_iter()
        .filter(|(number, name, _)| match arguments.document.as_deref() {
            None => true,
            Some(wanted) => wanted.parse() == Ok(*number) || wanted == name,
        });
    reports.extend(chosen.map(|(_, _, report)| report));
    if reports.is_empty() {
        let kinds = "SealedSecret or ExternalSecret";
        let what = match &arguments.document {
            Some(wanted) => format!("{}: no {kinds} is document {wanted}", file.source.shown()),
            None => format!("{}: there is no {kinds}", file.source.shown()),
        };
        return Err(CommandError::input(what)
            .remedy("name a file with one of these, and --document by number or name"));
    }
    Ok(reports)
}

fn name_of(found: &Found) -> Option<&str> {
    found.value.get("metadata")?.get("name")?.as_str()
}

fn explained(
    found: &Found,
    file: &ManifestFile,
    arguments: &ExplainArguments,
    ring: Option<&KeyRing>,
) -> Report {
    let about = file.name_of(found);
    let mut object = match SealedSecret::from_value(&found.value) {
        Ok(object) => object,
        Err(error) => {
            let check = Check::failed("manifest", error.to_string())
                .code("malformed-manifest")
                .remedy("mend the manifest");
            return judge::only(about, check);
        }
    };
    if object.metadata.namespace.is_none() {
        object.metadata.namespace = arguments.namespace.as_ref().map(ToString::to_string);
    }
    let facts = Facts {
        opening: ring.map(|ring| opening::examine(&object, ring)),
        object,
        surroundings: None,
    };
    judge::report(about, &facts, Timestamp::now())
}

fn external_in_cluster(
    name: &ObjectName,
    arguments: &ExplainArguments,
) -> Result<(Vec<Report>, Option<CommandError>), CommandError> {
    let namespace = match &arguments.namespace {
        Some(namespace) => namespace.to_string(),
        None => cluster::context_namespace(&arguments.cluster)?.to_string(),
    };
    cluster::looking(&arguments.cluster, PATIENCE, async |look| {
        external_secret::in_cluster(look, (&namespace, name.as_ref()), arguments).await
    })
}

fn in_cluster(
    name: &ObjectName,
    by_secret: bool,
    arguments: &ExplainArguments,
) -> Result<(Vec<Report>, Option<CommandError>), CommandError> {
    let ring = ring(arguments)?;
    let namespace = match &arguments.namespace {
        Some(namespace) => namespace.clone(),
        None => cluster::context_namespace(&arguments.cluster)?,
    };
    let (namespace, name) = (namespace.to_string(), name.to_string());
    let about = format!("SealedSecret {namespace}/{name}");
    cluster::looking(&arguments.cluster, PATIENCE, async |look| {
        let object = look.sealed_secret(&namespace, &name).await;
        let now = Timestamp::now();
        let (mut report, hidden) = match object {
            Seen::Found(Ok(object)) => {
                let surroundings = surroundings(look, &namespace, &name, arguments).await;
                let facts = Facts {
                    opening: ring.as_ref().map(|ring| opening::examine(&object, ring)),
                    object,
                    surroundings: Some(surroundings),
                };
                (judge::report(about, &facts, now), None)
            }
            Seen::Found(Err(_)) => (judge::only(about, judge::unreadable()), None),
            Seen::Absent => {
                let secret = look.secret_metadata(&namespace, &name).await;
                if let Some(owner) = secret.found().and_then(external_owner).filter(|_| by_secret) {
                    return external_secret::in_cluster(look, (&namespace, &owner), arguments).await;
                }
                return Err(nothing_there(&about, &namespace, by_secret, &secret));
            }
            Seen::Forbidden(wanted) => {
                let check = Check::unseen("object", &Seen::<()>::Forbidden(wanted.clone()), "");
                let secret = look.secret_metadata(&namespace, &name).await;
                let report = judge::without_object(about, check, &namespace, &name, &secret);
                let what = format!("you are not allowed to {wanted}");
                let error = CommandError::cluster(what).remedy("ask for that permission");
                (report, Some(error))
            }
            Seen::Unknown(why) => return Err(CommandError::cluster(format!("{about}: {why}"))),
        };
        let controller = Controller::see(look, &arguments.cluster).await;
        report.sections.push(Section {
            title: "Controller",
            detail: format!("{}/{}", controller.namespace, controller.name),
            checks: crate::controller::health::short(&controller, now),
        });
        Ok((vec![report], hidden))
    })
}

async fn surroundings(
    look: &Look,
    namespace: &str,
    name: &str,
    arguments: &ExplainArguments,
) -> Surroundings {
    let home = arguments.cluster.controller_namespace.as_ref();
    Surroundings {
        secret: look.secret_metadata(namespace, name).await,
        events: look.events(namespace, "SealedSecret", name).await,
        installation: look.installation_key(home).await,
        disused: disused(look, home).await,
    }
}

async fn disused(look: &Look, home: &str) -> Vec<(Fingerprint, KeyState)> {
    let secrets = look.key_secrets(home).await;
    let state = |secret: &Secret| {
        let label = secret.metadata.labels.as_ref()?.get(KEY_LABEL)?;
        KeyState::of_label(label).filter(|state| *state != KeyState::Active)
    };
    let keys = secrets.found().into_iter().flatten();
    keys.filter_map(|secret| {
        let state = state(secret)?;
        Some((read_key(secret).ok()?.fingerprint(), state))
    })
    .collect()
}

// The ExternalSecret whose that Secret is.
fn external_owner(secret: &ObjectMeta) -> Option<String> {
    let mut owners = secret.owner_references.iter().flatten();
    let of_group = |version: &str| version.split('/').next() == Some(names::GROUP);
    let owner = owners.find(|owner| owner.kind == names::EXTERNAL_SECRET && of_group(&owner.api_version))?;
    Some(owner.name.clone())
}

fn nothing_there<T>(about: &str, namespace: &str, by_secret: bool, secret: &Seen<T>) -> CommandError {
    let what = match (by_secret, secret) {
        (true, Seen::Found(_)) => {
            format!("there is no {about}: the Secret of that name was not made from one")
        }
        (false, Seen::Found(_)) => format!("there is no {about}, but a Secret of that name"),
        _ => format!("there is no {about}"),
    };
    CommandError::input(what).remedy(format!(
        "see what is there: kubectl get sealedsecrets -n {namespace}; another namespace is named with --namespace; `seal doctor` looks over the installation"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_object_a_fault_or_a_file() {
        for (text, object) in [
            ("ss/db", Some(false)),
            ("SealedSecret/db", Some(false)),
            ("sealedsecrets.bitnami.com/db", Some(false)),
            ("secret/db", Some(true)),
        ] {
            let Ok(Target::Object { name, by_secret }) = Target::settle(text) else {
                panic!("{text} is no object")
            };
            assert_eq!((name.as_ref(), Some(by_secret)), ("db", object), "{text}");
        }
        assert!(matches!(Target::settle("not-ours"), Ok(Target::Faults(kinds)) if kinds.len() == 1));
        assert!(matches!(Target::settle("Malformed"), Ok(Target::Faults(_))));
        for text in [
            "es/db",
            "ExternalSecret/db",
            "externalsecrets.external-secrets.io/db",
        ] {
            assert!(matches!(Target::settle(text), Ok(Target::External(_))), "{text}");
        }
        for file in ["./ss/db", "manifests/db.yaml", "-", "db.yaml"] {
            assert!(matches!(Target::settle(file), Ok(Target::File(_))), "{file}");
        }
        assert!(Target::settle("ss/No_Name").is_err());
    }
}
