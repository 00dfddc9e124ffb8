//! Ctrl-C, heard instead of obeyed on the spot: for a command that would leave something undone behind.
//! What is to be undone, the command knows.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::command_error::CommandError;

/// From its making on, Ctrl-C does not end the process.
pub(crate) struct Interrupt {
    runtime: Runtime,
    signals: Signal,
}

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self, CommandError> {
        let failed = |error| CommandError::bug(format!("Ctrl-C cannot be listened for: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let signals = {
            let _inside = runtime.enter();
            signal(SignalKind::interrupt()).map_err(failed)?
        };
        Ok(Self { runtime, signals })
    }

    /// Waits for that time; less, and true, if Ctrl-C comes meanwhile or came since the last wait.
    pub(crate) fn within(&mut self, time: Duration) -> bool {
        let heard = async { timeout(time, self.signals.recv()).await.is_ok() };
        self.runtime.block_on(heard)
    }
}
