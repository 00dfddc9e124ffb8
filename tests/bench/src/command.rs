//! The command line: our binary and the real kubeseal seal the same manifests with the same certificate.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey};
use seal_core::PrivateKey;
use seal_testbed::{Workspace, tool};

use crate::fixture::{self, Keys};
use crate::report::{Row, in_turn, median, milliseconds, on_all_cores};
use crate::unseal::library_key;

const DOCUMENTS: usize = 500;
const ENTRIES: usize = 5;

/// Builds one of our binaries as it ships, and says where it is: beside this benchmark, since both
/// profiles share a folder.
pub(crate) fn build(package: &str, binary: &str) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", package])
        .status()?;
    anyhow::ensure!(built.success(), "{package} does not build");
    let beside = std::env::current_exe()?;
    let folder = beside
        .parent()
        .ok_or_else(|| anyhow::anyhow!("the benchmark lies in no folder"))?;
    Ok(folder.join(binary))
}

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let seal = build("seal-cli", "seal")?;
    let kubeseal = tool("kubeseal")?;
    let workspace = Workspace::new()?;
    let keys = Keys::generate(1)?;
    let certificate = workspace.write("cert.pem", keys.certificate(0)?.pem())?;

    let one = workspace.write("one.json", fixture::secret("prod", "db", 3).to_json().as_slice())?;
    let mut many = Vec::new();
    for index in 0..DOCUMENTS {
        many.extend_from_slice(&fixture::secret("prod", &format!("db-{index}"), ENTRIES).to_json());
        many.extend_from_slice(b"\n---\n");
    }
    let many = workspace.write("many.yaml", many)?;

    // From file to file, as in a shell: pipes and the threads behind them would be measured too.
    let result = workspace.path().join("result");
    let run = |program: &PathBuf, arguments: &[&str], input: &PathBuf| -> anyhow::Result<()> {
        let ended = Command::new(program)
            .args(arguments)
            .arg("--cert")
            .arg(&certificate)
            .stdin(File::open(input)?)
            .stdout(File::create(&result)?)
            .status()?;
        anyhow::ensure!(ended.success(), "{} ended with {ended}", program.display());
        anyhow::ensure!(result.metadata()?.len() > 1_000, "nothing was sealed");
        Ok(())
    };
    let compare = |what: String, rounds, input: &PathBuf, target| -> anyhow::Result<(Row, Duration)> {
        let (peer, ours) = in_turn(
            rounds,
            || run(&kubeseal, &[], input),
            || run(&seal, &["seal"], input),
        )?;
        let row = Row {
            what,
            peer: format!("kubeseal {}", milliseconds(peer)),
            ours: milliseconds(ours),
            ratio: peer.as_secs_f64() / ours.as_secs_f64(),
            target,
        };
        Ok((row, ours))
    };
    let what = "seal one Secret, certificate on disk".to_owned();
    let (one, _) = compare(what, 51, &one, "< 8 ms and ≥ 3×")?;
    let what = format!("seal {DOCUMENTS} documents × {ENTRIES} entries");
    let (many, ours) = compare(what, 15, &many, "≥ 10×")?;
    let operations = DOCUMENTS * ENTRIES;
    let floor = public_operations(&keys.all()[0], operations)?;
    let beside = Row {
        what: format!("the same, beside the floor: {operations} public operations on all cores"),
        peer: milliseconds(floor),
        ours: milliseconds(ours),
        ratio: floor.as_secs_f64() / ours.as_secs_f64(),
        target: "",
    };
    Ok(vec![one, many, beside])
}

// `count` encryptions of a session key by the library, shared among the cores.
fn public_operations(key: &PrivateKey, count: usize) -> anyhow::Result<Duration> {
    let public = OaepPublicEncryptingKey::new(library_key(key)?.public_key())?;
    let share = count.div_ceil(std::thread::available_parallelism()?.get());
    let mut samples = Vec::new();
    for _ in 0..7 {
        samples.push(on_all_cores(|| {
            let mut room = vec![0; public.ciphertext_size()];
            for _ in 0..share {
                public.encrypt(&OAEP_SHA256_MGF1SHA256, &[7; 32], &mut room, Some(b"prod/db"))?;
            }
            Ok(())
        })?);
    }
    Ok(median(&mut samples))
}
