//! What Git has of a checkout: the index and what is committed, through the git binary, told to run nothing
//! that the checkout or its configuration names and to ask no network (S22).

mod history;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{str, thread};

use zeroize::Zeroizing;

use super::three_way::Merged;
use crate::command_error::CommandError;
use crate::input;

pub(crate) use history::{Commit, Event, Extent};

/// What is staged, all together, at most.
const LIMIT: usize = 1 << 30;

/// A checkout.
pub(crate) struct Git {
    top: PathBuf,
}

/// A file as it is staged.
pub(crate) struct Staged {
    /// From the checkout's top.
    pub(crate) path: PathBuf,
    pub(crate) blob: String,
    /// What is committed in its place.
    pub(crate) before: Option<String>,
}

/// What there is of a blob.
pub(crate) enum Content {
    Whole(Zeroizing<Vec<u8>>),
    /// More bytes than are wanted.
    TooLong,
    /// This clone has left it elsewhere.
    Missing,
}

impl Git {
    /// The checkout that `folder` is in.
    pub(crate) fn of(folder: &Path) -> Result<Self, CommandError> {
        let mut command = hardened(folder);
        command.args(["rev-parse", "--show-toplevel"]);
        let top = finish(command, b"", "there is no Git checkout here")?;
        let top = top.strip_suffix(b"\n").unwrap_or(&top);
        Ok(Self { top: path_of(top) })
    }

    /// Its topmost folder.
    pub(crate) fn top(&self) -> &Path {
        &self.top
    }

