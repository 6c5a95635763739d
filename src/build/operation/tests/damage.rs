//! Bits that flip in the store: what is damaged is named and made again, and the result is right.

use super::*;
use crate::store::verify::Damaged;

/// Changes one bit in the middle of a file.
fn flip(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs_err::metadata(path).expect("there").permissions();
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644)).expect("set");
    let mut bytes = fs_err::read(path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(path, bytes).expect("written");
    fs_err::set_permissions(path, mode).expect("set");
}

/// What was said of damage since the event with this number.
fn damage(fixture: &Fixture, since: usize) -> Vec<String> {
    fixture
        .events()
        .split_off(since)
        .into_iter()
        .filter(|event| event.contains("damaged") || event.contains("Damaged"))
        .collect()
}

#[test]
fn a_damaged_tree_is_not_built_with() {
    let fixture = Fixture::new();
    fixture.recipe("base", "", STEPS);
    let steps = "
      mkdir -p $DESTDIR$PREFIX
      cat $SYSROOT/base/lib/text > $DESTDIR$PREFIX/seen";
    fixture.recipe("top", "needs: [base]\n", steps);
    let before = fixture.build(&["top"]).expect("built");
    flip(&before[0].tree.join("lib/text"));
    // With nothing to build nothing is read: this costs nothing and harms nothing.
    let events = fixture.events().len();
    assert!(!fixture.build(&["top"]).expect("found")[1].fresh);
    assert_eq!(damage(&fixture, events), [""; 0]);
    fixture.recipe("top", "needs: [base]\n", &format!("{steps}\n      echo more >> $DESTDIR$PREFIX/seen"));
    let events = fixture.events().len();
    let built = fixture.build(&["top"]).expect("built");
    assert!(built.iter().all(|one| one.fresh), "{built:?}");
    assert_eq!(built[0].digest, before[0].digest);
    assert_eq!(fs_err::read_to_string(built[1].tree.join("seen")).expect("there"), "hello, base\nmore\n");
    let said = damage(&fixture, events);
    assert!(said.len() == 1 && said[0].contains(&before[0].tree.display().to_string()), "{said:?}");
}

#[test]
fn a_damaged_tree_is_not_packed() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", STEPS);
    fixture.package("hello");
    let before = fixture.pack(&["hello"]).expect("packed").remove(0);
    let tree = fixture.build(&["hello"]).expect("found").remove(0).tree;
    flip(&tree.join("lib/text"));
    fixture.change("packages/hello/package.yaml", "summary: x", "summary: y");
    let events = fixture.events().len();
    let built = fixture.pack(&["hello"]).expect("packed").remove(0);
    assert_eq!(built.manifest.entries, before.manifest.entries);
    let said = damage(&fixture, events);
    assert!(said.len() == 1 && said[0].contains(&tree.display().to_string()), "{said:?}");
}

#[test]
fn a_damaged_tree_does_not_stand_in_the_way_of_a_good_one() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", STEPS);
    let before = fixture.build(&["hello"]).expect("built").remove(0);
    flip(&before.tree.join("lib/text"));
    // Another action key, the same result: its tree has the name of the one that is there.
    fixture.recipe("hello", "", &format!("{STEPS} # another way to the same"));
    let built = fixture.build(&["hello"]).expect("built").remove(0);
    assert_eq!(built.tree, before.tree);
    assert_eq!(fs_err::read_to_string(built.tree.join("lib/text")).expect("there"), "hello, hello\n");
}

#[test]
fn a_damaged_record_archive_or_source_is_made_or_fetched_again() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", STEPS);
    fixture.package("hello");
    let before = fixture.pack(&["hello"]).expect("packed").remove(0);
    let component = fixture.build(&["hello"]).expect("found").remove(0);
    let record = fixture.store().join(format!("results/{}.json", component.action_key));
    fs_err::write(&record, "{").expect("written");
    let events = fixture.events().len();
    assert!(fixture.build(&["hello"]).expect("built")[0].fresh);
    assert!(damage(&fixture, events).iter().all(|said| said.contains(&record.display().to_string())));
    assert!(!damage(&fixture, events).is_empty());

    flip(&before.archive);
    let events = fixture.events().len();
    let archive = || [(before.archive.as_path(), &before.sha256)];
    assert!(discard_damaged(&fixture.settings(), archive(), &fixture).expect("removed"));
    let again = fixture.pack(&["hello"]).expect("packed").remove(0);
    assert_eq!((again.fresh, again.sha256), (true, before.sha256));
    assert!(!discard_damaged(&fixture.settings(), archive(), &fixture).expect("read"));
    let said = damage(&fixture, events);
    assert!(said.len() == 1 && said[0].contains(&before.archive.display().to_string()), "{said:?}");

    let source =
        fixture.fetch(&["hello"]).expect("fetched").into_iter().find(|one| !one.components.is_empty());
    let source = source.expect("its source").path;
    flip(&source);
    fixture.recipe("hello", "", &format!("{STEPS} # once more"));
    let events = fixture.events().len();
    let built = fixture.build(&["hello"]).expect("built").remove(0);
    assert_eq!(built.digest, component.digest);
    let said = damage(&fixture, events);
    assert!(said.len() == 1 && said[0].contains(&source.display().to_string()), "{said:?}");
}

#[test]
fn verifying_the_store_finds_and_removes_all_of_it() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "", STEPS);
    fixture.package("hello");
    let package = fixture.pack(&["hello"]).expect("packed").remove(0);
    let component = fixture.build(&["hello"]).expect("found").remove(0);
    let verify = || verify_store(&fixture.settings(), &fixture).expect("read");
    let sound = verify();
    assert_eq!(sound.damaged, []);
    assert!(sound.objects >= 6 && sound.size > 0, "{sound:?}");
    let source = fixture.fetch(&["hello"]).expect("fetched").remove(0).path;
    for path in [&component.tree.join("lib/text"), &package.archive, &source] {
        flip(path);
    }
    let stray = fixture.store().join("results/stray.json");
    fs_err::write(&stray, "{}").expect("written");
    let mut found: Vec<_> = verify().damaged.into_iter().map(|Damaged { path, .. }| path).collect();
    found.sort();
    let mut expected =
        vec![component.tree.clone(), package.archive.parent().expect("a folder").to_owned(), source, stray];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(verify().damaged, []);
    let again = fixture.pack(&["hello"]).expect("packed").remove(0);
    assert_eq!((again.fresh, again.sha256), (true, package.sha256));
}
