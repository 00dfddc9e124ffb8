//! What Seal does of external-secrets, by name. Whoever adds a kind or a provider adds it here.

/// The kinds that the controller takes care of.
pub(super) const KINDS: [&str; 3] = ["ExternalSecret", "SecretStore", "ClusterSecretStore"];

/// The providers of stores that it can ask, by the name of their block.
pub(super) const PROVIDERS: [&str; 1] = ["vault"];

/// The kinds of generators that `generatorRef` may name.
pub(super) const GENERATORS: [&str; 0] = [];

/// Whether objects of that kind are a controller's notes to itself.
pub(super) fn is_of_the_controllers_own(kind: &str) -> bool {
    kind == "GeneratorState"
}
