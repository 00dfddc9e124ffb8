//! The program `seal-controller`: settles settings, installs the logs, serves.

use std::process::ExitCode;

use seal_controller::{logs, serve::serve, settings::Settings};

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    if settings.version {
        return settings.print_version();
    }
    logs::install(&settings);
    match serve(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
