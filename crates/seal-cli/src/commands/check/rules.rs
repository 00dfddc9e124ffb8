//! What `seal check` looks for: one table of codes, what each means, why it matters and what to do. Who
//! raises a rule stands elsewhere.

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Worth knowing.
    Note,
    /// To be mended some day.
    Warning,
    /// To be mended before it is pushed.
    Error,
}

/// What must be looked at before it can be said that a rule finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sees {
    /// The file.
    File,
    /// Other files of the checkout, too.
    Checkout,
    /// Settings, or the version that Git has.
    Allowed,
    /// Private keys.
    Keys,
    /// The certificate.
    Certificate,
}

/// What `--fix` does about a finding: only what leaves every SealedSecret as it works, or does not work, today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fix {
    /// Nothing: it needs a key, a value, or somebody who decides.
    ByHand,
    /// The entry that it is about goes.
    TakeOut,
    /// The one value that can be meant takes its place.
    Write,
    /// The comment goes.
    Uncomment,
}

/// One thing that is looked for.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    pub(crate) sees: Sees,
    pub(crate) fix: Fix,
    /// What was found; a finding may say it more closely.
    pub(crate) sentence: &'static str,
    /// Why it matters.
    pub(crate) why: &'static str,
    pub(crate) remedy: &'static str,
}

macro_rules! rules {
    ($($name:ident: $severity:ident, $sees:ident, $fix:ident, $code:literal, $sentence:literal, $why:literal, $remedy:literal;)+) => {
        $(
            pub(crate) static $name: Rule = Rule {
                code: $code,
                severity: Severity::$severity,
                sees: Sees::$sees,
                fix: Fix::$fix,
                sentence: $sentence,
                why: $why,
                remedy: $remedy,
            };
        )+

        /// All rules.
        pub(crate) static RULES: &[&Rule] = &[$(&$name),+];
    };
}

