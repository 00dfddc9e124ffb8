//! Which request meets which fault: by verb, path, number and time. How a fault is carried out is the
//! proxy's.

use std::time::{Duration, Instant};

use axum::http::{Method, Uri};
use tokio::sync::watch;

const HELD_DEADLINE: Duration = Duration::from_secs(120);

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is passed on after this time.
    Latency(Duration),
    /// It is passed on when the gate is opened.
    Hold(Gate),
    /// The connection breaks and nothing is carried out.
    Cut,
    /// It is carried out, but the connection breaks before the answer.
    LoseAnswer,
    /// A watch breaks in the middle of the event after these.
    DropWatch {
        /// How many events pass.
        after_events: usize,
    },
    /// 409, reason `Conflict`.
    Conflict,
    /// 429 with `Retry-After`, which counts in seconds.
    TooManyRequests {
        /// How long to stay away.
        retry_after: Duration,
    },
    /// 500, reason `InternalError`.
    ServerError,
    /// 410, reason `Expired`: what a watch wants to go on from is known no longer.
    Expired,
    /// An answer of the test's own, with nothing carried out.
    Answer {
        /// The HTTP status.
        code: u16,
        /// Headers, such as `("location", …)`.
        headers: Vec<(&'static str, String)>,
        /// The body, as it is.
        body: String,
    },
    /// 200, but not JSON. The text is inside, to see whether an error message quotes it.
    Malformed {
        /// Put in as it is.
        text: String,
    },
}

/// Where, when and how often a fault is injected.
#[derive(Clone, Debug)]
pub struct Rule {
    verb: String,
    path: String,
    fault: Fault,
    passes: usize,
    times: usize,
    end: Option<Instant>,
}

/// Holds requests until it is opened. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    state: watch::Sender<GateState>,
}

#[derive(Clone, Copy, Debug, Default)]
struct GateState {
    waiting: usize,
    open: bool,
}

/// The rules in force.
#[derive(Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rule {
    /// For requests with that verb, as in RBAC (`*` for all), and that path without query, in which `*`
    /// stands for anything: `Rule::on("update", "/api/v1/namespaces/*/secrets/*", Fault::Conflict)`.
    pub fn on(verb: &str, path: &str, fault: Fault) -> Self {
        Self {
            verb: verb.to_owned(),
            path: path.to_owned(),
            fault,
            passes: 0,
            times: usize::MAX,
            end: None,
        }
    }

    /// Begins with the nth matching request; the first is 1.
    pub fn from_nth(mut self, nth: usize) -> Self {
        self.passes = nth.saturating_sub(1);
        self
    }

    /// Ends after this many injections.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Ends after this time, counted from now.
    pub fn lasting(mut self, time: Duration) -> Self {
        self.end = Some(Instant::now() + time);
        self
    }

    fn is_over(&self) -> bool {
        self.times == 0 || self.end.is_some_and(|end| Instant::now() >= end)
    }

    fn meets(&mut self, verb: &str, path: &str) -> Option<Fault> {
        let verb_fits = self.verb == "*" || self.verb == verb;
        if self.is_over() || !verb_fits || !fits(&self.path, path) {
            return None;
        }
        if self.passes > 0 {
            self.passes -= 1;
            return None;
        }
        self.times = self.times.saturating_sub(1);
        Some(self.fault.clone())
    }
}

impl Rules {
    pub(super) fn add(&mut self, rule: Rule) {
        self.0.retain(|rule| !rule.is_over());
        self.0.push(rule);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn pick(&mut self, verb: &str, path: &str) -> Option<Fault> {
        self.0.iter_mut().find_map(|rule| rule.meets(verb, path))
    }
}

impl Fault {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Latency(_) => "latency",
            Self::Hold(_) => "hold",
            Self::Cut => "cut",
            Self::LoseAnswer => "lose answer",
            Self::DropWatch { .. } => "drop watch",
            Self::Conflict => "conflict",
            Self::TooManyRequests { .. } => "too many requests",
            Self::ServerError => "server error",
            Self::Expired => "expired",
            Self::Answer { .. } => "answer",
            Self::Malformed { .. } => "malformed",
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(GateState::default()),
        }
    }
}

