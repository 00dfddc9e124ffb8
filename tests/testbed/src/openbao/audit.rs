//! The store's audit log as an instrument: who asked what how often. A request stands in it before it is answered.

use std::{fmt, path::PathBuf};

use anyhow::Context;
use serde::Deserialize;

/// The audit log of one store.
pub struct StoreAudit {
    path: PathBuf,
}

/// A moment in an audit log.
#[derive(Clone, Copy, Debug)]
pub struct StoreMark(usize);

/// Some calls, in the order in which they arrived.
#[derive(Clone, Debug, Default)]
pub struct StoreLog {
    calls: Vec<StoreCall>,
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreCall {
    /// `read`, `list`, `scan`, `create`, `update`, `delete`, …
    pub operation: String,
    /// Without `/v1/` and without query.
    pub path: String,
    /// Empty for the root namespace; else with a slash at its end.
    pub namespace: String,
    /// How the token's owner is called: `approle`, `token`, `root`; empty at a login.
    pub caller: String,
    /// What the server refused it for before any engine saw it; mostly empty.
    pub error: String,
    /// The caller's port: calls of one connection have the same.
    pub port: u16,
}

impl StoreAudit {
    pub(super) fn of(path: PathBuf) -> Self {
        Self { path }
    }

    /// Now: what is asked later is not before it.
    pub fn mark(&self) -> anyhow::Result<StoreMark> {
        Ok(StoreMark(self.all()?.len()))
    }

    /// Every call since the mark.
    pub fn since(&self, mark: StoreMark) -> anyhow::Result<StoreLog> {
        let mut log = self.all()?;
        log.calls.drain(..mark.0.min(log.calls.len()));
        Ok(log)
    }

    /// Every call since the store began, its own and the test's included.
    pub fn all(&self) -> anyhow::Result<StoreLog> {
        let text = std::fs::read_to_string(&self.path).context("the store's audit log")?;
        let mut calls = Vec::new();
        // A last line without its newline is still being written.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let event: Event = serde_json::from_str(line).context("the store's audit log")?;
            if event.kind == "request" {
                calls.push(event.into());
            }
        }
        Ok(StoreLog { calls })
    }

    /// The log's text, to look for what must not be in it.
    pub fn text(&self) -> anyhow::Result<String> {
        std::fs::read_to_string(&self.path).context("the store's audit log")
    }
}

impl StoreLog {
    /// How many calls are left.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether no call is left.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The calls that are left.
    pub fn calls(&self) -> &[StoreCall] {
        &self.calls
    }

    /// Those of one kind: `read`, `list`, `update`.
    pub fn operation(self, operation: &str) -> Self {
        self.only(|call| call.operation == operation)
    }

    /// Those on one path.
    pub fn path(self, path: &str) -> Self {
        self.only(|call| call.path == path)
    }

    /// Those on that path and below it.
    pub fn below(self, path: &str) -> Self {
        self.only(|call| call.path.starts_with(path))
    }

    /// Logins of whatever method.
    pub fn logins(self) -> Self {
        self.only(|call| {
            let words: Vec<&str> = call.path.split('/').collect();
            words.first() == Some(&"auth") && words.contains(&"login")
        })
    }

    /// Those that a test's own words pick.
    pub fn only(mut self, pick: impl Fn(&StoreCall) -> bool) -> Self {
        self.calls.retain(pick);
        self
    }
}

impl fmt::Display for StoreLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for call in &self.calls {
            let StoreCall {
                operation,
                path,
                namespace,
                caller,
                error,
                ..
            } = call;
            writeln!(formatter, "{caller} {operation} {namespace}{path} {error}")?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    auth: EventAuth,
    #[serde(default)]
    request: EventRequest,
    #[serde(default)]
    error: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EventAuth {
    display_name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EventRequest {
    operation: String,
    path: String,
    namespace: EventNamespace,
    remote_port: u16,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EventNamespace {
    path: String,
}

impl From<Event> for StoreCall {
    fn from(event: Event) -> Self {
        Self {
            operation: event.request.operation,
            path: event.request.path,
            namespace: event.request.namespace.path,
            caller: event.auth.display_name,
            error: event.error,
            port: event.request.remote_port,
        }
    }
}
