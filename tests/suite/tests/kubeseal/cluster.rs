//! The modes that ask the controller: both programs against one API server, whose service proxy leads to
//! the real upstream controller.

use std::os::unix::fs::PermissionsExt;

use seal_testbed::{ADMIN, ControlPlane, UpstreamController, sealed_secrets_crd};

use std::sync::atomic::Ordering;

use super::harness::{Case, compare_all, fixtures, ours, tunnelling_proxy};

const SIMPLE: &str = "metadata: {name: a, namespace: b}\nstringData: {x: one, y: two}\n";

/// Flags that connect as some user.
struct Access {
    server: String,
    authority: String,
    token: String,
}

impl Access {
    fn flags(&self) -> String {
        let Self {
            server,
            authority,
            token,
        } = self;
        format!("--server {server} --certificate-authority {authority} --token {token}")
    }
}

fn service(name: &str, ports: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: kube-system}}\nspec: {{type: ExternalName, externalName: x.invalid{ports}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_controller_is_asked_as_kubeseal_asks_it() {
    let plane = ControlPlane::builder()
        .own_network()
        .user("nobody", &[])
        .start()
        .await
        .unwrap();
    plane.apply(&sealed_secrets_crd().unwrap()).await.unwrap();
    let _controller = UpstreamController::start(&plane, "kube-system", &[])
        .await
        .unwrap();
    plane.apply(&service("portless", "")).await.unwrap();
    plane
        .apply("apiVersion: v1\nkind: Service\nmetadata: {name: empty, namespace: kube-system}\nspec: {ports: [{name: web, port: 80}]}\n")
        .await
        .unwrap();

    let shared = tempfile::tempdir().unwrap();
    let admin = plane.kubeconfig(ADMIN).await.unwrap().display().to_string();
    let nobody = plane.kubeconfig("nobody").await.unwrap().display().to_string();
    let authority = shared.path().join("ca.pem").display().to_string();
    std::fs::write(&authority, plane.ca_pem()).unwrap();
    let token = plane.token(ADMIN).await.unwrap();
    let access = Access {
        server: plane.url(),
        authority,
        token,
    };
    let exec = exec_kubeconfig(shared.path(), &access);

    let sealed = sealed_by_the_cluster(&admin, SIMPLE);
    let as_admin = |arguments: &str| Case::new(arguments).env("KUBECONFIG", &admin);
    let mut cases: Vec<Case> = [
        "--fetch-cert",
        "--fetch-cert -w out.pem",
        "--fetch-cert -f nope",
        "--fetch-cert --controller-name nope",
        "--fetch-cert --controller-namespace nope",
        "--fetch-cert --token bad",
        "--fetch-cert --as nobody",
        "--fetch-cert --as nobody --as-group system:masters",
        "--fetch-cert --request-timeout 30s",
        "--fetch-cert --controller-name empty",
        "--validate --controller-name empty",
        "--fetch-cert --disable-compression",
        "--fetch-cert --context nope",
    ]
    .map(as_admin)
    .into();
    cases.push(Case::new("--fetch-cert").env("KUBECONFIG", &nobody));
    cases.push(Case::new("--validate").stdin(&sealed).env("KUBECONFIG", &nobody));
    cases.push(
        Case::new("--re-encrypt")
            .stdin(&sealed)
            .env("KUBECONFIG", &nobody),
    );
    cases.push(Case::new("--fetch-cert").env("KUBECONFIG", &exec));
    cases.push(Case::new(&format!("--fetch-cert {}", access.flags())));
    cases.push(Case::new(&format!(
        "--fetch-cert --insecure-skip-tls-verify --server {} --token {}",
        access.server, access.token
    )));
    cases.push(Case::new(&format!(
        "--fetch-cert --certificate-authority cert.pem --server {} --token {}",
        access.server, access.token
    )));
    for arguments in [
        "",
        "-o yaml",
        "-o yaml -n other",
        "--raw -n a --name b",
        "--raw --scope namespace-wide",
        "-w out.yaml",
    ] {
        cases.push(as_admin(arguments).stdin(SIMPLE));
    }
    for arguments in [
        "--validate",
        "--re-encrypt",
        "--re-encrypt -o yaml",
        "--rotate -o yaml",
        "--re-encrypt -w out.yaml",
    ] {
        for input in [
            sealed.as_str(),
            &format!("{sealed}{sealed}"),
            include_str!("../../../vectors/kubeseal/sealed-cluster.yaml"),
            SIMPLE,
            "",
            "a: b\n",
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {x: '!'}}\n",
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {}, data: AgAA}\n",
        ] {
            cases.push(as_admin(arguments).stdin(input));
        }
    }
    let (proxy, tunnels) = tunnelling_proxy();
    cases.push(as_admin(&format!("--fetch-cert --proxy-url {proxy}")));
    tokio::task::spawn_blocking(move || {
        compare_all(cases);
        assert!(tunnels.load(Ordering::SeqCst) >= 2, "both went through the proxy");
        departures(&admin, &sealed);
    })
    .await
    .unwrap();
}

