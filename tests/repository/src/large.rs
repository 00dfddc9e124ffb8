//! Manifests by the thousand for measurements: as large and as wordy as those that people have, one document
//! beside the next.

use fastrand::Rng;
use seal_core::{PublicKey, Scope, SystemRandom, encode_base64, seal};

/// A manifest of at least `bytes`, about nothing that is sealed.
pub fn manifest(random: &mut Rng, name: &str, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 2_048);
    while text.len() < bytes {
        let number = random.u32(..);
        text.push_str(&format!(
            "---\n# {name}: as the team wants it\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}-{number}\n  \
             labels: {{app.kubernetes.io/name: {name}}}\nspec:\n  replicas: {}\n  template:\n    spec:\n      containers:\n",
            random.u8(1..9)
        ));
        for container in 0..random.usize(1..4) {
            text.push_str(&format!(
                "        - name: container-{container}\n          image: \"registry.example.com/{name}:{}.{}\"\n          env:\n",
                random.u8(..),
                random.u8(..)
            ));
            for variable in 0..random.usize(4..12) {
                text.push_str(&format!(
                    "            - name: VARIABLE_{variable}\n              valueFrom:\n                secretKeyRef: {{name: \
                     {name}-db, key: entry-{}}}\n",
                    random.u16(..)
                ));
            }
        }
    }
    text
}

/// A strict SealedSecret with so many entries of `key`, as YAML.
pub fn sealed_manifest(
    random: &mut Rng,
    namespace: &str,
    name: &str,
    entries: usize,
    key: &PublicKey,
) -> String {
    let label = Scope::Strict.label(
        &namespace.parse().expect("a namespace"),
        &name.parse().expect("a name"),
    );
    let mut text = format!(
        "---\n# Sealed.\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: {name}\n  namespace: \
         {namespace}\nspec:\n  encryptedData:\n"
    );
    for entry in 0..entries {
        let value: String = (0..32).map(|_| random.alphanumeric()).collect();
        let sealed = seal(value.as_bytes(), key, &label, &mut SystemRandom).expect("a short value is sealed");
        text.push_str(&format!("    entry-{entry}: {}\n", encode_base64(&sealed)));
    }
    text.push_str("  template:\n    type: Opaque\n");
    text
}
