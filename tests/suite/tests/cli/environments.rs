//! `seal --env`: the same Secrets for several environments, each under its own key, all of them or none.

use std::fs;

use seal_testbed::ProgramOutput;

use super::harness::{Bench, done, refused, secret};

const SETTINGS: &str = "environments:\n  staging:\n    paths: [clusters/staging/**]\n    certificate: cert.pem\n  \
                        prod:\n    paths: [clusters/prod/**]\n    certificate: other-cert.pem\n";

/// A checkout with two environments and a plain Secret, named as Git ignores it.
fn bench(settings: &str) -> Bench {
    let bench = Bench::new();
    fs::create_dir(bench.folder.path().join(".git")).unwrap();
    bench
        .write(".seal.yaml", settings)
        .write("db.yaml", format!("# mine\n{}", secret("a: one\nb: two")));
    bench
}

fn exists(bench: &Bench, name: &str) -> bool {
    bench.folder.path().join(name).exists()
}

/// Asserts that only `key` opens what was sealed to `file`.
fn opens_with(bench: &Bench, file: &str, key: &str) {
    for other in ["key.pem", "other.pem"] {
        let output = bench.seal(&format!("render {file} --keys {other}"));
        assert_eq!(
            output.code == 0,
            other == key,
            "{file} and {other}: {}",
            output.err()
        );
    }
}

#[test]
fn each_environment_has_its_file_in_its_folder_under_its_key() {
    let bench = bench(SETTINGS);
    done(&bench.seal("seal db.yaml --env staging,prod"));
    opens_with(&bench, "clusters/staging/db.yaml", "key.pem");
    opens_with(&bench, "clusters/prod/db.yaml", "other.pem");
    assert!(
        bench.read("db.yaml").contains("one"),
        "the plain one stays as it is"
    );
    // From elsewhere, of a folder, and again over what stands there.
    let plain = bench.folder.path().join("plain/deep");
    fs::create_dir_all(&plain).unwrap();
    fs::rename(bench.folder.path().join("db.yaml"), plain.join("db.yaml")).unwrap();
    fs::write(plain.join("map.yaml"), "kind: ConfigMap\napiVersion: v1\n").unwrap();
    let before = bench.read("clusters/prod/db.yaml");
    let told = bench.seal("seal plain --env prod -v");
    done(&told);
    assert!(
        told.err().contains("prod: ") && told.err().contains("clusters/prod/deep/db.yaml: 1 sealed"),
        "{}",
        told.err()
    );
    opens_with(&bench, "clusters/prod/deep/db.yaml", "other.pem");
    assert_eq!(
        bench.read("clusters/prod/deep/map.yaml"),
        "kind: ConfigMap\napiVersion: v1\n"
    );
    assert_eq!(bench.read("clusters/prod/db.yaml"), before);
    assert!(!exists(&bench, "clusters/staging/deep"));
}

#[test]
fn overlays_of_any_layout_can_be_named() {
    let settings = SETTINGS
        .replace("clusters/staging/**", "overlays/staging/**', 'apps/*/staging/**")
        .replace('[', "['")
        .replace(']', "']")
        .replace("clusters/prod/**", "overlays/prod/**', 'apps/*/prod/**");
    let bench = bench(&settings);
    let unsaid = bench.seal("seal db.yaml --env staging,prod");
    refused(
        &unsaid,
        2,
        "environment staging: its paths in .seal.yaml are not those of one folder",
    );
    done(&bench.seal("seal db.yaml --env staging --env prod -d overlays"));
    done(&bench.seal("seal db.yaml --env staging,prod -d apps/shop/{env}/secrets"));
    for folder in ["overlays/staging", "apps/shop/staging/secrets"] {
        opens_with(&bench, &format!("{folder}/db.yaml"), "key.pem");
    }
    for folder in ["overlays/prod", "apps/shop/prod/secrets"] {
        opens_with(&bench, &format!("{folder}/db.yaml"), "other.pem");
    }
    // What the other commands find by the path is what it was sealed to.
    let edited = bench.seal_with("set overlays/prod/db.yaml c", "three");
    done(&edited);
    opens_with(&bench, "overlays/prod/db.yaml", "other.pem");
}

