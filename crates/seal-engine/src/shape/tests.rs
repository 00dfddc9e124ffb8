use seal_api::TemplateMetadata;
use seal_template::environment::{Random, UtcOnly};

use super::*;
use crate::sealed_secret::functions;

struct Zeros;
impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn unveiled(entries: &[(&str, &str)]) -> Unveiled {
    let entries = entries
        .iter()
        .map(|(entry, value)| ((*entry).to_owned(), Plaintext::copied(value.as_bytes())))
        .collect();
    Unveiled {
        entries,
        keys: BTreeMap::new(),
        hidden: None,
    }
}

fn template(data: &[(&str, Option<&str>)]) -> SecretTemplate {
    let data = data
        .iter()
        .map(|(entry, source)| ((*entry).to_owned(), source.map(str::to_owned)))
        .collect();
    SecretTemplate {
        data: Some(data),
        ..SecretTemplate::default()
    }
}

fn shaped(unveiled: Unveiled, template: &SecretTemplate) -> Result<Material, Vec<Fault>> {
    let mut random = Zeros;
    let mut env = Env {
        now: jiff::Timestamp::UNIX_EPOCH,
        zones: &UtcOnly,
        random: &mut random,
    };
    shape(unveiled, Some(template), &functions(), &mut env)
}

fn value<'a>(material: &'a Material, entry: &str) -> Option<&'a str> {
    material
        .entries
        .get(entry)
        .map(|value| std::str::from_utf8(value.expose()).unwrap())
}

#[test]
fn a_template_sees_the_values_and_its_siblings_source() {
    let material = shaped(
        unveiled(&[("foo", "bar")]),
        &template(&[
            ("out", Some("secret {{ index . \"foo\" }} !")),
            ("ref", Some("{{ .out }}")),
        ]),
    )
    .ok()
    .unwrap();
    assert_eq!(value(&material, "out"), Some("secret bar !"));
    assert_eq!(value(&material, "ref"), Some("secret {{ index . \"foo\" }} !"));
    assert_eq!(value(&material, "foo"), Some("bar"));
}

#[test]
fn a_sealed_value_wins_over_its_template_and_null_leaves_it_out() {
    let material = shaped(
        unveiled(&[("foo", "sealed"), ("hidden", "h")]),
        &template(&[
            ("foo", Some("templated")),
            ("hidden", None),
            ("uses", Some("{{ .hidden }}")),
        ]),
    )
    .ok()
    .unwrap();
    assert_eq!(value(&material, "foo"), Some("sealed"));
    assert_eq!(value(&material, "hidden"), None);
    assert_eq!(value(&material, "uses"), Some("h"));
}

#[test]
fn every_broken_template_is_named_with_its_line_and_none_of_the_values() {
    let faults = shaped(
        unveiled(&[("foo", "canary")]),
        &template(&[
            ("a", Some("{{ env \"HOME\" }}")),
            ("b", Some("x\n{{ .foo.bar }}")),
            ("c", Some("ok")),
        ]),
    )
    .err()
    .unwrap();
    let codes: Vec<_> = faults.iter().map(|fault| fault.kind.code).collect();
    assert_eq!(codes, ["template-unreadable", "template-failed"]);
    assert_eq!(
        faults[0].sentence(),
        "template: a:1: function \"env\" not defined (a)"
    );
    assert_eq!(faults[1].place.position.map(|(line, _)| line), Some(2));
    assert!(faults.iter().all(|fault| !fault.sentence().contains("canary")));
}

#[test]
fn a_template_cannot_make_a_sealing_key_or_a_credential_of_the_cluster() {
    let refused = |material: Material, policy: &Policy<'_>| -> Vec<&'static str> {
        let faults = desired(material, "seal", "keys", policy).err().unwrap();
        faults.iter().map(|fault| fault.kind.code).collect()
    };
    let labels = [(annotations::KEY_LABEL.to_owned(), "active".to_owned())].into();
    let metadata = TemplateMetadata {
        labels: Some(labels),
        ..TemplateMetadata::default()
    };
    let labelled = SecretTemplate {
        metadata: Some(metadata),
        ..SecretTemplate::default()
    };
    let material = shaped(unveiled(&[("a", "b")]), &labelled).ok().unwrap();
    assert_eq!(refused(material, &Policy::default()), ["reserved"]);
    let policy = Policy {
        reserved_names: &[("seal", "other"), ("seal", "keys")],
    };
    let material = shaped(unveiled(&[("a", "b")]), &SecretTemplate::default())
        .ok()
        .unwrap();
    assert_eq!(refused(material, &policy), ["reserved"]);
    for kind in DANGEROUS_TYPES {
        let typed = SecretTemplate {
            kind: Some(kind.to_owned()),
            ..SecretTemplate::default()
        };
        let material = shaped(unveiled(&[("a", "b")]), &typed).ok().unwrap();
        assert_eq!(
            refused(material, &Policy::default()),
            ["dangerous-type"],
            "{kind}"
        );
    }
}

#[test]
fn entries_that_a_secret_cannot_have_are_named_before_anything_is_sent() {
    for bad in ["a/b", "", ".", "..", "..a", "ä", &"x".repeat(254)] {
        let material = shaped(unveiled(&[(bad, "v")]), &SecretTemplate::default())
            .ok()
            .unwrap();
        let faults = desired(material, "ns", "name", &Policy::default()).err().unwrap();
        assert_eq!(faults[0].kind.code, "invalid-entry", "{bad:?}");
    }
    let large = "x".repeat(MOST_BYTES + 1);
    let material = shaped(unveiled(&[("a", &large)]), &SecretTemplate::default())
        .ok()
        .unwrap();
    assert_eq!(
        desired(material, "ns", "name", &Policy::default()).err().unwrap()[0]
            .kind
            .code,
        "too-large"
    );
}

#[test]
fn many_templates_cost_no_more_than_an_object_may() {
    let rendered = |source: &str, count: usize, fuel: u64, output: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("t{index:03}")).collect();
        let all: Vec<_> = names.iter().map(|name| (name.as_str(), Some(source))).collect();
        let all = template(&all).data.unwrap();
        let mut budget = Budget { fuel, output };
        let mut env = Env {
            now: jiff::Timestamp::UNIX_EPOCH,
            zones: &UtcOnly,
            random: &mut Zeros,
        };
        render(&BTreeMap::new(), &all, &functions(), &mut env, &mut budget)
            .map(|entries| entries.len())
            .map_err(|faults| (faults[0].place.entry.clone().unwrap(), faults[0].sentence()))
    };
    let steps = "{{ range until 100 }}{{ end }}";
    assert_eq!(rendered(steps, 2, 10_000, 0), Ok(2));
    let (entry, sentence) = rendered(steps, 100, 10_000, 0).unwrap_err();
    assert!(
        entry.as_str() > "t000" && sentence.contains("too many steps"),
        "{entry} {sentence}"
    );
    assert_eq!(rendered("twelve bytes", 3, 1_000, 36), Ok(3));
    let (entry, sentence) = rendered("twelve bytes", 4, 1_000, 36).unwrap_err();
    assert!(
        entry == "t003" && sentence.contains("the output is too large"),
        "{entry} {sentence}"
    );
}
