//! Which services a change concerns: a decision about two states and the plan between them, made without a supervisor.

use medic_model::manifest::Entry;
use medic_model::{Dependency, Manifest, PackageName, RelPath, ServiceName, Sha256, layout};

use super::ServiceId;
use crate::depends::Together;
use crate::plan::{Content, Gone, Plan, Step};

/// The services that a change concerns, each once; every other one goes on as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affected {
    /// They were there before, and something that they run with has changed.
    pub changed: Vec<ServiceId>,
    /// They were not there before.
    pub new: Vec<ServiceId>,
}

/// Decides from the packages before and after a change, and from what its plan did.
///
/// A service is concerned when one of these has changed: the software of its package, compared below the version's folder, or put
/// anew where it was (a reinstallation, a repair); its definition; its `run` script; its settings, where they really were replaced or
/// removed; the package's scripts and settings that belong to no single service (`env` among them; `install`, `remove`, `setup/` and
/// `postrun/` are nothing that a running service has read); or the software of a package that meets a need of its package.
pub fn affected(before: &Together<'_>, after: &Together<'_>, plan: &Plan) -> Affected {
    let mut found = Affected::default();
    let mut software = Vec::new();
    for change in &plan.changes {
        let package = &change.package;
        let (Some(new), old) = (after.get(package), before.get(package)) else { continue };
        let placed = change.from == change.to && places_software(plan, new);
        if old.is_some_and(|old| placed || !same_software(old, new)) {
            software.push(package);
        }
        for (service, definition) in &new.services {
            match old.and_then(|old| old.services.get(service)) {
                None => found.new.push(ServiceId::new(package, service)),
                Some(was) if was != definition || is_touched(plan, new, service) => {
                    found.changed.push(ServiceId::new(package, service));
                }
                Some(_) => {}
            }
        }
    }
    for (package, manifest) in after {
        let uses = manifest.depends.iter().any(|need| is_among(&software, need, after));
        if uses || software.contains(package) {
            for service in manifest.services.keys() {
                let id = ServiceId::new(package, service);
                if !found.new.contains(&id) && !found.changed.contains(&id) {
                    found.changed.push(id);
                }
            }
        }
    }
    found
}

/// Whether one of these packages is what a need asks for.
fn is_among(packages: &[&PackageName], need: &Dependency, after: &Together<'_>) -> bool {
    packages.iter().any(|name| **name == need.name || after.get(name).is_some_and(|other| other.meets(need)))
}

/// Whether the plan has changed a script or a setting that a service has read.
fn is_touched(plan: &Plan, manifest: &Manifest, service: &ServiceName) -> bool {
    plan.steps().any(|(_, step)| changes_content(step) && reads(service, step.path(), manifest))
}

fn changes_content(step: &Step) -> bool {
    match step {
        Step::Folder { .. } | Step::Remove { gone: Gone::Folder, .. } => false,
        Step::Place { .. } | Step::Clear { .. } | Step::Mode { .. } | Step::Remove { .. } => true,
    }
}

/// Whether a service of the package has read a file: its own, or one that belongs to no single service.
fn reads(service: &ServiceName, path: &RelPath, manifest: &Manifest) -> bool {
    let is_own = |name: &str| name == service.as_str();
    let is_others = |name: &str| manifest.services.keys().any(|other| other.as_str() == name);
    if let Some(below) = path.below(&layout::scripts(&manifest.name)) {
        return match below.as_str().split_once('/') {
            Some(("setup" | "postrun" | ".old", _)) => false,
            Some(("run", name)) => is_own(name) || !is_others(name),
            None => !matches!(below.as_str(), "install" | "remove"),
            Some(_) => true,
        };
    }
    match path.below(&layout::settings(&manifest.name)) {
        Some(below) => {
            let first = below.parts().next().unwrap_or_default();
            is_own(first) || first != ".new" && !is_others(first)
        }
        None => false,
    }
}

/// Whether the plan puts software anew where the same version was.
fn places_software(plan: &Plan, manifest: &Manifest) -> bool {
    let tree = layout::software_tree(&manifest.name, &manifest.version, manifest.arch);
    let places = |(_, step): (usize, &Step)| match step {
        Step::Place { content: Content::Software { package }, .. } => *package == manifest.name,
        Step::Place { path, .. } => *path == tree,
        Step::Mode { path, .. } => path.below(&tree).is_some(),
        _ => false,
    };
    plan.steps().any(places)
}

/// Whether two versions have the same software, wherever their folders are.
fn same_software(old: &Manifest, new: &Manifest) -> bool {
    software(old) == software(new)
}

/// A mode, the digest of a file, and where a link leads.
type Contents<'m> = (Option<u32>, Option<&'m Sha256>, &'m str);

/// The entries of the software tree, by their paths below it.
fn software(manifest: &Manifest) -> Vec<(String, Contents<'_>)> {
    let tree = layout::software_tree(&manifest.name, &manifest.version, manifest.arch);
    let entries = manifest.entries.iter();
    entries.filter_map(|entry| Some((entry.path().below(&tree)?.to_string(), contents(entry)))).collect()
}

