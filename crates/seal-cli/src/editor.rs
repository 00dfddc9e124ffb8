//! The user's editor: which one, how it is kept from making copies, and waiting until it ends. What is edited
//! is the command's.

mod copies;

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::command_error::CommandError;
use crate::interrupt::{self, Ending, Hearing};
use crate::terminal::Terminal;

/// The variables that name it, the first that is set.
const VARIABLES: [&str; 3] = ["SEAL_EDITOR", "VISUAL", "EDITOR"];
/// What a shell would do something about; as Git has it.
const SHELL: &str = "|&;<>()$`\\\"' \t\n*?[#~=%";
/// How long an editor may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// The editor.
pub(crate) struct Editor {
    program: OsString,
    arguments: Vec<OsString>,
    /// As the variable has it.
    shown: String,
}

impl Editor {
    /// The one that the environment names, else vi. One that may leave copies of what it is given is told about.
    pub(crate) fn settle(terminal: Terminal) -> Result<Self, CommandError> {
        let named = VARIABLES.iter().find_map(|name| {
            let value = env::var_os(name)?;
            (!value.to_string_lossy().trim().is_empty()).then_some(value)
        });
        let Ok(line) = named.unwrap_or_else(|| "vi".into()).into_string() else {
            return Err(CommandError::usage("the name of the editor is not UTF-8"));
        };
        let (editor, copies) = Self::of(&line);
        match copies {
            // Before the user's own, which may write the file: vim obeys -c and -S in their order.
            Some(flags) => Ok(Self {
                arguments: flags.into_iter().chain(editor.arguments).collect(),
                ..editor
            }),
            None => {
                terminal.warn(&format!(
                    "nobody knows how to keep {} from leaving copies (swap files, backups, history): what you \
                     type may stay on disk",
                    editor.shown
                ));
                Ok(editor)
            }
        }
    }

    // Also the flags that keep it from making copies, where they are known.
    fn of(line: &str) -> (Self, Option<Vec<OsString>>) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_plain = words.iter().all(|word| !word.contains(|one| SHELL.contains(one)));
        let shown = line.trim().to_owned();
        match words.split_first() {
            Some((program, arguments)) if is_plain => {
                let flags = copies::flags_against(program);
                let editor = Self {
                    program: program.into(),
                    arguments: arguments.iter().map(Into::into).collect(),
                    shown,
                };
                (editor, flags)
            }
            // The line is the user's own; the file's name reaches it as an argument.
            _ => {
                let script = format!("{line} \"$@\"");
                let editor = Self {
                    program: "sh".into(),
                    arguments: vec!["-c".into(), script.into(), line.into()],
                    shown,
                };
                (editor, None)
            }
        }
    }

    /// Opens `file` in it, and waits until it ends.
    ///
    /// # Errors
    /// Where it cannot be started, fails, or is ended by a signal to itself or to this process.
    pub(crate) fn open(&self, file: &Path) -> Result<(), CommandError> {
        match self.run(file) {
            Ok(Ended::ByItself(status)) if status.success() => Ok(()),
            Ok(Ended::ByItself(status)) => Err(CommandError::input(format!(
                "the editor {} ended with {status}; nothing was changed",
                self.shown
            ))),
            Ok(Ended::Interrupted) => Err(CommandError::interrupted(format!(
                "stopped while {} ran; nothing was changed",
                self.shown
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CommandError::input(format!(
                "cannot start the editor {}: there is no such program",
                self.shown
            ))
            .remedy("name yours in SEAL_EDITOR, VISUAL or EDITOR")),
            Err(error) => Err(CommandError::input(format!(
                "cannot run the editor {}: {error}",
                self.shown
            ))),
        }
    }

    fn run(&self, file: &Path) -> io::Result<Ended> {
        let mut hearing = Hearing::of(interrupt::ALL)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            // Ctrl-C reaches the editor, too, which knows what it means by it.
            let mut child = Command::new(&self.program)
                .args(&self.arguments)
                .arg(file)
                .spawn()?;
            let pid = Pid::from_child(&child);
            let (answer, mut ended) = oneshot::channel();
            thread::spawn(move || drop(answer.send(child.wait())));
            let mut interrupted = false;
            let passed_on = loop {
                tokio::select! {
                    biased;
                    status = &mut ended => {
                        let status = status.map_err(io::Error::other)??;
                        let was_interrupted = interrupted || status.signal() == Some(Signal::INT.as_raw());
                        return Ok(match was_interrupted && !status.success() {
                            true => Ended::Interrupted,
                            false => Ended::ByItself(status),
                        });
                    }
                    ending = hearing.next() => match ending {
                        Ending::Interrupt => interrupted = true,
                        Ending::Terminate => break Signal::TERM,
                        Ending::HangUp => break Signal::HUP,
                    },
                }
            };
            let _ = kill_process(pid, passed_on);
            if timeout(GRACE, &mut ended).await.is_err() {
                let _ = kill_process(pid, Signal::KILL);
            }
            Ok(Ended::Interrupted)
        })
    }
}

enum Ended {
    ByItself(ExitStatus),
    Interrupted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_arguments_and_what_a_shell_would_read_goes_to_one() {
        let (editor, _) = Editor::of(" code  --wait ");
        assert_eq!(
            (editor.program, editor.arguments),
            ("code".into(), vec!["--wait".into()])
        );
        let (editor, flags) = Editor::of("TERM=dumb 'my editor' -x");
        assert_eq!(editor.program, "sh");
        assert_eq!(editor.arguments[1], "TERM=dumb 'my editor' -x \"$@\"");
        assert!(flags.is_none());
    }
}
