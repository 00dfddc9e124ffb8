//! What the controller was told: upstream's flags and variables, typed and resolved.
//!
//! A flag wins over its variable. Unlike upstream, a variable that cannot be read is an error that
//! names it, never ignored. What follows from a setting is for those who use it.

mod external_secrets;
mod go_values;
mod label_selector;
mod leader_election;
mod recipients;
mod surroundings;
#[cfg(test)]
mod upstream_flags;
mod without_effect;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum};
use jiff::Timestamp;
use seal_cluster::backup::Recipient;
use seal_core::KeySize;

pub use external_secrets::ExternalSecrets;
pub use leader_election::LeaderElection;
pub use without_effect::WithoutEffect;

use go_values::{
    GoDuration, ListenAddress, Pairs, boolean, cutoff_time, key_prefix, key_size, namespaces, verbosity,
};
use label_selector::label_selector;
use recipients::Recipients;
use surroundings::{OUTSIDE, own_namespace, pod_name};

/// Which of two keys is the newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyOrder {
    /// The one whose certificate begins later.
    #[value(name = "CertNotBefore")]
    CertNotBefore,
    /// The one whose Secret was created later.
    #[value(name = "SecretCreationTimestamp")]
    SecretCreationTimestamp,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is done over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HttpApi {
    /// What upstream does: the certificate, `/v1/verify` and `/v1/rotate`.
    Compat,
    /// The certificate; the rest is not found.
    CertOnly,
}

