//! Compiles the supervisor where every user of this crate finds it: Cargo does not build a dependency's
//! binaries, and the test binaries of other crates need one. Owns no logic of the supervisor itself.

use std::{env, path::PathBuf, process::Command};

const SOURCE: &str = "src/bin/seal-testbed-supervisor.rs";

fn main() {
    let output = PathBuf::from(variable("OUT_DIR")).join("seal-testbed-supervisor");
    let mut compile = Command::new(variable("RUSTC"));
    compile.args([
        "--edition=2024",
        "--crate-name=supervisor",
        "-Copt-level=1",
        "-Cdebuginfo=0",
    ]);
    compile
        .arg(format!("--target={}", variable("TARGET")))
        .arg("-o")
        .arg(&output)
        .arg(SOURCE);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        compile.arg(format!("-Clinker={linker}"));
    }
    let status = compile.status().expect("cargo named a compiler that starts");
    assert!(status.success(), "the supervisor does not compile");
    println!("cargo::rustc-env=SEAL_TESTBED_SUPERVISOR={}", output.display());
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
}

fn variable(name: &str) -> String {
    env::var(name).expect("cargo sets this for build scripts")
}
