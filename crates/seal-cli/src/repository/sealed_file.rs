//! A file of SealedSecrets in a checkout: recognised before it is parsed, changed text by text, replaced
//! whole. Which texts change is the command's.

use seal_api::{SealedSecret, annotations};
use seal_document::{Edits, Path, Stream, Value};
use zeroize::Zeroizing;

use crate::command_error::CommandError;
use crate::file_system::Exclusive;
use crate::input::Source;
use crate::manifests::{self, Found, Kind, ManifestFile, Place};

/// One file, as it was read.
pub(crate) struct SealedFile {
    file: ManifestFile,
}

/// One SealedSecret of it.
pub(crate) struct Sealed {
    /// File, place, kind, namespace and name.
    pub(crate) shown: String,
    pub(crate) object: SealedSecret,
    /// The same with fields that no controller knows.
    pub(crate) value: Value,
    place: Place,
}

impl SealedFile {
    /// Reads `source`.
    pub(crate) fn read(source: &Source) -> Result<Self, CommandError> {
        let file = ManifestFile::read(source.clone())?;
        Ok(Self { file })
    }

    /// The file `source` whose content is at hand.
    pub(crate) fn of(source: Source, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self {
            file: ManifestFile { source, bytes },
        }
    }

    /// Why YAML that is none is skipped.
    pub(crate) const TEMPLATE: &str = "a template that is not rendered";

    /// Its documents and the SealedSecrets in them, or why it is none of the command's business.
    pub(crate) fn parse(&self) -> Result<Result<(Stream<'_>, Vec<Sealed>), &'static str>, CommandError> {
        const NONE: &str = "no SealedSecret in it";
        // To parse is a hundred times dearer than to look for a word; escapes could hide it.
        let bytes = self.file.bytes.as_slice();
        let finds = |word: &[u8]| memchr::memmem::find(bytes, word).is_some();
        if !finds(b"SealedSecret") && !finds(b"\\") {
            return Ok(Err(NONE));
        }
        let all = self.file.parse().and_then(|stream| {
            let sealed = self.sealed(&stream)?;
            Ok((stream, sealed))
        });
        match all {
            Ok((_, sealed)) if sealed.is_empty() => Ok(Err(NONE)),
            Ok(all) => Ok(Ok(all)),
            Err(_) if !finds(b"SealedSecret") => Ok(Err(NONE)),
            // Templates of Helm and the like: YAML by chance, if at all.
            Err(_) if finds(b"{{") => Ok(Err(Self::TEMPLATE)),
            Err(error) => Err(error),
        }
    }

    fn sealed(&self, stream: &Stream<'_>) -> Result<Vec<Sealed>, CommandError> {
        let found = manifests::find(stream).map_err(|error| error.about(&self.file.source.shown()))?;
        let sealed = found.into_iter().filter(|found| found.kind == Kind::SealedSecret);
        sealed.map(|found| self.one(found)).collect()
    }

    fn one(&self, found: Found) -> Result<Sealed, CommandError> {
        let shown = self.file.name_of(&found);
        let object = SealedSecret::from_value(&found.value)
            .map_err(|error| CommandError::from(error).about(&shown))?;
        let Found { place, value, .. } = found;
        Ok(Sealed {
            shown,
            object,
            value,
            place,
        })
    }

    /// Puts the changed text in the file's place, if it still is what was read: a cluster may have been waited
    /// for, and nobody else's run waits for that.
    pub(crate) fn replace(&self, edits: Edits<'_, '_>) -> Result<(), CommandError> {
        let path = self.file.source.path().ok_or_else(|| {
            CommandError::usage("files are changed where they stand; standard input is none")
        })?;
        self.file.replace(&Exclusive::on(path), edits)
    }
}

impl Sealed {
    /// Puts `text` in the place of the sealed text of `entry`; an empty name is the legacy blob.
    pub(crate) fn put(&self, edits: &mut Edits<'_, '_>, entry: &str, text: &str) {
        let spec = self.place.path().key("spec");
        let path = match self.object.spec.data.is_some() {
            true => spec.key("data"),
            false => spec.key("encryptedData").key(entry),
        };
        edits.set(self.place.document, &path, Value::from(text));
    }

    /// What it says of which key sealed what.
    pub(crate) fn note(&self) -> Option<&str> {
        let annotations = self.object.metadata.annotations.as_ref()?;
        annotations.get(annotations::SEALED_WITH).map(String::as_str)
    }

    /// Says which key sealed what.
    pub(crate) fn annotate(&self, edits: &mut Edits<'_, '_>, text: String) {
        let metadata: Path = self.place.path().key("metadata");
        let path = metadata.key("annotations").key(annotations::SEALED_WITH);
        edits.set(self.place.document, &path, Value::from(text));
    }
}

/// Whether both are the same ciphertext; base64 may be folded.
pub(crate) fn is_same_text(one: &str, other: &str) -> bool {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    one == other || bare(one) == bare(other)
}
