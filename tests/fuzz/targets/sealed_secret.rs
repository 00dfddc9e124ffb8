//! SealedSecrets of strangers through the one middle, with a real key behind them.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use seal_api::SealedSecret;
use seal_core::{KeyRing, PrivateKey, RingKey};
use seal_engine::sealed_secret::{Opening, open, owner_reference};
use seal_engine::{Answers, Ownership, Policy, desired, plan, shape, summary};
use seal_template::environment::{Random, UtcOnly};
use seal_template::{Env, Functions};

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let key = PrivateKey::from_pem(include_bytes!("../../vectors/keys/2048.pkcs1.pem")).expect("a key");
    KeyRing::new(vec![RingKey::new(key, jiff::Timestamp::UNIX_EPOCH)]).expect("not empty")
});
static FUNCTIONS: LazyLock<Functions> =
    LazyLock::new(|| Functions::builtin().with(seal_template::sprig::FUNCTIONS));

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(object) = serde_json::from_slice::<SealedSecret>(bytes) else {
        return;
    };
    let answers = Answers {
        sealing_keys: Some(&RING),
    };
    let how = Opening {
        accept_legacy: true,
        diagnose_scope: true,
        hints: None,
    };
    let opened = match open(&object, &answers, &how) {
        Ok(opened) => opened,
        Err(faults) => return assert!(!summary(&faults).is_empty()),
    };
    for one in opened {
        let mut env = Env {
            now: jiff::Timestamp::UNIX_EPOCH,
            zones: &UtcOnly,
            random: &mut Zeros,
        };
        let Ok(material) = shape(one, object.spec.template.as_ref(), &FUNCTIONS, &mut env) else {
            continue;
        };
        let Ok(secret) = desired(material, "prod", "app", &Policy::default()) else {
            continue;
        };
        let owner = owner_reference(&object);
        let ownership = Ownership::of_sealed_secret(&owner, false, None, None);
        drop(plan(secret, None, &owner, ownership, &[]));
    }
});
