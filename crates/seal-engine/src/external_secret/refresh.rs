//! Whether values are to be fetched again, and if not, when: refresh policies, intervals, sync windows.
//!
//! Whether the Secret that stands is as it was left is another question, asked beside this one. Two things
//! differ from upstream: an interval of zero still hears of changes, and no two objects are due at the same
//! moment because they were made at the same moment.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::external_secrets::{
    DEFAULT_REFRESH_INTERVAL, ExternalSecret, GoDuration, RefreshPolicy, SyncWindow, SyncWindowKind,
    SyncWindows,
};
use sha3::{Digest, Sha3_224};

use super::hash::synced_resource_version;
use super::schedule::Schedule;

/// When values are to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Now.
    Now(Occasion),
    /// Then, if nothing happens before.
    At(Timestamp),
    /// When the object changes.
    OnChange,
    /// Never, whatever happens to the object.
    Never,
}

/// Why now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// They never were.
    First,
    /// Generation, labels or annotations are others than they were.
    Change,
    /// The interval is over.
    Interval,
}

/// Where users may want what upstream does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshRules {
    /// An interval of zero means that what was fetched once is never fetched again, not even when the object
    /// changes or somebody asks for it by annotation.
    pub zero_is_never: bool,
}

/// A tenth of the interval, or of a window, is what objects are spread over: those that were fetched together
/// are not due together for ever.
const SPREAD: i128 = 10;
/// How many windows are looked at: an author's list may be long, and is looked at often.
pub(super) const MOST_WINDOWS: usize = 256;
/// How much is looked at to find out when windows that follow upon each other are over.
const MOST_LOOKS: usize = 2000;
/// Windows open and close with whole seconds, and both belong to them.
const ONE_SECOND: SignedDuration = SignedDuration::from_secs(1);

/// When the values of `object` are to be fetched, if it is `now`.
///
/// An interval that cannot be read counts as the default: that it cannot be read is told elsewhere.
pub fn refresh(object: &ExternalSecret, now: Timestamp, rules: RefreshRules) -> Refresh {
    let status = object.status.as_ref();
    let synced = status.and_then(|status| status.synced_resource_version.as_deref());
    let synced = synced.filter(|version| !version.is_empty());
    let refreshed = status.and_then(|status| Some(status.refresh_time.as_ref()?.0));
    let changed = || synced != Some(synced_resource_version(&object.metadata).as_str());
    let policy = object.spec.refresh_policy.unwrap_or_default();
    let (Some(_), Some(refreshed)) = (synced, refreshed) else {
        return Refresh::Now(Occasion::First);
    };
    match policy {
        RefreshPolicy::CreatedOnce => Refresh::Never,
        RefreshPolicy::OnChange if changed() => Refresh::Now(Occasion::Change),
        RefreshPolicy::OnChange => Refresh::OnChange,
        RefreshPolicy::Periodic => {
            let interval = interval(object);
            if interval <= 0 && rules.zero_is_never {
                return Refresh::Never;
            }
            if changed() {
                return Refresh::Now(Occasion::Change);
            }
            if interval <= 0 {
                return Refresh::OnChange;
            }
            periodic(object, refreshed, interval, now)
        }
    }
}

/// The interval of `object` in nanoseconds; that of the schema's default where it names none.
pub fn interval(object: &ExternalSecret) -> i64 {
    let default = || GoDuration::new(DEFAULT_REFRESH_INTERVAL).nanoseconds();
    let named = object.spec.refresh_interval.as_ref();
    named
        .and_then(|interval| interval.nanoseconds().ok())
        .unwrap_or_else(|| default().unwrap_or_default())
}

fn periodic(object: &ExternalSecret, refreshed: Timestamp, interval: i64, now: Timestamp) -> Refresh {
    let interval = SignedDuration::from_nanos(interval);
    // Early rather than late: what is fetched each hour is never older than an hour.
    let wait = interval.saturating_sub(share(&object.metadata, interval));
    let due = refreshed.checked_add(wait).unwrap_or(Timestamp::MAX);
    // What was fetched in the future was fetched by a clock that went wrong.
    let earliest = if refreshed > now { now } else { due.max(now) };
    let Some(windows) = &object.spec.sync_windows else {
        return at(earliest, now);
    };
    match opening(windows, earliest) {
        Some(Opening::Open) => at(earliest, now),
        Some(Opening::Opens(time, room)) => {
            let room = room.unwrap_or(interval);
            at(
                time.checked_add(share(&object.metadata, room)).unwrap_or(time),
                now,
            )
        }
        None => Refresh::OnChange,
    }
}

fn at(time: Timestamp, now: Timestamp) -> Refresh {
    if time <= now {
        Refresh::Now(Occasion::Interval)
    } else {
        Refresh::At(time)
    }
}

// Up to a tenth of `room`, always the same for one object.
fn share(metadata: &ObjectMeta, room: SignedDuration) -> SignedDuration {
    let name = (&metadata.uid, &metadata.namespace, &metadata.name);
    let digest = Sha3_224::digest(format!("{name:?}"));
    let share = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let share = room.as_nanos() * i128::from(share) / (i128::from(u32::MAX) * SPREAD);
    SignedDuration::from_nanos(i64::try_from(share).unwrap_or_default())
}

/// When windows let values be fetched.
enum Opening {
    /// At the time that was asked about.
    Open,
    /// First then, and for so long, if that is known.
    Opens(Timestamp, Option<SignedDuration>),
}

// `None` when they never do.
fn opening(windows: &SyncWindows, asked: Timestamp) -> Option<Opening> {
    if windows.windows.is_empty() {
        return Some(Opening::Open);
    }
    let listed = windows.windows.iter().take(MOST_WINDOWS);
    let read: Vec<Window> = listed.filter_map(Window::read).collect();
    if windows.kind == SyncWindowKind::Allow {
        if read.iter().any(|window| window.opened(asked).is_some()) {
            return Some(Opening::Open);
        }
        let next = |window: &Window| Some((window.schedule.next(asked)?, window.duration));
        let (time, duration) = read.iter().filter_map(next).min()?;
        return Some(Opening::Opens(time, Some(duration)));
    }
    let mut time = asked;
    for _ in 0..=MOST_LOOKS / read.len().max(1) {
        let closing = read.iter().filter_map(|window| window.closing(time)).max();
        match closing {
            None if time == asked => return Some(Opening::Open),
            None => return Some(Opening::Opens(time, None)),
            Some(closing) => time = closing.max(time).checked_add(ONE_SECOND).ok()?,
        }
    }
    None
}

struct Window {
    schedule: Schedule,
    duration: SignedDuration,
}

impl Window {
    // One that cannot be read is never open, as upstream.
    fn read(window: &SyncWindow) -> Option<Self> {
        Some(Self {
            schedule: Schedule::parse(&window.schedule)?,
            duration: SignedDuration::from_nanos(window.duration.nanoseconds().ok()?),
        })
    }

    // When it was opened, if it is open at `time`: the first opening, should it have been opened again since.
    fn opened(&self, time: Timestamp) -> Option<Timestamp> {
        let before = time
            .checked_sub(self.duration)
            .ok()?
            .checked_sub(ONE_SECOND)
            .ok()?;
        self.schedule.next(before).filter(|opened| *opened <= time)
    }

    // When it closes, if it is open at `time`.
    fn closing(&self, time: Timestamp) -> Option<Timestamp> {
        self.opened(time)?.checked_add(self.duration).ok()
    }
}

#[cfg(test)]
mod tests;
