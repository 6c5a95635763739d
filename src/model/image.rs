//! An image definition: what is shipped. `images/<image>.yaml`.

mod document;
mod extend;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::document::DocumentError;
use crate::package::User;
use crate::service::Signal;
use crate::text::text_serde;
use crate::{Arch, ImageName, PackageName, RelPath, ServiceName, Span, VersionReq};

pub use document::ImageDocument;
pub use extend::{Fault, extend};

/// What is shipped: packages, the links that tie them into a system, and the container's configuration. It is what an
/// [`ImageDocument`] and those that it extends say together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageDefinition {
    /// The image; the file has the same name.
    pub name: ImageName,
    /// One line for people (`org.opencontainers.image.title`).
    pub title: String,
    /// More for people (`org.opencontainers.image.description`).
    pub description: Option<String>,
    /// The package whose version is the image's.
    pub version_of: PackageName,
    /// The packages, in the order of their layers.
    pub packages: Vec<PackageName>,
    /// The versions that will do, for those packages where not every one does.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<PackageName, VersionReq>,
    /// Packages that share a layer, a list for each such layer; every other package has a layer of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Vec<PackageName>>,
    /// What the image may be built for.
    pub platforms: Vec<Arch>,
    /// Links at the image's root: from an absolute path to a path in a package's tree.
    pub links: BTreeMap<AbsPath, Link>,
    /// Empty folders, by their permission bits in octal.
    pub directories: BTreeMap<AbsPath, Mode>,
    /// Users beside `root`, `nobody` and those of the packages.
    pub users: Vec<User>,
    /// Groups beside those that users have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Ports that the services listen on.
    pub ports: Vec<Port>,
    /// Folders that outlive the container.
    pub volumes: Vec<AbsPath>,
    /// The program that is started.
    pub entrypoint: Vec<String>,
    /// Its arguments, unless others are given.
    pub command: Vec<String>,
    /// The signal that ends the container.
    pub stop_signal: Signal,
    /// How long the container may take to end after that signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_grace: Option<Span>,
    /// How Docker finds out whether the container is well.
    pub healthcheck: Option<Healthcheck>,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
}

/// A group beside those that users have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The group's name.
    pub name: ServiceName,
    /// The group's number, 1 to 65533.
    pub id: u32,
    /// Users of the image or of its packages that are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<ServiceName>,
}

/// Where a link of the image's root leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The package.
    pub package: PackageName,
    /// The path in its software tree.
    pub path: RelPath,
}

/// Docker's own health check (not part of the OCI specification).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Healthcheck {
    /// The command; well when it ends with 0.
    pub command: Vec<String>,
    /// From one check to the next.
    pub interval: Span,
    /// How long one may take.
    pub timeout: Span,
    /// How long failures do not count after the start.
    #[serde(default)]
    pub start_period: Option<Span>,
    /// So many failures in a row make it unhealthy.
    pub retries: u32,
}

/// An absolute path inside an image: a slash before a [`RelPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsPath(RelPath);

/// Why a text is not an absolute path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an absolute path of plain parts, such as /srv/storage")]
pub struct AbsPathError(String);

impl AbsPath {
    /// The path below the root.
    pub fn below_root(&self) -> &RelPath {
        &self.0
    }
}

impl FromStr for AbsPath {
    type Err = AbsPathError;
    fn from_str(text: &str) -> Result<Self, AbsPathError> {
        let error = || AbsPathError(text.to_owned());
        text.strip_prefix('/').ok_or_else(error)?.parse().map(Self).map_err(|_| error())
    }
}

impl fmt::Display for AbsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

text_serde!(AbsPath, "an absolute path");

/// Permission bits, written in octal in quotes: `"0755"`, `"1777"`. No set-uid or set-gid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(pub u32);

/// Why a text is not a mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a mode: write octal digits in quotes, such as \"0755\", without set-uid and set-gid")]
pub struct ModeError(String);

impl FromStr for Mode {
    type Err = ModeError;
    fn from_str(text: &str) -> Result<Self, ModeError> {
        let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o1777 && text.len() == 4);
        bits.map(Self).ok_or_else(|| ModeError(text.to_owned()))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

text_serde!(Mode, "a mode in octal, in quotes, such as \"0755\"");

/// A port with its protocol: `443/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// 1 to 65535.
    pub number: u16,
    /// Whether it is UDP; else TCP.
    pub udp: bool,
}

/// Why a text is not a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a port: write a number and protocol, such as 443/tcp")]
pub struct PortError(String);

impl FromStr for Port {
    type Err = PortError;
    fn from_str(text: &str) -> Result<Self, PortError> {
        let error = || PortError(text.to_owned());
        let (number, protocol) = text.split_once('/').ok_or_else(error)?;
        let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(error)?;
        match protocol {
            "tcp" => Ok(Self { number, udp: false }),
            "udp" => Ok(Self { number, udp: true }),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, if self.udp { "udp" } else { "tcp" })
    }
}

text_serde!(Port, "a port such as 443/tcp");

impl ImageDefinition {
    /// The same image, with each package under another name.
    ///
    /// # Errors
    /// That of `name`.
    pub fn renamed<E>(self, name: impl Fn(&PackageName) -> Result<PackageName, E>) -> Result<Self, E> {
        let all = |names: Vec<PackageName>| names.iter().map(&name).collect::<Result<Vec<_>, E>>();
        let link = |(path, link): (AbsPath, Link)| Ok((path, Link { package: name(&link.package)?, ..link }));
        let wanted = |(package, wanted): (PackageName, VersionReq)| Ok((name(&package)?, wanted));
        Ok(Self {
            version_of: name(&self.version_of)?,
            packages: all(self.packages)?,
            versions: self.versions.into_iter().map(wanted).collect::<Result<_, E>>()?,
            layers: self.layers.into_iter().map(all).collect::<Result<_, E>>()?,
            links: self.links.into_iter().map(link).collect::<Result<_, E>>()?,
            ..self
        })
    }

    /// Reads a document that extends no other.
    ///
    /// # Errors
    /// [`DocumentError`]: what is in it is wrong, or it extends another.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, DocumentError> {
        let document = ImageDocument::from_yaml(file, text)?;
        if let Some(other) = &document.extends {
            let message = format!("'extends' names '{other}', which is not at hand here");
            return Err(DocumentError::whole(file, message));
        }
        let chain = [(file.to_owned(), document)];
        extend(&chain).map_err(|fault| DocumentError::whole(file, fault.message))
    }
}
