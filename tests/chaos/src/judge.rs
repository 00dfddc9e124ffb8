//! Judges every version of every Secret that is seen, by what its object ever held and what was done to
//! it. It sees what it is shown; looking is the observer's. Sealing keys are `renewals`'.

pub(crate) mod renewals;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::place::{ENTRIES, Place};
use renewals::Renewals;

/// What is known, and what was found against the controller.
#[derive(Default)]
pub(crate) struct Judge {
    /// What is known of the sealing keys.
    pub(crate) renewals: Renewals,
    histories: HashMap<Place, History>,
    /// Secrets that were deleted on purpose, and objects that were, by uid.
    let_go: HashSet<String>,
    /// Whose Secrets a policy asks to be deleted, for now.
    withdrawn: HashSet<Place>,
    standing: HashMap<(String, String), Seen>,
    tampered: HashMap<String, String>,
    judged: usize,
    violations: Vec<String>,
}

#[derive(Default)]
struct History {
    held: BTreeSet<u64>,
    shown: u64,
}

/// A Secret as it was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    /// The uid of its controller.
    pub(crate) owner: Option<String>,
    /// The number of the last tampering, which travels with it in one write.
    pub(crate) tampering: Option<String>,
    pub(crate) entries: BTreeMap<String, String>,
}

impl Seen {
    fn spot(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone())
    }
}

impl Judge {
    /// From now on the object may hold that version: said before it is written.
    pub(crate) fn hold(&mut self, place: Place, version: u64) {
        self.histories.entry(place).or_default().held.insert(version);
    }

    /// From now on the Secret with that uid may go, and those that the object with that uid owns: said
    /// before the deletion.
    pub(crate) fn let_go(&mut self, uid: &str) {
        self.let_go.insert(uid.to_owned());
    }

    /// From now on the store has nothing for this place: its Secret may go, and so may one that is made from what was
    /// read before. Said before the deletion.
    pub(crate) fn withdraw(&mut self, place: Place) {
        self.withdrawn.insert(place);
    }

    /// From now on the store has something for this place again: said after it was written.
    pub(crate) fn keep(&mut self, place: Place) {
        self.withdrawn.remove(&place);
    }

    /// Whether the store has nothing for this place.
    pub(crate) fn is_withdrawn(&self, place: Place) -> bool {
        self.withdrawn.contains(&place)
    }

    /// Judges what stands there now.
    pub(crate) fn see(&mut self, seen: &Seen) {
        let before = self.standing.insert(seen.spot(), seen.clone());
        if let Some(before) = &before {
            if (&before.uid, &before.resource_version) == (&seen.uid, &seen.resource_version) {
                return;
            }
            // A new list shows the successor of what went while nobody looked.
            if before.uid != seen.uid {
                self.judge_end(before);
            }
        }
        self.judged += 1;
        let Some(place) = Place::find(&seen.namespace, &seen.name) else {
            if before.is_some() {
                self.complain(seen, "is nobody's and was written to");
            }
            return;
        };
        if self.withdrawn.contains(&place) {
            self.let_go(&seen.uid);
        }
        if let Some(number) = &seen.tampering
            && self.tampered.insert(seen.uid.clone(), number.clone()).as_ref() != Some(number)
        {
            return;
        }
        match self.verdict(place, seen) {
            Ok(version) => self.histories.entry(place).or_default().shown = version,
            Err(complaint) => self.complain(seen, &complaint),
        }
    }

    /// Judges that it is gone.
    pub(crate) fn gone(&mut self, seen: &Seen) {
        self.standing.remove(&seen.spot());
        self.judge_end(seen);
    }

    /// Judges that of a namespace nothing stands but these.
    pub(crate) fn only(&mut self, namespace: &str, names: &HashSet<String>) {
        let missing = |seen: &&Seen| seen.namespace == namespace && !names.contains(&seen.name);
        let missing: Vec<Seen> = self.standing.values().filter(missing).cloned().collect();
        missing.iter().for_each(|seen| self.gone(seen));
    }

