//! The folder of a control plane or a store, and the supervisor that removes it when the test ends, by whatever
//! cause. What lies in it is its owner's business.

use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, Once, PoisonError},
};

use crate::process::Supervisor;

/// A folder and the supervisor that removes it.
pub(crate) struct Keeper {
    pub(crate) dir: PathBuf,
    pub(crate) supervisor: Option<Supervisor>,
}

static STANDING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

impl Keeper {
    /// For a folder that holds `logs`, which stay after a panic anywhere in this process.
    pub(crate) fn stand(dir: PathBuf, supervisor: Supervisor) -> Self {
        static HOOK: Once = Once::new();
        // Tests that share a plane never drop it while they panic, so the panic itself has to speak.
        HOOK.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                previous(panic);
                keep_standing_logs();
            }));
        });
        STANDING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(dir.clone());
        let keeper = Self {
            dir,
            supervisor: Some(supervisor),
        };
        if std::env::var_os("SEAL_TESTBED_KEEP").is_some() {
            keep_standing_logs();
        }
        keeper
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        STANDING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|dir| *dir != self.dir);
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a failed test's output is where its logs are looked for"
)]
fn keep_standing_logs() {
    for dir in STANDING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        if fs::write(dir.join("keep"), "").is_ok() {
            eprintln!("logs: {}", dir.join("logs").display());
        }
    }
}
