//! What is told by where the controller runs: a pod, or a machine outside the cluster. Which cluster it
//! talks to is decided elsewhere.

const SERVICE_ACCOUNT_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// What the help says of it.
pub(super) const OUTSIDE: &str = "\
Variables beside those of the flags:
  POD_NAMESPACE  the controller's own namespace, with keys, Lease and backup
                 (else the pod's, else `default`)
  POD_NAME       who holds the Lease (else HOSTNAME)
  KUBECONFIG     which cluster, where this is no pod (else ~/.kube/config)

Outside a cluster: KUBECONFIG=FILE POD_NAMESPACE=kube-system seal-controller
It takes the same Lease as the controller in the cluster.";

/// The controller's own namespace, where something says which.
pub(super) fn own_namespace() -> Option<String> {
    let named = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    std::env::var("POD_NAMESPACE").ok().and_then(named).or_else(|| {
        std::fs::read_to_string(SERVICE_ACCOUNT_NAMESPACE)
            .ok()
            .and_then(named)
    })
}

/// The name of the pod, or of the machine.
pub(super) fn pod_name() -> String {
    let given = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    given("POD_NAME")
        .or_else(|| given("HOSTNAME"))
        .unwrap_or_else(|| "seal-controller".to_owned())
}
