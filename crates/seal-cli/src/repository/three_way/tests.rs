use std::process::Command;

use super::*;

fn by_git(texts: Three<&str>) -> Result<Merged, CommandError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in ["base", "ours", "theirs"].iter().zip(texts) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let done = Command::new("git")
        .args(["merge-file", "-p", "ours", "base", "theirs"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    Ok(Merged {
        text: String::from_utf8(done.stdout).unwrap(),
        conflicts: usize::try_from(done.status.code().unwrap()).unwrap(),
    })
}

fn file(entries: &[(&str, &str)], rest: &str) -> String {
    let entries: String = entries
        .iter()
        .map(|(entry, text)| format!("    {entry}: {text}\n"))
        .collect();
    format!(
        "# ours\nkind: ConfigMap\napiVersion: v1\n---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  \
         name: db\n  namespace: prod\nspec:\n  encryptedData:   # by entry\n{entries}{rest}"
    )
}

fn merged(base: &str, ours: &str, theirs: &str) -> Merged {
    merge([base, ours, theirs], ["ours", "theirs"], by_git).unwrap()
}

const BASE: [(&str, &str); 3] = [("a", "AAAA"), ("b", "BBBB"), ("c", "CCCC")];

fn clean(text: String) -> Merged {
    Merged { text, conflicts: 0 }
}

#[test]
fn neighbouring_entries_of_two_sides_are_both_taken() {
    let (base, ours, theirs) = (
        file(&BASE, ""),
        file(&[("a", "AAA1"), ("b", "BBBB"), ("c", "CCCC")], ""),
        file(&[("a", "AAAA"), ("b", "BBB2"), ("c", "CCCC"), ("d", "DDDD")], ""),
    );
    // Line by line they would be a conflict.
    assert_eq!(by_git([&base, &ours, &theirs]).unwrap().conflicts, 1);
    let both = file(&[("a", "AAA1"), ("b", "BBB2"), ("c", "CCCC"), ("d", "DDDD")], "");
    assert_eq!(merged(&base, &ours, &theirs), clean(both.clone()));
    assert_eq!(merged(&base, &theirs, &ours), clean(both));
}

#[test]
fn one_that_goes_goes_and_one_that_comes_on_both_sides_comes_once() {
    let base = file(&BASE, "");
    let ours = file(&[("a", "AAAA"), ("c", "CCCC"), ("x", "XXXX")], "");
    let theirs = file(&[("a", "AAA2"), ("b", "BBBB"), ("c", "CCCC"), ("x", "XXXX")], "");
    let expected = file(&[("a", "AAA2"), ("c", "CCCC"), ("x", "XXXX")], "");
    assert_eq!(merged(&base, &ours, &theirs), clean(expected.clone()));
    assert_eq!(merged(&base, &theirs, &ours), clean(expected));
}

#[test]
fn the_same_entry_on_both_sides_is_a_conflict_on_its_own_line_only() {
    let base = file(&BASE, "");
    let ours = file(&[("a", "AAA1"), ("b", "BBB1"), ("c", "CCCC")], "");
    let theirs = file(&[("a", "AAA2"), ("b", "BBBB"), ("c", "CCC2")], "");
    let Merged { text, conflicts } = merged(&base, &ours, &theirs);
    assert_eq!(conflicts, 1);
    let shown = "    b: BBB1\n    c: CCC2\n";
    assert!(
        text.contains("<<<<<<< ours\n    a: AAA1\n=======\n    a: AAA2\n>>>>>>> theirs\n"),
        "{text}"
    );
    assert!(text.ends_with(shown), "{text}");
    // One side takes out what the other changes.
    let theirs = file(&[("b", "BBBB"), ("c", "CCCC")], "");
    let Merged { text, conflicts } = merged(&base, &ours, &theirs);
    assert_eq!(conflicts, 1);
    assert!(
        text.contains("<<<<<<< ours\n    a: AAA1\n=======\n>>>>>>> theirs\n"),
        "{text}"
    );
}

#[test]
fn an_entry_that_was_sealed_for_another_scope_or_template_is_never_taken_in_silence() {
    let base = file(&BASE, "");
    let entries = [("a", "AAAA"), ("b", "BBBB"), ("c", "CCC2")];
    let wider = file(&BASE, "").replace(
        "  namespace: prod\n",
        "  namespace: prod\n  annotations:\n    sealedsecrets.bitnami.com/cluster-wide: \"true\"\n",
    );
    let template = file(&BASE, "  template:\n    type: example.com/t\n");
    for unit in [wider, template] {
        let changed = file(&entries, "");
        let Merged { text, conflicts } = merged(&base, &unit, &changed);
        assert_eq!(conflicts, 1, "{text}");
        assert!(text.contains("    c: CCCC\n=======\n    c: CCC2\n"), "{text}");
        // Alone, each side's is taken.
        assert_eq!(merged(&base, &unit, &base), clean(unit.clone()));
        assert_eq!(merged(&base, &base, &unit), clean(unit.clone()));
    }
}

#[test]
fn comments_and_other_documents_merge_as_text() {
    let base = file(&BASE, "");
    let ours = base.replace("# ours", "# the team's");
    let theirs = file(
        &[("a", "AAA2"), ("b", "BBBB"), ("c", "CCCC")],
        "---\nkind: Deployment\n",
    );
    let expected = theirs.replace("# ours", "# the team's");
    assert_eq!(merged(&base, &ours, &theirs), clean(expected));
    let theirs = base.replace("# ours", "# theirs");
    assert_eq!(merged(&base, &ours, &theirs).conflicts, 1);
}

#[test]
fn what_is_noted_follows_the_text_that_is_taken() {
    let key = |letter: char| {
        format!("SHA256:{}", letter.to_string().repeat(43))
            .parse()
            .unwrap()
    };
    let noted = |entries: &[(&str, &str)], letter: char| {
        let note = seal_engine::sealed_secret::sealed_with(
            entries.iter().map(|(entry, text)| (*entry, key(letter), *text)),
        );
        file(entries, "").replace(
            "  namespace: prod\n",
            &format!("  namespace: prod\n  annotations:\n    sealops.dev/sealed-with: '{note}'\n"),
        )
    };
    let base = noted(&BASE, 'A');
    let ours = noted(&[("a", "AAA1"), ("b", "BBBB"), ("c", "CCCC")], 'E');
    let theirs = noted(&[("a", "AAAA"), ("b", "BBB2"), ("c", "CCCC")], 'I');
    let Merged { text, conflicts } = merged(&base, &ours, &theirs);
    assert_eq!(conflicts, 0, "{text}");
    let object = Side::read(&text).unwrap().objects.into_values().next().unwrap().1;
    let said = seal_engine::sealed_secret::SealedWith::of(&object);
    assert_eq!(said.key_of("a"), Some(key('E')));
    assert_eq!(said.key_of("b"), Some(key('I')));
}
