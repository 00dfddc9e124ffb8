//! Where a certificate comes from, and what is none.

use super::harness::{Case, SECRET, compare_all, run, web_server};

fn certificates() -> Vec<Case> {
    [
        "nope.pem",
        "public.pem",
        "key.pem",
        "ec-key.pem",
        "secret.yaml",
        "expired.pem",
        "key-and-cert.pem",
        "%zz",
        "a:b",
        "file:///nope",
        "ftp://x/y",
        "http://127.0.0.1:1/x",
        "https://127.0.0.1:1/x",
        "':x'",
        "'ht tp://x'",
    ]
    .into_iter()
    .flat_map(|source| {
        [
            run(&format!("--cert {source}")).stdin(SECRET),
            run(&format!("--cert {source} --fetch-cert")),
        ]
    })
    .chain(
        [
            "--cert cert.pem --fetch-cert -f nope",
            "--cert cert.pem --fetch-cert -w out.pem",
        ]
        .map(run),
    )
    .collect()
}

#[test]
fn certificates_are_found_and_refused_as_kubeseal_does() {
    compare_all(certificates());
}

#[test]
fn certificates_are_fetched_over_http_as_kubeseal_does() {
    let server = web_server();
    let cases = ["cert.pem", "moved", "missing"]
        .into_iter()
        .flat_map(|path| {
            let source = format!("--cert {server}/{path}");
            [run(&source).stdin(SECRET), run(&format!("{source} --fetch-cert"))]
        })
        .collect();
    compare_all(cases);
}
