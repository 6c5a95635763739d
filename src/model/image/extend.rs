//! A document and those that it extends become one definition, field by field.
//!
//! What describes an image is said anew by the one that extends (`title`, `entrypoint`, a variable of `environment` …). Lists grow
//! (`packages`, `ports`, `volumes`). What stands at a place or has a number (`links`, `directories`, `users`, `groups`) must not be
//! contradicted.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::{Group, ImageDefinition, ImageDocument};
use crate::package::User;
use crate::service::Signal;
use crate::{Arch, PackageName, ServiceName, Span, VersionReq};

/// The shortest time to end that an image may give: the supervisor takes up to 8 seconds to end every service.
const LEAST_GRACE: Span = Span::from_secs(10);

/// Why documents make no definition, and which place says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Where the document stands in the chain.
    pub document: usize,
    /// The key below which the fault stands.
    pub key: &'static str,
    /// The word there.
    pub word: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Fault {
    fn new(document: usize, key: &'static str, word: impl Display, message: String) -> Self {
        Self { document, key, word: word.to_string(), message }
    }
}

/// Documents by their files, each with the one that it extends behind it.
type Chain = [(String, ImageDocument)];

/// The definition that the first of these documents makes with those behind it. Each extends the next; the last extends none.
///
/// # Errors
/// [`Fault`]: they contradict each other, something is missing, or a key is wrong.
pub fn extend(chain: &Chain) -> Result<ImageDefinition, Fault> {
    let (packages, versions) = packages(chain)?;
    let users = users(chain)?;
    let first = |get: fn(&ImageDocument) -> Option<String>| chain.iter().find_map(|(_, one)| get(one));
    let Some((_, own)) = chain.first() else { return Err(missing("name")) };
    let definition = ImageDefinition {
        name: own.name.clone(),
        title: first(|one| one.title.clone()).ok_or_else(|| missing("title"))?,
        description: first(|one| one.description.clone()),
        version_of: nearest(chain, |one| one.version_of.clone()).ok_or_else(|| missing("version_of"))?,
        packages,
        versions,
        layers: nearest(chain, |one| one.layers.clone()).unwrap_or_default(),
        platforms: platforms(chain)?,
        links: unite(chain, "links", "the link", |one| one.links.clone())?,
        directories: unite(chain, "directories", "the folder", |one| one.directories.clone())?,
        groups: groups(chain)?,
        users,
        environment: replaced(chain, |one| &one.environment),
        ports: grown(chain, |one| &one.ports),
        volumes: grown(chain, |one| &one.volumes),
        entrypoint: nearest(chain, |one| one.entrypoint.clone()).ok_or_else(|| missing("entrypoint"))?,
        command: nearest(chain, |one| one.command.clone()).unwrap_or_default(),
        stop_signal: nearest(chain, |one| one.stop_signal).unwrap_or(Signal::Term),
        stop_grace: nearest(chain, |one| one.stop_grace),
        healthcheck: nearest(chain, |one| one.healthcheck.clone()),
        labels: replaced(chain, |one| &one.labels),
    };
    check(&definition)?;
    Ok(definition)
}

fn missing(key: &'static str) -> Fault {
    Fault::new(
        0,
        "name",
        "name",
        format!("'{key}' is missing: say it here, or in the image that this one extends"),
    )
}

/// What the nearest document says that says anything.
fn nearest<T>(chain: &Chain, get: impl Fn(&ImageDocument) -> Option<T>) -> Option<T> {
    chain.iter().find_map(|(_, one)| get(one))
}

/// A map in which a nearer document's values stand in place of a farther one's.
fn replaced(chain: &Chain, get: fn(&ImageDocument) -> &BTreeMap<String, String>) -> BTreeMap<String, String> {
    chain.iter().rev().flat_map(|(_, one)| get(one).clone()).collect()
}

/// A list to which a nearer document adds; what stands in two of them is kept once.
fn grown<T: Clone + PartialEq>(chain: &Chain, get: fn(&ImageDocument) -> &Vec<T>) -> Vec<T> {
    let mut found: Vec<T> = Vec::new();
    for (_, one) in chain.iter().rev() {
        let before = found.clone();
        found.extend(get(one).iter().filter(|item| !before.contains(item)).cloned());
    }
    found
}

/// A map that documents fill together; two may say the same, and not different things.
fn unite<K: Ord + Display, V: PartialEq>(
    chain: &Chain,
    key: &'static str,
    what: &str,
    get: impl Fn(&ImageDocument) -> BTreeMap<K, V>,
) -> Result<BTreeMap<K, V>, Fault> {
    let mut found: BTreeMap<K, (V, usize)> = BTreeMap::new();
    for (index, (_, one)) in chain.iter().enumerate().rev() {
        for (name, value) in get(one) {
            match found.get(&name) {
                Some((other, at)) if *other != value => {
                    let message = format!(
                        "{what} '{name}' is another one in {}, which this image extends: take one of the two out",
                        chain[*at].0
                    );
                    return Err(Fault::new(index, key, name, message));
                }
                _ => drop(found.insert(name, (value, index))),
            }
        }
    }
    Ok(found.into_iter().map(|(name, (value, _))| (name, value)).collect())
}

type Packages = (Vec<PackageName>, BTreeMap<PackageName, VersionReq>);

