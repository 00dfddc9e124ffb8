//! The Go structs through which upstream reads and writes manifests, as tables.
//!
//! [`GoStruct::read`] does to a document what `json.Unmarshal` and `json.Marshal` do to it one after
//! the other: unknown fields go, scalars become strings where the struct has strings, zero values are
//! left out, fields come in the struct's order, maps are sorted. What a document means is not known here.

use seal_document::{Mapping, Value, WipedText};
use zeroize::Zeroizing;

mod structs;

pub(super) use structs::{SEALED_SECRET, SECRET};

/// A Go struct.
pub(super) struct GoStruct {
    /// Its name in `json`'s error texts, without and with the package.
    name: &'static str,
    qualified: &'static str,
    fields: &'static [Field],
}

struct Field {
    name: &'static str,
    shape: Shape,
    /// Written even where it is empty: no `omitempty`.
    always: bool,
}

#[derive(Clone, Copy)]
enum Shape {
    Text,
    /// A pointer to a bool.
    Switch,
    /// `bool`.
    Truth,
    Integer,
    Time,
    /// Any JSON.
    Raw,
    Bytes,
    Texts,
    TextMap,
    /// `map[string]*string`.
    OptionalTextMap,
    ByteMap,
    /// `map[string]string` that swallows its own errors.
    SealedMap,
    Struct(&'static GoStruct),
    Pointer(&'static GoStruct),
    List(&'static GoStruct),
}

use Shape::{
    ByteMap, Bytes, Integer, List, OptionalTextMap, Pointer, Raw, SealedMap, Struct, Switch, Text, TextMap,
    Texts, Time, Truth,
};

/// A document after it went through a struct.
pub(super) struct Reading {
    /// What is in the struct, as Go would write it.
    pub(super) value: Value,
    /// Whether anything is in it at all.
    pub(super) filled: bool,
    /// The first complaint of Go's decoder.
    pub(super) fault: Option<String>,
}

impl GoStruct {
    /// Passes `document` through this struct.
    pub(super) fn read(&'static self, document: &Value) -> Reading {
        let mut decoder = Decoder {
            filled: false,
            aborted: false,
            fault: None,
        };
        let place = Place {
            owner: self.name,
            path: String::new(),
        };
        let value = match document {
            Value::Null => decoder.fields(self, &Mapping::new(), &place),
            Value::Mapping(mapping) => decoder.fields(self, mapping, &place),
            other => {
                let kind = go_kind(other);
                decoder.complain(|| {
                    format!(
                        "json: cannot unmarshal {kind} into Go value of type {}",
                        self.qualified
                    )
                });
                decoder.fields(self, &Mapping::new(), &place)
            }
        };
        Reading {
            value,
            filled: decoder.filled,
            fault: decoder.fault,
        }
    }
}

struct Place {
    owner: &'static str,
    path: String,
}

struct Decoder {
    filled: bool,
    /// A time that is none ends Go's decoding at once; after other complaints it goes on.
    aborted: bool,
    fault: Option<String>,
}

impl Decoder {
    fn complain(&mut self, fault: impl FnOnce() -> String) {
        self.fault.get_or_insert_with(fault);
    }

    fn mismatch(&mut self, value: &Value, place: &Place, wanted: &str) {
        let found = match value {
            Value::Float(number) if wanted == "int64" => format!("number {number}"),
            other => go_kind(other).to_owned(),
        };
        self.complain(|| {
            format!(
                "json: cannot unmarshal {found} into Go struct field {}.{} of type {wanted}",
                place.owner, place.path
            )
        });
    }

    fn fields(&mut self, target: &'static GoStruct, mapping: &Mapping, place: &Place) -> Value {
        // Go meets the keys sorted, which decides on the first complaint.
        let mut order: Vec<usize> = (0..target.fields.len()).collect();
        order.sort_by_key(|index| target.fields[*index].name);
        let mut values: Vec<Option<Value>> = target.fields.iter().map(|_| None).collect();
        for index in order {
            let field = &target.fields[index];
            let value = match lookup(mapping, field.name) {
                Some(value) => value,
                // A null reaches this map's own decoder, which makes an empty map; an absent key does not.
                None if matches!(field.shape, SealedMap) => {
                    values[index] = Some(zero(field.shape));
                    continue;
                }
                None => &Value::Null,
            };
            let embedded = if matches!(field.name, "kind" | "apiVersion") && place.path.is_empty() {
                "TypeMeta."
            } else {
                ""
            };
            let path = match place.path.as_str() {
                "" => format!("{embedded}{}", field.name),
                parent => format!("{parent}.{}", field.name),
            };
            let found = self.shape(
                field.shape,
                value,
                &Place {
                    owner: target.name,
                    path,
                },
            );
            values[index] = found.or_else(|| field.always.then(|| zero(field.shape)));
        }
        let names = target.fields.iter().map(|field| field.name);
        Value::Mapping(
            names
                .zip(values)
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
        )
    }

    /// The value as Go would write it; nothing for a zero value.
    fn shape(&mut self, shape: Shape, value: &Value, place: &Place) -> Option<Value> {
        if self.aborted || value.is_null() && !matches!(shape, Struct(_) | SealedMap) {
            return None;
        }
        match shape {
            Text => {
                let text = self.text(value, place, "string")?;
                self.filled |= !text.is_empty();
                (!text.is_empty()).then(|| Value::String(text))
            }
            Switch | Truth => match value {
                Value::Bool(truth) => {
                    self.filled = true;
                    Some(Value::Bool(*truth))
                }
                other => {
                    self.mismatch(other, place, "bool");
                    None
                }
            },
            Integer => match value {
                Value::Integer(number) => {
                    self.filled |= *number != 0;
                    (*number != 0).then_some(Value::Integer(*number))
                }
                other => {
                    self.mismatch(other, place, "int64");
                    None
                }
            },
            Time => self.time(value, place),
            Raw => {
                self.filled = true;
                Some(sorted(value))
            }
            Bytes => {
                let text = self.bytes(value, place, "[]uint8")?;
                self.filled = true;
                (!text.is_empty()).then_some(Value::String(text))
            }
            Texts => {
                let Some(items) = value.as_sequence() else {
                    self.mismatch(value, place, "[]string");
                    return None;
                };
                self.filled = true;
                let texts = items
                    .iter()
                    .map(|item| Value::String(self.text(item, place, "string").unwrap_or_default()));
                let texts: Vec<Value> = texts.collect();
                (!texts.is_empty()).then_some(Value::Sequence(texts))
            }
            TextMap => self.map(value, place, "map[string]string", |decoder, value| {
                Value::String(decoder.text(value, place, "string").unwrap_or_default())
            }),
            OptionalTextMap => self.map(value, place, "map[string]*string", |decoder, value| match value {
                Value::Null => Value::Null,
                other => Value::String(decoder.text(other, place, "string").unwrap_or_default()),
            }),
            ByteMap => self.map(value, place, "map[string][]uint8", |decoder, value| match value {
                Value::Null => Value::from(""),
                other => Value::String(decoder.bytes(other, place, "[]uint8").unwrap_or_default()),
            }),
            SealedMap => {
                self.filled = true;
                let texts = value.as_mapping().into_iter().flat_map(Mapping::iter);
                let texts = texts
                    .map(|(key, value)| (key.to_owned(), Value::from(value.as_str().unwrap_or_default())));
                Some(Value::Mapping(in_order(texts.collect())))
            }
            Struct(target) => match value {
                Value::Null => Some(self.fields(target, &Mapping::new(), place)),
                Value::Mapping(mapping) => Some(self.fields(target, mapping, place)),
                other => {
                    self.mismatch(other, place, target.qualified);
                    Some(self.fields(target, &Mapping::new(), place))
                }
            },
            Pointer(target) => match value {
                Value::Mapping(mapping) => {
                    self.filled = true;
                    Some(self.fields(target, mapping, place))
                }
                other => {
                    self.mismatch(other, place, target.qualified);
                    None
                }
            },
            List(target) => {
                let Some(items) = value.as_sequence() else {
                    self.mismatch(value, place, &format!("[]{}", target.qualified));
                    return None;
                };
                self.filled = true;
                let items: Vec<Value> = items
                    .iter()
                    .filter_map(|item| self.shape(Struct(target), item, place))
                    .collect();
                (!items.is_empty()).then_some(Value::Sequence(items))
            }
        }
    }

    fn map(
        &mut self,
        value: &Value,
        place: &Place,
        wanted: &str,
        read: impl Fn(&mut Self, &Value) -> Value,
    ) -> Option<Value> {
        let Some(mapping) = value.as_mapping() else {
            self.mismatch(value, place, wanted);
            return None;
        };
        self.filled = true;
        let mut entries: Vec<(&str, &Value)> = mapping.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        let entries: Mapping = entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), read(self, value)))
            .collect();
        (!entries.is_empty()).then_some(Value::Mapping(entries))
    }

