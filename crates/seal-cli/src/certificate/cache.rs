//! Certificates kept between runs, one file for each cluster, authority and controller. Whoever can
//! write there could have everyone seal to him: the folder must be its owner's alone.

use std::env;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use seal_cluster::kubeconfig::Connection;

use crate::arguments::ClusterArguments;
use crate::file_system::{Access, Replacement, make_private_folder, others_can_write};
use crate::input::{KEY_FILE_LIMIT, read_file};

/// The place of one certificate.
pub(super) struct Cache(PathBuf);

/// A certificate and how long it has been kept.
pub(super) struct Kept {
    pub(super) pem: Vec<u8>,
    pub(super) age: SignedDuration,
}

impl Cache {
    /// The place for the controller behind `connection`; none if there is no folder for such things.
    pub(super) fn of(connection: &Connection, controller: &ClusterArguments) -> Option<Self> {
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let mut part = |bytes: &[u8]| {
            digest.update(&(bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        part(connection.server.as_bytes());
        part(controller.controller_namespace.as_ref().as_bytes());
        part(controller.controller_name.as_ref().as_bytes());
        connection
            .config
            .root_cert
            .iter()
            .flatten()
            .for_each(|authority| part(authority));
        let name: String = digest
            .finish()
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Some(Self(folder()?.join("certificates").join(format!("{name}.pem"))))
    }

    /// What is kept there, if nobody else can have put it there.
    pub(super) fn read(&self) -> Option<Kept> {
        let folder = self.0.parent()?;
        if others_can_write(folder) || others_can_write(&self.0) {
            return None;
        }
        let written = std::fs::metadata(&self.0).ok()?.modified().ok()?;
        let age = Timestamp::now().duration_since(Timestamp::try_from(written).ok()?);
        let pem = read_file(&self.0, KEY_FILE_LIMIT).ok()?.to_vec();
        // A time in the future tells nothing.
        (!age.is_negative()).then_some(Kept { pem, age })
    }

    /// Keeps `pem`.
    pub(super) fn write(&self, pem: &str) -> Result<(), String> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        make_private_folder(folder).map_err(|error| error.to_string())?;
        let failed = |_| format!("{} cannot be written", self.0.display());
        Replacement::prepare(&self.0, pem.as_bytes(), Access::Private)
            .and_then(Replacement::commit)
            .map_err(failed)
    }
}

fn folder() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    if let Some(folder) = absolute("SEAL_CACHE_DIR") {
        return Some(folder);
    }
    let base = if cfg!(windows) {
        absolute("LOCALAPPDATA")?
    } else if cfg!(target_os = "macos") {
        env::home_dir()?.join("Library/Caches")
    } else {
        absolute("XDG_CACHE_HOME").or_else(|| Some(env::home_dir()?.join(".cache")))?
    };
    Some(base.join("seal"))
}
