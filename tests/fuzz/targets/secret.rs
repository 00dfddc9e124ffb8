//! Secrets and records of strangers as JSON: what is read is written and read the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seal_api::Secret;
use seal_engine::Record;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(secret) = Secret::from_json(bytes) {
        let again = Secret::from_json(&secret.to_json()).expect("what is written is read");
        assert!(again.same_data(&secret) && again.kind == secret.kind && again.immutable == secret.immutable);
    }
    if let Ok(record) = serde_json::from_slice::<Record>(bytes) {
        record.keys().for_each(drop);
        for entry in ["", "a", "foo"] {
            let _ = record.key_of(entry);
        }
        let text = serde_json::to_vec(&record).expect("a record has string keys only");
        assert!(serde_json::from_slice::<Record>(&text).is_ok_and(|again| again == record));
    }
});
