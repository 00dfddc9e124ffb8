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
    /// What a template's result cannot become.
    TEMPLATE_TARGET: User, "template-target", "TemplateInvalid",
        "{field}: the target must be Data, Annotations or Labels",
        "mend the target";
    /// A rendered template that should be a map, and is not.
    TEMPLATE_NO_MAP: User, "template-no-map", "TemplateNoMap",
        "{error}{entries} (the rendered template has to be a map)",
        "write one `key: value` a line, or use templateAs: Values";
    /// A rendered value that is not encoded as it should be.
    TEMPLATE_UNDECODABLE: User, "template-undecodable", "TemplateUndecodable",
        "what the template makes is not {strategy} from byte {offset} on{entries}",
        "mend valuesDecodingStrategy in templateFrom, or the template";
    /// A template that is not text.
    TEMPLATE_NOT_TEXT: User, "template-not-text", "TemplateInvalid",
        "the template is not UTF-8{entries}",
        "put text into the ConfigMap or Secret that the template comes from";
    /// A store that does not exist.
    STORE_ABSENT: User, "store-absent", "StoreAbsent",
        "error processing {at}, err: could not get {kind} \"{name}\", {kind}.external-secrets.io \"{name}\" not found",
        "create the store, or mend the name or kind in secretStoreRef";
    /// A store of the whole cluster, where this controller looks into some namespaces only.
    STORE_OUT_OF_SIGHT: User, "store-out-of-sight", "StoreOutOfSight",
        "error processing {at}, err: ClusterSecretStore \"{name}\" is out of sight: this controller looks into some namespaces only",
        "use a SecretStore of the namespace, or let the controller look into all namespaces";
    /// A store that does not have the shape of its kind.
    STORE_UNREADABLE: User, "store-unreadable", "StoreUnreadable",
        "{store} cannot be read",
        "compare it with `kubectl explain secretstore.spec`";
    /// A ClusterSecretStore that does not let this namespace in.
    STORE_CLOSED: User, "store-closed", "StoreClosed",
        "error processing {at}, err: using cluster store \"{name}\" is not allowed from namespace \"{namespace}\": denied by spec.condition",
        "add the namespace to spec.conditions of the store, or use another store";
    /// A store whose list of paths does not let this namespace read there.
    STORE_PATH_CLOSED: User, "store-path-closed", "StorePathClosed",
        "error processing {at}, err: {store} does not let namespace \"{namespace}\" read {path}: it allows {allowed}",
        "ask for an allowed path, or have the path added to the store's annotation sealops.dev/allowed-paths";
    /// A store whose list of paths means nothing: nobody may read anything of it.
    STORE_PATHS_UNREADABLE: User, "store-paths-unreadable", "StorePathsUnreadable",
        "{store} lets nobody read anything: its annotation sealops.dev/allowed-paths cannot be read: {what}",
        "mend the annotation: a path a line, in which * stands for anything within a segment and ** at the end for anything below";
    /// An ExternalSecret that asks for nothing.
    NOTHING_ASKED: User, "nothing-asked", "NothingAsked",
        "either data or dataFrom should be specified",
        "say in spec.data or spec.dataFrom what to fetch";
    /// An entry of `dataFrom` without a source, or with several.
    NOT_ONE_SOURCE: User, "not-one-source", "NotOneSource",
        "{field}: one of extract, find, or sourceRef.generatorRef must be set",
        "make an entry of its own of each";
    /// An entry of an ExternalSecret that names no store.
    NO_STORE: User, "no-store", "NoStore",
        "{field}: no store is named",
        "name one in spec.secretStoreRef, or in sourceRef.storeRef of the entry";
    /// A generator where upstream takes one and does nothing with it.
    GENERATOR_IN_DATA: User, "generator-in-data", "NotSupported",
        "{field}: a generator makes no single value",
        "use dataFrom[].sourceRef.generatorRef";
    /// An entry that stands twice in `data`.
    DUPLICATE_KEY: User, "duplicate-key", "DuplicateKey",
        "{field}: duplicate secretKey found: {key}",
        "remove one of them, or give it another name";
    /// A deletion of what is not ours.
    DELETE_UNOWNED: User, "delete-unowned", "PolicyConflict",
        "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner",
        "set spec.target.creationPolicy to Owner, or spec.target.deletionPolicy to Retain or Merge";
    /// Entries to be taken away from nothing.
    MERGE_INTO_NONE: User, "merge-into-none", "PolicyConflict",
        "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with",
        "set spec.target.deletionPolicy to Retain";
    /// Another kind of object than a Secret.
    MANIFEST_TARGET: User, "manifest-target", "NotSupported",
        "spec.target.manifest: only Secrets are made",
        "remove spec.target.manifest, or leave this object to another controller";
    /// A text that Go does not take for a duration.
    NOT_A_DURATION: User, "not-a-duration", "NotADuration",
        "{field} is not a duration",
        "write it with units, such as 1h30m, 15m or 90s";
    /// More windows than are looked at.
    TOO_MANY_WINDOWS: User, "too-many-windows", "TooManyWindows",
        "spec.syncWindows: {count} windows, and only the first {most} are looked at",
        "write several windows as one schedule, such as 0 8-18/2 * * MON-FRI";
    /// A value that its store does not have.
    SOURCE_MISSING: User, "source-missing", "SourceMissing",
        "error processing {at}, err: Secret does not exist",
        "write it to the store, or mend the key; where it may be missing, set deletionPolicy to Delete or Merge";
    /// Nothing that could hold a value: never a reason to delete anything.
    MOUNT_MISSING: Provider, "mount-missing", "MountMissing",
        "error processing {at}, err: {what}",
        "mount the engine, or mend path, version and namespace of the store; nothing is deleted because of this";
    /// A property that the value does not have.
    PROPERTY_MISSING: User, "property-missing", "PropertyMissing",
        "error processing {at}, err: cannot find secret data for key: {property}",
        "mend the property: a key of the value, or a gjson path into it";
    /// A property that asks for more than any value is worth.
    PROPERTY_TOO_MUCH: User, "property-too-much", "PropertyTooMuch",
        "error processing {at}, err: the property asks for too much",
        "ask for less: a path without pipes that copy the value over and over";
    /// Members are wanted of what has none.
    NOT_AN_OBJECT: User, "not-an-object", "NotAnObject",
        "error processing {at}, err: the value is not a JSON object",
        "use spec.data for a single value, or name a property that is an object";
    /// Names that cannot be told apart any longer.
    NAME_COLLISION: User, "name-collision", "NameCollision",
        "error processing {at}, err: error applying conversion strategy {strategy} to keys: secret name collision during conversion{name}",
        "use rewrite to give them different names, or conversionStrategy: Unicode";
    /// Names that no entry can have.
    INVALID_KEYS: User, "invalid-keys", "InvalidKeys",
        "error processing {at}, err: invalid secret keys (TIP: use rewrite or conversionStrategy to change keys): {what}{name}",
        "use rewrite to change them; conversionStrategy does so only where there is no rewrite";
    /// A rewrite that cannot be done.
    REWRITE_FAILED: User, "rewrite-failed", "RewriteFailed",
        "error processing {at}, err: error applying rewrite to keys: failed rewrite operation[{operation}]: {what}",
        "mend this operation of rewrite";
    /// A value that is not encoded as it should be.
    NOT_DECODABLE: User, "not-decodable", "NotDecodable",
        "error processing {at}, err: error applying decoding strategy {strategy} to data: illegal base64 data at input byte {offset}",
        "mend the value in the store, or use decodingStrategy: Auto or None";
    /// A null byte where none may be.
    NULL_BYTE: User, "null-byte", "NullByte",
        "error processing {at}, err: the value holds a null byte",
        "mend the value in the store, or remove nullBytePolicy: Fail";
    /// The Secret is another ExternalSecret's.
    OWNED_BY_ANOTHER: User, target, "owned-by-another", "TargetOwnedByAnother",
        "unable to mutate secret {name}: secret is owned by another ExternalSecret: {owner}",
        "give one of the two another spec.target.name";
    /// The Secret has another controller.
    CONTROLLED_BY_ANOTHER: User, target, "controlled-by-another", "TargetControlledByAnother",
        "unable to mutate secret {name}: could not set controller reference on secret: it is controlled by {kind} {owner}",
        "choose another spec.target.name, or creationPolicy: Merge";
    /// A Secret that its ExternalSecret does not own is to be deleted.
    DELETE_REFUSED: User, target, "delete-refused", "DeleteRefused",
        "unable to delete secret {name}: creationPolicy={policy} is not Owner",
        "set spec.target.creationPolicy to Owner, or spec.target.deletionPolicy to Retain or Merge";
    /// An immutable Secret stands there, and would have to change.
    STANDING_IMMUTABLE: User, target, "standing-immutable", "TargetImmutable",
        "unable to update secret {name}: secret is immutable",
        "delete the Secret to have it made again, or choose another spec.target.name";
    /// A store that does not answer as it should, for now.
    STORE_DOWN: Provider, "store-down", "StoreDown",
        "error processing {at}, err: {store}: {error}",
        "look at the store; it is tried again every second, and this object once it answers";
    /// A store that says no.
    STORE_REFUSED: Provider, "store-refused", "StoreRefused",
        "error processing {at}, err: {store}: {error} (it said no)",
        "give the store's identity what it needs in the store's policies; it is tried again at the next interval or change";
    /// Something that answers, and is no such store.
    STORE_NONSENSE: Provider, "store-nonsense", "StoreNonsense",
        "error processing {at}, err: {store}: {error} (this is no answer of such a store)",
        "compare the server's address in the store with what listens there";
    /// Something that cannot be asked of the store.
    STORE_ASKED_WRONGLY: User, "store-asked-wrongly", "StoreAskedWrongly",
        "error processing {at}, err: {store}: {error} (it was not asked)",
        "mend the key, the version or the store's settings";
    /// A generator that is not there.
    GENERATOR_ABSENT: User, "generator-absent", "GeneratorAbsent",
        "error processing {at}, err: unable to get generator: {kind}.generators.external-secrets.io \"{name}\" not found",
        "create it in the namespace of the object, or mend generatorRef; its definition may be missing too";
    /// A generator that cannot be used: of a kind that we do not have, or not as its kind wants it.
    GENERATOR_UNUSABLE: User, "generator-unusable", "GeneratorUnusable",
        "error processing {at}, err: unable to get generator: {what}",
        "use a Password, UUID, SSHKey or Fake, or leave the object to another controller";
    /// A generator that asks for what cannot be.
    GENERATION_FAILED: User, "generation-failed", "GenerationFailed",
        "error processing {at}, err: error using generator: {what}",
        "mend the spec of the generator";
    /// A search whose pattern cannot be read.
    FIND_UNREADABLE: User, "find-unreadable", "FindUnreadable",
        "error processing {at}, err: find.name.regexp: {error}",
        "mend the regular expression (RE2 syntax)";
    /// An object with templates that is not there.
    TEMPLATE_SOURCE_ABSENT: Cluster, "template-source-absent", "TemplateSourceAbsent",
        "the template refers to the {kind} {name}, which does not exist in this namespace",
        "create it, or mend templateFrom";
    /// A template that is not in the object that should hold it.
    TEMPLATE_SOURCE_ENTRY_ABSENT: Cluster, "template-source-entry-absent", "TemplateSourceAbsent",
        "the template refers to key \"{key}\" of the {kind} {name}, which has no such key",
        "add the key, or mend templateFrom";
    /// A store whose settings cannot be used.
    STORE_SETTINGS: User, "store-settings", "StoreSettings",
        "the settings of the store cannot be used: {what}",
        "mend spec.provider of the store";
    /// A store that would be shown the controller's own identity.
    STORE_OWN_IDENTITY: User, "store-own-identity", "StoreOwnIdentity",
        "auth.kubernetes has neither serviceAccountRef nor secretRef: the controller does not show its own identity to a store",
        "name a ServiceAccount in serviceAccountRef";
    /// Something that a store refers to and that is not there.
    CREDENTIAL_ABSENT: User, "credential-absent", "CredentialAbsent",
        "the store refers to the {kind} {namespace}/{name}, which does not exist",
        "create it, or mend the reference in the store";
    /// An entry that a store refers to and that is not there.
    CREDENTIAL_ENTRY_ABSENT: User, "credential-entry-absent", "CredentialAbsent",
        "the store refers to key \"{key}\" of the {kind} {namespace}/{name}, which has no such key",
        "add the key, or mend the reference in the store";
    /// A namespaced store that refers to another namespace.
    STORE_REACHES_OUT: User, "store-reaches-out", "StoreReachesOut",
        "a SecretStore refers to something in namespace {namespace}, and may only refer to its own",
        "leave the namespace out, or use a ClusterSecretStore";
    /// A selector of a ClusterExternalSecret that means nothing.
    NAMESPACE_SELECTOR_UNREADABLE: User, "namespace-selector-unreadable", "NamespaceSelectorUnreadable",
        "failed to convert label selector: an operator is none of In, NotIn, Exists and DoesNotExist",
        "mend spec.namespaceSelectors";
    /// An ExternalSecret of somebody else stands where one is to be made.
    EXTERNAL_SECRET_EXISTS: User, "external-secret-exists", "ExternalSecretExists",
        "external secret already exists in namespace",
        "delete it, or choose another spec.externalSecretName";
    /// A ClusterExternalSecret without the shape of its kind.
    CLUSTER_EXTERNAL_SECRET_UNREADABLE: User, "cluster-external-secret-unreadable", "Unreadable",
        "the object cannot be read as a ClusterExternalSecret",
        "compare it with `kubectl explain clusterexternalsecret.spec`";
    /// A condition of a ClusterSecretStore that means nothing.
    STORE_CONDITION_UNREADABLE: User, "store-condition-unreadable", "StoreConditionUnreadable",
        "a condition of the ClusterSecretStore cannot be read: {what}",
        "mend spec.conditions of the store";
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

/// Whether `line` says what to do about some fault, rather than what happened: a status tells one behind the other.
pub fn is_remedy(line: &str) -> bool {
    CATALOGUE.iter().any(|kind| says(line, kind.remedy).is_some())
}

// Fewer words than these begin many a sentence.
const SHORTEST: usize = 8;

// How many bytes of the sentence's own `line` says, if it says all of them in their order.
fn said(line: &str, kind: &FaultKind) -> Option<usize> {
    says(line, kind.sentence)
}

fn says(line: &str, text: &str) -> Option<usize> {
    let mut own = text.split('{').enumerate().map(|(at, piece)| match at {
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
