//! Stores of other kinds, each from end to end, beside a controller that logs all it can: the value may come up in its
//! Secret only.

use kube::api::ListParams;
use seal_testbed::{Canary, wait_for};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::ground::{Ground, Place, SOON, place_on, start_with, value};
use super::service::Service;

static LOUD: OnceCell<Ground> = OnceCell::const_new();

/// A ground of its own, whose controller says everything.
pub(crate) async fn loud() -> &'static Ground {
    LOUD.get_or_init(async || {
        start_with(&["--log-level=trace"])
            .await
            .expect("a loud controller")
    })
    .await
}

/// That the value is nowhere but in Secrets.
async fn is_silent(place: &Place, canary: &Canary) {
    assert_eq!(canary.find_below(loud().await.controller.log_path()).unwrap(), []);
    let objects = place.objects().list(&ListParams::default()).await.unwrap().items;
    let statuses: Vec<_> = objects.into_iter().map(|object| object.status).collect();
    assert!(!statuses.is_empty());
    assert_eq!(canary.find_in(&serde_json::to_vec(&statuses).unwrap()), []);
}

fn from(store: &Value, more: Value) -> Value {
    let mut spec = json!({"secretStoreRef": store});
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    spec
}

fn entry(entry: &str, reference: Value) -> Value {
    json!({"secretKey": entry, "remoteRef": reference})
}

#[tokio::test]
async fn a_fake_store_answers_by_version_property_and_name_and_tells_its_faults() {
    let place = place_on(loud().await, "fakes").await;
    let canary = Canary::new().unwrap();
    let data = json!([
        {"key": "/app", "value": json!({"password": canary.text()}).to_string()},
        {"key": "/app", "version": "v1", "value": "old"},
        {"key": "/other", "value": "other"},
    ]);
    place
        .create(
            "SecretStore",
            "fake",
            json!({"provider": {"fake": {"data": data}}}),
        )
        .await;
    let data = [
        entry("password", json!({"key": "/app", "property": "password"})),
        entry("old", json!({"key": "/app", "version": "v1"})),
    ];
    let find = json!([{"find": {"name": {"regexp": "other"}}}]);
    let store = json!({"name": "fake"});
    place
        .external("app", from(&store, json!({"data": data, "dataFrom": find})))
        .await;
    let secret = place.holds("app", "password", canary.text()).await;
    assert_eq!(value(&secret, "old").as_deref(), Some("old"));
    assert_eq!(value(&secret, "_other").as_deref(), Some("other"));

    let missing = [entry("a", json!({"key": "/app", "property": "never"}))];
    place
        .external("missing", from(&store, json!({"data": missing})))
        .await;
    let (_, message) = place.ready("missing", "False").await;
    assert!(message.contains("Secret does not exist"), "{message}");
    is_silent(&place, &canary).await;
}

/// Secrets in another namespace, and whoever may read them: an account, and a user with a certificate.
async fn remote(ground: &Ground, remote: &str, home: &str, canary: &Canary) {
    ground.plane.namespace(remote).await.unwrap();
    let group = "rbac.authorization.k8s.io";
    for object in [
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app", "namespace": remote},
            "stringData": {"password": canary.text(), "user": "ann"}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "reader", "namespace": remote},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "reader", "namespace": remote},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "namespace": home, "name": "reader"},
                {"apiGroup": group, "kind": "User", "name": "certified"}]}),
    ] {
        ground.plane.apply(&object.to_string()).await.unwrap();
    }
}

#[tokio::test]
async fn a_kubernetes_store_reads_another_namespace_as_account_token_certificate_and_kubeconfig() {
    let ground = loud().await;
    let place = place_on(ground, "nearby").await;
    let canary = Canary::new().unwrap();
    remote(ground, "faraway", "nearby", &canary).await;
    let user = "system:serviceaccount:nearby:reader";
    let token = ground.plane.token(user).await.unwrap();
    let (chain, key) = ground.plane.client_certificate("certified").unwrap();
    let kubeconfig = ground.plane.kubeconfig(user).await.unwrap();
    let kubeconfig = std::fs::read_to_string(kubeconfig).unwrap();
    place
        .make_secret(
            "access",
            &[
                ("token", &token),
                ("tls.crt", &chain),
                ("tls.key", &key),
                ("config", &kubeconfig),
            ],
        )
        .await;
    place
        .make_secret("authority", &[("ca.crt", ground.plane.ca_pem())])
        .await;
    let server = json!({"url": ground.plane.url(), "caProvider": {"type": "Secret", "name": "authority", "key": "ca.crt"}});
    let by = |auth: Value| json!({"server": server, "auth": auth, "remoteNamespace": "faraway"});
    let access = |key: &str| json!({"name": "access", "key": key});
    let stores = [
        ("account", by(json!({"serviceAccount": {"name": "reader"}}))),
        ("token", by(json!({"token": {"bearerToken": access("token")}}))),
        (
            "certificate",
            by(json!({"cert": {"clientCert": access("tls.crt"), "clientKey": access("tls.key")}})),
        ),
        (
            "kubeconfig",
            json!({"authRef": access("config"), "remoteNamespace": "faraway"}),
        ),
    ];
    for (name, provider) in stores {
        place
            .create("SecretStore", name, json!({"provider": {"kubernetes": provider}}))
            .await;
        let spec = json!({"dataFrom": [{"extract": {"key": "app"}}]});
        place.external(name, from(&json!({"name": name}), spec)).await;
        let secret = place.holds(name, "password", canary.text()).await;
        assert_eq!(value(&secret, "user").as_deref(), Some("ann"), "{name}");
    }
    is_silent(&place, &canary).await;
    let log = std::fs::read_to_string(ground.controller.log_path()).unwrap();
    assert!(!log.contains(&token), "the token is in the log");
}

