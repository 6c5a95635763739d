//! The commands about repositories and keys.

use std::path::Path;

use medic_model::{Arch, ByteSize, PackageName, Version};
use medic_repository::Listed;

use super::args::{Key, Pkg, Repo};
use super::change::wait;
use super::query::{line, open};
use super::{Failure, Voice, World, json, object, text};
use crate::error::Error;
use crate::installed;
use crate::repositories::{self, Configured, Opened};
use crate::root::Root;
use crate::transaction::{Session, Turn};

/// The most bytes of a file that may be a key.
const KEY_LIMIT: u64 = 4096;

/// The turn to change what is remembered; with `--dry-run` only to look.
pub(super) fn turn(pkg: &Pkg, dry_run: bool, world: &mut World<'_>) -> Result<Turn, Failure> {
    if dry_run {
        return Ok(Turn::Look(Root::open(&pkg.root)?));
    }
    let voice = Voice::new(&mut world.err);
    Ok(Turn::Change(Session::begin(&pkg.root, &format!("PID {}", world.pid), wait(pkg), &voice)?))
}

/// Tells what was done, or would be.
pub(super) fn said(dry_run: bool, text: &str, world: &mut World<'_>) {
    let voice = Voice::new(&mut world.err);
    if dry_run {
        voice.info(&format!("Nothing is written; else: {text}"));
    } else {
        voice.success(text);
    }
}

/// The end of a change that concerns one thing.
fn done(
    pkg: &Pkg,
    dry_run: bool,
    (word, name): (&str, &str),
    what: &str,
    world: &mut World<'_>,
) -> Result<u8, Failure> {
    if pkg.json {
        return json(world.out, &object(&mut [(word, text(&name))])).map(|()| 0);
    }
    said(dry_run, what, world);
    Ok(0)
}

pub(super) fn repo(pkg: &Pkg, repo: &Repo, world: &mut World<'_>) -> Result<u8, Failure> {
    match repo {
        Repo::Add { name, location, dry_run } => {
            let turn = turn(pkg, *dry_run, world)?;
            let configured = Configured { name: name.clone(), location: location.clone() };
            let opened = repositories::add(&turn, &configured, world.now, &world.network)?;
            tell(pkg, std::slice::from_ref(&opened), world)
        }
        Repo::Remove { name, dry_run } => {
            repositories::remove(&turn(pkg, *dry_run, world)?, name)?;
            let text = format!("Repository '{name}' is removed");
            done(pkg, *dry_run, ("removed", name.as_str()), &text, world)
        }
        Repo::List => {
            let all = repositories::all(&open(pkg, world)?)?;
            if pkg.json {
                let one = |one: &Configured| {
                    object(&mut [("name", text(&one.name)), ("location", text(&one.location))])
                };
                return json(world.out, &all.iter().map(one).collect()).map(|()| 0);
            }
            for one in all {
                line(world, &format!("{}  {}", one.name, one.location))?;
            }
            Ok(0)
        }
    }
}

pub(super) fn update(pkg: &Pkg, dry_run: bool, world: &mut World<'_>) -> Result<u8, Failure> {
    let turn = turn(pkg, dry_run, world)?;
    let opened = repositories::open_all(turn.root(), world.now, &world.network, &Voice::new(&mut world.err))?;
    if let Turn::Change(session) = &turn {
        repositories::remember(session, &opened)?;
    }
    tell(pkg, &opened, world)
}

fn tell(pkg: &Pkg, opened: &[Opened], world: &mut World<'_>) -> Result<u8, Failure> {
    if pkg.json {
        let one = |one: &Opened| {
            let index = one.repository.index();
            object(&mut [
                ("name", text(&one.name)),
                ("repository", text(&index.name)),
                ("index", index.version.into()),
                ("expires_at", index.expires_at.into()),
                ("packages", index.packages.len().into()),
            ])
        };
        return json(world.out, &opened.iter().map(one).collect()).map(|()| 0);
    }
    for one in opened {
        let index = one.repository.index();
        let text = format!("{}: index {}, {} packages", one.name, index.version, index.packages.len());
        line(world, &text)?;
    }
    Ok(0)
}

