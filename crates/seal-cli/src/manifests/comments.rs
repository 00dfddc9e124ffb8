//! The comments of a plain Secret, for those who want them in the sealed one: those at an entry go along
//! with it, all others move to the top. Only YAML has comments.

use seal_document::{Format, Limits, Node, NodeKind, Path, WipedText};

/// Comments, each with the entry that it stands at.
pub(super) struct Comments(Vec<(Option<String>, WipedText)>);

impl Comments {
    /// The comments of `source`, the text of the object `root`, which begins at `offset` of the stream.
    pub(super) fn gather(source: &str, offset: usize, root: &Node<'_>) -> Self {
        let mut scalars = Vec::new();
        leaves(root, &mut scalars);
        let keys: Vec<(usize, String)> = ["data", "stringData"]
            .iter()
            .filter_map(|field| root.get(field))
            .flat_map(|node| match node.kind() {
                NodeKind::Mapping { entries, .. } => entries.as_slice(),
                _ => &[],
            })
            .filter_map(|(key, _)| Some((key.span().start.checked_sub(offset)?, key.as_str()?.to_owned())))
            .collect();
        let mut comments = Vec::new();
        let mut at = 0;
        for line in source.split_inclusive('\n') {
            let hash = line.char_indices().find(|(column, character)| {
                *character == '#'
                    && (*column == 0 || line[..*column].ends_with([' ', '\t']))
                    && !scalars
                        .iter()
                        .any(|(start, end)| (*start..*end).contains(&(at + column + offset)))
            });
            if let Some((column, _)) = hash {
                let alone = line[..column].trim().is_empty();
                let next = keys.iter().filter(|(key, _)| *key >= at).min();
                let entry = match next {
                    Some((key, entry)) if alone || *key < at + column => {
                        // A comment above belongs to the entry only if nothing else lies between.
                        let between = source.get(at + line.len()..*key).unwrap_or("");
                        let near = !alone || between.lines().all(is_blank_or_comment);
                        near.then(|| entry.clone())
                    }
                    _ => None,
                };
                comments.push((entry, WipedText::new(line[column..].trim_end().to_owned())));
            }
            at += line.len();
        }
        Self(comments)
    }

    /// `text`, the sealed manifest, with the comments in it.
    pub(super) fn insert_into(&self, text: &str) -> WipedText {
        let size: usize = self.0.iter().map(|(_, comment)| comment.len() + 8).sum();
        let mut result = WipedText::with_capacity(text.len() + size);
        let places = entry_lines(text);
        let known = |entry: &Option<String>| {
            entry
                .as_ref()
                .and_then(|entry| places.iter().find(|(_, key, _)| key == entry))
        };
        for (_, comment) in self.0.iter().filter(|(entry, _)| known(entry).is_none()) {
            result.push_str(comment);
            result.push('\n');
        }
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            for (start, key, column) in places.iter().filter(|(start, ..)| *start == at) {
                for (_, comment) in self.0.iter().filter(|(entry, _)| entry.as_ref() == Some(key)) {
                    debug_assert_eq!(*start, at);
                    result.push_str(&" ".repeat(*column));
                    result.push_str(comment);
                    result.push('\n');
                }
            }
            result.push_str(line);
            at += line.len();
        }
        result
    }
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn leaves(node: &Node<'_>, found: &mut Vec<(usize, usize)>) {
    match node.kind() {
        NodeKind::Mapping { entries, .. } => entries.iter().for_each(|(key, value)| {
            leaves(key, found);
            leaves(value, found);
        }),
        NodeKind::Sequence { items, .. } => items.iter().for_each(|item| leaves(item, found)),
        NodeKind::Scalar { .. } | NodeKind::Alias(_) => found.push((node.span().start, node.span().end)),
    }
}

// The line, the entry and the column of each sealed value in `text`.
fn entry_lines(text: &str) -> Vec<(usize, String, usize)> {
    let Ok(stream) = seal_document::parse(text, Format::Yaml, &Limits::default()) else {
        return Vec::new();
    };
    let path = Path::root().key("spec").key("encryptedData");
    let node = stream
        .documents()
        .first()
        .and_then(|document| document.root()?.at(&path));
    let Some(NodeKind::Mapping { entries, .. }) = node.map(Node::kind) else {
        return Vec::new();
    };
    let place = |key: &Node<'_>| {
        let start = text[..key.span().start].rfind('\n').map_or(0, |at| at + 1);
        Some((start, key.as_str()?.to_owned(), key.span().start - start))
    };
    entries.iter().filter_map(|(key, _)| place(key)).collect()
}