    /// The files that the next commit adds or changes.
    pub(crate) fn staged(&self) -> Result<Vec<Staged>, CommandError> {
        let head = match self.run(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], b"") {
            Ok(head) => head,
            // Before the first commit there is nothing to compare with.
            Err(_) => self.run(&["hash-object", "-t", "tree", "--stdin"], b"")?,
        };
        let head = str::from_utf8(&head).unwrap_or_default().trim().to_owned();
        let arguments = [
            "diff-index",
            "--cached",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=all",
            "--diff-filter=ACMT",
            "--end-of-options",
            &head,
            "--",
        ];
        let answer = self.run(&arguments, b"")?;
        let mut parts = answer.split(|byte| *byte == 0);
        let mut staged = Vec::new();
        while let (Some(row), Some(path)) = (parts.next(), parts.next()) {
            let Some(row) = raw_row(row) else { continue };
            if let Some(blob) = row.new {
                staged.push(Staged {
                    path: path_of(path),
                    blob: blob.to_owned(),
                    before: row.old.map(str::to_owned),
                });
            }
        }
        Ok(staged)
    }

    /// The files of the index that `wanted` takes, with their blobs.
    pub(crate) fn index(
        &self,
        wanted: impl Fn(&Path) -> bool,
    ) -> Result<BTreeMap<PathBuf, String>, CommandError> {
        let answer = self.run(&["ls-files", "--cached", "--stage", "-z"], b"")?;
        let mut files = BTreeMap::new();
        for row in answer.split(|byte| *byte == 0) {
            let Some(tab) = row.iter().position(|byte| *byte == b'\t') else {
                continue;
            };
            let path = path_of(&row[tab + 1..]);
            let words = str::from_utf8(&row[..tab]).unwrap_or_default();
            if let [mode, blob, _] = words.split(' ').collect::<Vec<_>>()[..]
                && mode.starts_with("100")
                && wanted(&path)
            {
                files.insert(path, blob.to_owned());
            }
        }
        Ok(files)
    }

    /// The contents of `blobs`, one after another.
    pub(crate) fn contents<'b>(
        &self,
        blobs: impl IntoIterator<Item = &'b str>,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, CommandError> {
        let asked: Vec<&str> = blobs.into_iter().collect();
        let mut contents = Vec::with_capacity(asked.len());
        let mut left = LIMIT;
        self.each_content(&asked, LIMIT, |content| {
            let content = match content {
                Content::Whole(content) if content.len() <= left => content,
                Content::Missing => {
                    return Err(CommandError::input(
                        "git does not have a file that the index names",
                    ));
                }
                _ => {
                    return Err(CommandError::input(format!(
                        "what is staged is longer than {LIMIT} bytes"
                    )));
                }
            };
            left -= content.len();
            contents.push(content);
            Ok(())
        })?;
        Ok(contents)
    }

    /// Hands the content of each of `blobs` to `take`, in their order, out of one git; no more than one is held.
    pub(crate) fn each_content(
        &self,
        blobs: &[&str],
        limit: usize,
        mut take: impl FnMut(Content) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        if blobs.is_empty() {
            return Ok(());
        }
        let mut command = hardened(&self.top);
        command.args(["cat-file", "--batch"]);
        let ask = |to: &mut dyn Write| blobs.iter().try_for_each(|blob| writeln!(to, "{blob}"));
        let unreadable = || CommandError::input("`git cat-file` says what nobody understands");
        let hear = |from: &mut dyn BufRead| {
            let lost = |error: io::Error| CommandError::file("read", Path::new("what git answers"), &error);
            for _ in blobs {
                let mut head = String::new();
                from.take(1024).read_line(&mut head).map_err(lost)?;
                if head.is_empty() {
                    // Before 2.45 git wants to fetch what a clone lacks, and ends when it may not.
                    return Err(
                        CommandError::input("git cannot read all that it is asked for").remedy(
                            "fetch it, if this clone was made without (--filter): `git fetch --refetch --no-filter`",
                        ),
                    );
                }
                let size = match head.trim_end().split(' ').collect::<Vec<_>>()[..] {
                    [_, "missing"] => {
                        take(Content::Missing)?;
                        continue;
                    }
                    [_, "blob", size] => size.parse().map_err(|_| unreadable())?,
                    _ => return Err(unreadable()),
                };
                let mut content = from.take(size);
                let whole = match usize::try_from(size) {
                    Ok(size) if size <= limit => {
                        // As long as it will be: a buffer that grows would leave copies behind.
                        let mut whole = Zeroizing::new(Vec::with_capacity(size));
                        content.read_to_end(&mut whole).map_err(lost)?;
                        Content::Whole(whole)
                    }
                    _ => {
                        io::copy(&mut content, &mut io::sink()).map_err(lost)?;
                        Content::TooLong
                    }
                };
                let is_cut = content.limit() > 0;
                let mut end = [0];
                if is_cut || from.read_exact(&mut end).is_err() {
                    return Err(unreadable());
                }
                take(whole)?;
            }
            Ok(())
        };
        converse(command, "`git cat-file` failed", ask, hear)
    }

    /// The folder of its hooks.
    pub(crate) fn hooks(&self) -> Result<PathBuf, CommandError> {
        self.path("hooks")
    }

    /// Where a file of Git's own stands.
    pub(crate) fn path(&self, name: &str) -> Result<PathBuf, CommandError> {
        let mut command = quiet(&self.top);
        command.args(["rev-parse", "--git-path", name]);
        let path = finish(command, b"", "git does not say where its own files are")?;
        Ok(self.top.join(path_of(path.strip_suffix(b"\n").unwrap_or(&path))))
    }

    /// Writes a setting of this checkout alone.
    pub(crate) fn configure(&self, name: &str, value: &str) -> Result<(), CommandError> {
        self.run(&["config", "--local", name, value], b"").map(drop)
    }

    fn run(&self, arguments: &[&str], stdin: &[u8]) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        let mut command = hardened(&self.top);
        command.args(arguments);
        finish(command, stdin, &format!("`git {}` failed", arguments[0]))
    }
}

// A row of `--raw`: the blobs on both sides, where there are files.
struct RawRow<'a> {
    old: Option<&'a str>,
    new: Option<&'a str>,
}

fn raw_row(row: &[u8]) -> Option<RawRow<'_>> {
    let row = str::from_utf8(row).ok()?.strip_prefix(':')?;
    let [old_mode, mode, old, new, _] = row.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    // Links and submodules hold no content of their own.
    let file = |mode: &str, blob| mode.starts_with("100").then_some(blob);
    Some(RawRow {
        old: file(old_mode, old),
        new: file(mode, new),
    })
}

