//! `seal edit`: the SealedSecrets of a file in an editor, as the Secrets that they become. What is left alone
//! keeps its bytes, what is new is sealed.
//!
//! The text in the editor is `page`'s; the file is replaced once, if it still is what was read.

mod changes;
mod page;
mod values;

use seal_core::{Certificate, EncryptionLabel};
use seal_document::{Edits, Stream, WipedText};

use super::target::{self, Change, Target};
use crate::arguments::EditArguments;
use crate::certificate::CertificateSource;
use crate::command_error::CommandError;
use crate::editor::Editor;
use crate::file_system::Exclusive;
use crate::input::{self, MANIFEST_LIMIT};
use crate::manifests::{ManifestFile, joined};
use crate::private_folder::PrivateFolder;
use crate::repository::settings;
use crate::terminal::Terminal;
use changes::{Changes, Refusal, Wanted};
use page::Shown;
use values::Whence;

/// By its name editors know how to colour it.
const PAGE: &str = "secret.yaml";

/// Runs it.
pub(super) fn run(arguments: &EditArguments, terminal: Terminal) -> Result<(), CommandError> {
    let whence = Whence::settle(arguments)?;
    let certificate = settings::with_environment(&arguments.certificate, &arguments.target.file)?;
    let source = CertificateSource::settle(&certificate)?;
    let allowed = settings::widest_scope(arguments.allowed.allow_scope, &arguments.target.file)?;
    let file = target::read(&arguments.target).map_err(|error| match arguments.target.file.exists() {
        true => error,
        false => error.remedy("write the Secret and seal it: `seal seal SECRET -w FILE`"),
    })?;
    let stream = file.parse()?;
    let mut shown = Target::find_all(&file, &stream, &arguments.target)?
        .into_iter()
        .map(Shown::of)
        .collect::<Result<Vec<_>, _>>()?;
    let labels = shown
        .iter()
        .map(|one| one.target.label(allowed))
        .collect::<Result<Vec<_>, _>>()?;
    // Nobody types values that could not be sealed then.
    let certificate = source.usable(terminal)?;
    for one in &mut shown {
        whence.reveal(one)?;
    }
    let round = Round {
        file: &file,
        stream: &stream,
        shown: &shown,
        labels: &labels,
        certificate: &certificate,
    };
    let told = edited(&round, terminal)?;
    terminal.detail(&format!("{}: {told}", file.source.shown()));
    Ok(())
}

// What is wrong reopens the editor with the reason; who closes it without a change gives up.
fn edited(round: &Round<'_, '_>, terminal: Terminal) -> Result<String, CommandError> {
    let editor = Editor::settle(terminal)?;
    let folder = PrivateFolder::make()?;
    let mut text = page::write(round.shown, &round.file.source.shown())?;
    let mut refusal: Option<Refusal> = None;
    loop {
        let heading = refusal.as_ref().map(Refusal::heading).unwrap_or_default();
        let path = folder.write(PAGE, joined(&[&heading, &text]).as_bytes())?;
        editor.open(&path)?;
        let bytes = input::read_file(&path, MANIFEST_LIMIT)?;
        let returned =
            seal_document::decode(&bytes).map_err(|error| CommandError::input(error.to_string()))?;
        let returned = Refusal::without_heading(returned);
        if returned == &**text {
            return match refusal {
                None => Ok("nothing has changed".to_owned()),
                Some(refusal) => Err(refusal.given_up(&round.file.source.shown())),
            };
        }
        text = WipedText::new(returned.to_owned());
        match round.take(&text) {
            Ok(told) => return Ok(told),
            Err(again) => refusal = Some(again),
        }
    }
}

/// What every round in the editor has to do with.
struct Round<'a, 't> {
    file: &'a ManifestFile,
    stream: &'a Stream<'t>,
    shown: &'a [Shown],
    labels: &'a [EncryptionLabel],
    certificate: &'a Certificate,
}

impl Round<'_, '_> {
    /// Brings what `text` says into the file.
    fn take(&self, text: &str) -> Result<String, Refusal> {
        let all = changes::read(text, self.shown)?;
        if all.iter().all(Changes::is_empty) {
            return Ok("nothing has changed".to_owned());
        }
        let mut edits = Edits::new(self.stream);
        let mut told = Vec::new();
        for ((shown, label), changes) in self.shown.iter().zip(self.labels).zip(&all) {
            let mut change = Change::of(&shown.target, &mut edits);
            for (entry, wanted) in &changes.entries {
                match wanted {
                    Wanted::Sealed(text) => change.put(entry, text.clone()),
                    Wanted::Value(value) => {
                        change.seal(entry, value.expose(), self.certificate.key(), label)?;
                    }
                }
                told.push(format!("{entry} sealed"));
            }
            for entry in &changes.gone {
                change.take_out(entry);
                told.push(format!("{entry} taken out"));
            }
            for (steps, value) in &changes.template {
                change.put_in_template(steps, value.clone());
                told.push(format!("template.{} changed", steps.join(".")));
            }
            change.finish();
        }
        let path = self
            .file
            .source
            .path()
            .expect("standard input is refused on reading");
        self.file.replace(&Exclusive::on(path), edits)?;
        Ok(told.join(", "))
    }
}
