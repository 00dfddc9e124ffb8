//! `seal reencrypt` with a backup of twelve keys, beside the private operations that it needs; a loop over the
//! real kubeseal; and whether memory grows with the files.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use seal_core::{Envelope, Scope, TrialHints, decode_base64};
use seal_testbed::{ADMIN, ControlPlane, Program, UpstreamController, Workspace, sealed_secrets_crd, tool};

use super::{file, fill, megabytes, run, seconds};
use crate::command::build;
use crate::fixture::Keys;
use crate::report::Row;
use crate::unseal::busy_operation;

const FILES: usize = 1_000;
const ENTRIES: usize = 5;
const KEYS: usize = 12;
const HOME: &str = "kube-system";
/// How many files the loops are measured on; the rest is extrapolated.
const RAISED: usize = 60;
const DEFAULT: usize = 30;

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let seal = build("seal-cli", "seal")?;
    eprintln!("  making {KEYS} keys and {FILES} files …");
    let keys = Keys::generate(KEYS)?;
    let folder = Workspace::new()?;
    let mut backup = String::new();
    for index in 0..KEYS {
        backup.push_str(&format!("---\n{}\n", keys.secret(index, HOME)?));
    }
    folder.write("keys.yaml", &backup)?;
    fill(&folder, FILES, ENTRIES, |index| keys.all()[index % KEYS].public())?;
    let texts = texts(&folder)?;

    let (trials, proofs) = operations(&keys, &texts)?;
    let floor = busy_operation(&keys.all()[0])? * u32::try_from(trials + proofs)?;
    let words = ["reencrypt", "shop", "--keys", "keys.yaml"];
    let ours = run(&seal, &words, folder.path())?;
    ensure!(ours.code == 0, "{}", ours.said);
    ensure!(self::texts(&folder)? != texts, "nothing was sealed anew");
    let what = format!("`reencrypt` of {FILES} files × {ENTRIES} entries, a backup of {KEYS} keys");
    let mut rows = vec![Row {
        what: format!("{what}, beside {trials} private operations to open and {proofs} to prove"),
        peer: seconds(floor),
        ours: seconds(ours.wall),
        ratio: floor.as_secs_f64() / ours.wall.as_secs_f64(),
        target: "≥ 0.9",
    }];
    let again = run(&seal, &words, folder.path())?;
    ensure!(again.code == 0, "{}", again.said);
    rows.push(Row {
        what: format!(
            "the same again, nothing to change, beside {} private operations",
            FILES * ENTRIES
        ),
        peer: seconds(floor * u32::try_from(FILES * ENTRIES)? / u32::try_from(trials + proofs)?),
        ours: seconds(again.wall),
        ratio: floor.as_secs_f64() * (FILES * ENTRIES) as f64
            / (trials + proofs) as f64
            / again.wall.as_secs_f64(),
        target: "",
    });

    fill(&folder, FILES, ENTRIES, |index| keys.all()[index % KEYS].public())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let raised: &[&str] = &[
        "--rate-limit=100000",
        "--rate-limit-burst=100000",
        "--kubeclient-qps=-1",
    ];
    for (flags, part, how, target) in [
        (raised, RAISED, "its rate limit raised", "≥ 6×"),
        (&[], DEFAULT, "as it is", "≥ 20×"),
    ] {
        let theirs = runtime.block_on(a_loop(&keys, &folder, flags, part))?;
        let theirs = theirs.mul_f64(FILES as f64 / part as f64);
        rows.push(Row {
            what: format!("{what}, beside a loop over `kubeseal --re-encrypt`, upstream's controller {how}"),
            peer: format!("{} (from {part} files)", seconds(theirs)),
            ours: seconds(ours.wall),
            ratio: theirs.as_secs_f64() / ours.wall.as_secs_f64(),
            target,
        });
    }
    rows.push(memory(&seal, &keys)?);
    Ok(rows)
}

