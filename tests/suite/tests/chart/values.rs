//! Values in, objects out: upstream's values one by one, what the chart refuses, and what it tells the
//! controller. No cluster is asked.

use std::collections::BTreeMap;
use std::fs;

use seal_testbed::{Program, sealed_secrets_chart};
use seal_tests::built;
use serde_json::{Value, json};

use super::ground::{helm, object, objects, ours, rendered};

/// Values that another one has to be set for, by the beginning of their path.
const NEEDS: &[(&str, &str)] = &[
    ("customLivenessProbe", "livenessProbe.enabled=false"),
    ("customReadinessProbe", "readinessProbe.enabled=false"),
    ("startupProbe", "startupProbe.enabled=true"),
    ("service.nodePort", "service.type=NodePort"),
    ("metrics.service.nodePort", "metrics.service.type=NodePort"),
    ("ingress.selfSigned", "ingress.enabled=true,ingress.tls=true"),
    ("ingress.tls", "ingress.enabled=true,ingress.selfSigned=true"),
    ("ingress", "ingress.enabled=true"),
    ("networkPolicy.egress.enabled", "networkPolicy.enabled=true"),
    (
        "networkPolicy",
        "networkPolicy.enabled=true,networkPolicy.egress.enabled=true",
    ),
    ("rbac.namespacedRolesName", "rbac.namespacedRoles=true"),
    ("rbac.serviceProxier.create", "rbac.serviceProxier.bind=true"),
    ("metrics.prometheusRule", "metrics.prometheusRule.enabled=true"),
    ("metrics.serviceMonitor", "metrics.serviceMonitor.enabled=true"),
    ("metrics.dashboards", "metrics.dashboards.create=true"),
];

/// Values whose type does not tell what could stand there.
fn fitting(path: &str) -> Option<Value> {
    let port = || json!({"containerPort": 1});
    Some(match path {
        "keyrenewperiod" | "keyttl" => json!("3h"),
        "keycutofftime" => json!("Mon, 02 Jan 2006 15:04:05 -0700"),
        "image.pullPolicy" => json!("Always"),
        "service.type" | "metrics.service.type" => json!("NodePort"),
        "service.nodePort" | "metrics.service.nodePort" => json!(30_000),
        "hostPorts.http" | "hostPorts.metrics" | "networkPolicy.egress.kubeapiPort" => json!(7000),
        "rateLimit"
        | "rateLimitBurst"
        | "maxRetries"
        | "kubeClientQPS"
        | "kubeClientBurst"
        | "revisionHistoryLimit"
        | "pdb.minAvailable"
        | "pdb.maxUnavailable" => json!(7),
        "pdb.create" => json!(false),
        "networkPolicy.egress.kubeapiCidr" => json!("10.0.0.1/32"),
        "hostUsers" => json!(false),
        "logInfoStdout" => json!(false),
        "extraDeploy" => json!([port()]),
        "tolerations" | "additionalVolumes" | "additionalVolumeMounts" => json!([{"name": "a"}]),
        "resources.limits" | "resources.requests" => json!({"cpu": "1"}),
        "ingress.extraHosts" => json!([{"name": "other.local"}]),
        "ingress.extraPaths" => json!([{"path": "/other"}]),
        "ingress.extraTls" => json!([{"secretName": "other"}]),
        "ingress.secrets" => json!([{"name": "a", "certificate": "b", "key": "c"}]),
        "metrics.prometheusRule.groups" => json!([{"name": "a", "rules": []}]),
        "metrics.serviceMonitor.relabelings" | "metrics.serviceMonitor.metricRelabelings" => {
            json!([{"action": "drop"}])
        }
        "rbac.serviceProxier.bind" => json!(true),
        "rbac.serviceProxier.subjects" => json!("- {kind: Group, name: team}"),
        "podSecurityContext.seccompProfile.type" => json!("Localhost"),
        _ => return None,
    })
}

