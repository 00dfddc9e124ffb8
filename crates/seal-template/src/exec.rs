//! Executes a template's statements. Blocks and templates within each other live on a stack of our own,
//! so that no template can exhaust the thread's; expressions are `exec::evaluate`'s.

mod evaluate;
mod iterate;

use std::fmt::Display;

use iterate::Items;

use zeroize::Zeroizing;

use crate::environment::Env;
use crate::fault::{Fault, FaultKind, Place};
use crate::function::Call;
use crate::limits::{Limit, Limits};
use crate::node::{Action, Branch, Command, Invocation, Node, Operand, Pipe};
use crate::printf;
use crate::template::Template;
use crate::value::{Buffer, Element, Value};

/// Bytes of a node's source that a fault quotes (Go: all of it); faults end up in conditions and events.
const MAX_NODE: usize = 256;

/// Renders `template` with `dot`, paying from `fuel`.
pub(crate) fn render(
    template: &Template,
    dot: &Value,
    env: &mut Env<'_>,
    limits: &Limits,
    fuel: &mut u64,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut execution = Execution {
        template,
        definition: &template.name,
        at: At::Start,
        variables: Vec::new(),
        base: 0,
        call: Call::new(env, fuel, limits),
        output: Buffer::new(limits.output, Limit::Output),
    };
    match execution.run(Slot::plain(dot.clone())) {
        Ok(()) => Ok(execution.output.into_bytes()),
        Err(kind) => Err(Fault {
            place: Box::new(execution.place()),
            kind,
        }),
    }
}

type Outcome<T> = Result<T, FaultKind>;

struct Execution<'t, 'c> {
    template: &'t Template,
    definition: &'t str,
    /// The node that a fault is reported at; moves exactly as Go's does.
    at: At<'t>,
    variables: Vec<(&'t str, Slot)>,
    /// Where the variables of the running definition begin.
    base: usize,
    call: Call<'c>,
    output: Buffer,
}

/// A value and whether Go would hold it as `interface {}`: elements of untyped containers.
/// That decides between "no value" and "nil pointer", and how types are named in faults.
#[derive(Clone)]
struct Slot {
    value: Value,
    boxed: bool,
}

impl Slot {
    fn plain(value: Value) -> Self {
        Slot { value, boxed: false }
    }

    fn element(value: Value, element: Element) -> Self {
        Slot {
            value,
            boxed: element == Element::Any,
        }
    }

    fn static_type(&self) -> &'static str {
        if self.boxed {
            "interface {}"
        } else {
            self.value.type_name()
        }
    }
}

#[derive(Clone, Copy)]
enum At<'t> {
    Start,
    Action(&'t Action),
    Template(&'t Invocation),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Operand(&'t Operand),
}

enum Frame<'t> {
    /// Statements yet to run. Variables beyond `variables` go when they end.
    Block {
        nodes: std::slice::Iter<'t, Node>,
        dot: Slot,
        variables: usize,
    },
    /// A loop; `inner` is what its body may see of the variables.
    Range {
        branch: &'t Branch,
        items: Items,
        variables: usize,
        inner: usize,
    },
    /// A template was called from here.
    Caller { definition: &'t str, base: usize },
}

