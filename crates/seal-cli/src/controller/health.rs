//! Judges a controller's health by what can be seen of it: facts in, checks out. It asks nobody.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use seal_cluster::lease::DEFAULT_NAME;
use seal_cluster::look::{Readiness, Seen};
use seal_core::Certificate;

use super::told::Election;
use super::{Controller, container};
use crate::report::Check;

// A certificate that ends stops everybody from sealing.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
// A Lease changes hands when a Pod goes; more often than this, and nobody gets to work.
const FLAPPING: SignedDuration = SignedDuration::from_mins(10);
const MOST_TRANSITIONS: i32 = 3;

/// The checks that matter to whoever waits for one object.
pub(crate) fn short(controller: &Controller, now: Timestamp) -> Vec<Check> {
    vec![
        readiness(controller),
        certificate(&controller.certificate, now),
        lease(controller, now),
    ]
}

/// Whether it takes care of SealedSecrets.
pub(crate) fn readiness(controller: &Controller) -> Check {
    let Controller { namespace, name, .. } = controller;
    let about = "controller";
    let logs = format!("kubectl logs -n {namespace} deploy/{name}");
    match (&controller.service, &controller.readiness) {
        (Seen::Absent, _) => Check::failed(about, format!("there is no Service {namespace}/{name}"))
            .code("no-service")
            .remedy("name the controller with --controller-name and --controller-namespace, or install it"),
        (_, Seen::Found(Readiness::Ready)) => {
            let runs = controller.deployment.found().and_then(image);
            let runs = runs.map_or_else(String::new, |image| format!(", {image}"));
            Check::ok(about, format!("{namespace}/{name} is ready{runs}"))
        }
        (_, Seen::Found(Readiness::NotReady)) => {
            Check::failed(about, format!("{namespace}/{name} runs and is not ready"))
                .code("not-ready")
                .remedy(format!("see what it waits for: {logs}"))
        }
        (_, Seen::Found(Readiness::NoEndpoint)) => Check::failed(
            about,
            format!("nothing runs behind the Service {namespace}/{name}"),
        )
        .code("no-endpoint")
        .remedy(format!(
            "if it runs as Pods, see why none is ready: kubectl get pods -n {namespace}; {logs}; if it runs elsewhere, \
             see that the process runs and the Service's endpoints name its address: kubectl get endpointslices -n \
             {namespace} -l kubernetes.io/service-name={name}"
        )),
        (_, other) => Check::unseen(about, other, "it has no /readyz: sealed-secrets before 0.40"),
    }
}

/// The certificate that it hands out.
pub(crate) fn certificate(seen: &Seen<Certificate>, now: Timestamp) -> Check {
    match seen {
        Seen::Found(found) => validity("certificate", found, now),
        other => Check::unseen("certificate", other, "the controller hands out none"),
    }
}

/// How long that certificate is valid, and how old.
pub(crate) fn validity(about: &str, found: &Certificate, now: Timestamp) -> Check {
    let days = |time: SignedDuration| time.as_hours() / 24;
    let (begin, end) = (found.not_before(), found.not_after());
    let left = end.duration_since(now);
    let what = format!(
        "{}, {} bits, {} days old",
        found.fingerprint(),
        found.key().bits(),
        days(now.duration_since(begin)).max(0)
    );
    let check = if left.is_negative() {
        Check::failed(
            about,
            format!("{what}, expired {} days ago: nobody can seal", days(-left)),
        )
        .code("certificate-expired")
        .remedy("let the controller make a new key (--key-renew-period), then fetch its certificate")
    } else if begin > now {
        Check::failed(about, format!("{what}, not valid before {begin}"))
            .code("certificate-early")
            .remedy("set the clocks right, or make another key primary")
    } else if left < SOON {
        Check::warning(about, format!("{what}, expires in {} days", days(left)))
            .code("certificate-expires")
            .remedy("let the controller make a new key (--key-renew-period)")
    } else {
        Check::ok(about, format!("{what}, {} days left", days(left)))
    };
    check
        .fact("fingerprint", found.fingerprint().to_string())
        .fact("notAfter", end.to_string())
}

/// Who leads, whether it still does, and for how long anybody did.
pub(crate) fn lease(controller: &Controller, now: Timestamp) -> Check {
    let about = "lease";
    let (name, assumed) = match controller.told.as_ref().map(|told| &told.election) {
        Some(Election::Off) => return alone(about, &controller.deployment),
        Some(Election::Unclear(why)) => return Check::unknown(about, why),
        Some(Election::By(name)) => (name.as_str(), false),
        None => (DEFAULT_NAME, true),
    };
    let unseen = "its Deployment, which may name another Lease or none, was not seen";
    let check = match &controller.lease {
        Seen::Found(lease) => held(about, lease, now),
        Seen::Absent if assumed => Check::unknown(about, format!("there is no Lease {name}; {unseen}")),
        Seen::Absent if is_upstreams(&controller.deployment) => {
            Check::ok(about, "none: the controller of sealed-secrets elects nobody")
        }
        Seen::Absent => Check::warning(about, format!("there is no Lease {name}: nobody leads"))
            .code("lease-missing")
            .remedy("see whether a controller runs and may create leases"),
        other => return Check::unseen(about, other, ""),
    };
    match assumed && check.is_finding() {
        true => check.also(unseen),
        false => check,
    }
}

