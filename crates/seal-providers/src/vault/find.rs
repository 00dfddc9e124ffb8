//! Looking through a folder: by one SCAN where the server has that, by a LIST for each folder elsewhere; then one read
//! for each that is wanted. What the asker may not read is neither listed nor told.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{StreamExt, TryStreamExt, stream};
use http::Method;

use super::{
    Client, answers,
    call::Ask,
    paths::{KvVersion, Place},
};
use crate::{Answer, Asker, Blame, By, Call, Find, Found, Hit, MountFault, StoreError, network::Reply};

/// Requests of one search under way at a time; the store's own limit holds besides.
const AT_ONCE: usize = 8;
/// More names than this nobody means.
const MOST_NAMES: usize = 20_000;
const MOST_DEPTH: usize = 64;

/// What a server can do, as far as that has been seen.
#[derive(Default)]
pub(super) struct Skills {
    /// Whether SCAN has been refused.
    without_scan: AtomicBool,
    /// Whether SCAN with everything about each secret has been refused.
    without_details: AtomicBool,
}

/// A secret that was seen: its name below what was looked through, and its place.
struct Seen {
    name: String,
    place: Place,
    /// What people wrote beside it, where that came along.
    tags: Option<Tags>,
}

type Tags = BTreeMap<String, String>;

/// Why a search has no more names.
enum End {
    Fault(StoreError),
    Mount(MountFault),
}

impl From<StoreError> for End {
    fn from(fault: StoreError) -> Self {
        Self::Fault(fault)
    }
}

pub(super) async fn find(client: &Arc<Client>, asker: &Asker, find: &Find) -> Result<Found, StoreError> {
    match search(client, asker, find).await {
        Ok(found) => Ok(found),
        Err(End::Mount(fault)) => Ok(Found::MountMissing(fault)),
        Err(End::Fault(fault)) => Err(fault),
    }
}

async fn search(client: &Arc<Client>, asker: &Asker, find: &Find) -> Result<Found, End> {
    if matches!(find.by, By::Tags(_)) && client.gate.version() == KvVersion::V1 {
        return Err(StoreError::Unsupported("there are no tags in version 1 of the key/value engine").into());
    }
    let folder = client.gate.folder(asker, find.path.as_deref())?;
    let with_details = match find.by {
        By::Tags(_) => with_details(client, asker, &folder).await?,
        By::Name(_) => None,
    };
    let seen = match with_details {
        Some(seen) => Some(seen),
        None => names(client, asker, &folder).await?,
    };
    let Some(seen) = seen else {
        return Ok(Found::Missing);
    };
    let prefix = match find.path.as_deref().map(|path| path.trim_matches('/')) {
        None | Some("") => String::new(),
        Some(path) => format!("{path}/"),
    };
    let prefix = &prefix;
    let wanted = stream::iter(seen)
        .map(|seen| async move {
            let key = format!("{prefix}{}", seen.name);
            let is_wanted = match &find.by {
                By::Name(matches) => matches(&key),
                By::Tags(tags) => has_tags(client, asker, &seen, tags).await?,
            };
            if !is_wanted {
                return Ok(None);
            }
            match client.value_at(asker, &seen.place.value(), None).await? {
                Answer::Value(value) => Ok(Some(Hit { key, value })),
                // Deleted softly, or while we were looking.
                Answer::Missing => Ok(None),
                Answer::MountMissing(fault) => Err(End::Mount(fault)),
            }
        })
        .buffer_unordered(AT_ONCE);
    let hits: Vec<Option<Hit>> = wanted.try_collect().await?;
    let mut hits: Vec<Hit> = hits.into_iter().flatten().collect();
    hits.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(Found::Hits(hits))
}

async fn has_tags(client: &Arc<Client>, asker: &Asker, seen: &Seen, tags: &Tags) -> Result<bool, End> {
    let asked;
    let found = match &seen.tags {
        Some(known) => known,
        None => {
            let call = Call {
                verb: "read",
                path: seen.place.shown(),
            };
            let target = seen.place.target();
            let reply = client
                .ask(Ask::get(call.clone(), &target, &asker.namespace))
                .await?;
            asked = answers::tags(&call, &reply)?.map_err(End::Mount)?;
            &asked
        }
    };
    Ok(tags.iter().all(|(tag, value)| found.get(tag) == Some(value)))
}

