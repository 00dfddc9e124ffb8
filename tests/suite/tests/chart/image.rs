//! What the chart takes for granted of the image. Nothing is built here.

use std::fs;

use super::ground::{object, objects, rendered, root};

#[test]
fn the_image_names_its_user_by_number_and_the_chart_leaves_it_to_the_cluster() {
    let dockerfile = fs::read_to_string(root().join("deploy/Dockerfile")).unwrap();
    let (_, last) = dockerfile.rsplit_once("\nFROM ").unwrap();
    assert!(last.starts_with("scratch\n"), "{last}");
    let user = last.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    let (user, group) = user.split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0);

    // OpenShift refuses a pod that asks for an id outside its namespace's range.
    let objects = objects(&rendered(&[]));
    let pod = &object(&objects, "Deployment", "seal").unwrap()["spec"]["template"]["spec"];
    for context in [&pod["securityContext"], &pod["containers"][0]["securityContext"]] {
        assert_eq!(context["runAsNonRoot"], true);
        for id in ["runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"] {
            assert!(context.get(id).is_none(), "{id}");
        }
    }
    assert_eq!(
        pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"],
        true
    );
    assert!(
        pod.get("volumes").is_none(),
        "nothing is written, so nothing is mounted"
    );
}

#[test]
fn the_image_is_built_by_the_compiler_that_everything_else_is_built_by() {
    let dockerfile = fs::read_to_string(root().join("deploy/Dockerfile")).unwrap();
    let toolchain = fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = "));
    let channel = channel.unwrap().trim_matches('"');
    for line in [
        format!("library/rust:{channel}-"),
        format!("RUSTUP_TOOLCHAIN={channel}\n"),
    ] {
        assert!(dockerfile.contains(&line), "{line}");
    }
}

#[test]
fn a_digest_wins_over_the_tag() {
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    let text = rendered(&[
        "--set",
        "image.tag=v1",
        "--set",
        &format!("image.digest={digest}"),
    ]);
    assert!(
        text.contains(&format!("image: docker.io/sealops/seal-controller@{digest}\n")),
        "{text}"
    );
}
