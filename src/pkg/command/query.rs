//! The commands that only look. They take no lock, since receipts are replaced whole; but what a killed `pkg` left is
//! cleared up first, if it can be.

use std::path::{Component, Path};

use medic_model::manifest::Entry;
use medic_model::receipt::Origin;
use medic_model::{ByteSize, PackageName, RelPath};
use serde_json::Value;

use super::args::Pkg;
use super::{Failure, Voice, World, json, object, path as shown, text};
use crate::error::Error;
use crate::reporter::{Event, Reporter as _};
use crate::root::Root;
use crate::services::Supervisor;
use crate::transaction::{Session, Wait};
use crate::{installed, operation, verify};

/// The exit code of `pkg verify` when something differs.
const DIFFERS: u8 = 3;

/// Opens the root. A transaction that is still under way is left to the one who holds the lock; one that was cut off is
/// cleared up, unless this user cannot: looking is possible all the same.
pub(super) fn open(pkg: &Pkg, world: &mut World<'_>) -> Result<Root, Failure> {
    let root = Root::open(&pkg.root)?;
    if Session::is_needed(&root)? {
        let voice = Voice::new(&mut world.err);
        match Session::begin(&pkg.root, &format!("PID {}", world.pid), Wait::No, &voice) {
            Ok(session) => {
                if let Some(supervisor) = Supervisor::find(session.root()) {
                    supervisor.recover(session.recovered().unwrap_or_default(), &voice);
                }
            }
            Err(Error::Busy { .. }) => {}
            Err(error) => {
                let text = format!("a transaction that was cut off cannot be cleared up now: {error}");
                voice.event(&Event::Warning { text: &text });
            }
        }
    }
    Ok(root)
}

pub(super) fn list(pkg: &Pkg, world: &mut World<'_>) -> Result<u8, Failure> {
    let briefs = installed::briefs(&open(pkg, world)?)?;
    if pkg.json {
        let one = |brief: &installed::Brief| {
            object(&mut [
                ("name", text(&brief.name)),
                ("version", text(&brief.version)),
                ("arch", text(&brief.arch)),
                ("summary", text(&brief.summary)),
            ])
        };
        return json(world.out, &briefs.iter().map(one).collect()).map(|()| 0);
    }
    let width = |text: fn(&installed::Brief) -> usize| briefs.iter().map(text).max().unwrap_or(0);
    let name = width(|brief| brief.name.as_str().len());
    let version = width(|brief| brief.version.as_str().len());
    for brief in &briefs {
        line(world, &format!("{:name$}  {:version$}  {}", brief.name, brief.version, brief.summary))?;
    }
    Ok(0)
}

pub(super) fn line(world: &mut World<'_>, text: &str) -> Result<(), Failure> {
    writeln!(world.out, "{text}").map_err(|_| Failure::Output)
}

pub(super) fn info(pkg: &Pkg, package: &PackageName, world: &mut World<'_>) -> Result<u8, Failure> {
    let root = open(pkg, world)?;
    let receipt = installed::required(&root, package)?;
    let manifest = &receipt.manifest;
    let versions: Vec<String> =
        installed::versions(&root, package)?.iter().map(|present| present.version.to_string()).collect();
    let (origin, sha256) = match &receipt.origin {
        Origin::Bundle => ("the image".to_owned(), None),
        Origin::Archive { sha256, location } => (location.clone(), Some(*sha256)),
    };
    let texts = |list: &[medic_model::Dependency]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let services: Vec<String> = manifest.services.keys().map(ToString::to_string).collect();
    if pkg.json {
        let components = serde_json::to_value(&manifest.provenance.components)
            .map_err(|error| medic_model::DocumentError::whole("the receipt", error))?;
        let from = object(&mut [
            ("from", if sha256.is_some() { "archive" } else { "bundle" }.into()),
            ("location", origin.into()),
            ("sha256", sha256.map_or(Value::Null, |sha256| text(&sha256))),
        ]);
        let value = object(&mut [
            ("name", text(&manifest.name)),
            ("version", text(&manifest.version)),
            ("arch", text(&manifest.arch)),
            ("summary", text(&manifest.summary)),
            ("licence", text(&manifest.licence)),
            ("origin", from),
            ("installed_at", receipt.installed_at.into()),
            ("previous", receipt.previous.as_ref().map_or(Value::Null, |version| text(version))),
            ("versions", versions.into()),
            ("size", manifest.installed_size().into()),
            ("entries", manifest.entries.len().into()),
            ("depends", texts(&manifest.depends).into()),
            ("conflicts", texts(&manifest.conflicts).into()),
            ("provides", texts(&manifest.provides).into()),
            ("services", services.into()),
            ("components", components),
        ]);
        return json(world.out, &value).map(|()| 0);
    }
    let size = format!("{} in {} entries", ByteSize(manifest.installed_size()), manifest.entries.len());
    let components: Vec<String> =
        manifest.provenance.components.iter().map(|c| format!("{} {}", c.name, c.version)).collect();
    let fields = [
        ("Name", manifest.name.to_string()),
        ("Version", manifest.version.to_string()),
        ("Architecture", manifest.arch.to_string()),
        ("Summary", manifest.summary.clone()),
        ("Licence", manifest.licence.clone()),
        ("From", origin),
        ("Size", size),
        ("Needs", texts(&manifest.depends).join(", ")),
        ("Conflicts", texts(&manifest.conflicts).join(", ")),
        ("Provides", texts(&manifest.provides).join(", ")),
        ("Services", services.join(", ")),
        ("Components", components.join(", ")),
        ("Versions here", versions.join(", ")),
    ];
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        line(world, &format!("{name:<14}{value}"))?;
    }
    Ok(0)
}

