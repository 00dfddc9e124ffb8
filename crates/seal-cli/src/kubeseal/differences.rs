//! Where kubeseal mode departs from upstream: the table that `--help` prints and the README takes.

/// One departure.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// The flag or mode.
    pub mode: &'static str,
    /// What kubeseal 0.40.0 does.
    pub upstream: &'static str,
    /// What is done here.
    pub here: &'static str,
}

/// All of them.
#[rustfmt::skip]
pub const DIFFERENCES: &[Difference] = &[
    Difference { mode: "input", upstream: "a document that cannot be read is left out in silence, exit 0", here: "an error that names it and the line; nothing is written (--validate: a warning)" },
    Difference { mode: "input", upstream: "a third JSON document that is broken, or a folder as --secret-file, makes it hang", here: "an error" },
    Difference { mode: "names", upstream: "any text becomes part of the encryption label, so that namespace \"a/b\" can pose as object b in a", here: "names that Kubernetes would refuse are refused" },
    Difference { mode: "-o yaml", upstream: "Unicode line separators inside a text (U+0085, U+2028, U+2029) are damaged", here: "such a text is quoted" },
    Difference { mode: "-w", upstream: "a failed rename goes unnoticed, exit 0; a temporary file stays behind, in $TMPDIR or beside the target", here: "an error; the file is written beside the target only when all has succeeded, and flushed to disk" },
    Difference { mode: "-w --validate", upstream: "empties the file", here: "the file is left alone" },
    Difference { mode: "--merge-into", upstream: "writes JSON even into .yaml, drops comments, other documents, unknown fields; truncates the file in place", here: "new items are spliced in; format, comments, order and other documents stay; the file is replaced atomically and keeps its mode" },
    Difference { mode: "--merge-into", upstream: "seals with the input's scope, so that items never open in a file of another scope", here: "seals with the target's scope; a --scope that differs is an error" },
    Difference { mode: "--merge-into", upstream: "only the first document of the input is merged, into the first of the target", here: "all are, each into the SealedSecret of its name" },
    Difference { mode: "--merge-into", upstream: "crashes where the target lacks labels, annotations or encryptedData", here: "they are added" },
    Difference { mode: "--re-encrypt", upstream: "takes over the controller's answer, which lacks template data, labels and annotations", here: "takes over the ciphertexts only; in place, everything else stays byte for byte" },
    Difference { mode: "--recovery-unseal", upstream: "opens the first document only; empty input yields a Secret without a name", here: "opens all; empty input is an error" },
    Difference { mode: "--recovery-unseal", upstream: "RSA keys below 2048 bits open", here: "they cannot be used; a warning says so" },
    Difference { mode: "errors", upstream: "some quote the input, which may hold secrets", here: "they name the place instead" },
    Difference { mode: "errors", upstream: "faults of YAML, X.509, TLS and name resolution in Go's words", here: "in ours; exit codes are the same" },
    Difference { mode: "--cert", upstream: "takes a certificate over plain HTTP, and follows a redirect from https to http", here: "warns on stderr unless it comes from this machine; such a redirect is an error" },
    Difference { mode: "cluster", upstream: "crashes where the Service has no ports, exit 2", here: "an error, exit 1" },
    Difference { mode: "-v", upstream: "logs requests of its Kubernetes client", here: "accepted, logs nothing" },
    Difference { mode: "TLS", upstream: "asks for user name and password where a kubeconfig holds no credentials", here: "an error" },
];

/// The table for the end of the help.
pub(super) fn help() -> String {
    let mut out = String::from(
        "\nThis is seal, answering as kubeseal 0.40.0. It differs where kubeseal loses data or panics:\n",
    );
    for Difference { mode, upstream, here } in DIFFERENCES {
        out.push_str(&format!(
            "  {mode}\n      kubeseal: {upstream}\n      seal:     {here}\n"
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_lists_every_difference() {
        let readme = include_str!("../../../../README.md");
        for Difference { mode, upstream, here } in DIFFERENCES {
            let row = format!("| kubeseal `{mode}` | {upstream} | {here} |");
            assert!(readme.contains(&row), "README.md lacks: {row}");
        }
    }
}
