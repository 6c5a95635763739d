//! A package definition: what is installed. `packages/<package>/package.yaml`.
//!
//! Beside it: `scripts/` (becomes `/srv/scripts/<package>`: `env`, `install`, `remove`, `run/<service>`,
//! `setup/<step>`) and `settings/` (becomes `/srv/settings/<package>`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{DocumentError, from_yaml, unique_map};
use crate::service::Service;
use crate::{ComponentName, Dependency, Exception, PackageName, ServiceName, Version};

/// What is installed: the trees of components, scripts, settings, services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageDefinition {
    /// The package; the folder has the same name.
    pub name: PackageName,
    /// The package that this one stands in for: it is installed under that one's name, with that one's scripts and settings, and
    /// whatever is not said here is said there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant_of: Option<PackageName>,
    /// One line for people.
    pub summary: String,
    /// The components whose trees it holds; the first one gives the version.
    pub components: Vec<ComponentName>,
    /// In place of the first component's version.
    #[serde(default)]
    pub version: Option<Version>,
    /// Ours, for a change of the package that is not upstream's: 1 makes the version end in `-r1`.
    #[serde(default)]
    pub revision: u32,
    /// Packages that must be installed with it.
    #[serde(default)]
    pub depends: Vec<Dependency>,
    /// Packages that must not be installed beside it.
    #[serde(default)]
    pub conflicts: Vec<Dependency>,
    /// What it stands for beside itself: names that others may need, or must not be beside; with `=` and a version where needs name one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<Dependency>,
    /// The oldest version that can use the data which this one stores; none says that every version can. An older one is not put in
    /// this one's place unless an operator insists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_compatible_from: Option<Version>,
    /// Users that its services run as; an image that holds the package has them.
    #[serde(default)]
    pub users: Vec<User>,
    /// Its services, by the name of their `run` script.
    #[serde(default, deserialize_with = "unique_map")]
    pub services: BTreeMap<ServiceName, Service>,
    /// Paths of the components' trees that are left out: a path leaves out all that is below it.
    #[serde(default)]
    pub exclude: Vec<crate::RelPath>,
    /// Whether it is left out where all packages are meant, since not everybody can have its sources.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_demand: bool,
    /// What the checks find in the package and is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

/// A system user with a group of the same name and number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user's and its group's name.
    pub name: ServiceName,
    /// The user's and its group's number, 1 to 65533.
    pub id: u32,
}

impl PackageDefinition {
    /// Reads a definition and checks what its types alone cannot.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, DocumentError> {
        let package: Self = from_yaml(file, text)?;
        package.check().map_err(|message| DocumentError::whole(file, message))?;
        Ok(package)
    }

    fn check(&self) -> Result<(), String> {
        if self.components.is_empty() {
            return Err("'components' is empty: name at least one".to_owned());
        }
        crate::manifest::check_provides(&self.provides, &self.name)?;
        if let Some(user) = self.users.iter().find(|user| !(1..=65533).contains(&user.id)) {
            return Err(format!(
                "the user '{}' has the number {}: it must be from 1 to 65533",
                user.name, user.id
            ));
        }
        for (name, service) in &self.services {
            let own = |r: &&crate::service::ServiceRef| {
                r.package.as_ref().is_none_or(|package| package == self.installed_name())
            };
            if let Some(unknown) =
                service.after.iter().filter(own).find(|r| !self.services.contains_key(&r.service))
            {
                return Err(format!(
                    "the service '{name}' is to start after '{unknown}', which this package does not have"
                ));
            }
        }
        Ok(())
    }

    /// The name that it is installed under.
    pub fn installed_name(&self) -> &PackageName {
        self.variant_of.as_ref().unwrap_or(&self.name)
    }

    /// A variant with all that it leaves to the package that it stands in for. Of a list or a map, either all is said or nothing.
    ///
    /// # Errors
    /// That package is a variant itself, or is this one.
    #[must_use = "the variant itself is not changed"]
    pub fn completed_by(self, base: Self) -> Result<Self, String> {
        if base.variant_of.is_some() {
            return Err(format!(
                "'variant_of' names '{}', which is a variant itself: name the package that it stands in for",
                base.name
            ));
        }
        let whole = Self {
            depends: or(self.depends, base.depends, Vec::is_empty),
            conflicts: or(self.conflicts, base.conflicts, Vec::is_empty),
            provides: or(self.provides, base.provides, Vec::is_empty),
            data_compatible_from: self.data_compatible_from.or(base.data_compatible_from),
            users: or(self.users, base.users, Vec::is_empty),
            services: or(self.services, base.services, BTreeMap::is_empty),
            ..self
        };
        whole.check()?;
        Ok(whole)
    }

    /// The package's version, given its first component's.
    pub fn version(&self, first_component: &Version) -> Result<Version, crate::version::VersionError> {
        let upstream = self.version.as_ref().unwrap_or(first_component);
        if self.revision == 0 {
            Ok(upstream.clone())
        } else {
            format!("{upstream}-r{}", self.revision).parse()
        }
    }
}

/// `own`, unless nothing is in it.
fn or<T>(own: T, others: T, is_empty: impl Fn(&T) -> bool) -> T {
    if is_empty(&own) { others } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "name: shop\nsummary: x\ncomponents: [engine]\nusers: [{name: shop, id: 200}]\ndepends: [busybox]\n\
                        services: {web: {}, queue: {after: [web]}}\nexclude: [include]\n";

    fn read(text: &str) -> PackageDefinition {
        PackageDefinition::from_yaml("package.yaml", text).expect("valid")
    }

    #[test]
    fn a_variant_has_what_it_does_not_say_from_its_package() {
        let variant =
            read("name: shop-dev\nvariant_of: shop\nsummary: y\ncomponents: [other]\nversion: '2'\n");
        assert_eq!(variant.installed_name().as_str(), "shop");
        let whole = variant.completed_by(read(BASE)).expect("completed");
        assert_eq!((whole.name.as_str(), whole.installed_name().as_str()), ("shop-dev", "shop"));
        assert_eq!((whole.summary.as_str(), whole.components[0].as_str()), ("y", "other"));
        assert_eq!((whole.depends.len(), whole.users.len(), whole.services.len()), (1, 1, 2));
        // What is left out of one package's trees says nothing of another's.
        assert!(whole.exclude.is_empty());
    }

    #[test]
    fn what_a_variant_says_holds() {
        let text = "name: shop-dev\nvariant_of: shop\nsummary: y\ncomponents: [other]\ndepends: [dash]\nservices: {web: {}}\n";
        let whole = read(text).completed_by(read(BASE)).expect("completed");
        assert_eq!(whole.depends[0].name.as_str(), "dash");
        assert_eq!(whole.services.len(), 1);
    }

    #[test]
    fn a_variant_of_a_variant_is_refused() {
        let one = "name: shop-dev\nvariant_of: shop\nsummary: y\ncomponents: [other]\n";
        let error = read(one).completed_by(read(one)).expect_err("refused");
        assert!(error.contains("'shop-dev', which is a variant itself"), "{error}");
    }
}
