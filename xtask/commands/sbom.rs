//! `sbom`: what is in a package or an image, and where it comes from, for other tools.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use medic_build::BuiltPackage;
use medic_build::attest::image_document;
use medic_model::image::ImageDefinition;
use medic_model::{Arch, ImageName, PackageName};

use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// `sbom`.
#[derive(Debug, Args)]
pub struct Sbom {
    /// A package of packages/, or else an image of images/, such as nginx
    pub name: PackageName,
    /// Take the image of this name, not the package
    #[arg(long)]
    pub image: bool,
    /// Which document
    #[arg(long, value_enum, default_value_t = Format::Spdx)]
    pub format: Format,
    /// Write it to this file, not to standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// SPDX 2.3 in JSON: every file, component, statically linked library and crate
    Spdx,
    /// An in-toto statement with SLSA provenance; of an image one a line, as in-toto's bundles have them
    Provenance,
}

/// Examples for the help.
pub const EXAMPLES: &str = "Examples:
  cargo xtask sbom nginx > nginx.spdx.json            the package
  cargo xtask sbom nginx --image --output image.json  all packages of the image, as one document
  cargo xtask sbom nginx --format provenance | jq .predicate.buildDefinition.resolvedDependencies";

/// Carries the command out.
pub fn sbom(arguments: &Sbom) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    let document = match image(&context, arguments)? {
        Some(image) => of_image(&image, &context.packages(&image.packages)?, context.arch, arguments.format)?,
        None => {
            let packages = context.packages(std::slice::from_ref(&arguments.name))?;
            packages.iter().map(|package| text(package, arguments.format)).collect::<Result<_, _>>()?
        }
    };
    match &arguments.output {
        Some(path) => {
            std::fs::write(path, document).map_err(|source| Failure::File { path: path.clone(), source })
        }
        None => Ok(std::io::stdout().write_all(document.as_bytes())?),
    }
}

/// The image that is meant, when it is one: asked for, or of a name that no package has.
fn image(context: &Context, arguments: &Sbom) -> Result<Option<ImageDefinition>, Failure> {
    let name: ImageName =
        arguments.name.as_str().parse().map_err(|error| Failure::Usage(format!("{error}")))?;
    let package = context.environment.workspace.join("packages").join(name.as_str()).join("package.yaml");
    let is_image = context.environment.workspace.join("images").join(format!("{name}.yaml")).is_file();
    if arguments.image || (is_image && !package.is_file()) {
        return context.image(&name).map(Some);
    }
    Ok(None)
}

fn of_image(
    image: &ImageDefinition,
    packages: &[BuiltPackage],
    arch: Arch,
    format: Format,
) -> Result<String, Failure> {
    match format {
        Format::Spdx => {
            let version = packages.iter().find(|package| package.name == image.version_of);
            let version = version.map_or_else(String::new, |package| package.manifest.version.to_string());
            Ok(image_document(image.name.as_str(), &version, arch, packages)?)
        }
        Format::Provenance => {
            let lines: Result<Vec<String>, Failure> =
                packages.iter().map(|package| one_line(&text(package, format)?)).collect();
            Ok(lines?.concat())
        }
    }
}

fn text(package: &BuiltPackage, format: Format) -> Result<String, Failure> {
    let path = match format {
        Format::Spdx => &package.documents.spdx,
        Format::Provenance => &package.documents.provenance,
    };
    std::fs::read_to_string(path).map_err(|source| Failure::File { path: path.clone(), source })
}

/// A JSON document without line feeds, but for one at its end.
fn one_line(text: &str) -> Result<String, Failure> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(std::io::Error::from)?;
    Ok(format!("{value}\n"))
}
