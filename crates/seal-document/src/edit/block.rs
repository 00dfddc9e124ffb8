//! Splices between lines: mappings by indentation. Brackets are `flow`'s.

use crate::buffer::Buffer;
use crate::edit::EditFault;
use crate::edit::splicer::{Place, Splicer, end_of};
use crate::node::{Node, NodeKind, ScalarStyle};
use crate::value::{Mapping, Value};
use crate::wiped::WipedText;
use crate::write::Emitter;

impl<'t> Splicer<'t> {
    /// A scalar in the quotes of the one that it replaces.
    pub(super) fn block_scalar(
        &self,
        node: &Node<'t>,
        place: Place<'_, 't>,
        value: &Value,
    ) -> Result<WipedText, EditFault> {
        let style = match &node.kind {
            NodeKind::Scalar { style, .. } => *style,
            _ => ScalarStyle::Plain,
        };
        let emitter = Emitter::new(self.style.layout());
        let text = emitter.scalar_at(place.indent, value, style)?;
        // The break after the last line is still there, but at the end of a text without one.
        Ok(if self.line_end(node.span.end) < self.text.len() {
            self.without_break(text)
        } else {
            text
        })
    }

    fn without_break(&self, mut text: WipedText) -> WipedText {
        if text.ends_with(self.style.line_break) {
            let length = text.len() - self.style.line_break.len();
            text.truncate(length);
        }
        text
    }

    pub(super) fn block_make(
        &mut self,
        node: &Node<'t>,
        place: Place<'_, 't>,
        made: &Mapping,
    ) -> Result<(), EditFault> {
        let end = self.line_end(node.span.end);
        let follows = end < self.text.len();
        if place.key.is_none() {
            let before = self.before(node.span.start);
            // An item, or a root on a line of its own, is replaced where it stands.
            if place.indent.is_some() || before.trim_matches([' ', '\t']).is_empty() {
                let indent = node.position.column - 1;
                let lines = Emitter::new(self.style.layout()).entries_at(indent, made)?;
                let lines = if follows { self.without_break(lines) } else { lines };
                if node.span.is_empty() {
                    return Err(EditFault::Unsupported);
                }
                self.splice(node.span(), WipedText::new(lines[indent..].to_owned()));
                return Ok(());
            }
        }
        let start = match place.key {
            Some(_) if node.anchor == 0 && node.tag.is_none() => self.after_colon(node, place)?,
            _ => self.text[..node.span.start].trim_end_matches([' ', '\t']).len(),
        };
        let between = self.text.get(start..node.span.start).unwrap_or_default();
        if between.contains(|character: char| !character.is_whitespace()) {
            return Err(EditFault::Unsupported);
        }
        if start < node.span.end {
            self.cut(start..node.span.end);
        }
        let indent = place.indent.map_or(0, |indent| indent + self.style.step);
        let lines = Emitter::new(self.style.layout()).entries_at(indent, made)?;
        let lines = if follows { self.without_break(lines) } else { lines };
        let mut text = Buffer::with_capacity(lines.len() + 2);
        text.push_str(self.style.line_break);
        text.push_str(&lines);
        self.insert(self.line_end(node.span.end.max(start)), text.finish());
        Ok(())
    }

    pub(super) fn block_entries(
        &mut self,
        node: &Node<'t>,
        place: Place<'_, 't>,
        removed: &[bool],
        added: &Mapping,
    ) -> Result<(), EditFault> {
        let NodeKind::Mapping { entries, .. } = &node.kind else {
            return Ok(());
        };
        let emptied = added.is_empty() && removed.iter().all(|removed| *removed);
        for (at, _) in removed.iter().enumerate().filter(|(_, removed)| **removed) {
            self.block_cut(entries, removed, at, emptied)?;
        }
        if emptied {
            self.block_empty(node, place)?;
        }
        if added.is_empty() {
            return Ok(());
        }
        let last = entries.last().ok_or(EditFault::Unsupported)?;
        let lines = Emitter::new(self.style.layout()).entries_at(entries[0].0.position.column - 1, added)?;
        let end = self.line_end(end_of(last));
        let mut text = Buffer::with_capacity(lines.len() + 2);
        if end < self.text.len() {
            text.push_str(&lines);
            if !lines.ends_with(self.style.line_break) {
                text.push_str(self.style.line_break);
            }
        } else if removed.iter().all(|removed| *removed) {
            // The lines before go with their breaks, so none is missing.
            text.push_str(&lines);
        } else {
            text.push_str(self.style.line_break);
            text.push_str(&lines);
        }
        self.insert(self.after_break(end), text.finish());
        Ok(())
    }

    /// Takes out the lines of one entry.
    fn block_cut(
        &mut self,
        entries: &[(Node<'t>, Node<'t>)],
        removed: &[bool],
        at: usize,
        emptied: bool,
    ) -> Result<(), EditFault> {
        let entry = &entries[at];
        let before = self.before(entry.0.span.start);
        let end = self.line_end(end_of(entry));
        if before.trim_matches(' ').is_empty() {
            let start = entry.0.span.start - before.len();
            let after = self.after_break(end);
            // At the end of a text without final break, the break before goes instead.
            let kept = removed[..at].iter().any(|removed| !removed);
            let start = if after == end && kept {
                let line = &self.text[..start];
                line.strip_suffix("\r\n")
                    .or(line.strip_suffix(['\n', '\r']))
                    .map_or(start, str::len)
            } else {
                start
            };
            self.cut(start..after);
            return Ok(());
        }
        // `- key: value`: the next key moves up to the dash.
        let dashes = before.bytes().all(|byte| matches!(byte, b' ' | b'-'));
        if !dashes || at > 0 {
            return Err(EditFault::Unsupported);
        }
        if emptied {
            self.splice(entry.0.span.start..end_of(entry), WipedText::new("{}".to_owned()));
            return Ok(());
        }
        match entries.get(1) {
            Some(next) if !removed[1] => {
                let gap = &self.text[end_of(entry)..next.0.span.start];
                if !gap.chars().all(char::is_whitespace) {
                    return Err(EditFault::Unsupported);
                }
                self.cut(entry.0.span.start..next.0.span.start);
                Ok(())
            }
            _ => Err(EditFault::Unsupported),
        }
    }

    /// Writes `{}` for a mapping all of whose lines go.
    fn block_empty(&mut self, node: &Node<'t>, place: Place<'_, 't>) -> Result<(), EditFault> {
        let before = self.before(node.span.start);
        match place.key {
            Some(_) if node.anchor != 0 || node.tag.is_some() => return Err(EditFault::Unsupported),
            Some(_) => {
                let at = self.after_colon(node, place)?;
                self.insert(at, WipedText::new(" {}".to_owned()));
            }
            None if before.trim_matches(' ').is_empty() => {
                let at = node.span.start - before.len();
                let line_break = if self.line_end(node.span.end) < self.text.len() {
                    self.style.line_break
                } else {
                    ""
                };
                self.insert(at, WipedText::new(format!("{before}{{}}{line_break}")));
            }
            // The first entry stood behind a dash and was replaced there.
            None => {}
        }
        Ok(())
    }
}
