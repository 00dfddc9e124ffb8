//! What `dataFrom[].rewrite` does to the names of what was found, operation by operation. A fault tells the
//! operation and never a name that stood inside a value.
//!
//! Where two names become one, the value of the one that is last by letters stays; upstream leaves it to chance.

use std::collections::BTreeMap;

use seal_api::external_secrets::{
    ConflictPolicy, MergeStrategy, PriorityPolicy, Rewrite, RewriteMerge, RewriteTransform,
};
use seal_core::Plaintext;
use seal_document::WipedText;
use seal_template::value::{Map, Text};
use seal_template::{Budget, Env, Functions, Limits, Template, Value};

use super::go_json::{self, Numbers, Style, plaintext};
use super::pattern::Pattern;

type Values = BTreeMap<String, Plaintext>;

/// What templates may call, and the world that they see.
pub struct Tools<'a, 'e> {
    /// What they may call.
    pub functions: &'a Functions,
    /// Clock, time zones and random bytes.
    pub env: &'a mut Env<'e>,
    /// What all of one object may still cost.
    pub budget: &'a mut Budget,
}

/// An operation that failed, by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RewriteFault {
    pub(super) operation: usize,
    pub(super) what: String,
}

const INVALID_PATTERN: &str =
    "regexp failed with failed to compile: it is not a regular expression, or too large";

/// Applies all operations.
pub(super) fn rewrite(
    operations: &[Rewrite],
    values: Values,
    tools: &mut Tools<'_, '_>,
) -> Result<Values, RewriteFault> {
    let mut values = values;
    for (operation, rewrite) in operations.iter().enumerate() {
        values = apply(rewrite, values, tools).map_err(|what| RewriteFault { operation, what })?;
    }
    Ok(values)
}

/// Whether the names that come out may have stood inside values.
pub(super) fn hoists(operations: &[Rewrite]) -> bool {
    operations.iter().any(|rewrite| rewrite.merge.is_some())
}

fn apply(rewrite: &Rewrite, values: Values, tools: &mut Tools<'_, '_>) -> Result<Values, String> {
    if let Some(operation) = &rewrite.merge {
        return merge(operation, values);
    }
    if let Some(operation) = &rewrite.regexp {
        let pattern = Pattern::parse(&operation.source).map_err(|_| INVALID_PATTERN.to_owned())?;
        let renamed = |(name, value): (String, Plaintext)| {
            let name = pattern.replace_all(&name, &operation.target);
            Some((name?, value))
        };
        let renamed: Option<Values> = values.into_iter().map(renamed).collect();
        return renamed.ok_or_else(|| "regexp failed: a name would be too long".to_owned());
    }
    if let Some(operation) = &rewrite.transform {
        return transform(operation, values, tools);
    }
    Ok(values)
}

fn transform(
    operation: &RewriteTransform,
    values: Values,
    tools: &mut Tools<'_, '_>,
) -> Result<Values, String> {
    let template = Template::parse("transform", &operation.template, tools.functions)
        .map_err(|fault| format!("transform failed with failed to parse template: {fault}"))?;
    let mut renamed = BTreeMap::new();
    for (name, value) in values {
        let dot = Map::texts([(Text::new(b"value"), Text::new(name.as_bytes()))]);
        let rendered = template
            .render_within(&Value::Map(dot), tools.env, &Limits::default(), tools.budget)
            .map_err(|fault| format!("transform failed with failed to execute template: {fault}"))?;
        let name = String::from_utf8(rendered.to_vec())
            .map_err(|_| "transform failed: a name would not be text".to_owned())?;
        renamed.insert(name, value);
    }
    Ok(renamed)
}

// Of one member: what it is as an entry, and what it is as JSON.
struct Member {
    entry: Plaintext,
    json: WipedText,
}

const UNESCAPED: Style = Style {
    numbers: Numbers::Floats,
    escape_html: false,
};

