//! Splits template source into tokens, trim markers and comments applied. Token texts, line numbers and
//! complaints are those of Go's lexer, because parse errors are compatible to the letter.

mod token;

use std::borrow::Cow;

pub(crate) use token::{Keyword, Token, TokenKind};

use crate::delimiters::Delimiters;
use crate::quote::{is_print, quoted};

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];
/// A trim marker is a minus and the space beside it.
const TRIM_MARKER: usize = 2;

pub(crate) struct Lexer<'s> {
    input: &'s str,
    delimiters: &'s Delimiters,
    position: usize,
    start: usize,
    line: usize,
    start_line: usize,
    inside_action: bool,
    parentheses: usize,
}

impl<'s> Lexer<'s> {
    pub(crate) fn new(input: &'s str, delimiters: &'s Delimiters) -> Self {
        Lexer {
            input,
            delimiters,
            position: 0,
            start: 0,
            line: 1,
            start_line: 1,
            inside_action: false,
            parentheses: 0,
        }
    }

    pub(crate) fn next_token(&mut self) -> Token<'s> {
        if self.inside_action {
            self.lex_inside_action()
        } else {
            self.lex_text()
        }
    }

    fn rest(&self) -> &'s str {
        &self.input[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.position += character.len_utf8();
        self.line += usize::from(character == '\n');
        Some(character)
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        if found {
            self.advance();
        }
        found
    }

    fn accept_run(&mut self, wanted: impl Fn(char) -> bool) {
        while self.accept(&wanted) {}
    }

    fn emit(&mut self, kind: TokenKind) -> Token<'s> {
        let text = Cow::Borrowed(&self.input[self.start..self.position]);
        let token = Token {
            kind,
            position: self.start,
            text,
            line: self.start_line,
        };
        self.start = self.position;
        self.start_line = self.line;
        token
    }

    /// Skips to `position`, counting the newlines passed over since the last token.
    fn skip_to(&mut self, position: usize) {
        self.position = position;
        self.line += count_lines(&self.input[self.start..position]);
        self.start = position;
        self.start_line = self.line;
    }

    /// An error ends the input.
    fn fail(&mut self, message: impl Into<Cow<'static, str>>) -> Token<'s> {
        let token = Token {
            kind: TokenKind::Error,
            position: self.start,
            text: message.into(),
            line: self.start_line,
        };
        self.input = "";
        self.position = 0;
        self.start = 0;
        token
    }

    fn lex_text(&mut self) -> Token<'s> {
        loop {
            let Some(length) = self.rest().find(self.delimiters.left()) else {
                self.position = self.input.len();
                if self.position == self.start {
                    return self.emit(TokenKind::End);
                }
                self.line += count_lines(&self.input[self.start..]);
                return self.emit(TokenKind::Text);
            };
            if length > 0 {
                let delimiter = self.position + length;
                let text = &self.input[self.start..delimiter];
                let kept = if trims_left(&self.input[delimiter + self.delimiters.left().len()..]) {
                    text.trim_end_matches(SPACES)
                } else {
                    text
                };
                self.position = self.start + kept.len();
                self.line += count_lines(kept);
                let token = self.emit(TokenKind::Text);
                self.skip_to(delimiter);
                if !token.text.is_empty() {
                    return token;
                }
            }
            if let Some(token) = self.lex_left_delimiter() {
                return token;
            }
        }
    }

    /// `None` when it opened a comment, which has been skipped.
    fn lex_left_delimiter(&mut self) -> Option<Token<'s>> {
        let after = self.position + self.delimiters.left().len();
        let after_marker = after
            + if trims_left(&self.input[after..]) {
                TRIM_MARKER
            } else {
                0
            };
        if self.input[after_marker..].starts_with("/*") {
            self.skip_to(after_marker);
            return self.lex_comment();
        }
        self.position = after;
        let token = self.emit(TokenKind::LeftDelimiter);
        self.inside_action = true;
        self.skip_to(after_marker);
        self.parentheses = 0;
        Some(token)
    }

    fn lex_comment(&mut self) -> Option<Token<'s>> {
        let Some(length) = self.input[self.position + 2..].find("*/") else {
            return Some(self.fail("unclosed comment"));
        };
        self.position += 2 + length + 2;
        let Some(trims) = self.at_right_delimiter() else {
            return Some(self.fail("comment ends before closing delimiter"));
        };
        self.skip_to(self.position);
        self.skip_right_delimiter(trims);
        None
    }

    /// Whether the input stands at a right delimiter, and if so, whether it trims.
    fn at_right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        let right = self.delimiters.right();
        if trims_right(rest) && rest[TRIM_MARKER..].starts_with(right) {
            return Some(true);
        }
        rest.starts_with(right).then_some(false)
    }

    fn skip_right_delimiter(&mut self, trims: bool) {
        let marker = if trims { TRIM_MARKER } else { 0 };
        let mut position = self.position + marker + self.delimiters.right().len();
        if trims {
            let rest = &self.input[position..];
            position += rest.len() - rest.trim_start_matches(SPACES).len();
        }
        self.skip_to(position);
    }

    fn lex_right_delimiter(&mut self, trims: bool) -> Token<'s> {
        if trims {
            self.skip_to(self.position + TRIM_MARKER);
        }
        self.position += self.delimiters.right().len();
        let token = self.emit(TokenKind::RightDelimiter);
        if trims {
            let rest = self.rest();
            self.skip_to(self.position + rest.len() - rest.trim_start_matches(SPACES).len());
        }
        self.inside_action = false;
        token
    }

    fn lex_inside_action(&mut self) -> Token<'s> {
        if let Some(trims) = self.at_right_delimiter() {
            if self.parentheses == 0 {
                return self.lex_right_delimiter(trims);
            }
            return self.fail("unclosed left paren");
        }
        let Some(character) = self.peek() else {
            return self.fail("unclosed action");
        };
        if is_space(character) {
            return self.lex_space();
        }
        if character.is_ascii_digit() || matches!(character, '+' | '-') {
            return self.lex_number();
        }
        if character == '.' && self.rest().as_bytes().get(1).is_none_or(u8::is_ascii_digit) {
            return self.lex_number();
        }
        if is_alphanumeric(character) {
            return self.lex_identifier();
        }
        self.advance();
        match character {
            '=' => self.emit(TokenKind::Assign),
            ':' if self.advance() == Some('=') => self.emit(TokenKind::Declare),
            ':' => self.fail("expected :="),
            '|' => self.emit(TokenKind::Pipe),
            '"' => self.lex_quoted('"', TokenKind::String, "unterminated quoted string"),
            '\'' => self.lex_quoted('\'', TokenKind::CharConstant, "unterminated character constant"),
            '`' => self.lex_raw_string(),
            '$' => self.lex_field_or_variable(TokenKind::Variable),
            '.' => self.lex_field_or_variable(TokenKind::Field),
            '(' => {
                self.parentheses += 1;
                self.emit(TokenKind::LeftParenthesis)
            }
            ')' if self.parentheses == 0 => self.fail("unexpected right paren"),
            ')' => {
                self.parentheses -= 1;
                self.emit(TokenKind::RightParenthesis)
            }
            ' '..='~' => self.emit(TokenKind::Char),
            _ => self.fail(format!(
                "unrecognized character in action: {}",
                name_character(character)
            )),
        }
    }

    fn lex_space(&mut self) -> Token<'s> {
        let mut spaces = 0;
        while self.accept(is_space) {
            spaces += 1;
        }
        // The last space may belong to a trim marker.
        let last = self.position - 1;
        let rest = &self.input[last..];
        if trims_right(rest) && rest[TRIM_MARKER..].starts_with(self.delimiters.right()) {
            self.position = last;
            self.line -= usize::from(self.input[last..].starts_with('\n'));
            if spaces == 1 {
                return self.lex_right_delimiter(true);
            }
        }
        self.emit(TokenKind::Space)
    }

    fn lex_identifier(&mut self) -> Token<'s> {
        self.accept_run(is_alphanumeric);
        if !self.at_terminator() {
            return self.fail_at_character();
        }
        let kind = match &self.input[self.start..self.position] {
            "block" => TokenKind::Keyword(Keyword::Block),
            "break" => TokenKind::Keyword(Keyword::Break),
            "continue" => TokenKind::Keyword(Keyword::Continue),
            "define" => TokenKind::Keyword(Keyword::Define),
            "else" => TokenKind::Keyword(Keyword::Else),
            "end" => TokenKind::Keyword(Keyword::End),
            "if" => TokenKind::Keyword(Keyword::If),
            "nil" => TokenKind::Keyword(Keyword::Nil),
            "range" => TokenKind::Keyword(Keyword::Range),
            "template" => TokenKind::Keyword(Keyword::Template),
            "with" => TokenKind::Keyword(Keyword::With),
            "true" | "false" => TokenKind::Bool,
            _ => TokenKind::Identifier,
        };
        self.emit(kind)
    }

    /// The dot or dollar has been passed.
    fn lex_field_or_variable(&mut self, kind: TokenKind) -> Token<'s> {
        if self.at_terminator() {
            let alone = if kind == TokenKind::Field {
                TokenKind::Keyword(Keyword::Dot)
            } else {
                kind
            };
            return self.emit(alone);
        }
        self.accept_run(is_alphanumeric);
        if self.at_terminator() {
            self.emit(kind)
        } else {
            self.fail_at_character()
        }
    }

    fn fail_at_character(&mut self) -> Token<'s> {
        let name = self.peek().map(name_character).unwrap_or_default();
        self.fail(format!("bad character {name}"))
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(character) => is_space(character) || self.rest().starts_with(self.delimiters.right()),
        }
    }

    /// The opening quote has been passed.
    fn lex_quoted(&mut self, mark: char, kind: TokenKind, complaint: &'static str) -> Token<'s> {
        loop {
            match self.advance() {
                Some('\\') if !matches!(self.peek(), None | Some('\n')) => {
                    self.advance();
                }
                None | Some('\n' | '\\') => return self.fail(complaint),
                Some(character) if character == mark => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn lex_raw_string(&mut self) -> Token<'s> {
        loop {
            match self.advance() {
                None => return self.fail("unterminated raw quoted string"),
                Some('`') => return self.emit(TokenKind::RawString),
                Some(_) => {}
            }
        }
    }

    fn lex_number(&mut self) -> Token<'s> {
        if !self.scan_number() {
            return self.fail_at_number();
        }
        if !matches!(self.peek(), Some('+' | '-')) {
            return self.emit(TokenKind::Number);
        }
        if !self.scan_number() || !self.input[..self.position].ends_with('i') {
            return self.fail_at_number();
        }
        self.emit(TokenKind::Complex)
    }

    fn fail_at_number(&mut self) -> Token<'s> {
        let text = quoted(&self.input[self.start..self.position]);
        self.fail(format!("bad number syntax: {text}"))
    }

    fn scan_number(&mut self) -> bool {
        self.accept(|sign| matches!(sign, '+' | '-'));
        let mut radix = 10;
        if self.accept(|digit| digit == '0') {
            for (mark, base) in [('x', 16), ('o', 8), ('b', 2)] {
                if self.accept(|letter| letter.to_ascii_lowercase() == mark) {
                    radix = base;
                    break;
                }
            }
        }
        let digit = move |character: char| character == '_' || character.is_digit(radix);
        self.accept_run(digit);
        if self.accept(|point| point == '.') {
            self.accept_run(digit);
        }
        let exponent_mark = match radix {
            10 => Some('e'),
            16 => Some('p'),
            _ => None,
        };
        if exponent_mark.is_some() && self.accept(|letter| Some(letter.to_ascii_lowercase()) == exponent_mark)
        {
            self.accept(|sign| matches!(sign, '+' | '-'));
            self.accept_run(|character| character == '_' || character.is_ascii_digit());
        }
        self.accept(|letter| letter == 'i');
        if self.peek().is_some_and(is_alphanumeric) {
            self.advance();
            return false;
        }
        true
    }
}

fn count_lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn is_space(character: char) -> bool {
    SPACES.contains(&character)
}

fn is_alphanumeric(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn trims_left(text: &str) -> bool {
    matches!(text.as_bytes(), [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

fn trims_right(text: &str) -> bool {
    matches!(text.as_bytes(), [b' ' | b'\t' | b'\r' | b'\n', b'-', ..])
}

/// `%#U`: the code point and, if it prints, the character.
fn name_character(character: char) -> String {
    let code = u32::from(character);
    if is_print(character) {
        format!("U+{code:04X} '{character}'")
    } else {
        format!("U+{code:04X}")
    }
}
