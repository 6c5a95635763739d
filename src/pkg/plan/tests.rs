//! Plans, by looking at a file system that is a map.

use std::collections::BTreeMap;

use medic_model::manifest::Entry;
use medic_model::{Arch, Manifest, Receipt, RelPath, Sha256};
use medic_sys::files::FileError;

use super::*;
use crate::fixture::{digest, manifest};

/// What is where: `None` a folder, else a file's text or `-> target`.
#[derive(Default)]
struct Disk {
    all: BTreeMap<String, Option<String>>,
    fixed: Vec<String>,
}

impl Disk {
    fn put(mut self, path: &str, text: &str) -> Self {
        let mut folder = path;
        while let Some((above, _)) = folder.rsplit_once('/') {
            self.all.entry(above.to_owned()).or_insert(None);
            folder = above;
        }
        self.all.insert(path.to_owned(), Some(text.to_owned()));
        self
    }

    fn fix(mut self, path: &str) -> Self {
        self.fixed.push(path.to_owned());
        self
    }
}

impl Look for Disk {
    fn look(&self, path: &RelPath) -> Result<Observed, FileError> {
        Ok(match self.all.get(path.as_str()) {
            None => Observed::Absent,
            Some(None) => Observed::Folder,
            Some(Some(text)) => match text.strip_prefix("-> ") {
                Some(target) => Observed::Link(target.to_owned()),
                None => Observed::File { mode: 0o644, owner: (0, 0) },
            },
        })
    }

    fn digest(&self, path: &RelPath) -> Result<Sha256, FileError> {
        let text = self.all.get(path.as_str()).cloned().flatten();
        Ok(digest(&text.expect("a file was looked at before")))
    }

    fn is_fixed(&self, path: &RelPath) -> Result<bool, FileError> {
        Ok(self.fixed.iter().any(|fixed| path.as_str().starts_with(fixed)))
    }
}

/// A package `web` with these files: `scripts/…`, `settings/…` and `bin/…`, each with its text.
fn web(version: &str, files: &[(&str, &str)]) -> Manifest {
    let mut manifest = manifest("web", version);
    let mut entries: BTreeMap<RelPath, Entry> = BTreeMap::new();
    for (name, text) in files {
        let path = match name.split_once('/') {
            Some(("scripts", below)) => format!("srv/scripts/web/{below}"),
            Some(("settings", below)) => format!("srv/settings/web/{below}"),
            _ => format!("srv/software/web/v{version}/x64/{name}"),
        };
        let path: RelPath = path.parse().expect("path");
        let mut above = path.parent();
        while let Some(folder) = above {
            above = folder.parent();
            entries.insert(folder.clone(), Entry::Directory { path: folder, mode: 0o755 });
        }
        let (size, sha256) = (text.len() as u64, digest(text));
        entries.insert(path.clone(), Entry::File { path, mode: 0o644, size, sha256 });
    }
    manifest.entries = entries.into_values().collect();
    manifest
}

fn lines(plan: &Plan) -> Vec<String> {
    let line = |step: &Step| {
        let path = step.path();
        match step {
            Step::Folder { .. } => format!("folder {path}"),
            Step::Place { over, .. } => format!("place {path}{}", shown(over)),
            Step::Clear { over, .. } => format!("clear {path}{}", shown(over)),
            Step::Mode { .. } => format!("mode {path}"),
            Step::Remove { gone, .. } => {
                let word = format!("{gone:?}").to_lowercase();
                format!("remove {path} {}", word.split_whitespace().next().unwrap_or_default())
            }
        }
    };
    let scripts = plan.scripts.iter().map(|script| format!("run {}", script.script));
    plan.before
        .iter()
        .map(line)
        .chain(scripts)
        .chain(["decide".to_owned()])
        .chain(plan.after.iter().map(line))
        .collect()
}

fn shown(over: &Over) -> String {
    match over {
        Over::Nothing => String::new(),
        Over::Ours => " over ours".to_owned(),
        Over::Theirs { kept } => format!(" over theirs, kept as {kept}"),
    }
}

