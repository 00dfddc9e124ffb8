//! The structs themselves, field by field, in the order of their Go source.

use super::Shape::{
    ByteMap, Bytes, Integer, List, OptionalTextMap, Pointer, Raw, SealedMap, Struct, Switch, Text, TextMap,
    Texts, Time, Truth,
};
use super::{Field, GoStruct, Shape};

const fn field(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        always: false,
    }
}

const fn always(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        always: true,
    }
}

/// `v1.Secret`.
pub(in crate::kubeseal) const SECRET: GoStruct = GoStruct {
    name: "Secret",
    qualified: "v1.Secret",
    fields: &[
        field("kind", Text),
        field("apiVersion", Text),
        always("metadata", Struct(&OBJECT_META)),
        field("immutable", Switch),
        field("data", ByteMap),
        field("stringData", TextMap),
        field("type", Text),
    ],
};

/// `v1alpha1.SealedSecret`.
pub(in crate::kubeseal) const SEALED_SECRET: GoStruct = GoStruct {
    name: "SealedSecret",
    qualified: "v1alpha1.SealedSecret",
    fields: &[
        field("kind", Text),
        field("apiVersion", Text),
        always("metadata", Struct(&OBJECT_META)),
        always("spec", Struct(&SPEC)),
        field("status", Pointer(&STATUS)),
    ],
};

const SPEC: GoStruct = GoStruct {
    name: "SealedSecretSpec",
    qualified: "v1alpha1.SealedSecretSpec",
    fields: &[
        always("template", Struct(&TEMPLATE)),
        field("data", Bytes),
        always("encryptedData", SealedMap),
    ],
};

const TEMPLATE: GoStruct = GoStruct {
    name: "SecretTemplateSpec",
    qualified: "v1alpha1.SecretTemplateSpec",
    fields: &[
        always("metadata", Struct(&OBJECT_META)),
        field("type", Text),
        field("immutable", Switch),
        field("data", OptionalTextMap),
    ],
};

const STATUS: GoStruct = GoStruct {
    name: "SealedSecretStatus",
    qualified: "v1alpha1.SealedSecretStatus",
    fields: &[
        field("observedGeneration", Integer),
        field("conditions", List(&CONDITION)),
    ],
};

const CONDITION: GoStruct = GoStruct {
    name: "SealedSecretCondition",
    qualified: "v1alpha1.SealedSecretCondition",
    fields: &[
        always("type", Text),
        always("status", Text),
        always("lastUpdateTime", Time),
        always("lastTransitionTime", Time),
        field("reason", Text),
        field("message", Text),
    ],
};

const OBJECT_META: GoStruct = GoStruct {
    name: "ObjectMeta",
    qualified: "v1.ObjectMeta",
    fields: &[
        field("name", Text),
        field("generateName", Text),
        field("namespace", Text),
        field("selfLink", Text),
        field("uid", Text),
        field("resourceVersion", Text),
        field("generation", Integer),
        field("creationTimestamp", Time),
        field("deletionTimestamp", Time),
        field("deletionGracePeriodSeconds", Integer),
        field("labels", TextMap),
        field("annotations", TextMap),
        field("ownerReferences", List(&OWNER_REFERENCE)),
        field("finalizers", Texts),
        field("managedFields", List(&MANAGED_FIELDS)),
    ],
};

const OWNER_REFERENCE: GoStruct = GoStruct {
    name: "OwnerReference",
    qualified: "v1.OwnerReference",
    fields: &[
        always("apiVersion", Text),
        always("kind", Text),
        always("name", Text),
        always("uid", Text),
        field("controller", Truth),
        field("blockOwnerDeletion", Truth),
    ],
};

const MANAGED_FIELDS: GoStruct = GoStruct {
    name: "ManagedFieldsEntry",
    qualified: "v1.ManagedFieldsEntry",
    fields: &[
        field("manager", Text),
        field("operation", Text),
        field("apiVersion", Text),
        field("time", Time),
        field("fieldsType", Text),
        field("fieldsV1", Raw),
        field("subresource", Text),
    ],
};
