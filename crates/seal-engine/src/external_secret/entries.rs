//! From answers to values: the entries of `dataFrom` in their order, each rewritten, converted, judged and decoded;
//! then those of `data`, which win. Every entry that fails has its own fault.
//!
//! A fault names the field, the key and the property as the object has them. Names that stood inside a value are
//! as secret as the value, and are not told.

use std::collections::BTreeMap;

use seal_api::external_secrets::{
    ConversionStrategy, DataFrom, DataItem, DecodingStrategy, DeletionPolicy, ExternalSecretSpec, Find,
    GeneratorRef, NullBytePolicy, RemoteRef,
};
use seal_core::Plaintext;

use super::convert::{BadName, convert, judge};
use super::decode::{Undecodable, decode};
use super::needs::{Read, Search, StoreId, read, search, store_of_item, store_of_source};
use super::property::{self, Content, Dialect, Unselected};
use super::rewrite::{Tools, hoists, rewrite};
use crate::catalogue;
use crate::fault::Fault;
use crate::shape::Unveiled;

/// What was gathered.
pub trait Answers {
    /// How a store is asked.
    fn dialect(&self, store: &StoreId) -> Dialect;
    /// What came of a read.
    fn read(&self, read: &Read) -> Reply<Content<'_>>;
    /// What came of a search: names and values, sorted by name.
    fn search(&self, search: &Search) -> Reply<Vec<(&str, Content<'_>)>>;
    /// What the generator made for the entry of `dataFrom` of this number.
    fn generated(&self, index: usize, generator: &GeneratorRef) -> Reply<&BTreeMap<String, Plaintext>>;
}

/// What came of one need.
pub enum Reply<T> {
    /// There is something.
    Value(T),
    /// There is nothing, and the store is as it should be.
    Missing,
    /// There is nothing that could hold a value, in these words.
    MountMissing(String),
    /// The store could not be asked, or did not answer.
    Failed(Fault),
}

/// What an object opened to.
pub struct Opened {
    /// The values. None of them is there where all were missing.
    pub unveiled: Unveiled,
    /// The entries whose values the store does not have, where that is no fault.
    pub missing: Vec<MissingSource>,
}

/// An entry whose value the store does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingSource {
    /// Its field: `spec.data[0]`.
    pub field: String,
    /// Its key, where it has one.
    pub key: Option<String>,
}

type Values = BTreeMap<String, Plaintext>;

// Nothing, with or without fault.
enum Empty {
    Missing,
    Fault(Fault),
}

// Where a value is asked for, in the object's own words.
struct At<'a> {
    field: String,
    words: String,
    property: &'a str,
    /// Whether the names that are found are paths, which may be told.
    paths: bool,
}

impl At<'_> {
    fn fault(&self, fault: Fault) -> Empty {
        Empty::Fault(fault.field(&self.field).fact("at", &self.words))
    }

    fn unselected(&self, why: Unselected) -> Empty {
        match why {
            Unselected::Missing => Empty::Missing,
            Unselected::NoProperty => {
                let fault = Fault::new(&catalogue::PROPERTY_MISSING);
                self.fault(fault.fact("property", format!("{:?}", self.property)))
            }
            Unselected::NoObject => self.fault(Fault::new(&catalogue::NOT_AN_OBJECT)),
            Unselected::TooMuch => self.fault(Fault::new(&catalogue::PROPERTY_TOO_MUCH)),
        }
    }

    fn undecodable(&self, why: Undecodable) -> Empty {
        match why {
            Undecodable::NotBase64(strategy, offset) => {
                let fault = Fault::new(&catalogue::NOT_DECODABLE).fact("strategy", strategy);
                self.fault(fault.fact("offset", offset))
            }
            Undecodable::NullByte => self.fault(Fault::new(&catalogue::NULL_BYTE)),
        }
    }

    fn bad_name(&self, why: BadName, strategy: ConversionStrategy) -> Empty {
        let told = |name: String| match self.paths {
            true => format!(": {name}"),
            false => String::new(),
        };
        match why {
            BadName::Collision(name) => {
                let fault = Fault::new(&catalogue::NAME_COLLISION).fact("strategy", strategy);
                self.fault(fault.fact("name", told(name)))
            }
            BadName::Character(name) => {
                let what = "only alphanumeric, '-', '.' and '_' are allowed";
                let fault = Fault::new(&catalogue::INVALID_KEYS).fact("what", what);
                self.fault(fault.fact("name", told(name)))
            }
            BadName::Length(_, length) => {
                let what = format!("key has length {length} but max is 253");
                let fault = Fault::new(&catalogue::INVALID_KEYS).fact("what", what);
                self.fault(fault.fact("name", ""))
            }
        }
    }

    fn value<T>(&self, reply: Reply<T>) -> Result<T, Empty> {
        match reply {
            Reply::Value(value) => Ok(value),
            Reply::Missing => Err(Empty::Missing),
            Reply::MountMissing(what) => {
                Err(self.fault(Fault::new(&catalogue::MOUNT_MISSING).fact("what", what)))
            }
            Reply::Failed(fault) => Err(self.fault(fault)),
        }
    }
}

