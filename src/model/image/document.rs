//! `images/<image>.yaml` as it is written: everything that another image may say in its place is optional.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AbsPath, Group, Healthcheck, Link, Mode, Port};
use crate::document::{DocumentError, from_yaml, unique_map};
use crate::package::User;
use crate::service::Signal;
use crate::{Arch, Dependency, ImageName, PackageName, Span};

/// What stands in `images/<image>.yaml`. docs/images.md says what each key means; [`super::extend`] makes a definition of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageDocument {
    /// The image; the file has the same name.
    pub name: ImageName,
    /// The image that this one extends: what is not said here is as it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<ImageName>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// More for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The package whose version is the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_of: Option<PackageName>,
    /// The packages, in the order of their layers, with the versions that will do.
    #[serde(default)]
    pub packages: Vec<Dependency>,
    /// Packages that share a layer, a list for each such layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<Vec<PackageName>>>,
    /// What the image may be built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platforms: Option<Vec<Arch>>,
    /// Links at the image's root.
    #[serde(default, deserialize_with = "unique_map")]
    pub links: BTreeMap<AbsPath, Link>,
    /// Empty folders.
    #[serde(default, deserialize_with = "unique_map")]
    pub directories: BTreeMap<AbsPath, Mode>,
    /// Users.
    #[serde(default)]
    pub users: Vec<User>,
    /// Groups.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Environment variables.
    #[serde(default, deserialize_with = "unique_map")]
    pub environment: BTreeMap<String, String>,
    /// Ports.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// Folders that outlive the container.
    #[serde(default)]
    pub volumes: Vec<AbsPath>,
    /// The program that is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// The signal that ends the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<Signal>,
    /// How long the container may take to end after that signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_grace: Option<Span>,
    /// How Docker finds out whether the container is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Further labels.
    #[serde(default, deserialize_with = "unique_map")]
    pub labels: BTreeMap<String, String>,
}

impl ImageDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// [`DocumentError`], with line and column.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, DocumentError> {
        from_yaml(file, text)
    }
}
