//! Seal beside the real peers: the same work in the same run on the same machine, as ratios of
//! medians. Nothing here asserts a time; targets are printed beside what was measured.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to people"
)]

mod cold_start;
mod command;
mod exposed;
mod fixture;
mod floor;
mod installation;
mod processor;
mod production;
mod report;
mod repository;
mod stores;
mod unseal;

use anyhow::bail;

use crate::report::Row;

/// Before those who are measured, comma-separated: `ours`, `tuned`, `default`. For parts that are about stores.
const ONLY: &str = "--only=";

const PARTS: [(&str, Part); 14] = [
    ("command", command::measure),
    ("unseal", unseal::measure),
    ("exposed", exposed::measure),
    ("cold-start", cold_start::measure),
    ("production", production::measure),
    ("repository-reencrypt", repository::reencrypt),
    ("repository-check", repository::check),
    ("stores-cold", stores::cold),
    ("stores-large", stores::large),
    ("stores-quiet", stores::quiet),
    ("stores-memory", stores::memory),
    ("stores-bystander", stores::bystander),
    ("stores-returning", stores::returning),
    ("stores-refused", stores::refused),
];

type Part = fn() -> anyhow::Result<Vec<Row>>;

fn main() -> anyhow::Result<()> {
    let arguments = std::env::args().skip(1);
    let asked: Vec<String> = arguments.filter(|argument| !argument.starts_with(ONLY)).collect();
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    // `stores` is all of its parts.
    let is_asked = |part: &str, asked: &String| part == asked || part.starts_with(&format!("{asked}-"));
    if let Some(unknown) = asked
        .iter()
        .find(|asked| !names.iter().any(|part| is_asked(part, asked)))
    {
        bail!("there is no part {unknown:?}; there are {}", names.join(", "));
    }
    let mut rows = Vec::new();
    for (name, part) in PARTS {
        if asked.is_empty() || asked.iter().any(|asked| is_asked(name, asked)) {
            eprintln!("measuring {name} …");
            rows.extend(part()?);
        }
    }
    println!("{}", report::table(&rows));
    Ok(())
}
