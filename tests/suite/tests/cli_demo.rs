//! The demo's first half, through the door that people take. The half with a control plane is `cluster_demo`'s.

#[path = "demo/showing.rs"]
mod showing;

use showing::Showing;

const PASSWORD: &str = "correct horse battery staple";
const PASSWORD_IN_BASE64: &str = "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==";

#[tokio::test]
async fn offline_demo_seals_a_secret_and_opens_it_again() {
    let mut demo = Showing::begin(&["--offline"]).unwrap();
    assert_eq!(demo.end().await.unwrap(), 0, "{}", demo.said());
    let said = demo.said();
    let (before, sealed) = said
        .split_once("Sealed: this is what you commit")
        .expect("a step that seals");
    let (sealed, opened) = sealed
        .split_once("Opened again, offline")
        .expect("a step that opens");
    assert!(
        before.contains("$ seal keygen ") && before.contains(PASSWORD),
        "{said}"
    );
    assert!(
        sealed.contains("$ seal seal ") && sealed.contains("kind: SealedSecret"),
        "{said}"
    );
    assert!(
        !sealed.contains(PASSWORD) && !sealed.contains(PASSWORD_IN_BASE64),
        "{said}"
    );
    assert!(
        opened.contains("$ seal render ") && opened.contains("kind: Secret"),
        "{said}"
    );
    assert!(opened.contains(PASSWORD_IN_BASE64), "{said}");
    demo.expect_nothing_left().await.unwrap();
}

#[tokio::test]
async fn demo_into_a_file_has_no_colours() {
    let mut demo = Showing::begin(&["--offline"]).unwrap();
    demo.end().await.unwrap();
    assert!(!demo.said().contains('\u{1b}'));
}

#[tokio::test]
async fn unknown_flag_of_the_demo_is_a_usage_fault() {
    let mut demo = Showing::begin(&["--online"]).unwrap();
    assert_eq!(demo.end().await.unwrap(), 2);
    assert!(demo.said().contains("--online") && demo.said().contains("--offline"));
}
