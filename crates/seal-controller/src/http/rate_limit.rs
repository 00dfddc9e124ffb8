//! How often a path may be asked: one bucket for everybody, with upstream's numbers and headers.
//!
//! It does not ask who is calling: `X-Forwarded-For` is whatever the caller writes there (S10).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The bucket of one path: the generic cell rate algorithm, as upstream's.
pub(super) struct RateLimit {
    interval: Duration,
    at_once: u32,
    // When the next request would be due if all came evenly.
    due: Mutex<Option<Instant>>,
}

/// What one request met with.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    remaining: u32,
    reset: Duration,
    // Only for a request that is turned away.
    retry_after: Option<Duration>,
}

impl RateLimit {
    /// `rate` requests a second, and `burst` beyond the first at once.
    pub(super) fn new(rate: u32, burst: u32) -> Self {
        Self {
            interval: (Duration::from_secs(1) / rate.max(1)).max(Duration::from_nanos(1)),
            at_once: burst.saturating_add(1),
            due: Mutex::default(),
        }
    }

    fn ask(&self, now: Instant) -> Answer {
        let tolerance = self.interval.saturating_mul(self.at_once);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
        let after = ahead + self.interval;
        let retry_after = after
            .checked_sub(tolerance)
            .filter(|too_early| !too_early.is_zero());
        let reset = if retry_after.is_some() { ahead } else { after };
        if retry_after.is_none() {
            *due = Some(now + after);
        }
        let left = tolerance.saturating_sub(reset).as_nanos() / self.interval.as_nanos();
        Answer {
            remaining: u32::try_from(left).unwrap_or(self.at_once),
            reset,
            retry_after,
        }
    }
}

/// Turns away what comes too often.
pub(super) async fn limited(State(limit): State<Arc<RateLimit>>, request: Request, next: Next) -> Response {
    let answer = limit.ask(Instant::now());
    let mut response = match answer.retry_after {
        None => next.run(request).await,
        Some(after) => too_many(after),
    };
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(LIMIT, limit.at_once.into());
    headers.insert(REMAINING, answer.remaining.into());
    headers.insert(RESET, whole_seconds(answer.reset).into());
    response
}

/// The answer to one request too many. kubeseal waits that long and asks again.
pub(super) fn too_many(after: Duration) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    let headers = [
        (header::RETRY_AFTER, whole_seconds(after).into()),
        (header::X_CONTENT_TYPE_OPTIONS, nosniff),
    ];
    (StatusCode::TOO_MANY_REQUESTS, headers, "limit exceeded\n").into_response()
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_at_once_and_then_two_a_second() {
        let (limit, now) = (RateLimit::new(2, 2), Instant::now());
        let half = Duration::from_millis(500);
        let answer = |remaining, reset, retry_after| Answer {
            remaining,
            reset,
            retry_after,
        };
        assert_eq!(limit.ask(now), answer(2, half, None));
        assert_eq!(limit.ask(now), answer(1, half * 2, None));
        assert_eq!(limit.ask(now), answer(0, half * 3, None));
        assert_eq!(limit.ask(now), answer(0, half * 3, Some(half)));
        assert!(limit.ask(now + half).retry_after.is_none());
        assert!(limit.ask(now + half).retry_after.is_some());
        assert_eq!(limit.ask(now + 10 * half), answer(2, half, None));
    }

    #[test]
    fn without_a_burst_one_comes_after_the_other() {
        let (limit, now) = (RateLimit::new(1, 0), Instant::now());
        assert!(limit.ask(now).retry_after.is_none());
        assert_eq!(limit.ask(now).retry_after, Some(Duration::from_secs(1)));
        assert!(limit.ask(now + Duration::from_secs(1)).retry_after.is_none());
    }
}
