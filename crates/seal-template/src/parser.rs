//! Builds the node tree of a template. Its complaints are Go's to the letter: they quote template source
//! only, so no value can enter. Nesting is bounded, because parser and evaluator recurse.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::fault::ParseFault;
use crate::function::Functions;
use crate::lexer::{Keyword, Lexer, Token, TokenKind};
use crate::node::{Action, Branch, Command, Invocation, Node, Operand, Pipe, Term};
use crate::number::Number;
use crate::quote::{quoted, unquote};
use crate::value::Text;

/// Parentheses and blocks within each other (Go: 10,000 parentheses, blocks without end).
const MAX_NESTING: usize = 200;

/// Variables in sight at once (Go: no bound); each use searches them all.
const MAX_VARIABLES: usize = 2_000;

/// The templates that a source defines, its own body under its own name.
pub(crate) type Definitions = BTreeMap<String, Vec<Node>>;

/// Parses a whole source.
pub(crate) fn parse(name: &str, source: &str, functions: &Functions) -> Result<Definitions, ParseFault> {
    let nothing = Token {
        kind: TokenKind::End,
        position: 0,
        text: Cow::Borrowed(""),
        line: 0,
    };
    let mut parser = Parser {
        name,
        functions,
        lexer: Lexer::new(source),
        tokens: [nothing.clone(), nothing.clone(), nothing],
        peeked: 0,
        scope: Scope::new(),
        nesting: 0,
        definitions: Definitions::new(),
    };
    let body = parser.parse_body()?;
    parser.define(name.to_owned(), body)?;
    Ok(parser.definitions)
}

struct Parser<'s> {
    name: &'s str,
    functions: &'s Functions,
    lexer: Lexer<'s>,
    /// Three tokens of lookahead; the last read is the zeroth.
    tokens: [Token<'s>; 3],
    peeked: usize,
    scope: Scope,
    nesting: usize,
    definitions: Definitions,
}

/// What a definition does not share with the source around it.
struct Scope {
    variables: Vec<String>,
    ranges: usize,
    /// Where the action being parsed began; 0 outside.
    action_line: usize,
}

impl Scope {
    fn new() -> Self {
        Scope {
            variables: vec!["$".to_owned()],
            ranges: 0,
            action_line: 0,
        }
    }
}

enum Parsed {
    Node(Node),
    End,
    Else,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    End,
    Else,
}

impl Closing {
    fn source(self) -> &'static str {
        match self {
            Closing::End => "{{end}}",
            Closing::Else => "{{else}}",
        }
    }
}

type Parse<T> = Result<T, ParseFault>;

