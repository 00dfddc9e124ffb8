//! The binary `seal`. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    seal_cli::main(std::env::args_os())
}
