use proptest::prelude::*;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn names(names: &[&str]) -> NamespaceCondition {
    NamespaceCondition {
        namespaces: names.iter().map(|name| (*name).to_owned()).collect(),
        ..NamespaceCondition::default()
    }
}

fn pattern(pattern: &str) -> NamespaceCondition {
    NamespaceCondition {
        namespace_regexes: vec![pattern.to_owned()],
        ..NamespaceCondition::default()
    }
}

fn selector(key: &str, operator: &str, values: &[&str]) -> NamespaceCondition {
    let requirement = LabelSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
    };
    NamespaceCondition {
        namespace_selector: Some(LabelSelector {
            match_labels: None,
            match_expressions: Some(vec![requirement]),
        }),
        ..NamespaceCondition::default()
    }
}

fn let_in(conditions: &[NamespaceCondition], namespace: &str) -> bool {
    let team = labels(&[("team", "a")]);
    lets_in(conditions, namespace, &team, Anchoring::Whole).unwrap()
}

#[test]
fn without_conditions_all_are_let_in_and_with_several_one_is_enough() {
    assert!(let_in(&[], "any"));
    assert!(!let_in(&[names(&["prod"])], "dev"));
    assert!(let_in(&[names(&["prod"]), pattern("dev-.*")], "dev-1"));
    let both = NamespaceCondition {
        namespaces: vec!["prod".to_owned()],
        ..pattern("dev-.*")
    };
    assert!(let_in(std::slice::from_ref(&both), "prod") && let_in(&[both], "dev-1"));
}

#[test]
fn patterns_match_whole_names_unless_the_old_way_is_asked_for() {
    let condition = [pattern("team-a|ops")];
    assert!(let_in(&condition, "team-a") && let_in(&condition, "ops"));
    assert!(!let_in(&condition, "team-abc") && !let_in(&condition, "my-team-a"));
    assert!(lets_in(&condition, "my-team-abc", &labels(&[]), Anchoring::Part).unwrap());
}

#[test]
fn selectors_are_read_as_kubernetes_reads_them() {
    for (operator, values, expected) in [
        ("In", &["a", "b"][..], true),
        ("In", &["b"], false),
        ("NotIn", &["a"], false),
        ("NotIn", &["b"], true),
        ("Exists", &[], true),
        ("DoesNotExist", &[], false),
    ] {
        let found = let_in(&[selector("team", operator, values)], "prod");
        assert_eq!(found, expected, "team {operator} {values:?}");
    }
    assert!(
        let_in(&[selector("other", "NotIn", &["a"])], "prod"),
        "a label that is not there is in no set"
    );
}

#[test]
fn what_cannot_be_read_lets_nobody_in_and_is_told_unless_another_condition_does() {
    let refused = lets_in(&[pattern("(")], "prod", &labels(&[]), Anchoring::Whole).unwrap_err();
    assert_eq!(refused.kind.code, "store-condition-unreadable");
    assert!(lets_in(&[pattern("prod)|(dev")], "prod", &labels(&[]), Anchoring::Whole).is_err());
    assert!(let_in(&[pattern("("), names(&["prod"])], "prod"));
    assert!(
        lets_in(
            &[selector("a", "Near", &[])],
            "prod",
            &labels(&[]),
            Anchoring::Whole
        )
        .is_err()
    );
}

fn name() -> impl Strategy<Value = String> {
    "[a-c]{1,2}"
}

