//! Which paths of a store a namespace may read: a list of patterns, judged segment by segment on the path that is
//! asked for in the end (S12). Where such a list is written down is the caller's business.
//!
//! A pattern is a path whose segments are literal, with `*` for any characters within one segment; `{{namespace}}`
//! as a whole segment stands for the asker's namespace, and `**` as the last one for anything below.

use std::fmt;

/// The paths that may be read.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Option<Vec<Pattern>>);

/// A pattern that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the allowed path \"{pattern}\" {fault}")]
pub struct InvalidPattern {
    pattern: String,
    fault: &'static str,
}

#[derive(Clone, Debug)]
struct Pattern {
    /// As it was written.
    text: String,
    segments: Vec<Segment>,
    /// Whether anything below what the segments match is meant.
    below: bool,
}

#[derive(Clone, Debug)]
enum Segment {
    Namespace,
    /// Parts between stars; one part is a literal.
    Parts(Vec<String>),
}

const NAMESPACE: &str = "{{namespace}}";
/// A list is told in a status, and may be longer than anybody reads.
const MOST_TOLD: usize = 512;

impl Allowed {
    /// All of them: for stores without a list.
    pub fn everything() -> Self {
        Self(None)
    }

    /// Those that match one of `patterns`; none when there is none.
    ///
    /// # Errors
    /// [`InvalidPattern`] for the first that means nothing.
    pub fn only<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidPattern> {
        let patterns: Result<Vec<Pattern>, InvalidPattern> =
            patterns.into_iter().map(Pattern::parse).collect();
        Ok(Self(Some(patterns?)))
    }

    /// Those of a list as people write it: a pattern a line. One without patterns allows nothing.
    ///
    /// # Errors
    /// [`InvalidPattern`] for the first that means nothing.
    pub fn listed(list: &str) -> Result<Self, InvalidPattern> {
        Self::only(list.lines().map(str::trim).filter(|line| !line.is_empty()))
    }

    /// Whether there is a list.
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Whether `namespace` may read the value at `path`.
    pub(crate) fn permits(&self, namespace: &str, path: &[&str]) -> bool {
        let Some(patterns) = &self.0 else { return true };
        // What a service may take for another path than it is here (S12).
        let is_plain = |segment: &&str| {
            let odd = |character: char| matches!(character, '%' | '\\') || character.is_control();
            !matches!(*segment, "" | "." | "..") && !segment.contains(odd)
        };
        if !path.iter().all(is_plain) {
            return false;
        }
        patterns.iter().any(|pattern| {
            let own = &pattern.segments;
            let fits = match pattern.below {
                true => path.len() > own.len(),
                false => path.len() == own.len(),
            };
            fits && matches(own, namespace, path)
        })
    }

    /// Whether below the folder `path` there may be something that `namespace` may read: names are told of by
    /// listing, so what cannot lead to anything allowed is not listed.
    pub(crate) fn may_lead_from(&self, namespace: &str, path: &[&str]) -> bool {
        let Some(patterns) = &self.0 else { return true };
        patterns.iter().any(|pattern| {
            let reaches = pattern.below || path.len() < pattern.segments.len();
            reaches && matches(&pattern.segments, namespace, path)
        })
    }
}

/// In words, cut where there are too many.
impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(patterns) = &self.0 else {
            return formatter.write_str("everything");
        };
        if patterns.is_empty() {
            return formatter.write_str("nothing");
        }
        let mut told = 0;
        for (number, pattern) in patterns.iter().enumerate() {
            told += pattern.text.len();
            if told > MOST_TOLD {
                return write!(formatter, " and {} more", patterns.len() - number);
            }
            let before = if number > 0 { ", " } else { "" };
            write!(formatter, "{before}{}", pattern.text)?;
        }
        Ok(())
    }
}

/// Compares as far as both reach.
fn matches(pattern: &[Segment], namespace: &str, path: &[&str]) -> bool {
    pattern.iter().zip(path).all(|(pattern, segment)| match pattern {
        // An empty namespace is nobody's.
        Segment::Namespace => !namespace.is_empty() && *segment == namespace,
        Segment::Parts(parts) => fits(parts, segment),
    })
}

/// Whether `text` is the parts in their order, with anything between them.
fn fits(parts: &[String], text: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return false;
    };
    let Some((last, middle)) = rest.split_last() else {
        return first == text;
    };
    let Some(text) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    let Some(mut text) = text.strip_suffix(last.as_str()) else {
        return false;
    };
    middle.iter().all(|part| match text.find(part.as_str()) {
        Some(at) => {
            text = &text[at + part.len()..];
            true
        }
        None => false,
    })
}

impl Pattern {
    fn parse(pattern: &str) -> Result<Self, InvalidPattern> {
        let refused = |fault| InvalidPattern {
            pattern: pattern
                .chars()
                .filter(|char| !char.is_control())
                .take(120)
                .collect(),
            fault,
        };
        let words: Vec<&str> = pattern.split('/').collect();
        let (below, words) = match words.split_last() {
            Some((&"**", words)) => (true, words.to_vec()),
            _ => (false, words),
        };
        let segments: Result<Vec<Segment>, InvalidPattern> = words
            .into_iter()
            .map(|word| segment(word).map_err(refused))
            .collect();
        let segments = segments?;
        if segments.is_empty() {
            return Err(refused("names no mount"));
        }
        Ok(Self {
            text: pattern.to_owned(),
            segments,
            below,
        })
    }
}

