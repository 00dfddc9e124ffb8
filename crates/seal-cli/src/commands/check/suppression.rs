//! `# seal:allow RULE reason`: what somebody decided to leave as it is, and why. At the end of a line it is
//! about that line, on a line of its own about the entry or item below, before everything else about the
//! document. What is suppressed in `.seal.yaml` is `settings`' affair.

use seal_document::{Position, WipedText};

use super::finding::Finding;
use super::rules::{self, Rule};

/// What marks one.
pub(super) const MARK: &str = "seal:allow";

/// One rule that is allowed to find something on some lines.
pub(super) struct Suppression {
    rule: &'static Rule,
    position: Position,
    first: usize,
    last: usize,
}

/// All suppressions in `text`, and what is wrong with those that are none.
pub(super) fn read(text: &str) -> (Vec<Suppression>, Vec<Finding>) {
    let lines: Vec<&str> = text.lines().collect();
    let mut all = Vec::new();
    let mut bad = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((before, words)) = comment(line) else {
            continue;
        };
        let column = before.chars().count() + 1;
        let position = Position {
            line: index + 1,
            column,
        };
        let mut words = words.split_whitespace();
        let codes = words.next().unwrap_or_default();
        let refused = |what: String| Finding::new(&rules::BAD_SUPPRESSION, position).what(what);
        if words.next().is_none() {
            bad.push(refused("a suppression without a reason".to_owned()));
            continue;
        }
        let (first, last) = match before.trim().is_empty() {
            false => (index, index),
            true => below(&lines, index),
        };
        for code in codes.split(',') {
            match rules::rule(code) {
                None => bad.push(refused("a suppression of a rule that there is not".to_owned())),
                Some(rule) => all.push(Suppression {
                    rule,
                    position,
                    first: first + 1,
                    last: last + 1,
                }),
            }
        }
    }
    (all, bad)
}

impl Suppression {
    /// Whether it is about `finding`.
    pub(super) fn covers(&self, finding: &Finding) -> bool {
        let lines = self.first..=self.last;
        self.rule.code == finding.rule.code && lines.contains(&finding.position.line)
    }

    pub(super) fn rule(&self) -> &'static Rule {
        self.rule
    }

    /// What to say of it if nothing was found.
    pub(super) fn unused(&self) -> Finding {
        Finding::new(&rules::UNUSED_SUPPRESSION, self.position)
            .field(self.rule.code)
            .snippet(format!("# {MARK} {} …", self.rule.code))
            .what(format!("{} is suppressed and not found here", self.rule.code))
    }
}

/// `text` without the rules that `unused` findings name; a comment that allows nothing else goes whole.
pub(super) fn without(text: &str, unused: &[&Finding]) -> WipedText {
    let mut kept = WipedText::with_capacity(text.len());
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.trim_end_matches(['\n', '\r']);
        let gone = |code: &&str| {
            let is_it = |one: &&Finding| one.position.line == index + 1 && one.field == **code;
            unused.iter().any(is_it)
        };
        let found =
            comment(line).and_then(|(before, words)| Some((before, words.split_whitespace().next()?)));
        let Some((before, codes)) = found.filter(|(_, codes)| codes.split(',').any(|code| gone(&code)))
        else {
            kept.append(whole);
            continue;
        };
        let rest: Vec<&str> = codes.split(',').filter(|code| !gone(code)).collect();
        if !rest.is_empty() {
            kept.append(&whole.replacen(codes, &rest.join(","), 1));
        } else if !before.trim().is_empty() {
            kept.append(before.trim_end());
            kept.append(&whole[line.len()..]);
        }
    }
    kept
}

// What stands before the comment, and what comes after its mark.
fn comment(line: &str) -> Option<(&str, &str)> {
    let at = line.find(MARK)?;
    let before = line[..at].trim_end().strip_suffix('#')?;
    let rest = &line[at + MARK.len()..];
    let is_comment = before.is_empty() || before.ends_with([' ', '\t']);
    let ends = rest.is_empty() || rest.starts_with([' ', '\t']);
    (is_comment && ends).then_some((before, rest))
}

