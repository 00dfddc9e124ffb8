//! Which flags keep an editor from leaving copies of what it edits: swap files, backups, undo files, history
//! (S24). Links are followed, so that `vi` is whatever it is here.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The flags for `program`; none where nobody knows.
pub(super) fn flags_against(program: &str) -> Option<Vec<OsString>> {
    let place = found(program);
    let real = place.and_then(|place| place.canonicalize().ok());
    let name = real
        .as_deref()
        .unwrap_or(Path::new(program))
        .file_name()?
        .to_str()?;
    flags(name).map(|flags| flags.iter().map(Into::into).collect())
}

fn found(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(program.into());
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|place| place.is_file())
}

fn flags(name: &str) -> Option<&'static [&'static str]> {
    // -n counts after the user's vimrc; the rest matters when the file is written, so that it may come last.
    const VIM: &[&str] = &[
        "-n",
        "-i",
        "NONE",
        "-c",
        "silent! set nobackup nowritebackup noundofile",
    ];
    const EMACS: &[&str] = &[
        "--eval",
        "(setq make-backup-files nil auto-save-default nil create-lockfiles nil savehist-mode nil)",
    ];
    // vim.basic, vim.tiny, emacs-nox: as distributions name them.
    let family = name.split(['.', '-']).next().unwrap_or(name);
    match family {
        "vim" | "nvim" => Some(VIM),
        "emacs" => Some(EMACS),
        // Backups are a setting of nanorc.
        "nano" => Some(&["--ignorercfiles"]),
        "micro" => Some(&["-backup", "false", "-saveundo", "false", "-savehistory", "false"]),
        "hx" | "helix" | "ed" => Some(&[]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_is_known_by_what_it_really_is() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("vim.basic");
        std::fs::write(&real, "").unwrap();
        let link = folder.path().join("vi");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let flags = flags_against(link.to_str().unwrap()).unwrap();
        assert_eq!(flags[0], "-n");
        assert_eq!(flags_against("/nowhere/code"), None);
        assert_eq!(flags_against("/nowhere/emacsclient"), None);
        assert!(flags_against("/nowhere/emacs-nox").is_some());
    }
}