fn planned(disk: &Disk, manifest: &Manifest, from: From, old: Option<&Manifest>) -> Plan {
    let old = old.map(|old| crate::sync::receipt(old.clone(), None, 0));
    install(disk, Candidate { manifest, from }, old.as_ref()).expect("a plan")
}

#[test]
fn a_first_installation_from_the_image_is_links_scripts_and_settings() {
    let manifest = web("1", &[("bin/web", "b"), ("scripts/install", "i"), ("settings/a.conf", "a")]);
    let plan = planned(&Disk::default(), &manifest, From::Bundle, None);
    assert_eq!(
        lines(&plan),
        [
            "folder srv",
            "folder srv/software",
            "folder srv/software/web",
            "folder srv/software/web/v1",
            "place srv/software/web/v1/x64",
            "place srv/software/web/v1/default",
            "folder srv/scripts",
            "folder srv/scripts/web",
            "place srv/scripts/web/install",
            "folder srv/settings",
            "folder srv/settings/web",
            "place srv/settings/web/a.conf",
            "run install",
            "decide",
            "place srv/software/web/current over ours",
            "place srv/system/receipts/web.json over ours",
        ]
    );
    let link = Content::Link { target: paths("v1") };
    assert!(plan.before.iter().any(|step| matches!(step, Step::Place { content, .. } if *content == link)));
    assert_eq!(plan.summary(), "install web 1");
}

fn paths(version: &str) -> String {
    format!("../../../../usr/lib/medic-os/web/{version}/x64")
}

#[test]
fn an_upgrade_touches_what_differs_and_nothing_else() {
    let old = web(
        "1",
        &[
            ("scripts/same", "s"),
            ("scripts/gone", "g"),
            ("scripts/mine", "m"),
            ("settings/a", "1"),
            ("settings/b", "1"),
        ],
    );
    let new =
        web("2", &[("scripts/same", "s"), ("scripts/mine", "n"), ("settings/a", "2"), ("settings/b", "2")]);
    let disk = Disk::default()
        .put("srv/software/web/v1/x64", &format!("-> {}", paths("v1")))
        .put("srv/software/web/current", "-> v1")
        .put("srv/scripts/web/same", "s")
        .put("srv/scripts/web/gone", "g")
        .put("srv/scripts/web/mine", "edited")
        .put("srv/settings/web/a", "1")
        .put("srv/settings/web/b", "edited");
    let plan = planned(&disk, &new, From::Bundle, Some(&old));
    assert_eq!(
        lines(&plan),
        [
            "folder srv/software/web/v2",
            "place srv/software/web/v2/x64",
            "place srv/software/web/v2/default",
            "place srv/scripts/web/mine over theirs, kept as srv/scripts/web/.old/mine",
            "place srv/settings/web/a over ours",
            "folder srv/settings/web/.new",
            "place srv/settings/web/.new/b",
            "decide",
            "place srv/software/web/current over ours",
            "place srv/system/receipts/web.json over ours",
            "remove srv/scripts/web/gone file",
            "remove srv/software/web/v1/x64 link",
            "remove srv/software/web/v1/default link",
            "remove srv/software/web/v1 folder",
        ]
    );
    let told: Vec<&str> = plan.notices.iter().map(|notice| notice.path.as_str()).collect();
    assert_eq!(told, ["srv/scripts/web/mine", "srv/settings/web/b"]);
}

#[test]
fn the_old_link_stays_while_the_image_has_its_version() {
    let (old, new) = (web("1", &[]), web("2", &[]));
    let disk = Disk::default()
        .put("srv/software/web/v1/x64", &format!("-> {}", paths("v1")))
        .put("usr/lib/medic-os/web/v1/manifest.json", "{}");
    let plan = planned(&disk, &new, From::Archive, Some(&old));
    assert!(!lines(&plan).iter().any(|line| line.starts_with("remove")), "{:?}", lines(&plan));
}

