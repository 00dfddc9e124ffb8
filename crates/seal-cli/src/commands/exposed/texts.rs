//! The sealed texts in files, each read once, however many files and commits hold it. Values end here: what stays
//! of one is a digest under a key of this run, for comparing, and it is never told.

use std::collections::{HashMap, HashSet};

use seal_core::{
    CiphertextDigest, EncryptionLabel, Fingerprint, InstallationKey, KeyRing, Namespace, Plaintext,
    RandomSource, SystemRandom, TrialHints, decode_base64,
};
use seal_engine::sealed_secret::SealedWith;
use seal_engine::sealed_secret::exposed::{Reading, labels, read, texts};
use zeroize::Zeroizing;

use super::presence::Numbers;
use crate::command_error::CommandError;
use crate::cores;
use crate::repository::SealedFile;

/// A file's content.
pub(super) struct Unread {
    pub(super) file: SealedFile,
    /// Whether what other keys sealed in it may have to be compared.
    pub(super) stands_today: bool,
}

/// A sealed text where it stands, by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) object: u32,
    pub(super) entry: u32,
    pub(super) sealed: u32,
}

/// Why a file's texts are not known.
pub(super) enum Overlooked {
    Template,
    Unreadable(CommandError),
}

/// What a file holds.
pub(super) type Seen = Result<Box<[Text]>, Overlooked>;

/// What is known of a sealed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The leaked key reads it; this stands for its value, which is not known where the text was altered.
    Leaked(Option<String>),
    /// Another key's; this stands for its value, where that key is known.
    Others(Option<String>),
}

/// All of them.
pub(super) struct Texts<'a> {
    leaked: &'a KeyRing,
    others: Option<&'a KeyRing>,
    namespaces: &'a [Namespace],
    comparing: InstallationKey,
    objects: Numbers<String>,
    entries: Numbers<String>,
    sealed: Numbers<CiphertextDigest>,
    labels: Numbers<EncryptionLabel>,
    // What the leaked key reads.
    values: HashMap<u32, Option<String>>,
    // What has been asked of it in vain.
    tried: HashSet<(u32, u32)>,
    // What other keys sealed, and stands today.
    kept: HashMap<u32, Trial>,
    /// How many name no namespace, and could not be read.
    pub(super) homeless: usize,
}

// A text out of a file.
struct Found {
    object: String,
    entry: String,
    is_homeless: bool,
    trial: Trial,
}

#[derive(Clone)]
struct Trial {
    sealed: Vec<u8>,
    labels: Vec<EncryptionLabel>,
    hint: Option<Fingerprint>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(
        leaked: &'a KeyRing,
        others: Option<&'a KeyRing>,
        namespaces: &'a [Namespace],
    ) -> Result<Self, CommandError> {
        let mut key = Zeroizing::new([0; InstallationKey::LENGTH]);
        SystemRandom
            .fill(key.as_mut_slice())
            .map_err(|error| CommandError::bug(error.to_string()))?;
        Ok(Self {
            leaked,
            others,
            namespaces,
            comparing: InstallationKey::from_bytes(key.as_slice()).expect("it is that long"),
            objects: Numbers::default(),
            entries: Numbers::default(),
            sealed: Numbers::default(),
            labels: Numbers::default(),
            values: HashMap::new(),
            tried: HashSet::new(),
            kept: HashMap::new(),
            homeless: 0,
        })
    }

    /// Reads `files`: each on whichever core is free, then each text that is new, likewise.
    pub(super) fn add(&mut self, files: &[Unread]) -> Vec<Seen> {
        let found = |file: &Unread| Ok::<_, ()>(find(file, self.namespaces));
        let found = cores::share(files, 4, found).expect("what fails is in the result");
        let mut all = Vec::with_capacity(files.len());
        let mut trials = Vec::new();
        let mut homeless = HashSet::new();
        let mut today = Vec::new();
        for (file, found) in files.iter().zip(found) {
            let found = match found {
                Ok(found) => found,
                Err(overlooked) => {
                    all.push(Err(overlooked));
                    continue;
                }
            };
            let mut texts = Vec::with_capacity(found.len());
            for one in found {
                let digest = CiphertextDigest::of(&one.trial.sealed);
                let (sealed, is_new) = self.sealed.of(digest);
                texts.push(Text {
                    object: self.objects.of(one.object).0,
                    entry: self.entries.of(one.entry).0,
                    sealed,
                });
                if is_new && one.is_homeless {
                    homeless.insert(sealed);
                }
                if file.stands_today && self.others.is_some() && !self.kept.contains_key(&sealed) {
                    today.push((sealed, one.trial.clone()));
                }
                if let Some(trial) = self.untried(sealed, one.trial) {
                    trials.push((sealed, trial));
                }
            }
            all.push(Ok(texts.into_boxed_slice()));
        }
        self.attempt(&trials);
        homeless.retain(|sealed| !self.values.contains_key(sealed));
        self.homeless += homeless.len();
        today.retain(|(sealed, _)| !self.values.contains_key(sealed));
        self.kept.extend(today);
        all
    }

