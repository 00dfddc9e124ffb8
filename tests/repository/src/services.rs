//! Services: a Kustomize base each, an overlay for each environment; and what a cluster needs beside them.

use fastrand::Rng;
use seal_core::{PublicKey, Scope};

use crate::sealed::{Spelling, Wanted, add as add_sealed, password};
use crate::{ENVIRONMENTS, Repository, namespace};

const NAMES: [&str; 12] = [
    "cart", "catalog", "checkout", "delivery", "identity", "invoice", "mailer", "payment", "pricing",
    "search", "stock", "web",
];

/// The service at `index`.
pub(crate) fn add(repository: &mut Repository, index: usize, random: &mut Rng, key: &PublicKey) {
    let name = match index / NAMES.len() {
        0 => NAMES[index].to_owned(),
        round => format!("{}-{round}", NAMES[index % NAMES.len()]),
    };
    let mut resources = base(repository, &name, random);
    // Values for all environments alike are sealed for any namespace, which Kustomize sets.
    if index % 4 == 1 {
        let stem = format!("services/{name}/base/sealed-licence");
        let object = format!("{name}-licence");
        let wanted = Wanted {
            stem: &stem,
            environment: None,
            name: &object,
            scope: Scope::ClusterWide,
            spelling: Spelling::ALL[index / 4 % 2],
            values: vec![("licence", password(random))],
            template: false,
        };
        resources.push(file_of(&add_sealed(repository, wanted, key)));
    }
    let list = listed(&resources);
    repository.put(
        &format!("services/{name}/base/kustomization.yaml"),
        format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{list}"),
    );
    for (number, environment) in ENVIRONMENTS.iter().enumerate() {
        overlay(
            repository,
            &name,
            environment,
            index * ENVIRONMENTS.len() + number,
            random,
            key,
        );
    }
}

fn base(repository: &mut Repository, name: &str, random: &mut Rng) -> Vec<String> {
    let (port, memory) = (random.u16(3000..9000), random.u32(1..16) * 64);
    let version = format!("{}.{}.{}", random.u8(1..5), random.u8(0..20), random.u8(0..10));
    let object = |version: &str, kind: &str, rest: &str| {
        format!("apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n{rest}")
    };
    let deployment = format!(
        "  labels: &labels\n    app.kubernetes.io/name: {name}\nspec:\n  selector:\n    matchLabels: *labels\n  \
         template:\n    metadata:\n      labels: *labels\n    spec:\n      containers:\n        - name: {name}\n          \
         image: registry.example.com/shop/{name}:{version}\n          ports:\n            - containerPort: {port}\n          \
         envFrom:\n            - secretRef:\n                name: {name}-db # sealed\n          resources:\n            \
         limits: {{memory: {memory}Mi}}\n"
    );
    let service = format!(
        "spec:\n  ports: [{{port: 80, targetPort: {port}}}]\n  selector: {{app.kubernetes.io/name: {name}}}\n"
    );
    let script = "data:\n  start.sh: |\n    #!/bin/sh\n    set -e\n    : \"${PASSWORD:?it stands in the Secret}\"\n    exec /srv/run\n";
    let ingress = format!(
        "  annotations:\n    nginx.ingress.kubernetes.io/auth-secret: {name}-basic\nspec:\n  rules:\n    - host: \
         {name}.example.com\n      http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: \
         {{number: 80}}}}}}}}]}}\n"
    );
    let scaler = format!(
        "spec:\n  minReplicas: 1\n  maxReplicas: {}\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}\n",
        random.u8(2..9)
    );
    let policy = "spec:\n  podSelector: {}\n  policyTypes: [Ingress]\n";
    let budget = format!(
        "spec:\n  minAvailable: 1\n  selector:\n    matchLabels: {{app.kubernetes.io/name: {name}}}\n"
    );
    let all = [
        ("deployment", object("apps/v1", "Deployment", &deployment)),
        ("service", object("v1", "Service", &service)),
        ("configmap", object("v1", "ConfigMap", script)),
        ("ingress", object("networking.k8s.io/v1", "Ingress", &ingress)),
        (
            "autoscaler",
            object("autoscaling/v2", "HorizontalPodAutoscaler", &scaler),
        ),
        (
            "networkpolicy",
            object("networking.k8s.io/v1", "NetworkPolicy", policy),
        ),
        (
            "disruptionbudget",
            object("policy/v1", "PodDisruptionBudget", &budget),
        ),
        (
            "serviceaccount",
            object("v1", "ServiceAccount", "automountServiceAccountToken: false\n"),
        ),
    ];
    all.into_iter()
        .map(|(file, text)| {
            repository.put(&format!("services/{name}/base/{file}.yaml"), text);
            format!("{file}.yaml")
        })
        .collect()
}

