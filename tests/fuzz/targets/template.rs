//! Templates of strangers: parsed and run within limits, and no fault holds a value.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use seal_template::environment::{Random, UtcOnly};
use seal_template::value::{Map, Text};
use seal_template::{Env, Functions, Limits, Template, Value};

// No template can spell it, so a fault that holds it took it from the data.
const CANARY: &str = "\u{1f426}kanarienvogel\u{1f426}";

static FUNCTIONS: LazyLock<Functions> =
    LazyLock::new(|| Functions::builtin().with(seal_template::sprig::FUNCTIONS));

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fuzz_target!(|source: &str| {
    if source.contains('\u{1f426}') {
        return;
    }
    let Ok(template) = Template::parse("t", source, &FUNCTIONS) else {
        return;
    };
    let pairs = ["a", "b", "password"].map(|name| (Text::new(name), Text::new(CANARY)));
    let dot = Value::Map(Map::texts(pairs));
    let mut env = Env {
        now: jiff::Timestamp::UNIX_EPOCH,
        zones: &UtcOnly,
        random: &mut Zeros,
    };
    let limits = Limits {
        fuel: 100_000,
        output: 1 << 16,
        intermediate: 1 << 16,
        depth: 100,
    };
    if let Err(fault) = template.render(&dot, &mut env, &limits) {
        let said = fault.to_string();
        assert!(!said.contains("kanarienvogel"), "{said}");
    }
});
