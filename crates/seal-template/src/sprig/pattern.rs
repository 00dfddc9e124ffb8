//! Go's regular expressions (RE2 syntax) rewritten for the `regex` crate, which reads some of them otherwise:
//! ASCII `\d \w \s \b`, no nested classes, no flags `x` and `u`, repeats of at most 1,000.
//! Leaves to the crate what both refuse alike: stray parentheses, repeats of nothing.

use regex::bytes::{Regex, RegexBuilder};

/// The most that one repeat, or repeats within each other, may ask for.
const MOST_REPEATS: usize = 1000;
/// What a compiled pattern may weigh, in bytes.
const SIZE_LIMIT: usize = 4 << 20;
/// Groups within groups.
const MOST_GROUPS: usize = 250;

/// A compiled pattern, the names of its groups and what it costs.
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// By group number; group 0 is the whole match.
    pub(super) names: Vec<Option<String>>,
    /// Roughly the number of states.
    pub(super) cost: u64,
}

/// A pattern translated but not compiled, so that its cost can be paid first.
pub(super) struct Translated {
    expression: String,
    names: Vec<Option<String>>,
    pub(super) cost: u64,
}

impl Translated {
    /// Compiles; `None` when the pattern is not one, or too large.
    pub(super) fn compile(self) -> Option<Pattern> {
        let regex = RegexBuilder::new(&self.expression)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .nest_limit(2 * MOST_GROUPS as u32)
            .build()
            .ok()?;
        Some(Pattern {
            regex,
            names: self.names,
            cost: self.cost,
        })
    }
}

/// Rewrites a pattern; `None` when Go would refuse it.
pub(super) fn translate(pattern: &[u8]) -> Option<Translated> {
    let mut translator = Translator {
        rest: std::str::from_utf8(pattern).ok()?,
        out: String::with_capacity(2 * pattern.len()),
        names: vec![None],
        open: vec![Group::default()],
        after_repeat: false,
    };
    while !translator.rest.is_empty() {
        translator.step()?;
    }
    if translator.open.len() > 1 {
        return None;
    }
    let cost = translator.open[0].cost;
    Some(Translated {
        expression: translator.out,
        names: translator.names,
        cost,
    })
}

/// What stands inside a group that is still open.
#[derive(Default)]
struct Group {
    cost: u64,
    /// The greatest product of repeats within each other.
    repeats: usize,
    last_cost: u64,
    last_repeats: usize,
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
    names: Vec<Option<String>>,
    open: Vec<Group>,
    /// Whether a repetition was just written: Go refuses `a**`.
    after_repeat: bool,
}

