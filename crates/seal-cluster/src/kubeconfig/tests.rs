use super::*;

fn with_file(content: &str, overrides: Overrides) -> (tempfile::TempDir, Kubeconfig) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, content).unwrap();
    let overrides = Overrides {
        kubeconfig: path.to_string_lossy().into_owned(),
        ..overrides
    };
    let kubeconfig = Kubeconfig::load(&overrides).unwrap();
    (folder, kubeconfig)
}

const TWO: &str = "
current-context: one
clusters:
- {name: c, cluster: {server: 'https://c.example:6443/path/', certificate-authority: ca.pem}}
contexts:
- {name: one, context: {cluster: c, user: u, namespace: here}}
- {name: two, context: {cluster: c, user: u}}
users:
- {name: u, user: {token: 1234}}
";

#[test]
fn the_namespace_is_that_of_flag_context_or_default() {
    let namespace = |overrides| with_file(TWO, overrides).1.namespace();
    let (folder, kubeconfig) = with_file(TWO, Overrides::default());
    std::fs::write(folder.path().join("ca.pem"), "").unwrap();
    let found = kubeconfig.namespace().unwrap();
    assert_eq!((found.name.as_str(), found.explicit), ("here", false));
    let found = namespace(Overrides {
        namespace: "flag".into(),
        ..Overrides::default()
    })
    .unwrap();
    assert_eq!((found.name.as_str(), found.explicit), ("flag", true));
}

#[test]
fn relative_files_are_those_beside_the_kubeconfig() {
    let (folder, kubeconfig) = with_file(TWO, Overrides::default());
    let fault = kubeconfig.namespace().unwrap_err().to_string();
    let expected = folder.path().join("ca.pem").to_string_lossy().into_owned();
    assert_eq!(
        fault,
        format!(
            "invalid configuration: unable to read certificate-authority {expected} for c due to open {expected}: no such file or directory"
        )
    );
}

#[test]
fn names_given_by_flag_must_exist() {
    let overrides = Overrides {
        context: "nope".into(),
        ..Overrides::default()
    };
    let error = with_file(TWO, overrides).1.connection().err().unwrap();
    assert_eq!(error.to_string(), "context \"nope\" does not exist");
}

#[test]
fn a_server_flag_replaces_the_clusters_and_credentials_stay_with_tls() {
    let (folder, kubeconfig) = with_file(
        TWO,
        Overrides {
            server: "127.0.0.1:1".into(),
            ..Overrides::default()
        },
    );
    std::fs::write(folder.path().join("ca.pem"), "").unwrap();
    let connection = kubeconfig.connection().unwrap();
    assert_eq!(connection.server, "http://127.0.0.1:1");
    assert!(connection.config.auth_info.token.is_none());
}

#[test]
fn an_empty_file_is_no_configuration() {
    let error = with_file("{}", Overrides::default())
        .1
        .connection()
        .err()
        .unwrap();
    assert!(matches!(error, KubeconfigError::Empty));
}
