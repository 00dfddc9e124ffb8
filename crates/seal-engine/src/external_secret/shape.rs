//! From fetched values to what the Secret should hold: templates, and what is said about the Secret.
//!
//! Precedence, from the top: `template.data`, `templateFrom` in its order, the values themselves (with merge policy
//! `Merge`, or where no template makes entries). Where templates are fetched from is the caller's affair.

use std::collections::BTreeMap;

use seal_api::external_secrets::{
    DecodingStrategy, ExternalSecret, MergePolicy, NullBytePolicy, Template, TemplateAs,
};
use seal_core::Plaintext;
use seal_template::external_secrets::{entries, parse};
use seal_template::value::{Map, Text};
use seal_template::{Budget, Delimiters, Env, Functions, Limits, Value};

use super::decode::{Undecodable, decode};
use crate::catalogue;
use crate::fault::Fault;
use crate::shape::Material;

/// How templates are written and what they may call.
pub struct Templating {
    /// The functions.
    pub functions: Functions,
    /// What marks their actions.
    pub delimiters: Delimiters,
    /// Whether annotations that GitOps tools keep for themselves are copied to the Secret, as upstream does.
    pub copy_bookkeeping: bool,
}

/// A text of `templateFrom`, as it was found.
pub struct Fetched {
    /// Which item of `templateFrom` it belongs to.
    pub item: usize,
    /// Its key in the ConfigMap or Secret.
    pub key: String,
    /// What it renders to.
    pub how: TemplateAs,
    /// The text, which may come from a Secret.
    pub text: Plaintext,
}

/// Which part of the Secret a template is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Data,
    Annotations,
    Labels,
}

// Kept by the tools that apply objects, about the object that they applied: on a Secret they make those tools fight.
const BOOKKEEPING: [&str; 5] = [
    "argocd.argoproj.io/",
    "kubectl.kubernetes.io/",
    "meta.helm.sh/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
];