fn overlay(
    repository: &mut Repository,
    name: &str,
    environment: &str,
    number: usize,
    random: &mut Rng,
    key: &PublicKey,
) {
    let folder = format!("services/{name}/overlays/{environment}");
    let mut resources = vec!["../../base".to_owned()];
    let spelling = Spelling::ALL[number % Spelling::ALL.len()];
    let (stem, object) = (format!("{folder}/sealed-db"), format!("{name}-db"));
    let database = Wanted {
        stem: &stem,
        environment: Some(environment),
        name: &object,
        scope: Scope::Strict,
        spelling,
        values: vec![
            ("password", password(random)),
            ("username", format!("{name}_{environment}")),
        ],
        template: number.is_multiple_of(3),
    };
    resources.push(file_of(&add_sealed(repository, database, key)));
    let (stem, object) = (format!("{folder}/sealed-tokens"), format!("{name}-tokens"));
    let tokens = Wanted {
        stem: &stem,
        environment: Some(environment),
        name: &object,
        scope: if number % 5 == 2 {
            Scope::NamespaceWide
        } else {
            Scope::Strict
        },
        spelling: Spelling::ALL[(number + 3) % Spelling::ALL.len()],
        values: vec![
            ("api", password(random)),
            // Values of several lines, and empty ones, are values.
            ("empty", String::new()),
            (
                "note.txt",
                format!("line one\n\tline two: {}\n", password(random)),
            ),
        ],
        template: false,
    };
    resources.push(file_of(&add_sealed(repository, tokens, key)));
    let replicas = random.u8(1..6);
    repository.put(
        &format!("{folder}/replicas.yaml"),
        format!("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  replicas: {replicas}\n"),
    );
    repository.put(
        &format!("{folder}/settings.json"),
        format!("{{\n  \"log\": \"info\",\n  \"environment\": \"{environment}\",\n  \"secretName\": \"{name}-db\"\n}}\n"),
    );
    let (namespace, list) = (namespace(environment), listed(&resources));
    repository.put(
        &format!("{folder}/kustomization.yaml"),
        format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {namespace}\nresources:\n{list}\
             patches:\n  - path: replicas.yaml\nconfigMapGenerator:\n  - name: {name}-settings\n    files: [settings.json]\n"
        ),
    );
}

/// What the cluster of `environment` needs beside services.
pub(crate) fn add_cluster(repository: &mut Repository, environment: &str, random: &mut Rng, key: &PublicKey) {
    let (folder, namespace) = (format!("clusters/{environment}"), namespace(environment));
    repository.put(
        &format!("{folder}/namespaces.yaml"),
        format!(
            "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n---\napiVersion: v1\nkind: Namespace\n\
             metadata:\n  name: ingress\n"
        ),
    );
    // A custom kind that only speaks of Secrets.
    repository.put(
        &format!("{folder}/source.yml"),
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: shop\n  namespace: flux-system\n\
         spec:\n  interval: 1m\n  secretRef:\n    name: flux-system\n  url: ssh://git@git.example.com/shop\n",
    );
    for (number, name) in ["registry", "alerts"].iter().enumerate() {
        let stem = format!("{folder}/sealed-{name}");
        let wanted = Wanted {
            stem: &stem,
            environment: Some(environment),
            name,
            scope: Scope::ALL[number + 1],
            spelling: Spelling::ALL[random.usize(..Spelling::ALL.len())],
            values: vec![("token", password(random))],
            template: false,
        };
        add_sealed(repository, wanted, key);
    }
}

fn file_of(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

fn listed(resources: &[String]) -> String {
    resources
        .iter()
        .map(|resource| format!("  - {resource}\n"))
        .collect()
}
