//! `cargo xtask demo`: the main job, seen. Owns the command line, the order of the two halves and the end, also after
//! Ctrl-C; what is shown stands in `laptop` and `cluster`, and for values from a store in `vault`. It tests nothing:
//! `tests/suite` runs it.

#[cfg(target_os = "linux")]
mod cluster;
mod laptop;
mod narrator;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod plane;
mod stage;
#[cfg(target_os = "linux")]
mod vault;

use std::{env, io, process::ExitCode};

use crate::{narrator::Narrator, stage::Stage};

const USAGE: &str = "\
cargo xtask demo [vault] [--offline] [--keep]
  vault      values from a secret store instead: an OpenBao beside the control plane, and a Secret that follows it
  --offline  only what needs no control plane: seal, and open again on this machine
  --keep     leave everything up at the end, and print how to go on with it";

/// The exit code of a program that Ctrl-C has ended, as shells count.
const INTERRUPTED: u8 = 130;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Request {
    vault: bool,
    offline: bool,
    keep: bool,
    help: bool,
}

fn main() -> ExitCode {
    let narrator = Narrator::default();
    let request = match Request::parse(env::args().skip(1)) {
        Ok(Request { help: true, .. }) => {
            let _ = narrator.line(USAGE);
            return ExitCode::SUCCESS;
        }
        Ok(request) => request,
        Err(fault) => {
            narrator.complain(&format!("{fault}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    match run(request, &narrator) {
        Ok(Some(())) => ExitCode::SUCCESS,
        Ok(None) => {
            narrator.complain("interrupted; nothing stays behind");
            ExitCode::from(INTERRUPTED)
        }
        // Whoever read the output has closed it and wants no complaint either.
        Err(fault) if is_broken_pipe(&fault) => ExitCode::SUCCESS,
        Err(fault) => {
            narrator.complain(&format!("{fault:#}"));
            ExitCode::FAILURE
        }
    }
}

/// `None` when it was interrupted: all that it had started has ended by then, and its folders are gone.
fn run(request: Request, narrator: &Narrator) -> anyhow::Result<Option<()>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        tokio::select! {
            shown = show(request, narrator) => shown.map(Some),
            interrupted = interruption() => interrupted.map(|()| None).map_err(Into::into),
        }
    })
}

async fn show(request: Request, narrator: &Narrator) -> anyhow::Result<()> {
    if request.vault {
        return show_vault(request, narrator).await;
    }
    narrator.title("Seal: secrets that may stand in Git, and their way into a cluster")?;
    let stage = Stage::new(narrator)?;
    laptop::show(&stage).await?;
    if request.offline {
        return farewell(narrator);
    }
    #[cfg(target_os = "linux")]
    return cluster::show(stage, request.keep).await;
    #[cfg(not(target_os = "linux"))]
    {
        narrator.words("\nThe other half needs a throwaway control plane, and that needs Linux.")?;
        farewell(narrator)
    }
}

async fn show_vault(request: Request, narrator: &Narrator) -> anyhow::Result<()> {
    narrator.title("Seal: values from Vault or OpenBao, as native Secrets")?;
    #[cfg(target_os = "linux")]
    return vault::show(Stage::new(narrator)?, request.keep).await;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = request;
        anyhow::bail!("this demo needs a throwaway control plane, and that needs Linux");
    }
}

fn farewell(narrator: &Narrator) -> anyhow::Result<()> {
    narrator.heading("What next")?;
    narrator.suggestions(&[
        ("the same in a cluster", "cargo xtask demo"),
        (
            "a secret of yours",
            "seal my-secret.yaml --cert cert.pem -w my-sealed-secret.yaml",
        ),
        ("all the rest", "seal --help, README.md"),
    ])?;
    Ok(())
}

#[cfg(unix)]
async fn interruption() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interruption() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

fn is_broken_pipe(fault: &anyhow::Error) -> bool {
    fault
        .downcast_ref::<io::Error>()
        .is_some_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe)
}

impl Request {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut request = Self::default();
        for word in words {
            match word.as_str() {
                "vault" => request.vault = true,
                "--offline" => request.offline = true,
                "--keep" => request.keep = true,
                "--help" | "-h" => request.help = true,
                _ => return Err(format!("there is no {word}")),
            }
        }
        if request.offline && request.vault {
            return Err("--offline has no store to ask".to_owned());
        }
        if request.offline && request.keep {
            return Err("--offline leaves nothing to keep".to_owned());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Request, String> {
        Request::parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn flags_are_read() {
        assert_eq!(parse(&[]), Ok(Request::default()));
        assert!(parse(&["--keep"]).unwrap().keep);
        assert!(parse(&["--offline"]).unwrap().offline);
        let vault = parse(&["vault", "--keep"]).unwrap();
        assert!(vault.vault && vault.keep);
    }

    #[test]
    fn unknown_word_is_named() {
        assert_eq!(parse(&["--online"]), Err("there is no --online".to_owned()));
    }

    #[test]
    fn keeping_what_is_never_raised_is_refused() {
        assert!(parse(&["--keep", "--offline"]).is_err());
        assert!(parse(&["vault", "--offline"]).is_err());
    }
}