    // The same without the labels under which it was tried already.
    fn untried(&mut self, sealed: u32, mut trial: Trial) -> Option<Trial> {
        if self.values.contains_key(&sealed) {
            return None;
        }
        trial.labels.retain(|label| {
            let (label, _) = self.labels.of(label.clone());
            self.tried.insert((sealed, label))
        });
        (!trial.labels.is_empty()).then_some(trial)
    }

    fn attempt(&mut self, trials: &[(u32, Trial)]) {
        let mut closed: Vec<&(u32, Trial)> = trials.iter().collect();
        // The likeliest label first, for all: shares are equal only where each costs the same.
        for is_first in [true, false] {
            let attempt = |(_, trial): &&(u32, Trial)| {
                let (first, others) = trial.labels.split_at(1);
                let labels = if is_first { first } else { others };
                Ok::<_, ()>(self.value(trial, labels, self.leaked))
            };
            let results = cores::share(&closed, 1, attempt).expect("what is not read is in the result");
            let mut results = results.into_iter();
            closed.retain(|(sealed, _)| match results.next().flatten() {
                Some(value) => {
                    self.values.insert(*sealed, value);
                    false
                }
                None => true,
            });
        }
    }

    fn value(&self, trial: &Trial, labels: &[EncryptionLabel], ring: &KeyRing) -> Option<Option<String>> {
        let hints = TrialHints {
            recorded: trial.hint,
            last_good: None,
        };
        match read(&trial.sealed, labels, ring, hints) {
            Reading::Opens(value) => Some(Some(self.digest(&value))),
            Reading::Altered => Some(None),
            Reading::Closed => None,
        }
    }

    fn digest(&self, value: &Plaintext) -> String {
        self.comparing.mac("a value", [value.expose()]).to_text()
    }

    /// What the leaked key reads of it: nothing, or what stands for its value where that is known.
    pub(super) fn leaked(&self, sealed: u32) -> Option<&Option<String>> {
        self.values.get(&sealed)
    }

    /// What is known of each of `sealed`; asks the other keys.
    pub(super) fn known(&self, sealed: &HashSet<u32>) -> HashMap<u32, Known> {
        let sealed: Vec<u32> = sealed.iter().copied().collect();
        let known = |sealed: &u32| {
            let others = || Some((self.others?, self.kept.get(sealed)?));
            let known = match (self.values.get(sealed), others()) {
                (Some(value), _) => Known::Leaked(value.clone()),
                (None, Some((ring, trial))) => {
                    Known::Others(self.value(trial, &trial.labels, ring).flatten())
                }
                (None, None) => Known::Others(None),
            };
            Ok::<_, ()>((*sealed, known))
        };
        let all = cores::share(&sealed, 1, known).expect("what is not known is in the result");
        all.into_iter().collect()
    }

    /// How many texts there are that differ.
    pub(super) fn count(&self) -> usize {
        self.sealed.len()
    }

    /// The names of all objects and entries, in the places of their numbers.
    pub(super) fn into_names(self) -> (Vec<String>, Vec<String>) {
        (self.objects.into_all(), self.entries.into_all())
    }
}

fn find(file: &Unread, namespaces: &[Namespace]) -> Result<Vec<Found>, Overlooked> {
    let sealed = match file.file.parse() {
        Ok(Ok((_, sealed))) => sealed,
        Ok(Err(why)) if why == SealedFile::TEMPLATE => return Err(Overlooked::Template),
        Ok(Err(_)) => Vec::new(),
        Err(error) => return Err(Overlooked::Unreadable(error)),
    };
    let mut all = Vec::new();
    for one in sealed {
        let object = &one.object;
        let said = SealedWith::of(object);
        let labels = labels(object, namespaces);
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let name = object.metadata.name.as_deref().unwrap_or_default();
        for (entry, text) in texts(object) {
            // What is no base64 was no sealed text for anybody.
            let Ok(sealed) = decode_base64(text) else { continue };
            all.push(Found {
                object: match namespace {
                    "" => name.to_owned(),
                    namespace => format!("{namespace}/{name}"),
                },
                entry: entry.to_owned(),
                is_homeless: namespace.is_empty() && namespaces.is_empty(),
                trial: Trial {
                    sealed,
                    labels: labels.clone(),
                    hint: said.key_of(entry),
                },
            });
        }
    }
    Ok(all)
}
