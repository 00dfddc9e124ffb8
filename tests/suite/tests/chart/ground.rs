//! Helm on a plane or without one, and what it rendered or left there. It asserts nothing about the chart.

use std::path::{Path, PathBuf};

use seal_testbed::{ADMIN, ControlPlane, Program, ProgramOutput, tool};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OnceCell;

static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

/// The plane of the tests that leave nothing on it which another would meet.
pub(crate) async fn plane() -> &'static ControlPlane {
    PLANE
        .get_or_init(async || ControlPlane::start().await.expect("a control plane"))
        .await
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Our chart.
pub(crate) fn ours() -> PathBuf {
    root().join("deploy/helm/seal")
}

/// What Helm says without a cluster.
pub(crate) fn helm(arguments: &[&str]) -> ProgramOutput {
    Program::new(tool("helm").unwrap())
        .args(arguments)
        .arg(ours())
        .run()
        .unwrap()
}

/// The text that our chart renders to, with these arguments.
pub(crate) fn rendered(arguments: &[&str]) -> String {
    rendered_as("seal", arguments)
}

/// The same for a release of that name.
pub(crate) fn rendered_as(release: &str, arguments: &[&str]) -> String {
    let whole: Vec<&str> = ["template", release]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    let output = helm(&whole).success();
    output
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
        .out()
}

/// Its objects.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|object| !object.is_null())
        .collect()
}

/// The one object of that kind and name.
pub(crate) fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    objects
        .iter()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
}

/// A plane with the command line of its administrator.
pub(crate) struct Shell<'a> {
    pub(crate) plane: &'a ControlPlane,
    kubeconfig: PathBuf,
}

impl<'a> Shell<'a> {
    pub(crate) async fn on(plane: &'a ControlPlane) -> Self {
        let kubeconfig = plane.kubeconfig(ADMIN).await.unwrap();
        Self { plane, kubeconfig }
    }

    fn program(&self, name: impl AsRef<std::ffi::OsStr>) -> Program {
        Program::new(name)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", self.plane.dir())
            .current_dir(&root())
    }

    /// What Helm says, whatever it is.
    pub(crate) fn helm(&self, arguments: &[&str]) -> ProgramOutput {
        let helm = self.program(tool("helm").unwrap());
        helm.args(arguments).run().unwrap()
    }

    /// What kubectl prints.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl_reading(arguments, "")
    }

    /// The same, with that on its standard input.
    pub(crate) fn kubectl_reading(&self, arguments: &[&str], input: &str) -> String {
        let kubectl = self.program(tool("kubectl").unwrap());
        let output = kubectl.args(arguments).stdin(input).run().unwrap().success();
        output
            .unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
            .out()
    }

    /// An object as it stands, by `kubectl get`'s arguments.
    pub(crate) fn read(&self, arguments: &[&str]) -> Value {
        let whole: Vec<&str> = ["get", "-o", "json"].iter().chain(arguments).copied().collect();
        serde_json::from_str(&self.kubectl(&whole)).unwrap()
    }
}