/// What the Secret of `object` should hold, given its values and the texts that its template names.
///
/// # Errors
/// A fault for each template that cannot be read or run.
pub fn shape(
    object: &ExternalSecret,
    values: BTreeMap<String, Plaintext>,
    fetched: &[Fetched],
    templating: &Templating,
    env: &mut Env<'_>,
) -> Result<Material, Vec<Fault>> {
    let immutable = object.spec.immutable().then_some(true);
    let Some(template) = object.spec.template() else {
        let metadata = &object.metadata;
        let mut annotations = metadata.annotations.clone().unwrap_or_default();
        if !templating.copy_bookkeeping {
            annotations.retain(|name, _| !BOOKKEEPING.iter().any(|prefix| name.starts_with(prefix)));
        }
        return Ok(Material {
            entries: values,
            kind: None,
            immutable,
            labels: metadata.labels.clone().unwrap_or_default(),
            annotations,
            finalizers: Vec::new(),
        });
    };
    let mut work = Work {
        dot: context(&values),
        templating,
        env,
        budget: Budget::default(),
        faults: Vec::new(),
        entries: BTreeMap::new(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    };
    work.from(template, fetched);
    for (key, source) in &template.data {
        if let Some(value) = work.rendered(key, source.as_bytes()) {
            work.entries.insert(key.clone(), value);
        }
    }
    let metadata = template.metadata.clone().unwrap_or_default();
    for (part, texts) in [
        (Part::Labels, metadata.labels),
        (Part::Annotations, metadata.annotations),
    ] {
        for (name, source) in texts {
            if let Some(value) = work.rendered(&name, source.as_bytes()) {
                work.put(part, name, value);
            }
        }
    }
    let Work {
        faults,
        mut entries,
        labels,
        annotations,
        ..
    } = work;
    if !faults.is_empty() {
        return Err(faults);
    }
    let makes_none = template.data.is_empty() && template.template_from.is_empty();
    if makes_none || template.merge_policy == Some(MergePolicy::Merge) {
        for (key, value) in values {
            entries.entry(key).or_insert(value);
        }
    }
    Ok(Material {
        entries,
        kind: template.kind.clone().filter(|kind| !kind.is_empty()),
        immutable,
        labels,
        annotations,
        finalizers: metadata.finalizers,
    })
}

// All values as texts, each under its name.
fn context(values: &BTreeMap<String, Plaintext>) -> Value {
    let text = |bytes: &[u8]| Text::new(bytes);
    let pairs = values
        .iter()
        .map(|(key, value)| (text(key.as_bytes()), text(value.expose())));
    Value::Map(Map::texts(pairs))
}

struct Work<'w, 'e> {
    dot: Value,
    templating: &'w Templating,
    env: &'w mut Env<'e>,
    budget: Budget,
    faults: Vec<Fault>,
    entries: BTreeMap<String, Plaintext>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Work<'_, '_> {
    fn from(&mut self, template: &Template, fetched: &[Fetched]) {
        for (index, from) in template.template_from.iter().enumerate() {
            let Some(part) = part(from.target.as_deref()) else {
                self.faults.push(
                    Fault::new(&catalogue::TEMPLATE_TARGET)
                        .field(format!("spec.target.template.templateFrom[{index}]")),
                );
                continue;
            };
            let decoding = from.values_decoding_strategy.unwrap_or_default();
            // A literal renders to a map, as upstream has it.
            let literal = from
                .literal
                .iter()
                .map(|text| ("literal", TemplateAs::KeysAndValues, text.as_bytes()));
            let found = fetched
                .iter()
                .filter(|found| found.item == index)
                .map(|found| (found.key.as_str(), found.how, found.text.expose()));
            for (key, how, source) in found.chain(literal) {
                let Some(value) = self.rendered(key, source) else {
                    continue;
                };
                let made = match how {
                    TemplateAs::Values => Ok(vec![(key.to_owned(), value)]),
                    TemplateAs::KeysAndValues => entries(value.expose())
                        .map(|all| {
                            all.into_iter()
                                .map(|(key, value)| (key, Plaintext::from(value)))
                                .collect()
                        })
                        .map_err(|error| Fault::new(&catalogue::TEMPLATE_NO_MAP).fact("error", error)),
                };
                match made {
                    Ok(made) => {
                        for (name, value) in made {
                            match decoded(value, decoding) {
                                Ok(value) => self.put(part, name, value),
                                Err(fault) => self.faults.push(fault.entry(&name)),
                            }
                        }
                    }
                    Err(fault) => self.faults.push(fault.entry(key)),
                }
            }
        }
    }

    fn put(&mut self, part: Part, name: String, value: Plaintext) {
        let text = |value: &Plaintext| String::from_utf8_lossy(value.expose()).into_owned();
        match part {
            Part::Data => {
                self.entries.insert(name, value);
            }
            Part::Labels => {
                self.labels.insert(name, text(&value));
            }
            Part::Annotations => {
                self.annotations.insert(name, text(&value));
            }
        }
    }

    fn rendered(&mut self, name: &str, source: &[u8]) -> Option<Plaintext> {
        match self.render(name, source) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.faults.push(fault.entry(name));
                None
            }
        }
    }

    fn render(&mut self, name: &str, source: &[u8]) -> Result<Plaintext, Fault> {
        let source = std::str::from_utf8(source).map_err(|_| Fault::new(&catalogue::TEMPLATE_NOT_TEXT))?;
        let Templating {
            functions,
            delimiters,
            ..
        } = self.templating;
        let template = parse(name, source, functions, delimiters).map_err(|error| {
            Fault::new(&catalogue::TEMPLATE_UNREADABLE)
                .at(error.line, 1)
                .fact("error", error)
        })?;
        template
            .render_within(&self.dot, self.env, &Limits::default(), &mut self.budget)
            .map(Plaintext::from)
            .map_err(|error| {
                let (line, column) = (error.place.line, error.place.column + 1);
                Fault::new(&catalogue::TEMPLATE_FAILED)
                    .at(line, column)
                    .fact("error", error)
            })
    }
}

fn decoded(value: Plaintext, strategy: DecodingStrategy) -> Result<Plaintext, Fault> {
    decode(value, strategy, NullBytePolicy::Ignore).map_err(|undecodable| match undecodable {
        Undecodable::NotBase64(strategy, offset) => Fault::new(&catalogue::TEMPLATE_UNDECODABLE)
            .fact("strategy", strategy)
            .fact("offset", offset),
        Undecodable::NullByte => Fault::new(&catalogue::DEFECT).fact("what", "a null byte was looked for"),
    })
}

fn part(target: Option<&str>) -> Option<Part> {
    let target = target.unwrap_or_default();
    let is = |name: &str| target.eq_ignore_ascii_case(name);
    if target.is_empty() || is("Data") {
        Some(Part::Data)
    } else if is("Annotations") {
        Some(Part::Annotations)
    } else if is("Labels") {
        Some(Part::Labels)
    } else {
        None
    }
}
