//! In a time of their own: nothing here waits.

use std::{cell::Cell, rc::Rc, sync::Arc};

use super::*;
use crate::{Blame, Call};

const LIMITS: Limits = Limits {
    at_once: 32,
    per_second: 1000,
    burst: 1000,
    patience: Duration::from_secs(10),
};

fn answered(status: u16, retry_after: Option<Duration>) -> StoreError {
    StoreError::Answered {
        call: Call {
            verb: "read",
            path: "secret/data/app".to_owned(),
        },
        status,
        words: "Vault is sealed".to_owned(),
        retry_after,
    }
}

fn unreachable() -> StoreError {
    StoreError::Unreachable {
        host: "vault.example:8200".to_owned(),
        cause: "connection refused".to_owned(),
    }
}

async fn meets(governor: &Governor, namespace: &str, fault: StoreError) -> StoreError {
    let outcome: Result<(), StoreError> = governor.run(namespace, "read", async { Err(fault) }).await;
    outcome.unwrap_err()
}

async fn passes(governor: &Governor) -> Result<(), StoreError> {
    governor.run("prod", "read", async { Ok(()) }).await
}

#[tokio::test(start_paused = true)]
async fn store_that_is_down_is_asked_once_a_second_whoever_comes() {
    let governor = Governor::new(LIMITS, None);
    let asked = Rc::new(Cell::new(0));
    let mut told = Vec::new();
    // 200 callers come each second for a minute, spread over it.
    for _ in 0..60 * 200 {
        let outcome: Result<(), StoreError> = governor
            .run("prod", "read", async {
                asked.set(asked.get() + 1);
                Err(unreachable())
            })
            .await;
        told.push(outcome.unwrap_err());
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    // Three until it is known; then the minute's seconds.
    assert!((60..=63).contains(&asked.get()), "{}", asked.get());
    assert!(
        told.iter()
            .all(|told| told.to_string() == unreachable().to_string())
    );
    assert!(told.iter().all(|told| told.blame() == Blame::Down));
    assert_eq!(*governor.health().borrow(), Health::Down);
}

#[tokio::test(start_paused = true)]
async fn first_answer_opens_the_store_to_all_again_and_wakes_who_waits() {
    let governor = Governor::new(LIMITS, None);
    for _ in 0..3 {
        meets(&governor, "prod", answered(503, None)).await;
    }
    let mut health = governor.health();
    assert_eq!(*health.borrow_and_update(), Health::Down);
    assert!(matches!(passes(&governor).await, Err(StoreError::Resting { .. })));

    tokio::time::advance(Duration::from_secs(1)).await;
    passes(&governor).await.unwrap();

    assert!(health.has_changed().unwrap());
    assert_eq!(*health.borrow_and_update(), Health::Up);
    for _ in 0..5 {
        passes(&governor).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_never_close_a_store() {
    let governor = Governor::new(LIMITS, None);
    for status in [403, 404, 400, 412] {
        for _ in 0..10 {
            assert_eq!(
                meets(&governor, "prod", answered(status, None)).await.status(),
                Some(status)
            );
        }
    }
    passes(&governor).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn namespace_that_breaks_the_store_with_its_requests_closes_it_to_nobody() {
    let governor = Governor::new(LIMITS, None);
    for _ in 0..50 {
        meets(&governor, "hostile", answered(500, None)).await;
    }
    passes(&governor).await.unwrap();

    // When everybody meets it, it is the store.
    for namespace in ["one", "two", "three"] {
        meets(&governor, namespace, answered(500, None)).await;
    }
    assert!(matches!(passes(&governor).await, Err(StoreError::Resting { .. })));
}

#[tokio::test(start_paused = true)]
async fn pause_that_the_store_asks_for_is_kept_and_then_over() {
    let governor = Governor::new(LIMITS, None);
    let wait = Duration::from_secs(7);
    meets(&governor, "prod", answered(429, Some(wait))).await;

    let told = passes(&governor).await.unwrap_err();
    assert_eq!(told, StoreError::Throttled { retry_after: wait });
    tokio::time::advance(Duration::from_millis(6_999)).await;
    assert!(passes(&governor).await.is_err());
    tokio::time::advance(Duration::from_millis(2)).await;
    passes(&governor).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pause_is_a_second_where_none_is_named_and_five_minutes_at_most() {
    let governor = Governor::new(LIMITS, None);
    let told = |told: Result<(), StoreError>| told.unwrap_err().retry_after().unwrap();
    meets(&governor, "prod", answered(429, None)).await;
    assert_eq!(told(passes(&governor).await), SHORT_PAUSE);
    tokio::time::advance(SHORT_PAUSE).await;
    meets(
        &governor,
        "prod",
        answered(429, Some(Duration::from_secs(1 << 40))),
    )
    .await;
    assert_eq!(told(passes(&governor).await), LONGEST_PAUSE);
}

#[tokio::test(start_paused = true)]
async fn burst_passes_at_once_and_the_rest_at_its_rate() {
    let governor = Governor::new(
        Limits {
            per_second: 10,
            burst: 5,
            ..LIMITS
        },
        None,
    );
    let begin = Instant::now();
    for _ in 0..5 {
        passes(&governor).await.unwrap();
    }
    assert_eq!(begin.elapsed(), Duration::ZERO);
    for _ in 0..10 {
        passes(&governor).await.unwrap();
    }
    let took = begin.elapsed();
    assert!((990..=1010).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_is_told_so_at_once() {
    let governor = Governor::new(
        Limits {
            per_second: 1,
            burst: 1,
            patience: Duration::from_secs(2),
            ..LIMITS
        },
        None,
    );
    let requests = futures::future::join_all((0..6).map(|_| passes(&governor)));
    let outcomes = requests.await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    let busy = |outcome: &Result<(), StoreError>| matches!(outcome, Err(StoreError::Busy { .. }));
    assert_eq!(outcomes.iter().filter(|outcome| busy(outcome)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn namespaces_take_turns_for_places() {
    let governor = Arc::new(Governor::new(Limits { at_once: 1, ..LIMITS }, None));
    let order = Arc::new(Mutex::new(Vec::new()));
    let ask = |namespace: &'static str| {
        let (governor, order) = (Arc::clone(&governor), Arc::clone(&order));
        tokio::spawn(async move {
            let request = async {
                order.lock().unwrap().push(namespace);
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok::<_, StoreError>(())
            };
            governor.run(namespace, "read", request).await
        })
    };
    let greedy: Vec<_> = (0..50).map(|_| ask("greedy")).collect();
    tokio::task::yield_now().await;
    ask("modest").await.unwrap().unwrap();

    let before = order.lock().unwrap().iter().position(|name| *name == "modest");
    assert!(before.unwrap() <= 2, "{before:?}");
    for one in greedy {
        one.await.unwrap().unwrap();
    }
}
