//! Planes come up, serve, and leave nothing behind, however their owner ends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use k8s_openapi::api::{
    core::v1::{ConfigMap, Secret},
    rbac::v1::Role,
};
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use seal_testbed::{ADMIN, ControlPlane, wait_for};

const CONFIG_MAP: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: greeting}
data: {text: hello}
---
apiVersion: v1
kind: Namespace
metadata: {name: other}
";

#[tokio::test]
async fn plane_that_has_started_takes_objects() {
    let plane = ControlPlane::start().await.unwrap();

    plane.apply(CONFIG_MAP).await.unwrap();

    let maps: Api<ConfigMap> = Api::namespaced(plane.client(ADMIN).await.unwrap(), "default");
    let data = maps.get("greeting").await.unwrap().data.unwrap();
    assert_eq!(data["text"], "hello");
}

#[tokio::test]
async fn killed_api_server_refuses_connections_until_it_is_back_with_all_that_it_knew() {
    let plane = ControlPlane::start().await.unwrap();
    plane.apply(CONFIG_MAP).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(plane.client(ADMIN).await.unwrap(), "default");

    plane.kill_api_server();
    let refused = maps.get("greeting").await;
    assert!(
        !matches!(refused, Ok(_) | Err(kube::Error::Api(_))),
        "{refused:?}"
    );
    plane.start_api_server().await.unwrap();

    let data = maps.get("greeting").await.unwrap().data.unwrap();
    assert_eq!(data["text"], "hello");
}

#[tokio::test]
async fn named_users_and_service_accounts_have_no_rights_but_those_given() {
    let plane = ControlPlane::builder()
        .user("dora", &["developers"])
        .start()
        .await
        .unwrap();
    let account = "system:serviceaccount:seal:controller";
    plane
        .apply(
            "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: secret-lister}
rules: [{apiGroups: [''], resources: [secrets], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: secret-listers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: secret-lister}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: developers}]
",
        )
        .await
        .unwrap();

    let list = async |user: &str| {
        let secrets: Api<Secret> = Api::all(plane.client(user).await.unwrap());
        secrets.list(&ListParams::default()).await
    };

    list("dora").await.unwrap();
    let refused = list(account).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("secrets is forbidden: User \"system:serviceaccount:seal:controller\"")
    );
    assert!(plane.client("nobody").await.is_err());
}

#[tokio::test]
async fn rights_that_were_given_or_taken_count_at_the_first_call() {
    let plane = ControlPlane::start().await.unwrap();
    let rights = |number: usize| {
        let name = format!("{{name: lister-{number}, namespace: default}}");
        let role = format!("{{apiGroup: rbac.authorization.k8s.io, kind: Role, name: lister-{number}}}");
        let subject = format!("{{kind: ServiceAccount, namespace: default, name: lister-{number}}}");
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name}\nroleRef: {role}\n\
             subjects: [{subject}]\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name}\n\
             rules: [{{apiGroups: [''], resources: [secrets], verbs: [list]}}]\n"
        )
    };
    let roles: Api<Role> = Api::namespaced(plane.client(ADMIN).await.unwrap(), "default");
    for number in 0..10 {
        let account = format!("system:serviceaccount:default:lister-{number}");
        let secrets: Api<Secret> = Api::namespaced(plane.client(&account).await.unwrap(), "default");
        plane.apply(&rights(number)).await.unwrap();
        plane.rights_count().await.unwrap();
        secrets.list(&ListParams::default()).await.unwrap();
        roles
            .delete(&format!("lister-{number}"), &DeleteParams::default())
            .await
            .unwrap();
        plane.rights_count().await.unwrap();
        secrets.list(&ListParams::default()).await.unwrap_err();
    }
}

#[tokio::test]
async fn two_planes_run_side_by_side_one_of_them_in_its_own_network() {
    let (loopback, own) = tokio::join!(
        ControlPlane::start(),
        ControlPlane::builder().own_network().controller_manager().start()
    );
    let (loopback, own) = (loopback.unwrap(), own.unwrap());
    own.apply(CONFIG_MAP).await.unwrap();

    let names = async |plane: &ControlPlane| {
        let maps: Api<ConfigMap> = Api::namespaced(plane.client(ADMIN).await.unwrap(), "default");
        let list = maps.list(&ListParams::default()).await.unwrap();
        list.items
            .into_iter()
            .filter_map(|map| map.metadata.name)
            .collect::<Vec<_>>()
    };

    assert!(names(&own).await.contains(&"greeting".to_owned()));
    assert!(!names(&loopback).await.contains(&"greeting".to_owned()));
}