/// The controller's settings.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "seal-controller",
    about = "Opens SealedSecrets inside a cluster",
    disable_version_flag = true,
    after_help = OUTSIDE
)]
pub struct Settings {
    /// Beginning of the names of generated key Secrets; the Secret of just that name is a key as well
    #[arg(long, env = "SEALED_SECRETS_KEY_PREFIX", default_value = "sealed-secrets-key", value_parser = key_prefix)]
    pub key_prefix: String,
    /// Size of generated keys in bits
    #[arg(long, env = "SEALED_SECRETS_KEY_SIZE", default_value = "4096", value_parser = key_size)]
    pub key_size: KeySize,
    /// How long a generated certificate is valid
    #[arg(long, env = "SEALED_SECRETS_KEY_TTL", default_value = "87600h")]
    key_ttl: GoDuration,
    /// Common name in generated certificates
    #[arg(long, env = "SEALED_SECRETS_MY_CN", default_value = "")]
    pub my_cn: String,
    /// How often a new key is made; 0 for never
    #[arg(long, env = "SEALED_SECRETS_KEY_RENEW_PERIOD", default_value = "720h")]
    key_renew_period: GoDuration,
    /// What makes a key the newest
    #[arg(
        long,
        env = "SEALED_SECRETS_KEY_ORDER_PRIORITY",
        default_value = "CertNotBefore"
    )]
    pub key_order_priority: KeyOrder,
    /// Do not make the first key: wait, not ready, until one is restored. Where keys stand and the one that
    /// seals is lost, a new one is made and told of, so that sealing goes on
    #[arg(long, env = "SEALED_SECRETS_REQUIRE_EXISTING_KEY", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub require_existing_key: bool,
    /// Who can open the backup of the keys: age recipients (age1…,age1…); none for no backup
    #[arg(
        long,
        env = "SEALED_SECRETS_BACKUP_RECIPIENTS",
        default_value = "",
        hide_default_value = true
    )]
    backup_recipients: Recipients,
    /// A new key is made at start if the one in use is older than this (RFC 1123 with a numeric zone)
    #[arg(long, env = "SEALED_SECRETS_KEY_CUTOFF_TIME", default_value = "", value_parser = cutoff_time, hide_default_value = true)]
    key_cutoff_time: Cutoff,
    /// Annotations of generated key Secrets (a=b,c=d)
    #[arg(
        long,
        env = "SEALED_SECRETS_PRIVATEKEY_ANNOTATIONS",
        default_value = "",
        hide_default_value = true
    )]
    privatekey_annotations: Pairs,
    /// Labels of generated key Secrets (a=b,c=d)
    #[arg(
        long,
        env = "SEALED_SECRETS_PRIVATEKEY_LABELS",
        default_value = "",
        hide_default_value = true
    )]
    privatekey_labels: Pairs,
    /// Whether the deprecated field spec.data is read
    #[arg(long, env = "SEALED_SECRETS_ACCEPT_DEPRECATED_V1_DATA", default_value = "true", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub accept_deprecated_v1_data: bool,
    /// Watch all namespaces, or only the controller's own
    #[arg(long, env = "SEALED_SECRETS_ALL_NAMESPACES", default_value = "true", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    all_namespaces: bool,
    /// Watch the controller's own namespace and these (a,b)
    #[arg(
        long,
        env = "SEALED_SECRETS_ADDITIONAL_NAMESPACES",
        default_value = "",
        value_parser = namespaces,
        hide_default_value = true
    )]
    additional_namespaces: Names,
    /// Only SealedSecrets with these labels
    #[arg(
        long,
        env = "SEALED_SECRETS_LABEL_SELECTOR",
        default_value = "",
        value_parser = label_selector,
        hide_default_value = true
    )]
    pub label_selector: String,
    /// Whether the status of SealedSecrets is written
    #[arg(long, env = "SEALED_SECRETS_UPDATE_STATUS", default_value = "true", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub update_status: bool,
    /// Do not watch Secrets: what is deleted or altered stays so until its SealedSecret changes
    #[arg(long, env = "SEALED_SECRETS_SKIP_RECREATE", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub skip_recreate: bool,
    /// Information goes to standard output, warnings and errors to standard error
    #[arg(long, env = "SEALED_SECRETS_LOG_INFO_STDOUT", default_value = "true", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub log_info_stdout: bool,
    /// ERROR, WARN, INFO, DEBUG or TRACE
    #[arg(long, env = "SEALED_SECRETS_LOG_LEVEL", default_value = "INFO", value_parser = verbosity)]
    pub log_level: tracing::Level,
    /// Look of log lines
    #[arg(
        long,
        env = "SEALED_SECRETS_LOG_FORMAT",
        default_value = "text",
        ignore_case = true
    )]
    pub log_format: LogFormat,
    /// Where the certificate, verifying, rotating and the health checks are served
    #[arg(long, env = "SEALED_SECRETS_LISTEN_ADDR", default_value = ":8080")]
    listen_addr: ListenAddress,
    /// Where the metrics are served
    #[arg(long, env = "SEALED_SECRETS_LISTEN_METRICS_ADDR", default_value = ":8081")]
    listen_metrics_addr: ListenAddress,
    /// How many requests a second verifying and rotating take, each, from all callers together
    #[arg(long, env = "SEALED_SECRETS_RATE_LIMIT", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate_limit: u32,
    /// How many requests beyond that are taken at once
    #[arg(long, env = "SEALED_SECRETS_RATE_LIMIT_BURST", default_value = "2", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate_limit_burst: u32,
    /// compat, or cert-only: /v1/verify and /v1/rotate, which open what anybody hands in, are not found
    #[arg(long, env = "SEALED_SECRETS_HTTP_API", default_value = "compat")]
    pub http_api: HttpApi,
    /// Leave out the metric that names every SealedSecret
    #[arg(long, env = "SEALED_SECRETS_METRICS_OMIT_SECRET_LABELS", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub metrics_omit_secret_labels: bool,
    /// How the one replica that writes is found
    #[command(flatten)]
    pub leader_election: LeaderElection,
    /// Whether ExternalSecrets are taken care of, and how
    #[command(flatten)]
    pub external_secrets: ExternalSecrets,
    /// Print the version and end
    #[arg(long)]
    pub version: bool,
    /// The former name of --key-renew-period
    #[arg(long, env = "SEALED_SECRETS_ROTATE_PERIOD", hide = true)]
    rotate_period: Option<GoDuration>,
    /// What upstream takes and is not used here
    #[command(flatten)]
    pub without_effect: WithoutEffect,
    /// The controller's own namespace; else that of the pod, else `default`
    #[arg(skip)]
    pub namespace: String,
    /// Whether nothing said so
    #[arg(skip)]
    pub namespace_assumed: bool,
    /// The name of the controller's pod, or of its machine
    #[arg(skip)]
    pub pod_name: String,
}

type Cutoff = Option<Timestamp>;
// By another name, since clap takes a `Vec` for several arguments.
type Names = Vec<String>;

/// Which namespaces are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// All.
    All,
    /// These, the controller's own first.
    These(Vec<String>),
}

