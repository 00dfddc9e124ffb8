//! kubeseal's flags: one table from which arguments, environment and help are read.
//!
//! The rows stand in the order in which upstream's help lists them (by name). What the options mean
//! is not decided here.

use seal_cluster::kubeconfig::Overrides;
use seal_core::Scope;

use super::go_text::{parse_bool, parse_int32, split_csv};

/// Upstream's prefix of environment variables.
pub(super) const ENVIRONMENT_PREFIX: &str = "SEALED_SECRETS";

/// What the command line and the environment ask for. Empty texts mean "not given", as in upstream.
#[derive(Default)]
pub(super) struct Options {
    pub(super) certificate: String,
    pub(super) controller_namespace: String,
    pub(super) controller_name: String,
    pub(super) format: String,
    pub(super) output_file: String,
    pub(super) input_file: String,
    pub(super) fetch_certificate: bool,
    pub(super) allow_empty_data: bool,
    pub(super) validate: bool,
    pub(super) merge_into: String,
    pub(super) raw: bool,
    pub(super) name: String,
    pub(super) from_file: Vec<String>,
    pub(super) scope: Scope,
    /// Whether somebody said so, be it the default.
    pub(super) scope_given: bool,
    pub(super) reencrypt: bool,
    pub(super) recovery_unseal: bool,
    pub(super) recovery_keys: Vec<String>,
    pub(super) help: bool,
    pub(super) version: bool,
    pub(super) connection: Overrides,
}

impl Options {
    /// The defaults before environment and arguments.
    pub(super) fn defaults() -> Self {
        Self {
            controller_namespace: "kube-system".into(),
            controller_name: "sealed-secrets-controller".into(),
            format: "json".into(),
            ..Self::default()
        }
    }
}

/// One flag.
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) short: Option<char>,
    /// What stands behind the name in the help; empty for switches.
    pub(super) value_name: &'static str,
    /// The default as the help shows it; none where it is the type's zero value.
    pub(super) default: Option<&'static str>,
    pub(super) usage: &'static str,
    /// The remedy; such a flag works, is announced and hidden from the help.
    pub(super) deprecated: Option<&'static str>,
    pub(super) in_environment: bool,
    pub(super) setter: Setter,
}

/// How a flag's value becomes an option.
pub(super) enum Setter {
    Text(fn(&mut Options) -> &mut String),
    /// A text before which `ns/`, `namespace/` or `namespaces/` is dropped.
    Namespace,
    Switch(fn(&mut Options) -> &mut bool),
    /// Comma-separated and repeatable.
    List(fn(&mut Options) -> &mut Vec<String>),
    /// Repeatable, commas are ordinary.
    Repeated(fn(&mut Options) -> &mut Vec<String>),
    Scope,
    /// A klog setting: its syntax is judged, then it is dropped, since none of its log lines exist.
    Log(fn(&str) -> Result<(), String>),
    LogSwitch,
}

impl Setter {
    /// Whether the flag may stand without a value.
    pub(super) fn is_switch(&self) -> bool {
        matches!(self, Self::Switch(_) | Self::LogSwitch)
    }

    /// Takes `value` over; the error is upstream's text.
    pub(super) fn set(&self, options: &mut Options, value: &str) -> Result<(), String> {
        match self {
            Self::Text(text) => *text(options) = value.to_owned(),
            Self::Namespace => options.connection.namespace = without_resource_prefix(value).to_owned(),
            Self::Switch(switch) => {
                let parsed = parse_bool(value);
                // An invalid value switches off, which shows when the environment holds one.
                *switch(options) = parsed.as_ref().copied().unwrap_or_default();
                parsed?;
            }
            Self::List(list) => list(options).extend(split_csv(value)?),
            Self::Repeated(list) => list(options).push(value.to_owned()),
            Self::Scope => {
                options.scope_given = !value.is_empty();
                options.scope = match value {
                    "" => Scope::default(),
                    named => named
                        .parse()
                        .map_err(|error: seal_core::InvalidScope| error.to_string())?,
                };
            }
            Self::Log(check) => check(value)?,
            Self::LogSwitch => {
                parse_bool(value).map_err(|_| "parse error".to_owned())?;
            }
        }
        Ok(())
    }
}

