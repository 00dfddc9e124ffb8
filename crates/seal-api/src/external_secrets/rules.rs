//! What the API server refuses by CEL: exactly what upstream's admission webhook refuses, in its words. A
//! rule must be cheap: the API server refuses a definition whose rules could take long on long lists.

use schemars::Schema;
use serde_json::{Value, json};

/// An ExternalSecret without any source of values.
pub(super) fn asks_for_something(schema: &mut Schema) {
    add(
        schema,
        "(has(self.data) && size(self.data) > 0) || (has(self.dataFrom) && size(self.dataFrom) > 0)",
        "either data or dataFrom should be specified",
    );
}

/// Deletions of what is not ours, and from what there is not.
pub(super) fn policies_agree(schema: &mut Schema) {
    add(
        schema,
        "!has(self.deletionPolicy) || !has(self.creationPolicy) || self.deletionPolicy != 'Delete' || \
         !(self.creationPolicy in ['Merge', 'None', 'CreateOrMerge'])",
        "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set \
         creationPolicy=Owner",
    );
    add(
        schema,
        "!has(self.deletionPolicy) || !has(self.creationPolicy) || self.deletionPolicy != 'Merge' || \
         self.creationPolicy != 'None'",
        "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with",
    );
}

/// No source, or more than one.
pub(super) fn one_source(schema: &mut Schema) {
    add(
        schema,
        "has(self.extract) || has(self.find) || has(self.sourceRef)",
        "either extract, find, or sourceRef must be set to dataFrom",
    );
    add(
        schema,
        "!(has(self.extract) && has(self.find)) && !(has(self.sourceRef) && has(self.sourceRef.generatorRef) \
         && (has(self.extract) || has(self.find)))",
        "extract, find, or generatorRef cannot be set at the same time",
    );
}

fn add(schema: &mut Schema, rule: &str, message: &str) {
    let rules = schema
        .ensure_object()
        .entry("x-kubernetes-validations")
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(rules) = rules {
        rules.push(json!({ "rule": rule, "message": message }));
    }
}