#[tokio::test]
async fn a_store_of_a_namespace_cannot_borrow_an_account_and_a_cluster_store_lends_each_its_own() {
    let ground = loud().await;
    let (own, other) = (
        place_on(ground, "lender").await,
        place_on(ground, "borrower").await,
    );
    let canary = Canary::new().unwrap();
    remote(ground, "lent", "lender", &canary).await;
    for user in ["lender", "borrower"] {
        ground.plane.service_account(user, "reader").await.unwrap();
    }
    let ca = base64(ground.plane.ca_pem());
    let by = |account: Value| {
        json!({"provider": {"kubernetes": {"server": {"url": ground.plane.url(), "caBundle": ca},
            "auth": {"serviceAccount": account}, "remoteNamespace": "lent"}}})
    };
    other
        .create(
            "SecretStore",
            "theirs",
            by(json!({"name": "reader", "namespace": "lender"})),
        )
        .await;
    own.create(
        "ClusterSecretStore",
        "each-its-own",
        by(json!({"name": "reader"})),
    )
    .await;
    let data = json!({"data": [entry("password", json!({"key": "app", "property": "password"}))]});
    let cluster = json!({"name": "each-its-own", "kind": "ClusterSecretStore"});
    // First the one who may, so that a client that were shared would be at hand for the other.
    own.external("app", from(&cluster, data.clone())).await;
    own.holds("app", "password", canary.text()).await;
    other.external("app", from(&cluster, data.clone())).await;
    let (_, message) = other.ready("app", "False").await;
    assert!(message.contains("403"), "{message}");
    other
        .external("stolen", from(&json!({"name": "theirs"}), data))
        .await;
    let (_, message) = other.ready("stolen", "False").await;
    assert!(
        message.contains("lender") && !message.contains("403"),
        "{message}"
    );
    is_silent(&other, &canary).await;
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn a_webhook_is_asked_with_key_property_and_its_own_secret_and_told_apart_from_a_searchable_store() {
    let place = place_on(loud().await, "hooked").await;
    let canary = Canary::new().unwrap();
    let answer = json!({"result": {"password": canary.text()}}).to_string();
    let service = Service::start(move |asked| {
        let is_known = asked.head.contains("x-token: s3cret-of-the-service\r\n")
            && asked.head.starts_with("POST /v1/team%2Fapp?property=password ");
        match is_known {
            true => ("200 OK".to_owned(), answer.clone()),
            // A service that repeats what it must not say.
            false => ("403 Forbidden".to_owned(), answer.clone()),
        }
    });
    let service = service.await.unwrap();
    let spec = json!({"provider": {"webhook": {
        "url": format!("{}/v1/{{{{ .remoteRef.key }}}}?property={{{{ .remoteRef.property }}}}", service.url),
        "method": "POST",
        "headers": {"x-token": "{{ .auth.token }}"},
        "body": "{\"for\":\"{{ .remoteRef.namespace }}\"}",
        "result": {"jsonPath": "$.result.{{ .remoteRef.property }}"},
        "secrets": [{"name": "auth", "secretRef": {"name": "service"}}],
    }}});
    place
        .make_secret("service", &[("token", "s3cret-of-the-service")])
        .await;
    place.create("SecretStore", "hook", spec).await;
    let store = json!({"name": "hook"});
    let data = json!({"data": [entry("password", json!({"key": "team/app", "property": "password"}))]});
    place.external("app", from(&store, data)).await;
    // Its owner has not said that this Secret may be sent to services.
    let (_, message) = place.ready("app", "False").await;
    assert!(message.contains("external-secrets.io/type"), "{message}");
    assert_eq!(service.asked().len(), 0);
    let label = json!({"metadata": {"labels": {"external-secrets.io/type": "webhook"}}});
    place.patch_secret("service", label).await;
    place.holds("app", "password", canary.text()).await;
    let asked = service.asked().pop().unwrap();
    assert_eq!(asked.body, r#"{"for":"hooked"}"#);
    let stores: kube::Api<seal_api::external_secrets::SecretStore> =
        kube::Api::namespaced(place.client.clone(), "hooked");
    let told = wait_for("the store's capabilities", SOON, async || {
        let status = stores.get("hook").await?.status.unwrap_or_default();
        Ok(status
            .capabilities
            .map(|capabilities| (capabilities, status.conditions)))
    });
    let (capabilities, conditions) = told.await.unwrap();
    assert_eq!(serde_json::to_value(capabilities).unwrap(), "ReadOnly");
    assert_eq!(conditions[0].status, "True");

    let unknown = json!({"data": [entry("a", json!({"key": "never", "property": "password"}))]});
    place.external("refused", from(&store, unknown)).await;
    let (_, message) = place.ready("refused", "False").await;
    assert!(message.contains("403"), "{message}");
    place
        .external(
            "found",
            from(
                &store,
                json!({"dataFrom": [{"find": {"name": {"regexp": ".*"}}}]}),
            ),
        )
        .await;
    let (_, message) = place.ready("found", "False").await;
    assert!(message.contains("cannot be searched"), "{message}");
    is_silent(&place, &canary).await;
    let log = std::fs::read_to_string(loud().await.controller.log_path()).unwrap();
    assert!(
        !log.contains("s3cret-of-the-service"),
        "the service's token is in the log"
    );
}