/// Another value than `this`.
fn other(path: &str, this: &Value) -> Value {
    fitting(path).unwrap_or_else(|| match this {
        Value::Bool(this) => json!(!this),
        Value::Number(this) => json!(this.as_i64().unwrap() + 1),
        Value::Array(_) => json!(["other"]),
        Value::Object(_) => json!({"other": "thing"}),
        Value::String(_) | Value::Null => json!("other"),
    })
}

fn leaves(path: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value.as_object().filter(|map| !map.is_empty()) {
        Some(map) => {
            for (name, value) in map {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(&path, value, found);
            }
        }
        None => drop(found.insert(path.to_owned(), value.clone())),
    }
}

fn upstreams() -> BTreeMap<String, Value> {
    let text = fs::read_to_string(sealed_secrets_chart().unwrap().join("values.yaml")).unwrap();
    let mut found = BTreeMap::new();
    leaves("", &serde_yaml::from_str(&text).unwrap(), &mut found);
    assert!(found.len() > 100, "{}", found.len());
    found
}

#[test]
fn every_value_of_upstreams_chart_has_its_effect_or_is_named_after_the_install() {
    let (mut named, mut idle) = (Vec::new(), Vec::new());
    let mut without: BTreeMap<&str, String> = BTreeMap::new();
    for (path, value) in upstreams() {
        let needed = NEEDS
            .iter()
            .find(|(begin, needed)| path.starts_with(begin) && !needed.contains(&format!("{path}=")));
        // Where upstream's value is not ours, even that has to be taken.
        let before = needed.map_or("replicas=2", |(_, needed)| needed);
        let setting = format!("{path}={}", other(&path, &value));
        let setting = ["--set", before, "--set-json", &setting];
        let without = without.entry(before).or_insert_with(|| rendered(&setting[..2]));
        if *without != rendered(&setting) {
            continue;
        }
        let install = ["install", "seal", "--dry-run=client"];
        let install: Vec<&str> = install.iter().chain(&setting).copied().collect();
        let told = helm(&install).success().unwrap().out();
        let (_, notes) = told
            .split_once("These values do nothing here:")
            .unwrap_or_default();
        match notes.lines().any(|line| line.trim() == path) {
            true => named.push(path),
            false => idle.push(path),
        }
    }
    assert!(idle.is_empty(), "without effect, and unsaid: {idle:?}");
    assert!(named.contains(&"rbac.pspEnabled".to_owned()), "{named:?}");
}

#[test]
fn all_of_upstreams_values_at_once_are_taken() {
    let values = sealed_secrets_chart().unwrap().join("values.yaml");
    let text = rendered(&["--values", values.to_str().unwrap()]);
    assert!(text.contains("docker.io/bitnami/sealed-secrets-controller:"));
}

#[test]
fn what_cannot_be_meant_is_refused_in_words() {
    for (setting, words) in [
        (
            "keyrenewPeriod=1h",
            "additional properties 'keyrenewPeriod' not allowed",
        ),
        ("keyrenewperiod=monthly", "'monthly' does not match pattern"),
        ("httpApi=none", "value must be one of"),
        ("image.digest=latest", "'latest' does not match pattern"),
        ("replicas=-1", "minimum"),
        (
            "leaderElection.enabled=false",
            "set replicas to 1 or leaderElection.enabled to true",
        ),
        ("leaderElection=null", "--reset-then-reuse-values"),
    ] {
        let output = helm(&["template", "seal", "--set", setting]);
        assert_ne!(output.code, 0, "{setting}");
        assert!(output.err().contains(words), "{setting}: {}", output.err());
    }
}

#[test]
fn one_replica_without_leader_election_is_replaced_not_joined() {
    let text = rendered(&["--set", "replicas=1,leaderElection.enabled=false"]);
    let objects = objects(&text);
    let deployment = object(&objects, "Deployment", "seal").unwrap();
    assert_eq!(deployment["spec"]["strategy"]["type"], "Recreate");
    assert!(text.contains("--leader-elect=false"));
}

