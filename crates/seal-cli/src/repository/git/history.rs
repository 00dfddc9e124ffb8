//! What all commits of a repository held, the newer ones first: from the differences to their parents, which git
//! works out and which name each blob where it comes and where it goes. What is in the blobs is not its business.
//!
//! Two gits work at once, and nothing is kept of a commit that has been told of.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str;
use std::sync::mpsc;

use super::{Git, converse, hardened, path_of, raw_row};
use crate::command_error::CommandError;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) id: String,
    /// When it was made, in seconds since 1970.
    pub(crate) at: i64,
}

/// What is told of the history.
pub(crate) enum Event<'a> {
    /// The commit that what follows is about. None comes before a commit that it descends from.
    Commit(&'a Commit),
    /// It holds this file, which not all of its parents hold.
    Here { path: &'a Path, blob: &'a str },
    /// A parent of it holds this file, which it does not hold itself.
    Before {
        parent: &'a str,
        path: &'a Path,
        blob: &'a str,
    },
}

/// Which part of the history is walked.
pub(crate) struct Extent<'a> {
    /// What is checked out; its files are not told of.
    pub(crate) head: &'a str,
    /// The commit to begin with, in place of the first ones; its files are not told of.
    pub(crate) since: Option<&'a str>,
    /// Files and folders; none are all.
    pub(crate) within: &'a [PathBuf],
}

// What a commit is compared with.
enum Against {
    Nothing,
    Parent(String),
    // A commit that nothing descends from shows what it holds by what HEAD does not.
    Head,
}

struct Walked {
    commit: Commit,
    against: Vec<Against>,
}

