//! Do the packages that will be there after a change go together? And in which order are they dealt with?

use std::collections::{BTreeMap, BTreeSet};

use medic_model::{Manifest, PackageName};

use crate::error::{Error, Named};

/// Packages as they will be, by name.
pub type Together<'a> = BTreeMap<&'a PackageName, &'a Manifest>;

/// Checks needs and conflicts of all packages that concern one of `changed`; what was wrong before and is not touched is
/// not held against this change.
///
/// # Errors
/// [`Error::Needs`] or [`Error::Conflict`], the first in the order of names.
pub fn check(after: &Together<'_>, changed: &BTreeSet<PackageName>) -> Result<(), Error> {
    for manifest in after.values() {
        needs(after, manifest, changed)?;
        conflicts(after, manifest, changed)?;
    }
    Ok(())
}

fn needs(after: &Together<'_>, manifest: &Manifest, changed: &BTreeSet<PackageName>) -> Result<(), Error> {
    let concerned = |name: &PackageName| changed.contains(name) || changed.contains(&manifest.name);
    for need in manifest.depends.iter().filter(|need| concerned(&need.name)) {
        let found = match after.get(&need.name) {
            Some(other) if need.req.matches(&other.version) => continue,
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
    changed: &BTreeSet<PackageName>,
) -> Result<(), Error> {
    let concerned = |name: &PackageName| changed.contains(name) || changed.contains(&manifest.name);
    for conflict in manifest.conflicts.iter().filter(|conflict| concerned(&conflict.name)) {
        let other = after.get(&conflict.name).filter(|other| conflict.req.matches(&other.version));
        if let Some(other) = other.filter(|other| other.name != manifest.name) {
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

    #[test]
    fn needs_are_met_or_named() {
        let mut web = manifest("web", "1");
        web.depends = vec!["shell >=2".parse().expect("dependency")];
        let (old, new) = (manifest("shell", "1"), manifest("shell", "2"));
        assert!(check(&after(&[web.clone(), new]), &changed(&["web"])).is_ok());
        let error = check(&after(&[web.clone(), old.clone()]), &changed(&["shell"])).expect_err("unmet");
        assert_eq!(error.to_string(), "'web' 1 needs 'shell >=2', and it would be 1");
        let error = check(&after(std::slice::from_ref(&web)), &changed(&["shell"])).expect_err("unmet");
        assert_eq!(error.to_string(), "'web' 1 needs 'shell >=2', and it would not be installed");
        assert!(check(&after(&[web, old]), &changed(&["other"])).is_ok(), "not of this change's making");
    }

    #[test]
    fn conflicts_are_named() {
        let mut web = manifest("web", "1");
        web.conflicts = vec!["other <2".parse().expect("dependency")];
        assert!(check(&after(&[web.clone(), manifest("other", "2")]), &changed(&["web"])).is_ok());
        let error =
            check(&after(&[web, manifest("other", "1")]), &changed(&["other"])).expect_err("conflict");
        assert!(error.to_string().contains("'web' 1 must not be installed beside 'other' 1"), "{error}");
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