    /// What was last seen of each Secret.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &Seen> {
        self.standing.values()
    }

    /// How many versions of Secrets were judged.
    pub(crate) fn judged(&self) -> usize {
        self.judged
    }

    /// What was found since the last time it was asked.
    pub(crate) fn take_violations(&mut self) -> Vec<String> {
        let mut violations = std::mem::take(&mut self.violations);
        violations.extend(self.renewals.take_violations());
        violations
    }

    fn judge_end(&mut self, seen: &Seen) {
        let allowed = |uid: &String| self.let_go.contains(uid);
        if !allowed(&seen.uid) && !seen.owner.as_ref().is_some_and(allowed) {
            self.complain(seen, "was deleted, and neither it nor its object was meant to be");
        }
    }

    fn verdict(&self, place: Place, seen: &Seen) -> Result<u64, String> {
        let names: Vec<&str> = seen.entries.keys().map(String::as_str).collect();
        if names != ENTRIES {
            return Err(format!("has the entries {names:?}"));
        }
        let mut versions = BTreeSet::new();
        for (entry, text) in &seen.entries {
            let version = place.source().version(text);
            versions.insert(version.ok_or_else(|| format!("says in {entry} what its object never held"))?);
        }
        let (Some(version), 1) = (versions.first().copied(), versions.len()) else {
            return Err(format!("mixes the versions {versions:?}"));
        };
        let nothing = History::default();
        let History { shown, .. } = self.histories.get(&place).unwrap_or(&nothing);
        let History { held, .. } = self.histories.get(&place.source()).unwrap_or(&nothing);
        if !held.contains(&version) {
            return Err(format!("is at version {version}, which its object never held"));
        }
        if version < *shown {
            return Err(format!("went back from version {shown} to {version}"));
        }
        Ok(version)
    }

    fn complain(&mut self, seen: &Seen, complaint: &str) {
        let Seen {
            namespace,
            name,
            uid,
            resource_version,
            ..
        } = seen;
        self.violations.push(format!(
            "the Secret {namespace}/{name} ({uid} at {resource_version}) {complaint}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::all().next().expect("a place")
    }

    // A Secret of the object `owner` with one version for each entry.
    fn seen(resource_version: u64, versions: [u64; 5]) -> Seen {
        let texts = versions.map(|version| place().text(version));
        Seen {
            namespace: place().namespace().to_owned(),
            name: place().name(),
            uid: "secret".to_owned(),
            resource_version: resource_version.to_string(),
            owner: Some("owner".to_owned()),
            entries: ENTRIES.map(str::to_owned).into_iter().zip(texts).collect(),
            ..Seen::default()
        }
    }

    fn judge() -> Judge {
        let mut judge = Judge::default();
        judge.hold(place(), 1);
        judge.hold(place(), 2);
        judge
    }

    fn complaints(mut judge: Judge, all: &[Seen]) -> String {
        all.iter().for_each(|seen| judge.see(seen));
        judge.take_violations().join("\n")
    }

    #[test]
    fn versions_that_were_held_pass_in_their_order_and_may_repeat() {
        let all = [seen(1, [1; 5]), seen(2, [1; 5]), seen(3, [2; 5]), seen(3, [2; 5])];
        assert_eq!(complaints(judge(), &all), "");
    }

    #[test]
    fn mix_of_two_versions_is_found() {
        let found = complaints(judge(), &[seen(1, [1, 1, 2, 1, 1])]);
        assert!(found.ends_with("mixes the versions {1, 2}"), "{found}");
    }

    #[test]
    fn version_that_was_never_held_is_found() {
        let found = complaints(judge(), &[seen(1, [3; 5])]);
        assert!(
            found.ends_with("is at version 3, which its object never held"),
            "{found}"
        );
    }

    #[test]
    fn older_version_is_found_even_in_a_new_secret() {
        let mut judge = judge();
        judge.see(&seen(1, [2; 5]));
        judge.let_go("secret");
        judge.gone(&seen(2, [2; 5]));
        let mut anew = seen(3, [1; 5]);
        anew.uid = "another".to_owned();
        let found = complaints(judge, &[anew]);
        assert!(found.ends_with("went back from version 2 to 1"), "{found}");
    }

    #[test]
    fn missing_entry_and_foreign_text_are_found() {
        let mut missing = seen(1, [1; 5]);
        missing.entries.remove("c");
        let found = complaints(judge(), &[missing]);
        assert!(found.contains("has the entries"), "{found}");
        let mut foreign = seen(1, [1; 5]);
        foreign.entries.insert("c".to_owned(), "tampered".to_owned());
        let found = complaints(judge(), &[foreign]);
        assert!(found.contains("says in c what its object never held"), "{found}");
    }

    #[test]
    fn tampering_is_not_blamed_on_the_controller_but_what_it_then_leaves_is() {
        let mut tampered = seen(1, [1; 5]);
        tampered.entries.insert("c".to_owned(), "tampered".to_owned());
        tampered.tampering = Some("1".to_owned());
        assert_eq!(complaints(judge(), std::slice::from_ref(&tampered)), "");
        let mut left = tampered.clone();
        left.resource_version = "2".to_owned();
        let found = complaints(judge(), &[tampered, left]);
        assert!(found.contains("says in c what its object never held"), "{found}");
    }

    #[test]
    fn deletion_passes_only_where_the_secret_or_its_object_was_to_go() {
        for (let_go, complaints) in [("secret", 0), ("owner", 0), ("other", 1)] {
            let mut judge = judge();
            judge.let_go(let_go);
            judge.gone(&seen(1, [1; 5]));
            assert_eq!(judge.take_violations().len(), complaints, "{let_go}");
        }
    }

    #[test]
    fn deletion_that_only_a_new_list_shows_is_judged_too() {
        let mut successor = seen(2, [1; 5]);
        successor.uid = "another".to_owned();
        let found = complaints(judge(), &[seen(1, [1; 5]), successor]);
        assert!(found.contains("(secret at 1) was deleted"), "{found}");
        let mut judge = judge();
        judge.see(&seen(1, [1; 5]));
        judge.only(place().namespace(), &HashSet::new());
        assert_eq!(judge.take_violations().len(), 1);
    }

    #[test]
    fn secret_of_nobody_must_not_be_written_to() {
        let mut bystander = seen(1, [1; 5]);
        bystander.name = "bystander".to_owned();
        let mut written = bystander.clone();
        written.resource_version = "2".to_owned();
        let found = complaints(judge(), &[bystander, written]);
        assert!(found.ends_with("is nobody's and was written to"), "{found}");
    }

    #[test]
    fn two_that_share_a_value_are_judged_by_it_and_one_may_lose_its_secret_while_the_value_is_gone() {
        let mut orders = Place::of_stores();
        let (source, twin) = (orders.next().expect("a pair"), orders.next().expect("a pair"));
        assert!(twin.source() == source && twin.deletes() && !source.deletes());
        let secret = |uid: &str, resource_version: u64, place: Place| Seen {
            namespace: place.namespace().to_owned(),
            name: place.name(),
            uid: uid.to_owned(),
            entries: ENTRIES.map(|entry| (entry.to_owned(), source.text(1))).into(),
            ..seen(resource_version, [1; 5])
        };
        let mut judge = Judge::default();
        judge.hold(source, 1);
        judge.see(&secret("one", 1, source));
        judge.see(&secret("other", 2, twin));
        judge.withdraw(twin);
        judge.let_go("other");
        judge.gone(&secret("other", 3, twin));
        // Made from what was read before.
        judge.see(&secret("late", 4, twin));
        judge.gone(&secret("late", 5, twin));
        assert_eq!(judge.take_violations(), Vec::<String>::new());
        judge.keep(twin);
        judge.see(&secret("kept", 6, twin));
        judge.gone(&secret("kept", 7, twin));
        judge.gone(&secret("one", 8, source));
        assert_eq!(judge.take_violations().len(), 2);
    }
}