// No Lease is expected. One that stands there is of former times.
fn alone(about: &str, deployment: &Seen<Deployment>) -> Check {
    let replicas = deployment.found().map_or(1, wanted);
    if replicas > 1 {
        return Check::failed(
            about,
            format!("--leader-elect=false with {replicas} replicas: they undo each other's work"),
        )
        .code("no-election")
        .remedy("set the replicas to 1, or let them elect a leader (--leader-elect)");
    }
    Check::ok(about, "none is expected: one replica, --leader-elect=false")
}

fn held(about: &str, lease: &Lease, now: Timestamp) -> Check {
    let spec = lease.spec.clone().unwrap_or_default();
    let holder = spec.holder_identity.unwrap_or_default();
    let Some(renewed) = spec.renew_time.map(|time| time.0) else {
        return Check::warning(about, "nobody has ever held it")
            .code("lease-free")
            .remedy("see whether a controller runs");
    };
    let age = now.duration_since(renewed);
    let lasts = SignedDuration::from_secs(i64::from(spec.lease_duration_seconds.unwrap_or(15)));
    let ago = format!("renewed {} s ago", age.as_secs().max(0));
    let transitions = spec.lease_transitions.unwrap_or_default();
    let check = if holder.is_empty() {
        Check::warning(about, format!("given back, {ago}"))
            .code("lease-free")
            .remedy("a controller takes it within seconds; if none does, see whether one runs")
    } else if age > lasts {
        Check::failed(
            about,
            format!("{holder} held it and went silent, {ago}: nobody leads"),
        )
        .code("lease-expired")
        .remedy("see whether a controller runs and reaches the API server, and may update leases")
    } else if is_flapping(lease, transitions, now) {
        Check::warning(
            about,
            format!("{holder} leads, {ago}; it changed hands {transitions} times in short order"),
        )
        .code("lease-flapping")
        .remedy("see why controllers restart or lose the API server: their logs, memory limits, probes")
    } else {
        Check::ok(about, format!("{holder} leads, {ago}"))
    };
    check
        .fact("lease", lease.metadata.name.clone().unwrap_or_default())
        .fact("holder", holder)
        .fact("renewed", renewed.to_string())
        .fact("transitions", transitions.to_string())
}

fn is_flapping(lease: &Lease, transitions: i32, now: Timestamp) -> bool {
    let Some(created) = lease.metadata.creation_timestamp.as_ref() else {
        return false;
    };
    let lived = now.duration_since(created.0);
    transitions >= MOST_TRANSITIONS && lived < FLAPPING * transitions
}

/// How many of its Pods are ready, and which version they run.
pub(crate) fn replicas(seen: &Seen<Deployment>) -> Check {
    let about = "replicas";
    let deployment = match seen {
        Seen::Found(deployment) => deployment,
        other => return Check::unseen(about, other, "there is no Deployment of the controller's name"),
    };
    let wanted = wanted(deployment);
    let ready = deployment
        .status
        .as_ref()
        .and_then(|status| status.ready_replicas)
        .unwrap_or_default();
    let image = image(deployment).unwrap_or_else(|| "an unnamed image".to_owned());
    let what = format!("{ready} of {wanted} ready, {image}");
    let check = if ready == 0 {
        Check::failed(about, what)
            .code("no-replica")
            .remedy("see why: kubectl describe the Deployment and its Pods")
    } else if ready < wanted {
        Check::warning(about, what)
            .code("few-replicas")
            .remedy("see why: kubectl describe the Pods that are not ready")
    } else {
        Check::ok(about, what)
    };
    check
        .fact("ready", ready.to_string())
        .fact("wanted", wanted.to_string())
}

fn wanted(deployment: &Deployment) -> i32 {
    let spec = deployment.spec.as_ref();
    spec.and_then(|spec| spec.replicas).unwrap_or(1)
}

fn image(deployment: &Deployment) -> Option<String> {
    container(deployment)?.image.clone()
}

