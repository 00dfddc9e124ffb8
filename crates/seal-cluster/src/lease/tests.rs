use super::*;

const TERMS: Terms = Terms {
    duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry_period: Duration::from_secs(2),
};

// A client that is never asked.
fn candidate() -> Candidate {
    let unasked = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        Err::<http::Response<kube::client::Body>, _>("nobody is asked")
    });
    let client = Client::new(unasked, "seal");
    Candidate::new(
        client,
        "seal",
        "seal-controller",
        "a_1".to_owned(),
        TERMS,
        Fence::closed(),
    )
}

fn held_by(holder: &str) -> Lease {
    let spec = LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(15),
        lease_transitions: Some(4),
        renew_time: Some(MicroTime(Timestamp::UNIX_EPOCH)),
        ..LeaseSpec::default()
    };
    Lease {
        spec: Some(spec),
        ..Lease::default()
    }
}

#[test]
fn terms_under_which_two_could_lead_are_refused() {
    let seconds = Duration::from_secs;
    assert_eq!(Terms::new(seconds(15), seconds(10), seconds(2)), Ok(TERMS));
    for (duration, renew_deadline, retry_period) in [
        (seconds(10), seconds(10), seconds(2)),
        (seconds(15), seconds(2), seconds(2)),
        (seconds(15), seconds(10), seconds(0)),
        (Duration::from_millis(15_500), seconds(10), seconds(2)),
    ] {
        assert_eq!(
            Terms::new(duration, renew_deadline, retry_period),
            Err(InvalidTerms)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn another_ones_lease_is_free_once_it_has_not_moved_for_its_duration() {
    let mut candidate = candidate();
    candidate.see(held_by("b_2"));
    let begin = Instant::now();
    assert_eq!(candidate.wake(), begin + TERMS.duration);
    tokio::time::advance(Duration::from_secs(14)).await;
    // Told again, as it was: that is no sign of life.
    candidate.see(held_by("b_2"));
    assert_eq!(candidate.wake(), begin + TERMS.duration);
    let mut renewed = held_by("b_2");
    renewed.spec.as_mut().unwrap().renew_time = Some(MicroTime(Timestamp::from_second(1).unwrap()));
    candidate.see(renewed);
    assert_eq!(candidate.wake(), Instant::now() + TERMS.duration);
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_and_our_own_are_free_at_once() {
    let mut candidate = candidate();
    for holder in ["", "a_1"] {
        candidate.see(held_by(holder));
        let seen = candidate.seen.as_ref().unwrap();
        assert!(seen.free_at("a_1") <= Instant::now(), "{holder:?}");
    }
}

#[tokio::test]
async fn a_change_of_the_holder_is_a_transition_and_a_renewal_is_none() {
    let candidate = candidate();
    let spec = |kept: Option<&Lease>| candidate.written(kept).spec.unwrap();
    assert_eq!(spec(None).lease_transitions, Some(0));
    let renewed = spec(Some(&held_by("a_1")));
    assert_eq!(
        (renewed.lease_transitions, renewed.lease_duration_seconds),
        (Some(4), Some(15))
    );
    for other in ["b_2", ""] {
        let taken = spec(Some(&held_by(other)));
        assert_eq!(taken.lease_transitions, Some(5));
        assert_eq!(taken.holder_identity.as_deref(), Some("a_1"));
    }
}

#[tokio::test]
async fn who_waits_learns_who_leads() {
    let mut candidate = candidate();
    let standing = candidate.standing();
    assert_eq!(*standing.borrow(), Standing::Undecided);
    candidate.see(held_by("b_2"));
    assert_eq!(standing.borrow().to_string(), "waits, b_2 leads");
    candidate.see(held_by(""));
    assert_eq!(standing.borrow().to_string(), "waits, nobody leads");
    candidate.decide();
    assert_eq!(standing.borrow().to_string(), "waits, nobody leads");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_reach_the_lease_waits() {
    let candidate = candidate();
    let mut standing = candidate.standing();
    let part = tokio::spawn(candidate.run(std::future::pending(), |_| {}));
    let waits = standing.wait_for(|standing| *standing == Standing::Waits { holder: None });
    assert!(tokio::time::timeout(TERMS.duration, waits).await.is_ok());
    part.abort();
}
