//! Waiting for a condition with a deadline, so that no test sleeps. It does not decide what a failure means.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

const INTERVAL: Duration = Duration::from_millis(25);

/// Polls `probe` until it yields a value; `Ok(None)` and errors mean "not yet". After the deadline the error
/// says what was awaited and carries the last error seen.
pub async fn wait_for<T, P: Future<Output = anyhow::Result<Option<T>>>>(
    what: &str,
    deadline: Duration,
    mut probe: impl FnMut() -> P,
) -> anyhow::Result<T> {
    let start = Instant::now();
    let mut last = None;
    loop {
        // A probe that hangs must not outlast the deadline either.
        let left = deadline.saturating_sub(start.elapsed()).max(INTERVAL);
        match tokio::time::timeout(left, probe()).await {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) => {}
            Ok(Err(fault)) => last = Some(fault),
            Err(_) => last = last.or_else(|| Some(anyhow!("the probe did not answer"))),
        }
        if start.elapsed() >= deadline {
            let late = format!("waited {deadline:?} for {what}");
            return Err(last.unwrap_or_else(|| anyhow!("the condition never held"))).context(late);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
