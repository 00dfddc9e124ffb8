//! Unsealing on one core beside the library's own private operations, and beside the real kubeseal's.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use seal_api::SealedSecret;
use seal_core::{KeyRing, PrivateKey, decode_base64};
use seal_engine::sealed_secret::{Answers, Opening, open};
use seal_testbed::{Program, Workspace, tool};

use crate::fixture::{self, Keys};
use crate::report::{Row, in_turn, milliseconds, on_all_cores};

const ENTRIES: usize = 40;
const ROUNDS: usize = 9;

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let keys = Keys::generate(61)?;
    let mut rows = Vec::new();
    for count in [1, 12, 61] {
        // The key known: it is the newest, the first that is asked.
        let key = &keys.all()[count - 1];
        let object = fixture::sealed("prod", "db", ENTRIES, key.public())?;
        let ring = keys.ring(count)?;
        let library = raw(key)?;
        let wrapped = wrapped_keys(&object)?;
        let label = b"prod/db".as_slice();
        let (raw, ours) = in_turn(
            ROUNDS,
            || {
                let mut room = [0; 1024];
                for wrapped in &wrapped {
                    let opened = library.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut room, Some(label));
                    black_box(opened.ok().context("the library opens it")?);
                }
                Ok(())
            },
            || open_all(&object, &ring),
        )?;
        let each = |whole: Duration| milliseconds(whole / u32::try_from(ENTRIES).unwrap_or(1));
        rows.push(Row {
            what: format!("unseal on one core, RSA-4096, ring of {count}, key known"),
            peer: format!("raw operation {}", each(raw)),
            ours: each(ours),
            ratio: raw.as_secs_f64() / ours.as_secs_f64(),
            target: "≥ 0.95 of raw",
        });
    }
    rows.push(beside_kubeseal(&keys)?);
    Ok(rows)
}

fn open_all(object: &SealedSecret, ring: &KeyRing) -> anyhow::Result<()> {
    let how = Opening {
        accept_legacy: false,
        diagnose_scope: false,
        hints: None,
    };
    let opened = open(
        object,
        &Answers {
            sealing_keys: Some(ring),
        },
        &how,
    );
    black_box(opened.map_err(|faults| anyhow::anyhow!("{}", seal_engine::summary(&faults)))?);
    Ok(())
}

// What the engine uses, without the engine.
fn raw(key: &PrivateKey) -> anyhow::Result<OaepPrivateDecryptingKey> {
    Ok(OaepPrivateDecryptingKey::new(library_key(key)?)?)
}

/// The library's own key.
pub(crate) fn library_key(key: &PrivateKey) -> anyhow::Result<PrivateDecryptingKey> {
    let pem = key.to_pkcs1_pem();
    let block = pem::parse(pem.as_bytes())?;
    let pair = KeyPair::from_der(block.contents()).map_err(|_| anyhow::anyhow!("the key cannot be read"))?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der()?;
    PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).map_err(|_| anyhow::anyhow!("the key cannot be read"))
}

fn wrapped_keys(object: &SealedSecret) -> anyhow::Result<Vec<Vec<u8>>> {
    let wrapped = |text: &Option<String>| {
        let bytes = decode_base64(text.as_deref().context("sealed text")?)?;
        Ok(bytes
            .get(2..2 + 512)
            .context("an envelope of 4096 bits")?
            .to_vec())
    };
    object.spec.encrypted_data.values().map(wrapped).collect()
}

/// What one private operation adds to the time that all cores need for many: they share more than one
/// core alone would show.
pub(crate) fn busy_operation(key: &PrivateKey) -> anyhow::Result<Duration> {
    const REPEATED: usize = 10;
    let library = raw(key)?;
    let object = fixture::sealed("prod", "db", ENTRIES, key.public())?;
    let wrapped = wrapped_keys(&object)?;
    let work = || -> anyhow::Result<()> {
        let mut room = [0; 1024];
        for wrapped in (0..REPEATED).flat_map(|_| &wrapped) {
            library.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut room, Some(b"prod/db"))?;
        }
        Ok(())
    };
    let operations = REPEATED * wrapped.len() * std::thread::available_parallelism()?.get();
    Ok(on_all_cores(work)? / u32::try_from(operations)?)
}

// Many entries less one entry, so that starting the process does not count.
fn beside_kubeseal(keys: &Keys) -> anyhow::Result<Row> {
    let kubeseal = tool("kubeseal")?;
    let workspace = Workspace::new()?;
    let key = &keys.all()[0];
    let file = workspace.write("key.pem", key.to_pkcs1_pem().as_bytes())?;
    let ring = keys.ring(1)?;
    let many = fixture::sealed("prod", "db", ENTRIES, key.public())?;
    let one = fixture::sealed("prod", "db", 1, key.public())?;
    let run = |object: &SealedSecret| -> anyhow::Result<()> {
        let program = Program::new(&kubeseal)
            .arg("--recovery-unseal")
            .arg("--recovery-private-key")
            .arg(&file);
        program.stdin(serde_json::to_vec(object)?).run()?.success()?;
        Ok(())
    };
    let (peer_many, ours_many) = in_turn(ROUNDS, || run(&many), || open_all(&many, &ring))?;
    let (peer_one, ours_one) = in_turn(ROUNDS, || run(&one), || open_all(&one, &ring))?;
    let each =
        |many: Duration, one: Duration| many.saturating_sub(one) / u32::try_from(ENTRIES - 1).unwrap_or(1);
    let (peer, ours) = (each(peer_many, peer_one), each(ours_many, ours_one));
    Ok(Row {
        what: "unseal one entry on one core, RSA-4096, against Go".to_owned(),
        peer: format!("kubeseal {}", milliseconds(peer)),
        ours: milliseconds(ours),
        ratio: peer.as_secs_f64() / ours.as_secs_f64(),
        target: "Go 8.4 ms here",
    })
}
