//! Where results go: standard output, or a file that is replaced whole and only on success.
//!
//! Nothing is written to disk before the command has succeeded, so that no plaintext rests in a
//! temporary file after a failure. What is written is not decided here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use seal_core::{RandomSource, SystemRandom};
use seal_document::{JsonStyle, KeyOrder, Value, WipedText};
use zeroize::{Zeroize, Zeroizing};

use super::failure::Failure;
use super::go_text::system_error;

/// The format of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputFormat {
    Json,
    Yaml,
}

impl OutputFormat {
    /// Reads the value of `--format`.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        match text.to_lowercase().as_str() {
            "json" | "" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            _ => Err(Failure::Format(text.to_owned())),
        }
    }

    /// One object as upstream prints it; its fields must stand in their Go struct's order.
    pub(super) fn render(self, object: &Value) -> WipedText {
        const FINITE: &str =
            "manifests hold no infinite numbers: JSON and YAML 1.1 schemas refuse them on the way in";
        let mut out = WipedText::default();
        match self {
            Self::Json => {
                let style = JsonStyle {
                    order: KeyOrder::Kept,
                    ..JsonStyle::PRETTY
                };
                let text = seal_document::to_json(object, style).expect(FINITE);
                out.reserve(text.len() + 1);
                out.push_str(&text);
                out.push('\n');
            }
            Self::Yaml => {
                let text = seal_document::to_yaml(object, KeyOrder::Sorted).expect(FINITE);
                out.reserve(text.len() + 4);
                out.push_str("---\n");
                out.push_str(&text);
            }
        }
        out
    }
}

/// The receiver of results.
pub(super) enum Output {
    Stdout,
    File(Replacement),
}

/// A file to be replaced.
pub(super) struct Replacement {
    target: PathBuf,
    content: Zeroizing<Vec<u8>>,
}

impl Output {
    /// Standard output, or the file `path` if it is not empty.
    ///
    /// # Errors
    /// When the folder of `path` cannot take a file.
    pub(super) fn open(path: &str) -> Result<Self, Failure> {
        if path.is_empty() {
            return Ok(Self::Stdout);
        }
        let replacement = Replacement {
            target: path.into(),
            content: Zeroizing::new(Vec::new()),
        };
        // Fails early as upstream does, before anything is fetched or opened.
        let (file, temporary) = create_beside(&replacement.target, None)?;
        drop(file);
        let _ = std::fs::remove_file(temporary);
        Ok(Self::File(replacement))
    }

    /// Adds to the result. On standard output it appears at once.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)
                    .and_then(|()| out.flush())
                    .map_err(|error| Failure::file("write", "/dev/stdout", &error))
            }
            Self::File(replacement) => {
                append(&mut replacement.content, bytes);
                Ok(())
            }
        }
    }

    /// Puts a file into place; standard output has it already.
    pub(super) fn commit(self) -> Result<(), Failure> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(Replacement { target, content }) => replace(&target, &content, None),
        }
    }
}

// Growing must not leave a copy behind.
fn append(content: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    if content.capacity() - content.len() < bytes.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((content.len() + bytes.len()) * 2));
        larger.extend_from_slice(content);
        content.zeroize();
        *content = larger;
    }
    content.extend_from_slice(bytes);
}

/// Replaces `target` by a file with `content`: written beside it, flushed to disk, renamed.
/// Its permissions are those of `like`, else 0600, upstream's choice.
pub(super) fn replace(target: &Path, content: &[u8], like: Option<&Path>) -> Result<(), Failure> {
    let (mut file, temporary) = create_beside(target, like)?;
    let shown = temporary.display().to_string();
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(|error| Failure::file("write", &shown, &error))
        .and_then(|()| {
            let renamed = std::fs::rename(&temporary, target);
            renamed.map_err(|error| Failure::File {
                operation: "rename",
                path: format!("{shown} {}", target.display()),
                cause: system_error(&error),
            })
        });
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    } else if let Ok(folder) = File::open(folder_of(target)) {
        // The new name is not on disk before the folder is.
        let _ = folder.sync_all();
    }
    written
}

fn folder_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn create_beside(target: &Path, like: Option<&Path>) -> Result<(File, PathBuf), Failure> {
    let mut random = [0; 8];
    SystemRandom
        .fill(&mut random)
        .map_err(seal_core::SealError::from)?;
    let name = target
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let temporary = target.with_file_name(format!(".{name}{}", u64::from_ne_bytes(random)));
    let failed = |error: io::Error| Failure::file("open", &temporary.display().to_string(), &error);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&temporary).map_err(failed)?;
    if let Some(like) = like {
        let permissions = std::fs::metadata(like).map(|metadata| metadata.permissions());
        permissions
            .and_then(|permissions| file.set_permissions(permissions))
            .map_err(failed)?;
    }
    Ok((file, temporary))
}