impl Settings {
    /// Reads flags and environment.
    ///
    /// # Errors
    /// clap's, with the variable's name where a variable is at fault.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let matches = Self::command()
            .try_get_matches_from(&arguments)
            .map_err(|error| blamed(error, &arguments))?;
        let mut settings = Self::from_arg_matches(&matches)?;
        if let Err(error) = settings.leader_election.terms() {
            return Err(
                Self::command().error(ErrorKind::ValueValidation, format!("--leader-elect-…: {error}"))
            );
        }
        if let Some(period) = settings.rotate_period.filter(|_| former_name_wins(&matches)) {
            settings.key_renew_period = period;
        }
        if let Some((number, fault)) = settings.backup_recipients.fault() {
            let what =
                format!("--backup-recipients (SEALED_SECRETS_BACKUP_RECIPIENTS): number {number} is {fault}");
            return Err(Self::command().error(ErrorKind::ValueValidation, what));
        }
        let told = own_namespace();
        settings.namespace_assumed = told.is_none();
        settings.namespace = told.unwrap_or_else(|| "default".to_owned());
        settings.pod_name = pod_name();
        Ok(settings)
    }

    /// Answers `--version`.
    #[expect(clippy::print_stdout, reason = "this is what was asked for")]
    pub fn print_version(&self) -> ExitCode {
        println!("controller version: {}", env!("CARGO_PKG_VERSION"));
        ExitCode::SUCCESS
    }

    /// How long a generated certificate is valid.
    pub fn key_ttl(&self) -> Duration {
        self.key_ttl.0
    }

    /// How often a new key is made; `None` for never.
    pub fn key_renew_period(&self) -> Option<Duration> {
        Some(self.key_renew_period.0).filter(|period| !period.is_zero())
    }

    /// If the key that seals is older than this at the start, a new one is made.
    pub fn key_cutoff_time(&self) -> Option<Timestamp> {
        self.key_cutoff_time
    }

    /// Labels of generated key Secrets.
    pub fn key_labels(&self) -> BTreeMap<String, String> {
        self.privatekey_labels.0.clone()
    }

    /// Annotations of generated key Secrets.
    pub fn key_annotations(&self) -> BTreeMap<String, String> {
        self.privatekey_annotations.0.clone()
    }

    /// Who can open the backup of the keys.
    pub fn backup_recipients(&self) -> Vec<Recipient> {
        self.backup_recipients.valid()
    }

    /// Where the certificate and the health checks are served.
    pub fn listen(&self) -> SocketAddr {
        self.listen_addr.0
    }

    /// Where the metrics are served.
    pub fn listen_metrics(&self) -> SocketAddr {
        self.listen_metrics_addr.0
    }

    /// The namespaces to watch. Naming some means not watching all.
    pub fn watched(&self) -> Watched {
        let named = &self.additional_namespaces;
        if self.all_namespaces && named.is_empty() {
            return Watched::All;
        }
        let mut all = vec![self.namespace.clone()];
        for name in named {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        Watched::These(all)
    }
}

// A flag wins over a variable, and today's name over the former one.
fn former_name_wins(matches: &ArgMatches) -> bool {
    let rank = |name| match matches.value_source(name) {
        Some(ValueSource::CommandLine) => 2,
        Some(ValueSource::EnvVariable) => 1,
        _ => 0,
    };
    rank("rotate_period") > rank("key_renew_period")
}