/// Merges base, ours and theirs line by line. They stand in a folder of their own meanwhile: ciphertexts only.
pub(crate) fn merge_texts(texts: [&str; 3], labels: [&str; 2]) -> Result<Merged, CommandError> {
    let failed = |error: io::Error| CommandError::file("write", Path::new("a temporary folder"), &error);
    let folder = tempfile::Builder::new()
        .prefix("seal-merge-")
        .tempdir()
        .map_err(failed)?;
    for (name, text) in ["base", "ours", "theirs"].iter().zip(texts) {
        std::fs::write(folder.path().join(name), text).map_err(failed)?;
    }
    let mut command = hardened(folder.path());
    command.args(["merge-file", "-p", "-L", labels[0], "-L", "base", "-L", labels[1]]);
    command
        .args(["ours", "base", "theirs"])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let done = command
        .output()
        .map_err(|error| CommandError::file("run", Path::new("git"), &error))?;
    // The number of conflicts; what is above is an error of its own.
    let conflicts = done
        .status
        .code()
        .and_then(|code| usize::try_from(code).ok())
        .filter(|code| *code < 128);
    match (conflicts, String::from_utf8(done.stdout)) {
        (Some(conflicts), Ok(text)) => Ok(Merged { text, conflicts }),
        _ => Err(CommandError::input("`git merge-file` failed")),
    }
}

fn quiet(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).arg("--no-pager");
    command.args(["-c", "safe.bareRepository=explicit"]);
    for variable in [
        "GIT_EXTERNAL_DIFF",
        "GIT_PAGER",
        "GIT_TRACE",
        "GIT_TRACE2",
        "GIT_TRACE2_EVENT",
    ] {
        command.env_remove(variable);
    }
    command
        .env("GIT_OPTIONAL_LOCKS", "0")
        // What is there, and not what somebody wants to be shown in its place.
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_GRAFT_FILE", "/dev/null")
        // Above whatever the checkout's own settings allow.
        .env("GIT_ALLOW_PROTOCOL", "")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_LAZY_FETCH", "1");
    command
}

fn hardened(folder: &Path) -> Command {
    let mut command = quiet(folder);
    for setting in [
        "core.fsmonitor=false",
        "core.hooksPath=/dev/null",
        "protocol.allow=never",
    ] {
        command.args(["-c", setting]);
    }
    command
}

fn finish(command: Command, stdin: &[u8], failed: &str) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let whole = |from: &mut dyn BufRead| input::read_whole(from, LIMIT, Path::new("what git answers"));
    converse(command, failed, |to| to.write_all(stdin), whole)
}

/// Runs `command`; `write` tells it, on a thread of its own, while `read` hears what it says, and whichever of
/// the two ends first lets the other one end.
fn converse<T>(
    mut command: Command,
    failed: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send,
    read: impl FnOnce(&mut dyn BufRead) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    // What git says could quote a stranger's names.
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| {
        CommandError::file("run", Path::new("git"), &error).remedy("install git, or see that it is in PATH")
    })?;
    let to = child.stdin.take().expect("it is piped");
    let from = child.stdout.take().expect("it is piped");
    let answer = thread::scope(|scope| {
        scope.spawn(move || {
            let mut to = BufWriter::new(to);
            // A git that reads no further has said all that it will.
            let _ = write(&mut to).and_then(|()| to.flush());
        });
        let mut from = BufReader::with_capacity(64 << 10, from);
        let answer = read(&mut from);
        // A git that nobody hears any longer would hear nobody either, and the thread above would wait for it.
        drop(from);
        answer
    });
    let status = child
        .wait()
        .map_err(|error| CommandError::file("run", Path::new("git"), &error))?;
    match (answer, status.success()) {
        (Ok(_), false) => Err(CommandError::input(failed.to_owned())),
        (answer, _) => answer,
    }
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    let text = String::from_utf8_lossy(bytes);
    PathBuf::from(OsStr::new(text.as_ref()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_long_ends_it_although_more_is_being_asked() {
        let asked = vec![b'x'; 8 << 20];
        let some = |from: &mut dyn BufRead| input::read_whole(from, 1 << 20, Path::new("it"));
        let refused = converse(Command::new("cat"), "", |to| to.write_all(&asked), some).unwrap_err();
        assert_eq!(refused.complaints()[0].what, "it is longer than 1048576 bytes");
    }

    #[test]
    fn however_much_is_asked_all_of_it_is_answered() {
        let asked = vec![b'x'; 8 << 20];
        let all = |from: &mut dyn BufRead| input::read_whole(from, LIMIT, Path::new("it"));
        let heard = converse(Command::new("cat"), "", |to| to.write_all(&asked), all).unwrap();
        assert_eq!(heard.len(), asked.len());
    }
}
