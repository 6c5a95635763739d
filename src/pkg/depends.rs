//! Do the packages that will be there after a change go together? And in which order are they dealt with?

use std::collections::{BTreeMap, BTreeSet};

use medic_model::{Dependency, Manifest, PackageName};

use crate::error::{Error, Named};

/// Packages as they will be, by name.
pub type Together<'a> = BTreeMap<&'a PackageName, &'a Manifest>;

/// Checks needs and conflicts of all packages that concern one of `changed`, or what one of those provided before or provides
/// after it; what was wrong before and is not touched is not held against this change.
///
/// # Errors
/// [`Error::Needs`] or [`Error::Conflict`], the first in the order of names.
pub fn check(
    before: &Together<'_>,
    after: &Together<'_>,
    changed: &BTreeSet<PackageName>,
) -> Result<(), Error> {
    let manifests = changed.iter().flat_map(|name| [before.get(name), after.get(name)]).flatten();
    let provided = manifests.flat_map(|manifest| &manifest.provides).map(|provided| &provided.name);
    let changed: BTreeSet<&PackageName> = changed.iter().chain(provided).collect();
    for manifest in after.values() {
        needs(after, manifest, &changed)?;
        conflicts(after, manifest, &changed)?;
    }
    Ok(())
}

/// Whether something is there that meets a need.
fn is_met(after: &Together<'_>, need: &Dependency) -> bool {
    // By its name is the usual way, and found at once.
    after.get(&need.name).is_some_and(|other| need.req.matches(&other.version))
        || after.values().any(|other| other.meets(need))
}

fn needs(after: &Together<'_>, manifest: &Manifest, changed: &BTreeSet<&PackageName>) -> Result<(), Error> {
    let concerned = |name: &PackageName| changed.contains(name) || changed.contains(&manifest.name);
    for need in manifest.depends.iter().filter(|need| concerned(&need.name)) {
        let found = match after.get(&need.name) {
            _ if is_met(after, need) => continue,
            Some(other) => format!("it would be {}", other.version),
            None => "it would not be installed".to_owned(),
        };
        return Err(Error::Needs { one: Named::of(manifest), needs: Box::new(need.clone()), found });
    }
    Ok(())
}

fn conflicts(
    after: &Together<'_>,
    manifest: &Manifest,
    changed: &BTreeSet<&PackageName>,
) -> Result<(), Error> {
    let concerned = |name: &PackageName| changed.contains(name) || changed.contains(&manifest.name);
    for conflict in manifest.conflicts.iter().filter(|conflict| concerned(&conflict.name)) {
        // A package that provides what it conflicts with wants to be the only one that does.
        let mut others = after.values().filter(|other| other.name != manifest.name);
        if let Some(other) = others.find(|other| other.meets(conflict)) {
            let (one, other) = (Named::of(manifest), Named::of(other));
            return Err(Error::Conflict { one, other, conflict: Box::new(conflict.clone()) });
        }
    }
    Ok(())
}

/// The given packages, each after those of them that it needs; by name where that leaves a choice. A circle is cut where it
/// closes.
pub fn in_order(packages: &Together<'_>) -> Vec<PackageName> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for name in packages.keys() {
        visit(packages, name, &mut seen, &mut order);
    }
    order
}