#[tokio::test]
async fn controller_manager_collects_what_an_owner_leaves_behind_also_when_it_was_started_anew() {
    let plane = ControlPlane::builder()
        .controller_manager()
        .start()
        .await
        .unwrap();
    plane.apply(CONFIG_MAP).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(plane.client(ADMIN).await.unwrap(), "default");
    let collected = async || {
        let uid = maps.get("greeting").await.unwrap().metadata.uid.unwrap();
        let owner = format!("{{apiVersion: v1, kind: ConfigMap, name: greeting, uid: {uid}}}");
        let metadata = format!("{{name: owned, ownerReferences: [{owner}]}}");
        plane
            .apply(&format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}"))
            .await
            .unwrap();

        maps.delete("greeting", &DeleteParams::default()).await.unwrap();

        let gone = async || Ok(maps.get_opt("owned").await?.is_none().then_some(()));
        wait_for("the owned object to be gone", Duration::from_secs(30), gone)
            .await
            .unwrap();
    };
    collected().await;

    plane.restart_controller_manager().await.unwrap();
    plane.apply(CONFIG_MAP).await.unwrap();
    collected().await;
}

#[tokio::test]
async fn dropped_plane_leaves_neither_process_nor_folder() {
    let plane = ControlPlane::start().await.unwrap();
    let dir = plane.dir().to_owned();
    assert_eq!(
        processes_in(&dir).len(),
        2 + 3,
        "etcd, the API server, three supervisors"
    );

    drop(plane);

    assert_eq!(processes_in(&dir), Vec::<String>::new());
    assert!(!dir.exists());
}

#[tokio::test]
async fn killed_holder_leaves_neither_process_nor_folder() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "holds_a_plane_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(
            "HOLDER_ANSWERS_TO",
            std::env::temp_dir().join(format!("seal-holder-{}", std::process::id())),
        )
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let answer = std::env::temp_dir().join(format!("seal-holder-{}", std::process::id()));
    let dir = wait_for("the holder's plane", Duration::from_secs(60), async || {
        Ok(fs::read_to_string(&answer)
            .ok()
            .filter(|path| !path.is_empty())
            .map(PathBuf::from))
    })
    .await
    .unwrap();
    fs::remove_file(&answer).unwrap();
    assert_eq!(processes_in(&dir).len(), 2 + 3);

    holder.kill().unwrap();
    holder.wait().unwrap();

    wait_for(
        "the holder's plane to be gone",
        Duration::from_secs(20),
        async || Ok((processes_in(&dir).is_empty() && !dir.exists()).then_some(())),
    )
    .await
    .unwrap();
}

#[tokio::test]
#[ignore = "the part that killed_holder_leaves_neither_process_nor_folder kills"]
async fn holds_a_plane_until_killed() {
    let Some(answer) = std::env::var_os("HOLDER_ANSWERS_TO") else {
        return;
    };
    let plane = ControlPlane::builder().own_network().start().await.unwrap();
    fs::write(answer, plane.dir().as_os_str().as_encoded_bytes()).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn detached_plane_lives_until_its_folder_is_removed() {
    let plane = ControlPlane::start().await.unwrap();
    let kubeconfig = plane.kubeconfig(ADMIN).await.unwrap();
    let dir = plane.detach([]).unwrap();

    assert!(kubeconfig.exists());
    assert_eq!(processes_in(&dir).len(), 2 + 3);

    // What is still being written there may make this fail half way; the rest is the keeper's.
    drop(fs::remove_dir_all(&dir));
    wait_for(
        "the detached plane to be gone",
        Duration::from_secs(20),
        async || Ok((processes_in(&dir).is_empty() && !dir.exists()).then_some(())),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn plane_can_be_used_from_spawned_tasks() {
    let plane = tokio::spawn(ControlPlane::start()).await.unwrap().unwrap();
    tokio::spawn(async move {
        plane.apply(CONFIG_MAP).await.unwrap();
        plane.client("system:serviceaccount:other:account").await.unwrap();
        let log = plane.audit().all().await.unwrap();
        assert_eq!(
            log.user(ADMIN).resource("serviceaccounts/token").code(201).len(),
            1
        );
    })
    .await
    .unwrap();
}

/// The command lines, of living processes, that name the folder.
fn processes_in(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().expect("a name of ours");
    fs::read_dir("/proc")
        .expect("Linux")
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(dir))
        .collect()
}