impl Translator<'_> {
    fn step(&mut self) -> Option<()> {
        let was_repeat = std::mem::take(&mut self.after_repeat);
        match self.rest.chars().next()? {
            '(' => self.open_group(),
            ')' => {
                self.rest = &self.rest[1..];
                self.out.push(')');
                let inner = self.open.pop()?;
                self.open.last()?;
                self.atom(inner.cost.max(1), inner.repeats.max(1));
                Some(())
            }
            operator @ ('|' | '^' | '$' | '.') => {
                self.rest = &self.rest[1..];
                self.out.push(operator);
                self.atom(if operator == '.' { 8 } else { 1 }, 1);
                Some(())
            }
            '[' => self.class(),
            operator @ ('*' | '+' | '?') => {
                self.rest = &self.rest[1..];
                self.out.push(operator);
                self.repeated(was_repeat, 1, 2)
            }
            '{' => match self.counted() {
                Some((least, most)) => {
                    if least > MOST_REPEATS
                        || most
                            .flatten()
                            .is_some_and(|most| most > MOST_REPEATS || most < least)
                    {
                        return None;
                    }
                    let (text, bound) = match most {
                        None => (format!("{{{least}}}"), least),
                        Some(None) => (format!("{{{least},}}"), least),
                        Some(Some(most)) => (format!("{{{least},{most}}}"), most),
                    };
                    self.out.push_str(&text);
                    self.repeated(was_repeat, bound.max(1), bound as u64 + 1)
                }
                None => self.literal_next(),
            },
            '\\' => self.escape(),
            _ => self.literal_next(),
        }
    }

    fn atom(&mut self, cost: u64, repeats: usize) {
        if let Some(group) = self.open.last_mut() {
            group.cost = group.cost.saturating_add(cost);
            group.repeats = group.repeats.max(repeats);
            (group.last_cost, group.last_repeats) = (cost, repeats);
        }
    }

    fn repeated(&mut self, was_repeat: bool, bound: usize, factor: u64) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            self.out.push('?');
        }
        self.after_repeat = true;
        let group = self.open.last_mut()?;
        let product = group.last_repeats.max(1).saturating_mul(bound);
        group.repeats = group.repeats.max(product);
        group.cost = group.cost.saturating_add(group.last_cost.saturating_mul(factor));
        (!was_repeat && product <= MOST_REPEATS).then_some(())
    }

    /// `{n}`, `{n,}`, `{n,m}`; anything else after a brace is literal.
    fn counted(&mut self) -> Option<(usize, Option<Option<usize>>)> {
        let (inside, rest) = self.rest[1..].split_once('}')?;
        let number = |text: &str| {
            let plain = !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && (text == "0" || !text.starts_with('0'));
            plain.then(|| text.parse().unwrap_or(usize::MAX))
        };
        let bounds = match inside.split_once(',') {
            None => (number(inside)?, None),
            Some((least, "")) => (number(least)?, Some(None)),
            Some((least, most)) => (number(least)?, Some(Some(number(most)?))),
        };
        self.rest = rest;
        Some(bounds)
    }

    fn literal_next(&mut self) -> Option<()> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        self.literal(character);
        Some(())
    }

    fn literal(&mut self, character: char) {
        write_character(&mut self.out, character);
        self.atom(1, 1);
    }

    fn open_group(&mut self) -> Option<()> {
        if self.open.len() > MOST_GROUPS {
            return None;
        }
        let name_start = self.rest.strip_prefix("(?P<").or(self.rest.strip_prefix("(?<"));
        if let Some(named) = name_start {
            let (name, rest) = named.split_once('>')?;
            let plain = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !plain || self.names.iter().any(|other| other.as_deref() == Some(name)) {
                return None;
            }
            self.names.push(Some(name.to_owned()));
            self.rest = rest;
            self.out.push('(');
        } else if let Some(flags) = self.rest.strip_prefix("(?") {
            self.rest = flags;
            return self.flags();
        } else {
            self.rest = &self.rest[1..];
            self.names.push(None);
            self.out.push('(');
        }
        self.open.push(Group::default());
        Some(())
    }

    fn flags(&mut self) -> Option<()> {
        let (mut on, mut off) = (String::new(), String::new());
        let (mut negated, mut any_off) = (false, false);
        loop {
            let flag = self.rest.chars().next()?;
            self.rest = &self.rest[flag.len_utf8()..];
            match flag {
                'i' | 'm' | 's' | 'U' => {
                    on.retain(|other| other != flag);
                    off.retain(|other| other != flag);
                    any_off |= negated;
                    if negated { off.push(flag) } else { on.push(flag) }
                }
                '-' if !negated => negated = true,
                ':' | ')' if !negated || any_off => {
                    let minus = if off.is_empty() { "" } else { "-" };
                    let set = !on.is_empty() || !off.is_empty();
                    if flag == ':' {
                        self.out.push_str(&format!("(?{on}{minus}{off}:"));
                        self.open.push(Group::default());
                    } else if set {
                        self.out.push_str(&format!("(?{on}{minus}{off})"));
                    }
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let letter = self.rest[1..].chars().next()?;
        let anchor = match letter {
            'A' => r"\A",
            'z' => r"\z",
            'b' => r"(?-u:\b)",
            'B' => r"(?-u:\B)",
            _ => "",
        };
        if !anchor.is_empty() {
            self.rest = &self.rest[2..];
            self.out.push_str(anchor);
            self.atom(1, 1);
            return Some(());
        }
        if letter == 'Q' {
            let quoted = &self.rest[2..];
            let (text, rest) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            self.rest = rest;
            for character in text.chars() {
                self.literal(character);
            }
            return Some(());
        }
        if let Some((class, cost)) = self.class_escape()? {
            self.out.push_str(&format!("[{class}]"));
            self.atom(cost, 1);
            return Some(());
        }
        let character = self.character_escape()?;
        self.literal(character);
        Some(())
    }

    /// `\d`, `\pL` and their like as the inside of a class; the outer `None` is an error.
    #[expect(
        clippy::option_option,
        reason = "not a class, and no pattern at all, are different answers"
    )]
    fn class_escape(&mut self) -> Option<Option<(String, u64)>> {
        let letter = self.rest[1..].chars().next()?;
        let perl = match letter {
            'd' => "0-9",
            'D' => r"[^0-9]",
            's' => r"\t\n\x0c\r\x20",
            'S' => r"[^\t\n\x0c\r\x20]",
            'w' => "0-9A-Za-z_",
            'W' => "[^0-9A-Za-z_]",
            'p' | 'P' => return self.property(letter == 'P').map(Some),
            _ => return Some(None),
        };
        self.rest = &self.rest[2..];
        Some(Some((perl.to_owned(), 8)))
    }

    /// `\pL`, `\p{Greek}`, `\p{^Greek}`: categories and scripts, but no other properties.
    fn property(&mut self, negated: bool) -> Option<(String, u64)> {
        let after = &self.rest[2..];
        let first = after.chars().next()?;
        let (name, rest) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => after.split_at(first.len_utf8()),
        };
        let (name, negated) = match name.strip_prefix('^') {
            Some(name) => (name, !negated),
            None => (name, negated),
        };
        if name.is_empty()
            || !name
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "_- ".contains(letter))
        {
            return None;
        }
        self.rest = rest;
        let letter = if negated { 'P' } else { 'p' };
        ["gc", "sc"]
            .into_iter()
            .map(|kind| format!(r"\{letter}{{{kind}={name}}}"))
            .find(|class| Regex::new(class).is_ok())
            .map(|class| (class, 300))
    }

    /// One escaped character.
    fn character_escape(&mut self) -> Option<char> {
        let mut characters = self.rest[1..].chars();
        let letter = characters.next()?;
        let after = characters.as_str();
        let (character, rest) = match letter {
            '0'..='7' => {
                let more = after
                    .bytes()
                    .take(2)
                    .take_while(|byte| matches!(byte, b'0'..=b'7'))
                    .count();
                if letter != '0' && more == 0 {
                    return None;
                }
                let digits = &self.rest[1..2 + more];
                (
                    char::from_u32(u32::from_str_radix(digits, 8).ok()?)?,
                    &after[more..],
                )
            }
            'x' => {
                let (digits, rest) = match after.strip_prefix('{') {
                    Some(braced) => braced.split_once('}')?,
                    None => after.split_at_checked(2)?,
                };
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return None;
                }
                (char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, rest)
            }
            'a' => ('\x07', after),
            'f' => ('\x0c', after),
            'n' => ('\n', after),
            'r' => ('\r', after),
            't' => ('\t', after),
            'v' => ('\x0b', after),
            _ if letter.is_ascii_punctuation() || letter.is_ascii() && !letter.is_ascii_alphanumeric() => {
                (letter, after)
            }
            _ => return None,
        };
        self.rest = rest;
        Some(character)
    }

    fn class(&mut self) -> Option<()> {
        self.rest = &self.rest[1..];
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        let mut cost = 8;
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if let Some(named) = self.named_class()? {
                self.out.push_str(named);
                continue;
            }
            if self.rest.starts_with('\\')
                && let Some((class, weight)) = self.class_escape()?
            {
                self.out.push_str(&class);
                cost += weight;
                continue;
            }
            let low = self.class_character()?;
            write_character(&mut self.out, low);
            let mut ahead = self.rest.chars();
            if ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']') {
                self.rest = &self.rest[1..];
                let high = self.class_character()?;
                if high < low {
                    return None;
                }
                self.out.push('-');
                write_character(&mut self.out, high);
                cost += 4;
            }
        }
        self.rest = &self.rest[1..];
        self.out.push(']');
        self.atom(cost, 1);
        Some(())
    }

    fn class_character(&mut self) -> Option<char> {
        if self.rest.starts_with('\\') {
            return self.character_escape();
        }
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    /// `[:alpha:]`; a bracket and colon without their end are literal, an unknown name is an error.
    #[expect(
        clippy::option_option,
        reason = "not a named class, and no pattern at all, are different answers"
    )]
    fn named_class(&mut self) -> Option<Option<&'static str>> {
        let Some((name, rest)) = self
            .rest
            .strip_prefix("[:")
            .and_then(|named| named.split_once(":]"))
        else {
            return Some(None);
        };
        let (name, negated) = match name.strip_prefix('^') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (plain, complement) = match name {
            "alnum" => ("0-9A-Za-z", "[^0-9A-Za-z]"),
            "alpha" => ("A-Za-z", "[^A-Za-z]"),
            "ascii" => (r"\x00-\x7F", r"[^\x00-\x7F]"),
            "blank" => (r"\t\x20", r"[^\t\x20]"),
            "cntrl" => (r"\x00-\x1F\x7F", r"[^\x00-\x1F\x7F]"),
            "digit" => ("0-9", "[^0-9]"),
            "graph" => (r"\x21-\x7E", r"[^\x21-\x7E]"),
            "lower" => ("a-z", "[^a-z]"),
            "print" => (r"\x20-\x7E", r"[^\x20-\x7E]"),
            "punct" => (
                r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E",
                r"[^\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E]",
            ),
            "space" => (r"\t-\r\x20", r"[^\t-\r\x20]"),
            "upper" => ("A-Z", "[^A-Z]"),
            "word" => ("0-9A-Za-z_", "[^0-9A-Za-z_]"),
            "xdigit" => ("0-9A-Fa-f", "[^0-9A-Fa-f]"),
            _ => return None,
        };
        self.rest = rest;
        Some(Some(if negated { complement } else { plain }))
    }
}

/// One character that means itself, inside a class or out.
fn write_character(out: &mut String, character: char) {
    if character.is_ascii_alphanumeric() || !character.is_ascii() {
        out.push(character);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(character)));
    }
}
