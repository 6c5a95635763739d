use std::collections::{BTreeMap, BTreeSet};

use medic_model::{Arch, Manifest, PackageName, Receipt, Sha256};
use medic_repository::{Index, Listed, index};

use super::*;
use crate::fixture::manifest;

static NONE_HELD: BTreeSet<PackageName> = BTreeSet::new();

/// `name version: need, !conflict`
fn package(line: &str) -> Manifest {
    let (head, rest) = line.split_once(':').unwrap_or((line, ""));
    let (name, version) = head.split_once(' ').expect("name and version");
    let mut manifest = manifest(name, version);
    for word in rest.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word.strip_prefix('!') {
            Some(conflict) => manifest.conflicts.push(conflict.parse().expect("conflict")),
            None => manifest.depends.push(word.parse().expect("need")),
        }
    }
    manifest
}

fn installed(lines: &[&str]) -> BTreeMap<PackageName, Receipt> {
    let receipt = |manifest: Manifest| crate::sync::receipt(manifest, None, 0);
    lines.iter().map(|line| package(line)).map(|m| (m.name.clone(), receipt(m))).collect()
}

fn offered(lines: &[&str]) -> Index {
    let mut packages: Vec<Listed> =
        lines.iter().map(|line| Listed::of(&package(line), 1, Sha256::from_bytes([0; 32]))).collect();
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let name = "ours".parse().expect("name");
    Index { format: index::FORMAT, name, version: 1, created_at: 0, expires_at: 1, packages }
}

fn wish(text: &str) -> Wish {
    let (highest, text) = text.strip_prefix('^').map_or((false, text), |text| (true, text));
    let dependency: medic_model::Dependency = text.parse().expect("a wish");
    Wish { name: dependency.name, req: dependency.req, highest }
}

fn solve(have: &[&str], offer: &[&str], wishes: &[&str]) -> Result<Vec<String>, String> {
    let (have, offer) = (installed(have), offered(offer));
    let mut pool = Pool::new(&have, false, &NONE_HELD);
    pool.offer(&offer, Arch::X64);
    let wishes: Vec<Wish> = wishes.iter().map(|text| wish(text)).collect();
    let found = resolve(pool, &wishes)?;
    Ok(found.into_iter().map(|(name, (version, _))| format!("{name} {version}")).collect())
}

#[track_caller]
fn gives(have: &[&str], offer: &[&str], wishes: &[&str], expected: &[&str]) {
    assert_eq!(solve(have, offer, wishes), Ok(expected.iter().map(ToString::to_string).collect()));
}

#[test]
fn needs_come_along_in_their_highest_version() {
    let offer = ["app 1: lib >=2", "lib 1", "lib 2", "lib 10", "lib 9: extra", "extra 1", "other 1"];
    gives(&[], &offer, &["app"], &["app 1", "lib 10"]);
    gives(&["lib 2"], &offer, &["app"], &["app 1"]);
    gives(&["lib 1"], &offer, &["app"], &["app 1", "lib 10"]);
    gives(&[], &offer, &["app", "lib <10"], &["app 1", "extra 1", "lib 9"]);
}

#[test]
fn what_is_installed_stays_unless_it_must_change() {
    let offer = ["app 1: lib", "app 2: lib >=2", "lib 1", "lib 2"];
    gives(&["app 1: lib", "lib 1"], &offer, &["app"], &[]);
    gives(&["app 1: lib", "lib 1"], &offer, &["^app"], &["app 2", "lib 2"]);
    gives(&["app 1: lib", "lib 1"], &offer, &["app =2"], &["app 2", "lib 2"]);
    // A need of something installed that is not met anyway does not stand in the way.
    gives(&["broken 1: nothing"], &offer, &["app =1"], &["app 1", "lib 2"]);
}

#[test]
fn an_older_choice_is_taken_where_the_newest_will_not_do() {
    let offer = ["app 1", "app 2: lib >=2", "lib 1", "lib 2: !tool", "tool 1"];
    gives(&["tool 1"], &offer, &["app"], &["app 1"]);
    gives(&[], &offer, &["app", "tool"], &["app 1", "tool 1"]);
    gives(&[], &["a 1: !b <2", "b 1", "b 2"], &["a"], &["a 1"]);
    gives(&["b 1"], &["a 1: !b <2", "b 1", "b 2"], &["a"], &["a 1", "b 2"]);
}

