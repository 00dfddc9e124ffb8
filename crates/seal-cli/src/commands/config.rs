//! `seal config`: which settings hold for a file, and why; and the schema of settings.

use std::path::Path;

use crate::arguments::ConfigCommand;
use crate::command_error::CommandError;
use crate::output;
use crate::repository::Settings;

/// Runs it.
pub(super) fn run(command: &ConfigCommand) -> Result<(), CommandError> {
    match command {
        ConfigCommand::Explain { file } => output::print(&explained(file)?),
        ConfigCommand::Schema => output::print(&crate::settings_schema()),
    }
}

fn explained(file: &Path) -> Result<String, CommandError> {
    let shown = file.display();
    let Some(settings) = Settings::of(file)? else {
        return Ok(format!(
            "{shown}: there is no .seal.yaml above it in its checkout; flags and variables count\n"
        ));
    };
    let relative = settings.relative(file).unwrap_or_default();
    let mut lines = vec![
        format!("{shown}"),
        format!(
            "  settings        {}",
            settings.root.join(crate::repository::SETTINGS).display()
        ),
    ];
    match settings.environment(&relative) {
        None => lines.push("  environment     none: the paths of none take it".to_owned()),
        Some(environment) => {
            lines.push(format!(
                "  environment     {}, the first whose paths take it",
                environment.name
            ));
            if let Some(certificate) = &environment.certificate {
                lines.push(format!("  certificate     {certificate}"));
            }
            for fingerprint in &environment.fingerprints {
                lines.push(format!("  fingerprint     {fingerprint}"));
            }
        }
    }
    let scopes: Vec<&str> = settings
        .allowed(&relative)
        .iter()
        .map(|scope| scope.as_str())
        .collect();
    lines.push(format!("  allowed scopes  {}", scopes.join(", ")));
    for allow in settings
        .allow
        .iter()
        .filter(|allow| allow.covers(&allow.rule, &relative))
    {
        lines.push(format!("  check allows    {}: {}", allow.rule, allow.reason));
    }
    Ok(format!("{}\n", lines.join("\n")))
}
