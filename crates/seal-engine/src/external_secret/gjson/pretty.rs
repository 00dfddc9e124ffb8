//! JSON with line breaks, as tidwall's `pretty` sets it, and without any blanks. Its settings are not read: a path
//! with settings gets the default layout.

use seal_document::WipedText;

use super::text::{elements, members, start};
use super::{TooMuch, Work};

/// How long a line with a list may be.
const WIDTH: usize = 80;

/// Two blanks for each level; a list of scalars stands on one line if it fits.
pub(super) fn pretty(json: &str, _: &str, work: &mut Work) -> Result<WipedText, TooMuch> {
    let mut layout = Layout {
        text: WipedText::default(),
        line: 0,
    };
    layout.value(start(json), 0, work)?;
    if !layout.text.is_empty() {
        layout.text.append("\n");
    }
    Ok(layout.text)
}

struct Layout {
    text: WipedText,
    // Where the line break before this line stands.
    line: usize,
}

impl Layout {
    fn value(&mut self, value: &str, level: usize, work: &mut Work) -> Result<(), TooMuch> {
        work.step()?;
        work.make(value)?;
        match value.as_bytes().first() {
            Some(b'[') => {
                let room = WIDTH.saturating_sub(self.text.len() - self.line);
                if let Some(line) = one_line(value).filter(|line| room > 3 && line.len() <= room) {
                    self.text.append(&line);
                    return Ok(());
                }
                self.text.append("[");
                let mut any = false;
                for item in elements(value) {
                    self.begin(any, level + 1);
                    self.value(item, level + 1, work)?;
                    any = true;
                }
                self.end(any, level, "]");
            }
            Some(b'{') => {
                self.text.append("{");
                let mut any = false;
                for (key, item) in members(value) {
                    self.begin(any, level + 1);
                    self.text.append(key);
                    self.text.append(": ");
                    self.value(item, level + 1, work)?;
                    any = true;
                }
                self.end(any, level, "}");
            }
            _ => self.text.append(value),
        }
        Ok(())
    }

    fn begin(&mut self, any: bool, level: usize) {
        if any {
            self.text.append(",");
        }
        self.line_break(level);
    }

    fn line_break(&mut self, level: usize) {
        self.line = self.text.len();
        self.text.append("\n");
        (0..level).for_each(|_| self.text.append("  "));
    }

    fn end(&mut self, any: bool, level: usize, bracket: &str) {
        if any {
            self.line_break(level);
        }
        self.text.append(bracket);
    }
}

// A list without mappings, or as long a beginning of it as could fit.
fn one_line(list: &str) -> Option<WipedText> {
    let mut line = WipedText::default();
    line.append("[");
    for item in elements(list) {
        if line.len() > 1 {
            line.append(", ");
        }
        match item.as_bytes().first() {
            Some(b'{') => return None,
            Some(b'[') => line.append(&one_line(item)?),
            _ => line.append(item),
        }
        if line.len() > WIDTH {
            return None;
        }
    }
    line.append("]");
    Some(line)
}

/// Without blanks.
pub(super) fn ugly(json: &str) -> WipedText {
    let mut text = WipedText::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for letter in json.chars() {
        if quoted || letter > ' ' {
            text.append(letter.encode_utf8(&mut [0; 4]));
        }
        (quoted, escaped) = match letter {
            _ if escaped => (quoted, false),
            '\\' if quoted => (true, true),
            '"' => (!quoted, false),
            _ => (quoted, false),
        };
    }
    text
}