fn visit(
    packages: &Together<'_>,
    name: &PackageName,
    seen: &mut BTreeSet<PackageName>,
    order: &mut Vec<PackageName>,
) {
    let Some(manifest) = packages.get(name) else { return };
    if !seen.insert(name.clone()) {
        return;
    }
    for need in &manifest.depends {
        visit(packages, &need.name, seen, order);
        for provider in packages.values().filter(|other| other.meets(need)) {
            visit(packages, &provider.name, seen, order);
        }
    }
    order.push(name.clone());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::manifest;

    fn after(manifests: &[Manifest]) -> Together<'_> {
        manifests.iter().map(|manifest| (&manifest.name, manifest)).collect()
    }

    fn changed(names: &[&str]) -> BTreeSet<PackageName> {
        names.iter().map(|name| name.parse().expect("name")).collect()
    }

    fn concerns(after: &Together<'_>, changed: &BTreeSet<PackageName>) -> Result<(), Error> {
        check(&Together::new(), after, changed)
    }

    #[test]
    fn needs_are_met_or_named() {
        let mut web = manifest("web", "1");
        web.depends = vec!["shell >=2".parse().expect("dependency")];
        let (old, new) = (manifest("shell", "1"), manifest("shell", "2"));
        assert!(concerns(&after(&[web.clone(), new]), &changed(&["web"])).is_ok());
        let error = concerns(&after(&[web.clone(), old.clone()]), &changed(&["shell"])).expect_err("unmet");
        assert_eq!(error.to_string(), "'web' 1 needs 'shell >=2', and it would be 1");
        let error = concerns(&after(std::slice::from_ref(&web)), &changed(&["shell"])).expect_err("unmet");
        assert_eq!(error.to_string(), "'web' 1 needs 'shell >=2', and it would not be installed");
        assert!(concerns(&after(&[web, old]), &changed(&["other"])).is_ok(), "not of this change's making");
    }

    #[test]
    fn conflicts_are_named() {
        let mut web = manifest("web", "1");
        web.conflicts = vec!["other <2".parse().expect("dependency")];
        assert!(concerns(&after(&[web.clone(), manifest("other", "2")]), &changed(&["web"])).is_ok());
        let error =
            concerns(&after(&[web, manifest("other", "1")]), &changed(&["other"])).expect_err("conflict");
        assert!(error.to_string().contains("'web' 1 must not be installed beside 'other' 1"), "{error}");
    }

    #[test]
    fn what_is_provided_meets_needs_and_conflicts() {
        let provider = |name: &str| {
            let mut manifest = manifest(name, "1");
            manifest.provides = vec!["mail =2".parse().expect("provision")];
            manifest
        };
        let (mut app, exim, mut postfix) = (manifest("app", "1"), provider("exim"), provider("postfix"));
        app.depends = vec!["mail >=2".parse().expect("need")];
        assert!(concerns(&after(&[app.clone(), exim.clone()]), &changed(&["app"])).is_ok());
        let with = [app.clone(), exim.clone()];
        let error =
            check(&after(&with), &after(std::slice::from_ref(&app)), &changed(&["exim"])).expect_err("unmet");
        assert_eq!(error.to_string(), "'app' 1 needs 'mail >=2', and it would not be installed");
        let both = [app.clone(), exim.clone(), postfix.clone()];
        assert!(check(&after(&both), &after(&[app.clone(), postfix.clone()]), &changed(&["exim"])).is_ok());
        postfix.conflicts = vec!["mail".parse().expect("conflict")];
        assert!(
            concerns(&after(std::slice::from_ref(&postfix)), &changed(&["postfix"])).is_ok(),
            "not with itself"
        );
        let error = concerns(&after(&[exim.clone(), postfix]), &changed(&["exim"])).expect_err("conflict");
        assert!(error.to_string().contains("'postfix' 1 must not be installed beside 'exim' 1"), "{error}");
        assert_eq!(
            in_order(&after(&[app, exim])).iter().map(PackageName::as_str).collect::<Vec<_>>(),
            ["exim", "app"]
        );
    }

    #[test]
    fn what_is_needed_comes_first() {
        let (mut a, mut b, c) = (manifest("a", "1"), manifest("b", "1"), manifest("c", "1"));
        a.depends = vec!["c".parse().expect("dependency"), "b".parse().expect("dependency")];
        b.depends = vec!["a".parse().expect("dependency")];
        let order: Vec<String> = in_order(&after(&[a, b, c])).iter().map(ToString::to_string).collect();
        assert_eq!(order, ["c", "b", "a"]);
    }
}