/// The texts of each file.
fn texts(folder: &Workspace) -> anyhow::Result<Vec<Vec<String>>> {
    let text = |line: &str| Some(line.strip_prefix("    entry-")?.split_once(": ")?.1.to_owned());
    (0..FILES)
        .map(|index| Ok(folder.read(&file(index))?.lines().filter_map(text).collect()))
        .collect()
}

/// How many private operations it takes to open all in the ring's order, and how many texts are sealed anew, each
/// of which is opened once more to compare.
fn operations(keys: &Keys, texts: &[Vec<String>]) -> anyhow::Result<(usize, usize)> {
    let ring = keys.ring(KEYS)?;
    let newest = ring.keys()[0].fingerprint();
    let (mut trials, mut proofs) = (0, 0);
    for (index, texts) in texts.iter().enumerate() {
        ensure!(
            texts.len() == ENTRIES,
            "the file at {index} is not as it was made"
        );
        let label = Scope::Strict.label(&"prod".parse()?, &format!("db-{index:05}").parse()?);
        let mut hints = TrialHints::default();
        for text in texts {
            let bytes = decode_base64(text)?;
            let opened = ring.open(&Envelope::parse(&bytes)?, &label, hints, usize::MAX)?;
            hints.last_good = Some(opened.key);
            trials += opened.asked;
            proofs += usize::from(opened.key != newest);
        }
    }
    Ok((trials, proofs))
}

/// What people do: one `kubeseal --re-encrypt` after the other, each again while the controller refuses.
async fn a_loop(keys: &Keys, folder: &Workspace, flags: &[&str], files: usize) -> anyhow::Result<Duration> {
    let plane = ControlPlane::builder().own_network().start().await?;
    plane.apply(&sealed_secrets_crd()?).await?;
    plane.namespace(HOME).await?;
    for index in 0..KEYS {
        plane.apply(&keys.secret(index, HOME)?.to_string()).await?;
    }
    let flags = [flags, &["--key-renew-period=0"]].concat();
    let upstream = UpstreamController::start(&plane, HOME, &flags).await?;
    let (kubeseal, kubeconfig) = (tool("kubeseal")?, plane.kubeconfig(ADMIN).await?);
    let inputs: Vec<String> = (0..files)
        .map(|index| folder.read(&file(index)))
        .collect::<Result<_, _>>()?;
    let spent = tokio::task::spawn_blocking(move || {
        let begin = Instant::now();
        for input in inputs {
            loop {
                let done = Program::new(&kubeseal)
                    .args(["--re-encrypt", "-o", "yaml"])
                    .env("KUBECONFIG", &kubeconfig)
                    .stdin(input.clone())
                    .run()?;
                if done.code == 0 {
                    break;
                }
                ensure!(
                    done.err().contains("limit") || done.err().contains("429"),
                    "{}",
                    done.err()
                );
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        Ok(begin.elapsed())
    })
    .await
    .context("the loop")??;
    drop(upstream);
    Ok(spent)
}

// One entry a file, so that ten times the files do not take ten times the minutes.
fn memory(seal: &std::path::Path, keys: &Keys) -> anyhow::Result<Row> {
    let mut most = Vec::new();
    for files in [FILES, 10 * FILES] {
        let folder = Workspace::new()?;
        let secrets = [keys.secret(0, HOME)?, keys.secret(1, HOME)?];
        folder.write(
            "keys.yaml",
            secrets.map(|secret| format!("---\n{secret}\n")).concat(),
        )?;
        fill(&folder, files, 1, |_| keys.all()[0].public())?;
        let ran = run(seal, &["reencrypt", "shop", "--keys", "keys.yaml"], folder.path())?;
        ensure!(ran.code == 0, "{}", ran.said);
        most.push(ran.memory);
    }
    Ok(Row {
        what: format!("memory of `reencrypt`: {FILES} files, and ten times as many"),
        peer: megabytes(most[0]),
        ours: megabytes(most[1]),
        ratio: most[1] as f64 / most[0] as f64,
        target: "flat",
    })
}