#[test]
fn every_host_of_the_ingress_hands_out_the_certificate_alone_unless_told_otherwise() {
    let paths = |more: &str| -> Vec<String> {
        let settings = format!("ingress.enabled=true,ingress.extraHosts[0].name=other.local{more}");
        let text = rendered(&["--set", &settings]);
        let objects = objects(&text);
        let ingress = object(&objects, "Ingress", "seal").unwrap();
        let rules = ingress["spec"]["rules"].as_array().unwrap();
        let paths = rules.iter().map(|rule| &rule["http"]["paths"][0]["path"]);
        paths.map(|path| path.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths(""), ["/v1/cert.pem", "/v1/cert.pem"]);
    assert_eq!(paths(",ingress.extraHosts[0].path=/"), ["/v1/cert.pem", "/"]);
}

#[test]
fn the_network_policy_is_about_the_pods_ports() {
    let text = rendered(&[
        "--set",
        "networkPolicy.enabled=true,networkPolicy.egress.enabled=true,service.port=80,containerPorts.http=9000",
    ]);
    let objects = objects(&text);
    let policy = &object(&objects, "NetworkPolicy", "seal").unwrap()["spec"];
    let ports = |rules: &Value| -> Vec<i64> {
        let ports = rules[0]["ports"].as_array().unwrap();
        ports.iter().map(|port| port["port"].as_i64().unwrap()).collect()
    };
    assert_eq!(ports(&policy["ingress"]), [9000, 8081]);
    assert_eq!(ports(&policy["egress"]), [443, 6443]);
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
}

#[test]
fn an_alert_is_left_out_where_it_is_disabled_or_its_threshold_does_not_fit() {
    let alerts = |settings: &str| -> Vec<String> {
        let text = rendered(&["--set", "metrics.prometheusRule.enabled=true", "--set", settings]);
        let objects = objects(&text);
        let rule = object(&objects, "PrometheusRule", "seal").unwrap();
        let rules = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
        assert!(
            rules
                .iter()
                .all(|rule| rule["expr"].is_string() && rule.get("assumes").is_none())
        );
        let names = rules
            .iter()
            .map(|rule| rule["alert"].as_str().unwrap().to_owned());
        names.collect()
    };
    let all = alerts("replicas=2");
    assert!(all.contains(&"SealingKeyOld".to_owned()) && all.contains(&"SealLeaseFlaps".to_owned()));
    assert_eq!(alerts("keyrenewperiod=0").len(), all.len() - 1);
    assert_eq!(
        alerts("metrics.prometheusRule.disabled={SealLeaseFlaps}").len(),
        all.len() - 1
    );
}

#[test]
fn nobody_is_bound_to_administer_keys() {
    let text = rendered(&[]);
    let objects = objects(&text);
    let role = object(&objects, "Role", "seal-key-administrator").unwrap();
    assert_eq!(role["rules"].as_array().unwrap().len(), 1);
    assert_eq!(role["rules"][0]["resources"], json!(["sealingkeyrings"]));
    assert!(
        !objects
            .iter()
            .any(|object| object["roleRef"]["name"] == "seal-key-administrator")
    );
}

#[test]
fn the_schema_knows_no_value_that_stands_nowhere() {
    let read = |file: &str| fs::read_to_string(ours().join(file)).unwrap();
    let values: Value = serde_yaml::from_str(&read("values.yaml")).unwrap();
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let mut nowhere = Vec::new();
    unexplained("", &schema, &schema, &values, &mut nowhere);
    // Helm's own, for charts of charts; and one that Kubernetes leaves open.
    nowhere.retain(|path| path != "global" && !path.ends_with("Probe.terminationGracePeriodSeconds"));
    assert!(nowhere.is_empty(), "{nowhere:?}");
}

fn unexplained(path: &str, schema: &Value, root: &Value, values: &Value, found: &mut Vec<String>) {
    let referred = schema["$ref"]
        .as_str()
        .and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    let schema = referred.unwrap_or(schema);
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}").trim_start_matches('.').to_owned();
        match values.get(name) {
            Some(values) => unexplained(&path, schema, root, values, found),
            None => found.push(path),
        }
    }
}

