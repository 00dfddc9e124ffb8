//! The values that an ExternalSecret asks for, a line each: path, property, and what the controller says of it.

use seal_api::external_secrets::{DataFrom, ExternalSecret, RemoteRef};
use seal_engine::Fault;

use super::judge::{Told, recognised};
use crate::report::Check;

/// Whether a field is an entry of `data` or `dataFrom`, or a part of one.
pub(super) fn is_entry(field: &str) -> bool {
    field.starts_with("spec.data[") || field.starts_with("spec.dataFrom[")
}

/// What is to be said of each; `faults` are those of the entries as they are written.
pub(super) fn checks(object: &ExternalSecret, faults: &[Fault], told: &Told) -> Vec<Check> {
    let data = object.spec.data.iter().enumerate().map(|(index, item)| {
        let about = format!("data[{index}] {}", item.secret_key);
        (about, format!("spec.data[{index}]"), wanted(&item.remote_ref))
    });
    let data_from = object.spec.data_from.iter().enumerate().map(|(index, from)| {
        (
            format!("dataFrom[{index}]"),
            format!("spec.dataFrom[{index}]"),
            source(from),
        )
    });
    data_from
        .chain(data)
        .map(|(about, field, wanted)| {
            let written = faults
                .iter()
                .find(|fault| fault.place.field.as_deref() == Some(&field));
            if let Some(fault) = written {
                return Check::fault(about, fault);
            }
            match told.causes.iter().find(|line| is_about(line, &field)) {
                Some(line) => {
                    let words = line
                        .split_once(", err: ")
                        .map_or(line.as_str(), |(_, words)| words);
                    recognised(Check::failed(about, format!("{wanted}: {words}")), line)
                }
                None if told.is_fetched() => Check::ok(about, format!("{wanted}: fetched")),
                None => Check::note(about, wanted),
            }
        })
        .collect()
}

// `spec.data[1]` is no beginning of `spec.data[10]`, since the bracket is closed.
fn is_about(line: &str, field: &str) -> bool {
    line.strip_prefix("error processing ")
        .is_some_and(|rest| rest.starts_with(field))
}

fn wanted(reference: &RemoteRef) -> String {
    let property = match reference.property.as_str() {
        "" => String::new(),
        property => format!(", property {property}"),
    };
    let version = match reference.version.as_str() {
        "" => String::new(),
        version => format!(", version {version}"),
    };
    format!("{}{property}{version}", reference.key)
}

fn source(from: &DataFrom) -> String {
    if let Some(extract) = &from.extract {
        return format!("all of {}", wanted(extract));
    }
    if let Some(find) = &from.find {
        let place = find.path.as_deref().filter(|path| !path.is_empty());
        return match (place, &find.name) {
            (Some(path), Some(_)) => format!("what is below {path} and matches by name"),
            (None, Some(_)) => "what matches by name".to_owned(),
            (Some(path), None) => format!("what is below {path} and matches by tags"),
            (None, None) => "what matches by tags".to_owned(),
        };
    }
    let generator = from
        .source_ref
        .as_ref()
        .and_then(|source| source.generator_ref.as_ref());
    generator.map_or_else(
        || "nothing".to_owned(),
        |generator| format!("made by the {} {}", generator.kind, generator.name),
    )
}
