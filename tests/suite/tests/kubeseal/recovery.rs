//! Unsealing with private keys, without a controller.

use super::harness::{Case, compare_all, run};

fn recovery() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "--recovery-private-key key.pem -f sealed.yaml",
        "--recovery-private-key key.pem -f sealed.yaml -o yaml",
        "--recovery-private-key key8.pem -f sealed.json",
        "--recovery-private-key key-secret.yaml -f sealed.yaml -o yaml",
        "--recovery-private-key key-secrets.yaml -f sealed.yaml",
        "--recovery-private-key key-list.json -f sealed.yaml",
        "--recovery-private-key other-key.pem,key.pem -f sealed.yaml",
        "--recovery-private-key other-key.pem --recovery-private-key key.pem -f sealed.yaml",
        "--recovery-private-key other-key.pem -f sealed.yaml",
        "--recovery-private-key ec-key.pem -f sealed.yaml",
        "--recovery-private-key secret.yaml -f sealed.yaml",
        "--recovery-private-key no-key.yaml -f sealed.yaml",
        "--recovery-private-key nope -f sealed.yaml",
        "--recovery-private-key . -f sealed.yaml",
        "-f sealed.yaml",
        "--recovery-private-key cert.pem -f sealed.yaml",
        "--recovery-private-key key.pem -f sealed-cluster.yaml -o yaml",
        "--recovery-private-key key.pem -f templated.yaml",
        "--recovery-private-key key.pem -f templated.yaml -o yaml",
        "--recovery-private-key key.pem -f template-fault.yaml",
        "--recovery-private-key key.pem -f secret.yaml",
        "--recovery-private-key key.pem -f sealed.yaml -o xml",
        "--recovery-private-key key.pem -f sealed.yaml -w out.yaml",
        "--recovery-private-key key.pem -f nope",
        "--recovery-private-key key.pem -f sealed.yaml --validate --fetch-cert",
    ]
    .into_iter()
    .map(|arguments| run(&format!("--recovery-unseal {arguments}")))
    .collect();
    for input in [
        "apiVersion: bitnami.com/v1alpha1\nkind: Foo\n",
        "apiVersion: apps/v1\nkind: Deployment\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {x: '!'}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {x: AgB}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {x: AgAA, y: AgAA}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {}, data: AgAA}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {}, template: {data: {x: 'a{{ 1 }}', e: ''}, type: foo/bar, immutable: false}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b, uid: u}\nspec: {encryptedData: {}, template: {metadata: {name: z, annotations: {sealedsecrets.bitnami.com/skip-set-owner-references: 'true'}}}}\n",
    ] {
        cases.push(run("--recovery-unseal --recovery-private-key key.pem").stdin(input));
        cases.push(run("--recovery-unseal --recovery-private-key key.pem -o yaml").stdin(input));
    }
    cases
}

#[test]
fn recovery_prints_the_secrets_that_kubeseal_prints() {
    compare_all(recovery());
}