proptest! {
    // GHSA-wv26-88m5-6h59 (CVE-2026-42875): a caProvider that named another namespace was read from there. Whatever
    // the combination, and whatever is referred to: Secrets, ConfigMaps and ServiceAccounts all come through here.
    #[test]
    fn a_secret_store_never_reads_outside_its_own_namespace(
        own in name(), asker in name(), named in proptest::option::of(name()),
    ) {
        let store = Place { kind: StoreKind::SecretStore, namespace: &own, asker: &asker };
        match read_from(store, named.as_deref()) {
            Ok(from) => prop_assert_eq!(from, From::Fixed(own)),
            Err(fault) => {
                prop_assert_eq!(fault.kind.code, "store-reaches-out");
                prop_assert!(named.is_some_and(|named| named != own));
            }
        }
    }

    #[test]
    fn a_cluster_store_reads_where_its_author_says_or_where_the_asker_is_and_nowhere_else(
        asker in "[a-c]{0,2}", named in proptest::option::of(name()),
    ) {
        let store = Place { kind: StoreKind::ClusterSecretStore, namespace: "", asker: &asker };
        let from = read_from(store, named.as_deref()).unwrap();
        prop_assert_eq!(from, match (named, asker.is_empty()) {
            (Some(named), _) => From::Fixed(named),
            (None, true) => From::Nobody,
            (None, false) => From::Asker(asker),
        });
    }

    #[test]
    fn what_a_whole_pattern_lets_in_it_also_matches_in_part(
        expression in "[a-c.*|]{1,5}", namespace in name(),
    ) {
        let condition = [pattern(&expression)];
        let whole = lets_in(&condition, &namespace, &labels(&[]), Anchoring::Whole);
        let part = lets_in(&condition, &namespace, &labels(&[]), Anchoring::Part);
        if let (Ok(true), Ok(part)) = (whole, part) {
            prop_assert!(part);
        }
    }

    // GHSA-fcxq-v2r3-cc8h: labels that selected across all namespaces. Here labels say which namespaces a store lets
    // in, and they are those of the asker's own: whoever has none of them is let in by none of these conditions.
    #[test]
    fn labels_let_in_only_the_namespace_that_has_them(
        wanted in proptest::collection::btree_map("[a-b]", "[x-z]", 1..3),
        had in proptest::collection::btree_map("[a-b]", "[x-z]", 0..3),
        namespace in name(),
    ) {
        let condition = [NamespaceCondition {
            namespace_selector: Some(LabelSelector {
                match_labels: Some(wanted.clone()),
                match_expressions: None,
            }),
            ..NamespaceCondition::default()
        }];
        let expected = wanted.iter().all(|(key, value)| had.get(key) == Some(value));
        for anchoring in [Anchoring::Whole, Anchoring::Part] {
            prop_assert_eq!(lets_in(&condition, &namespace, &had, anchoring).unwrap(), expected);
        }
    }

    // Whatever the conditions are, whom none of them names is not let in, and one more condition never shuts out whom
    // the others let in.
    #[test]
    fn only_who_is_named_is_let_in(
        named in proptest::collection::vec(name(), 1..4),
        patterns in proptest::collection::vec("[a-c]{1,2}", 0..3),
        namespace in name(),
    ) {
        let conditions: Vec<NamespaceCondition> = named
            .iter()
            .map(|named| names(&[named]))
            .chain(patterns.iter().map(|expression| pattern(expression)))
            .collect();
        let expected = named.contains(&namespace) || patterns.contains(&namespace);
        prop_assert_eq!(let_in(&conditions, &namespace), expected);
        for count in 1..conditions.len() {
            let fewer = let_in(&conditions[..count], &namespace);
            prop_assert!(!fewer || expected);
        }
    }
    #[test]
    fn a_generator_is_the_askers_own_or_everybodys(
        asker in name(), kind in "(Password|UUID|Fake|SSHKey|ClusterGenerator|Webhook)", name in name(),
        version in proptest::option::of("(v1|apps/v1|generators.external-secrets.io/v1alpha1|generators.external-secrets.io/v2)?"),
    ) {
        let reference = GeneratorRef { api_version: version.clone(), kind: kind.clone(), name: name.clone() };
        let known = version.is_none_or(|version| version.is_empty() || version == GENERATORS_API_VERSION);
        match generator(&reference, &asker) {
            Ok(place) => {
                let namespace = if kind == CLUSTER_GENERATOR { String::new() } else { asker };
                prop_assert!(known);
                prop_assert_eq!(place, GeneratorPlace { kind, namespace, name });
            }
            Err(fault) => prop_assert!(!known && fault.kind.code == "generator-unusable"),
        }
    }
}

fn selecting(spec: serde_json::Value) -> ClusterExternalSecretSpec {
    let mut spec = spec;
    spec["externalSecretSpec"] = serde_json::json!({});
    serde_json::from_value(spec).unwrap()
}

#[test]
fn namespaces_are_selected_by_name_or_by_any_selector_and_never_by_none() {
    let team = labels(&[("team", "a")]);
    let selected = |spec| is_selected(&selecting(spec), "prod", &team).map_err(|fault| fault.kind.code);
    let by = |label: &str, value: &str| serde_json::json!({"matchLabels": {label: value}});
    for (spec, expected) in [
        (serde_json::json!({}), false),
        (serde_json::json!({"namespaces": ["dev", "prod"]}), true),
        (serde_json::json!({"namespaces": ["dev"]}), false),
        (serde_json::json!({"namespaceSelector": by("team", "a")}), true),
        (
            serde_json::json!({"namespaceSelectors": [by("team", "b"), by("team", "a")]}),
            true,
        ),
        (
            serde_json::json!({"namespaceSelectors": [by("team", "b")], "namespaces": ["prod"]}),
            true,
        ),
        // An empty selector is everything, as Kubernetes has it.
        (serde_json::json!({"namespaceSelectors": [{}]}), true),
    ] {
        assert_eq!(selected(spec.clone()), Ok(expected), "{spec}");
    }
    let unreadable = serde_json::json!([{"matchExpressions": [{"key": "a", "operator": "Resembles"}]}]);
    let spec = serde_json::json!({"namespaceSelectors": unreadable, "namespaces": ["prod"]});
    assert_eq!(selected(spec), Err("namespace-selector-unreadable"));
}
