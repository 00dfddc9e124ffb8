//! A value typed unseen. However the asking ends, the terminal echoes again afterwards: nobody shall sit
//! before a shell that seems dead. What is typed is judged elsewhere.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::command_error::CommandError;
use crate::interrupt::{self, Hearing};

const TERMINAL: &str = "/dev/tty";

/// What somebody types behind `prompt`.
///
/// # Errors
/// [`CommandError`]; the terminal is as it was before.
pub(crate) fn ask(prompt: String) -> Result<Zeroizing<String>, CommandError> {
    // Until the terminal is as it was.
    let mut hearing = Hearing::of(interrupt::ALL).map_err(unread)?;
    let _restored = Restored::remember().map_err(unread)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(unread)?.block_on(async {
        // rpassword turns Ctrl-C into a signal before it makes the terminal echo again; one that ends
        // the process on the spot would leave it as it is.
        let (answer, answered) = oneshot::channel();
        // It waits for a key, whatever is asked of this process; the process does not wait for it.
        thread::spawn(move || drop(answer.send(rpassword::prompt_password(prompt).map(Zeroizing::new))));
        tokio::select! {
            biased;
            _ = hearing.next() => Err(stopped()),
            typed = answered => match typed {
                Ok(Ok(typed)) => Ok(typed),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => Err(stopped()),
                Ok(Err(error)) => Err(unread(error)),
                Err(_) => Err(CommandError::bug("the prompt ended without a word")),
            },
        }
    })
}

fn stopped() -> CommandError {
    CommandError::interrupted("stopped at the prompt; nothing was changed")
}

fn unread(error: io::Error) -> CommandError {
    CommandError::file("read from", Path::new("the terminal"), &error)
}

/// Puts the terminal back to what it was, once dropped.
struct Restored {
    terminal: File,
    before: Termios,
}

impl Restored {
    fn remember() -> io::Result<Self> {
        let terminal = File::open(TERMINAL)?;
        let before = tcgetattr(&terminal)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        // A terminal that is gone echoes nothing any longer.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
