//! The fence: a client whose writes go out only while this replica leads (S18).
//!
//! Each write is refused once the deadline has passed, and given up when it passes without having been moved on;
//! reads go through.
//! Who leads, and until when, is `lease`'s to find out.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use http::{Method, Request};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tokio::sync::watch;
use tower::{BoxError, Layer, Service};

/// Until when this replica may write. Clones are the same fence.
#[derive(Clone, Debug)]
pub struct Fence {
    // Nanoseconds of `clock`; 0 for closed.
    open_until: Arc<AtomicU64>,
    // Tells those who wait that a lead has ended, whatever comes after it.
    lowered: watch::Sender<()>,
}

/// A write that was refused or given up, because this replica does not lead, or not any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not lead")]
pub struct NotLeading;

impl Fence {
    /// One that is closed: this replica has not been elected yet.
    pub fn closed() -> Self {
        Self {
            open_until: Arc::new(AtomicU64::new(0)),
            lowered: watch::Sender::new(()),
        }
    }

    /// How much time is left for writes; `None` when there is none.
    pub fn remaining(&self) -> Option<Duration> {
        let until = self.open_until.load(Ordering::Acquire);
        let left = Duration::from_nanos(until).checked_sub(clock())?;
        (!left.is_zero()).then_some(left)
    }

    /// Opens it until that time has passed since `begin`, a reading of [`clock`].
    pub(crate) fn raise(&self, begin: Duration, lasting: Duration) {
        let until = u64::try_from((begin + lasting).as_nanos()).unwrap_or(u64::MAX);
        self.open_until.store(until, Ordering::Release);
    }

    /// Closes it.
    pub(crate) fn lower(&self) {
        self.open_until.store(0, Ordering::Release);
        self.lowered.send_replace(());
    }
}

// A lead under way, as a write of it sees it.
struct Lead {
    fence: Fence,
    lowered: watch::Receiver<()>,
}

impl Lead {
    fn of(fence: &Fence) -> Option<Self> {
        let lead = Self {
            fence: fence.clone(),
            lowered: fence.lowered.subscribe(),
        };
        fence.remaining().map(|_| lead)
    }

    // Waits for the answer to a write for as long as this lead lasts.
    async fn wait<T, E>(mut self, write: impl Future<Output = Result<T, E>>) -> Result<T, BoxError>
    where
        E: Into<BoxError>,
    {
        let mut write = pin!(write);
        // Each renewal of the Lease moves the deadline on: a slow write is no reason to give it up.
        while let Some(left) = self.fence.remaining() {
            tokio::select! {
                answer = &mut write => return answer.map_err(Into::into),
                _ = self.lowered.changed() => break,
                () = tokio::time::sleep(left) => {}
            }
        }
        Err(NotLeading.into())
    }
}

/// A clock that nobody sets. On Linux it goes on while the machine sleeps: a lease runs out meanwhile.
#[cfg(target_os = "linux")]
pub(crate) fn clock() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// A clock that nobody sets.
#[cfg(not(target_os = "linux"))]
pub(crate) fn clock() -> Duration {
    static BEGIN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGIN.elapsed()
}

/// A client behind `fence`.
///
/// # Errors
/// kube's, when the settings name a file that cannot be read.
pub fn fenced(config: Config, fence: &Fence) -> kube::Result<Client> {
    let layer = FenceLayer(fence.clone());
    Ok(ClientBuilder::try_from(config)?.with_layer(&layer).build())
}

struct FenceLayer(Fence);

impl<S> Layer<S> for FenceLayer {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Fenced {
            inner,
            fence: self.0.clone(),
        }
    }
}