#[test]
fn one_environment_that_fails_leaves_none_written() {
    let check = |settings: &str, code: i32, complaint: &str| {
        let bench = bench(settings);
        refused(&bench.seal("seal db.yaml --env staging,prod"), code, complaint);
        assert!(!exists(&bench, "clusters"), "{complaint}");
    };
    check(
        &SETTINGS.replace("other-cert", "none"),
        3,
        "environment prod: cannot read ",
    );
    let pinned =
        format!("{SETTINGS}    fingerprints: [SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA]\n");
    check(&pinned, 5, "environment prod: the certificate's key is ");
    let nameless = SETTINGS.replace("    certificate: other-cert.pem\n", "");
    check(
        &nameless,
        3,
        "environment prod: .seal.yaml names neither a certificate nor fingerprints",
    );
    let bench = bench(SETTINGS);
    bench.write("clusters/prod", "in the way");
    let blocked = bench.seal("seal db.yaml --env staging,prod");
    refused(&blocked, 3, "cannot make ");
    assert!(!exists(&bench, "clusters/staging/db.yaml"));
}

#[test]
fn a_file_is_sealed_only_for_the_environment_that_it_belongs_to() {
    let bench = bench(SETTINGS);
    let run = |line: &str| -> ProgramOutput { bench.seal(line) };
    refused(
        &run("seal db.yaml --env prod -d clusters/staging/x"),
        3,
        "would belong to environment staging",
    );
    refused(
        &run("seal db.yaml --env prod -d elsewhere"),
        3,
        "would belong to no environment",
    );
    refused(
        &run("seal db.yaml --env prod -d /tmp/clusters"),
        3,
        "being outside of",
    );
    refused(
        &run("seal db.yaml --env prod -d clusters/prod/../../.."),
        3,
        "would belong to",
    );
    // A link in the checkout that leads out of it, or to another environment's file.
    let elsewhere = Bench::new();
    fs::create_dir_all(bench.folder.path().join("clusters")).unwrap();
    let link = |target: &std::path::Path, name: &str| {
        std::os::unix::fs::symlink(target, bench.folder.path().join(name)).unwrap();
    };
    link(elsewhere.folder.path(), "clusters/prod");
    refused(&run("seal db.yaml --env prod"), 3, "being outside of");
    fs::create_dir(bench.folder.path().join("clusters/staging")).unwrap();
    elsewhere.write("victim.yaml", "mine");
    link(
        &elsewhere.folder.path().join("victim.yaml"),
        "clusters/staging/db.yaml",
    );
    refused(&run("seal db.yaml --env staging"), 3, "being outside of");
    assert_eq!(elsewhere.read("victim.yaml"), "mine");
    assert!(!elsewhere.folder.path().join("db.yaml").exists());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_read() {
    let bench = bench(SETTINGS);
    let run = |line: &str| -> ProgramOutput { bench.seal(line) };
    let unknown = run("seal db.yaml --env pord");
    refused(&unknown, 2, ".seal.yaml has no environment pord");
    assert!(unknown.err().contains("did you mean prod?"));
    refused(
        &run("seal db.yaml --env prod --cert cert.pem"),
        2,
        "--env takes certificates and pins from .seal.yaml",
    );
    refused(&run("seal db.yaml --env prod -i"), 2, "cannot be used with");
    refused(
        &run("seal db.yaml --env prod -w x.yaml"),
        2,
        "cannot be used with",
    );
    refused(
        &bench.seal_with("seal --env prod", secret("a: x")),
        2,
        "--env needs files",
    );
    bench.write("clusters/prod/db.yaml", secret("a: x"));
    refused(
        &run("seal clusters/prod/db.yaml --env prod"),
        2,
        "would be replaced",
    );
    let wide = secret("a: x").replace(
        "  name: db\n",
        "  name: db\n  annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}\n",
    );
    bench.write("wide.yaml", &wide);
    refused(
        &run("seal wide.yaml --env staging,prod"),
        3,
        "its scope is cluster-wide, which allowed-scopes does not have",
    );
    let lenient = SETTINGS.replace(
        "    certificate: cert.pem\n",
        "    certificate: cert.pem\n    allowed-scopes: [cluster-wide]\n",
    );
    bench.write(".seal.yaml", &lenient);
    refused(&run("seal wide.yaml --env staging,prod"), 3, "environment prod: ");
    done(&run("seal wide.yaml --env staging"));
    let without = Bench::new();
    fs::create_dir(without.folder.path().join(".git")).unwrap();
    without.write("db.yaml", secret("a: x"));
    refused(
        &without.seal("seal db.yaml --env prod"),
        3,
        "there is no .seal.yaml in its folder or above",
    );
}