// By the image's name, which mirrors keep; upstream's and ours share everything else.
fn is_upstreams(deployment: &Seen<Deployment>) -> bool {
    let image = deployment.found().and_then(image).unwrap_or_default();
    let path = image.split('@').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(':').next() == Some("sealed-secrets-controller")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
    use seal_core::{KeySize, PrivateKey, SelfSigned, SystemRandom};

    use super::super::told::Told;
    use super::*;
    use crate::report::State;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn ago(seconds: i64) -> Timestamp {
        NOW - SignedDuration::from_secs(seconds)
    }

    fn of(holder: &str, renewed: i64, transitions: i32, created: i64) -> Seen<Lease> {
        let mut lease = Lease::default();
        lease.metadata.creation_timestamp = Some(Time(ago(created)));
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            renew_time: Some(MicroTime(ago(renewed))),
            lease_duration_seconds: Some(15),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        });
        Seen::Found(lease)
    }

    fn controller(arguments: Option<&[&str]>, replicas: i32, image: &str, lease: Seen<Lease>) -> Controller {
        let deployment = arguments.map_or(Seen::Absent, |arguments| {
            let deployment = serde_json::json!({"metadata": {}, "spec": {"replicas": replicas, "selector": {},
                "template": {"spec": {"containers": [{"name": "c", "image": image, "args": arguments}]}}}});
            Seen::Found(serde_json::from_value(deployment).unwrap())
        });
        Controller {
            namespace: String::new(),
            name: String::new(),
            service: Seen::Absent,
            readiness: Seen::Absent,
            certificate: Seen::Absent,
            told: deployment.found().and_then(Told::of),
            deployment,
            lease,
        }
    }

    #[test]
    fn a_lease_is_held_given_back_expired_or_flapping() {
        let year = 365 * 86_400;
        for (seen, state, code) in [
            (of("pod-a", 3, 0, 60), State::Ok, None),
            (of("pod-a", 3, 40, year), State::Ok, None),
            (of("pod-a", 3, 40, 3_600), State::Warning, Some("lease-flapping")),
            (of("pod-a", 16, 0, 60), State::Failed, Some("lease-expired")),
            (of("", 3, 1, year), State::Warning, Some("lease-free")),
            (Seen::Found(Lease::default()), State::Warning, Some("lease-free")),
            (Seen::Absent, State::Warning, Some("lease-missing")),
            (Seen::Unknown("broken".to_owned()), State::Unknown, None),
        ] {
            let check = lease(&controller(Some(&[]), 2, "seal:1", seen), NOW);
            assert_eq!(
                (check.state, check.code.as_deref()),
                (state, code),
                "{}",
                check.what
            );
        }
    }

    #[test]
    fn a_lease_is_expected_where_one_is_to_be_elected() {
        let alone: &[&str] = &["--leader-elect=false"];
        let upstreams = "mirror.example:5000/bitnami/sealed-secrets-controller:0.31@sha256:0";
        let silent = || of("pod-a", 16, 0, 60);
        for (controller, state, code) in [
            (controller(Some(alone), 1, "seal:1", silent()), State::Ok, None),
            (
                controller(Some(alone), 2, "seal:1", Seen::Absent),
                State::Failed,
                Some("no-election"),
            ),
            (controller(Some(&[]), 1, upstreams, Seen::Absent), State::Ok, None),
            (
                controller(Some(&["--leader-elect=maybe"]), 1, "seal:1", silent()),
                State::Unknown,
                None,
            ),
            // Which one it would be, nobody said.
            (controller(None, 1, "", Seen::Absent), State::Unknown, None),
            (controller(None, 1, "", of("pod-a", 3, 0, 60)), State::Ok, None),
            (
                controller(None, 1, "", silent()),
                State::Failed,
                Some("lease-expired"),
            ),
        ] {
            let check = lease(&controller, NOW);
            assert_eq!(
                (check.state, check.code.as_deref()),
                (state, code),
                "{}",
                check.what
            );
            let in_doubt = controller.told.is_none() && state != State::Ok;
            assert_eq!(check.what.contains("was not seen"), in_doubt, "{}", check.what);
        }
    }

    #[test]
    fn a_certificate_is_good_ends_soon_has_ended_or_has_not_begun() {
        let key = PrivateKey::generate(KeySize::Bits2048).unwrap();
        let day = 86_400;
        for (begin, days, state, code) in [
            (10 * day, 3650, State::Ok, None),
            (10 * day, 39, State::Warning, Some("certificate-expires")),
            (10 * day, 9, State::Failed, Some("certificate-expired")),
            (-2 * day, 3650, State::Failed, Some("certificate-early")),
        ] {
            let contents = SelfSigned {
                common_name: "",
                not_before: ago(begin),
                lifetime: std::time::Duration::from_secs(days * 86_400),
            };
            let made = Certificate::self_signed(&key, &contents, &mut SystemRandom).unwrap();
            let check = certificate(&Seen::Found(made), NOW);
            assert_eq!(
                (check.state, check.code.as_deref()),
                (state, code),
                "{}",
                check.what
            );
        }
    }

    #[test]
    fn a_deployment_has_all_some_or_none_of_its_pods() {
        for (ready, state) in [(2, State::Ok), (1, State::Warning), (0, State::Failed)] {
            let deployment: Deployment = serde_json::from_value(serde_json::json!({
                "metadata": {}, "spec": {"replicas": 2, "selector": {}, "template": {"spec": {"containers": [{"name": "c", "image": "seal:1"}]}}},
                "status": {"readyReplicas": ready}
            }))
            .unwrap();
            let check = replicas(&Seen::Found(deployment));
            assert_eq!(check.state, state);
            assert_eq!(check.what, format!("{ready} of 2 ready, seal:1"));
        }
    }
}