impl<'s> Parser<'s> {
    fn next(&mut self) -> Token<'s> {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.tokens[0] = self.lexer.next_token();
        }
        self.tokens[self.peeked].clone()
    }

    fn back_up(&mut self) {
        self.peeked += 1;
    }

    fn peek(&mut self) -> Token<'s> {
        let token = self.next();
        self.back_up();
        token
    }

    fn next_non_space(&mut self) -> Token<'s> {
        loop {
            let token = self.next();
            if token.kind != TokenKind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token<'s> {
        let token = self.next_non_space();
        self.back_up();
        token
    }

    fn fail<T>(&self, message: impl Into<String>) -> Parse<T> {
        Err(ParseFault {
            template: self.name.to_owned(),
            line: self.tokens[0].line,
            message: message.into(),
        })
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parse<T> {
        if token.kind != TokenKind::Error {
            return self.fail(format!("unexpected {} in {context}", token.describe()));
        }
        let mut message = token.describe();
        let started = self.scope.action_line;
        if started != 0 && started != token.line {
            // Not "unclosed action in action started at".
            message.push_str(if message.ends_with(" action") {
                ""
            } else {
                " in action"
            });
            message.push_str(&format!(" started at {}:{started}", self.name));
        }
        self.fail(message)
    }

    fn expect(&mut self, kind: TokenKind, context: &str) -> Parse<Token<'s>> {
        let token = self.next_non_space();
        if token.kind == kind {
            Ok(token)
        } else {
            self.unexpected(&token, context)
        }
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.nesting == MAX_NESTING {
            return self.fail("max expression depth exceeded");
        }
        self.nesting += 1;
        let parsed = parse(self)?;
        self.nesting -= 1;
        Ok(parsed)
    }

    fn parse_body(&mut self) -> Parse<Vec<Node>> {
        let mut body = Vec::new();
        while self.peek().kind != TokenKind::End {
            if self.peek().kind == TokenKind::LeftDelimiter {
                let delimiter = self.next();
                if self.next_non_space().kind == TokenKind::Keyword(Keyword::Define) {
                    self.parse_definition()?;
                    continue;
                }
                self.tokens[1] = delimiter;
                self.peeked = 2;
            }
            match self.text_or_action()? {
                Parsed::Node(node) => body.push(node),
                Parsed::End => return self.fail("unexpected {{end}}"),
                Parsed::Else => return self.fail("unexpected {{else}}"),
            }
        }
        Ok(body)
    }

    fn parse_definition(&mut self) -> Parse<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(TokenKind::RightDelimiter, CONTEXT)?;
        self.parse_named_body(name, CONTEXT)?;
        self.scope = outer;
        Ok(())
    }

    fn parse_named_body(&mut self, name: String, context: &str) -> Parse<()> {
        let (body, closing) = self.nested(Self::item_list)?;
        if closing != Closing::End {
            return self.fail(format!("unexpected {} in {context}", closing.source()));
        }
        self.define(name, body)
    }

    fn define(&mut self, name: String, body: Vec<Node>) -> Parse<()> {
        match self.definitions.get(&name) {
            Some(existing) if !is_empty(existing) => {
                if !is_empty(&body) {
                    return self.fail(format!(
                        "template: multiple definition of template {}",
                        quoted(&name)
                    ));
                }
            }
            _ => {
                self.definitions.insert(name, body);
            }
        }
        Ok(())
    }

    fn item_list(&mut self) -> Parse<(Vec<Node>, Closing)> {
        let mut nodes = Vec::new();
        while self.peek_non_space().kind != TokenKind::End {
            match self.text_or_action()? {
                Parsed::Node(node) => nodes.push(node),
                Parsed::End => return Ok((nodes, Closing::End)),
                Parsed::Else => return Ok((nodes, Closing::Else)),
            }
        }
        self.fail("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parse<Parsed> {
        let token = self.next_non_space();
        match token.kind {
            TokenKind::Text => Ok(Parsed::Node(Node::Text(Text::new(token.text.as_bytes())))),
            TokenKind::LeftDelimiter => {
                self.scope.action_line = token.line;
                let parsed = self.action()?;
                self.scope.action_line = 0;
                Ok(parsed)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parse<Parsed> {
        if let TokenKind::Keyword(keyword) = self.next_non_space().kind {
            match keyword {
                Keyword::Block => return self.block_control(),
                Keyword::Break => return self.loop_control("{{break}}", Node::Break),
                Keyword::Continue => return self.loop_control("{{continue}}", Node::Continue),
                Keyword::Else => {
                    // `else if` leaves the `if` pending for `control`.
                    let pending = self.peek_non_space().kind;
                    if !matches!(pending, TokenKind::Keyword(Keyword::If | Keyword::With)) {
                        self.expect(TokenKind::RightDelimiter, "else")?;
                    }
                    return Ok(Parsed::Else);
                }
                Keyword::End => return self.expect(TokenKind::RightDelimiter, "end").map(|_| Parsed::End),
                Keyword::If => return Ok(Parsed::Node(Node::If(self.control(Keyword::If)?))),
                Keyword::Range => return Ok(Parsed::Node(Node::Range(self.control(Keyword::Range)?))),
                Keyword::Template => return self.template_control(),
                Keyword::With => return Ok(Parsed::Node(Node::With(self.control(Keyword::With)?))),
                Keyword::Dot | Keyword::Define | Keyword::Nil => {}
            }
        }
        self.back_up();
        let position = self.peek().position;
        let pipe = self.pipeline("command", TokenKind::RightDelimiter)?;
        Ok(Parsed::Node(Node::Action(Action { position, pipe })))
    }

    fn loop_control(&mut self, source: &str, node: Node) -> Parse<Parsed> {
        let token = self.next_non_space();
        if token.kind != TokenKind::RightDelimiter {
            return self.unexpected(&token, source);
        }
        if self.scope.ranges == 0 {
            return self.fail(format!("{source} outside {{{{range}}}}"));
        }
        Ok(Parsed::Node(node))
    }

    fn control(&mut self, keyword: Keyword) -> Parse<Branch> {
        self.nested(|parser| parser.parse_control(keyword))
    }

    fn parse_control(&mut self, keyword: Keyword) -> Parse<Branch> {
        let variables = self.scope.variables.len();
        let context = match keyword {
            Keyword::Range => "range",
            Keyword::With => "with",
            _ => "if",
        };
        let pipe = self.pipeline(context, TokenKind::RightDelimiter)?;
        let ranges = usize::from(keyword == Keyword::Range);
        self.scope.ranges += ranges;
        let (body, closing) = self.item_list()?;
        self.scope.ranges -= ranges;
        let mut otherwise = Vec::new();
        if closing == Closing::Else {
            if keyword != Keyword::Range && self.peek().kind == TokenKind::Keyword(keyword) {
                // {{else if b}} … {{end}} stands for {{else}}{{if b}} … {{end}}{{end}}.
                self.next();
                let chained = self.control(keyword)?;
                otherwise.push(if keyword == Keyword::If {
                    Node::If(chained)
                } else {
                    Node::With(chained)
                });
            } else {
                let (nodes, closing) = self.item_list()?;
                if closing != Closing::End {
                    return self.fail(format!("expected end; found {}", closing.source()));
                }
                otherwise = nodes;
            }
        }
        self.scope.variables.truncate(variables);
        Ok(Branch {
            pipe,
            body,
            otherwise,
        })
    }

    fn block_control(&mut self) -> Parse<Parsed> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, TokenKind::RightDelimiter)?;
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        self.parse_named_body(name.clone(), CONTEXT)?;
        self.scope = outer;
        Ok(Parsed::Node(Node::Template(Invocation {
            position: token.position,
            name,
            pipe: Some(pipe),
        })))
    }

    fn template_control(&mut self) -> Parse<Parsed> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().kind != TokenKind::RightDelimiter {
            self.back_up();
            pipe = Some(self.pipeline(CONTEXT, TokenKind::RightDelimiter)?);
        }
        Ok(Parsed::Node(Node::Template(Invocation {
            position: token.position,
            name,
            pipe,
        })))
    }

    fn template_name(&self, token: &Token<'_>, context: &str) -> Parse<String> {
        if !matches!(token.kind, TokenKind::String | TokenKind::RawString) {
            return self.unexpected(token, context);
        }
        match unquote(&token.text).map(String::from_utf8) {
            Some(Ok(name)) => Ok(name),
            // Go takes any bytes for a name; nothing could ever refer to such a one by another spelling.
            Some(Err(_)) | None => self.fail("invalid syntax"),
        }
    }

    fn pipeline(&mut self, context: &str, end: TokenKind) -> Parse<Pipe> {
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

/// Whether a body has nothing but space; such a definition does not replace another.
fn is_empty(body: &[Node]) -> bool {
    body.iter().all(|node| match node {
        Node::Text(text) => text.to_str().is_some_and(|text| text.trim().is_empty()),
        _ => false,
    })
}
