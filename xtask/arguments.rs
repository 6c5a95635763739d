//! The command line: what may be typed, and the help that answers. No logic.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use medic_model::{Arch, ByteSize, ComponentName, ImageName, PackageName};

use crate::commands::graph::Graph;
use crate::commands::log::Log;
use medic_build::sandbox::RunnerKind;

/// Builds Medic OS: from recipes to packages to container images.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100, after_help = crate::environment::HELP)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build an image: fetch, compile, pack, assemble, and load it into Docker
    #[command(after_help = BUILD_IMAGE_EXAMPLES)]
    BuildImage(BuildImage),
    /// List images: version, platforms, packages, and the size of those that were built
    #[command(after_help = crate::commands::images::EXAMPLES)]
    Images(crate::commands::images::Images),
    /// Show what is in an image: layers, packages, files, and how its container is started
    #[command(after_help = crate::commands::inspect::EXAMPLES)]
    Inspect(crate::commands::inspect::Inspect),
    /// Show what changed between two builds or tags of an image, by package and file
    #[command(after_help = crate::commands::diff::EXAMPLES)]
    Diff(crate::commands::diff::Diff),
    /// Show where the bytes of an image are: as a table, or as a page for a browser
    #[command(after_help = crate::commands::size::EXAMPLES)]
    Size(crate::commands::size::Size),
    /// Write down of which packages images are made, by version and digest
    #[command(after_help = crate::commands::lock::EXAMPLES)]
    Lock(crate::commands::lock::Lock),
    /// Build packages, as archives that `pkg install` takes
    BuildPackage(BuildPackage),
    /// Build components and all that they need, and show where their files are
    #[command(after_help = crate::commands::build::EXAMPLES)]
    Build(crate::commands::build::Build),
    /// Write a first recipe for something that has none
    #[command(after_help = crate::commands::new::EXAMPLES)]
    New(crate::commands::new::New),
    /// Look for newer versions of components, and of the compiler
    #[command(after_help = crate::commands::outdated::EXAMPLES)]
    Outdated(crate::commands::outdated::Outdated),
    /// Change a recipe to another version: fetch its sources, rewrite version and digests in place
    #[command(after_help = crate::commands::bump::EXAMPLES)]
    Bump(crate::commands::bump::Bump),
    /// Fetch the sources of components, and of all that they need, into the store
    Fetch(Fetch),
    /// Copy sources to a folder that serves as a mirror on a machine without a network
    #[command(after_help = VENDOR_EXAMPLES)]
    Vendor(Vendor),
    /// Say what the next build would build again, and which input is not what it was
    #[command(after_help = WHY_REBUILD_EXAMPLES)]
    WhyRebuild(WhyRebuild),
    /// Print what is in a package or an image (SPDX), or where it comes from (SLSA provenance)
    #[command(after_help = crate::commands::sbom::EXAMPLES)]
    Sbom(crate::commands::sbom::Sbom),
    /// Show what a component's build steps wrote
    #[command(after_help = crate::commands::log::EXAMPLES)]
    Log(Log),
    /// Show which component needs which, what takes longest, and how the last build went
    #[command(after_help = crate::commands::graph::EXAMPLES)]
    Graph(Graph),
    /// Look at recipes, packages and images without building; explain checks
    #[command(after_help = crate::commands::lint::EXAMPLES)]
    Lint(crate::commands::lint::Lint),
    /// Build something twice under different conditions, and name every difference
    #[command(after_help = crate::commands::reproduce::EXAMPLES)]
    Reproduce(crate::commands::reproduce::Reproduce),
    /// Compare packages with the digests that packages/golden.yaml keeps of them, or record these anew
    #[command(after_help = crate::commands::golden::EXAMPLES)]
    Golden(crate::commands::golden::Golden),
    /// Start an image, building it first if need be; follow its log; stop it on Ctrl-C
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Open a shell in the sandbox, at the step that failed in the last build or before another
    #[command(after_help = crate::commands::shell::EXAMPLES)]
    Shell(crate::commands::shell::Shell),
    /// Measure the builder, the supervisor and pkg beside the programs that one would use in their place
    #[command(after_help = crate::commands::bench::EXAMPLES)]
    Bench(crate::commands::bench::Bench),
    /// The store, where everything fetched and built is kept
    #[command(subcommand)]
    Store(Store),
    /// Make room in the store, without anything that a current image needs
    #[command(after_help = crate::commands::gc::EXAMPLES)]
    Gc(crate::commands::gc::Gc),
    /// A cache of results, which other builders take instead of building
    #[command(subcommand, after_help = crate::commands::cache::EXAMPLES)]
    Cache(crate::commands::cache::Cache),
    /// Build an image for one or more architectures, and push it to a repository in a registry
    #[command(after_help = crate::commands::publish::EXAMPLES)]
    Publish(Box<crate::commands::publish::Publish>),
    /// Look at an image in a registry: every byte, who signed it, its SBOM and provenance; build it again and compare
    #[command(after_help = crate::commands::verify::EXAMPLES)]
    Verify(Box<crate::commands::verify::Verify>),
    /// Make a key that signs images: FILE, and FILE.pub for those who pull them; cosign reads and writes the same form
    #[command(after_help = crate::commands::image_key::EXAMPLES)]
    ImageKey(crate::commands::image_key::ImageKey),
    /// A package repository, which `pkg` installs from: in a folder or an OCI registry
    #[command(subcommand, after_help = crate::commands::repo::EXAMPLES)]
    Repo(crate::commands::repo::Repo),
    /// Carry connections into a sandbox: a part of `run`
    #[command(name = FORWARD, hide = true)]
    Forward(Forward),
}