// The lines that a comment on a line of its own is about.
fn below(lines: &[&str], comment: usize) -> (usize, usize) {
    let is_content = |line: &str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    };
    let is_marker = |line: &str| line.starts_with("---") || line.starts_with("...");
    let start = lines[..comment]
        .iter()
        .rposition(|line| is_marker(line))
        .map_or(0, |at| at + 1);
    let end = |from: usize| {
        let next = lines[from..].iter().position(|line| is_marker(line));
        next.map_or(lines.len(), |at| from + at)
    };
    let Some(next) = (comment + 1..lines.len()).find(|at| is_content(lines[*at])) else {
        return (comment, comment);
    };
    // Before the first `---` it is about the document that begins there.
    if is_marker(lines[next]) && !lines[start..comment].iter().any(|line| is_content(line)) {
        return (next, end(next + 1).saturating_sub(1));
    }
    if is_marker(lines[next]) {
        return (comment, comment);
    }
    if !lines[start..comment].iter().any(|line| is_content(line)) {
        return (next, end(next) - 1);
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_item = |line: &str| line.trim_start().starts_with("- ");
    let (own, is_own_item) = (indent(lines[next]), is_item(lines[next]));
    let belongs = |line: &str| {
        !is_content(line) || indent(line) > own || indent(line) == own && is_item(line) && !is_own_item
    };
    let rest = lines[next + 1..end(next)].iter();
    let last = next + rest.take_while(|line| belongs(line)).count();
    (next, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(&'static str, usize, usize)> {
        let (all, bad) = read(text);
        assert!(bad.is_empty(), "{}", bad[0].what);
        all.iter()
            .map(|one| (one.rule.code, one.first, one.last))
            .collect()
    }

    #[test]
    fn a_comment_is_about_its_line_the_block_below_or_the_document() {
        let line = "a: 1\nb: 2 # seal:allow private-key a test's\nc: 3\n";
        assert_eq!(lines(line), [("private-key", 2, 2)]);
        let block = "a: 1\n# seal:allow private-key a test's\n# indeed\nb:\n- 2\n\n- 3\nc: 4\n";
        assert_eq!(lines(block), [("private-key", 4, 7)]);
        let item = "a:\n  # seal:allow private-key a test's\n  - b: 1\n    c: 2\n  - d: 3\n";
        assert_eq!(lines(item), [("private-key", 3, 4)]);
        let head = "x: 1\n---\n# seal:allow private-key,sealing-key why\na: 1\nb: 2\n---\nc: 3\n";
        assert_eq!(lines(head), [("private-key", 4, 5), ("sealing-key", 4, 5)]);
        let above = "# seal:allow private-key why\n---\na: 1\nb: 2\n---\nc: 3\n";
        assert_eq!(lines(above), [("private-key", 2, 4)]);
    }

    #[test]
    fn what_is_unused_goes_and_what_is_used_stays() {
        let text = "a: 1 # seal:allow private-key no\r\n  # seal:allow private-key,sealing-key why\nb: 2\n\
                    # seal:allow private-key why\nc: private-key\n";
        let (all, _) = read(text);
        let is_private = all.iter().filter(|one| one.rule.code == "private-key");
        let unused: Vec<Finding> = is_private.map(Suppression::unused).collect();
        let kept = without(text, &unused.iter().collect::<Vec<_>>());
        assert_eq!(
            &*kept,
            "a: 1\r\n  # seal:allow sealing-key why\nb: 2\nc: private-key\n"
        );
    }

    #[test]
    fn a_suppression_needs_a_rule_that_there_is_and_a_reason() {
        let text = "# seal:allow private-key\na: 1 # seal:allow nothing for it\nb: \"x#seal:allow y z\"\n";
        let (all, bad) = read(text);
        assert!(all.is_empty());
        let bad: Vec<_> = bad.iter().map(|one| (one.rule.code, one.position.line)).collect();
        assert_eq!(bad, [("bad-suppression", 1), ("bad-suppression", 2)]);
    }
}
