//! What a provider's block refers to in Kubernetes, for those who explain it. Found by the shapes that all providers
//! share, so that the blocks of providers that we do not have are understood as well.

use serde_json::{Map, Value};

use super::StoreProvider;

/// Something in Kubernetes that a block refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred {
    /// Where, such as `vault.auth.tokenSecretRef`.
    pub field: String,
    /// What.
    pub kind: ReferredKind,
    /// In which namespace, if it is named.
    pub namespace: Option<String>,
    /// By which name.
    pub name: String,
    /// Which entry of it, if it is named.
    pub key: Option<String>,
}

/// What may be referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferredKind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
    /// A ServiceAccount, for whom tokens are made.
    ServiceAccount,
}

impl StoreProvider {
    /// All that it refers to, in the order of the block.
    pub fn references(&self) -> Vec<Referred> {
        let mut found = Vec::new();
        for (name, block) in &self.0 {
            walk(name.clone(), "", block, &mut found);
        }
        // However the block was written down.
        found.sort_by(|one, other| one.field.cmp(&other.field));
        found
    }
}

fn walk(path: String, field: &str, value: &Value, found: &mut Vec<Referred>) {
    match value {
        Value::Object(map) => match kind_of(field, map) {
            Some(kind) => {
                let text = |field: &str| {
                    let text = map.get(field).and_then(Value::as_str);
                    text.filter(|text| !text.is_empty()).map(str::to_owned)
                };
                found.push(Referred {
                    kind,
                    namespace: text("namespace"),
                    name: text("name").unwrap_or_default(),
                    key: text("key"),
                    field: path,
                });
            }
            None => map
                .iter()
                .for_each(|(name, inner)| walk(format!("{path}.{name}"), name, inner, found)),
        },
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, inner)| walk(format!("{path}[{index}]"), "", inner, found)),
        _ => {}
    }
}

fn kind_of(field: &str, map: &Map<String, Value>) -> Option<ReferredKind> {
    let text = |field: &str| {
        map.get(field)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    text("name")?;
    match field {
        "caProvider" if text("type") == Some("ConfigMap") => Some(ReferredKind::ConfigMap),
        "caProvider" => Some(ReferredKind::Secret),
        "serviceAccount" | "serviceAccountRef" => Some(ReferredKind::ServiceAccount),
        _ if text("key").is_some() || field.ends_with("Ref") => Some(ReferredKind::Secret),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(provider: Value) -> Vec<(String, ReferredKind, String)> {
        let provider: StoreProvider = serde_json::from_value(provider).unwrap();
        let all = provider.references().into_iter();
        all.map(|one| {
            let namespace = one.namespace.map(|namespace| format!("{namespace}/"));
            let key = one.key.map(|key| format!(":{key}"));
            let (namespace, key) = (namespace.unwrap_or_default(), key.unwrap_or_default());
            (one.field, one.kind, format!("{namespace}{}{key}", one.name))
        })
        .collect()
    }

    fn is(field: &str, kind: ReferredKind, what: &str) -> (String, ReferredKind, String) {
        (field.to_owned(), kind, what.to_owned())
    }

    #[test]
    fn every_reference_of_the_providers_that_we_have_is_found() {
        use ReferredKind::{ConfigMap, Secret, ServiceAccount};
        let vault = json!({"vault": {
            "server": "https://a", "path": "secret",
            "auth": {
                "appRole": {"path": "approle", "roleId": "r", "secretRef": {"name": "role", "key": "id"}},
                "jwt": {"kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "app", "namespace": "n"}}},
            },
            "caProvider": {"type": "ConfigMap", "name": "ca", "key": "ca.crt", "namespace": "n"},
            "tls": {"certSecretRef": {"name": "tls"}},
        }});
        assert_eq!(
            found(vault),
            [
                is("vault.auth.appRole.secretRef", Secret, "role:id"),
                is(
                    "vault.auth.jwt.kubernetesServiceAccountToken.serviceAccountRef",
                    ServiceAccount,
                    "n/app"
                ),
                is("vault.caProvider", ConfigMap, "n/ca:ca.crt"),
                is("vault.tls.certSecretRef", Secret, "tls"),
            ]
        );
        let kubernetes = json!({"kubernetes": {"remoteNamespace": "other", "server": {"caProvider": {"type": "Secret", "name": "ca"}},
            "auth": {"token": {"bearerToken": {"name": "t", "key": "token"}}, "serviceAccount": {"name": "reader"}}}});
        assert_eq!(
            found(kubernetes),
            [
                is("kubernetes.auth.serviceAccount", ServiceAccount, "reader"),
                is("kubernetes.auth.token.bearerToken", Secret, "t:token"),
                is("kubernetes.server.caProvider", Secret, "ca"),
            ]
        );
        let webhook = json!({"webhook": {"url": "https://a", "secrets": [{"name": "auth", "secretRef": {"name": "w", "key": "k"}}]}});
        assert_eq!(
            found(webhook),
            [is("webhook.secrets[0].secretRef", Secret, "w:k")]
        );
        let fake = json!({"fake": {"data": [{"key": "a", "value": "name"}]}});
        assert_eq!(found(fake), []);
    }

    #[test]
    fn those_of_a_provider_that_we_have_not_are_found_too() {
        let aws = json!({"aws": {"region": "x", "auth": {"secretRef": {
            "accessKeyIDSecretRef": {"name": "keys", "key": "id"}}}}});
        let expected = is(
            "aws.auth.secretRef.accessKeyIDSecretRef",
            ReferredKind::Secret,
            "keys:id",
        );
        assert_eq!(found(aws), [expected]);
    }
}
