//! ExternalSecrets on a real API server with a real OpenBao: our controller under an administrator's account, on
//! ports of its own. Numbered cases are those of upstream's behaviour that every release has to replay.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod stores {
    mod accounts;
    mod behaviour;
    mod captured;
    mod cluster_external_secrets;
    mod doctor;
    mod entries;
    mod explained;
    mod faults;
    mod generator_roles;
    mod generators;
    mod granted;
    mod ground;
    mod handbook;
    mod measured;
    mod outages;
    mod policies;
    mod providers;
    mod refreshing;
    mod refusals;
    mod restart;
    mod roles;
    mod secrecy;
    mod service;
    mod switches;
    mod templates;
    mod tenants;
    mod values;
}
