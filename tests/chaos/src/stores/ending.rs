//! Whether all ExternalSecrets and their Secrets stand as the script says.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use seal_api::external_secrets::{ExternalSecret, names};

use super::script::{Order, StoreScript};
use crate::place::{ENTRIES, Place, STORES_NAMESPACE};

/// What is not as it should be.
pub(crate) async fn differences(client: &Client, script: &StoreScript) -> anyhow::Result<Vec<String>> {
    let objects: Api<ExternalSecret> = Api::namespaced(client.clone(), STORES_NAMESPACE);
    let objects = objects.list(&ListParams::default()).await?;
    let objects: HashMap<String, ExternalSecret> = objects
        .into_iter()
        .map(|object| (object.name_any(), object))
        .collect();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), STORES_NAMESPACE);
    let secrets = secrets.list(&ListParams::default()).await?;
    let secrets: HashMap<String, Secret> = secrets
        .into_iter()
        .map(|secret| (secret.name_any(), secret))
        .collect();
    let differs = |order: Order| {
        let name = order.place.name();
        let complaint = difference(&order, objects.get(&name), secrets.get(&name))?;
        Some(format!(
            "{} of version {}: {complaint}",
            order.place, order.source.version
        ))
    };
    Ok(script.orders().filter_map(differs).collect())
}

fn difference(order: &Order, object: Option<&ExternalSecret>, secret: Option<&Secret>) -> Option<String> {
    let Order {
        place,
        stands,
        source,
    } = order;
    let object = match (stands, object, secret) {
        (false, None, None) => return None,
        (false, None, Some(_)) => return Some("its Secret outlives it".to_owned()),
        (false, Some(_), _) => return Some("the object still stands".to_owned()),
        (true, None, _) => return Some("the object does not stand".to_owned()),
        (true, Some(object), _) => object,
    };
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    let mut conditions = conditions
        .into_iter()
        .filter(|condition| condition.kind == names::READY);
    let Some(ready) = conditions.next() else {
        return Some("it has no status".to_owned());
    };
    let reason = ready.reason.as_deref().unwrap_or_default();
    let told = format!(
        "Ready={} for {reason}, {}",
        ready.status,
        ready.message.as_deref().unwrap_or_default()
    );
    let expected = match (source.there, place.deletes()) {
        (true, _) => ("True", names::SECRET_SYNCED),
        (false, true) => ("True", names::SECRET_DELETED),
        (false, false) => ("False", names::SECRET_SYNCED_ERROR),
    };
    if (ready.status.as_str(), reason) != expected {
        return Some(told);
    }
    match (source.there, secret) {
        (true, None) => Some("it has no Secret".to_owned()),
        (true, Some(secret)) => secret_difference(*place, source.version, object, secret),
        (false, Some(_)) if place.deletes() => Some("its Secret was to be deleted".to_owned()),
        (false, _) => None,
    }
}

fn secret_difference(place: Place, version: u64, object: &ExternalSecret, secret: &Secret) -> Option<String> {
    let mut owners = secret.owner_references().iter();
    if !owners.any(|owner| Some(&owner.uid) == object.metadata.uid.as_ref()) {
        return Some("its Secret belongs to somebody else".to_owned());
    }
    let text = place.source().text(version);
    let data = secret.data.clone().unwrap_or_default();
    let right = data.len() == ENTRIES.len() && data.values().all(|value| value.0 == text.as_bytes());
    (!right).then(|| "its Secret is at another version".to_owned())
}
