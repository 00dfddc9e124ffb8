//! What becomes of each entry: which key, which scope, what would make it open; and of each template, with
//! the line at fault. A key is named only where it is proven (S19); a value never is.

use std::collections::BTreeMap;

use seal_api::SealedSecret;
use seal_cluster::keys::KeyState;
use seal_core::{Fingerprint, Scope};
use seal_engine::{Fault, FaultKind, catalogue, sealed_secret};

use super::conditions;
use super::judge::{Facts, Recorded};
use crate::report::{Check, State};

const LEGACY: &str = "spec.data (legacy)";

/// Where the object's entries open, if its scope annotations are true.
pub(super) fn opens_where(object: &SealedSecret, scope: Scope) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "?".to_owned());
    let (namespace, name) = (text(&object.metadata.namespace), text(&object.metadata.name));
    match scope {
        Scope::Strict => format!("they open as {namespace}/{name} only"),
        Scope::NamespaceWide => format!("they open under any name in namespace {namespace}"),
        Scope::ClusterWide => "they open under any name in any namespace".to_owned(),
    }
}

/// A check for each sealed value.
pub(super) fn checks(
    facts: &Facts,
    faults: &[Fault],
    scope: Scope,
    recorded: &Recorded,
    told: &BTreeMap<String, String>,
) -> Vec<Check> {
    let object = &facts.object;
    let legacy = object.spec.data.iter().map(|blob| ("", Some(blob.as_str())));
    let entries = object
        .spec
        .encrypted_data
        .iter()
        .map(|(entry, text)| (entry.as_str(), text.as_deref()));
    legacy
        .chain(entries)
        .map(|(entry, text)| {
            let check = match sealed_secret::stated_key_bits(text) {
                Err(fault) if entry.is_empty() => Check::fault(LEGACY, &fault),
                Err(fault) => Check::fault(entry, &fault.entry(entry)),
                Ok(bits) => match faults.iter().find(|fault| is_about_value(fault, entry)) {
                    Some(fault) => Check::fault(entry, fault),
                    None => well_formed(facts, entry, bits, recorded, told.get(entry)),
                }
                .fact("keyBits", bits.to_string()),
            };
            check.fact("scope", scope.as_str())
        })
        .collect()
}

// A template may bear the name of a value.
fn is_about_value(fault: &Fault, entry: &str) -> bool {
    fault.place.entry.as_deref() == Some(entry) && !is_of_template(fault.kind)
}

fn is_about_template(line: &str) -> bool {
    catalogue::recognised(line).is_some_and(is_of_template)
}

fn is_of_template(kind: &FaultKind) -> bool {
    let of_templates = [&catalogue::TEMPLATE_UNREADABLE, &catalogue::TEMPLATE_FAILED];
    of_templates.iter().any(|known| known.code == kind.code)
}

fn well_formed(facts: &Facts, entry: &str, bits: usize, recorded: &Recorded, told: Option<&String>) -> Check {
    let about = if entry.is_empty() { LEGACY } else { entry };
    let key_of = format!("sealed to a key of {bits} bits");
    let examined = facts
        .opening
        .as_ref()
        .and_then(|examined| examined.entries.get(entry));
    match examined {
        Some(Ok(key)) => {
            return of_key(facts, *key, about, &format!("opens; {key_of}, {key}"));
        }
        Some(Err(fault)) => return Check::fault(about, fault).also(&key_of),
        None => {}
    }
    let known = match recorded {
        Recorded::Proven(record) => record.key_of(entry).ok_or("the record does not name it"),
        Recorded::Unproven(why) => Err(why.as_str()),
    };
    if let Some(line) = told.filter(|line| !is_about_template(line)) {
        let said = format!("the controller says: {line}\n{key_of}");
        return match known {
            Ok(key) => {
                let mut check = of_key(facts, key, about, &format!("{said}, {key}, when it opened"));
                check.state = State::Failed;
                check
            }
            Err(_) => Check::failed(about, format!("{said}; which one is unknown")),
        };
    }
    match (known, &facts.surroundings) {
        (Ok(key), _) => {
            let what = format!("opened; {key_of}, {key}, as the controller recorded");
            of_key(facts, key, about, &what)
        }
        (Err(why), Some(_)) if conditions::is_opened(&facts.object) => {
            Check::ok(about, format!("opened; {key_of}, which one is unknown: {why}"))
        }
        (Err(_), Some(_)) => Check::unknown(about, format!("not known to open or not; {key_of}"))
            .remedy("mend what fails first, or find out with --keys and the private keys"),
        (Err(_), None) => Check::unknown(about, format!("well-formed; {key_of}"))
            .remedy("whether it opens takes the private keys: --keys FILE"),
    }
}

// What a value comes to that this key opens, or opened: it may be out of use meanwhile.
fn of_key(facts: &Facts, key: Fingerprint, about: &str, what: &str) -> Check {
    let mut disused = facts.surroundings.iter().flat_map(|around| &around.disused);
    let state = disused
        .find(|(disused, _)| *disused == key)
        .map(|(_, state)| *state);
    let check = match state {
        None | Some(KeyState::Active) => Check::ok(about, what),
        Some(KeyState::Retired) => Check::warning(about, format!("{what}\nthat key is retired: it opens nothing any longer"))
            .code("retired-key")
            .remedy("seal the value again, or make the key's Secret active again: its label sealedsecrets.bitnami.com/sealed-secrets-key"),
        Some(KeyState::Compromised) => Check::warning(
            about,
            format!("{what}\nthat key is compromised: it opens nothing any longer, and whoever holds it can read this value"),
        )
        .code("compromised-key")
        .remedy("change the value where it is used, and seal the new one"),
    };
    check.fact("key", key.to_string())
}

