//! The command as kubeseal: its flags, variables, outputs, texts and exit codes, those of 0.40.0.
//!
//! Which mode runs is decided here, in upstream's order; what a mode does is in its own file. Where it
//! departs from upstream stands in [`DIFFERENCES`].

mod certificate_source;
mod cluster;
mod differences;
mod documents;
mod failure;
mod flags;
mod go_text;
mod go_types;
mod merge;
mod namespace;
mod output;
mod pflag;
mod recovery;
mod sealing;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use seal_core::{Certificate, CertificateError, Plaintext, PublicKeyError, Scope};
use zeroize::Zeroizing;

pub use differences::{DIFFERENCES, Difference};
use documents::Documents;
use failure::Failure;
use flags::{ENVIRONMENT_PREFIX, FLAGS, Options};
use go_types::SECRET;
use namespace::NamespaceSource;
use output::{Output, OutputFormat};
use sealing::Demands;

/// The upstream version whose behaviour this is. Scripts parse `kubeseal --version` and compare it.
const VERSION: &str = "0.40.0";

const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// Runs as kubeseal. `called_as` stands in the usage; `arguments` do not contain it.
pub fn run(called_as: &str, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<String> = arguments
        .into_iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let mut options = Options::defaults();
    pflag::read_environment(
        FLAGS,
        ENVIRONMENT_PREFIX,
        |name| std::env::var(name).ok(),
        &mut options,
    );
    let (reading, result) = pflag::read_arguments(FLAGS, &arguments, &mut options);
    for notice in &reading.notices {
        print(&format!("{notice}\n"));
    }
    match result {
        Ok(()) => {}
        Err(pflag::Halt::Help) => {
            complain(&format!("Usage of {called_as}:"));
            print(&(pflag::usage(FLAGS) + &differences::help()));
            return ExitCode::SUCCESS;
        }
        Err(pflag::Halt::Fault(fault)) => {
            complain(&format!("Usage of {called_as}:"));
            print(&format!("{}{fault}\n", pflag::usage(FLAGS)));
            return ExitCode::from(USAGE);
        }
    }
    if options.version {
        print(&format!("kubeseal version: {VERSION}\n"));
        return ExitCode::SUCCESS;
    }
    if options.help {
        print(&format!(
            "Usage of {called_as}:\n{}{}",
            pflag::usage(FLAGS),
            differences::help()
        ));
        return ExitCode::SUCCESS;
    }
    match run_mode(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&format!("error: {failure}"));
            ExitCode::from(FAILED)
        }
    }
}

fn run_mode(mut options: Options) -> Result<(), Failure> {
    if !options.from_file.is_empty() && !options.raw {
        return Err(Failure::FromFileWithoutRaw);
    }
    let source = Source::open(&options)?;
    let in_place = options.reencrypt && options.output_file.is_empty() && !options.input_file.is_empty();
    if in_place {
        options.output_file.clone_from(&options.input_file);
    }
    if matches!(extension(&options.output_file), "yaml" | "yml") {
        "yaml".clone_into(&mut options.format);
    }
    // Opening judges the target; validating has nothing to put into it.
    let mut output = Output::open(&options.output_file)?;
    if options.recovery_unseal {
        return recovery::unseal(&options, || source.read(), output);
    }
    if !options.recovery_keys.is_empty() && io::stderr().is_terminal() {
        complain(
            "warning: ignoring --recovery-private-key because unseal command not chosen with --recovery-unseal",
        );
    }
    if options.validate {
        return cluster::validate(&options, || source.read());
    }
    if in_place {
        return cluster::reencrypt_in_place(&options);
    }
    if options.reencrypt {
        return cluster::reencrypt(&options, || source.read(), output);
    }
    let pem = match options.certificate.as_str() {
        "" => cluster::certificate(&options)?,
        source => certificate_source::read(source)?,
    };
    if options.fetch_certificate {
        output.write(&pem)?;
        return output.commit();
    }
    let certificate = judge(&pem)?;
    if !options.merge_into.is_empty() {
        merge::merge_into(&options, || source.read(), certificate.key())?;
    } else if options.raw {
        seal_raw(&options, &certificate, &mut output)?;
    } else {
        seal(&options, &certificate, source, &mut output)?;
    }
    output.commit()
}

fn judge(pem: &[u8]) -> Result<Certificate, Failure> {
    let certificate = Certificate::from_pem(pem).map_err(|error| match error {
        CertificateError::Key(PublicKeyError::NotRsa) => {
            Failure::Decoding("expected RSA public key but found a key of another algorithm".to_owned())
        }
        other => Failure::Certificate(other),
    })?;
    if certificate.not_after() < Timestamp::now() {
        return Err(Failure::ExpiredCertificate(
            certificate.not_after().strftime("%B %-d, %Y").to_string(),
        ));
    }
    Ok(certificate)
}