pub(super) fn files(pkg: &Pkg, package: &PackageName, world: &mut World<'_>) -> Result<u8, Failure> {
    let receipt = installed::required(&open(pkg, world)?, package)?;
    if pkg.json {
        let value = serde_json::to_value(&receipt.manifest.entries)
            .map_err(|error| medic_model::DocumentError::whole("the receipt", error))?;
        return json(world.out, &value).map(|()| 0);
    }
    for entry in &receipt.manifest.entries {
        match entry {
            Entry::Directory { path, .. } => line(world, &format!("/{path}/"))?,
            Entry::File { path, .. } => line(world, &format!("/{path}"))?,
            Entry::Link { path, target } => line(world, &format!("/{path} -> {target}"))?,
        }
    }
    Ok(0)
}

pub(super) fn owns(pkg: &Pkg, path: &Path, world: &mut World<'_>) -> Result<u8, Failure> {
    let root = open(pkg, world)?;
    let asked = below(&pkg.root, path).ok_or_else(|| {
        Error::Usage(format!("'{}' is not a path below '{}'", path.display(), pkg.root.display()))
    })?;
    let asked = resolve_version(&root, asked)?;
    let Some((package, listed)) = operation::owner(&root, &asked)? else {
        let why = "no installed package has it".to_owned();
        return Err(Error::NoCandidate { text: path.display().to_string(), why }.into());
    };
    if pkg.json {
        return json(
            world.out,
            &object(&mut [("path", shown(&asked)), ("package", text(&package)), ("listed", listed.into())]),
        )
        .map(|()| 0);
    }
    let note = if listed { "" } else { " (in its folder, but not brought by it)" };
    line(world, &format!("{package}{note}")).map(|()| 0)
}

/// A path as it is below the root, by its text alone.
fn below(root: &Path, path: &Path) -> Option<RelPath> {
    let inside = path.strip_prefix(root).or_else(|_| path.strip_prefix("/")).unwrap_or(path);
    let mut parts: Vec<&str> = Vec::new();
    for part in inside.components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::ParentDir => parts.pop().map(drop)?,
            _ => {}
        }
    }
    parts.join("/").parse().ok()
}

/// `…/current/default/…` as the version and architecture that it stands for.
fn resolve_version(root: &Root, path: RelPath) -> Result<RelPath, Error> {
    let mut resolved: Option<RelPath> = None;
    for part in path.parts() {
        let next = match &resolved {
            Some(base) => crate::paths::path(format!("{base}/{part}")),
            None => crate::paths::path(part.to_owned()),
        };
        let target = match (part, next.parent()) {
            ("current" | "default", Some(parent)) => {
                root.read_link(&next)?.and_then(|target| parent.join(&target.parse().ok()?).ok())
            }
            _ => None,
        };
        resolved = Some(target.unwrap_or(next));
    }
    Ok(resolved.unwrap_or(path))
}

pub(super) fn verify(pkg: &Pkg, packages: &[PackageName], world: &mut World<'_>) -> Result<u8, Failure> {
    let root = open(pkg, world)?;
    let names = if packages.is_empty() { installed::names(&root)? } else { packages.to_vec() };
    let (mut damaged, mut reports) = (false, Vec::new());
    for name in names {
        let receipt = installed::required(&root, &name)?;
        let report = verify::verify(&pkg.root, &receipt, (world.threads)(), &Voice::new(&mut world.err))?;
        world.err.erase();
        damaged |= report.is_damaged();
        if !pkg.json {
            for finding in &report.findings {
                line(world, &format!("/{}: {}", finding.path, finding.what))?;
            }
        }
        reports.push((name, receipt.manifest.version, report));
    }
    if pkg.json {
        let packages = reports.iter().map(report).collect();
        json(world.out, &object(&mut [("packages", packages), ("damaged", damaged.into())]))?;
    } else {
        let checked: usize = reports.iter().map(|(_, _, report)| report.checked).sum();
        let state = if damaged { "damage was found" } else { "no damage" };
        let text = format!("{} packages, {checked} entries: {state}", reports.len());
        Voice::new(&mut world.err).info(&text);
    }
    Ok(if damaged { DIFFERS } else { 0 })
}

fn report((name, version, report): &(PackageName, medic_model::Version, verify::Report)) -> Value {
    let one = |finding: &verify::Finding| {
        object(&mut [
            ("path", shown(&finding.path)),
            ("finding", finding.what.word().into()),
            ("damage", finding.what.is_damage().into()),
            ("message", text(&finding.what)),
        ])
    };
    object(&mut [
        ("name", text(name)),
        ("version", text(version)),
        ("checked", report.checked.into()),
        ("findings", report.findings.iter().map(one).collect()),
    ])
}