// clap names the flag only; who set a variable in a chart looks for the variable.
fn blamed(error: clap::Error, arguments: &[OsString]) -> clap::Error {
    if !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        return error;
    }
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let flag = shown.split([' ', '=', '[']).next().unwrap_or(shown);
    let given = |argument: &OsString| {
        let argument = argument.to_string_lossy();
        argument == flag
            || argument
                .strip_prefix(flag)
                .is_some_and(|rest| rest.starts_with('='))
    };
    if arguments.iter().any(given) {
        return error;
    }
    let variable = format!(
        "SEALED_SECRETS_{}",
        flag.trim_start_matches('-').replace('-', "_").to_uppercase()
    );
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    Settings::command().error(error.kind(), format!("{variable}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Settings, clap::Error> {
        Settings::read(
            std::iter::once("seal-controller")
                .chain(arguments.iter().copied())
                .map(OsString::from),
        )
    }

    #[test]
    fn defaults_are_upstreams() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.key_prefix, "sealed-secrets-key");
        assert_eq!(settings.key_size, KeySize::Bits4096);
        assert_eq!(settings.key_ttl(), Duration::from_secs(87_600 * 3600));
        assert_eq!(settings.key_renew_period(), Some(Duration::from_secs(720 * 3600)));
        assert_eq!(settings.watched(), Watched::All);
        assert_eq!(settings.listen().port(), 8080);
        assert_eq!(settings.listen_metrics().port(), 8081);
        assert_eq!((settings.rate_limit, settings.rate_limit_burst), (2, 2));
        assert!(settings.accept_deprecated_v1_data && settings.update_status && !settings.skip_recreate);
    }

    #[test]
    fn the_help_names_what_it_takes_to_run_outside_a_cluster() {
        let help = Settings::command().render_long_help().to_string();
        for name in ["POD_NAMESPACE", "POD_NAME ", "KUBECONFIG"] {
            assert!(help.contains(&format!("  {name}")), "{help}");
        }
        let settings = read(&[]).unwrap();
        let told = std::env::var_os("POD_NAMESPACE").is_some();
        assert_eq!(
            settings.namespace_assumed,
            !told && settings.namespace == "default"
        );
    }

    #[test]
    fn booleans_are_written_as_go_reads_them() {
        assert!(read(&["--skip-recreate"]).unwrap().skip_recreate);
        assert!(read(&["--skip-recreate=T"]).unwrap().skip_recreate);
        assert!(!read(&["--update-status=false"]).unwrap().update_status);
        assert!(read(&["--update-status=maybe"]).is_err());
    }

    #[test]
    fn naming_namespaces_means_not_all() {
        let settings = read(&["--additional-namespaces=c1,,default, c1"]).unwrap();
        let Watched::These(all) = settings.watched() else {
            panic!("all")
        };
        assert_eq!(all[1..].last().map(String::as_str), Some("c1"));
        assert_eq!(all.iter().filter(|name| *name == "c1").count(), 1);
        assert!(
            matches!(read(&["--all-namespaces=false"]).unwrap().watched(), Watched::These(own) if own.len() == 1)
        );
    }

    #[test]
    fn old_names_and_flags_without_effect_are_accepted() {
        let settings = read(&[
            "--rotate-period=0",
            "--kubeclient-qps=-1",
            "--max-unseal-retries=3",
            "--watch-for-secrets",
            "--old-gc-behavior",
            "--read-timeout=2m",
            "--write-timeout=2m",
        ]);
        assert_eq!(settings.unwrap().key_renew_period(), None);
        let both = read(&["--rotate-period=1h", "--key-renew-period=2h"]).unwrap();
        assert_eq!(both.key_renew_period(), Some(Duration::from_secs(7200)));
        assert!(read(&["--nope"]).is_err());
    }

    #[test]
    fn a_rate_limit_lets_something_through() {
        let settings = read(&["--rate-limit=7", "--rate-limit-burst=0"]).unwrap();
        assert_eq!((settings.rate_limit, settings.rate_limit_burst), (7, 0));
        assert!(read(&["--rate-limit=0"]).is_err());
    }

    #[test]
    fn a_cutoff_is_a_date_as_date_prints_it() {
        let settings = read(&["--key-cutoff-time=Mon, 02 Jan 2006 15:04:05 -0700"]).unwrap();
        assert_eq!(
            settings.key_cutoff_time().unwrap().to_string(),
            "2006-01-02T22:04:05Z"
        );
        assert!(read(&["--key-cutoff-time=yesterday"]).is_err());
    }

    #[test]
    fn a_recipient_that_is_none_is_told_by_its_place_and_not_repeated() {
        let good = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
        assert_eq!(
            read(&[&format!("--backup-recipients={good},")])
                .unwrap()
                .backup_recipients()
                .len(),
            1
        );
        let error = read(&[&format!("--backup-recipients={good},hunter2")])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("number 2 is not an age recipient") && !error.contains("hunter2"),
            "{error}"
        );
        assert!(!read(&[]).unwrap().require_existing_key);
    }

    #[test]
    fn labels_without_a_value_are_refused_and_a_second_equals_sign_is_part_of_it() {
        let settings = read(&["--privatekey-labels=a=b,c=d=e"]).unwrap();
        assert_eq!(settings.key_labels()["c"], "d=e");
        assert!(read(&["--privatekey-labels=a"]).is_err());
    }
}