fn contents(entry: &Entry) -> Contents<'_> {
    match entry {
        Entry::Directory { mode, .. } => (Some(*mode), None, ""),
        Entry::File { mode, sha256, .. } => (Some(*mode), Some(sha256), ""),
        Entry::Link { target, .. } => (None, None, target),
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::fixture::{digest, manifest};
    use crate::plan::Change;

    /// A version with the services `web` and `worker` and these entries: a path below `srv`, and a text; `@` stands for the
    /// software tree.
    fn package(name: &str, version: &str, files: &[(&str, &str)]) -> Manifest {
        let mut manifest = manifest(name, version);
        for service in ["web", "worker"] {
            manifest.services.insert(service.parse().expect("name"), Default::default());
        }
        let tree = layout::software_tree(&manifest.name, &manifest.version, manifest.arch);
        for (path, text) in files {
            let path = match path.strip_prefix('@') {
                Some(below) => format!("{tree}{below}"),
                None => format!("srv/{path}"),
            };
            let (size, sha256) = (text.len() as u64, digest(text));
            let path = path.parse().expect("path");
            manifest.entries.push(Entry::File { path, mode: 0o755, size, sha256 });
        }
        manifest
    }

    fn together(manifests: &[Manifest]) -> Together<'_> {
        manifests.iter().map(|manifest| (&manifest.name, manifest)).collect()
    }

    fn change(name: &str, from: Option<&str>, to: &str) -> Change {
        let version = |text: &str| text.parse().expect("version");
        let package = name.parse().expect("name");
        Change { package, from: from.map(version), to: Some(version(to)), services: true }
    }

    fn place(path: &str) -> Step {
        let content = Content::Text { text: String::new() };
        Step::Place { path: path.parse().expect("path"), content, over: crate::plan::Over::Ours }
    }

    /// Who is concerned, as words: `p/web`, new ones with a plus.
    fn concerned(before: &[Manifest], after: &[Manifest], plan: &Plan) -> String {
        let found = affected(&together(before), &together(after), plan);
        let new = found.new.iter().map(|id| format!("+{id}"));
        let mut changed: Vec<String> = found.changed.iter().map(ToString::to_string).collect();
        changed.sort();
        changed.into_iter().chain(new).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_what_changed_for_a_service_concerns_it() {
        let files: &[(&str, &str)] = &[("@/bin/p", "p"), ("scripts/p/run/web", "run")];
        let old = package("p", "1", files);
        let with = |steps: &[&str], changes: Vec<Change>| Plan {
            before: steps.iter().map(|path| place(path)).collect(),
            changes,
            ..Plan::default()
        };
        let upgrade = || vec![change("p", Some("1"), "2")];
        let both = "p/web p/worker";
        for (steps, expected) in [
            (&[][..], ""),
            (&["srv/scripts/p/run/web"], "p/web"),
            (&["srv/scripts/p/run/common.sh"], both),
            (&["srv/scripts/p/env"], both),
            (&["srv/scripts/p/check"], both),
            (&["srv/scripts/p/install", "srv/scripts/p/remove", "srv/scripts/p/setup/10-x"], ""),
            (&["srv/settings/p/worker/a.conf"], "p/worker"),
            (&["srv/settings/p/common.conf"], both),
            (&["srv/settings/p/.new/worker/a.conf"], ""),
            (&["srv/software/p/current", "srv/system/receipts/p.json"], ""),
            (&["srv/scripts/other/run/web"], ""),
        ] {
            let new = package("p", "2", files);
            let found = concerned(from_ref(&old), &[new], &with(steps, upgrade()));
            assert_eq!(found, expected, "{steps:?}");
        }
        let other = package("p", "2", &[("@/bin/p", "p2"), files[1]]);
        assert_eq!(concerned(from_ref(&old), &[other], &with(&[], upgrade())), both);
        let more = package("p", "2", &[files[0], ("@/bin/q", "q"), files[1]]);
        assert_eq!(concerned(from_ref(&old), &[more], &with(&[], upgrade())), both);
        let mut defined = package("p", "2", files);
        let definition = defined.services.get_mut(&"web".parse().expect("name")).expect("there");
        definition.user = Some("www".to_owned());
        defined.services.insert("third".parse().expect("name"), Default::default());
        assert_eq!(concerned(from_ref(&old), &[defined], &with(&[], upgrade())), "p/web +p/third");
        let removed = Step::Remove {
            path: "srv/settings/p/web/a.conf".parse().expect("path"),
            gone: Gone::File { sha256: digest("a") },
        };
        let plan = Plan { after: vec![removed], ..with(&[], upgrade()) };
        assert_eq!(concerned(from_ref(&old), &[package("p", "2", files)], &plan), "p/web");
        // The same version again: what runs is no longer what is there.
        let tree = layout::software_tree(&old.name, &old.version, old.arch);
        let plan = with(&[tree.as_str()], vec![change("p", Some("1"), "1")]);
        assert_eq!(concerned(from_ref(&old), from_ref(&old), &plan), both);
        assert_eq!(concerned(&[], &[old], &with(&[], vec![change("p", None, "1")])), "+p/web +p/worker");
    }

    #[test]
    fn dependents_are_concerned_when_the_software_that_they_use_has_changed() {
        let base = |version: &str, text: &str| package("base", version, &[("@/bin/sh", text)]);
        let mut user = package("user", "1", &[]);
        user.depends = vec!["base".parse().expect("dependency")];
        let mut far = package("far", "1", &[]);
        far.depends = vec!["user".parse().expect("dependency")];
        let plan = Plan { changes: vec![change("base", Some("1"), "2")], ..Plan::default() };
        let all = |base| [base, far.clone(), user.clone()];
        let found = concerned(&all(base("1", "a")), &all(base("2", "b")), &plan);
        assert_eq!(found, "base/web base/worker user/web user/worker");
        assert_eq!(concerned(&all(base("1", "a")), &all(base("2", "a")), &plan), "");
    }
}
