use std::collections::{BTreeMap, BTreeSet};

use medic_model::{Arch, Manifest, PackageName, Receipt, Sha256};
use medic_repository::{Index, Listed, index};

use super::*;
use crate::fixture::manifest;

static NONE_HELD: BTreeSet<PackageName> = BTreeSet::new();

/// `name version: need, !conflict, +provided`
fn package(line: &str) -> Manifest {
    let (head, rest) = line.split_once(':').unwrap_or((line, ""));
    let (name, version) = head.split_once(' ').expect("name and version");
    let mut manifest = manifest(name, version);
    for word in rest.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word.split_at(1) {
            ("!", conflict) => manifest.conflicts.push(conflict.parse().expect("conflict")),
            ("+", provided) => manifest.provides.push(provided.parse().expect("provision")),
            _ => manifest.depends.push(word.parse().expect("need")),
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
fn what_is_provided_meets_a_need() {
    let offer = ["app 1: mail", "exim 1: +mail", "exim 2: +mail", "postfix 3: +mail =3, lib", "lib 1"];
    gives(&[], &offer, &["app"], &["app 1", "exim 2"]);
    gives(&[], &offer, &["app", "postfix"], &["app 1", "lib 1", "postfix 3"]);
    gives(&["exim 1: +mail"], &offer, &["app"], &["app 1"]);
    gives(&["postfix 2: +mail"], &offer, &["app"], &["app 1"]);
    let with = |line: &'static str| [&offer[..], &[line]].concat();
    gives(&[], &with("new 1: mail >=2"), &["new"], &["lib 1", "new 1", "postfix 3"]);
    gives(&[], &with("both 1: mail, postfix"), &["both"], &["both 1", "lib 1", "postfix 3"]);
    gives(&[], &with("mail 0.1"), &["app"], &["app 1", "mail 0.1"]);
    gives(&["app 1: mail", "exim 1: +mail"], &offer, &["^app"], &[]);
    let newer = ["app 1: mail", "app 2: mail >=3", "postfix 3: +mail =3"];
    gives(&["exim 1: +mail, !mail"], &newer, &["app"], &["app 1"]);
    gives(&[], &["own 1: +mail, mail"], &["own"], &["own 1"]);
}

#[test]
fn what_is_provided_conflicts_as_if_it_had_that_name() {
    let offer = [
        "exim 1: +mail, !mail",
        "postfix 1: +mail, !mail",
        "mail 1",
        "quiet 1: !mail >=2",
        "new 1: +mail =2",
    ];
    gives(&[], &offer, &["exim"], &["exim 1"]);
    let text = solve(&[], &offer, &["exim", "postfix"]).expect_err("none");
    assert!(text.contains("conflicts with 'mail', which '"), "{text}");
    let text = solve(&["postfix 1: +mail, !mail"], &offer, &["exim"]).expect_err("none");
    assert!(text.contains("'postfix' 1 conflicts with 'mail', which 'exim' provides"), "{text}");
    assert!(solve(&["mail 1"], &offer, &["exim"]).is_err());
    gives(&["exim 1: +mail"], &offer, &["quiet"], &["quiet 1"]);
    assert!(solve(&["new 1: +mail =2"], &offer, &["quiet"]).is_err());
}

#[test]
fn what_nobody_provides_is_explained() {
    let says = |offer: &[&str], wish: &str| solve(&[], offer, &[wish]).expect_err("none");
    let text = says(&["exim 1: +mail", "postfix 1: +mail"], "mail");
    assert_eq!(text, "'mail' is no package, but what 'exim' or 'postfix' provides: name that");
    let text = says(&["app 1: mail >=2", "exim 1: +mail"], "app");
    assert!(text.contains("'app' 1 needs 'mail >=2', which nothing that there is provides"), "{text}");
    let text = says(&["app 1: mail, !exim", "exim 1: +mail"], "app");
    for fact in ["'app' 1 needs 'mail'", "'exim' provides 'mail'", "'app' 1 conflicts with 'exim'"] {
        assert!(text.contains(fact), "'{fact}' is not in: {text}");
    }
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
