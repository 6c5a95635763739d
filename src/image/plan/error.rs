//! What keeps an image from being planned.

use medic_model::{Arch, Dependency, ImageName, PackageName, RelPath, Version, VersionReq};

/// What keeps an image from being planned. Each names both sides of what collides and says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The definition names a package that was not given.
    #[error(
        "the image '{image}' holds the package '{package}', but no archive of it was given: build the package first"
    )]
    Missing {
        /// The image.
        image: ImageName,
        /// The package.
        package: PackageName,
    },
    /// An archive was given that the definition does not name.
    #[error(
        "an archive of the package '{package}' was given, which the image '{image}' does not hold: add it to 'packages' or leave it out"
    )]
    Superfluous {
        /// The image.
        image: ImageName,
        /// The package.
        package: PackageName,
    },
    /// Two archives of one package.
    #[error(
        "two archives of the package '{package}' were given, of the versions {first} and {second}: an image holds one"
    )]
    Twice {
        /// The package.
        package: PackageName,
        /// The version of one.
        first: Version,
        /// The version of the other.
        second: Version,
    },
    /// A package for another processor.
    #[error(
        "the package '{package}' is for {found}, and the image for {wanted}: build the package for {wanted}"
    )]
    Arch {
        /// The package.
        package: PackageName,
        /// What it is for.
        found: Arch,
        /// What the image is for.
        wanted: Arch,
    },
    /// The image is for other processors only.
    #[error(
        "the image '{image}' is not for {arch}: 'platforms' names {platforms}; add {arch} there, or build for another with --arch"
    )]
    Platform {
        /// The image.
        image: ImageName,
        /// What it was to be for.
        arch: Arch,
        /// What it is for, in words.
        platforms: String,
    },
    /// A package has a version that the image does not want.
    #[error(
        "the image '{image}' wants '{package}' in a version {wanted}, and the package is {found}: change 'packages' of the image, or the package"
    )]
    Version {
        /// The image.
        image: ImageName,
        /// The package.
        package: PackageName,
        /// Its version.
        found: Version,
        /// Those that will do.
        wanted: VersionReq,
    },
    /// A package needs another, or another version.
    #[error(
        "the package '{package}' depends on '{dependency}', and the image has {found}: change 'packages' of the image, or the package"
    )]
    Dependency {
        /// The package.
        package: PackageName,
        /// What it needs.
        dependency: Dependency,
        /// What the image has, in words.
        found: String,
    },
    /// Two packages do not go together.
    #[error(
        "the package '{package}' conflicts with '{conflict}', and the image holds '{other}' {version}: take one of them out"
    )]
    Conflict {
        /// The package.
        package: PackageName,
        /// What it does not go together with.
        conflict: Dependency,
        /// The other package.
        other: PackageName,
        /// Its version.
        version: Version,
    },
    /// Two users share a number, or a name.
    #[error(
        "{first} and {second} collide: a user's name and number must each be given once; change one of them"
    )]
    Users {
        /// One user and who declares it, in words.
        first: String,
        /// The other.
        second: String,
    },
    /// A user's number is out of range.
    #[error("{user} is out of range: numbers are from 1 to 65533")]
    UserId {
        /// The user and who declares it, in words.
        user: String,
    },
    /// A group is to have a member who does not exist.
    #[error(
        "the group '{group}' is to have the member '{user}', and neither a package nor the image declares that user: add it to 'users', or take it out"
    )]
    UnknownMember {
        /// The group.
        group: String,
        /// The user.
        user: String,
    },
    /// A service is to run as somebody who does not exist.
    #[error(
        "the service '{service}' of the package '{package}' runs as '{user}', and neither a package nor the image declares that user: add it to 'users'"
    )]
    UnknownUser {
        /// The package.
        package: PackageName,
        /// Its service.
        service: String,
        /// The user or group.
        user: String,
    },
    /// Two things want one path.
    #[error("{first} and {second} want the same place: change one of them in the image's definition")]
    Place {
        /// One, in words.
        first: String,
        /// The other.
        second: String,
    },
    /// A path where the definition may put nothing.
    #[error("{what} cannot be there: {why}")]
    Forbidden {
        /// What was to be there, in words.
        what: String,
        /// Why it cannot.
        why: &'static str,
    },
    /// A link of the definition leads to nothing.
    #[error(
        "the link '/{at}' leads to '{path}' of the package '{package}', which has no such file: correct 'links' of the image, or build the package with it"
    )]
    Dangling {
        /// The link.
        at: RelPath,
        /// The package.
        package: PackageName,
        /// The path in its software tree.
        path: RelPath,
    },
    /// A link of a package that cannot be right both in `/srv` and in the image.
    #[error(
        "the link '{path}' of the package '{package}' leads from one of its trees into another ('{target}'): an image keeps software outside /srv, where the link would lead nowhere; make it in the package's 'install' script"
    )]
    CrossLink {
        /// The package.
        package: PackageName,
        /// The link.
        path: RelPath,
        /// What it says.
        target: String,
    },
    /// A program that the container is to run is not in the image.
    #[error("'{program}', {role}, is not in the image: {why}")]
    Program {
        /// The program.
        program: String,
        /// What it is for, in words.
        role: &'static str,
        /// What was looked for.
        why: String,
    },
    /// The image's name is none that registries and daemons take.
    #[error(
        "the image's name '{0}' cannot be used in a registry: letters and digits with single '.', '_' or '-' between them, such as nginx or medic-core"
    )]
    Name(ImageName),
    /// A label that the builder itself sets.
    #[error("the label '{0}' is set by the builder: remove it from 'labels' of the image")]
    Label(String),
    /// An environment variable that no program can be given.
    #[error("'{0}' is no name of an environment variable: it is empty or has '=' in it")]
    Environment(String),
    /// A path grew too long.
    #[error("the package '{package}' cannot be bundled: {why}")]
    Path {
        /// The package.
        package: PackageName,
        /// Why.
        why: String,
    },
}