impl Gate {
    /// Returns when a request is being held.
    ///
    /// # Panics
    /// When none comes within two minutes: a test that waits for ever says nothing.
    pub async fn is_holding(&self) {
        let mut state = self.state.subscribe();
        let held = state.wait_for(|state| state.waiting > 0);
        let held = tokio::time::timeout(HELD_DEADLINE, held).await;
        drop(held.expect("a request that is held"));
    }

    /// Lets all pass, now and later.
    pub fn open(&self) {
        self.state.send_modify(|state| state.open = true);
    }

    pub(super) async fn hold(&self) {
        self.state.send_modify(|state| state.waiting += 1);
        drop(self.state.subscribe().wait_for(|state| state.open).await);
        self.state.send_modify(|state| state.waiting -= 1);
    }
}

/// The verb that RBAC and the audit log have for a request.
pub(super) fn verb_of(method: &Method, uri: &Uri) -> &'static str {
    let watches = uri.query().is_some_and(|query| {
        query
            .split('&')
            .any(|pair| matches!(pair, "watch=true" | "watch=1" | "watch"))
    });
    let collection = is_collection(uri.path());
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if collection => "deletecollection",
        Method::DELETE => "delete",
        _ if watches => "watch",
        _ if collection => "list",
        _ => "get",
    }
}

/// `/api/v1/…` or `/apis/GROUP/VERSION/…`, then perhaps `namespaces/NS`, then one word and no name.
fn is_collection(path: &str) -> bool {
    let words: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = words.as_slice() else {
        return false;
    };
    matches!(rest, [_] | ["namespaces", _, _]) && !matches!(rest, ["namespaces", _, "status" | "finalize"])
}

fn fits(pattern: &str, path: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == path;
    };
    let Some(rest) = path.strip_prefix(head) else {
        return false;
    };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_those_of_the_audit_log() {
        for (method, uri, verb) in [
            (Method::GET, "/api/v1/namespaces/a/secrets/b", "get"),
            (Method::GET, "/api/v1/namespaces/a/secrets", "list"),
            (
                Method::GET,
                "/apis/bitnami.com/v1alpha1/sealedsecrets?limit=500",
                "list",
            ),
            (
                Method::GET,
                "/apis/bitnami.com/v1alpha1/sealedsecrets?limit=1&watch=true",
                "watch",
            ),
            (Method::GET, "/apis/bitnami.com/v1alpha1", "get"),
            (Method::GET, "/api/v1/namespaces", "list"),
            (Method::GET, "/api/v1/namespaces/a", "get"),
            (Method::PUT, "/api/v1/namespaces/a/status", "update"),
            (Method::DELETE, "/api/v1/namespaces/a/secrets", "deletecollection"),
            (Method::DELETE, "/api/v1/namespaces/a/secrets/b", "delete"),
        ] {
            assert_eq!(verb_of(&method, &uri.parse().unwrap()), verb, "{method} {uri}");
        }
    }

    #[test]
    fn rule_counts_only_what_it_matches() {
        let mut rules = Rules::default();
        rules.add(
            Rule::on("update", "/api/v1/namespaces/*/secrets/*", Fault::Conflict)
                .from_nth(2)
                .times(1),
        );
        let mut meets = |verb, path| rules.pick(verb, path).is_some();

        assert!(
            !meets("update", "/api/v1/namespaces/a/secrets/b"),
            "the first passes"
        );
        assert!(!meets("get", "/api/v1/namespaces/a/secrets/b"));
        assert!(!meets("update", "/api/v1/namespaces/a/configmaps/b"));
        assert!(meets("update", "/api/v1/namespaces/a/secrets/c"));
        assert!(
            !meets("update", "/api/v1/namespaces/a/secrets/c"),
            "once is enough"
        );
    }

    #[test]
    fn rule_that_lasted_its_time_is_over() {
        let mut rules = Rules::default();
        rules.add(Rule::on("*", "*", Fault::ServerError).lasting(Duration::ZERO));
        assert!(rules.pick("get", "/").is_none());
    }
}
