//! `seal exposed` over a history of 2,000 commits, beside the private operations that it cannot do without.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use seal_api::SealedSecret;
use seal_testbed::Workspace;

use crate::command::build;
use crate::fixture::{self, Keys};
use crate::report::{Row, in_turn, milliseconds};
use crate::unseal::busy_operation;

const FILES: usize = 200;
const ENTRIES: usize = 5;
const COMMITS: usize = 2_000;
const ROUNDS: usize = 3;
// Another key's text may have been sealed for any of the three scopes.
const SCOPES: usize = 3;

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let seal = build("seal-cli", "seal")?;
    let workspace = Workspace::new()?;
    let keys = Keys::generate(2)?;
    let leaked = workspace.write("leaked.pem", keys.all()[0].to_pkcs1_pem().as_bytes())?;
    let repository = workspace.path().join("repository");
    let (readable, others) = commit(&workspace, &repository, &keys)?;

    let operations = readable + SCOPES * others;
    let floor = busy_operation(&keys.all()[0])? * u32::try_from(operations)?;
    let result = workspace.path().join("result");
    let (_, ours) = in_turn(
        ROUNDS,
        || Ok(()),
        || {
            let mut command = Command::new(&seal);
            command.arg("exposed").arg("--key").arg(&leaked);
            command.args(["--quiet", "--output", "csv"]).arg(&repository);
            let ended = command.stdout(File::create(&result)?).status()?;
            ensure!(ended.code() == Some(1), "seal exposed ended with {ended}");
            let rows = std::fs::read_to_string(&result)?.lines().count();
            ensure!(rows == FILES * ENTRIES + 1, "{rows} rows");
            Ok(())
        },
    )?;
    Ok(vec![Row {
        what: format!(
            "exposed: {COMMITS} commits, {} different sealed texts; {operations} private operations on all cores",
            readable + others
        ),
        peer: milliseconds(floor),
        ours: milliseconds(ours),
        ratio: floor.as_secs_f64() / ours.as_secs_f64(),
        target: "≥ 0.9 of the operations",
    }])
}

// Each commit seals one file's entry anew, in turn to one key and to the other. Says how many texts there are
// that the first key reads, and how many others.
fn commit(workspace: &Workspace, repository: &Path, keys: &Keys) -> anyhow::Result<(usize, usize)> {
    let names: Vec<String> = (0..FILES).map(|file| format!("db-{file:03}")).collect();
    let sealed =
        |name: &str, key: usize, entries| fixture::sealed("prod", name, entries, keys.all()[key].public());
    let mut objects: Vec<SealedSecret> = names
        .iter()
        .map(|name| sealed(name, 0, ENTRIES))
        .collect::<Result<_, _>>()?;
    let mut stream = String::new();
    head(&mut stream, 0);
    for (name, object) in names.iter().zip(&objects) {
        file(&mut stream, name, object);
    }
    let mut others = 0;
    for commit in 1..COMMITS {
        let (at, key) = (commit % FILES, commit / FILES % 2);
        others += key;
        let new = sealed(&names[at], key, 1)?.spec.encrypted_data;
        objects[at].spec.encrypted_data.extend(new);
        head(&mut stream, commit);
        file(&mut stream, &names[at], &objects[at]);
    }
    let stream = workspace.write("stream", stream)?;
    let git = |arguments: &[&str], stdin: Stdio| -> anyhow::Result<()> {
        let ended = Command::new("git")
            .arg("-C")
            .arg(repository)
            .args(arguments)
            .stdin(stdin)
            .status()?;
        ensure!(ended.success(), "git {arguments:?} ended with {ended}");
        Ok(())
    };
    std::fs::create_dir(repository)?;
    git(&["init", "--quiet", "--initial-branch=main"], Stdio::null())?;
    git(&["fast-import", "--quiet"], File::open(stream)?.into())?;
    git(&["reset", "--quiet", "--hard", "main"], Stdio::null())?;
    let all = FILES * ENTRIES + COMMITS - 1;
    Ok((
        all.checked_sub(others).context("as many are the other key's")?,
        others,
    ))
}

fn head(stream: &mut String, commit: usize) {
    let at = 1_700_000_000 + commit * 3_600;
    write!(
        stream,
        "commit refs/heads/main\ncommitter a <a@example.org> {at} +0000\ndata 1\nx\n"
    )
    .expect("a String takes everything");
}

fn file(stream: &mut String, name: &str, object: &SealedSecret) {
    let mut text = format!(
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: {name}\n  namespace: prod\nspec:\n  encryptedData:\n"
    );
    for (entry, sealed) in &object.spec.encrypted_data {
        let sealed = sealed.as_deref().unwrap_or_default();
        writeln!(text, "    {entry}: {sealed}").expect("a String takes everything");
    }
    write!(
        stream,
        "M 100644 inline apps/{name}.yaml\ndata {}\n{text}\n",
        text.len()
    )
    .expect("a String takes everything");
}
