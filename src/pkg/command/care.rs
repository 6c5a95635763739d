//! The commands that look after what is installed: history, holds, settings, the doctor.

use super::args::{Pkg, Several};
use super::query::{line, open};
use super::sources::{said, turn};
use super::{Failure, World, json, object, path, text};
use crate::{doctor, history, holds, installed, settings};
use medic_model::PackageName;

/// The exit code when something is to be done: as that of `verify`.
const DIFFERS: u8 = 3;

pub(super) fn history(pkg: &Pkg, world: &mut World<'_>) -> Result<u8, Failure> {
    let entries = history::all(&open(pkg, world)?)?;
    if pkg.json {
        let value = serde_json::to_value(&entries)
            .map_err(|error| medic_model::DocumentError::whole("the history", error))?;
        return json(world.out, &value).map(|()| 0);
    }
    for entry in entries {
        for change in entry.changes {
            let change = crate::plan::Change {
                package: change.package,
                from: change.from,
                to: change.to,
                services: false,
            };
            line(world, &format!("{}  {change}", crate::certificate::date(entry.at)))?;
        }
    }
    Ok(0)
}

pub(super) fn hold(pkg: &Pkg, args: &Several, held: bool, world: &mut World<'_>) -> Result<u8, Failure> {
    let turn = turn(pkg, args.dry_run, world)?;
    for package in &args.packages {
        if held {
            holds::hold(&turn, package)?;
        } else {
            holds::unhold(&turn, package)?;
        }
        if !pkg.json {
            let state = if held { "held" } else { "held no longer" };
            said(args.dry_run, &format!("'{package}' is {state}"), world);
        }
    }
    if pkg.json {
        let word = if held { "held" } else { "released" };
        json(world.out, &object(&mut [(word, args.packages.iter().map(|name| text(name)).collect())]))?;
    }
    Ok(0)
}

pub(super) fn settings(pkg: &Pkg, packages: &[PackageName], world: &mut World<'_>) -> Result<u8, Failure> {
    let root = open(pkg, world)?;
    let names = if packages.is_empty() { installed::names(&root)? } else { packages.to_vec() };
    let mut all = Vec::new();
    for name in names {
        all.extend(settings::edited(&root, &installed::required(&root, &name)?)?);
    }
    if pkg.json {
        let one = |one: settings::Edited| {
            let fields = [
                ("path", path(&one.path)),
                ("default", path(&one.default)),
                ("difference", one.difference.into()),
            ];
            object(&mut { fields })
        };
        return json(world.out, &all.into_iter().map(one).collect()).map(|()| 0);
    }
    for one in all {
        match &one.difference {
            Some(difference) => line(world, difference.trim_end())?,
            None => line(world, &format!("/{} differs from /{}, or is not there", one.path, one.default))?,
        }
    }
    Ok(0)
}

pub(super) fn doctor(pkg: &Pkg, world: &mut World<'_>) -> Result<u8, Failure> {
    let complaints = doctor::examine(&open(pkg, world)?)?;
    if pkg.json {
        let one =
            |one: &doctor::Complaint| object(&mut [("path", path(&one.path)), ("text", text(&one.text))]);
        json(world.out, &complaints.iter().map(one).collect())?;
    } else {
        for one in &complaints {
            line(world, &format!("/{} {}", one.path, one.text))?;
        }
    }
    Ok(if complaints.is_empty() { 0 } else { DIFFERS })
}