/// Opens all of `spec`.
///
/// # Errors
/// A fault for each entry that has no value; what is wrong with the object itself is told by [`super::faults`].
pub fn open(
    spec: &ExternalSecretSpec,
    answers: &impl Answers,
    tools: &mut Tools<'_, '_>,
) -> Result<Opened, Vec<Fault>> {
    let mut entries = Values::new();
    let mut missing = Vec::new();
    let mut faults = Vec::new();
    let may_be_missing = spec.deletion_policy() != DeletionPolicy::Retain;
    for (index, from) in spec.data_from.iter().enumerate() {
        let at = at_source(index, from);
        match of_source(spec, index, from, &at, answers, tools) {
            Ok(values) => entries.extend(values),
            Err(Empty::Missing) if may_be_missing => missing.push(MissingSource {
                field: at.field,
                key: from.extract.as_ref().map(|extract| extract.key.clone()),
            }),
            Err(empty) => faults.push(fault(&at, empty)),
        }
    }
    for (index, item) in spec.data.iter().enumerate() {
        let at = At {
            field: format!("spec.data[{index}]"),
            words: format!("spec.data[{index}] (key: {})", item.remote_ref.key),
            property: &item.remote_ref.property,
            paths: false,
        };
        match of_item(spec, item, &at, answers) {
            Ok(value) => {
                entries.insert(item.secret_key.clone(), value);
            }
            Err(Empty::Missing) if may_be_missing => missing.push(MissingSource {
                field: at.field,
                key: Some(item.remote_ref.key.clone()),
            }),
            Err(empty) => faults.push(fault(&at, empty).entry(&item.secret_key)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let unveiled = Unveiled {
        entries,
        keys: BTreeMap::new(),
        hidden: None,
    };
    Ok(Opened { unveiled, missing })
}

fn fault(at: &At<'_>, empty: Empty) -> Fault {
    match empty {
        Empty::Fault(fault) => fault,
        Empty::Missing => {
            let fault = Fault::new(&catalogue::SOURCE_MISSING);
            fault.field(&at.field).fact("at", &at.words)
        }
    }
}

fn at_source(index: usize, from: &DataFrom) -> At<'_> {
    let source = match (&from.find, &from.extract) {
        (Some(_), _) => "find",
        (None, Some(_)) => "extract",
        (None, None) => "sourceRef.generatorRef",
    };
    let extract = from.extract.as_ref();
    At {
        field: format!("spec.dataFrom[{index}]"),
        words: format!("spec.dataFrom[{index}].{source}"),
        property: extract.map_or("", |extract| extract.property.as_str()),
        paths: from.find.is_some() && !hoists(&from.rewrite),
    }
}

fn of_source(
    spec: &ExternalSecretSpec,
    index: usize,
    from: &DataFrom,
    at: &At<'_>,
    answers: &impl Answers,
    tools: &mut Tools<'_, '_>,
) -> Result<Values, Empty> {
    if let Some(find) = &from.find {
        let values = found(spec, from, find, at, answers)?;
        let treatment = Treatment {
            conversion: Some(find.conversion_strategy.unwrap_or_default()),
            decoding: find.decoding_strategy.unwrap_or_default(),
            null_bytes: find.null_byte_policy.unwrap_or_default(),
        };
        return treated(values, from, &treatment, at, tools);
    }
    if let Some(extract) = &from.extract {
        let store = store_of_source(spec, from).ok_or_else(|| no_store(at))?;
        let dialect = answers.dialect(&store);
        let content = at.value(answers.read(&read(store, extract, &|_| dialect)))?;
        let values = property::members(dialect, content, &extract.property);
        let values = values.map_err(|why| at.unselected(why))?;
        return treated(values, from, &Treatment::of(extract), at, tools);
    }
    let generator = from
        .source_ref
        .as_ref()
        .and_then(|source| source.generator_ref.as_ref());
    let generator = generator.ok_or_else(|| at.fault(Fault::new(&catalogue::NOT_ONE_SOURCE)))?;
    let made = at.value(answers.generated(index, generator))?;
    let values = made.iter().map(|(name, value)| (name.clone(), value.duplicate()));
    let as_they_are = Treatment {
        conversion: None,
        decoding: DecodingStrategy::None,
        null_bytes: NullBytePolicy::Ignore,
    };
    treated(values.collect(), from, &as_they_are, at, tools)
}

fn no_store(at: &At<'_>) -> Empty {
    at.fault(Fault::new(&catalogue::NO_STORE))
}

fn found(
    spec: &ExternalSecretSpec,
    from: &DataFrom,
    find: &Find,
    at: &At<'_>,
    answers: &impl Answers,
) -> Result<Values, Empty> {
    let store = store_of_source(spec, from).ok_or_else(|| no_store(at))?;
    let dialect = answers.dialect(&store);
    let hits = at.value(answers.search(&search(store, find)))?;
    let mut values = Values::new();
    for (name, content) in hits {
        let value = property::one(dialect, content, "").map_err(|why| at.unselected(why))?;
        values.insert(name.to_owned(), value);
    }
    // This provider converts before anybody rewrites.
    let strategy = find.conversion_strategy.unwrap_or_default();
    match dialect {
        Dialect::Fake => convert(values, strategy).map_err(|why| at.bad_name(why, strategy)),
        _ => Ok(values),
    }
}

// What is done to values, whatever their source.
struct Treatment {
    /// `None` where names are never converted.
    conversion: Option<ConversionStrategy>,
    decoding: DecodingStrategy,
    null_bytes: NullBytePolicy,
}

impl Treatment {
    fn of(reference: &RemoteRef) -> Self {
        Self {
            conversion: Some(reference.conversion_strategy.unwrap_or_default()),
            decoding: reference.decoding_strategy.unwrap_or_default(),
            null_bytes: reference.null_byte_policy.unwrap_or_default(),
        }
    }
}

fn treated(
    values: Values,
    from: &DataFrom,
    how: &Treatment,
    at: &At<'_>,
    tools: &mut Tools<'_, '_>,
) -> Result<Values, Empty> {
    let mut values = rewrite(&from.rewrite, values, tools).map_err(|failed| {
        let fault = Fault::new(&catalogue::REWRITE_FAILED).fact("operation", failed.operation);
        at.fault(fault.fact("what", failed.what))
    })?;
    let strategy = how.conversion.unwrap_or_default();
    if how.conversion.is_some() && from.rewrite.is_empty() {
        values = convert(values, strategy).map_err(|why| at.bad_name(why, strategy))?;
    }
    let values = judge(values).map_err(|why| at.bad_name(why, strategy))?;
    let decoded = values.into_iter().map(|(name, value)| {
        let value = decode(value, how.decoding, how.null_bytes);
        Ok((name, value.map_err(|why| at.undecodable(why))?))
    });
    decoded.collect()
}

fn of_item(
    spec: &ExternalSecretSpec,
    item: &DataItem,
    at: &At<'_>,
    answers: &impl Answers,
) -> Result<Plaintext, Empty> {
    let reference = &item.remote_ref;
    let store = store_of_item(spec, item).ok_or_else(|| no_store(at))?;
    let dialect = answers.dialect(&store);
    let content = at.value(answers.read(&read(store, reference, &|_| dialect)))?;
    let value = property::one(dialect, content, &reference.property).map_err(|why| at.unselected(why))?;
    let how = Treatment::of(reference);
    decode(value, how.decoding, how.null_bytes).map_err(|why| at.undecodable(why))
}

#[cfg(test)]
mod tests;
