//! The provider `fake`: values that stand in the store itself, in the clear, for tests.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::external_secrets::schema::null_is_nothing;
use crate::sealed_secret::never_null;

/// Values that stand in the store itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct FakeProvider {
    /// The values.
    pub data: Vec<FakeEntry>,
    /// What a look at the store finds: 0 or absent is ready, 1 an error, 2 unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number")]
    pub validation_result: Option<i64>,
}

/// One value.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct FakeEntry {
    /// Its name.
    pub key: String,
    /// The value.
    pub value: String,
    /// Its version.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "String::is_empty"
    )]
    pub version: String,
}

impl fmt::Debug for FakeEntry {
    /// The name only.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FakeEntry")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

fn number(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "integer" })
}
