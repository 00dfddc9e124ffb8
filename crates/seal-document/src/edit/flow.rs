//! Splices between brackets: JSON, and YAML's flow mappings. Indentation is `block`'s.

use crate::buffer::Buffer;
use crate::edit::EditFault;
use crate::edit::layout::{indentation, indentation_of};
use crate::edit::splicer::{Place, Splicer, end_of, spaced};
use crate::node::{Node, NodeKind};
use crate::value::{Mapping, Value};
use crate::wiped::WipedText;
use crate::write::{Emitter, FlowWriter, KeyOrder, quote_json};

impl<'t> Splicer<'t> {
    /// A value inside brackets: strings always in double quotes.
    pub(super) fn flow_value(&self, value: &Value) -> Result<WipedText, EditFault> {
        self.flow_text(value, "")
    }

    fn flow_text(&self, value: &Value, margin: &str) -> Result<WipedText, EditFault> {
        let unit = if self.json { self.style.unit } else { None };
        let writer = FlowWriter {
            unit,
            margin,
            comma: self.style.comma,
            colon: self.style.colon,
            line_break: self.style.line_break,
            quote: if self.json { quote_json } else { Emitter::quote },
            order: KeyOrder::Kept,
        };
        Ok(writer.write(value)?)
    }

    pub(super) fn flow_make(
        &mut self,
        node: &Node<'t>,
        place: Place<'_, 't>,
        made: &Mapping,
    ) -> Result<(), EditFault> {
        if self.text[node.span()].contains('#') {
            return Err(EditFault::Unsupported);
        }
        let value = Value::Mapping(made.clone());
        let text = self.flow_text(&value, indentation(self.text, node.span.start))?;
        if node.span.is_empty() {
            let at = self.after_colon(node, place)?;
            self.insert(at, spaced(&text));
        } else {
            self.splice(node.span(), text);
        }
        Ok(())
    }

    pub(super) fn flow_entries(
        &mut self,
        node: &Node<'t>,
        place: Place<'_, 't>,
        removed: &[bool],
        added: &Mapping,
    ) -> Result<(), EditFault> {
        let NodeKind::Mapping { entries, .. } = &node.kind else {
            return Ok(());
        };
        if removed.iter().all(|removed| *removed) {
            if !added.is_empty() {
                // `{}` by indentation is nicer, where nothing forbids it.
                return if place.flow || !entries.is_empty() {
                    self.flow_make(node, place, added)
                } else {
                    self.block_make(node, place, added)
                };
            }
            if !entries.is_empty() {
                if !self.json && self.gaps(node, entries).any(|gap| gap.contains('#')) {
                    return Err(EditFault::Unsupported);
                }
                self.splice(node.span(), WipedText::new("{}".to_owned()));
            }
            return Ok(());
        }
        let mut at = 0;
        while at < entries.len() {
            let run = removed[at..].iter().take_while(|removed| **removed).count();
            if run > 0 {
                let next = entries.get(at + run);
                let span = match next {
                    Some(next) => entries[at].0.span.start..next.0.span.start,
                    None => end_of(&entries[at - 1])..end_of(&entries[at + run - 1]),
                };
                let comment = self
                    .gaps(
                        node,
                        &entries[at.saturating_sub(1)..(at + run + 1).min(entries.len())],
                    )
                    .any(|gap| gap.contains('#'));
                if !self.json && comment {
                    return Err(EditFault::Unsupported);
                }
                self.cut(span);
            }
            at += run + 1;
        }
        if added.is_empty() {
            return Ok(());
        }
        let last = entries
            .iter()
            .zip(removed)
            .rev()
            .find(|(_, removed)| !**removed)
            .map(|(entry, _)| entry);
        let last = last.ok_or(EditFault::Unsupported)?;
        let margin = indentation_of(self.text, last.0.span.start);
        let mut text = Buffer::default();
        for (key, value) in added.iter() {
            match margin {
                Some(margin) => {
                    text.push(',');
                    text.push_str(self.style.line_break);
                    text.push_str(margin);
                }
                None => text.push_str(self.style.comma),
            }
            let key = self.flow_value(&Value::from(key))?;
            text.push_str(&key);
            text.push_str(self.style.colon);
            text.push_str(&self.flow_text(value, margin.unwrap_or_default())?);
        }
        self.insert(end_of(last), text.finish());
        Ok(())
    }

    /// What stands between entries: commas, white space, comments.
    fn gaps<'g>(
        &'g self,
        node: &'g Node<'t>,
        entries: &'g [(Node<'t>, Node<'t>)],
    ) -> impl Iterator<Item = &'t str> + 'g {
        let inner = entries
            .windows(2)
            .map(|pair| end_of(&pair[0])..pair[1].0.span.start);
        let first = entries.first().map(|entry| node.span.start..entry.0.span.start);
        let last = entries.last().map(|entry| end_of(entry)..node.span.end);
        let whole = entries.len() == count(node);
        inner
            .chain(first.filter(|_| whole))
            .chain(last.filter(|_| whole))
            .map(|gap| &self.text[gap])
    }
}

fn count(node: &Node<'_>) -> usize {
    match &node.kind {
        NodeKind::Mapping { entries, .. } => entries.len(),
        _ => 0,
    }
}
