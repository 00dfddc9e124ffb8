//! All changes to one document as a tree, so that each mapping is visited once. It knows no text.

use std::collections::HashMap;

use crate::edit::EditFault;
use crate::node::Node;
use crate::path::Step;
use crate::schema;
use crate::value::{Mapping, Value};

/// What happens at one place.
pub(crate) enum Plan {
    Set(Value),
    Remove,
    Into(Branch),
}

/// What happens below one place, in the order in which it was asked for.
#[derive(Default)]
pub(crate) struct Branch {
    steps: Vec<(Step, Plan)>,
    index: HashMap<Step, usize>,
}

impl Branch {
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(crate) fn steps(&self) -> &[(Step, Plan)] {
        &self.steps
    }

    pub(crate) fn get(&self, step: &Step) -> Option<&Plan> {
        self.index.get(step).map(|at| &self.steps[*at].1)
    }

    /// Adds one change.
    pub(crate) fn add(&mut self, path: &[Step], value: Option<Value>) -> Result<(), EditFault> {
        let (step, rest) = path.split_first().ok_or(EditFault::Unsupported)?;
        let at = match self.index.get(step) {
            Some(at) => *at,
            None => {
                let plan = if rest.is_empty() {
                    Plan::Remove
                } else {
                    Plan::Into(Self::default())
                };
                self.index.insert(step.clone(), self.steps.len());
                self.steps.push((step.clone(), plan));
                self.steps.len() - 1
            }
        };
        match (&mut self.steps[at].1, rest.is_empty()) {
            (Plan::Into(branch), false) => branch.add(rest, value),
            (plan @ (Plan::Set(_) | Plan::Remove), true) => {
                *plan = value.map_or(Plan::Remove, Plan::Set);
                Ok(())
            }
            _ => Err(EditFault::Conflict),
        }
    }

    /// What is to stand where nothing stands yet.
    pub(crate) fn value(&self) -> Result<Mapping, EditFault> {
        let entries = self.steps.iter().map(|(step, plan)| match step {
            Step::Key(key) => Ok((key.clone(), plan.value()?)),
            Step::Index(_) => Err(EditFault::Missing),
        });
        Ok(Mapping::from_iter(entries.collect::<Result<Vec<_>, _>>()?))
    }
}

impl Plan {
    pub(crate) fn value(&self) -> Result<Value, EditFault> {
        match self {
            Self::Set(value) => Ok(value.clone()),
            Self::Remove => Err(EditFault::Missing),
            Self::Into(branch) => branch.value().map(Value::Mapping),
        }
    }
}

/// Where each key stands, by what it means: `yes:` is the key `true`.
pub(crate) fn index(entries: &[(Node<'_>, Node<'_>)], json: bool) -> HashMap<String, Vec<usize>> {
    let mut index: HashMap<String, Vec<usize>> = HashMap::with_capacity(entries.len());
    for (at, (key, _)) in entries.iter().enumerate() {
        if let Some(name) = schema::key_name(key, json) {
            index.entry(name).or_default().push(at);
        }
    }
    index
}