/// The hidden command that a sandbox is started by.
pub const FORWARD: &str = "__forward";

const BUILD_IMAGE_EXAMPLES: &str = "Examples:
  cargo xtask build-image nginx                       build, write target/images/nginx-x64.oci.tar, load into Docker
  cargo xtask build-image nginx --output oci:out      an OCI layout in the folder out/, and nothing else
  cargo xtask build-image nginx --output docker --output rootfs:nginx.tar --output archive:nginx.oci.tar
                                                      several at once, of one build
  cargo xtask build-image nginx --keep-going          name everything that fails, not the first failure alone
  cargo xtask build-image nginx --json | jq .digest   for scripts: one JSON document on standard output";

const VENDOR_EXAMPLES: &str = "Examples:
  cargo xtask vendor /media/stick                     the sources of every recipe
  MEDIC_OS_MIRRORS=/media/stick cargo xtask fetch     on the other machine";

const WHY_REBUILD_EXAMPLES: &str = "Examples:
  cargo xtask why-rebuild openssl                     openssl alone
  cargo xtask why-rebuild nginx --needs               and all that it needs";

const RUN_EXAMPLES: &str = "Examples:
  cargo xtask run nginx                               http://127.0.0.1:8080 and https://127.0.0.1:8443
  cargo xtask run nginx -p 80:80 -p 443:443 --volume data
                                                      /srv is kept in the volume 'data'";

/// What every build may be told.
#[derive(Debug, Clone, Default, Args)]
pub struct BuildOptions {
    /// The architecture to build for: x64 or arm64 [default: this machine's]
    #[arg(long)]
    pub arch: Option<Arch>,
    /// How many compilers may run at once, shared out among the components that are built side by side [default: the
    /// number of processors]
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// How much memory the components that are built side by side may want together, such as '8 GiB' [default: what
    /// the machine has available]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
    /// After a failure go on with everything that does not depend on what failed; without this, what runs is finished
    /// and nothing new is begun
    #[arg(long, short)]
    pub keep_going: bool,
    /// Ask the network for nothing; what is missing is named at once
    #[arg(long)]
    pub offline: bool,
    /// What build steps run in: bubblewrap or docker; both give the same bytes
    #[arg(long, default_value_t)]
    pub runner: RunnerKind,
}

