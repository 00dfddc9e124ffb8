//! What needs a controller where there is none: the complaints.

use super::harness::{Case, SECRET, compare_all, run};

fn without_a_cluster() -> Vec<Case> {
    let refused = "--server http://127.0.0.1:1";
    let mut cases: Vec<Case> = [
        "--fetch-cert",
        "--validate",
        "--re-encrypt",
        "--rotate",
        "--validate --cert nope",
        "--re-encrypt --validate",
        "",
        "--fetch-cert --controller-name=",
        "--fetch-cert --controller-namespace=",
        "--fetch-cert --controller-name=a/b",
        "--fetch-cert --controller-name=..",
        "--fetch-cert --controller-namespace=a%b",
        "--fetch-cert --controller-name=x --controller-namespace y",
    ]
    .into_iter()
    .flat_map(|arguments| {
        [
            run(arguments).stdin(SECRET),
            run(&format!("{arguments} {refused}")).stdin(SECRET),
        ]
    })
    .collect();
    cases.extend(
        [
            "--fetch-cert --kubeconfig nope",
            "--fetch-cert --kubeconfig .",
            "--fetch-cert --kubeconfig kubeconfig",
            "--fetch-cert --kubeconfig kubeconfig --context nope",
            "--fetch-cert --kubeconfig kubeconfig --cluster nope",
            "--fetch-cert --kubeconfig kubeconfig --user nope",
            "--fetch-cert --kubeconfig kubeconfig --request-timeout 5x",
            "--fetch-cert --kubeconfig kubeconfig --request-timeout 5s",
            "--fetch-cert --kubeconfig kubeconfig --request-timeout 90",
            "--fetch-cert --server 127.0.0.1:1",
            "--fetch-cert --server http://127.0.0.1:1/foo/",
            "--fetch-cert --server https://127.0.0.1:1 --token x",
            "--fetch-cert --server https://127.0.0.1:1 --token x --username y",
            "--fetch-cert --server https://127.0.0.1:1 --client-certificate nope",
            "--fetch-cert --server https://127.0.0.1:1 --client-certificate cert.pem --client-key key.pem",
            "--fetch-cert --server https://127.0.0.1:1 --certificate-authority nope",
            "--fetch-cert --server https://127.0.0.1:1 --proxy-url foo://x",
            "--fetch-cert --server https://127.0.0.1:1 --token x --as-group g",
            "--fetch-cert --certificate-authority cert.pem",
            "--fetch-cert --insecure-skip-tls-verify",
            "--fetch-cert --server https://127.0.0.1:1 --token x --insecure-skip-tls-verify",
            "--fetch-cert -w out.pem",
            "--re-encrypt -f sealed.yaml",
            "--re-encrypt -f nope",
            "--validate -f nope",
        ]
        .map(run),
    );
    cases.push(run("--fetch-cert").env("KUBECONFIG", "kubeconfig"));
    cases.push(run("--fetch-cert").env("KUBECONFIG", "nope"));
    cases
}

#[test]
fn without_a_cluster_the_complaints_are_kubeseals() {
    compare_all(without_a_cluster());
}