    fn text(&mut self, value: &Value, place: &Place, wanted: &str) -> Option<WipedText> {
        let text = value.stringify();
        if text.is_none() {
            self.mismatch(value, place, wanted);
        }
        text
    }

    fn bytes(&mut self, value: &Value, place: &Place, wanted: &str) -> Option<WipedText> {
        match value {
            Value::String(text) => match seal_core::decode_base64(text) {
                Ok(bytes) => {
                    drop(Zeroizing::new(bytes));
                    Some(text.clone())
                }
                Err(error) => {
                    self.complain(|| error.to_string());
                    None
                }
            },
            Value::Sequence(items) => {
                let item = items.first().unwrap_or(&Value::Null);
                self.mismatch(item, place, "uint8");
                None
            }
            other => {
                self.mismatch(other, place, wanted);
                None
            }
        }
    }

    // metav1.Time: RFC 3339 in, UTC with whole seconds out.
    fn time(&mut self, value: &Value, place: &Place) -> Option<Value> {
        let Some(text) = value.as_str() else {
            self.mismatch(value, place, "string");
            return None;
        };
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => {
                self.filled = true;
                Some(Value::from(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
            }
            Err(_) => {
                let path = &place.path;
                self.aborted = true;
                self.complain(|| format!("{path} is no time as \"2006-01-02T15:04:05Z07:00\""));
                None
            }
        }
    }
}

// encoding/json takes a key in another case where there is none in the right one.
fn lookup<'v>(mapping: &'v Mapping, name: &str) -> Option<&'v Value> {
    let other_case = || {
        mapping
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    mapping.get(name).or_else(other_case)
}

fn zero(shape: Shape) -> Value {
    match shape {
        Text => Value::from(""),
        Time => Value::Null,
        _ => Value::Mapping(Mapping::new()),
    }
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Sequence(_) => "array",
        Value::Mapping(_) => "object",
    }
}

fn in_order(mut entries: Vec<(String, Value)>) -> Mapping {
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    entries.into_iter().collect()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Mapping(mapping) => Value::Mapping(in_order(
            mapping
                .iter()
                .map(|(key, value)| (key.to_owned(), sorted(value)))
                .collect(),
        )),
        Value::Sequence(items) => Value::Sequence(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