fn merge(operation: &RewriteMerge, mut values: Values) -> Result<Values, String> {
    let last = |name: &String| operation.priority.contains(name);
    let ordinary = values.keys().filter(|name| !last(name));
    let order: Vec<&String> = ordinary.chain(&operation.priority).collect();
    let mut merged: BTreeMap<String, Member> = BTreeMap::new();
    let mut conflicts = 0;
    for name in order {
        let Some(value) = values.get(name) else {
            if operation.priority_policy.unwrap_or_default() == PriorityPolicy::IgnoreNotFound {
                continue;
            }
            // Only a name of the list can be missing, and the list stands in the object.
            return Err(format!("merge failed with key {name:?} not found in input map"));
        };
        for (name, member) in object(value).ok_or("merge failed: a value is not a JSON object")? {
            conflicts += usize::from(merged.insert(name, member).is_some());
        }
    }
    if conflicts > 0 && operation.conflict_policy.unwrap_or_default() == ConflictPolicy::Error {
        return Err(format!(
            "merge failed with conflicts: {conflicts} members stand in several values"
        ));
    }
    match operation.strategy.unwrap_or_default() {
        MergeStrategy::Extract => Ok(merged
            .into_iter()
            .map(|(name, member)| (name, member.entry))
            .collect()),
        MergeStrategy::Json if operation.into.is_empty() => {
            Err("merge failed with missing 'into' field".to_owned())
        }
        MergeStrategy::Json => {
            let mut json = WipedText::default();
            json.append("{");
            for (index, (name, member)) in merged.iter().enumerate() {
                json.append(if index > 0 { "," } else { "" });
                go_json::quote(&mut json, name.as_bytes(), false);
                json.append(":");
                json.append(&member.json);
            }
            json.append("}");
            values.insert(operation.into.clone(), plaintext(json));
            Ok(values)
        }
    }
}

fn object(value: &Plaintext) -> Option<Vec<(String, Member)>> {
    let json = std::str::from_utf8(value.expose()).ok()?;
    let read = go_json::read(json, |root| {
        let members = go_json::members(root).filter(|_| go_json::is_finite(root))?;
        let members = members.into_iter().map(|(name, node)| {
            let member = Member {
                entry: go_json::bytes(node, Style::FLOATS),
                json: go_json::text(node, UNESCAPED),
            };
            (name.to_owned(), member)
        });
        Some(members.collect())
    });
    read.flatten()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use seal_template::environment::{Random, UtcOnly};
    use seal_template::sprig;
    use serde::Deserialize;

    use super::*;

    // Made by the real library.
    const VECTORS: &str = include_str!("../../vectors/external-secrets/rewrites.jsonl");

    #[derive(Deserialize)]
    struct Row {
        rewrite: Vec<Rewrite>,
        #[serde(rename = "in")]
        values: BTreeMap<String, String>,
        out: Option<BTreeMap<String, String>>,
    }

    struct Zeros;

    impl Random for Zeros {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn rewritten(
        operations: &[Rewrite],
        values: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, RewriteFault> {
        let values = values.iter();
        let values = values.map(|(name, value)| (name.clone(), Plaintext::copied(value.as_bytes())));
        let functions = Functions::builtin().with(sprig::FUNCTIONS);
        let mut tools = Tools {
            functions: &functions,
            env: &mut Env {
                now: Timestamp::UNIX_EPOCH,
                zones: &UtcOnly,
                random: &mut Zeros,
            },
            budget: &mut Budget::default(),
        };
        let values = rewrite(operations, values.collect(), &mut tools)?;
        let shown = |value: &Plaintext| String::from_utf8(value.expose().to_vec()).unwrap();
        Ok(values
            .iter()
            .map(|(name, value)| (name.clone(), shown(value)))
            .collect())
    }

    #[test]
    fn names_are_rewritten_as_the_real_library_does_it() {
        let (mut done, mut refused) = (0, 0);
        for line in VECTORS.lines() {
            let row: Row = serde_json::from_str(line).unwrap();
            let found = rewritten(&row.rewrite, &row.values).ok();
            match found {
                Some(_) => done += 1,
                None => refused += 1,
            }
            assert_eq!(found, row.out, "{line}");
        }
        assert!(done > 25 && refused > 8, "{done} done, {refused} refused");
    }

    #[test]
    fn of_names_that_become_one_the_last_by_letters_stays() {
        let operations: Vec<Rewrite> =
            serde_json::from_str(r#"[{"regexp":{"source":"[ab]","target":"x"}}]"#).unwrap();
        let values = [("b", "2"), ("a", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found = rewritten(&operations, &values.into()).unwrap();
        assert_eq!(found, [("x".to_owned(), "2".to_owned())].into());
    }

    #[test]
    fn a_fault_names_the_operation_and_nothing_of_a_value() {
        for rewrite in [
            r#"[{"regexp":{"source":"a","target":"a"}},{"merge":{}}]"#,
            r#"[{"regexp":{"source":"a","target":"a"}},{"merge":{"priority":["none"]}}]"#,
        ] {
            let operations: Vec<Rewrite> = serde_json::from_str(rewrite).unwrap();
            for values in [
                [("a", r#"{"canary":1}"#), ("b", r#"{"canary":2}"#)],
                [("a", "canary"), ("b", r#"["canary"]"#)],
            ] {
                let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
                let fault = rewritten(&operations, &values.into()).unwrap_err();
                assert_eq!(fault.operation, 1);
                assert!(!fault.what.contains("canary"), "{}", fault.what);
            }
        }
    }
}
