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
            let own = |r: &&crate::service::ServiceRef| r.package.as_ref().is_none_or(|p| *p == self.name);
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