/// A check for each template at fault, or one for all that are not.
pub(super) fn templates<'a>(
    object: &SealedSecret,
    faults: impl Iterator<Item = &'a Fault>,
    told: &BTreeMap<String, String>,
) -> Vec<Check> {
    let Some(templates) = object
        .spec
        .template
        .as_ref()
        .and_then(|template| template.data.as_ref())
    else {
        return Vec::new();
    };
    // What is said of a name may be about the value that bears it.
    let no_value = |entry: &str| !object.spec.encrypted_data.contains_key(entry);
    let mut checks = BTreeMap::new();
    for fault in faults {
        let entry = fault.place.entry.as_deref();
        let entry = entry.filter(|entry| is_of_template(fault.kind) || no_value(entry));
        let Some((entry, source)) = entry.and_then(|entry| templates.get_key_value(entry)) else {
            continue;
        };
        // Go tells no column of what it cannot read.
        let place = fault.place.position.map(|(line, column)| Position {
            line,
            column: (fault.kind.code != catalogue::TEMPLATE_UNREADABLE.code).then_some(column),
        });
        let check = Check::fault(at(entry, place), fault);
        checks.insert(entry, placed(check, source.as_deref(), place));
    }
    // What is known exactly wins over the controller's words.
    for (entry, line) in told {
        let is_meant = is_about_template(line) || no_value(entry);
        let Some((entry, source)) = templates
            .get_key_value(entry)
            .filter(|(entry, _)| is_meant && !checks.contains_key(entry))
        else {
            continue;
        };
        let place = Position::told(line, entry);
        let check = Check::failed(at(entry, place), format!("the controller says: {line}"));
        let check = match catalogue::recognised(line) {
            Some(kind) => check.code(kind.code).remedy(kind.remedy),
            None => check,
        };
        checks.insert(entry, placed(check, source.as_deref(), place));
    }
    match (checks.is_empty(), templates.len()) {
        (true, 0) => Vec::new(),
        (true, 1) => vec![Check::ok("all", "1 can be read")],
        (true, count) => vec![Check::ok("all", format!("{count} can be read"))],
        (false, _) => checks.into_values().collect(),
    }
}

/// A place in a template's text, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    line: usize,
    column: Option<usize>,
}

impl Position {
    // `template: ENTRY:LINE: …` where it cannot be read, `template: ENTRY:LINE:COLUMN: executing …` where
    // it fails; Go counts columns from 0.
    fn told(words: &str, entry: &str) -> Option<Self> {
        let rest = words.strip_prefix("template: ")?.strip_prefix(entry)?;
        let mut parts = rest.strip_prefix(':')?.split(':');
        let line = parts.next()?.parse().ok()?;
        let column = parts.next().and_then(|column| column.parse::<usize>().ok());
        Some(Self {
            line,
            column: column.map(|column| column + 1),
        })
    }

    // The line, with a mark below the column; the template is plain text in the manifest.
    fn excerpt(self, source: &str) -> Option<String> {
        const MOST: usize = 100;
        let text = source.lines().nth(self.line.checked_sub(1)?)?;
        let before = self.column.and_then(|column| text.get(..column.checked_sub(1)?));
        let before = before.unwrap_or_default().chars().count();
        let start = before.saturating_sub(MOST / 2);
        let shown: String = text.chars().skip(start).take(MOST).collect();
        let shown = shown.replace('\t', " ");
        Some(match self.column {
            Some(_) => format!("{shown}\n{}^", " ".repeat(before - start)),
            None => shown,
        })
    }
}

fn at(entry: &str, place: Option<Position>) -> String {
    match place {
        Some(Position {
            line,
            column: Some(column),
        }) => format!("{entry}, line {line}:{column}"),
        Some(Position { line, column: None }) => format!("{entry}, line {line}"),
        None => entry.to_owned(),
    }
}

fn placed(check: Check, source: Option<&str>, place: Option<Position>) -> Check {
    let Some(place) = place else { return check };
    let check = check
        .excerpt(place.excerpt(source.unwrap_or_default()))
        .fact("line", place.line.to_string());
    match place.column {
        Some(column) => check.fact("column", column.to_string()),
        None => check,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn position(line: usize, column: Option<usize>) -> Position {
        Position { line, column }
    }

    #[test]
    fn the_place_of_a_template_error_is_read_from_gos_words() {
        for (words, found) in [
            (
                "template: url:2: function \"x\" not defined (url)",
                Some(position(2, None)),
            ),
            (
                "template: url:1:3: executing \"url\" at <.a>: error calling fail (url)",
                Some(position(1, Some(4))),
            ),
            ("template: other:1:3: executing", None),
            ("no key could decrypt secret (url)", None),
        ] {
            assert_eq!(Position::told(words, "url"), found, "{words}");
        }
    }

    #[test]
    fn the_line_at_fault_is_shown_with_a_mark_below_the_column() {
        let shown = |source: &str, line, column| position(line, column).excerpt(source);
        assert_eq!(
            shown("a\nb{{ .c }}", 2, Some(4)).as_deref(),
            Some("b{{ .c }}\n   ^")
        );
        assert_eq!(shown("a\nb", 2, None).as_deref(), Some("b"));
        assert_eq!(shown("a", 2, Some(1)), None);
        let long = shown(&format!("{}x", "é".repeat(500)), 1, Some(1001)).unwrap();
        assert!(
            long.starts_with("éé") && long.lines().next().unwrap().ends_with('x'),
            "{long}"
        );
    }
}
