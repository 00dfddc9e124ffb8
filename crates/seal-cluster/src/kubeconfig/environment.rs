//! What the environment says of clusters: the list of kubeconfig files, and whether this is a pod.
//! It reads no kubeconfig.

use std::env;
use std::path::{Path, PathBuf};

const IN_CLUSTER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// `KUBECONFIG`, each file once, or the file in the home folder.
pub fn default_paths() -> Vec<PathBuf> {
    match env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
        Some(list) => {
            let mut paths: Vec<PathBuf> = Vec::new();
            for path in env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()) {
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
            paths
        }
        None => env::home_dir()
            .map(|home| home.join(".kube").join("config"))
            .into_iter()
            .collect(),
    }
}

/// Whether this is a pod with credentials.
pub(super) fn in_cluster_possible() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    set("KUBERNETES_SERVICE_HOST")
        && set("KUBERNETES_SERVICE_PORT")
        && Path::new(IN_CLUSTER).join("token").is_file()
}

/// The pod's namespace.
pub(super) fn in_cluster_namespace() -> String {
    if let Some(namespace) = env::var("POD_NAMESPACE")
        .ok()
        .filter(|namespace| !namespace.is_empty())
    {
        return namespace;
    }
    std::fs::read_to_string(Path::new(IN_CLUSTER).join("namespace"))
        .ok()
        .map(|text| text.trim().to_owned())
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or_else(|| "default".to_owned())
}
