//! When the chaos is over: whether all comes to rest as the script says, and what was left or taken.

mod keys;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use seal_api::SealedSecret;

use crate::perform::{Performer, VERSION};
use crate::place::{ENTRIES, NAMESPACES, Place, STORES_NAMESPACE};
use crate::replica::Replica;
use crate::script::{Object, Script, State};
use crate::stage::USER;

const DEADLINE: Duration = Duration::from_secs(180);
const LEAK_DEADLINE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// Ends all faults and waits until everything is as it should be; what is not is returned. The second
/// value is how long it took.
pub(crate) async fn come_to_rest(
    performer: &mut Performer<'_>,
    script: &Script,
) -> anyhow::Result<(Vec<String>, Duration)> {
    let begin = Instant::now();
    for replica in &performer.stage.replicas {
        replica.proxy.clear();
    }
    performer.open_gates(true);
    if let Some(stores) = &performer.stores {
        stores.clear();
    }
    // Kubernetes' garbage collector does not notice that an object is another one when it was deleted and
    // made again while the collector's watch was away; a new one does.
    performer.stage.plane.restart_controller_manager().await?;
    loop {
        performer.stage.tend(true).await?;
        let client = &performer.stage.client;
        let mut differences = differences(client, script.objects()).await?;
        if let Some(stores) = script.stores() {
            differences.extend(crate::stores::ending::differences(client, stores).await?);
        }
        let word = performer.bench.judge().renewals.last_word().map(str::to_owned);
        differences.extend(keys::differences(client, &script.keys(), word.as_deref()).await?);
        if differences.is_empty() || begin.elapsed() > DEADLINE {
            return Ok((differences, begin.elapsed()));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// What nobody may have done, by the API server's own account.
pub(crate) async fn forbidden_calls(performer: &Performer<'_>) -> anyhow::Result<Vec<String>> {
    let deletions = performer
        .stage
        .plane
        .audit()
        .all()
        .await?
        .user(USER)
        .only(|call| call.verb.starts_with("delete"))
        // There a policy may ask for it, and the judge knows when.
        .only(|call| (&*call.resource, &*call.namespace) != ("secrets", STORES_NAMESPACE));
    Ok(deletions
        .calls
        .iter()
        .map(|call| format!("the controller asked for {} {}", call.verb, call.uri))
        .collect())
}

/// What every replica holds when no call is under way and no connection is kept for the next one, and
/// complaints about those that leak.
pub(crate) async fn leaks(performer: &mut Performer<'_>) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let begin = Instant::now();
    for replica in &performer.stage.replicas {
        replica.proxy.cut_all();
    }
    if let Some(stores) = &performer.stores {
        stores.cut_all();
    }
    loop {
        performer.stage.tend(true).await?;
        let complaints: Vec<String> = performer
            .stage
            .replicas
            .iter()
            .filter_map(Replica::leak)
            .collect();
        if complaints.is_empty() || begin.elapsed() > LEAK_DEADLINE {
            let told = performer.stage.replicas.iter().map(Replica::describe).collect();
            return Ok((told, complaints));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

async fn differences(client: &Client, objects: &[(Place, Object)]) -> anyhow::Result<Vec<String>> {
    let (mut standing, mut secrets) = (HashMap::new(), HashMap::new());
    for namespace in NAMESPACES {
        let all: Api<SealedSecret> = Api::namespaced(client.clone(), namespace);
        let found = all.list(&ListParams::default()).await?;
        let found = found
            .into_iter()
            .map(|object| (place_of(namespace, &object), object));
        standing.extend(found.filter_map(|(place, object)| Some((place?, object))));
        let all: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let found = all.list(&ListParams::default()).await?;
        let found = found
            .into_iter()
            .map(|secret| (place_of(namespace, &secret), secret));
        secrets.extend(found.filter_map(|(place, secret)| Some((place?, secret))));
    }
    let differs = |(place, expected): &(Place, Object)| {
        let complaint = difference(*place, *expected, standing.get(place), secrets.get(place))?;
        Some(format!("{place} at version {}: {complaint}", expected.version))
    };
    Ok(objects.iter().filter_map(differs).collect())
}

fn place_of(namespace: &str, object: &impl ResourceExt) -> Option<Place> {
    Place::find(namespace, &object.name_any())
}

fn difference(
    place: Place,
    expected: Object,
    object: Option<&SealedSecret>,
    secret: Option<&Secret>,
) -> Option<String> {
    let Some(object) = object else {
        return match (expected.state, secret) {
            (State::Absent, None) => None,
            (State::Absent, Some(_)) => Some("its Secret outlives it".to_owned()),
            _ => Some("the object does not stand".to_owned()),
        };
    };
    if expected.state == State::Absent {
        return Some("the object still stands".to_owned());
    }
    if object.annotations().get(VERSION) != Some(&expected.version.to_string()) {
        return Some("the object is at another version".to_owned());
    }
    let status = object.status.clone().unwrap_or_default();
    if status.observed_generation != object.metadata.generation {
        return Some("its status is about an older generation".to_owned());
    }
    let synced = status
        .conditions
        .iter()
        .find(|condition| condition.kind == "Synced");
    let synced = synced.map_or("", |condition| &condition.status);
    match expected.state {
        // What its Secret says was judged when it was seen; it may also have been deleted since.
        State::Broken => (synced != "False").then(|| format!("Synced={synced}, and it does not open")),
        _ if synced != "True" => Some(format!("Synced={synced}, and it opens")),
        _ => secret_difference(place, expected.version, object, secret),
    }
}

fn secret_difference(
    place: Place,
    version: u64,
    object: &SealedSecret,
    secret: Option<&Secret>,
) -> Option<String> {
    let Some(secret) = secret else {
        return Some("it has no Secret".to_owned());
    };
    let owned = secret
        .owner_references()
        .iter()
        .any(|owner| Some(&owner.uid) == object.metadata.uid.as_ref());
    if !owned {
        return Some("its Secret belongs to somebody else".to_owned());
    }
    let text = place.text(version);
    let data = secret.data.clone().unwrap_or_default();
    let right = data.len() == ENTRIES.len() && data.values().all(|value| value.0 == text.as_bytes());
    (!right).then(|| "its Secret is at another version".to_owned())
}
