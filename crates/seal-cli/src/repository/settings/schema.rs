//! The JSON schema of `.seal.yaml`, for editors and CI. What only the file system can tell, such as a certificate
//! that is a link, and globs that cannot be compiled are the reader's alone.

use seal_core::Scope;
use serde_json::{Value, json};

use super::{ALLOW, CHECK, ENVIRONMENT, TOP};

/// The schema.
pub(crate) fn schema() -> Value {
    let environment = object(
        ENVIRONMENT,
        [
            scopes("The scopes that SealedSecrets of these files may have."),
            json!({
                "description": "The certificate to seal with: a file beneath this folder, or an https URL.",
                "type": "string",
                "minLength": 1,
                "anyOf": [
                    { "pattern": "^https://" },
                    { "not": { "anyOf": [
                        { "pattern": "://" },
                        { "pattern": "^/" },
                        { "pattern": "^\\.(/|$)" },
                        { "pattern": "(^|/)\\.\\.(/|$)" },
                    ] } },
                ],
            }),
            json!({
                "description": "The only keys that are sealed to, and those that can prove to follow them; as `seal cert show` prints them.",
                "type": "array",
                // 32 bytes in base64: two bits of the last letter are none of theirs.
                "items": { "type": "string", "pattern": "^SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$" },
            }),
            paths(),
        ],
        &["paths"],
    );
    let text = |description: &str| json!({ "description": description, "type": "string", "pattern": "\\S" });
    let allow = object(
        ALLOW,
        [
            paths(),
            text("Why it is meant to be so."),
            text("The rule of `seal check`, by its code."),
        ],
        &ALLOW,
    );
    let check = object(
        CHECK,
        [json!({
            "description": "What `seal check` may find in some files.",
            "type": ["array", "null"],
            "items": allow,
        })],
        &[],
    );
    let mut top = object(
        TOP,
        [
            scopes(
                "The scopes that SealedSecrets may have where their environment says nothing; strict alone if this does not either.",
            ),
            check,
            json!({
                "description": "Files that go to one cluster, by the environment's name. The first whose paths take a file counts.",
                "type": ["object", "null"],
                "additionalProperties": environment,
            }),
        ],
        &[],
    );
    top["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    top["title"] = json!("What holds for which files of a checkout (.seal.yaml)");
    top
}

fn object<const N: usize>(names: [&str; N], schemas: [Value; N], required: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        names.iter().map(ToString::to_string).zip(schemas).collect();
    let mut object = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn scopes(description: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "minItems": 1,
        "items": { "enum": Scope::ALL.map(Scope::as_str) },
    })
}

fn paths() -> Value {
    json!({
        "description": "Globs from this folder, as in .gitignore, without exclusions.",
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "string",
            "allOf": [{ "pattern": "\\S" }, { "pattern": "^[^!#]" }],
            "not": { "pattern": "\\.\\." },
        },
    })
}
