//! The fault catalogue: one table from which conditions, events, the command line and
//! `seal explain --list` print.
//!
//! Sentences begin with upstream's words where upstream has any, since scripts search for them. What
//! raises a fault stands elsewhere.

use crate::fault::{FaultClass, FaultKind};

macro_rules! catalogue {
    ($($(#[doc = $doc:literal])+ $name:ident: $class:ident $(, $target:ident)?, $code:literal, $reason:literal, $sentence:literal, $remedy:literal;)+) => {
        $(
            $(#[doc = $doc])+
            pub static $name: FaultKind = FaultKind {
                code: $code,
                class: FaultClass::$class,
                reason: $reason,
                about_target: catalogue!(@target $($target)?),
                sentence: $sentence,
                remedy: $remedy,
            };
        )+

        /// Every fault that there is.
        pub static CATALOGUE: &[&FaultKind] = &[$(&$name),+];

        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),+];
    };
    (@target target) => { true };
    (@target) => { false };
}

catalogue! {
    /// The object does not have the shape of its kind: it was stored before the CRD had a schema.
    UNREADABLE: User, "unreadable", "Unreadable",
        "the object cannot be read as a SealedSecret",
        "compare it with `kubectl explain sealedsecret.spec`, or seal the Secret again";
    /// The object's name or namespace cannot be part of an encryption label.
    INVALID_NAME: User, "invalid-name", "InvalidName",
        "the object's {what} is not a valid Kubernetes name",
        "give the SealedSecret a name that Kubernetes accepts";
    /// The legacy field and the current one are both filled.
    LEGACY_AND_ITEMS: User, "legacy-and-items", "LegacyAndItems",
        "cannot use the field 'encryptedData' and the deprecated field 'data' at the same time",
        "seal the Secret again; the output uses encryptedData only";
    /// The legacy field is filled and switched off.
    LEGACY_DISABLED: User, "legacy-disabled", "LegacyDisabled",
        "using deprecated 'data' field, use 'encryptedData' or flip the feature flag",
        "seal the Secret again, or start the controller with --accept-deprecated-v1-data";
    /// The legacy blob opened and holds no Secret.
    LEGACY_MALFORMED: Ciphertext, "legacy-malformed", "LegacyMalformed",
        "the sealed value in 'data' opened, but does not hold a Secret",
        "seal the Secret again";
    /// An entry is no string.
    NOT_TEXT: User, "not-text", "Malformed",
        "no key could decrypt secret{entries}: the entry is not a string",
        "put the sealed text in quotes, or seal the value again";
    /// Not base64.
    NOT_BASE64: Ciphertext, "not-base64", "Malformed",
        "illegal base64 data at input byte {offset}{entries}",
        "copy the sealed text again, whole and on one line, or seal the value again";
    /// The layout is not that of a sealed value.
    MALFORMED: Ciphertext, "malformed", "Malformed",
        "no key could decrypt secret{entries}: this is not a sealed value",
        "seal the value with seal or kubeseal; encryptedData takes no plain or base64 text";
    /// The end is missing.
    TRUNCATED: Ciphertext, "truncated", "Truncated",
        "no key could decrypt secret{entries}: truncated, {found} bytes of at least {needed}",
        "copy the sealed text again, whole, or seal the value again";
    /// Sealed with a key of a size that no key here has.
    NO_KEY_OF_THIS_SIZE: Key, "no-key-of-this-size", "NoKeyOfThisSize",
        "no key could decrypt secret{entries}: sealed with a key of {bits} bits, and no key here has that size",
        "seal with this controller's certificate, or restore the key that sealed it";
    /// Sealed under another scope, which is known.
    ANOTHER_SCOPE: User, "another-scope", "SealedForAnotherScope",
        "no key could decrypt secret{entries}: sealed {scope}, and the object says {stated}",
        "{advice}";
    /// Another key, or another name: nobody can tell.
    ANOTHER_KEY_OR_NAME: Key, "another-key-or-name", "SealedForAnother",
        "no key could decrypt secret{entries}: sealed with a key that is not here, or for another name or namespace; the two cannot be told apart",
        "seal the value again for this name, namespace and cluster, or restore the key that sealed it";
    /// Not asked of every key, since the object is refused anyway.
    NOT_TRIED: Key, "not-tried", "NotTried",
        "no key could decrypt secret{entries}: not every key was tried, since another value opens with none of them",
        "mend the other values first; these may be good";
    /// The session key opened and the payload did not.
    TAMPERED: Ciphertext, "tampered", "Tampered",
        "no key could decrypt secret{entries}: the sealed text was altered after it was sealed to key {key}",
        "take the sealed text from version control again, or seal the value again";
    /// An entry's name that a Secret cannot have.
    INVALID_ENTRY: User, "invalid-entry", "InvalidEntryName",
        "a Secret cannot have an entry of this name{entries}",
        "use letters, digits, '-', '_' and '.', at most 253 characters";
    /// A template that cannot be read.
    TEMPLATE_UNREADABLE: User, "template-unreadable", "TemplateInvalid",
        "{error}{entries}",
        "mend the template of this entry in spec.template.data";
    /// A template that failed while it ran.
    TEMPLATE_FAILED: User, "template-failed", "TemplateFailed",
        "{error}{entries}",
        "mend the template of this entry, or the value that it works on";
    /// A label, annotation or name that is ours alone.
    RESERVED: User, target, "reserved", "Reserved",
        "the template sets {what}, which is reserved for sealing keys",
        "remove it from spec.template, or choose another name";
    /// A type of Secret that hands out credentials of the cluster.
    DANGEROUS_TYPE: User, target, "dangerous-type", "DangerousType",
        "a Secret of type {type} is never made from a SealedSecret: the cluster would fill it with a credential or trust it as one",
        "use TokenRequest for service account tokens and kubeadm for bootstrap tokens";
    /// More than a Secret may hold.
    TOO_LARGE: User, target, "too-large", "TooLarge",
        "the Secret would hold {size} bytes; Kubernetes allows {most}",
        "split it into several Secrets";
    /// Somebody else's Secret stands there.
    NOT_OURS: User, target, "not-ours", "TargetNotOurs",
        "Resource \"{name}\" already exists and is not managed by SealedSecret",
        "delete or rename that Secret, or annotate it with sealedsecrets.bitnami.com/managed: \"true\" to hand it over";
    /// The standing Secret is immutable and would have to change.
    IMMUTABLE: User, target, "immutable", "TargetImmutable",
        "the target Secret is immutable. Once a Secret is marked as immutable, it is not possible to revert this change nor to mutate the contents of the data field. You can only delete and recreate the Secret.",
        "delete the Secret; it is made again at once";
    /// A Secret's type cannot change.
    TYPE_FIXED: User, target, "type-fixed", "TargetTypeFixed",
        "the standing Secret has type {standing} and should have type {desired}; a Secret's type cannot be changed",
        "delete the Secret; it is made again at once with the new type";
    /// The API server does not let us.
    FORBIDDEN: Cluster, target, "forbidden", "Forbidden",
        "the API server forbids it: {verb} {resource}",
        "give the controller's service account that permission; the chart's role has it";
    /// The API server refuses the object.
    REFUSED: User, target, "refused", "Refused",
        "the API server refuses the Secret: {reason}{fields}",
        "mend what the API server names";
    /// Somebody else wrote at the same time.
    CONFLICT: Cluster, target, "conflict", "Conflict",
        "the Secret changed while it was being written",
        "nothing: it is tried again at once";
    /// The namespace is being deleted.
    TERMINATING: Cluster, target, "terminating", "NamespaceTerminating",
        "the namespace is being deleted",
        "nothing: the SealedSecret goes with it";
    /// The API server does not answer or answers nonsense.
    UNAVAILABLE: Cluster, target, "unavailable", "Unavailable",
        "the API server did not answer as expected: {reason}",
        "nothing, if it passes: it is tried again; else look at the API server";
    /// A defect of Seal.
    DEFECT: Bug, "defect", "Defect",
        "a defect in Seal: {what}",
        "please report it";
}

/// The faults that `word` names: one by its code, or all with that reason; in whatever case.
pub fn named(word: &str) -> Vec<&'static FaultKind> {
    let kinds = CATALOGUE.iter().copied();
    let by_code: Vec<_> = kinds
        .clone()
        .filter(|kind| kind.code.eq_ignore_ascii_case(word))
        .collect();
    if by_code.is_empty() {
        kinds
            .filter(|kind| kind.reason.eq_ignore_ascii_case(word))
            .collect()
    } else {
        by_code
    }
}