/// `build-image`.
#[derive(Debug, Args)]
pub struct BuildImage {
    /// An image of images/, such as nginx
    pub image: ImageName,
    /// Where the image goes; may be given more than once [default: target/images/<IMAGE>-<ARCH>.oci.tar, and Docker
    /// where a daemon answers]
    #[arg(long = "output", value_name = "KIND[:PATH]", long_help = OUTPUT_HELP)]
    pub outputs: Vec<Output>,
    /// How layers are compressed: gzip, which everything reads; zstd, which is smaller (Docker 23 and newer); or not at all, which is
    /// the fastest way into a daemon on this machine
    #[arg(long, value_enum, default_value_t = Compression::Gzip)]
    pub compression: Compression,
    /// Refuse an image that is not as images/<IMAGE>.lock says, and end with 15 [default: when CI is set]
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub locked: Option<bool>,
    /// Write one JSON document to standard output when done
    #[arg(long)]
    pub json: bool,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// `build-package`.
#[derive(Debug, Args)]
pub struct BuildPackage {
    /// Packages of packages/, such as nginx
    #[arg(required = true)]
    pub packages: Vec<PackageName>,
    /// Write one JSON document to standard output when done
    #[arg(long)]
    pub json: bool,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// `fetch`.
#[derive(Debug, Args)]
pub struct Fetch {
    /// Components of recipes/, such as openssl [default: all]
    #[arg(conflicts_with = "all")]
    pub components: Vec<ComponentName>,
    /// All of them, as when none is named
    #[arg(long)]
    pub all: bool,
    /// Write one JSON document to standard output when done
    #[arg(long)]
    pub json: bool,
    /// Ask the network for nothing; what is missing is named at once
    #[arg(long)]
    pub offline: bool,
}

/// `vendor`.
#[derive(Debug, Args)]
pub struct Vendor {
    /// The folder; it is made when it is not there
    pub folder: PathBuf,
    /// Components of recipes/, such as openssl [default: all]
    pub components: Vec<ComponentName>,
    /// Write one JSON document to standard output when done
    #[arg(long)]
    pub json: bool,
    /// Ask the network for nothing; what is missing is named at once
    #[arg(long)]
    pub offline: bool,
}

/// `why-rebuild`.
#[derive(Debug, Args)]
pub struct WhyRebuild {
    /// Components of recipes/, such as openssl
    #[arg(required = true)]
    pub components: Vec<ComponentName>,
    /// Say it of all that they need as well
    #[arg(long)]
    pub needs: bool,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// The architecture to build for: x64 or arm64 [default: this machine's]
    #[arg(long)]
    pub arch: Option<Arch>,
}

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// An image of images/, such as nginx
    pub image: ImageName,
    /// Publish a port of the image on this machine's loopback address; may be given more than once [default: every port
    /// of the image, at its number plus 8000, but 80 at 8080]
    #[arg(long, short, value_name = "[ADDRESS:]PORT:PORT")]
    pub publish: Vec<Publish>,
    /// Keep /srv in this volume (Docker) or in this folder (a path with a slash) [default: it ends with the container]
    #[arg(long, value_name = "NAME|PATH")]
    pub volume: Option<String>,
    /// Leave it running and return when it serves; Docker only
    #[arg(long, short)]
    pub detach: bool,
    /// Use the embedded runner (bubblewrap) even where a Docker daemon answers
    #[arg(long)]
    pub embedded: bool,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// `store`.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Show the store's folder
    Path,
    /// Compare everything in it with its digest, and remove what is damaged: the next build makes it again
    Verify(crate::commands::store::Verify),
}

/// `__forward`.
#[derive(Debug, Args)]
pub struct Forward {
    /// What is started in the sandbox
    #[arg(last = true, required = true)]
    pub command: Vec<std::ffi::OsString>,
}

const OUTPUT_HELP: &str = "Where the image goes; may be given more than once, and all are of one build:
  docker               the Docker daemon
  podman               Podman, through its socket
  oci:DIR              an OCI image layout in a folder
  archive:FILE         the same as one tar, which `docker load` and `podman load` take too
  docker-archive:FILE  the archive of `docker save`, with layers that are not compressed
  rootfs:FILE          the files of all layers as one tar
[default: target/images/<IMAGE>-<ARCH>.oci.tar, and Docker where a daemon answers]";

/// How layers are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// None: the fastest way into a daemon on this machine.
    None,
}