pub(super) fn key(pkg: &Pkg, key: &Key, world: &mut World<'_>) -> Result<u8, Failure> {
    match key {
        Key::Add { key, dry_run } => {
            let text = key_text(key)?;
            let number = repositories::add_key(&turn(pkg, *dry_run, world)?, &text)?.to_string();
            let text = format!("Key {number} is trusted");
            done(pkg, *dry_run, ("added", &number), &text, world)
        }
        Key::Remove { number, dry_run } => {
            repositories::remove_key(&turn(pkg, *dry_run, world)?, number)?;
            let text = format!("Key {number} is trusted no longer");
            done(pkg, *dry_run, ("removed", number), &text, world)
        }
        Key::List => {
            let keys = repositories::keys(&open(pkg, world)?)?;
            if pkg.json {
                return json(world.out, &keys.iter().map(|key| text(&key.id())).collect()).map(|()| 0);
            }
            for key in keys {
                line(world, &key.id().to_string())?;
            }
            Ok(0)
        }
    }
}

fn key_text(key: &str) -> Result<String, Error> {
    let path = Path::new(key);
    if key.starts_with("RW") && !path.exists() {
        return Ok(key.to_owned());
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default();
    let text = medic_sys::files::Folder::open(folder).and_then(|folder| folder.read(name, KEY_LIMIT));
    match text {
        Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Err(error) if error.is_absent() => {
            let why = "there is no such file, and a key starts with 'RW'".to_owned();
            Err(Error::NoCandidate { text: key.to_owned(), why })
        }
        Err(error) => Err(error.into()),
    }
}

fn matches(listed: &Listed, word: &str) -> bool {
    let word = word.to_lowercase();
    listed.name.as_str().contains(&word) || listed.summary.to_lowercase().contains(&word)
}

/// The highest version of each package that the repositories have for this machine.
fn highest(opened: &[Opened]) -> Vec<(&Opened, &Listed)> {
    let mut highest: std::collections::BTreeMap<_, (&Opened, &Listed)> = std::collections::BTreeMap::new();
    for one in opened {
        for listed in one.repository.index().packages.iter().filter(|l| Some(l.arch) == Arch::host()) {
            let best = highest.entry(&listed.name).or_insert((one, listed));
            if best.1.version < listed.version {
                *best = (one, listed);
            }
        }
    }
    highest.into_values().collect()
}

pub(super) fn available(pkg: &Pkg, word: &str, world: &mut World<'_>) -> Result<u8, Failure> {
    let root = open(pkg, world)?;
    let opened = repositories::open_all(&root, world.now, &world.network, &Voice::new(&mut world.err))?;
    let found: Vec<_> = highest(&opened).into_iter().filter(|(_, listed)| matches(listed, word)).collect();
    if pkg.json {
        let one = |(one, l): &(&Opened, &Listed)| {
            object(&mut [
                ("name", text(&l.name)),
                ("version", text(&l.version)),
                ("arch", text(&l.arch)),
                ("summary", text(&l.summary)),
                ("size", l.size.into()),
                ("installed_size", l.installed_size.into()),
                ("repository", text(&one.name)),
            ])
        };
        return json(world.out, &found.iter().map(one).collect()).map(|()| 0);
    }
    let width = |text: fn(&Listed) -> usize| found.iter().map(|(_, l)| text(l)).max().unwrap_or(0);
    let (name, version) = (width(|l| l.name.as_str().len()), width(|l| l.version.as_str().len()));
    for (_, l) in &found {
        let size = ByteSize(l.size).to_string();
        line(world, &format!("{:name$}  {:version$}  {size:>9}  {}", l.name, l.version, l.summary))?;
    }
    Ok(0)
}

pub(super) fn outdated(pkg: &Pkg, world: &mut World<'_>) -> Result<u8, Failure> {
    let root = open(pkg, world)?;
    let opened = repositories::open_all(&root, world.now, &world.network, &Voice::new(&mut world.err))?;
    let installed = installed::briefs(&root)?;
    let newer = |brief: &installed::Brief| {
        let listed = highest(&opened).into_iter().map(|(_, l)| l).find(|l| l.name == brief.name)?;
        (listed.version > brief.version)
            .then(|| (brief.name.clone(), brief.version.clone(), listed.version.clone()))
    };
    let found: Vec<_> = installed.iter().filter_map(newer).collect();
    if pkg.json {
        let one = |(name, from, to): &(PackageName, Version, Version)| {
            object(&mut [("name", text(name)), ("version", text(from)), ("available", text(to))])
        };
        return json(world.out, &found.iter().map(one).collect()).map(|()| 0);
    }
    for (name, from, to) in found {
        line(world, &format!("{name}  {from} -> {to}"))?;
    }
    Ok(0)
}
