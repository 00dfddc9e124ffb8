//! `seal verify`: opens SealedSecrets without showing what they hold, or, without keys, judges what can
//! be seen from outside. Findings are the result; exit code 1 says that there are some.

use seal_api::SealedSecret;
use seal_api::annotations::KEY_LABEL;
use seal_core::{Certificate, KeyRing};
use seal_document::{Mapping, Value};
use seal_engine::{Fault, sealed_secret};

use crate::arguments::{Rendition, VerifyArguments};
use crate::command_error::CommandError;
use crate::input::{self, KEY_FILE_LIMIT, Source};
use crate::manifests::{self, Kind, ManifestFile};
use crate::report::pretty;
use crate::terminal::Terminal;
use crate::{keys, opening, output};

/// One thing that is wrong.
struct Finding {
    place: String,
    entry: Option<String>,
    code: &'static str,
    reason: &'static str,
    what: String,
    remedy: String,
}

/// What there is to judge by.
enum Evidence {
    Keys(KeyRing),
    Certificate(Certificate),
    Nothing,
}

/// Runs it.
pub(super) fn run(arguments: &VerifyArguments, terminal: Terminal) -> Result<(), CommandError> {
    let evidence = Evidence::settle(arguments)?;
    let mut findings = Vec::new();
    let mut count = 0;
    for source in input::sources(&arguments.input.paths, terminal)? {
        let file = ManifestFile::read(source)?;
        let stream = file.parse()?;
        let found = manifests::find(&stream).map_err(|error| error.about(&file.source.shown()))?;
        for found in &found {
            let place = file.name_of(found);
            if found.kind == Kind::Secret {
                let finding = match is_sealing_key(&found.value) {
                    true => Finding::sealing_key,
                    false => Finding::not_sealed,
                };
                findings.extend(holds_values(&found.value).then(|| finding(place)));
                continue;
            }
            count += 1;
            match SealedSecret::from_value(&found.value) {
                Ok(object) => {
                    let faults = evidence.judge(&object);
                    findings.extend(faults.iter().map(|fault| Finding::of(&place, fault)));
                }
                Err(error) => findings.push(Finding {
                    place,
                    entry: None,
                    code: "malformed-manifest",
                    reason: "Malformed",
                    what: error.to_string(),
                    remedy: "mend the manifest".to_owned(),
                }),
            }
        }
    }
    if count == 0 {
        findings.push(Finding::nothing_sealed());
    }
    let text = match arguments.output {
        Rendition::Human => human(&findings),
        Rendition::Json => json(&findings, count),
    };
    output::print(&text)?;
    if !findings.is_empty() {
        return Err(CommandError::findings());
    }
    terminal.tell(
        match (&evidence, count) {
            (Evidence::Keys(_), 1) => "1 SealedSecret, it opens".to_owned(),
            (Evidence::Keys(_), _) => format!("{count} SealedSecrets, all open"),
            (_, 1) => "1 SealedSecret, well-formed; whether it opens needs --keys".to_owned(),
            _ => format!("{count} SealedSecrets, all well-formed; whether they open needs --keys"),
        }
        .as_str(),
    );
    Ok(())
}

impl Evidence {
    fn settle(arguments: &VerifyArguments) -> Result<Self, CommandError> {
        if !arguments.keys.keys.is_empty() {
            return Ok(Self::Keys(keys::ring(&arguments.keys)?));
        }
        let Some(path) = &arguments.cert else {
            return Ok(Self::Nothing);
        };
        let source = Source::of(path);
        let certificate = Certificate::from_pem(&source.read(KEY_FILE_LIMIT)?)
            .map_err(|error| CommandError::from(error).about(&source.shown()))?;
        Ok(Self::Certificate(certificate))
    }

    fn judge(&self, object: &SealedSecret) -> Vec<Fault> {
        match self {
            // The value is dropped, and wiped, at once.
            Self::Keys(ring) => opening::secret(object, ring).err().unwrap_or_default(),
            Self::Certificate(certificate) => sealed_secret::inspect(object, Some(certificate.key().bits())),
            Self::Nothing => sealed_secret::inspect(object, None),
        }
    }
}

impl Finding {
    fn of(place: &str, fault: &Fault) -> Self {
        Self {
            place: place.to_owned(),
            entry: fault.place.entry.clone(),
            code: fault.kind.code,
            reason: fault.kind.reason,
            what: fault.sentence(),
            remedy: fault.remedy(),
        }
    }

    fn not_sealed(place: String) -> Self {
        Self {
            place,
            entry: None,
            code: "not-sealed",
            reason: "NotSealed",
            what: "is not sealed".to_owned(),
            remedy: "seal it with `seal seal`, and change the values if they were ever pushed".to_owned(),
        }
    }

    fn sealing_key(place: String) -> Self {
        Self {
            remedy: "keep it out of Git, sealed or not: `seal keys backup` encrypts it; if it was ever pushed, retire \
                     it as compromised"
                .to_owned(),
            what: "is a private sealing key, which opens all that was sealed with it".to_owned(),
            ..Self::not_sealed(place)
        }
    }

    // Green without anything that was checked would hide a wrong path in a pipeline.
    fn nothing_sealed() -> Self {
        Self {
            place: "all inputs".to_owned(),
            entry: None,
            code: "nothing-sealed",
            reason: "NothingSealed",
            what: "no SealedSecret found".to_owned(),
            remedy: "name the files or folders that hold SealedSecrets".to_owned(),
        }
    }
}

fn is_sealing_key(secret: &Value) -> bool {
    let labels = secret.get("metadata").and_then(|metadata| metadata.get("labels"));
    labels.is_some_and(|labels| labels.get(KEY_LABEL).is_some())
}

fn holds_values(secret: &Value) -> bool {
    let holds = |value: &Value| !value.is_null() && value.as_mapping().is_none_or(|map| !map.is_empty());
    ["data", "stringData"]
        .iter()
        .any(|field| secret.get(field).is_some_and(holds))
}

fn human(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        format!(
            "{}: {} [{}]\n  try: {}\n",
            finding.place, finding.what, finding.code, finding.remedy
        )
    };
    findings.iter().map(line).collect()
}

fn json(findings: &[Finding], count: usize) -> String {
    let row = |finding: &Finding| {
        let mut row = Mapping::new();
        row.insert("place", finding.place.as_str());
        row.insert("entry", finding.entry.as_deref().map_or(Value::Null, Value::from));
        row.insert("code", finding.code);
        row.insert("reason", finding.reason);
        row.insert("message", finding.what.as_str());
        row.insert("remedy", finding.remedy.as_str());
        Value::Mapping(row)
    };
    let mut report = Mapping::new();
    report.insert("checked", i64::try_from(count).unwrap_or(i64::MAX));
    report.insert("findings", findings.iter().map(row).collect::<Vec<_>>());
    pretty(&Value::Mapping(report))
}
