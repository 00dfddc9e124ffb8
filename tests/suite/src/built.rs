//! The programs under test, built by the cargo that runs the test. How they are run is the test's affair.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// The program of that package, built in the profile of this test.
///
/// # Errors
/// It does not build.
pub fn built(package: &str, program: &str) -> anyhow::Result<PathBuf> {
    // The folder of this test's own binary is `deps` below the one that is wanted.
    let here = env::current_exe()?;
    let folder = here.parent().and_then(Path::parent).context("a target folder")?;
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--package", package, "--bin", program])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        build.arg("--release");
    }
    ensure!(build.status()?.success(), "{program} does not build");
    Ok(folder.join(program))
}