#[test]
fn the_controller_knows_every_flag_of_the_chart() {
    let controller = built("seal-controller", "seal-controller").unwrap();
    let text = rendered(&[
        "--set",
        "additionalNamespaces={a,b},keyrenewperiod=0,keyttl=24h,privateKeyLabels.a=b,privateKeyAnnotations.a=b",
        "--set",
        "rateLimit=3,rateLimitBurst=4,logLevel=DEBUG,logFormat=json,metrics.omitSecretLabels=true,httpApi=cert-only",
        "--set",
        "leaderElection.leaseDuration=20s,leaderElection.renewDeadline=15s,leaderElection.retryPeriod=3s",
        "--set",
        "leaderElection.resourceName=other,leaderElection.enabled=false,replicas=1",
        "--set",
        "externalSecrets.enabled=true,externalSecrets.controllerClass=ours,externalSecrets.extendedMetricLabels=true",
        "--set-string",
        r"keycutofftime=Mon\, 02 Jan 2006 15:04:05 -0700",
    ]);
    let objects = objects(&text);
    let container =
        &object(&objects, "Deployment", "seal").unwrap()["spec"]["template"]["spec"]["containers"][0];
    let flags = container["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flag| flag.as_str().unwrap());
    let output = Program::new(controller)
        .args(flags)
        .arg("--version")
        .run()
        .unwrap();
    assert_eq!(output.code, 0, "{}", output.err());
}

#[test]
fn values_of_the_external_secrets_chart_have_their_effect_or_are_named_after_the_install() {
    for (setting, flag) in [
        ("controllerClass=ours", "--controller-class=ours"),
        (
            "processClusterExternalSecret=false",
            "--cluster-external-secrets=false",
        ),
        (
            "extendedMetricLabels=true",
            "--enable-extended-metric-labels=true",
        ),
    ] {
        let setting = format!("externalSecrets.{setting}");
        let text = |enabled: &str| rendered(&["--set", &setting, "--set", enabled]);
        assert!(text("externalSecrets.enabled=true").contains(flag), "{setting}");
        assert!(!text("externalSecrets.enabled=false").contains(flag), "{setting}");
    }
    let notes = |settings: &[&str]| -> String {
        let install = [
            "install",
            "seal",
            "--dry-run=client",
            "--set",
            "externalSecrets.enabled=true",
        ];
        let install: Vec<&str> = install.iter().chain(settings).copied().collect();
        let told = helm(&install).success().unwrap().out();
        told.split_once("NOTES:").unwrap().1.to_owned()
    };
    let silent = notes(&[]);
    assert!(!silent.contains("do nothing here"), "{silent}");
    assert!(silent.contains("seal doctor external-secrets"), "{silent}");
    let upstreams = [
        "installCRDs=true",
        "concurrent=5",
        "scopedNamespace=prod",
        "scopedRBAC=true",
        "processClusterStore=false",
        "processSecretStore=true",
        "processPushSecret=false",
        "processClusterPushSecret=false",
        "openshiftFinalizers=true",
        "webhook.create=false",
        "certController.create=false",
    ];
    let given: Vec<String> = upstreams
        .iter()
        .map(|value| format!("externalSecrets.{value}"))
        .collect();
    let given: Vec<&str> = given.iter().flat_map(|value| ["--set", value]).collect();
    let told = notes(&given);
    let (_, told) = told.split_once("These values do nothing here:").unwrap();
    for value in upstreams {
        let name = value.split(['.', '=']).next().unwrap();
        let named = told
            .lines()
            .any(|line| line.trim() == format!("externalSecrets.{name}"));
        assert!(named, "{name} is not named in {told}");
    }
}
