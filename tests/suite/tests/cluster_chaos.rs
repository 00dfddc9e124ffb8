//! A minute and a half of `cargo xtask chaos` from fixed seeds, or more on a slow machine: its judge has nothing to
//! say, and has had something to judge. Longer runs and other seeds are for people and schedules.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use seal_testbed::Program;

// Compiling is part of the command, and so is coming to rest.
const DEADLINE: Duration = Duration::from_secs(1500);

#[test]
fn a_minute_of_chaos_ends_with_every_secret_right_and_none_that_ever_was_wrong() {
    ends_well(&["--for", "60s", "--seed", "1"]);
}

#[test]
fn half_a_minute_of_chaos_with_a_store_ends_as_well() {
    ends_well(&["--for", "30s", "--seed", "2", "--stores"]);
}

// Two at a time would disturb each other more than their scripts do.
static ALONE: Mutex<()> = Mutex::new(());

fn ends_well(arguments: &[&str]) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let chaos = Program::new(env!("CARGO"))
        .args(["xtask", "chaos", "--judged", "50"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR").as_ref())
        .deadline(DEADLINE)
        .run()
        .expect("cargo can be run");
    let said = chaos.out();
    assert_eq!(chaos.code, 0, "{said}{}", chaos.err());
    let verdict = said.lines().last().unwrap_or_default();
    let numbers: Vec<usize> = verdict.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [_, judged, keys, violations] = numbers[..] else {
        panic!("no verdict: {said}");
    };
    assert_eq!(violations, 0, "{said}");
    assert!(judged >= 50 && keys > 0, "{verdict}");
}
