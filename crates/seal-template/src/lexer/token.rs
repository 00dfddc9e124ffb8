//! Tokens: what the lexer hands the parser, and how complaints name them.

use std::borrow::Cow;

use crate::quote::quoted;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    End,
    Field,
    Identifier,
    LeftDelimiter,
    LeftParenthesis,
    Number,
    Pipe,
    RawString,
    RightDelimiter,
    RightParenthesis,
    Space,
    String,
    Text,
    Variable,
    Keyword(Keyword),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

#[derive(Clone)]
pub(crate) struct Token<'s> {
    pub(crate) kind: TokenKind,
    pub(crate) position: usize,
    pub(crate) text: Cow<'s, str>,
    pub(crate) line: usize,
}

impl Token<'_> {
    /// How Go's messages show the token.
    pub(crate) fn describe(&self) -> String {
        match self.kind {
            TokenKind::End => "EOF".to_owned(),
            TokenKind::Error => self.text.clone().into_owned(),
            TokenKind::Keyword(_) => format!("<{}>", self.text),
            _ if self.text.len() > 10 => {
                let end = self
                    .text
                    .char_indices()
                    .nth(10)
                    .map_or(self.text.len(), |(at, _)| at);
                format!("{}...", quoted(&self.text[..end]))
            }
            _ => quoted(&self.text),
        }
    }
}