fn segment(word: &str) -> Result<Segment, &'static str> {
    match word {
        _ if word.chars().any(char::is_control) => Err("has a control character in it"),
        "" => Err("has an empty segment"),
        "." | ".." => Err("has a relative segment"),
        "**" => Err("has ** elsewhere than at its end"),
        NAMESPACE => Ok(Segment::Namespace),
        _ if word.contains("{{") || word.contains("}}") => {
            Err("has a placeholder that is not {{namespace}} as a whole segment")
        }
        _ if word.contains("**") => Err("has ** inside a segment"),
        _ => Ok(Segment::Parts(word.split('*').map(str::to_owned).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(patterns: &[&str]) -> Allowed {
        Allowed::only(patterns.iter().copied()).unwrap()
    }

    fn segments(path: &str) -> Vec<&str> {
        path.split('/').collect()
    }

    fn permits(patterns: &[&str], path: &str) -> bool {
        allowed(patterns).permits("team-a", &segments(path))
    }

    #[test]
    fn star_stays_within_its_segment() {
        assert!(permits(&["secret/*"], "secret/app"));
        assert!(!permits(&["secret/*"], "secret/app/db"));
        assert!(!permits(&["secret/*"], "secret"));
        assert!(permits(&["secret/app-*-db"], "secret/app-1-db"));
        assert!(permits(&["secret/a*b*c"], "secret/a-b-bc"));
        assert!(!permits(&["secret/ab*bc"], "secret/abc"), "parts may not overlap");
        assert!(!permits(&["secret/a*b*c"], "secret/a-c"));
    }

    #[test]
    fn two_stars_mean_anything_below_but_not_the_place_itself() {
        assert!(permits(&["secret/app/**"], "secret/app/db"));
        assert!(permits(&["secret/app/**"], "secret/app/db/x/y"));
        assert!(!permits(&["secret/app/**"], "secret/app"));
        assert!(!permits(&["secret/app/**"], "secret/apple/db"));
    }

    #[test]
    fn what_a_service_may_take_for_another_path_is_allowed_by_no_list() {
        let patterns = ["{{namespace}}/**", "{{namespace}}/*/*"];
        assert!(permits(&patterns, "team-a/app/db"));
        for path in [
            "team-a/../team-b/db",
            "team-a/./db",
            "team-a//db",
            "team-a/%2e%2e/db",
            "team-a/a\\b/db",
            "team-a/a\nb/db",
            "team-a/..",
        ] {
            assert!(!permits(&patterns, path), "{path:?}");
        }
    }

    #[test]
    fn namespace_is_compared_and_never_a_pattern() {
        let patterns = allowed(&["secret/{{namespace}}/*"]);
        assert!(patterns.permits("team-a", &segments("secret/team-a/db")));
        assert!(!patterns.permits("team-a", &segments("secret/team-b/db")));
        assert!(!patterns.permits("*", &segments("secret/team-b/db")));
        assert!(!patterns.permits("", &segments("secret//db")));
    }

    #[test]
    fn list_has_a_pattern_a_line_and_is_told_as_it_was_written() {
        let list = "\n  secret/{{namespace}}/**\n\nsecret/shared/*\n";
        let allowed = Allowed::listed(list).unwrap();
        assert_eq!(allowed.to_string(), "secret/{{namespace}}/**, secret/shared/*");
        assert!(allowed.permits("team-a", &segments("secret/shared/ca")));
        assert!(!allowed.permits("team-a", &segments("secret/team-b/db")));
        let nothing = Allowed::listed(" \n").unwrap();
        assert!(nothing.is_limited() && !nothing.permits("team-a", &segments("secret/app")));
        assert_eq!(nothing.to_string(), "nothing");
        assert!(Allowed::listed("secret/{{name}}").is_err());
    }

    #[test]
    fn long_list_is_cut_with_the_number_of_the_rest() {
        let long: Vec<String> = (0..100).map(|number| format!("secret/{number:0100}")).collect();
        let told = Allowed::listed(&long.join("\n")).unwrap().to_string();
        assert!(told.len() < 600 && told.ends_with(" and 96 more"), "{told}");
    }

    #[test]
    fn empty_list_allows_nothing_and_no_list_everything() {
        assert!(!permits(&[], "secret/app"));
        assert!(Allowed::everything().permits("team-a", &segments("secret/app")));
    }

    #[test]
    fn folder_is_listed_only_where_it_can_lead_to_something_allowed() {
        let leads =
            |patterns: &[&str], path: &str| allowed(patterns).may_lead_from("team-a", &segments(path));
        assert!(leads(&["secret/{{namespace}}/*"], "secret"));
        assert!(leads(&["secret/{{namespace}}/*"], "secret/team-a"));
        assert!(!leads(&["secret/{{namespace}}/*"], "secret/team-b"));
        assert!(!leads(&["secret/{{namespace}}/*"], "secret/team-a/db"));
        assert!(leads(&["secret/app/**"], "secret/app/db/x"));
        assert!(!leads(&["secret/app/**"], "other"));
    }

    #[test]
    fn pattern_that_means_nothing_is_refused_with_its_fault() {
        for (pattern, fault) in [
            ("", "empty segment"),
            ("secret//x", "empty segment"),
            ("/secret", "empty segment"),
            ("secret/../x", "relative"),
            ("secret/x-{{namespace}}", "placeholder"),
            ("secret/{{ namespace }}", "placeholder"),
            ("secret/{{name}}", "placeholder"),
            ("secret/**/x", "elsewhere"),
            ("secret/a**", "inside"),
            ("**", "no mount"),
        ] {
            let refused = Allowed::only([pattern]).unwrap_err().to_string();
            assert!(refused.contains(fault), "{pattern}: {refused}");
        }
    }
}
