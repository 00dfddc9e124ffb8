//! Keeps the children of a test from outliving it, even when the test is killed: every role lives until its
//! standard input, one end of a socket pair, closes. Standard library only, since the build script compiles
//! this file by itself. It knows nothing of Kubernetes; what to start and where is told by its arguments.
//!
//! ```text
//! run LOG -- PROGRAM ARGS…    start it, answer `pid`; kill its group when the lifeline closes
//! keep DIR [TARGET]           remove DIR when the lifeline closes (its logs stay if DIR/keep exists); with
//!                             TARGET, bring this network namespace up and relay there what the listener
//!                             at standard output accepts
//! pod DIR -- PROGRAM ARGS…    in a mount namespace of its own: mount DIR where pods find their credentials
//! ```
//!
//! A `d` on the lifeline detaches: from then on, not its end but the removal of the logs folder ends all.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::{
        fd::AsFd,
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::Path,
    process::{Child, Command, ExitCode},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

const TICK: Duration = Duration::from_millis(50);
const REMOVAL_DEADLINE: Duration = Duration::from_secs(20);
const POD_CREDENTIALS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    let done = match arguments.as_slice() {
        [role, log, dash, program, rest @ ..] if *role == "run" && *dash == "--" => {
            run(Path::new(log), program, rest)
        }
        [role, dir] if *role == "keep" => keep(Path::new(dir), None),
        [role, dir, target] if *role == "keep" => keep(Path::new(dir), target.to_str()),
        [role, dir, dash, program, rest @ ..] if *role == "pod" && *dash == "--" => {
            Err(pod(Path::new(dir), program, rest))
        }
        _ => Err(io::Error::other(
            "expected run, keep or pod, see the source's first lines",
        )),
    };
    done.unwrap_or_else(|fault| {
        report(&fault);
        ExitCode::from(70)
    })
}

fn run(log: &Path, program: &OsStr, arguments: &[&OsStr]) -> io::Result<ExitCode> {
    let output = File::options().create(true).append(true).open(log)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0)
        .spawn()
        .map_err(|fault| io::Error::new(fault.kind(), format!("{}: {fault}", program.display())))?;
    let mut lifeline = lifeline()?;
    writeln!(lifeline, "{}", child.id())?;
    let events = watch(lifeline);
    let mut end = End::Lifeline;
    loop {
        end = end.after(events.recv_timeout(TICK));
        if let Some(status) = child.try_wait()? {
            let code = status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
            return Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)));
        }
        if end.has_come(log) {
            kill_group(&mut child)?;
            return Ok(ExitCode::from(137));
        }
    }
}

fn keep(dir: &Path, target: Option<&str>) -> io::Result<ExitCode> {
    let mut lifeline = lifeline()?;
    if let Some(target) = target {
        let listener = TcpListener::from(io::stdout().as_fd().try_clone_to_owned()?);
        raise_network()?;
        let target = target.to_owned();
        thread::spawn(move || relay(&listener, &target));
    }
    writeln!(lifeline, "{}", std::process::id())?;
    let events = watch(lifeline);
    let mut end = End::Lifeline;
    while !end.has_come(&dir.join("logs")) {
        end = end.after(events.recv_timeout(TICK));
    }
    let doomed = if end == End::Closed && dir.join("keep").exists() {
        dir.join("etcd")
    } else {
        dir.to_owned()
    };
    // The others die at the same moment and may still be writing.
    let deadline = Instant::now() + REMOVAL_DEADLINE;
    while doomed.exists() && Instant::now() < deadline {
        if fs::remove_dir_all(&doomed).is_err() {
            thread::sleep(TICK);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns only when it failed: else the process has become the program.
fn pod(credentials: &Path, program: &OsStr, arguments: &[&OsStr]) -> io::Error {
    let mounted = (|| {
        // An empty /var/run first, so that nothing has to be created on the machine itself.
        let files = ["ca.crt", "namespace", "token"].map(|name| (name, fs::read(credentials.join(name))));
        succeed(Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/var/run"]))?;
        fs::create_dir_all(POD_CREDENTIALS)?;
        for (name, content) in files {
            fs::write(Path::new(POD_CREDENTIALS).join(name), content?)?;
        }
        Ok(())
    })();
    match mounted {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(fault) => fault,
    }
}

/// What a supervisor waits for.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Lifeline,
    Removal,
    Closed,
}

impl End {
    fn after(self, event: Result<(), RecvTimeoutError>) -> Self {
        match (self, event) {
            (_, Ok(())) | (Self::Removal, _) => Self::Removal,
            (_, Err(RecvTimeoutError::Disconnected)) => Self::Closed,
            (unchanged, Err(RecvTimeoutError::Timeout)) => unchanged,
        }
    }

    fn has_come(self, sign_of_life: &Path) -> bool {
        if self == Self::Removal {
            // The channel is closed by now and would not pace this loop.
            thread::sleep(TICK);
        }
        self == Self::Closed || (self == Self::Removal && !sign_of_life.exists())
    }
}

fn lifeline() -> io::Result<UnixStream> {
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Yields `()` when told to detach, and disconnects when the lifeline ends.
fn watch(mut lifeline: UnixStream) -> Receiver<()> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut byte = [0];
        while let Ok(1) = lifeline.read(&mut byte) {
            if byte == *b"d" && sender.send(()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn kill_group(child: &mut Child) -> io::Result<()> {
    // Grandchildren too; a machine without this program still loses the child itself.
    drop(
        Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", child.id())])
            .status(),
    );
    drop(child.kill());
    child.wait().map(drop)
}

/// Kernels without `dummy` links still let `lo` carry an address that is not a loopback one, which the API
/// server insists on for the endpoints behind its service proxy.
fn raise_network() -> io::Result<()> {
    succeed(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    succeed(Command::new("ip").args(["address", "add", "10.99.0.1/32", "dev", "lo"]))
}

fn relay(listener: &TcpListener, target: &str) {
    for outside in listener.incoming().flatten() {
        // While nothing listens at the target yet, callers see what they would see there: a closed connection.
        let Ok(inside) = TcpStream::connect(target) else {
            continue;
        };
        drop((outside.set_nodelay(true), inside.set_nodelay(true)));
        let Ok((outside_reader, inside_reader)) =
            outside.try_clone().and_then(|o| Ok((o, inside.try_clone()?)))
        else {
            continue;
        };
        thread::spawn(move || pour(outside_reader, inside));
        thread::spawn(move || pour(inside_reader, outside));
    }
}

fn pour(mut from: TcpStream, mut to: TcpStream) {
    drop(io::copy(&mut from, &mut to));
    drop((to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read)));
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let program = command.get_program().to_owned();
    let status = command
        .stdout(std::process::Stdio::null())
        .status()
        .map_err(|fault| io::Error::new(fault.kind(), format!("{}: {fault}", program.display())))?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "{} ended with {status}",
            program.display()
        )))
    }
}

#[expect(
    clippy::print_stderr,
    reason = "standard error is where whoever started this looks"
)]
fn report(fault: &io::Error) {
    eprintln!("seal-testbed-supervisor: {fault}");
}
