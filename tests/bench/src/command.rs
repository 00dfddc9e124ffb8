//! The command line: our binary and the real kubeseal seal the same manifests with the same certificate.

use std::path::PathBuf;
use std::process::Command;

use seal_testbed::{Program, Workspace, tool};

use crate::fixture::{self, Keys};
use crate::report::{Row, in_turn, milliseconds};

/// Builds one of our binaries with this benchmark's own profile, and says where it is.
pub(crate) fn build(package: &str, binary: &str) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--profile", "bench", "--package", package])
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
    let certificate = workspace.write("cert.pem", Keys::generate(1)?.certificate(0)?.pem())?;

    let one = workspace.write("one.json", fixture::secret("prod", "db", 3).to_json().as_slice())?;
    let mut many = Vec::new();
    for index in 0..500 {
        many.extend_from_slice(&fixture::secret("prod", &format!("db-{index}"), 5).to_json());
        many.extend_from_slice(b"\n---\n");
    }
    let many = workspace.write("many.yaml", many)?;

    let run = |program: &PathBuf, arguments: &[&str], input: &PathBuf| -> anyhow::Result<()> {
        let output = Program::new(program)
            .args(arguments)
            .arg("--cert")
            .arg(&certificate)
            .stdin(std::fs::read(input)?)
            .run()?
            .success()?;
        anyhow::ensure!(output.stdout.len() > 1_000, "nothing was sealed");
        Ok(())
    };
    let compare = |what: &str, rounds, input: &PathBuf, target| -> anyhow::Result<Row> {
        let (peer, ours) = in_turn(
            rounds,
            || run(&kubeseal, &[], input),
            || run(&seal, &["seal"], input),
        )?;
        Ok(Row {
            what: what.to_owned(),
            peer: format!("kubeseal {}", milliseconds(peer)),
            ours: milliseconds(ours),
            ratio: peer.as_secs_f64() / ours.as_secs_f64(),
            target,
        })
    };
    Ok(vec![
        compare(
            "seal one Secret, certificate on disk",
            51,
            &one,
            "< 8 ms and ≥ 3×",
        )?,
        compare("seal 500 documents × 5 entries", 7, &many, "≥ 10×")?,
    ])
}