fn sealed_by_the_cluster(kubeconfig: &str, secret: &str) -> String {
    let folder = fixtures();
    let seal = Case::new("-w sealed-here.yaml")
        .stdin(secret)
        .env("KUBECONFIG", kubeconfig);
    assert_eq!(seal.run_in(&ours(), &folder).code, Some(0));
    std::fs::read_to_string(folder.path().join("sealed-here.yaml")).unwrap()
}

/// A kubeconfig whose credentials come from a program.
fn exec_kubeconfig(folder: &std::path::Path, access: &Access) -> String {
    let program = folder.join("credentials.sh");
    let credential = format!(
        "{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{}\"}}}}",
        access.token
    );
    std::fs::write(&program, format!("#!/bin/sh\necho '{credential}'\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.join("exec-config");
    let Access {
        server, authority, ..
    } = access;
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: '{server}', certificate-authority: {authority}}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
         users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./credentials.sh, interactiveMode: Never}}}}}}]\n"
    );
    std::fs::write(&path, config).unwrap();
    path.display().to_string()
}

/// What re-encrypting keeps here, and a Service without ports.
fn departures(kubeconfig: &str, sealed: &str) {
    let annotated = sealed
        .replacen("metadata:\n", "metadata:\n  # ours\n  labels: {app: x}\n", 1)
        .replacen(
            "  template:\n",
            "  template:\n    data:\n      joined: '{{ .x }}'\n",
            1,
        );
    let folder = fixtures();
    let path = folder.path().join("ours.yaml");
    let broken = "---\na: [\n";
    let other = "---\nkind: ConfigMap # other\n";
    for (content, code) in [
        (format!("{annotated}{other}"), 0),
        (format!("{annotated}{broken}"), 1),
    ] {
        std::fs::write(&path, &content).unwrap();
        let case = Case::new("--re-encrypt -f ours.yaml").env("KUBECONFIG", kubeconfig);
        let done = case.run_in(&ours(), &folder);
        assert_eq!(done.code, Some(code), "{done:?}");
        let after = std::fs::read_to_string(&path).unwrap();
        let changed: Vec<_> = content
            .lines()
            .zip(after.lines())
            .filter(|(before, after)| before != after)
            .collect();
        assert_eq!(
            changed.len(),
            if code == 0 { 2 } else { 0 },
            "only the two ciphertexts change: {changed:#?}"
        );
        assert_eq!(content.lines().count(), after.lines().count());
    }
    std::fs::write(&path, &annotated).unwrap();
    let printed = Case::new("--re-encrypt -o yaml")
        .stdin(&annotated)
        .env("KUBECONFIG", kubeconfig);
    let (theirs, ours) = (printed.run_real(), printed.run_ours());
    assert!(!theirs.stdout.contains("joined"), "upstream drops template data");
    assert!(
        ours.stdout.contains("joined: '{{ .x }}'") && ours.stdout.contains("app: x"),
        "{}",
        ours.stdout
    );

    let portless = Case::new("--fetch-cert --controller-name portless").env("KUBECONFIG", kubeconfig);
    let (theirs, ours) = (portless.run_real(), portless.run_ours());
    assert_eq!((theirs.code, ours.code), (Some(2), Some(1)));
    assert!(
        ours.stderr
            .starts_with("error: cannot get sealed secret service: services \"portless\" has no ports.")
    );
}