fn seal(
    options: &Options,
    certificate: &Certificate,
    source: Source,
    output: &mut Output,
) -> Result<(), Failure> {
    let secrets = Documents::read(&source.read()?, &SECRET)?.complete(Failure::NoSecrets)?;
    let namespace_source = NamespaceSource::new(&options.connection);
    let demands = Demands {
        scope: options.scope,
        allow_empty_data: options.allow_empty_data,
        name: &options.name,
        namespace: "",
        namespace_source: &namespace_source,
    };
    // As upstream: what stands before a faulty document is printed, then comes the complaint.
    let mut prepared = Vec::with_capacity(secrets.len());
    let mut fault = Ok(());
    for secret in secrets {
        match sealing::prepare(secret, &demands) {
            Ok(object) => prepared.push(object),
            Err(failure) => {
                fault = Err(failure);
                break;
            }
        }
    }
    if !prepared.is_empty() {
        let format = OutputFormat::parse(&options.format)?;
        let rendered: Vec<_> = sealing::seal_all(prepared, certificate.key())?
            .iter()
            .map(|object| format.render(object))
            .collect();
        let whole: Vec<&str> = rendered.iter().map(|text| text.as_str()).collect();
        output.write(whole.concat().as_bytes())?;
    }
    fault
}

fn seal_raw(options: &Options, certificate: &Certificate, output: &mut Output) -> Result<(), Failure> {
    let mut namespace = String::new();
    if options.scope != Scope::ClusterWide {
        namespace = NamespaceSource::new(&options.connection).into_choice()?.name;
        if namespace.is_empty() {
            return Err(Failure::RawNeeds {
                flag: "namespace",
                scope: options.scope,
            });
        }
        if options.name.is_empty() && options.scope == Scope::Strict {
            return Err(Failure::RawNeeds {
                flag: "name",
                scope: options.scope,
            });
        }
    }
    let value = match options.from_file.as_slice() {
        [] => {
            if io::stdin().is_terminal() {
                complain("(tty detected: expecting a secret to encrypt in stdin)");
            }
            read_whole(&mut io::stdin().lock(), "/dev/stdin")?
        }
        [item] => {
            let path = item.split_once('=').map_or(item.as_str(), |(_, path)| path);
            let mut file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
            read_whole(&mut file, path)?
        }
        _ => return Err(Failure::SeveralFiles),
    };
    let label = sealing::label(options.scope, &namespace, &options.name)?;
    output.write(sealing::seal_value(&Plaintext::from(value), certificate.key(), &label)?.as_bytes())
}

/// The input: opened at once, so that a missing file is the first complaint, read when it is needed.
enum Source {
    File { file: File, path: String },
    Stdin,
}

impl Source {
    fn open(options: &Options) -> Result<Self, Failure> {
        let path = &options.input_file;
        if !path.is_empty() {
            let file = File::open(path).map_err(|_| Failure::SecretFile)?;
            return Ok(Self::File {
                file,
                path: path.clone(),
            });
        }
        if !options.raw && !options.fetch_certificate && io::stdin().is_terminal() {
            complain("(tty detected: expecting json/yaml k8s resource in stdin)");
        }
        Ok(Self::Stdin)
    }

    fn read(self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        match self {
            Self::File { mut file, path } => read_whole(&mut file, &path),
            Self::Stdin => read_whole(&mut io::stdin().lock(), "/dev/stdin"),
        }
    }
}

// Read::read_to_end would leave copies behind as its buffer grows.
fn read_whole(reader: &mut dyn Read, path: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut content: Zeroizing<Vec<u8>> = Zeroizing::new(vec![0; 16 * 1024]);
    let mut filled = 0;
    loop {
        if filled == content.len() {
            let mut larger = Zeroizing::new(vec![0; content.len() * 4]);
            larger[..filled].copy_from_slice(&content);
            content = larger;
        }
        match reader.read(&mut content[filled..]) {
            Ok(0) => {
                content.truncate(filled);
                return Ok(content);
            }
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::file("read", path, &error)),
        }
    }
}

// Go's filepath.Ext, without the dot.
fn extension(path: &str) -> &str {
    let name = path.rsplit(std::path::is_separator).next().unwrap_or_default();
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn warn(text: &str) {
    complain(&format!("warning: {text}"));
}

// A reader that has gone away is no reason to fail, and there is nobody left to tell.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
