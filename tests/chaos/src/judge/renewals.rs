//! Judges the sealing keys: that each one that is made was asked for, and only once; that none is lost
//! or altered; that none seals but the first one and those that were made to. It sees what it is shown.

use std::collections::{BTreeMap, HashSet};

/// What begins the names of the keys that controllers make.
pub(crate) const MADE: &str = "sealed-secrets-key";

/// What is known of the keys, and what was found against the controllers.
#[derive(Default)]
pub(crate) struct Renewals {
    words: HashSet<String>,
    last_word: Option<String>,
    /// The words for which a key was noted.
    answered: HashSet<String>,
    signals: usize,
    /// How many keys were noted without a word.
    wordless: usize,
    notes: Notes,
    standing: BTreeMap<String, Key>,
    let_go: HashSet<String>,
    /// What was said last about the number of keys: it stays wrong for a while.
    miscount: Option<String>,
    violations: Vec<String>,
}

/// A key's Secret as it was seen.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) fingerprint: String,
    /// Whether it is labelled as one that opens.
    pub(crate) active: bool,
    /// Never to be printed.
    pub(crate) contents: BTreeMap<String, Vec<u8>>,
}

/// What the installation notes about its keys, as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// How many were made.
    pub(crate) made: u64,
    /// The last word for which one was made.
    pub(crate) word: Option<String>,
    /// The fingerprint of the one that seals.
    pub(crate) primary: Option<String>,
}

impl Renewals {
    /// From now on a key may be made for that word: said before it is written.
    pub(crate) fn ask(&mut self, word: &str) {
        self.words.insert(word.to_owned());
        self.last_word = Some(word.to_owned());
    }

    /// From now on one more key may be made: said before a signal is sent.
    pub(crate) fn signal(&mut self) {
        self.signals += 1;
    }

    /// From now on that key's Secret may go: said before the deletion.
    pub(crate) fn let_go(&mut self, name: &str) {
        self.let_go.insert(name.to_owned());
    }

    /// Judges a key that stands there now.
    pub(crate) fn see(&mut self, key: Key) {
        if !key.active {
            self.complain(format!("the key {} is no longer in use", key.name));
        }
        let before = self.standing.insert(key.name.clone(), key.clone());
        if before.is_some_and(|before| before != key) {
            self.complain(format!("the key {} was altered", key.name));
        }
    }

    /// Judges that a key is gone.
    pub(crate) fn gone(&mut self, name: &str) {
        if self.standing.remove(name).is_some() && !self.let_go.contains(name) {
            self.complain(format!("the key {name} was deleted, and nobody meant it to be"));
        }
    }

    /// Judges that no keys stand but these.
    pub(crate) fn only(&mut self, names: &HashSet<String>) {
        let missing = |name: &&String| !names.contains(*name);
        let missing: Vec<String> = self.standing.keys().filter(missing).cloned().collect();
        missing.iter().for_each(|name| self.gone(name));
    }

    /// Judges what the installation notes now. Each note is one of three: which key seals first, a key for
    /// a word, a key without one; after a gap in what was seen there may have been several.
    pub(crate) fn note(&mut self, notes: Notes) {
        let before = std::mem::replace(&mut self.notes, notes.clone());
        let Some(steps) = notes.made.checked_sub(before.made) else {
            return self.complain(format!("keys were counted back from {before:?} to {notes:?}"));
        };
        let (same_word, same_primary) = (before.word == notes.word, before.primary == notes.primary);
        match steps {
            0 if !same_word => self.complain(format!("no key was made, and noted for a word: {notes:?}")),
            0 if before.primary.is_some() && !same_primary => {
                self.complain(format!("no key was made, and another one seals: {notes:?}"));
            }
            0 => {}
            _ if same_primary => self.complain(format!("a key was made, and does not seal: {notes:?}")),
            1 => self.judge_demand(&notes, same_word),
            _ => self.answered.extend(notes.word.clone()),
        }
        if usize::try_from(notes.made).is_ok_and(|made| made > self.words.len() + self.signals) {
            self.complain(format!("more keys were made than asked for: {notes:?}"));
        }
    }

    /// Judges all that is known together, when what was seen is of one moment.
    pub(crate) fn weigh(&mut self) {
        let (noted, stand) = (self.notes.made, self.made());
        // One may be made and not noted yet: all who go on with it find it under its name.
        let count = match stand {
            _ if stand < noted => Some(format!("of {noted} keys that were made only {stand} stand")),
            _ if stand > noted + 1 => Some(format!("for the key of number {noted}, {} stand", stand - noted)),
            _ => None,
        };
        if let Some(miscount) = count.clone().filter(|_| count != self.miscount) {
            self.complain(miscount);
        }
        self.miscount = count;
        let mut keys = self.standing.values();
        if let Some(primary) = &self.notes.primary
            && !keys.any(|key| key.fingerprint == *primary)
        {
            self.complain(format!("no key stands that is the one that seals: {primary}"));
        }
    }

    /// How many keys of the controllers' stand.
    pub(crate) fn made(&self) -> u64 {
        let made = self.standing.keys().filter(|name| name.starts_with(MADE));
        made.map(|_| 1).sum()
    }

