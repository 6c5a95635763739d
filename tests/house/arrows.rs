//! Who may import whom: the arrows that ARCHITECTURE.md draws, and no others.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Each member, and the members it may import.
const ARROWS: [(&str, &[&str]); 12] = [
    ("medic-model", &[]),
    ("medic-sys", &[]),
    ("medic-archive", &["medic-model"]),
    ("medic-repository", &["medic-archive", "medic-model"]),
    ("medic-build", &["medic-archive", "medic-model", "medic-repository", "medic-sys"]),
    ("medic-image", &["medic-archive", "medic-model", "medic-repository"]),
    ("medic-pkg", &["medic-archive", "medic-model", "medic-repository", "medic-sys"]),
    ("medic-care", &["medic-archive", "medic-model", "medic-sys"]),
    ("medic-supervisor", &["medic-model", "medic-sys"]),
    ("xtask", &["medic-build", "medic-image", "medic-model"]),
    // Archive, model and repository are for its tests only, which make packages and publish them.
    ("medic-os", &["medic-archive", "medic-model", "medic-pkg", "medic-repository", "medic-supervisor"]),
    ("medic-tests", &[]),
];

/// What must never be found below the supervisor: an asynchronous runtime, HTTP, TLS, a terminal library.
const FORBIDDEN_IN_SUPERVISOR: [&str; 8] =
    ["tokio", "reqwest", "hyper", "rustls", "ring", "bollard", "clap", "indicatif"];

/// One platform's tree: that of other platforms may not be fetched yet.
const HOST_ONLY: [&str; 2] = ["--filter-platform", "x86_64-unknown-linux-gnu"];

fn metadata() -> Metadata {
    let manifest = super::workspace().join("Cargo.toml");
    MetadataCommand::new()
        .manifest_path(manifest)
        .other_options(HOST_ONLY.map(String::from))
        .exec()
        .expect("cargo metadata")
}

/// The members that each member imports, in any kind of dependency.
fn imports(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let members: BTreeSet<String> =
        metadata.workspace_packages().iter().map(|p| p.name.to_string()).collect();
    let imports = |package: &&cargo_metadata::Package| {
        // A crate whose tests want a feature of its own imports itself: that is no arrow.
        let own = |name: &String| members.contains(name) && *name != package.name.as_str();
        let names =
            package.dependencies.iter().map(|dependency| dependency.name.clone()).filter(own).collect();
        (package.name.to_string(), names)
    };
    metadata.workspace_packages().iter().map(imports).collect()
}

#[test]
fn every_arrow_is_drawn_in_the_architecture() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let imports = imports(&metadata());
    let members: BTreeSet<&str> = imports.keys().map(String::as_str).collect();
    assert_eq!(
        members,
        allowed.keys().copied().collect(),
        "a crate came or went: say so here and in ARCHITECTURE.md"
    );
    for (member, imported) in &imports {
        for name in imported {
            assert!(
                allowed[member.as_str()].contains(&name.as_str()),
                "{member} imports {name}, which ARCHITECTURE.md does not allow"
            );
        }
    }
}

#[test]
fn the_supervisor_stays_small() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("resolved");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let start = metadata.packages.iter().find(|p| p.name.as_str() == "medic-supervisor").expect("a member");
    let mut below = BTreeSet::new();
    let mut open = vec![&start.id];
    while let Some(id) = open.pop() {
        if below.insert(id) {
            let normal = |dep: &&cargo_metadata::NodeDep| {
                dep.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal)
            };
            open.extend(nodes[id].deps.iter().filter(normal).map(|dep| &dep.pkg));
        }
    }
    let name = |id: &cargo_metadata::PackageId| {
        metadata.packages.iter().find(|p| p.id == *id).map_or_else(String::new, |p| p.name.to_string())
    };
    let found: Vec<String> =
        below.into_iter().map(name).filter(|n| FORBIDDEN_IN_SUPERVISOR.contains(&n.as_str())).collect();
    assert!(found.is_empty(), "the supervisor's tree holds {found:?}");
}
