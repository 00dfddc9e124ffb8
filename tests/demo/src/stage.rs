//! Where the demo plays: a folder of its own and the programs in it. A line is shown exactly as it is run, in an
//! environment without the user's settings, and whatever it leaves behind goes with the folder.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{Read, Seek},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::narrator::Narrator;

/// The folder of the programs that are no part of this workspace, in that of the demo.
#[cfg(target_os = "linux")]
pub(crate) const BIN: &str = "bin";

/// The stage of one run.
pub(crate) struct Stage<'a> {
    folder: TempDir,
    programs: BTreeMap<&'static str, PathBuf>,
    variables: BTreeMap<&'static str, PathBuf>,
    pub(crate) narrator: &'a Narrator,
}

impl<'a> Stage<'a> {
    /// An empty folder, and `seal`.
    pub(crate) fn new(narrator: &'a Narrator) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("seal-demo-").tempdir()?;
        // Programs put caches and histories into the home of whoever runs them.
        let variables = BTreeMap::from([("HOME", folder.path().to_owned())]);
        let programs = BTreeMap::from([("seal", our("seal")?)]);
        Ok(Self {
            folder,
            programs,
            variables,
            narrator,
        })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a file into the folder and shows it.
    pub(crate) fn write(&self, name: &str, content: &str) -> anyhow::Result<()> {
        fs::write(self.path().join(name), content).with_context(|| name.to_owned())?;
        self.cat(name)
    }

    /// Shows a file as `cat` does, which not every system has.
    pub(crate) fn cat(&self, name: &str) -> anyhow::Result<()> {
        self.narrator.command(&format!("cat {name}"))?;
        let content = fs::read_to_string(self.path().join(name)).with_context(|| name.to_owned())?;
        Ok(self.narrator.output(&content)?)
    }

    /// Shows `typed`, runs it and shows what it answers. Anything but exit code 0 ends the demo.
    pub(crate) async fn run(&self, typed: &str) -> anyhow::Result<()> {
        self.narrator.command(typed)?;
        let (status, said) = self.execute(typed).await?;
        self.narrator.output(&said)?;
        ensure!(status.success(), "`{typed}` ended with {status}");
        Ok(())
    }

    async fn execute(&self, typed: &str) -> anyhow::Result<(ExitStatus, String)> {
        let mut words = words(typed);
        let into = match words.iter().position(|word| word == ">") {
            Some(position) => words.split_off(position).into_iter().nth(1),
            None => None,
        };
        let (name, arguments) = words.split_first().context("an empty line")?;
        let Some(program) = self.programs.get(name.as_str()) else {
            bail!("the demo has no {name}");
        };
        // One nameless file for both streams keeps what they say in the order in which it was said.
        let mut said = tempfile::tempfile()?;
        let output = match into {
            Some(name) => File::create(self.path().join(name))?,
            None => said.try_clone()?,
        };
        let status = command(program)
            .args(arguments)
            .current_dir(self.path())
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(said.try_clone()?)
            .kill_on_drop(true)
            .status()
            .await
            .with_context(|| name.clone())?;
        said.rewind()?;
        let mut text = String::new();
        said.read_to_string(&mut text)?;
        Ok((status, text))
    }
}

/// What only the half with the control plane asks for.
#[cfg(target_os = "linux")]
impl Stage<'_> {
    /// From now on lines may begin with `name`, also those that somebody types in a folder that was kept: the program
    /// itself may be called otherwise, or be nobody else's.
    pub(crate) fn provide(&mut self, name: &'static str, program: PathBuf) -> anyhow::Result<()> {
        let folder = self.path().join(BIN);
        fs::create_dir_all(&folder)?;
        std::os::unix::fs::symlink(&program, folder.join(name))?;
        self.programs.insert(name, program);
        Ok(())
    }

    /// A variable for all lines from now on.
    pub(crate) fn set(&mut self, variable: &'static str, path: PathBuf) {
        self.variables.insert(variable, path);
    }

    /// What [`Stage::set`] has set.
    pub(crate) fn variable(&self, name: &str) -> Option<&Path> {
        self.variables.get(name).map(PathBuf::as_path)
    }

    /// Runs `typed` unseen; `None` when it does not end with exit code 0.
    pub(crate) async fn ask(&self, typed: &str) -> anyhow::Result<Option<String>> {
        let (status, said) = self.execute(typed).await?;
        Ok(status.success().then_some(said))
    }

    /// Gives the folder up: it outlives the demo, as `place`.
    pub(crate) fn keep_as(self, place: &Path) -> anyhow::Result<()> {
        let folder = self.folder.keep();
        fs::rename(&folder, place).with_context(|| folder.display().to_string())
    }
}

/// A program of this workspace, which lies beside the demo.
pub(crate) fn our(name: &str) -> anyhow::Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX));
    ensure!(
        path.is_file(),
        "{} is not built; `cargo xtask demo` builds it",
        path.display()
    );
    Ok(path)
}

/// `program` without what the user has set for programs like it.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let ours = [
            "SEAL_",
            "SEALED_SECRETS_",
            "KUBE",
            "HELM_",
            "XDG_",
            "BAO_",
            "VAULT_",
        ];
        if ours.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&*name);
        }
    }
    command
}

/// The words of a line, as far as the demo's lines go: parted by blanks, held together by single quotes.
fn words(typed: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for character in typed.chars() {
        match character {
            '\'' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => {
                word.push(character);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_by_blanks_and_held_together_by_quotes() {
        assert_eq!(
            words("kubectl  get -o jsonpath='{a b}' ''"),
            ["kubectl", "get", "-o", "jsonpath={a b}", ""]
        );
    }
}
