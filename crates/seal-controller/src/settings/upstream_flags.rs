//! All flags of sealed-secrets 0.40: each is taken under its name and its variable, with upstream's
//! default, and does something or is named as without effect.

use clap::CommandFactory;

use super::*;

/// What a flag does.
enum Effect {
    /// It is seen here.
    Sets(fn(&Settings) -> String),
    /// Nothing; the user is told, except of this value, which is what happens anyway.
    Nothing(Option<&'static str>),
}

use Effect::{Nothing, Sets};

/// Name, upstream's default as we would print it, another value, and how that is printed.
struct Row(&'static str, &'static str, &'static str, &'static str, Effect);

fn watched(settings: &Settings) -> String {
    match settings.watched() {
        Watched::All => "all".to_owned(),
        Watched::These(some) => some[1..].join(","),
    }
}

const UPSTREAM: &[Row] = &[
    Row(
        "key-prefix",
        "sealed-secrets-key",
        "mine-",
        "mine-",
        Sets(|s| s.key_prefix.clone()),
    ),
    Row(
        "key-size",
        "Bits4096",
        "2048",
        "Bits2048",
        Sets(|s| format!("{:?}", s.key_size)),
    ),
    Row(
        "key-ttl",
        "315360000s",
        "1h",
        "3600s",
        Sets(|s| format!("{:?}", s.key_ttl())),
    ),
    Row("my-cn", "", "cluster", "cluster", Sets(|s| s.my_cn.clone())),
    Row(
        "key-renew-period",
        "Some(2592000s)",
        "0",
        "None",
        Sets(|s| format!("{:?}", s.key_renew_period())),
    ),
    Row(
        "rotate-period",
        "Some(2592000s)",
        "2s",
        "Some(2s)",
        Sets(|s| format!("{:?}", s.key_renew_period())),
    ),
    Row(
        "key-order-priority",
        "CertNotBefore",
        "SecretCreationTimestamp",
        "SecretCreationTimestamp",
        Sets(|s| format!("{:?}", s.key_order_priority)),
    ),
    Row(
        "key-cutoff-time",
        "None",
        "Mon, 02 Jan 2006 15:04:05 -0700",
        "Some(2006-01-02T22:04:05Z)",
        Sets(|s| format!("{:?}", s.key_cutoff_time())),
    ),
    Row(
        "accept-deprecated-v1-data",
        "true",
        "false",
        "false",
        Sets(|s| s.accept_deprecated_v1_data.to_string()),
    ),
    Row("all-namespaces", "all", "false", "", Sets(watched)),
    Row("additional-namespaces", "all", "a,b", "a,b", Sets(watched)),
    Row(
        "label-selector",
        "",
        "a=b",
        "a=b",
        Sets(|s| s.label_selector.clone()),
    ),
    Row("rate-limit", "2", "7", "7", Sets(|s| s.rate_limit.to_string())),
    Row(
        "rate-limit-burst",
        "2",
        "0",
        "0",
        Sets(|s| s.rate_limit_burst.to_string()),
    ),
    Row(
        "privatekey-annotations",
        "{}",
        "a=b",
        "{\"a\": \"b\"}",
        Sets(|s| format!("{:?}", s.key_annotations())),
    ),
    Row(
        "privatekey-labels",
        "{}",
        "a=b=c",
        "{\"a\": \"b=c\"}",
        Sets(|s| format!("{:?}", s.key_labels())),
    ),
    Row("old-gc-behavior", "", "true", "", Nothing(Some("false"))),
    Row(
        "update-status",
        "true",
        "F",
        "false",
        Sets(|s| s.update_status.to_string()),
    ),
    Row("watch-for-secrets", "", "false", "", Nothing(Some("true"))),
    Row(
        "skip-recreate",
        "false",
        "1",
        "true",
        Sets(|s| s.skip_recreate.to_string()),
    ),
    Row(
        "log-info-stdout",
        "true",
        "false",
        "false",
        Sets(|s| s.log_info_stdout.to_string()),
    ),
    Row(
        "log-level",
        "INFO",
        "debug",
        "DEBUG",
        Sets(|s| s.log_level.to_string()),
    ),
    Row(
        "log-format",
        "Text",
        "json",
        "Json",
        Sets(|s| format!("{:?}", s.log_format)),
    ),
    Row("max-unseal-retries", "", "-1", "", Nothing(None)),
    Row("kubeclient-qps", "", "-1", "", Nothing(None)),
    Row("kubeclient-burst", "", "10", "", Nothing(None)),
    Row(
        "listen-addr",
        "[::]:8080",
        "127.0.0.1:1",
        "127.0.0.1:1",
        Sets(|s| s.listen().to_string()),
    ),
    Row(
        "listen-metrics-addr",
        "[::]:8081",
        ":1",
        "[::]:1",
        Sets(|s| s.listen_metrics().to_string()),
    ),
    Row("read-timeout", "", "2m", "", Nothing(None)),
    Row("write-timeout", "", "2m", "", Nothing(None)),
    Row(
        "metrics-omit-secret-labels",
        "false",
        "true",
        "true",
        Sets(|s| s.metrics_omit_secret_labels.to_string()),
    ),
];

fn read(flag: Option<String>) -> Settings {
    let arguments = std::iter::once("seal-controller".to_owned()).chain(flag);
    Settings::read(arguments.map(OsString::from)).unwrap()
}

#[test]
fn each_flag_of_upstream_has_its_default_and_its_effect_or_is_named_as_without_one() {
    for Row(flag, default, value, expected, effect) in UPSTREAM {
        let (unset, set) = (read(None), read(Some(format!("--{flag}={value}"))));
        let told = |settings: &Settings| {
            settings
                .without_effect
                .given()
                .any(|(name, _)| name == format!("--{flag}"))
        };
        match effect {
            Sets(seen) => {
                assert_eq!(seen(&unset), *default, "--{flag}");
                assert_eq!(seen(&set), *expected, "--{flag}={value}");
                assert!(!told(&set), "--{flag}");
            }
            Nothing(happens_anyway) => {
                assert!(told(&set) && !told(&unset), "--{flag}");
                if let Some(value) = happens_anyway {
                    assert!(
                        !told(&read(Some(format!("--{flag}={value}")))),
                        "--{flag}={value}"
                    );
                }
            }
        }
    }
    assert!(read(Some("--version".to_owned())).version);
}

#[test]
fn every_flag_has_a_variable_of_its_name_and_says_what_it_is_for() {
    let command = Settings::command();
    let flags: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| Some((argument.get_long()?, argument)))
        .collect();
    for Row(flag, ..) in UPSTREAM {
        assert!(flags.iter().any(|(name, _)| name == flag), "--{flag} is missing");
    }
    for (flag, argument) in flags {
        assert!(argument.get_help().is_some(), "--{flag}");
        if flag == "version" {
            continue;
        }
        let variable = format!("SEALED_SECRETS_{}", flag.replace('-', "_").to_uppercase());
        let known = argument.get_env().map(|name| name.to_string_lossy().into_owned());
        assert_eq!(known, Some(variable), "--{flag}");
    }
}
