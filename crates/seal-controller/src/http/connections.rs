//! Who may hold a connection open, for how long, and who has to leave when the house is full.
//!
//! A server must go on answering its health checks while strangers open hundreds of connections and say
//! nothing on them: so nobody is kept waiting outside, and whoever has been silent longest is shown out.
//! What is answered is the router's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

// Enough for the API server's proxy, with an order of magnitude to spare.
const MOST_HEAD_BYTES: usize = 64 << 10;
// When the system has no descriptors left, some come free by themselves.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections are held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// So many at once.
    pub(crate) connections: usize,
    /// A request's head has to be whole this long after its connection was opened, or after the answer
    /// before it.
    pub(crate) silence: Duration,
    /// What is being answered when the server ends gets this long.
    pub(crate) grace: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 256,
            silence: Duration::from_secs(10),
            grace: Duration::from_secs(5),
        }
    }
}

/// Serves what arrives until `closing` becomes true, then finishes what is being answered. The receiver
/// lives as long as anything is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    closing: watch::Receiver<bool>,
) {
    let house = Arc::new(House::of(bounds.connections));
    let mut connections = JoinSet::new();
    let mut end = std::pin::pin!(end_of(closing.clone()));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let Some((guest, shown_out)) = house.admit(Instant::now()) else {
                        continue;
                    };
                    let connection = attend(stream, router.clone(), bounds, guest, closing.clone());
                    connections.spawn(async move {
                        tokio::select! {
                            () = connection => {}
                            _ = shown_out => debug!("a silent connection makes room for another"),
                        }
                    });
                }
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = &mut end => break,
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(bounds.grace, finished).await.is_err() {
        debug!("a request was not finished in time");
    }
}

async fn attend(
    stream: TcpStream,
    router: Router,
    bounds: Bounds,
    guest: Guest,
    closing: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let guest = Arc::new(guest);
    let service = service_fn(move |request| {
        let serving = Serving::begin(&guest);
        let answer = router.call(request);
        async move {
            let answer = answer.await;
            drop(serving);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // It runs between two requests as well, and so bounds idleness.
        .header_read_timeout(bounds.silence)
        .max_buf_size(MOST_HEAD_BYTES)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = end_of(closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}

async fn end_of(mut closing: watch::Receiver<bool>) {
    drop(closing.wait_for(|closing| *closing).await);
}

/// The connections that are open.
struct House {
    most: usize,
    rooms: Mutex<Rooms>,
}

#[derive(Default)]
struct Rooms {
    next: u64,
    taken: HashMap<u64, Room>,
}

struct Room {
    // Since when nothing has been answered; none while something is.
    silent_since: Option<Instant>,
    _door: oneshot::Sender<()>,
}

/// A connection that was let in. It leaves when this is dropped.
struct Guest {
    house: Arc<House>,
    number: u64,
}

impl House {
    fn of(most: usize) -> Self {
        Self {
            most,
            rooms: Mutex::default(),
        }
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one in, and where the house is full the one out that has been silent longest. `None` where
    /// all are being served. The receiver ends when this one has to leave.
    fn admit(self: &Arc<Self>, now: Instant) -> Option<(Guest, oneshot::Receiver<()>)> {
        let mut rooms = self.rooms();
        if rooms.taken.len() >= self.most {
            let silent = rooms.taken.iter();
            let silent = silent.filter_map(|(number, room)| Some((room.silent_since?, *number)));
            let (_, longest) = silent.min()?;
            rooms.taken.remove(&longest);
        }
        let (door, shown_out) = oneshot::channel();
        let room = Room {
            silent_since: Some(now),
            _door: door,
        };
        let number = rooms.next;
        rooms.next += 1;
        rooms.taken.insert(number, room);
        let house = Arc::clone(self);
        Some((Guest { house, number }, shown_out))
    }
}

impl Guest {
    fn is_silent_since(&self, since: Option<Instant>) {
        if let Some(room) = self.house.rooms().taken.get_mut(&self.number) {
            room.silent_since = since;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.house.rooms().taken.remove(&self.number);
    }
}

/// A request that is being answered.
struct Serving(Arc<Guest>);

impl Serving {
    fn begin(guest: &Arc<Guest>) -> Self {
        guest.is_silent_since(None);
        Self(Arc::clone(guest))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.is_silent_since(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests;