impl From<Compression> for medic_image::Compression {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Gzip => Self::Gzip,
            Compression::Zstd => Self::Zstd,
            Compression::None => Self::Uncompressed,
        }
    }
}

/// Where an image goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The Docker daemon.
    Docker,
    /// Podman.
    Podman,
    /// An OCI layout in a folder.
    Oci(PathBuf),
    /// An OCI archive.
    Archive(PathBuf),
    /// An archive as `docker save` writes it.
    DockerArchive(PathBuf),
    /// The files of all layers as one tar.
    Rootfs(PathBuf),
}

impl std::str::FromStr for Output {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "docker" => Ok(Self::Docker),
            None if text == "podman" => Ok(Self::Podman),
            Some(("oci", path)) if !path.is_empty() => Ok(Self::Oci(path.into())),
            Some(("archive", path)) if !path.is_empty() => Ok(Self::Archive(path.into())),
            Some(("docker-archive", path)) if !path.is_empty() => Ok(Self::DockerArchive(path.into())),
            Some(("rootfs", path)) if !path.is_empty() => Ok(Self::Rootfs(path.into())),
            _ => Err(format!(
                "'{text}' is not an output: it is docker, podman, oci:DIR, archive:FILE, docker-archive:FILE or rootfs:FILE"
            )),
        }
    }
}

/// A port of the image and where it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish {
    /// Where it is published on this machine.
    pub host: std::net::SocketAddr,
    /// The port inside.
    pub inside: u16,
}

impl std::str::FromStr for Publish {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("'{text}' is not a published port: write 8080:80, or 0.0.0.0:8080:80");
        let (host, inside) = text.rsplit_once(':').ok_or_else(error)?;
        let inside = inside.parse().ok().filter(|port| *port > 0).ok_or_else(error)?;
        let loopback = || host.parse().ok().map(|port: u16| (std::net::Ipv4Addr::LOCALHOST, port).into());
        let host = host.parse().ok().or_else(loopback).ok_or_else(error)?;
        Ok(Self { host, inside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn outputs_and_ports_are_read_or_refused() {
        assert_eq!("docker".parse(), Ok(Output::Docker));
        assert_eq!("podman".parse(), Ok(Output::Podman));
        assert_eq!("oci:a:b".parse(), Ok(Output::Oci("a:b".into())));
        assert_eq!("docker-archive:a".parse(), Ok(Output::DockerArchive("a".into())));
        assert_eq!("rootfs:/a.tar".parse(), Ok(Output::Rootfs("/a.tar".into())));
        for bad in ["", "docker:x", "oci:", "floppy:A", "archive"] {
            assert!(bad.parse::<Output>().is_err(), "{bad:?} was taken");
        }
        let publish = |text: &str| text.parse::<Publish>().map(|p| (p.host.to_string(), p.inside));
        assert_eq!(publish("8080:80"), Ok(("127.0.0.1:8080".to_owned(), 80)));
        assert_eq!(publish("0.0.0.0:1:2"), Ok(("0.0.0.0:1".to_owned(), 2)));
        assert_eq!(publish("[::1]:1:2"), Ok(("[::1]:1".to_owned(), 2)));
        for bad in ["80", "a:80", "80:a", "1:0", ":", "1:2:3:4", "99999:80"] {
            assert!(publish(bad).is_err(), "{bad:?} was taken");
        }
    }
}