struct Fenced<S> {
    inner: S,
    fence: Fence,
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl<S> Service<Request<Body>> for Fenced<S>
where
    S: Service<Request<Body>>,
    S::Response: Send + 'static,
    S::Error: Into<BoxError> + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Answer<S::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return self
                .inner
                .call(request)
                .map(|answer| answer.map_err(Into::into))
                .boxed();
        }
        match Lead::of(&self.fence) {
            Some(lead) => lead.wait(self.inner.call(request)).boxed(),
            None => std::future::ready(Err(NotLeading.into())).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Response;
    use tower::ServiceExt;

    use super::*;

    // A write that is answered when somebody says so.
    async fn asked_until(fence: &Fence, answered: tokio::sync::oneshot::Receiver<()>) -> Result<(), String> {
        let answered = answered.shared();
        let inner = tower::service_fn(move |_| {
            let answered = answered.clone();
            async move {
                drop(answered.await);
                Ok::<_, Infallible>(Response::new(()))
            }
        });
        let request = Request::put("/").body(Body::empty()).unwrap();
        let answer = FenceLayer(fence.clone()).layer(inner).oneshot(request).await;
        answer.map(drop).map_err(|error| error.to_string())
    }

    async fn asked(fence: &Fence, method: Method, answers: bool) -> Result<(), String> {
        let inner = tower::service_fn(move |_| async move {
            if !answers {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(Response::new(()))
        });
        let request = Request::builder().method(method).body(Body::empty()).unwrap();
        let service = FenceLayer(fence.clone()).layer(inner);
        let answer = service.oneshot(request).await;
        answer.map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn who_was_not_elected_reads_and_does_not_write() {
        let fence = Fence::closed();
        assert_eq!(asked(&fence, Method::GET, true).await, Ok(()));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let refused = asked(&fence, method, true).await;
            assert_eq!(refused, Err(NotLeading.to_string()));
        }
    }

    #[tokio::test]
    async fn who_leads_writes_until_the_deadline_and_not_after() {
        let fence = Fence::closed();
        let begin = clock();
        fence.raise(begin, Duration::from_secs(3600));
        assert_eq!(asked(&fence, Method::PUT, true).await, Ok(()));
        fence.raise(begin, Duration::ZERO);
        assert_eq!(
            asked(&fence, Method::PUT, true).await,
            Err(NotLeading.to_string())
        );
        fence.raise(begin, Duration::from_secs(3600));
        fence.lower();
        assert_eq!(
            asked(&fence, Method::PUT, true).await,
            Err(NotLeading.to_string())
        );
    }

    #[tokio::test]
    async fn a_write_without_an_answer_is_given_up_at_the_deadline() {
        let fence = Fence::closed();
        fence.raise(clock(), Duration::from_millis(50));
        assert_eq!(
            asked(&fence, Method::POST, false).await,
            Err(NotLeading.to_string())
        );
        assert_eq!(fence.remaining(), None);
    }

    #[tokio::test]
    async fn a_write_goes_on_past_the_deadline_that_a_renewal_has_moved() {
        let fence = Fence::closed();
        let (begin, second) = (clock(), Duration::from_secs(1));
        fence.raise(begin, second);
        let (answer, answered) = tokio::sync::oneshot::channel::<()>();
        let mut write = pin!(asked_until(&fence, answered));
        assert_eq!((&mut write).now_or_never(), None);
        fence.raise(begin, Duration::from_secs(3600));
        while clock() < begin + second + second / 4 {
            tokio::time::sleep(second / 20).await;
            assert_eq!((&mut write).now_or_never(), None);
        }
        answer.send(()).unwrap();
        assert_eq!(write.await, Ok(()));
    }

    #[tokio::test]
    async fn a_write_of_a_lead_that_was_lost_is_given_up_although_it_was_won_again() {
        let fence = Fence::closed();
        fence.raise(clock(), Duration::from_secs(3600));
        let (_answer, answered) = tokio::sync::oneshot::channel::<()>();
        let mut write = pin!(asked_until(&fence, answered));
        assert_eq!((&mut write).now_or_never(), None);
        fence.lower();
        fence.raise(clock(), Duration::from_secs(3600));
        let given_up = tokio::time::timeout(Duration::from_secs(10), write).await;
        assert_eq!(given_up, Ok(Err(NotLeading.to_string())));
    }
}
