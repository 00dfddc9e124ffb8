//! `cargo xtask tools`: the front of `seal-peers` for people and scripts. What a peer is stands in its table.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use seal_peers::{Cache, Group, PEERS, Peer, PeerError, Prerequisite, Source, State, estimate};

use crate::Failure;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--list"] => list(),
        ["--path", name] => {
            println!(
                "{}",
                seal_peers::path(name)
                    .map_err(|error| Failure::because(&error))?
                    .display()
            );
            Ok(())
        }
        [] | ["--all"] => install(PEERS.iter()),
        ref names => install(choose(names)?.into_iter()),
    }
}

/// Installs the peers of `groups`, each told on one line; all are tried before the first complaint is returned.
pub(crate) fn install_groups(groups: &[Group]) -> Result<(), Failure> {
    install(groups.iter().flat_map(|group| group.peers()))
}

/// Installs one peer and returns its path.
pub(crate) fn install_one(cache: &Cache, peer: &'static Peer) -> Result<PathBuf, Failure> {
    cache
        .install(peer, &mut |line| println!("{line}"))
        .map_err(|error| Failure::because(&error))
}

fn install(peers: impl Iterator<Item = &'static Peer>) -> Result<(), Failure> {
    let peers: Vec<&'static Peer> = peers.collect();
    let cache = Cache::open().map_err(|error| Failure::because(&error))?;
    let states = states(&cache, &peers)?;
    announce(&peers, &states)?;
    let mut complaints = Vec::new();
    for (peer, state) in peers.iter().zip(states) {
        let begin = Instant::now();
        match install_one(&cache, peer) {
            Ok(path) if matches!(state, State::Ready | State::Found) => {
                println!("{}: {}", peer.title(' '), path.display());
            }
            Ok(path) => {
                println!(
                    "{}: {} ({} s)",
                    peer.title(' '),
                    path.display(),
                    begin.elapsed().as_secs()
                );
            }
            Err(failure) => complaints.push(failure.to_string()),
        }
    }
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(Failure::Fault(complaints.join("\nerror: "))),
    }
}

/// Says how long it will take, and refuses before the first minute is spent where a client is missing.
fn announce(peers: &[&'static Peer], states: &[State]) -> Result<(), Failure> {
    let due: Vec<&Peer> = peers
        .iter()
        .zip(states)
        .filter(|(peer, state)| {
            matches!(state, State::Missing | State::Stale) && !matches!(peer.source, Source::System { .. })
        })
        .map(|(peer, _)| *peer)
        .collect();
    let total: Duration = due.iter().map(|peer| peer.estimate).sum();
    if due.len() > 1 {
        println!("{} to build: {}, once", due.len(), estimate(total));
    }
    if due.iter().any(|peer| matches!(peer.source, Source::Go { .. })) {
        Prerequisite::Go.check().map_err(Failure::Fault)?;
    }
    if due.iter().any(|peer| matches!(peer.source, Source::Wheel { .. })) {
        Prerequisite::Pip.check().map_err(Failure::Fault)?;
    }
    Ok(())
}

fn states(cache: &Cache, peers: &[&'static Peer]) -> Result<Vec<State>, Failure> {
    let states: Result<Vec<State>, PeerError> = peers.iter().map(|peer| cache.state(peer)).collect();
    states.map_err(|error| Failure::because(&error))
}

/// The peers behind names of peers and of groups, each once and in the table's order.
fn choose(names: &[&str]) -> Result<Vec<&'static Peer>, Failure> {
    for name in names {
        let known = PEERS
            .iter()
            .any(|peer| peer.name == *name || peer.group.name() == *name);
        if !known {
            return Err(Failure::Usage(
                PeerError::Unknown {
                    name: (*name).to_owned(),
                }
                .to_string(),
            ));
        }
    }
    Ok(PEERS
        .iter()
        .filter(|peer| {
            names
                .iter()
                .any(|name| peer.name == *name || peer.group.name() == *name)
        })
        .collect())
}

fn list() -> Result<(), Failure> {
    let cache = Cache::open().map_err(|error| Failure::because(&error))?;
    println!("cache: {}", cache.root().display());
    println!("{:<32} {:<16} {:<8} ON TWO CORES, ONCE", "PEER", "GROUP", "STATE");
    for group in Group::ALL {
        for peer in group.peers() {
            let state = match cache.state(peer).map_err(|error| Failure::because(&error))? {
                State::Ready => "ready",
                State::Found => "found",
                State::Missing => "missing",
                State::Stale => "stale",
                State::Altered => "ALTERED",
            };
            let cost = match peer.source {
                Source::System { package } => format!("apt-get install {package}"),
                Source::Go { .. } | Source::Cargo | Source::Wheel { .. } => {
                    format!(
                        "{}m{:02}s",
                        peer.estimate.as_secs() / 60,
                        peer.estimate.as_secs() % 60
                    )
                }
            };
            println!("{:<32} {:<16} {state:<8} {cost}", peer.title(' '), group.name());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_and_member_together_choose_each_peer_once() {
        let names: Vec<&str> = choose(&["age", "etcd", "age-keygen"])
            .unwrap()
            .iter()
            .map(|peer| peer.name)
            .collect();
        assert_eq!(names, ["age", "age-keygen", "etcd"]);
    }

    #[test]
    fn unknown_name_is_refused_before_anything_is_built() {
        let failure = choose(&["age", "kubelet"]).unwrap_err();
        assert!(matches!(failure, Failure::Usage(text) if text.contains("kubelet")));
    }
}
