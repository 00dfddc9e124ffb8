//! What is asked for: flags, variables, and the namespace that follows from them.

use super::harness::{Case, SECRET, compare_all, run};

fn flags() -> Vec<Case> {
    let faulty = [
        "--bogus",
        "--bogus=1",
        "-x",
        "-ox -y",
        "-é",
        "--",
        "---",
        "--=",
        "--=x",
        "--cert",
        "--scope",
        "--scope bogus",
        "--scope=",
        "-o",
        "-n",
        "-f",
        "--raw=maybe",
        "--raw=",
        "--allow-empty-data=yes",
        "--fetch-cert=2",
        "-v",
        "-v=abc",
        "-v=99999999999",
        "--v=-1 --version",
        "--stderrthreshold=bad",
        "--stderrthreshold=warning --version",
        "--log_backtrace_at=x",
        "--log_backtrace_at=a.go:0",
        "--log_backtrace_at=a.go:1 --version",
        "--vmodule=a",
        "--vmodule=a=-1",
        "--vmodule=a=1,b=2 --version",
        "--log_file_max_size=x",
        "--log_file_max_size=1 --version",
        "--logtostderr=maybe",
        "--logtostderr=false --version",
        "--add_dir_header --version",
        "--from-file=\"a",
        "--from-file=a\"b",
        "--help=maybe",
        "--version=true",
        "--version=false --help=false --from-file x",
        "-test.foo --version",
        "positional --version",
        "-- --version",
        "--version --bogus",
        "-w",
        "-wo --version",
        "--as-group=a --as-group b --version",
        "--namespace=ns/x --version",
        "--insecure-skip-tls-verify=0 --version",
        "--disable-compression --version",
        "--rotate=maybe",
        "--rotate --from-file x",
        "--rotate --rotate --from-file x",
        "--request-timeout --version",
    ];
    let mut cases: Vec<Case> = faulty.into_iter().map(run).collect();
    cases.push(run("--help").stdout_begins());
    cases.push(run("-h").stdout_begins());
    cases.push(run("-h=1").stdout_begins());
    cases.push(run("--help --version"));
    cases
}

fn environment() -> Vec<Case> {
    let case = |variables: &[(&str, &str)], arguments: &str| {
        let mut case = Case::new(arguments).stdin(SECRET);
        for (name, value) in variables {
            case = case.env(&format!("SEALED_SECRETS_{name}"), value);
        }
        case
    };
    vec![
        case(&[("CERT", "cert.pem")], ""),
        case(&[("CERT", "cert.pem"), ("FORMAT", "yaml")], ""),
        case(&[("CERT", "cert.pem"), ("FORMAT", "yaml")], "-o json"),
        case(&[("CERT", "cert.pem"), ("NAMESPACE", "other")], ""),
        case(&[("CERT", "cert.pem"), ("NAMESPACE", "ns/myns")], ""),
        case(&[("CERT", "cert.pem"), ("N", "other")], ""),
        case(&[("CERT", "cert.pem"), ("SCOPE", "cluster-wide")], ""),
        case(
            &[("CERT", "cert.pem"), ("SCOPE", "cluster-wide")],
            "--scope strict",
        ),
        case(&[("CERT", "cert.pem"), ("SCOPE", "bogus")], ""),
        case(&[("CERT", "cert.pem"), ("ALLOW_EMPTY_DATA", "bogus")], ""),
        case(
            &[
                ("CERT", "cert.pem"),
                ("RAW", "1"),
                ("NAME", "x"),
                ("NAMESPACE", "y"),
            ],
            "",
        ),
        case(&[("VERSION", "true")], ""),
        case(&[("VERSION", "bogus"), ("CERT", "cert.pem")], ""),
        case(&[("V", "bogus"), ("CERT", "cert.pem")], ""),
        case(
            &[("RAW", "true"), ("CERT", "cert.pem"), ("FROM_FILE", "two.yaml")],
            "-n a --name b --from-file secret.yaml",
        ),
        case(
            &[("RAW", "true"), ("CERT", "cert.pem"), ("FROM_FILE", "two.yaml")],
            "-n a --name b",
        ),
        case(&[("FROM_FILE", "two.yaml"), ("CERT", "cert.pem")], ""),
        case(&[("SECRET_FILE", "two.yaml"), ("CERT", "cert.pem")], ""),
        case(&[("SEALED_SECRET_FILE", "out.json"), ("CERT", "cert.pem")], ""),
        case(
            &[("RECOVERY_UNSEAL", "true"), ("RECOVERY_PRIVATE_KEY", "key.pem")],
            "-f sealed.yaml",
        ),
        case(
            &[("CONTEXT", "nope"), ("CERT", "cert.pem"), ("RAW", "true")],
            "--kubeconfig kubeconfig --name x",
        ),
    ]
}

fn namespaces() -> Vec<Case> {
    let bare = "metadata: {name: x}\nstringData: {a: b}\n";
    let mut cases = vec![
        Case::new("--cert cert.pem").stdin(bare),
        Case::new("--cert cert.pem -n given").stdin(bare),
        Case::new("--cert cert.pem --scope cluster-wide").stdin(bare),
        Case::new("--cert cert.pem --scope cluster-wide -n zz").stdin(bare),
        Case::new("--cert cert.pem --kubeconfig kubeconfig").stdin(bare),
        Case::new("--cert cert.pem --kubeconfig kubeconfig --context two").stdin(bare),
        Case::new("--cert cert.pem --kubeconfig kubeconfig --context nope").stdin(bare),
        Case::new("--cert cert.pem --kubeconfig nope").stdin(bare),
        Case::new("--cert cert.pem")
            .stdin(bare)
            .env("KUBECONFIG", "kubeconfig"),
        Case::new("--cert cert.pem")
            .stdin(bare)
            .env("KUBECONFIG", "nope:kubeconfig"),
        Case::new("--cert cert.pem").stdin(bare).env("KUBECONFIG", "nope"),
        Case::new("--cert cert.pem --server http://127.0.0.1:1").stdin(bare),
        Case::new("--cert cert.pem --user u").stdin(bare),
    ];
    for (arguments, environment) in [
        ("", None),
        ("-n ''", None),
        ("-n myns", None),
        ("-n myns --name x", None),
        ("--name x", None),
        ("--name x", Some("kubeconfig")),
        ("", Some("kubeconfig")),
        ("--scope namespace-wide", Some("kubeconfig")),
        ("--scope namespace-wide -n myns", None),
        ("--scope namespace-wide", None),
        ("--scope cluster-wide", None),
        ("--scope cluster-wide --name a/b", None),
        ("--kubeconfig nope --name x", None),
        ("--context nope --name x", Some("kubeconfig")),
        ("--cluster nope --name x", Some("kubeconfig")),
        ("--user nope --name x", Some("kubeconfig")),
        ("--cluster nope --name x", None),
        ("--certificate-authority nope --server https://h --name x", None),
    ] {
        let case = Case::new(&format!("--raw --cert cert.pem {arguments}")).stdin("value");
        cases.push(match environment {
            Some(path) => case.env("KUBECONFIG", path),
            None => case,
        });
    }
    cases
}

#[test]
fn flags_are_read_and_refused_as_kubeseal_does() {
    compare_all(flags());
}

#[test]
fn variables_mean_what_they_mean_to_kubeseal() {
    compare_all(environment());
}

#[test]
fn namespaces_come_from_where_kubeseal_takes_them() {
    compare_all(namespaces());
}