/// The fault whose sentence the first line of `message` says, for words that come without a code. Where
/// several begin alike, the one of which the most is said.
pub fn recognised(message: &str) -> Option<&'static FaultKind> {
    let line = message.lines().next()?;
    if line.starts_with("template: ") {
        let ran = line.contains(": executing ");
        return Some(if ran {
            &TEMPLATE_FAILED
        } else {
            &TEMPLATE_UNREADABLE
        });
    }
    // Upstream knows one sentence for all that does not open, and ends it with the entries.
    let rest = line.strip_prefix("no key could decrypt secret");
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" (") && rest.ends_with(')')) {
        return Some(&ANOTHER_KEY_OR_NAME);
    }
    let kinds = || CATALOGUE.iter().copied();
    let whole = kinds().filter_map(|kind| Some((said(line, kind)?, kind)));
    if let Some((_, kind)) = whole.max_by_key(|(length, _)| *length) {
        return Some(kind);
    }
    let begins = |kind: &&FaultKind| {
        let beginning = kind.sentence.split('{').next().unwrap_or_default();
        beginning.len() > SHORTEST && line.starts_with(beginning)
    };
    let mut beginning = kinds().filter(begins);
    beginning.next().filter(|_| beginning.next().is_none())
}

// Fewer words than these begin many a sentence.
const SHORTEST: usize = 8;

// How many bytes of the sentence's own `line` says, if it says all of them in their order.
fn said(line: &str, kind: &FaultKind) -> Option<usize> {
    let mut own = kind.sentence.split('{').enumerate().map(|(at, piece)| match at {
        0 => piece,
        _ => piece.split_once('}').map_or(piece, |(_, rest)| rest),
    });
    let beginning = own.next().filter(|piece| piece.len() > SHORTEST)?;
    let mut rest = line.strip_prefix(beginning)?;
    let mut length = beginning.len();
    for piece in own {
        rest = rest.split_once(piece)?.1;
        length += piece.len();
    }
    Some(length)
}

#[cfg(test)]
mod tests;
