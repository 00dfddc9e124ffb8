//! Which files are worth parsing: bytes are looked through a hundred times faster than they are parsed. What
//! is found here is a suspicion, never a finding.

use memchr::memmem;

/// What a file may be about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Suspicion {
    /// It may hold one of the kinds that concern us, or a secretGenerator.
    pub(super) manifest: bool,
    /// It may hold a private key.
    pub(super) private_key: bool,
    /// It may hold a suppression.
    pub(super) suppression: bool,
}

impl Suspicion {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let has = |word: &[u8]| memmem::find(bytes, word).is_some();
        Self {
            manifest: names_our_kind(bytes) || has(b"secretGenerator"),
            private_key: has(b"PRIVATE KEY")
                || has(super::private_keys::BASE64_PEM)
                || has(b"AGE-SECRET-KEY-"),
            suppression: has(super::suppression::MARK.as_bytes()),
        }
    }

    pub(super) fn any(self) -> bool {
        self.manifest || self.private_key || self.suppression
    }
}

const OUR_KINDS: [&[u8]; 4] = [b"secret", b"sealedsecret", b"secretlist", b"sealedsecretlist"];

// Whether a word after `kind` may be one of ours, however YAML lets it be written. The items of a plain List
// name their kinds themselves.
fn names_our_kind(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"kind").any(|at| is_ours(&bytes[at + 4..]).unwrap_or_default())
}

fn is_ours(rest: &[u8]) -> Option<bool> {
    let quote = matches!(rest, [b'"' | b'\'', ..]);
    let mut rest = blank(blank(&rest[usize::from(quote)..]).strip_prefix(b":")?);
    // A tag or an anchor before the word.
    while let [b'!' | b'&', ..] = rest {
        let end = rest.iter().position(u8::is_ascii_whitespace)?;
        rest = blank(&rest[end..]);
    }
    let quote = matches!(rest, [b'"' | b'\'', ..]);
    let rest = &rest[usize::from(quote)..];
    let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic());
    let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
    Some(match after {
        // An escape, an alias or a block may stand for anything.
        [b'\\', ..] => true,
        [b'*' | b'|' | b'>', ..] if word.is_empty() => true,
        [b'-' | b'_' | b'.' | b'/' | b'0'..=b'9', ..] => false,
        _ => OUR_KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(word)),
    })
}

fn blank(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_suspected_however_it_is_written() {
        for text in [
            "kind: Secret\n",
            "kind:   \"Secret\"",
            "{\"kind\":\"Secret\"}",
            "'kind' : 'SealedSecret'",
            "kind: !!str Secret",
            "kind: &k Secret # one",
            "kind: *k",
            "kind: \"Secre\\x74\"",
            "kind:\n  Secret\n",
            "kind: secret",
            "? kind\n: Secret\n",
            "kind: SealedSecretList",
            "kind: List\nitems:\n- kind: Secret\n",
            "kind: >-\n  Secret\n",
            "kind: Secret",
            "secretGenerator:\n",
        ] {
            assert!(Suspicion::of(text.as_bytes()).manifest, "{text}");
        }
    }

    #[test]
    fn what_only_speaks_of_secrets_is_not_parsed() {
        for text in [
            "kind: Deployment\nspec: {secretName: db}\n",
            "kind: SecretStore\n",
            "kind: ExternalSecret\n",
            "kind: Secret-Thing\n",
            "kind: List\nitems:\n- kind: Pod\n",
            "# a Secret of that kind\n",
            "kinds: [Secret]\n",
            "secretKeyRef: {name: x}\n",
        ] {
            assert!(!Suspicion::of(text.as_bytes()).any(), "{text}");
        }
    }
}
