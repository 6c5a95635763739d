//! Whether the programs that a container is told to run are in the image at all: better said now than by a container that
//! ends at once.

use medic_model::image::{AbsPath, ImageDefinition};
use medic_model::manifest::Entry;
use medic_model::{Manifest, RelPath, layout};

use super::PlanError;

/// Looks for the entrypoint's and the health check's programs, where they are absolute paths that the definition's
/// links lead into a package.
pub(super) fn check(definition: &ImageDefinition, chosen: &[&Manifest]) -> Result<(), PlanError> {
    let health = definition.healthcheck.as_ref().and_then(|health| health.command.first());
    let programs =
        [(definition.entrypoint.first(), "the entrypoint"), (health, "the health check's program")];
    for (program, role) in programs {
        if let Some(program) = program {
            find(definition, chosen, program).map_err(|why| PlanError::Program {
                program: program.clone(),
                role,
                why,
            })?;
        }
    }
    Ok(())
}

fn find(definition: &ImageDefinition, chosen: &[&Manifest], program: &str) -> Result<(), String> {
    let Ok(at) = program.parse::<AbsPath>() else {
        return Err("it must be an absolute path".to_owned());
    };
    let at = at.below_root();
    // What is in /srv is made at boot.
    if at.as_str().starts_with("srv/") {
        return Ok(());
    }
    let link = definition.links.iter().find_map(|(from, link)| {
        let from = from.below_root();
        if at == from { Some((link, None)) } else { at.below(from).map(|below| (link, Some(below))) }
    });
    let Some((link, below)) = link else {
        return Err("no link of the definition leads there; add one to 'links'".to_owned());
    };
    let manifest = chosen.iter().find(|manifest| manifest.name == link.package);
    let path = match below {
        None => Ok(link.path.clone()),
        Some(below) => link.path.join(&below),
    };
    match (manifest, path) {
        (Some(manifest), Ok(path)) => is_program(manifest, &path),
        _ => Err(format!("the package '{}' does not have it", link.package)),
    }
}

fn is_program(manifest: &Manifest, path: &RelPath) -> Result<(), String> {
    let software = layout::software_tree(&manifest.name, &manifest.version, manifest.arch);
    let entry = software.join(path).ok().and_then(|path| {
        let found = manifest.entries.binary_search_by(|other| other.path().cmp(&path));
        found.ok().map(|index| &manifest.entries[index])
    });
    match entry {
        Some(Entry::File { mode, .. }) if mode & 0o111 == 0 => {
            Err(format!("'{path}' of the package '{}' is not executable", manifest.name))
        }
        Some(Entry::File { .. } | Entry::Link { .. }) => Ok(()),
        _ => Err(format!("the package '{}' has no program '{path}'", manifest.name)),
    }
}