/// Every secret below `folder` with its tags in one answer, from a server that can; nothing from others.
async fn with_details(client: &Arc<Client>, asker: &Asker, folder: &Place) -> Result<Option<Vec<Seen>>, End> {
    let refused = &client.skills.without_details;
    if refused.load(Ordering::Relaxed) || client.skills.without_scan.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let (call, reply) = scan(client, asker, &folder.through("detailed-metadata")).await;
    let tagged = match reply {
        Ok(reply) => answers::details(&call, &reply),
        Err(fault) => Err(fault),
    };
    let tagged = match tagged {
        Ok(tagged) => tagged,
        // Down for everybody.
        Err(fault) if fault.blame() == Blame::Down => return Err(fault.into()),
        // No such thing there, not allowed, or more than one answer can hold.
        Err(_) => {
            refused.store(true, Ordering::Relaxed);
            return Ok(None);
        }
    };
    if tagged.is_empty() {
        return Ok(None);
    }
    let mut all = Vec::new();
    for (name, tags) in tagged {
        let before = all.len();
        take(asker, folder, "", &name, &mut all, &mut Vec::new())?;
        if let Some(seen) = all.get_mut(before) {
            seen.tags = Some(tags);
        }
    }
    Ok(Some(all))
}

/// Every secret below `folder` that the asker may read; none if there is nothing at all.
async fn names(client: &Arc<Client>, asker: &Asker, folder: &Place) -> Result<Option<Vec<Seen>>, End> {
    if !client.skills.without_scan.load(Ordering::Relaxed)
        && let Some(names) = scanned(client, asker, folder).await?
    {
        let mut seen = Vec::new();
        for name in names {
            take(asker, folder, "", &name, &mut seen, &mut Vec::new())?;
        }
        return Ok(Some(seen));
    }
    let (mut seen, mut depth) = (Vec::new(), 0);
    let mut level = vec![(String::new(), folder.clone())];
    let mut is_empty = true;
    while !level.is_empty() {
        depth += 1;
        if depth > MOST_DEPTH {
            return Err(TOO_MANY.into());
        }
        let listed: Vec<(String, Place, Vec<String>)> = stream::iter(level)
            .map(|(prefix, place)| async move {
                let names = list(client, asker, &place).await?;
                Ok::<_, End>((prefix, place, names))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        level = Vec::new();
        for (prefix, place, names) in listed {
            is_empty &= names.is_empty();
            for name in names {
                take(asker, &place, &prefix, &name, &mut seen, &mut level)?;
            }
        }
    }
    Ok((!is_empty).then_some(seen))
}

const TOO_MANY: StoreError =
    StoreError::Unsupported("there is more below that path than can be looked through");

/// Sorts a name that was told: a secret, a folder, or nothing of the asker's.
fn take(
    asker: &Asker,
    folder: &Place,
    prefix: &str,
    name: &str,
    seen: &mut Vec<Seen>,
    folders: &mut Vec<(String, Place)>,
) -> Result<(), StoreError> {
    let place = match folder.inner(asker, name) {
        Ok(place) => place,
        Err(StoreError::NotAllowed { .. }) => return Ok(()),
        Err(fault) => return Err(fault),
    };
    let name = format!("{prefix}{name}");
    if name.ends_with('/') {
        folders.push((name, place));
    } else {
        let tags = None;
        seen.push(Seen { name, place, tags });
    }
    match seen.len() + folders.len() > MOST_NAMES {
        true => Err(TOO_MANY),
        false => Ok(()),
    }
}

/// All names below `folder` in one answer, from a server that can; nothing from others, which are not asked again.
async fn scanned(client: &Arc<Client>, asker: &Asker, folder: &Place) -> Result<Option<Vec<String>>, End> {
    let (call, reply) = scan(client, asker, folder).await;
    match reply {
        Ok(reply) if reply.status == 404 => Ok(None),
        Ok(reply) => match answers::names(&call, &reply)? {
            // Empty: a LIST tells whether there is nothing or no engine.
            Ok(names) if names.is_empty() => Ok(None),
            Ok(names) => Ok(Some(names)),
            Err(fault) => Err(End::Mount(fault)),
        },
        // 403: the policy has no `scan`; 405 and the like: nobody there knows the method.
        Err(StoreError::Answered {
            status: 400 | 403 | 405 | 501,
            ..
        }) => {
            client.skills.without_scan.store(true, Ordering::Relaxed);
            Ok(None)
        }
        Err(fault) => Err(fault.into()),
    }
}

async fn scan(client: &Arc<Client>, asker: &Asker, folder: &Place) -> (Call, Result<Reply, StoreError>) {
    let call = Call {
        verb: "scan",
        path: folder.shown(),
    };
    let target = folder.target();
    let ask = Ask {
        // A query would be ignored by a server that knows no scan, and its answer taken for an empty one.
        method: Method::from_bytes(b"SCAN").expect("a word is a method"),
        ..Ask::get(call.clone(), &target, &asker.namespace)
    };
    let reply = client.ask(ask).await;
    (call, reply)
}

async fn list(client: &Arc<Client>, asker: &Asker, folder: &Place) -> Result<Vec<String>, End> {
    let call = Call {
        verb: "list",
        path: folder.shown(),
    };
    let target = format!("{}?list=true", folder.target());
    let reply = client
        .ask(Ask::get(call.clone(), &target, &asker.namespace))
        .await?;
    answers::names(&call, &reply)?.map_err(End::Mount)
}
