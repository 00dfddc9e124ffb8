//! `seal doctor`: an installation looked over from the user's side. Here the facts are gathered; what they
//! mean is judged in the files beside this one, one for each part of an installation.

mod access;
mod certificates;
mod definition;
mod external_secrets;
mod keys;
mod names;
mod objects;

use std::time::Duration;

use jiff::Timestamp;
use seal_api::SealingKeyRing;
use seal_cluster::config_maps::{BACKUP, CERTIFICATES};
use seal_cluster::look::{Look, Seen};
use seal_core::{Certificate, Fingerprint};

use crate::arguments::{DoctorArguments, Subject};
use crate::command_error::CommandError;
use crate::controller::{Controller, health};
use crate::input::{KEY_FILE_LIMIT, Source};
use crate::report::{Check, Report, Section, printed};
use crate::terminal::Terminal;
use crate::{cluster, output};

// Listing the objects of a large cluster takes its time.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs it.
pub(super) fn run(arguments: &DoctorArguments, terminal: Terminal) -> Result<(), CommandError> {
    let namespace = match &arguments.namespace {
        Some(namespace) => namespace.to_string(),
        None => cluster::context_namespace(&arguments.cluster)?.to_string(),
    };
    let local = arguments
        .cert
        .iter()
        .map(|path| {
            let source = Source::of(path);
            let read = Certificate::from_pem(&source.read(KEY_FILE_LIMIT)?);
            let certificate = read.map_err(|error| CommandError::from(error).about(&source.shown()))?;
            Ok((source.shown(), certificate))
        })
        .collect::<Result<Vec<_>, CommandError>>()?;
    let report = cluster::looking(&arguments.cluster, PATIENCE, async |look| {
        match arguments.subject {
            None => look_over(look, arguments, &namespace, &local).await,
            Some(Subject::ExternalSecrets) => {
                answers(look).await?;
                let controller = Controller::see(look, &arguments.cluster).await;
                Ok(external_secrets::look_over(look, &controller, &namespace).await)
            }
        }
    })?;
    let findings = report.findings();
    output::print(&printed(&[report], arguments.output))?;
    match findings {
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

async fn answers(look: &Look) -> Result<Check, CommandError> {
    match look.version().await {
        Seen::Found(version) => Ok(Check::ok("API server", version)),
        Seen::Unknown(why) => {
            Err(CommandError::cluster(why).remedy("look at the kubeconfig and the network"))
        }
        other => Ok(Check::unseen(
            "API server",
            &other,
            "it does not tell its version",
        )),
    }
}

async fn look_over(
    look: &Look,
    arguments: &DoctorArguments,
    namespace: &str,
    local: &[(String, Certificate)],
) -> Result<Report, CommandError> {
    let server = answers(look).await?;
    let now = Timestamp::now();
    let controller = Controller::see(look, &arguments.cluster).await;
    let home = controller.namespace.clone();
    let names = names::Names::gather(look, &controller).await;
    let keys = keys::Keys::gather(look, &controller).await;
    let published = certificates::published(look.config_map(&home, CERTIFICATES).await);
    let backup = look.config_map(&home, BACKUP).await;
    let ring = look.sealing_key_ring(&home).await;
    let access = access::Accesses::gather(look, &controller, namespace).await;
    let objects = objects::Objects::gather(look, namespace).await;
    let definition = look.definition().await;

    let served = controller.certificate.found().map(Certificate::fingerprint);
    let section = |title, checks| Section {
        title,
        detail: String::new(),
        checks,
    };
    let mut running = vec![
        server,
        health::readiness(&controller),
        health::replicas(&controller.deployment),
        health::lease(&controller, now),
    ];
    running.extend(names.judge(&controller));
    let mut sealing = keys.judge(served, now);
    // Where the controller does not answer, what is noted tells.
    let told = || controller_says(&ring);
    sealing.push(keys::backup(
        &backup,
        served.or_else(|| keys.chosen()).or_else(told),
    ));
    let mut certificates = vec![health::certificate(&controller.certificate, now)];
    certificates.extend(certificates::judge(
        served,
        &published,
        local,
        keys.fingerprints().as_deref(),
        now,
    ));
    Ok(Report {
        about: format!("Controller {home}/{}", controller.name),
        sections: vec![
            section("Running", running),
            section("Permissions", access.judge()),
            section("CRD", definition::judge(&definition)),
            section("Sealing keys", sealing),
            section("Certificates", certificates),
            section("SealedSecrets", objects.judge()),
        ],
    })
}

// The key that the status of the SealingKeyRing calls the one that seals.
fn controller_says(ring: &Seen<SealingKeyRing>) -> Option<Fingerprint> {
    let status = ring.found()?.status.as_ref()?;
    let sealing = status.keys.iter().find(|key| key.primary)?;
    sealing.fingerprint.parse().ok()
}