impl Git {
    /// The commit that `revision` names.
    pub(crate) fn commit(&self, revision: &str) -> Result<String, CommandError> {
        let commit = format!("{revision}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
        let unknown = |_| {
            CommandError::input(format!("{revision} names no commit of this repository"))
                .remedy("name a commit, a tag or a branch; `git fetch` first if it is not here yet")
        };
        let answer = self.run(&arguments, b"").map_err(unknown)?;
        Ok(str::from_utf8(&answer).unwrap_or_default().trim().to_owned())
    }

    /// Whether the clone was made without the older commits.
    pub(crate) fn is_shallow(&self) -> Result<bool, CommandError> {
        let answer = self.run(&["rev-parse", "--is-shallow-repository"], b"")?;
        Ok(answer.starts_with(b"true"))
    }

    /// The files of `commit`, with their blobs.
    pub(crate) fn tree(&self, commit: &str) -> Result<Vec<(PathBuf, String)>, CommandError> {
        let answer = self.run(&["ls-tree", "-r", "-z", "--full-tree", commit], b"")?;
        let file = |row: &[u8]| {
            let tab = row.iter().position(|byte| *byte == b'\t')?;
            let words = str::from_utf8(&row[..tab]).ok()?;
            match words.split(' ').collect::<Vec<_>>()[..] {
                [mode, "blob", blob] if mode.starts_with("100") => {
                    Some((path_of(&row[tab + 1..]), blob.to_owned()))
                }
                _ => None,
            }
        };
        Ok(answer.split(|byte| *byte == 0).filter_map(file).collect())
    }

    /// Tells `hear` of every commit that any branch, tag or stash reaches.
    pub(crate) fn history(
        &self,
        extent: &Extent<'_>,
        mut hear: impl FnMut(Event<'_>) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let mut listing = hardened(&self.top);
        listing.args(["rev-list", "--parents", "--timestamp"]);
        listing.args(["--date-order", "--all", extent.head]);
        if let Some(since) = extent.since {
            listing.args([since, "--not", &format!("{since}^@")]);
        }
        listing
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let failed = |error: io::Error| CommandError::file("run", Path::new("git"), &error);
        let mut listing = listing.spawn().map_err(failed)?;
        let listed = BufReader::new(listing.stdout.take().expect("it is piped"));

        let mut comparing = hardened(&self.top);
        comparing.args(["--literal-pathspecs", "diff-tree"]);
        comparing.args([
            "--stdin",
            "--always",
            "--root",
            "-r",
            "-z",
            "--raw",
            "--no-abbrev",
        ]);
        comparing.args(["--no-renames", "--no-ext-diff", "--no-textconv"]);
        comparing
            .args(["--ignore-submodules=all", "--end-of-options", "--"])
            .args(extent.within);
        // As many are under way as fit into a pipe.
        let (sender, receiver) = mpsc::channel();
        let told = converse(
            comparing,
            "`git diff-tree` failed",
            |to| feed(listed, extent, to, sender),
            |from| {
                let mut tokens = Tokens::new(from);
                for walked in receiver {
                    tell(&walked, &mut tokens, &mut hear)?;
                }
                Ok(())
            },
        );
        let status = listing.wait().map_err(failed)?;
        match (told, status.success()) {
            (Ok(()), false) => Err(CommandError::input("`git rev-list` failed")),
            (told, _) => told,
        }
    }
}

// From `1700000000 COMMIT PARENT…` to one line for each comparison.
fn feed(
    listed: impl BufRead,
    extent: &Extent<'_>,
    to: &mut dyn Write,
    sender: mpsc::Sender<Walked>,
) -> io::Result<()> {
    let mut descended_from = HashSet::new();
    for line in listed.lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (Some(at), Some(id)) = (words.next(), words.next()) else {
            continue;
        };
        let is_tip = !descended_from.remove(id);
        let parents: Vec<&str> = words.collect();
        descended_from.extend(parents.iter().map(|parent| (*parent).to_owned()));
        let mut against: Vec<Against> = match extent.since == Some(id) {
            true => Vec::new(),
            false if parents.is_empty() => vec![Against::Nothing],
            false => parents
                .into_iter()
                .map(|parent| Against::Parent(parent.to_owned()))
                .collect(),
        };
        if is_tip && id != extent.head && extent.since != Some(id) {
            against.push(Against::Head);
        }
        let lines: Vec<String> = against
            .iter()
            .map(|against| match against {
                Against::Nothing => format!("{id}\n"),
                Against::Parent(parent) => format!("{id} {parent}\n"),
                Against::Head => format!("{id} {}\n", extent.head),
            })
            .collect();
        let commit = Commit {
            id: id.to_owned(),
            at: at.parse().unwrap_or_default(),
        };
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        sender.send(Walked { commit, against }).map_err(gone)?;
        for line in lines {
            to.write_all(line.as_bytes())?;
        }
    }
    Ok(())
}

fn tell(
    walked: &Walked,
    tokens: &mut Tokens<'_>,
    hear: &mut impl FnMut(Event<'_>) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let unreadable = || CommandError::input("`git diff-tree` says what nobody understands");
    hear(Event::Commit(&walked.commit))?;
    for against in &walked.against {
        if tokens.token()?.as_deref() != Some(walked.commit.id.as_bytes()) {
            return Err(unreadable());
        }
        while tokens.is_row()? {
            let row = tokens.token()?.unwrap_or_default();
            let row = raw_row(&row).ok_or_else(unreadable)?;
            let path = path_of(&tokens.token()?.ok_or_else(unreadable)?);
            if let Some(blob) = row.new {
                hear(Event::Here { path: &path, blob })?;
            }
            if let (Some(blob), Against::Parent(parent)) = (row.old, against) {
                let path = &path;
                hear(Event::Before { parent, path, blob })?;
            }
        }
    }
    Ok(())
}

// What stands between zero bytes.
struct Tokens<'a> {
    from: &'a mut dyn BufRead,
}

impl<'a> Tokens<'a> {
    fn new(from: &'a mut dyn BufRead) -> Self {
        Self { from }
    }

    fn token(&mut self) -> Result<Option<Vec<u8>>, CommandError> {
        let mut token = Vec::new();
        self.from.read_until(0, &mut token).map_err(lost)?;
        Ok((token.pop() == Some(0)).then_some(token))
    }

    // Names of commits are hexadecimal.
    fn is_row(&mut self) -> Result<bool, CommandError> {
        Ok(self.from.fill_buf().map_err(lost)?.first() == Some(&b':'))
    }
}

fn lost(error: io::Error) -> CommandError {
    CommandError::file("read", Path::new("what git answers"), &error)
}