#[test]
fn a_wish_that_cannot_be_met_is_explained() {
    let says = |have: &[&str], offer: &[&str], wishes: &[&str]| solve(have, offer, wishes).expect_err("none");
    assert_eq!(says(&[], &[], &["app"]), "there is no 'app', neither installed nor in a repository");
    assert_eq!(says(&[], &["app 1", "app 2"], &["app >=3"]), "there is no 'app' >=3: there are 2, 1");
    let text = says(&["old 1"], &["app 1: mid", "mid 1: lib >=2", "lib 1"], &["app"]);
    for fact in
        ["'app' is asked for", "'app' 1 needs 'mid'", "'mid' 1 needs 'lib >=2'", "of 'lib' there are 1"]
    {
        assert!(text.contains(fact), "'{fact}' is not in: {text}");
    }
    let text = says(&["tool 1"], &["app 1: !tool"], &["app"]);
    for fact in ["'app' 1 conflicts with 'tool'", "'tool' is installed"] {
        assert!(text.contains(fact), "'{fact}' is not in: {text}");
    }
    let text = says(&[], &["app 1: ghost"], &["app"]);
    assert!(text.contains("'app' 1 needs 'ghost', which neither is installed nor in a repository"), "{text}");
}

/// Three packages between the two that do not go together: each need of the chain is told, from what was asked for on.
#[test]
fn a_conflict_three_deep_is_told_with_its_whole_chain() {
    let offer = ["app 1: web >=2", "web 2: lib", "lib 3: core <2", "core 1: !tool >=1", "core 2", "tool 1"];
    let text = solve(&[], &offer, &["app", "tool"]).expect_err("none");
    let facts = [
        "'app' is asked for",
        "'app' 1 needs 'web >=2'",
        "'web' 2 needs 'lib'",
        "'lib' 3 needs 'core <2'",
        "'core' 1 conflicts with 'tool >=1'",
        "'tool' is asked for",
    ];
    for fact in facts {
        assert_eq!(text.matches(fact).count(), 1, "'{fact}' is not once in: {text}");
    }
    assert_eq!(text.split("; ").count(), facts.len(), "nothing else is told: {text}");
    let text = solve(&["tool 1"], &offer, &["app"]).expect_err("none");
    assert!(
        text.contains("'core' 1 conflicts with 'tool >=1'") && text.contains("'tool' is installed"),
        "{text}"
    );
    assert!(facts[..4].iter().all(|fact| text.contains(fact)), "{text}");
}

/// What nothing leads to is not looked at, whatever it says; what only an upgrade needs is found all the same.
#[test]
fn what_is_offered_is_found_from_what_is_there_and_what_is_wished_for() {
    let offer = ["aside 1: nowhere", "lib 2: deep", "deep 1: deeper", "deeper 1", "app 1: !aside"];
    gives(&["lib 1"], &offer, &["^lib"], &["deep 1", "deeper 1", "lib 2"]);
    gives(&[], &offer, &["app"], &["app 1"]);
    let (have, offer) = (installed(&[]), offered(&offer));
    let mut pool = Pool::new(&have, false, &NONE_HELD);
    pool.offer(&offer, Arch::X64);
    let lib = wish("lib");
    pool.reach([&lib.name].into_iter());
    assert_eq!(
        pool.packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(),
        ["lib", "deep", "deeper"]
    );
}

#[test]
fn nothing_is_downgraded_unless_it_may_be() {
    let (have, offer) = (installed(&["lib 2"]), offered(&["lib 1", "app 1: lib <2"]));
    let wishes = [wish("app")];
    let mut pool = Pool::new(&have, false, &NONE_HELD);
    pool.offer(&offer, Arch::X64);
    assert!(resolve(pool, &wishes).is_err());
    let mut pool = Pool::new(&have, true, &NONE_HELD);
    pool.offer(&offer, Arch::X64);
    let found = resolve(pool, &wishes).expect("a solution");
    assert_eq!(found.keys().map(ToString::to_string).collect::<Vec<_>>(), ["app", "lib"]);
}

#[test]
fn what_is_held_stays() {
    let (have, offer) = (installed(&["lib 1", "app 1: lib"]), offered(&["lib 2", "app 2: lib >=2"]));
    let held = BTreeSet::from(["lib".parse().expect("name")]);
    let mut pool = Pool::new(&have, false, &held);
    pool.offer(&offer, Arch::X64);
    let none = wish("app =2");
    assert_eq!(resolve(pool.clone(), &[wish("^app"), wish("^lib")]), Ok(BTreeMap::new()));
    assert!(resolve(pool, &[none]).is_err());
}