fn without_resource_prefix(value: &str) -> &str {
    ["namespaces/", "namespace/", "ns/"]
        .into_iter()
        .find_map(|prefix| {
            let (head, rest) = value.split_at_checked(prefix.len())?;
            (head.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
        })
        .unwrap_or(value)
}

const fn flag(name: &'static str, value_name: &'static str, usage: &'static str, setter: Setter) -> Flag {
    Flag {
        name,
        short: None,
        value_name,
        default: None,
        usage,
        deprecated: None,
        in_environment: true,
        setter,
    }
}

const fn log(name: &'static str, value_name: &'static str, usage: &'static str, setter: Setter) -> Flag {
    Flag {
        in_environment: false,
        ..flag(name, value_name, usage, setter)
    }
}

use Setter::{List, Log, LogSwitch, Repeated, Switch, Text};

#[rustfmt::skip]
pub(super) const FLAGS: &[Flag] = &[
    log("add_dir_header", "", "If true, adds the file directory to the header of the log messages", LogSwitch),
    flag("allow-empty-data", "", "Allow empty data in the secret object", Switch(|o| &mut o.allow_empty_data)),
    log("alsologtostderr", "", "log to standard error as well as files (no effect when -logtostderr=true)", LogSwitch),
    log("alsologtostderrthreshold", "severity", "logs at or above this threshold go to stderr when -alsologtostderr=true (no effect when -logtostderr=true)", Log(severity)),
    flag("as", "string", "Username to impersonate for the operation", Text(|o| &mut o.connection.impersonate)),
    flag("as-group", "stringArray", "Group to impersonate for the operation, this flag can be repeated to specify multiple groups.", Repeated(|o| &mut o.connection.impersonate_groups)),
    flag("as-uid", "string", "UID to impersonate for the operation", Text(|o| &mut o.connection.impersonate_uid)),
    flag("cert", "string", "Certificate / public key file/URL to use for encryption. Overrides --controller-*", Text(|o| &mut o.certificate)),
    flag("certificate-authority", "string", "Path to a cert file for the certificate authority", Text(|o| &mut o.connection.certificate_authority)),
    flag("client-certificate", "string", "Path to a client certificate file for TLS", Text(|o| &mut o.connection.client_certificate)),
    flag("client-key", "string", "Path to a client key file for TLS", Text(|o| &mut o.connection.client_key)),
    flag("cluster", "string", "The name of the kubeconfig cluster to use", Text(|o| &mut o.connection.cluster)),
    flag("context", "string", "The name of the kubeconfig context to use", Text(|o| &mut o.connection.context)),
    Flag { default: Some("\"sealed-secrets-controller\""), ..flag("controller-name", "string", "Name of sealed-secrets controller.", Text(|o| &mut o.controller_name)) },
    Flag { default: Some("\"kube-system\""), ..flag("controller-namespace", "string", "Namespace of sealed-secrets controller.", Text(|o| &mut o.controller_namespace)) },
    flag("disable-compression", "", "If true, opt-out of response compression for all requests to the server", Switch(|o| &mut o.connection.disable_compression)),
    flag("fetch-cert", "", "Write certificate to stdout. Useful for later use with --cert", Switch(|o| &mut o.fetch_certificate)),
    Flag { short: Some('o'), default: Some("\"json\""), ..flag("format", "string", "Output format for sealed secret. Either json or yaml", Text(|o| &mut o.format)) },
    flag("from-file", "strings", "(only with --raw) Secret items can be sourced from files. Pro-tip: you can use /dev/stdin to read pipe input. This flag tries to follow the same syntax as in kubectl", List(|o| &mut o.from_file)),
    flag("help", "", "Print this help message", Switch(|o| &mut o.help)),
    flag("insecure-skip-tls-verify", "", "If true, the server's certificate will not be checked for validity. This will make your HTTPS connections insecure", Switch(|o| &mut o.connection.insecure_skip_tls_verify)),
    flag("kubeconfig", "string", "Path to a kube config. Only required if out-of-cluster", Text(|o| &mut o.connection.kubeconfig)),
    Flag { default: Some("true"), ..log("legacy_stderr_threshold_behavior", "", "If true, stderrthreshold is ignored when logtostderr=true (legacy behavior). If false, stderrthreshold is honored even when logtostderr=true", LogSwitch) },
    Flag { default: Some(":0"), ..log("log_backtrace_at", "traceLocation", "when logging hits line file:N, emit a stack trace", Log(trace_location)) },
    log("log_dir", "string", "If non-empty, write log files in this directory (no effect when -logtostderr=true)", Log(|_| Ok(()))),
    log("log_file", "string", "If non-empty, use this log file (no effect when -logtostderr=true)", Log(|_| Ok(()))),
    Flag { default: Some("1800"), ..log("log_file_max_size", "uint", "Defines the maximum size a log file can grow to (no effect when -logtostderr=true). Unit is megabytes. If the value is 0, the maximum file size is unlimited.", Log(unsigned)) },
    Flag { default: Some("true"), ..log("logtostderr", "", "log to standard error instead of files", LogSwitch) },
    flag("merge-into", "string", "Merge items from secret into an existing sealed secret file, updating the file in-place instead of writing to stdout.", Text(|o| &mut o.merge_into)),
    flag("name", "string", "Name of the sealed secret (required with --raw and default (strict) scope)", Text(|o| &mut o.name)),
    Flag { short: Some('n'), ..flag("namespace", "string", "If present, the namespace scope for this CLI request", Setter::Namespace) },
    log("one_output", "", "If true, only write logs to their native severity level (vs also writing to each lower severity level; no effect when -logtostderr=true)", LogSwitch),
    flag("password", "string", "Password for basic authentication to the API server", Text(|o| &mut o.connection.password)),
    flag("proxy-url", "string", "If provided, this URL will be used to connect via proxy", Text(|o| &mut o.connection.proxy_url)),
    flag("raw", "", "Encrypt a raw value passed via the --from-* flags instead of the whole secret object", Switch(|o| &mut o.raw)),
    flag("re-encrypt", "", "Re-encrypt the given sealed secret to use the latest cluster key.", Switch(|o| &mut o.reencrypt)),
    flag("recovery-private-key", "strings", "Private key filename used by the --recovery-unseal command. Multiple files accepted either via comma separated list or by repetition of the flag. Either PEM encoded private keys or a backup of a json/yaml encoded k8s sealed-secret controller secret (and v1.List) are accepted. ", List(|o| &mut o.recovery_keys)),
    flag("recovery-unseal", "", "Decrypt a sealed secrets file obtained from stdin, using the private key passed with --recovery-private-key. Intended to be used in disaster recovery mode.", Switch(|o| &mut o.recovery_unseal)),
    Flag { default: Some("\"0\""), ..flag("request-timeout", "string", "The length of time to wait before giving up on a single server request. Non-zero values should contain a corresponding time unit (e.g. 1s, 2m, 3h). A value of zero means don't timeout requests.", Text(|o| &mut o.connection.request_timeout)) },
    Flag { deprecated: Some("please use --re-encrypt instead"), ..flag("rotate", "", "", Switch(|o| &mut o.reencrypt)) },
    Flag { default: Some("\"strict\""), ..flag("scope", "string", "Set the scope of the sealed secret: strict, namespace-wide, cluster-wide (defaults to strict). Mandatory for --raw, otherwise the 'sealedsecrets.bitnami.com/cluster-wide' and 'sealedsecrets.bitnami.com/namespace-wide' annotations on the input secret can be used to select the scope.", Setter::Scope) },
    Flag { short: Some('w'), ..flag("sealed-secret-file", "string", "Sealed-secret (output) file", Text(|o| &mut o.output_file)) },
    Flag { short: Some('f'), ..flag("secret-file", "string", "Secret (input) file", Text(|o| &mut o.input_file)) },
    flag("server", "string", "The address and port of the Kubernetes API server", Text(|o| &mut o.connection.server)),
    log("skip_headers", "", "If true, avoid header prefixes in the log messages", LogSwitch),
    log("skip_log_headers", "", "If true, avoid headers when opening log files (no effect when -logtostderr=true)", LogSwitch),
    Flag { default: Some("2"), ..log("stderrthreshold", "severity", "logs at or above this threshold go to stderr when writing to files and stderr (no effect when -logtostderr=true or -alsologtostderr=true unless -legacy_stderr_threshold_behavior=false)", Log(severity)) },
    flag("tls-server-name", "string", "If provided, this name will be used to validate server certificate. If this is not provided, hostname used to contact the server is used.", Text(|o| &mut o.connection.tls_server_name)),
    flag("token", "string", "Bearer token for authentication to the API server", Text(|o| &mut o.connection.token)),
    flag("user", "string", "The name of the kubeconfig user to use", Text(|o| &mut o.connection.user)),
    flag("username", "string", "Username for basic authentication to the API server", Text(|o| &mut o.connection.username)),
    Flag { short: Some('v'), ..log("v", "Level", "number for the log level verbosity", Log(|value| parse_int32(value).map(drop))) },
    flag("validate", "", "Validate that the sealed secret can be decrypted", Switch(|o| &mut o.validate)),
    flag("version", "", "Print version information and exit", Switch(|o| &mut o.version)),
    log("vmodule", "moduleSpec", "comma-separated list of pattern=N settings for file-filtered logging", Log(module_levels)),
];

fn severity(value: &str) -> Result<(), String> {
    if ["INFO", "WARNING", "ERROR", "FATAL"]
        .iter()
        .any(|name| value.eq_ignore_ascii_case(name))
    {
        return Ok(());
    }
    parse_int32(value).map(drop)
}

fn trace_location(value: &str) -> Result<(), String> {
    let syntax = || "syntax error: expect file.go:234".to_owned();
    if value.is_empty() {
        return Ok(());
    }
    let (file, line) = value.split_once(':').ok_or_else(syntax)?;
    if !file.contains('.') {
        return Err(syntax());
    }
    match line.parse::<i64>() {
        Ok(line) if line > 0 => Ok(()),
        Ok(_) => Err("negative or zero value for level".to_owned()),
        Err(_) => Err(syntax()),
    }
}

fn module_levels(value: &str) -> Result<(), String> {
    let syntax = || "syntax error: expect comma-separated list of filename=N".to_owned();
    for setting in value.split(',').filter(|setting| !setting.is_empty()) {
        let (pattern, level) = setting.split_once('=').ok_or_else(syntax)?;
        if pattern.is_empty() || level.is_empty() || level.contains('=') {
            return Err(syntax());
        }
        if parse_int32(level).map_err(|_| syntax())? < 0 {
            return Err("negative value for vmodule level".to_owned());
        }
    }
    Ok(())
}

fn unsigned(value: &str) -> Result<(), String> {
    value
        .parse::<u64>()
        .map(drop)
        .map_err(|_| "parse error".to_owned())
}