impl<'t> Execution<'t, '_> {
    fn run(&mut self, dot: Slot) -> Outcome<()> {
        let body = self
            .template
            .definitions
            .get(&self.template.name)
            .map_or(&[][..], Vec::as_slice);
        self.variables.push(("$", dot.clone()));
        let mut frames = vec![Frame::Block {
            nodes: body.iter(),
            dot,
            variables: 0,
        }];
        let mut depth = 0;
        while let Some(frame) = frames.last_mut() {
            match frame {
                Frame::Block {
                    nodes,
                    dot,
                    variables,
                } => match nodes.next() {
                    Some(node) => {
                        let dot = dot.clone();
                        self.step(node, dot, &mut frames, &mut depth)?;
                    }
                    None => {
                        self.variables.truncate(*variables);
                        frames.pop();
                    }
                },
                Frame::Range {
                    branch,
                    items,
                    variables,
                    inner,
                } => {
                    self.variables.truncate(*inner);
                    match items.next() {
                        Some((index, element)) => {
                            let (branch, inner) = (*branch, *inner);
                            self.spend(1)?;
                            self.bind(branch, index, &element)?;
                            frames.push(Frame::Block {
                                nodes: branch.body.iter(),
                                dot: element,
                                variables: inner,
                            });
                        }
                        None => {
                            self.variables.truncate(*variables);
                            frames.pop();
                        }
                    }
                }
                Frame::Caller { definition, base } => {
                    (self.definition, self.base) = (*definition, *base);
                    depth -= 1;
                    frames.pop();
                }
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        node: &'t Node,
        dot: Slot,
        frames: &mut Vec<Frame<'t>>,
        depth: &mut usize,
    ) -> Outcome<()> {
        self.spend(1)?;
        match node {
            Node::Text(text) => self
                .output
                .extend(text)
                .map_err(|_| FaultKind::Exceeded(Limit::Output))?,
            Node::Action(action) => {
                let slot = self.pipeline(&dot, &action.pipe)?;
                if action.pipe.variables.is_empty() {
                    self.at = At::Action(action);
                    self.print(&slot.value)?;
                }
            }
            Node::If(branch) => {
                let variables = self.variables.len();
                let condition = self.pipeline(&dot, &branch.pipe)?;
                let nodes = if condition.value.is_true() {
                    &branch.body
                } else {
                    &branch.otherwise
                };
                frames.push(Frame::Block {
                    nodes: nodes.iter(),
                    dot,
                    variables,
                });
            }
            Node::With(branch) => {
                let variables = self.variables.len();
                let subject = self.pipeline(&dot, &branch.pipe)?;
                let (nodes, dot) = if subject.value.is_true() {
                    (&branch.body, subject)
                } else {
                    (&branch.otherwise, dot)
                };
                frames.push(Frame::Block {
                    nodes: nodes.iter(),
                    dot,
                    variables,
                });
            }
            Node::Range(branch) => {
                let variables = self.variables.len();
                let subject = self.pipeline(&dot, &branch.pipe)?;
                frames.push(match self.items(&subject.value, branch)? {
                    Some(items) => Frame::Range {
                        branch,
                        items,
                        variables,
                        inner: self.variables.len(),
                    },
                    None => Frame::Block {
                        nodes: branch.otherwise.iter(),
                        dot,
                        variables,
                    },
                });
            }
            Node::Template(invocation) => {
                self.at = At::Template(invocation);
                let Some((name, body)) = self.template.definitions.get_key_value(&invocation.name) else {
                    return Err(FaultKind::UnknownTemplate(invocation.name.clone()));
                };
                if *depth == self.call.limits.depth {
                    return Err(FaultKind::Exceeded(Limit::Depth));
                }
                *depth += 1;
                let dot = match &invocation.pipe {
                    Some(pipe) => self.pipeline(&dot, pipe)?,
                    None => Slot::plain(Value::Nil),
                };
                let variables = self.variables.len();
                frames.push(Frame::Caller {
                    definition: self.definition,
                    base: self.base,
                });
                (self.definition, self.base) = (name, variables);
                self.variables.push(("$", dot.clone()));
                frames.push(Frame::Block {
                    nodes: body.iter(),
                    dot,
                    variables,
                });
            }
            Node::Break => {
                while let Some(frame) = frames.pop() {
                    if let Frame::Range { variables, .. } = frame {
                        self.variables.truncate(variables);
                        break;
                    }
                }
            }
            Node::Continue => {
                while matches!(frames.last(), Some(Frame::Block { .. })) {
                    frames.pop();
                }
            }
        }
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Slot) -> Outcome<()> {
        match self.variables[self.base..]
            .iter_mut()
            .rev()
            .find(|(variable, _)| *variable == name)
        {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => Err(FaultKind::UndefinedVariable(name.to_owned())),
        }
    }

    fn print(&mut self, value: &Value) -> Outcome<()> {
        let printed = match value {
            Value::Nil => self.output.extend("<no value>"),
            value => printf::print(value, &mut self.output),
        };
        printed.map_err(|fault| FaultKind::calling("print", fault))
    }

    fn spend(&mut self, units: u64) -> Outcome<()> {
        self.call
            .spend(units)
            .map_err(|_| FaultKind::Exceeded(Limit::Fuel))
    }

    fn place(&self) -> Place {
        let (position, node): (usize, &dyn Display) = match self.at {
            At::Start => (0, &""),
            At::Action(action) => (action.position, action),
            At::Template(invocation) => (invocation.position, invocation),
            At::Pipe(pipe) => (pipe.position, pipe),
            At::Command(command) => (command.position, command),
            At::Operand(operand) => (operand.position, operand),
        };
        let mut node = node.to_string();
        if node.len() > MAX_NODE {
            node.truncate(node.floor_char_boundary(MAX_NODE));
            node.push_str("...");
        }
        let before = &self.template.source[..position];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            template: self.template.name.clone(),
            line: 1 + before.matches('\n').count(),
            column: position - line_start,
            executing: self.definition.to_owned(),
            node,
        }
    }
}
