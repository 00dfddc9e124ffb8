//! The command: seal, which also answers to kubeseal.
//!
//! Owns what the binary does under each of its names; `main` only calls it.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

mod arguments;
mod certificate;
mod cluster;
mod command_error;
mod commands;
mod controller;
mod cores;
mod editor;
mod file_system;
mod input;
mod interrupt;
mod keys;
pub mod kubeseal;
mod manifests;
mod native;
mod opening;
mod output;
mod private_folder;
mod progress;
mod prompt;
mod report;
mod repository;
mod template_world;
mod terminal;

/// The JSON schema of `.seal.yaml`, as text.
pub fn settings_schema() -> String {
    format!("{:#}\n", repository::settings_schema())
}

/// Runs the command whose arguments these are, the name it was called by first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let called_as = arguments.next().unwrap_or_else(|| "seal".into());
    let shown = called_as.to_string_lossy().into_owned();
    if Path::new(&called_as)
        .file_stem()
        .is_some_and(|stem| stem == "kubeseal")
    {
        return kubeseal::run(&shown, arguments);
    }
    let mut arguments = arguments.peekable();
    if arguments.peek().is_some_and(|first| first == "kubeseal") {
        arguments.next();
        return kubeseal::run(&format!("{shown} kubeseal"), arguments);
    }
    native::run(arguments)
}