fn packages(chain: &Chain) -> Result<Packages, Fault> {
    let mut names: Vec<PackageName> = Vec::new();
    // Each requirement with the document that it is of.
    let mut wanted: Vec<(PackageName, VersionReq, usize)> = Vec::new();
    for (index, (_, one)) in chain.iter().enumerate().rev() {
        for package in &one.packages {
            let (name, req) = (&package.name, &package.req);
            if wanted.iter().any(|(other, _, at)| other == name && *at == index) {
                let message = format!("'packages' names '{name}' twice: remove one");
                return Err(Fault::new(index, "packages", name, message));
            }
            let against = wanted.iter().find(|(other, theirs, _)| other == name && theirs.excludes(req));
            if let Some((_, theirs, at)) = against {
                let message = format!(
                    "no version of '{name}' is '{req}' and also '{theirs}', which {} wants and this image extends: \
                     change one of the two",
                    chain[*at].0
                );
                return Err(Fault::new(index, "packages", name, message));
            }
            if !names.contains(name) {
                names.push(name.clone());
            }
            wanted.push((name.clone(), req.clone(), index));
        }
    }
    let mut versions: BTreeMap<PackageName, VersionReq> = BTreeMap::new();
    for (name, req, _) in wanted.into_iter().filter(|(_, req, _)| *req != VersionReq::ANY) {
        let joint = versions.get(&name).map_or_else(|| req.clone(), |other| other.and(&req));
        versions.insert(name, joint);
    }
    Ok((names, versions))
}

/// Users by name with one number, and by number with one name.
fn users(chain: &Chain) -> Result<Vec<User>, Fault> {
    unite(chain, "users", "the user", |one| {
        one.users.iter().map(|user| (user.name.clone(), user.id)).collect()
    })?;
    unite(chain, "users", "the user with the number", |one| {
        one.users.iter().map(|user| (user.id, user.name.clone())).collect()
    })?;
    Ok(grown(chain, |one| &one.users))
}

fn groups(chain: &Chain) -> Result<Vec<Group>, Fault> {
    let by_name = |one: &ImageDocument| -> BTreeMap<ServiceName, u32> {
        one.groups.iter().map(|group| (group.name.clone(), group.id)).collect()
    };
    unite(chain, "groups", "the group", by_name)?;
    unite(chain, "groups", "the group with the number", |one| {
        one.groups.iter().map(|group| (group.id, group.name.clone())).collect()
    })?;
    let mut found: Vec<Group> = Vec::new();
    for group in chain.iter().rev().flat_map(|(_, one)| &one.groups) {
        match found.iter_mut().find(|other| other.name == group.name) {
            None => found.push(group.clone()),
            Some(other) => {
                let added = group.members.iter().filter(|member| !other.members.contains(member));
                let added: Vec<_> = added.cloned().collect();
                other.members.extend(added);
            }
        }
    }
    Ok(found)
}

/// An image may be for fewer platforms than the one that it extends, and not for others.
fn platforms(chain: &Chain) -> Result<Vec<Arch>, Fault> {
    let mut allowed = (Arch::ALL.to_vec(), None);
    for (index, (file, one)) in chain.iter().enumerate().rev() {
        let Some(own) = &one.platforms else { continue };
        if own.is_empty() {
            let message = "'platforms' is empty: name x64, arm64 or both, or leave it out".to_owned();
            return Err(Fault::new(index, "platforms", "platforms", message));
        }
        if let (Some(other), Some(base)) = (own.iter().find(|arch| !allowed.0.contains(arch)), &allowed.1) {
            let message = format!(
                "the image is to be for {other}, and {base}, which it extends, is not: add it there, or take it out here"
            );
            return Err(Fault::new(index, "platforms", other, message));
        }
        let mut own = own.clone();
        own.sort_unstable();
        own.dedup();
        allowed = (own, Some(file.clone()));
    }
    Ok(allowed.0)
}

/// What the types alone cannot hold.
fn check(image: &ImageDefinition) -> Result<(), Fault> {
    let fault = |key, word: &str, message| Err(Fault::new(0, key, word, message));
    let held = |package: &PackageName| image.packages.contains(package);
    if !held(&image.version_of) {
        let message = format!("'version_of' names '{}', which 'packages' does not hold", image.version_of);
        return fault("version_of", image.version_of.as_str(), message);
    }
    if let Some((at, link)) = image.links.iter().find(|(_, link)| !held(&link.package)) {
        let message =
            format!("the link '{at}' leads into '{}', which 'packages' does not hold", link.package);
        return fault("links", &at.to_string(), message);
    }
    if image.entrypoint.is_empty() {
        let message = "'entrypoint' is empty: name the program that is started".to_owned();
        return fault("entrypoint", "entrypoint", message);
    }
    if let Some(grace) = image.stop_grace.filter(|grace| *grace < LEAST_GRACE) {
        let message = format!(
            "'stop_grace' is {grace}: the supervisor takes up to 8 s to end every service, so give {LEAST_GRACE} or more"
        );
        return fault("stop_grace", &grace.to_string(), message);
    }
    let mut seen = std::collections::BTreeSet::new();
    for package in image.layers.iter().flatten() {
        if !held(package) {
            let message = format!("'layers' names '{package}', which 'packages' does not hold");
            return fault("layers", package.as_str(), message);
        }
        if !seen.insert(package) {
            let message = format!("'layers' names '{package}' twice: a package is in one layer");
            return fault("layers", package.as_str(), message);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
