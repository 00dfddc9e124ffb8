//! What is asked of the sealing keys when things are not as usual: a pin, a key in two places, a signal at
//! the wrong time, somebody else's hand in between.

use seal_testbed::Process;
use serde_json::json;

use super::ground::Controller;
use super::key_losses::{NO_RENEWAL, reason};
use super::key_ring::{ask, keys, told};

fn signal(process: &Process) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(process.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
}

#[tokio::test]
async fn a_signal_makes_one_key_also_where_another_one_is_pinned() {
    let namespace = "demand-signal";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let first = controller.certificate().await;
    ask(namespace, json!({"primary": first.fingerprint().to_string()})).await;
    told(namespace, |status| reason(status, "Ready").0 == "PrimaryPinned").await;
    signal(&controller.process);
    told(namespace, |status| status.keys.len() == 2).await;
    // The next pass has nothing to do, not even later.
    ask(namespace, json!({"backup": {}})).await;
    let status = told(namespace, |_| true).await;
    assert_eq!(reason(&status, "Ready").0, "PrimaryPinned", "{status:?}");
    assert_eq!(keys(namespace).await.len(), 2);
    assert_eq!(controller.certificate().await.pem(), first.pem());
}
