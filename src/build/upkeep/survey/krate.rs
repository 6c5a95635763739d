//! Versions of a crate. Cargo has no command that tells them; but it brings its own copy of the registry's index up to date when it
//! locks a project that depends on the crate, and that copy is read.

use std::path::Path;
use std::time::SystemTime;

use fs_err as fs;
use medic_model::Version;
use medic_model::recipe::{Location, RegistryPackage};
use serde::Deserialize;

use super::super::carry::Spelling;
use super::{Offer, Survey, day, is_semver_pre_release};
use crate::fetch::Reason;
use crate::fetch::ask::Asker;

/// A line of the index (The Cargo Book, "Registry Index").
#[derive(Debug, Deserialize)]
struct Line {
    name: String,
    vers: String,
    #[serde(default)]
    yanked: bool,
    #[serde(default)]
    pubtime: Option<String>,
}

pub(super) fn survey(
    asker: &Asker<'_>,
    package: &RegistryPackage,
    version: &Version,
) -> Result<Survey, Reason> {
    let home = asker.access().cargo_home.clone();
    let home = home.ok_or(Reason::NotConfigured("the place of Cargo's home folder is not known"))?;
    if package.name.is_empty()
        || !package.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        return Err(Reason::Address(package.name.clone()));
    }
    lock(asker, package, &home)?;
    let file = cached(&home, &package.name).ok_or_else(|| {
        Reason::Broken("Cargo keeps no index of single crates (a registry by git?): look by hand".to_owned())
    })?;
    Ok(read(&fs::read(file).map_err(Reason::File)?, package, version))
}

fn lock(asker: &Asker<'_>, package: &RegistryPackage, home: &Path) -> Result<(), Reason> {
    let scratch = asker.scratch().map_err(|error| Reason::Broken(error.to_string()))?;
    let manifest = scratch.path().join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"look\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
         [dependencies]\nwanted = {{ package = \"{}\", version = \"*\" }}\n",
        package.name
    );
    let written = fs::write(&manifest, text).and_then(|()| fs::write(scratch.path().join("lib.rs"), ""));
    written.map_err(Reason::File)?;
    let args = vec!["generate-lockfile".into(), "--quiet".into(), "--manifest-path".into(), manifest.into()];
    let env = vec![("CARGO_HOME", home.into())];
    asker.run(&asker.access().programs.cargo, args, env, scratch.path()).map(drop)
}

/// `<home>/registry/index/<registry>/.cache/<ab/cd>/<name>`, the one that was written last.
fn cached(home: &Path, name: &str) -> Option<std::path::PathBuf> {
    let name = name.to_ascii_lowercase();
    let folder = match name.len() {
        1 => "1".to_owned(),
        2 => "2".to_owned(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    };
    let registries = fs::read_dir(home.join("registry/index")).ok()?;
    let files = registries.flatten().map(|registry| registry.path().join(".cache").join(&folder).join(&name));
    let written = |path: &std::path::PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    files.filter(|path| path.is_file()).max_by_key(|path| written(path).unwrap_or(SystemTime::UNIX_EPOCH))
}

/// The lines of an index that are kept with something before and between them: each is found as a JSON text that starts with a
/// brace and is of this crate.
fn read(kept: &[u8], package: &RegistryPackage, version: &Version) -> Survey {
    let mut lines = Vec::new();
    for part in kept.split(|byte| *byte == 0 || *byte == b'\n').filter(|part| part.starts_with(b"{")) {
        if let Ok(line) = serde_json::from_slice::<Line>(part)
            && line.name.eq_ignore_ascii_case(&package.name)
        {
            lines.push(line);
        }
    }
    let spelling = Spelling::of(&package.version, version.as_str());
    let offer = |line: &Line| {
        let moved = RegistryPackage { name: package.name.clone(), version: line.vers.clone() };
        Some(Offer {
            version: spelling?.read(&line.vers)?,
            location: Location::Crate(moved),
            released: line.pubtime.as_deref().and_then(day),
            pre_release: is_semver_pre_release(&line.vers),
        })
    };
    Survey {
        offers: lines.iter().filter(|line| !line.yanked).filter_map(offer).collect(),
        gone: Some(!lines.iter().any(|line| line.vers == package.version)),
        place: format!("crate registry: {}", package.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_cargo_keeps_is_read() {
        let kept = b"\x03\x02\0\0\0etag: x\x001.28.4+1.28.2\0{\"name\":\"nginx-src\",\"vers\":\"1.28.4+1.28.2\",\"deps\":[],\"pubtime\":\"2026-02-04T01:00:00Z\"}\x001.28.5+1.28.3\0{\"name\":\"nginx-src\",\"vers\":\"1.28.5+1.28.3\"}\0x\0{\"name\":\"nginx-src\",\"vers\":\"1.29.0+1.29.0\",\"yanked\":true}\0y\0{\"name\":\"other\",\"vers\":\"9.0.0+9.0.0\"}\0{broken\0";
        let package = RegistryPackage { name: "nginx-src".to_owned(), version: "1.28.4+1.28.2".to_owned() };
        let survey = read(kept, &package, &"1.28.2".parse().expect("a version"));
        let versions: Vec<_> = survey.offers.iter().map(|offer| offer.version.to_string()).collect();
        assert_eq!(versions, ["1.28.2", "1.28.3"], "neither yanked ones nor other crates");
        assert_eq!(survey.offers[0].released.map(|day| day.to_string()).as_deref(), Some("2026-02-04"));
        assert_eq!(survey.gone, Some(false));
    }
}
