//! What goes wrong, in one type: whose fault it is, where, one sentence, one remedy.
//!
//! Retry, exit code, condition reason and event follow from the class and the catalogue; leaf crates
//! keep their own errors and are mapped to these. A fault never holds a value (S5): its facts are
//! sizes, names, positions and fingerprints.

use std::borrow::Cow;
use std::fmt;

/// A row of the catalogue: everything about a fault that does not depend on the case at hand.
#[derive(Debug)]
pub struct FaultKind {
    /// A stable name for scripts and searches.
    pub code: &'static str,
    /// Whose fault it is.
    pub class: FaultClass,
    /// The condition's reason: one CamelCase word.
    pub reason: &'static str,
    /// Whether it is about the Secret to be written, rather than about opening or shaping it.
    pub about_target: bool,
    /// What happened. `{entries}`, `{field}` and the names of facts in braces are filled in.
    pub sentence: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultClass {
    /// The object or command as written.
    User,
    /// The sealed bytes.
    Ciphertext,
    /// A sealing key that is missing, or the wrong one.
    Key,
    /// A store or key service.
    Provider,
    /// The cluster: permissions, conflicts, an API server that does not answer.
    Cluster,
    /// Seal itself.
    Bug,
}

/// When it is worth trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// When the object or its target changes.
    OnChange,
    /// The same, and when a key comes.
    OnChangeOrNewKey,
    /// After a growing pause, without end.
    Backoff,
}

/// Where in the object it happened; which object, its bearer knows. No part holds a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The entry of `.data`.
    pub entry: Option<String>,
    /// The field of the object, such as `spec.data[0]`.
    pub field: Option<String>,
    /// Line and column, from 1, in the entry's template.
    pub position: Option<(usize, usize)>,
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its row in the catalogue.
    pub kind: &'static FaultKind,
    /// Where.
    pub place: Place,
    facts: Vec<(&'static str, Cow<'static, str>)>,
}

impl FaultClass {
    /// The exit code of `seal` (the controller has no use for it).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::User => 3,
            Self::Ciphertext => 4,
            Self::Key => 5,
            Self::Provider => 6,
            Self::Cluster => 7,
            Self::Bug => 70,
        }
    }

    /// When to try again.
    pub fn retry(self) -> Retry {
        match self {
            Self::User | Self::Ciphertext => Retry::OnChange,
            Self::Key => Retry::OnChangeOrNewKey,
            Self::Provider | Self::Cluster | Self::Bug => Retry::Backoff,
        }
    }

    /// The class in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Ciphertext => "ciphertext",
            Self::Key => "key",
            Self::Provider => "provider",
            Self::Cluster => "cluster",
            Self::Bug => "bug",
        }
    }
}

impl Fault {
    /// A fault of this kind, without place or facts yet.
    pub fn new(kind: &'static FaultKind) -> Self {
        Self {
            kind,
            place: Place::default(),
            facts: Vec::new(),
        }
    }

    /// The same in this entry.
    #[must_use]
    pub fn entry(mut self, entry: &str) -> Self {
        self.place.entry = Some(entry.to_owned());
        self
    }

    /// The same in this field of the object.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.place.field = Some(field.into());
        self
    }

    /// The same at this line and column, from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.place.position = Some((line, column));
        self
    }

    /// The same with a fact for the sentence's `{name}`. Never a value of a secret.
    #[must_use]
    pub fn fact(mut self, name: &'static str, fact: impl fmt::Display) -> Self {
        self.facts.push((name, Cow::Owned(fact.to_string())));
        self
    }

    /// The sentence, about the entry in this fault's place.
    pub fn sentence(&self) -> String {
        self.sentence_about(self.place.entry.as_slice())
    }

    /// The remedy, filled in.
    pub fn remedy(&self) -> String {
        self.fill(self.kind.remedy, self.place.entry.as_slice())
    }

    fn sentence_about(&self, entries: &[String]) -> String {
        self.fill(self.kind.sentence, entries)
    }

    // `{entries}` is upstream's list in parentheses, with the blank before it.
    fn fill(&self, text: &str, entries: &[String]) -> String {
        let listed = if entries.is_empty() {
            String::new()
        } else {
            format!(" ({})", entries.join(", "))
        };
        let mut filled = String::with_capacity(text.len() + listed.len() + 32);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (name, tail) = after.split_once('}').unwrap_or((after, ""));
            match self.facts.iter().find(|(fact, _)| *fact == name) {
                Some((_, fact)) => filled.push_str(fact),
                None if name == "entries" => filled.push_str(&listed),
                None if name == "field" => filled.push_str(self.place.field.as_deref().unwrap_or("?")),
                None => filled.push('?'),
            }
            rest = tail;
        }
        filled.push_str(rest);
        filled
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence())
    }
}

impl std::error::Error for Fault {}

/// One message for all `faults`: a line for each sentence, its entries listed once and in order, so
/// that the same faults give the same text at every attempt.
pub fn summary(faults: &[Fault]) -> String {
    let mut groups: Vec<(String, &Fault, Vec<String>)> = Vec::new();
    for fault in faults {
        let bare = fault.sentence_about(&[]);
        let at = groups
            .iter()
            .position(|(sentence, ..)| *sentence == bare)
            .unwrap_or_else(|| {
                groups.push((bare, fault, Vec::new()));
                groups.len() - 1
            });
        groups[at].2.extend(fault.place.entry.clone());
    }
    groups.sort_by(|left, right| left.0.cmp(&right.0));
    let line = |(_, fault, mut entries): (String, &Fault, Vec<String>)| {
        entries.sort();
        entries.dedup();
        fault.sentence_about(&entries)
    };
    groups.into_iter().map(line).collect::<Vec<_>>().join("\n")
}
