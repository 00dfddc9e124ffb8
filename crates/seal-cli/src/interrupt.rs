//! Signals, heard instead of obeyed on the spot: for whoever would leave something undone behind. What is to be undone,
//! the command knows. Once nobody hears them any longer, they end the process again.

use std::io;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::command_error::{CommandError, INTERRUPTED};

/// A signal that asks a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Ctrl-C.
    Interrupt,
    /// `kill`.
    Terminate,
    /// The terminal is gone.
    HangUp,
}

/// All of them.
pub(crate) const ALL: &[Ending] = &[Ending::Interrupt, Ending::Terminate, Ending::HangUp];

// How often each came while it was heard.
type Came = [u64; 3];

// What was heard once never has its default again, the runtime keeps it: so one thread takes all signals.
static SIGNALS: LazyLock<io::Result<Signals>> = LazyLock::new(Signals::take);

struct Signals {
    /// How many hear each of them now. Held while one is passed on: it is heard or obeyed, never both.
    heard: Mutex<[usize; 3]>,
    came: watch::Sender<Came>,
}

impl Signals {
    fn take() -> io::Result<Self> {
        let (ready, taken) = mpsc::channel();
        thread::spawn(move || {
            if let Err(error) = pass_on(&ready) {
                drop(ready.send(Err(error)));
            }
        });
        taken.recv().map_err(io::Error::other)??;
        Ok(Self {
            heard: Mutex::default(),
            came: watch::Sender::default(),
        })
    }

    fn heard(&self) -> MutexGuard<'_, [usize; 3]> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pass_on(ready: &mpsc::Sender<io::Result<()>>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        drop(ready.send(Ok(())));
        loop {
            let ending = tokio::select! {
                _ = interrupt.recv() => Ending::Interrupt,
                _ = terminate.recv() => Ending::Terminate,
                _ = hang_up.recv() => Ending::HangUp,
            };
            let Ok(signals) = &*SIGNALS else { return Ok(()) };
            let heard = signals.heard();
            match heard[ending as usize] {
                0 => std::process::exit(INTERRUPTED.into()),
                _ => signals.came.send_modify(|came| came[ending as usize] += 1),
            }
        }
    })
}

/// As long as it is held, these signals do not end the process.
pub(crate) struct Hearing {
    signals: &'static Signals,
    endings: &'static [Ending],
    came: watch::Receiver<Came>,
    known: Came,
}

impl Hearing {
    /// From now on they are the caller's to obey.
    pub(crate) fn of(endings: &'static [Ending]) -> io::Result<Self> {
        let signals = SIGNALS
            .as_ref()
            .map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
        let mut heard = signals.heard();
        for ending in endings {
            heard[*ending as usize] += 1;
        }
        let came = signals.came.subscribe();
        let known = *came.borrow();
        Ok(Self {
            signals,
            endings,
            came,
            known,
        })
    }

    /// The next one, also if it came since the last.
    pub(crate) async fn next(&mut self) -> Ending {
        loop {
            let came = *self.came.borrow_and_update();
            let new = self
                .endings
                .iter()
                .copied()
                .find(|ending| came[*ending as usize] > self.known[*ending as usize]);
            if let Some(ending) = new {
                self.known[ending as usize] = came[ending as usize];
                return ending;
            }
            // Its other end is never gone.
            drop(self.came.changed().await);
        }
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut heard = self.signals.heard();
        for ending in self.endings {
            heard[*ending as usize] -= 1;
        }
    }
}

/// From its making on, Ctrl-C does not end the process.
pub(crate) struct Interrupt {
    runtime: Runtime,
    hearing: Hearing,
}

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self, CommandError> {
        let failed = |error| CommandError::bug(format!("Ctrl-C cannot be listened for: {error}"));
        Ok(Self {
            hearing: Hearing::of(&[Ending::Interrupt]).map_err(failed)?,
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(failed)?,
        })
    }

    /// Waits for that time; less, and true, if Ctrl-C comes meanwhile or came since the last wait.
    pub(crate) fn within(&mut self, time: Duration) -> bool {
        let heard = async { timeout(time, self.hearing.next()).await.is_ok() };
        self.runtime.block_on(heard)
    }
}