#[test]
fn an_archive_brings_its_tree_and_what_a_rollback_needs() {
    let manifest = web("1", &[("bin/web", &"b".repeat(5000)), ("settings/a", "a")]);
    let plan = planned(&Disk::default(), &manifest, From::Archive, None);
    let places: Vec<String> = lines(&plan).into_iter().filter(|line| line.starts_with("place")).collect();
    assert_eq!(places[..2], ["place srv/software/web/v1/x64", "place srv/system/versions/web/v1"]);
    let bytes: u64 = plan.needs.iter().map(|need| need.bytes).sum();
    // Two blocks for the program and one for each folder of the tree; the setting and its folder, twice.
    assert_eq!(bytes, (2 + 2 + 2 * 2) * 4096);
}

#[test]
fn settings_that_are_mounted_from_elsewhere_are_left_alone() {
    let old = web("1", &[("settings/app/a", "1"), ("settings/gone", "1")]);
    let new = web("2", &[("settings/app/a", "2"), ("settings/app/b", "2")]);
    let disk = Disk::default()
        .put("srv/settings/web/app/a", "1")
        .put("srv/settings/web/gone", "1")
        .fix("srv/settings/web/app")
        .fix("srv/settings/web/gone");
    let plan = planned(&disk, &new, From::Bundle, Some(&old));
    assert!(!lines(&plan).iter().any(|line| line.contains("srv/settings")), "{:?}", lines(&plan));
    assert_eq!(plan.notices.len(), 3);
}

#[test]
fn a_removal_names_what_it_removes_and_no_more() {
    let manifest = web("2", &[("scripts/remove", "r"), ("settings/a", "a"), ("settings/b", "b")]);
    let receipt: Receipt = crate::sync::receipt(manifest, None, 0);
    let disk = Disk::default()
        .put("srv/scripts/web/remove", "r")
        .put("srv/settings/web/a", "a")
        .put("srv/settings/web/b", "edited")
        .put("srv/storage/web/data", "d");
    let version = |text: &str| text.parse().expect("version");
    let versions = [(version("1"), Arch::X64, true), (version("2"), Arch::X64, false)];
    let plan =
        remove(&disk, Removal { receipt: &receipt, versions: &versions, purge: false }).expect("a plan");
    assert_eq!(
        lines(&plan),
        [
            "run remove",
            "decide",
            "remove srv/system/receipts/web.json all",
            "remove srv/software/web/current link",
            "remove srv/software/web/v1/x64 software",
            "remove srv/software/web/v1/default link",
            "remove srv/software/web/v1 folder",
            "remove srv/system/versions/web/v1 all",
            "remove srv/software/web/v2/x64 link",
            "remove srv/software/web/v2/default link",
            "remove srv/software/web/v2 folder",
            "remove srv/settings/web/a file",
            "remove srv/settings/web folder",
            "remove srv/scripts/web/remove file",
            "remove srv/scripts/web folder",
            "remove srv/settings/web/.new all",
            "remove srv/system/holds/web all",
            "remove srv/scripts/web folder",
            "remove srv/settings/web folder",
            "remove srv/software/web folder",
            "remove srv/system/versions/web folder",
        ]
    );
    let purge = remove(&disk, Removal { receipt: &receipt, versions: &[], purge: true }).expect("a plan");
    let purged: Vec<String> = lines(&purge).into_iter().filter(|line| line.ends_with("all")).collect();
    assert!(purged.contains(&"remove srv/storage/web all".to_owned()) && purge.notices.is_empty());
}

#[test]
fn a_plan_goes_through_the_journal_without_loss() {
    let manifest = web("1", &[("bin/web", "b"), ("scripts/install", "i"), ("settings/a.conf", "a")]);
    let plan = planned(&Disk::default(), &manifest, From::Archive, None);
    let text = serde_json::to_string(&plan).expect("JSON");
    assert_eq!(serde_json::from_str::<Plan>(&text).expect("the same"), plan);
}
