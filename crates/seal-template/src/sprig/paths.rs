//! Slash-separated paths as text: base, dir, clean, ext. Also serves the `os` names, since the controller runs on Linux.
//! Touches no file.

use crate::function::{Arguments, Call};
use crate::sprig::Outcome;
use crate::value::Value;

pub(super) fn base(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let path = arguments.text(0)?;
    if path.is_empty() {
        return Ok(".".into());
    }
    let end = path
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |last| last + 1);
    let start = path[..end]
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    Ok(if end == 0 {
        "/".into()
    } else {
        Value::text(&path[start..end])
    })
}

pub(super) fn dir(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let path = arguments.text(0)?;
    let end = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    Ok(Value::text(cleaned(&path[..end])))
}

pub(super) fn clean(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::text(cleaned(arguments.text(0)?)))
}

pub(super) fn ext(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let path = arguments.text(0)?;
    let name = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let dot = path[name..].iter().rposition(|byte| *byte == b'.');
    Ok(Value::text(dot.map_or(&[][..], |dot| &path[name + dot..])))
}

pub(super) fn is_absolute(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(arguments.text(0)?.starts_with(b"/").into())
}

/// The shortest path that means the same, by text alone.
fn cleaned(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            part => parts.push(part),
        }
    }
    let mut cleaned = if rooted { b"/".to_vec() } else { Vec::new() };
    cleaned.extend(parts.join(&b'/'));
    if cleaned.is_empty() {
        b".".to_vec()
    } else {
        cleaned
    }
}
