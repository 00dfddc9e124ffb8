//! `seal explain` without a cluster: files with and without keys, the catalogue, and its exit codes.

use super::harness::{Bench, done, refused, secret};

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("sealed.yaml", bench.sealed(&secret("a: one\nb: two")));
    bench
}

#[test]
fn a_file_without_keys_tells_scope_and_size_and_with_keys_which_one_opens() {
    let bench = bench();
    let outside = done(&bench.seal("explain sealed.yaml"));
    assert!(
        outside.contains("Entries: strict, they open as prod/db only"),
        "{outside}"
    );
    assert!(outside.contains("sealed to a key of 2048 bits"), "{outside}");
    assert!(!outside.contains("SHA256:"), "{outside}");
    for flag in ["--keys", "--private-key"] {
        let opened = done(&bench.seal(&format!("explain sealed.yaml {flag} key.pem")));
        assert_eq!(
            opened
                .matches("opens; sealed to a key of 2048 bits, SHA256:")
                .count(),
            2,
            "{opened}"
        );
        assert!(!opened.contains("one") && !opened.contains("two"), "{opened}");
    }
}

#[test]
fn what_does_not_open_is_a_finding_for_people_and_programs() {
    let bench = bench();
    let output = bench.seal("explain sealed.yaml --keys other.pem");
    assert_eq!((output.code, output.err().trim()), (1, "2 findings"));
    assert!(output.out().contains("[another-key-or-name]"), "{}", output.out());
    let output = bench.seal("explain sealed.yaml --keys other.pem -o json");
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["healthy"], false);
    let check = &value["reports"][0]["checks"][0];
    assert_eq!(
        (
            &check["section"],
            &check["about"],
            &check["code"],
            &check["facts"]["scope"]
        ),
        (
            &"Entries".into(),
            &"a".into(),
            &"another-key-or-name".into(),
            &"strict".into()
        )
    );
}

#[test]
fn one_object_of_a_file_is_chosen_by_number_or_by_name() {
    let bench = Bench::new();
    let second = secret("a: one").replace("name: db", "name: mail");
    let both = bench.sealed(&format!("{}---\n{second}", secret("a: one")));
    let named = |line: &str| done(&bench.seal_with(line, both.clone()));
    let all = named("explain -");
    assert!(all.contains("prod/db") && all.contains("prod/mail"), "{all}");
    for line in ["explain - --document 2", "explain - --document mail"] {
        let one = named(line);
        assert!(
            !one.contains("prod/db") && one.contains("prod/mail"),
            "{line}: {one}"
        );
    }
    refused(
        &bench.seal_with("explain - --document 3", both),
        3,
        "no SealedSecret or ExternalSecret is document 3",
    );
}

#[test]
fn a_template_that_cannot_be_read_is_shown_with_its_line() {
    let bench = bench();
    let broken =
        bench.read("sealed.yaml") + "    data:\n      url: |\n        first\n        x {{ .a | nothing }}\n";
    bench.write("sealed.yaml", broken);
    let output = bench.seal("explain sealed.yaml");
    assert_eq!(output.code, 1, "{}", output.err());
    let text = output.out();
    assert!(
        text.contains("url, line 2  template: url:2: function \"nothing\" not defined"),
        "{text}"
    );
    assert!(text.contains("| x {{ .a | nothing }}\n"), "{text}");
    // The same shows in `verify`, which says no more than that all is well-formed.
    assert_eq!(bench.seal("verify sealed.yaml").code, 1);
}

#[test]
fn the_catalogue_is_listed_and_its_rows_are_told() {
    let bench = Bench::new();
    let list = done(&bench.seal("explain --list"));
    assert_eq!(
        list.lines().filter(|line| line.starts_with("not-ours ")).count(),
        1
    );
    for word in ["not-ours", "TargetNotOurs"] {
        let row = done(&bench.seal(&format!("explain {word}")));
        assert!(row.contains("remedy") && row.contains("exit code  3"), "{row}");
    }
    let json = done(&bench.seal("explain --list --output json"));
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    // A heading; then two lines each.
    assert_eq!(rows.as_array().unwrap().len() * 2, list.lines().count() - 1);
}

#[test]
fn what_is_asked_about_must_be_there() {
    let bench = bench();
    refused(&bench.seal("explain nope.yaml"), 3, "there is no such file");
    refused(&bench.seal("explain key.pem"), 3, "key.pem");
    assert_eq!(bench.seal("explain").code, 2);
    assert_eq!(bench.seal("explain --list sealed.yaml").code, 2);
    refused(&bench.seal("explain ss/Not_a_name"), 2, "not a valid name");
}
