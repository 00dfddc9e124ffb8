//! One run of `cargo xtask demo` and what it leaves on the machine. What it must show is for the tests to say.

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use seal_testbed::{Workspace, wait_for};

/// Compiling is part of the command.
pub(crate) const DEADLINE: Duration = Duration::from_secs(900);

/// A demo under way. Its temp folder is its own, by which its processes are known, too.
pub(crate) struct Showing {
    /// The process: the demo itself, once it is compiled.
    pub(crate) child: Child,
    temporary: Workspace,
    output: Workspace,
}

impl Showing {
    pub(crate) fn begin(flags: &[&str]) -> anyhow::Result<Self> {
        let (temporary, output) = (Workspace::new()?, Workspace::new()?);
        let file = File::create(output.path().join("output"))?;
        let child = Command::new(env!("CARGO"))
            .args(["xtask", "demo"])
            .args(flags)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .spawn()?;
        Ok(Self {
            child,
            temporary,
            output,
        })
    }

    /// All that it has said so far.
    pub(crate) fn said(&self) -> String {
        self.output.read("output").unwrap_or_default()
    }

    /// Waits for its end: the exit code, 128 + n where signal n ended it.
    pub(crate) async fn end(&mut self) -> anyhow::Result<i32> {
        let child = std::sync::Mutex::new(&mut self.child);
        let ended = async || Ok(child.lock().expect("nobody else locks it").try_wait()?);
        let status = wait_for("the demo to end", DEADLINE, ended).await?;
        Ok(status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
    }

    /// Files in its temp folder and processes with its environment.
    pub(crate) fn left_behind(&self) -> anyhow::Result<Vec<String>> {
        let folder = fs::read_dir(self.temporary.path())?;
        let mut found: Vec<String> = folder
            .map(|entry| Ok(entry?.path().display().to_string()))
            .collect::<anyhow::Result<_>>()?;
        let mark = format!("TMPDIR={}", self.temporary.path().display());
        for entry in fs::read_dir("/proc")? {
            let process = entry?.path();
            // Whatever ended meanwhile, or is another user's, is not it.
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            if environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark.as_bytes())
            {
                let line = fs::read(process.join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        Ok(found)
    }

    /// Nothing of it is left, a moment after its end at the latest: what was killed has to be reaped.
    pub(crate) async fn expect_nothing_left(&self) -> anyhow::Result<()> {
        let nothing = async || {
            let left = self.left_behind()?;
            anyhow::ensure!(left.is_empty(), "left behind: {left:#?}");
            Ok(Some(()))
        };
        wait_for(
            "the demo to leave nothing behind",
            Duration::from_secs(120),
            nothing,
        )
        .await
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
