//! The API server's audit log as an instrument: who called what, how often, since when. It counts; what the
//! count should be is the test's to say.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use anyhow::Context;
use serde::Deserialize;

use crate::wait_for;

const FLUSH_DEADLINE: Duration = Duration::from_secs(10);

/// The log of one control plane.
pub struct Audit {
    path: PathBuf,
}

/// A moment in the log.
#[derive(Clone, Copy, Debug)]
pub struct AuditMark(usize);

/// Calls in the order in which they arrived, narrowed by what the methods name.
#[derive(Clone, Debug, Default)]
pub struct AuditLog {
    /// The calls left.
    pub calls: Vec<AuditCall>,
}

/// One call. Nothing of its body is recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditCall {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Who called: `admin`, `system:serviceaccount:seal:controller`.
    pub user: String,
    /// The API group, empty for the core one.
    pub group: String,
    /// `secrets`; empty for paths that name no resource, such as discovery.
    pub resource: String,
    /// `status`; mostly empty.
    pub subresource: String,
    /// Empty for what has no namespace, and for calls across all of them.
    pub namespace: String,
    /// Empty for lists and watches.
    pub name: String,
    /// Path and query.
    pub uri: String,
    /// The caller's program.
    pub agent: String,
    /// The answer; none while the call is under way.
    pub code: Option<u16>,
}

impl Audit {
    pub(crate) fn of(path: PathBuf) -> Self {
        Self { path }
    }

    /// Now: what is answered later is not before it.
    pub async fn mark(&self) -> anyhow::Result<AuditMark> {
        Ok(AuditMark(self.all().await?.len()))
    }

    /// Every call that arrived since the mark.
    pub async fn since(&self, mark: AuditMark) -> anyhow::Result<AuditLog> {
        let mut log = self.all().await?;
        log.calls.drain(..mark.0.min(log.calls.len()));
        Ok(log)
    }

    /// Every call since the plane began. A call's first line is in the file before it is served, so all
    /// answered calls are here; those without their second line yet are waited for, briefly. Others that
    /// begin meanwhile are not: on a busy plane, something is always under way.
    pub async fn all(&self) -> anyhow::Result<AuditLog> {
        let begun = self.read()?.calls.into_iter().enumerate();
        let begun: Vec<usize> = begun
            .filter(|(_, call)| call.code.is_none())
            .map(|(at, _)| at)
            .collect();
        let complete = wait_for("the audit log's last lines", FLUSH_DEADLINE, async || {
            let log = self.read()?;
            // A call keeps its place.
            let answered = |at: &usize| log.calls.get(*at).is_some_and(|call| call.code.is_some());
            Ok(begun.iter().all(answered).then_some(log))
        });
        match complete.await {
            Ok(log) => Ok(log),
            // A call that is still under way has no code, and that is the truth about it.
            Err(_) => self.read(),
        }
    }

    fn read(&self) -> anyhow::Result<AuditLog> {
        let text = std::fs::read_to_string(&self.path).context("audit log")?;
        let mut calls: Vec<AuditCall> = Vec::new();
        let mut places = HashMap::new();
        // A last line without its newline is still being written.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let event: Event = serde_json::from_str(line).context("audit log")?;
            let place = *places.entry(event.audit_id.clone()).or_insert(calls.len());
            match calls.get_mut(place) {
                // Later lines know more: the name of what was created stands in its body only.
                Some(call) => {
                    *call = AuditCall {
                        code: event.code().or(call.code),
                        ..event.into()
                    }
                }
                None => calls.push(event.into()),
            }
        }
        Ok(AuditLog { calls })
    }
}

impl AuditLog {
    /// How many calls are left.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether no call is left.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Those of one user; a service account also by `NAMESPACE:NAME`.
    pub fn user(self, user: &str) -> Self {
        self.only(|call| {
            call.user
                .strip_prefix("system:serviceaccount:")
                .unwrap_or(&call.user)
                == user
                || call.user == user
        })
    }

    /// Those with one verb.
    pub fn verb(self, verb: &str) -> Self {
        self.only(|call| call.verb == verb)
    }

    /// Those on one resource, written as RBAC does: `secrets`, `sealedsecrets/status`.
    pub fn resource(self, resource: &str) -> Self {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        self.only(|call| call.resource == resource && call.subresource == subresource)
    }

    /// Those in one namespace.
    pub fn namespace(self, namespace: &str) -> Self {
        self.only(|call| call.namespace == namespace)
    }

    /// Those on one object.
    pub fn name(self, name: &str) -> Self {
        self.only(|call| call.name == name)
    }

    /// Those answered with that status.
    pub fn code(self, code: u16) -> Self {
        self.only(|call| call.code == Some(code))
    }

    /// Those that change something.
    pub fn writes(self) -> Self {
        self.only(|call| !matches!(call.verb.as_str(), "get" | "list" | "watch"))
    }

    /// Those that a test's own words pick.
    pub fn only(mut self, pick: impl Fn(&AuditCall) -> bool) -> Self {
        self.calls.retain(pick);
        self
    }
}

impl std::fmt::Display for AuditLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for call in &self.calls {
            let code = call.code.map_or("-".to_owned(), |code| code.to_string());
            writeln!(formatter, "{code} {} {} {}", call.user, call.verb, call.uri)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    audit_id: String,
    verb: String,
    user: EventUser,
    #[serde(rename = "requestURI")]
    request_uri: String,
    #[serde(default)]
    user_agent: String,
    object_ref: Option<EventObject>,
    response_status: Option<EventStatus>,
}

#[derive(Deserialize)]
struct EventUser {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EventObject {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct EventStatus {
    code: Option<u16>,
}

impl From<Event> for AuditCall {
    fn from(event: Event) -> Self {
        let code = event.code();
        let object = event.object_ref.unwrap_or_default();
        Self {
            verb: event.verb,
            user: event.user.username,
            group: object.api_group,
            resource: object.resource,
            subresource: object.subresource,
            namespace: object.namespace,
            name: object.name,
            uri: event.request_uri,
            agent: event.user_agent,
            code,
        }
    }
}

impl Event {
    fn code(&self) -> Option<u16> {
        self.response_status.as_ref().and_then(|status| status.code)
    }
}