rules! {
    PLAINTEXT_SECRET: Error, File, ByHand, "plaintext-secret",
        "a Secret holds values in plain text",
        "base64 hides nothing: whoever can read the repository, now or later, can read the values",
        "seal it with `seal seal --in-place`; change the values if they were ever pushed";
    SEALING_KEY: Error, File, ByHand, "sealing-key",
        "a Secret holds a private sealing key",
        "it opens everything that was ever sealed with it",
        "keep it out of Git, sealed or not: `seal keys backup` encrypts it; if it was pushed, retire it as compromised";
    PLAINTEXT_GENERATOR: Error, File, ByHand, "plaintext-generator",
        "a secretGenerator holds a value in plain text",
        "whoever can read the repository, now or later, can read the value",
        "put a SealedSecret under resources in its place";
    PLAINTEXT_GENERATOR_FILE: Error, Checkout, ByHand, "plaintext-generator-file",
        "a secretGenerator reads values from a file of this checkout",
        "the file holds them in plain text, and Git does not ignore it",
        "put a SealedSecret under resources in its place, and name the file in .gitignore";
    PRIVATE_KEY: Error, File, ByHand, "private-key",
        "a private key stands here in plain text",
        "whoever can read the repository, now or later, can use the key",
        "move it into a Secret and seal that; replace the key if it was ever pushed";
    LAST_APPLIED: Error, File, TakeOut, "last-applied",
        "an annotation repeats the whole manifest as it was applied",
        "kubectl writes it, and where that was a Secret, its values stand in it in plain text",
        "remove the annotation (`--fix` does); change the values if they were ever pushed";
    PLAINTEXT_LEFTOVER: Error, File, ByHand, "plaintext-leftover",
        "a file was left behind by a tool or an editor, and it holds values in plain text",
        "it is not ignored by Git, so that the next `git add` takes it along",
        "delete it, and name such files in .gitignore";
    CANNOT_OPEN: Error, File, ByHand, "cannot-open",
        "a SealedSecret cannot become a Secret",
        "the controller will refuse it, and whatever waits for the Secret will not start",
        "seal the value again";
    MALFORMED: Error, File, ByHand, "malformed",
        "a SealedSecret does not have the shape of its kind",
        "the API server or the controller will refuse it",
        "compare it with `kubectl explain sealedsecret.spec`";
    WRONG_VERSION: Error, File, Write, "wrong-version",
        "a SealedSecret of a version that there is not",
        "the API server will refuse it",
        "write apiVersion: bitnami.com/v1alpha1 (`--fix` does)";
    TEMPLATE_STRING_DATA: Error, File, ByHand, "template-string-data",
        "spec.template has stringData, which no controller reads",
        "the API server drops it silently, and what stands in it is in plain text",
        "move templates to spec.template.data, and seal what is secret into spec.encryptedData";
    SCOPE_MISMATCH: Error, File, ByHand, "scope-mismatch",
        "the scope in spec.template.metadata is another than the one in metadata",
        "only metadata counts when it is opened: sealed as the template says, it does not open",
        "write the annotation of the scope that it was sealed with in both places, or in metadata alone";
    SCOPE_IGNORED: Warning, File, TakeOut, "scope-ignored",
        "a scope annotation has another value than \"true\"",
        "it counts for nothing: the object is taken for narrower than whoever wrote it meant",
        "write \"true\", in quotes, or remove it (`--fix` does)";
    SCOPE_TOO_WIDE: Error, Allowed, ByHand, "scope-too-wide",
        "the scope is wider than allowed",
        "whoever may create a SealedSecret under another name, or in another namespace, can open the values there",
        "remove the annotation and seal the values again, or allow the scope";
    SCOPE_WIDENED: Error, Allowed, ByHand, "scope-widened",
        "the scope is wider than in the version that Git has",
        "one annotation more, and what is sealed from now on opens elsewhere, too",
        "take the annotation back; if it is meant, say so in the place of a suppression";
    NO_NAMESPACE: Note, Checkout, ByHand, "no-namespace",
        "a SealedSecret names no namespace, and its values open in one only",
        "it opens where it happens to be applied to the namespace that it was sealed for",
        "write metadata.namespace";
    KUSTOMIZE_RENAMES: Error, Checkout, ByHand, "kustomize-renames",
        "a kustomization changes the name or namespace that the values were sealed for",
        "under its new name the object does not open",
        "write name and namespace as they will be in the cluster and seal the values again, or widen their scope";
    DUPLICATE_KEY: Error, File, ByHand, "duplicate-key",
        "a key stands twice in its mapping",
        "one of the two values counts, and which one depends on the tool",
        "remove one of them";
    UNREADABLE: Warning, File, ByHand, "unreadable",
        "a document that says it is a Secret cannot be read",
        "nothing in it was judged",
        "mend the document; templates of Helm and the like must be rendered first";
    CERTIFICATE_EXPIRED: Error, Certificate, ByHand, "certificate-expired",
        "the certificate has expired",
        "`seal seal` refuses it, and its key is not the one that the controller seals with",
        "fetch the controller's newest with `seal cert fetch --refresh`";
    CERTIFICATE_EXPIRES: Warning, Certificate, ByHand, "certificate-expires",
        "the certificate expires within 30 days",
        "after that `seal seal` refuses it",
        "fetch the controller's newest with `seal cert fetch --refresh`";
    CERTIFICATE_UNUSABLE: Error, Certificate, ByHand, "certificate-unusable",
        "an environment's certificate cannot be used",
        "nothing can be sealed for that environment",
        "put the controller's there (`seal cert fetch`), or mend certificate and fingerprints";
    DOES_NOT_OPEN: Error, Keys, ByHand, "does-not-open",
        "a SealedSecret does not open with the keys at hand, or its templates fail",
        "the controller will refuse it, and whatever waits for the Secret will not start",
        "seal the value again, or restore the key that sealed it";
    RETIRED_KEY: Warning, Keys, ByHand, "retired-key",
        "an entry is sealed to a key that is retired",
        "a controller opens nothing with a retired key",
        "seal the same values to the newest key with `seal reencrypt`";
    BAD_SUPPRESSION: Error, File, ByHand, "bad-suppression",
        "a suppression that counts for nothing",
        "what it is about is reported as ever",
        "write `# seal:allow RULE reason`";
    UNUSED_SUPPRESSION: Warning, File, Uncomment, "unused-suppression",
        "a suppression of what is not found here",
        "the next one who brings it about is not told",
        "remove it (`--fix` takes out comments)";
}

impl Severity {
    /// The word for it, which SARIF and GitHub's workflow commands share but for the last.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The rule of this code.
pub(crate) fn rule(code: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code == code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_code_a_sentence_a_reason_and_a_remedy_of_its_own_form() {
        let mut codes = BTreeSet::new();
        let mut sentences = BTreeSet::new();
        for rule in RULES {
            let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(rule.code.bytes().all(is_word), "{}", rule.code);
            assert!(codes.insert(rule.code), "{} stands twice", rule.code);
            assert!(sentences.insert(rule.sentence), "{}", rule.sentence);
            for text in [rule.sentence, rule.why, rule.remedy] {
                assert!(
                    !text.is_empty() && !text.ends_with('.'),
                    "{}: {text:?}",
                    rule.code
                );
            }
        }
    }
}
