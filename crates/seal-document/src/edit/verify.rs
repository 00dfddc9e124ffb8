//! Proof that a changed text says what was asked for and nothing else. It repairs nothing.

use std::collections::HashMap;

use crate::edit::plan::{self, Branch, Plan};
use crate::node::{Node, NodeKind};
use crate::path::Step;
use crate::schema::{self, DuplicateKeys};
use crate::stream::{Document, Stream};
use crate::value::Value;
use crate::write::{JsonStyle, KeyOrder, to_json};

/// The number of the first document that differs where it was not to.
pub(crate) fn verify(old: &Stream<'_>, new: &Stream<'_>, plans: &[Branch]) -> Result<(), usize> {
    if old.documents().len() != new.documents().len() {
        return Err(0);
    }
    for ((old, new), plan) in old.documents().iter().zip(new.documents()).zip(plans) {
        let mut comparison = Comparison {
            new,
            json: new.format() == crate::Format::Json,
            anchors: HashMap::new(),
        };
        let equal = match (old.root(), new.root()) {
            (None, None) => true,
            (Some(before), Some(after)) if plan.is_empty() => comparison.same(before, after),
            (Some(before), Some(after)) => comparison.changed(before, after, plan),
            _ => false,
        };
        if !equal {
            return Err(old.index());
        }
    }
    Ok(())
}

struct Comparison<'d, 't> {
    new: &'d Document<'t>,
    json: bool,
    /// Anchors are numbered in order, so one taken out renumbers those behind it.
    anchors: HashMap<usize, usize>,
}

impl Comparison<'_, '_> {
    fn anchor(&mut self, old: usize, new: usize) -> bool {
        (old == 0) == (new == 0) && *self.anchors.entry(old).or_insert(new) == new
    }

    /// Whether two nodes are written alike and say the same.
    fn same(&mut self, old: &Node<'_>, new: &Node<'_>) -> bool {
        if old.tag() != new.tag()
            || !self.anchor(old.anchor, new.anchor)
            || old.span.is_empty() != new.span.is_empty()
        {
            return false;
        }
        match (&old.kind, &new.kind) {
            (
                NodeKind::Scalar { text, style },
                NodeKind::Scalar {
                    text: new,
                    style: new_style,
                },
            ) => style == new_style && **text == **new,
            (NodeKind::Alias(old), NodeKind::Alias(new)) => self.anchor(*old, *new),
            (
                NodeKind::Sequence { items, style },
                NodeKind::Sequence {
                    items: new,
                    style: new_style,
                },
            ) => {
                style == new_style
                    && items.len() == new.len()
                    && items.iter().zip(new).all(|(old, new)| self.same(old, new))
            }
            (
                NodeKind::Mapping { entries, style },
                NodeKind::Mapping {
                    entries: new,
                    style: new_style,
                },
            ) => {
                style == new_style
                    && entries.len() == new.len()
                    && entries
                        .iter()
                        .zip(new)
                        .all(|(old, new)| self.same(&old.0, &new.0) && self.same(&old.1, &new.1))
            }
            _ => false,
        }
    }

    /// Whether `new` is `old` after the changes below it.
    fn changed(&mut self, old: &Node<'_>, new: &Node<'_>, plan: &Branch) -> bool {
        if old.tag() != new.tag() || !self.anchor(old.anchor, new.anchor) {
            return false;
        }
        match (&old.kind, &new.kind) {
            (NodeKind::Sequence { items, .. }, NodeKind::Sequence { items: new, .. }) => {
                items.len() == new.len()
                    && items.iter().zip(new).enumerate().all(|(at, (old, new))| {
                        match plan.get(&Step::Index(at)) {
                            None => self.same(old, new),
                            Some(plan) => self.planned(old, new, plan),
                        }
                    })
            }
            (NodeKind::Mapping { entries, .. }, NodeKind::Mapping { entries: new, .. }) => {
                self.entries(entries, new, plan)
            }
            // A mapping was made where null stood.
            (NodeKind::Scalar { .. }, NodeKind::Mapping { .. }) => plan
                .value()
                .is_ok_and(|value| self.means(new, &Value::Mapping(value))),
            _ => false,
        }
    }

    fn entries(&mut self, old: &[(Node<'_>, Node<'_>)], new: &[(Node<'_>, Node<'_>)], plan: &Branch) -> bool {
        let index = plan::index(old, self.json);
        // By place: what happens to an entry. Of equal keys only the last is set, but all are removed.
        let mut planned: HashMap<usize, &Plan> = HashMap::new();
        let mut added = Vec::new();
        for (step, plan) in plan.steps() {
            let Step::Key(name) = step else { return false };
            match index.get(name.as_str()) {
                None => added.push((name, plan)),
                Some(places) if matches!(plan, Plan::Remove) => {
                    planned.extend(places.iter().map(|at| (*at, plan)))
                }
                Some(places) => planned.extend(places.last().map(|at| (*at, plan))),
            }
        }
        let mut rest = new.iter();
        for (at, (key, value)) in old.iter().enumerate() {
            let plan = planned.get(&at).copied();
            if matches!(plan, Some(Plan::Remove)) {
                continue;
            }
            let Some((new_key, new_value)) = rest.next() else {
                return false;
            };
            let equal = self.same(key, new_key)
                && match plan {
                    None => self.same(value, new_value),
                    Some(plan) => self.planned(value, new_value, plan),
                };
            if !equal {
                return false;
            }
        }
        added.len() == rest.len()
            && added.iter().zip(rest).all(|((name, plan), (key, value))| {
                schema::key_name(key, self.json).as_ref() == Some(*name)
                    && plan.value().is_ok_and(|wanted| self.means(value, &wanted))
            })
    }

    fn planned(&mut self, old: &Node<'_>, new: &Node<'_>, plan: &Plan) -> bool {
        match plan {
            Plan::Into(branch) => self.changed(old, new, branch),
            Plan::Remove => false,
            Plan::Set(value) => {
                old.tag() == new.tag() && self.anchor(old.anchor, new.anchor) && self.means(new, value)
            }
        }
    }

    /// Whether a node is read as `value`.
    fn means(&self, node: &Node<'_>, value: &Value) -> bool {
        let style = JsonStyle {
            order: KeyOrder::Kept,
            ..JsonStyle::COMPACT
        };
        let read = schema::node_value(self.new, node, DuplicateKeys::Error).ok();
        let read = read.and_then(|read| to_json(&read, style).ok());
        read.is_some_and(|read| to_json(value, style).is_ok_and(|value| *value == *read))
    }
}