    /// What was last noted.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// What was last seen of each key.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &Key> {
        self.standing.values()
    }

    /// The word that was said last.
    pub(crate) fn last_word(&self) -> Option<&str> {
        self.last_word.as_deref()
    }

    /// How many words were said, and how many signals sent.
    pub(crate) fn demands(&self) -> (usize, usize) {
        (self.words.len(), self.signals)
    }

    pub(super) fn take_violations(&mut self) -> Vec<String> {
        std::mem::take(&mut self.violations)
    }

    fn judge_demand(&mut self, notes: &Notes, same_word: bool) {
        let Some(word) = notes.word.as_ref().filter(|_| !same_word) else {
            self.wordless += 1;
            if self.wordless > self.signals {
                self.complain(format!("a key was made that nobody asked for: {notes:?}"));
            }
            return;
        };
        if !self.words.contains(word) {
            self.complain(format!("a key was made for a word that nobody said: {notes:?}"));
        }
        if !self.answered.insert(word.clone()) {
            self.complain(format!("a second key was made for one word: {notes:?}"));
        }
    }

    fn complain(&mut self, complaint: String) {
        self.violations.push(complaint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            name: name.to_owned(),
            uid: format!("uid of {name}"),
            fingerprint: format!("print of {name}"),
            active: true,
            contents: BTreeMap::new(),
        }
    }

    fn made(number: u64) -> Key {
        key(&format!("{MADE}{number}"))
    }

    fn notes(made: u64, word: &str, primary: &Key) -> Notes {
        Notes {
            made,
            word: Some(word.to_owned()).filter(|word| !word.is_empty()),
            primary: Some(primary.fingerprint.clone()),
        }
    }

    // Key 0 seals, one key was made for the word "a", and "b" was asked for.
    fn renewals() -> Renewals {
        let mut renewals = Renewals::default();
        renewals.see(key("key-0"));
        renewals.note(notes(0, "", &key("key-0")));
        renewals.ask("a");
        renewals.see(made(1));
        renewals.weigh();
        renewals.note(notes(1, "a", &made(1)));
        renewals.weigh();
        renewals.ask("b");
        assert_eq!(renewals.take_violations(), [""; 0]);
        renewals
    }

    fn see_all(renewals: &mut Renewals, numbers: impl IntoIterator<Item = u64>) {
        numbers.into_iter().for_each(|number| renewals.see(made(number)));
    }

    fn complaints(act: impl FnOnce(&mut Renewals)) -> String {
        let mut renewals = renewals();
        act(&mut renewals);
        renewals.weigh();
        renewals.weigh();
        renewals.take_violations().join("\n")
    }

    #[test]
    fn a_key_for_each_word_and_signal_passes_and_so_does_a_gap_in_what_was_seen() {
        let found = complaints(|renewals| {
            renewals.see(made(2));
            renewals.note(notes(2, "b", &made(2)));
            renewals.signal();
            renewals.see(made(3));
            renewals.note(notes(3, "b", &made(3)));
            renewals.see(key("key-1"));
            renewals.let_go("key-1");
            renewals.gone("key-1");
            renewals.ask("c");
            renewals.ask("d");
            see_all(renewals, [4, 5]);
            renewals.note(notes(5, "d", &made(5)));
        });
        assert_eq!(found, "");
    }

    #[test]
    fn two_keys_for_one_number_are_found_before_they_are_noted_and_told_once() {
        let found = complaints(|renewals| see_all(renewals, [2, 3]));
        assert_eq!(found, "for the key of number 1, 2 stand");
    }

    #[test]
    fn a_second_key_for_a_word_one_for_none_and_one_for_a_foreign_word_are_found() {
        for (words, found) in [
            (&["b", "a"][..], "a second key was made for one word"),
            (&["a"], "a key was made that nobody asked for"),
            (&["x"], "a key was made for a word that nobody said"),
        ] {
            let complaints = complaints(|renewals| {
                renewals.ask("spare");
                for (number, word) in (2..).zip(words) {
                    renewals.see(made(number));
                    renewals.note(notes(number, word, &made(number)));
                }
            });
            assert!(complaints.starts_with(found), "{complaints}");
        }
    }

    #[test]
    fn more_keys_than_were_asked_for_are_found_even_behind_a_gap() {
        let found = complaints(|renewals| {
            see_all(renewals, [2, 3, 4]);
            renewals.note(notes(4, "b", &made(4)));
        });
        assert!(found.starts_with("more keys were made than asked for"), "{found}");
    }

    #[test]
    fn a_key_that_goes_is_altered_or_falls_out_of_use_is_found() {
        let found = complaints(|renewals| renewals.gone(&made(1).name));
        assert!(
            found.contains("was deleted, and nobody meant it to be"),
            "{found}"
        );
        assert!(found.contains("of 1 keys that were made only 0 stand"), "{found}");
        let found = complaints(|renewals| renewals.only(&HashSet::from([made(1).name])));
        assert!(found.starts_with("the key key-0 was deleted"), "{found}");
        let mut altered = made(1);
        altered.contents.insert("tls.key".to_owned(), b"other".to_vec());
        let found = complaints(|renewals| renewals.see(altered));
        assert!(
            found.ends_with("was altered") && !found.contains("other"),
            "{found}"
        );
        let mut retired = made(1);
        retired.active = false;
        assert!(complaints(|renewals| renewals.see(retired)).contains("no longer in use"));
    }

    #[test]
    fn the_key_that_seals_is_always_one_that_stands_and_changes_with_a_new_key_only() {
        for (notes, found) in [
            (
                notes(1, "a", &key("key-0")),
                "no key was made, and another one seals",
            ),
            (notes(2, "b", &made(1)), "a key was made, and does not seal"),
            (
                notes(2, "b", &key("nobody")),
                "no key stands that is the one that seals",
            ),
            (notes(1, "b", &made(1)), "no key was made, and noted for a word"),
            (notes(0, "", &made(1)), "keys were counted back"),
        ] {
            let complaints = complaints(|renewals| {
                if notes.made == 2 {
                    renewals.see(made(2));
                }
                renewals.note(notes);
            });
            assert!(complaints.starts_with(found), "{complaints}");
        }
    }
}
