//! Builds the node tree of a template. Its complaints are Go's to the letter: they quote template source
//! only, so no value can enter. Nesting is bounded, because parser and evaluator recurse.

mod expressions;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::delimiters::Delimiters;
use crate::fault::ParseFault;
use crate::function::Functions;
use crate::lexer::{Keyword, Lexer, Token, TokenKind};
use crate::node::{Action, Branch, Invocation, Node};
use crate::quote::{quoted, unquote};
use crate::value::Text;

/// Parentheses and blocks within each other (Go: 10,000 parentheses, blocks without end).
const MAX_NESTING: usize = 200;

/// Bytes of a complaint (Go: no bound); some quote a name of any length.
const MAX_MESSAGE: usize = 512;

/// The templates that a source defines, its own body under its own name.
pub(crate) type Definitions = BTreeMap<String, Vec<Node>>;

/// Parses a whole source.
pub(crate) fn parse(
    name: &str,
    source: &str,
    functions: &Functions,
    delimiters: &Delimiters,
) -> Result<Definitions, ParseFault> {
    let nothing = Token {
        kind: TokenKind::End,
        position: 0,
        text: Cow::Borrowed(""),
        line: 0,
    };
    let mut parser = Parser {
        name,
        functions,
        lexer: Lexer::new(source, delimiters),
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
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        Err(ParseFault {
            template: self.name.to_owned(),
            line: self.tokens[0].line,
            message,
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
}

/// Whether a body has nothing but space; such a definition does not replace another.
fn is_empty(body: &[Node]) -> bool {
    body.iter().all(|node| match node {
        Node::Text(text) => text.to_str().is_some_and(|text| text.trim().is_empty()),
        _ => false,
    })
}
