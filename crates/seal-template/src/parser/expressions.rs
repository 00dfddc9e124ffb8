//! Parses what stands inside an action: declarations, pipelines, commands, operands and literals.

use super::{Parse, Parser};
use crate::lexer::{Keyword, TokenKind};
use crate::node::{Command, Operand, Pipe, Term};
use crate::number::Number;
use crate::quote::{quoted, unquote};
use crate::value::Text;

/// Variables in sight at once (Go: no bound); each use searches them all.
const MAX_VARIABLES: usize = 2_000;

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: TokenKind) -> Parse<Pipe> {
        let position = self.peek_non_space().position;
        let mut pipe = Pipe {
            position,
            assigns: false,
            variables: Vec::new(),
            commands: Vec::new(),
        };
        while self.declaration(&mut pipe, context)? {}
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                TokenKind::Bool
                | TokenKind::CharConstant
                | TokenKind::Complex
                | TokenKind::Keyword(Keyword::Dot | Keyword::Nil)
                | TokenKind::Field
                | TokenKind::Identifier
                | TokenKind::Number
                | TokenKind::RawString
                | TokenKind::String
                | TokenKind::Variable
                | TokenKind::LeftParenthesis => {
                    self.back_up();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            let first = &command.operands[0].term;
            if matches!(
                first,
                Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::String(..)
            ) {
                return self.fail(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(pipe)
    }

    /// Takes a declared or assigned variable off the input; says whether another may follow.
    fn declaration(&mut self, pipe: &mut Pipe, context: &str) -> Parse<bool> {
        let variable = self.peek_non_space();
        if variable.kind != TokenKind::Variable {
            return Ok(false);
        }
        self.next();
        // "$x foo" uses $x and "$x := foo" declares it: only the token after the space tells.
        let adjacent = self.peek();
        let following = self.peek_non_space();
        let is_comma = following.kind == TokenKind::Char && following.text == ",";
        if !is_comma && !matches!(following.kind, TokenKind::Assign | TokenKind::Declare) {
            if adjacent.kind == TokenKind::Space {
                self.tokens[1] = adjacent;
                self.tokens[2] = variable;
                self.peeked = 3;
            } else {
                self.tokens[1] = variable;
                self.peeked = 2;
            }
            return Ok(false);
        }
        self.next_non_space();
        if self.scope.variables.len() == MAX_VARIABLES {
            return self.fail("too many variables");
        }
        pipe.variables.push(variable.text.clone().into_owned());
        self.scope.variables.push(variable.text.into_owned());
        if !is_comma {
            pipe.assigns = following.kind == TokenKind::Assign;
            return Ok(false);
        }
        if context != "range" || pipe.variables.len() >= 2 {
            return self.fail(format!("too many declarations in {context}"));
        }
        match self.peek_non_space().kind {
            TokenKind::Variable | TokenKind::RightDelimiter | TokenKind::RightParenthesis => Ok(true),
            _ => self.fail("range can only initialize variables"),
        }
    }

    fn command(&mut self) -> Parse<Command> {
        let position = self.peek_non_space().position;
        let mut operands = Vec::new();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                TokenKind::Space => continue,
                TokenKind::RightDelimiter | TokenKind::RightParenthesis => self.back_up(),
                TokenKind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if operands.is_empty() {
            return self.fail("empty command");
        }
        Ok(Command { position, operands })
    }

    fn operand(&mut self) -> Parse<Option<Operand>> {
        let Some(mut operand) = self.term()? else {
            return Ok(None);
        };
        let first = self.peek();
        if first.kind != TokenKind::Field {
            return Ok(Some(operand));
        }
        let mut chain = Vec::new();
        while self.peek().kind == TokenKind::Field {
            chain.push(self.next().text[1..].to_owned());
        }
        // Go reports the whole chain at its second link.
        match &mut operand.term {
            Term::Field(fields) | Term::Variable(_, fields) => {
                fields.append(&mut chain);
                operand.position = first.position;
            }
            Term::Bool(_) | Term::String(..) | Term::Number(_) | Term::Nil | Term::Dot => {
                return self.fail(format!(
                    "unexpected . after term {}",
                    quoted(&operand.to_string())
                ));
            }
            _ => {
                operand = Operand {
                    position: first.position,
                    term: Term::Chain(Box::new(operand), chain),
                }
            }
        }
        Ok(Some(operand))
    }

    fn term(&mut self) -> Parse<Option<Operand>> {
        let token = self.next_non_space();
        let text: &str = &token.text;
        let term = match token.kind {
            TokenKind::Identifier => match self.functions.find(text) {
                Some((function, form)) => Term::Function(function, form),
                None => return self.fail(format!("function {} not defined", quoted(text))),
            },
            TokenKind::Keyword(Keyword::Dot) => Term::Dot,
            TokenKind::Keyword(Keyword::Nil) => Term::Nil,
            TokenKind::Variable => {
                if !self.scope.variables.iter().any(|variable| variable == text) {
                    return self.fail(format!("undefined variable {}", quoted(text)));
                }
                Term::Variable(text.to_owned(), Vec::new())
            }
            TokenKind::Field => Term::Field(vec![text[1..].to_owned()]),
            TokenKind::Bool => Term::Bool(text == "true"),
            TokenKind::CharConstant => self.number(Number::character(text))?,
            TokenKind::Complex => self.number(Number::complex(text))?,
            TokenKind::Number => self.number(Number::parse(text))?,
            TokenKind::LeftParenthesis => {
                let inner = self.nested(|parser| {
                    parser.pipeline("parenthesized pipeline", TokenKind::RightParenthesis)
                })?;
                return Ok(Some(Operand {
                    position: inner.position,
                    term: Term::Pipe(inner),
                }));
            }
            TokenKind::String | TokenKind::RawString => match unquote(text) {
                Some(content) => Term::String(text.to_owned(), Text::new(content)),
                None => return self.fail("invalid syntax"),
            },
            _ => {
                self.back_up();
                return Ok(None);
            }
        };
        Ok(Some(Operand {
            position: token.position,
            term,
        }))
    }

    fn number(&self, number: Result<Number, String>) -> Parse<Term> {
        number.map(Term::Number).or_else(|message| self.fail(message))
    }
}
