//! `images`: what could be built, and what was.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args;
use medic_build::BuildError;
use medic_build::definitions::Definitions;
use medic_model::image::ImageDefinition;
use medic_model::{Arch, ByteSize, Version};
use serde_json::json;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::table::columns;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What follows the help.
pub const EXAMPLES: &str = "Examples:
  cargo xtask images                                  a table
  cargo xtask images --json | jq -r '.images[].name'  for scripts

The size is that of target/images/<IMAGE>-<ARCH>.oci.tar, which `build-image` writes: what a registry keeps and a daemon fetches.";

/// `images`.
#[derive(Debug, Args)]
pub struct Images {
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
}

struct Listed {
    definition: ImageDefinition,
    version: Version,
    built: BTreeMap<Arch, u64>,
}

/// Carries the command out.
pub fn images(arguments: &Images) -> Result<(), Failure> {
    let workspace = Environment::read()?.workspace;
    let definitions = Definitions::new(&workspace);
    let mut listed = Vec::new();
    for name in definitions.image_names().map_err(BuildError::from)? {
        let definition = definitions.image(&name).map_err(BuildError::from)?;
        let version = version(&definitions, &definition)?;
        let size = |arch: &Arch| {
            let archive = workspace.join(format!("target/images/{name}-{arch}.oci.tar"));
            Some((*arch, std::fs::metadata(archive).ok()?.len()))
        };
        let built = definition.platforms.iter().filter_map(size).collect();
        listed.push(Listed { definition, version, built });
    }
    let text = if arguments.json { in_json(&listed) } else { in_words(&listed) };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// The version that the image would have: that of its package, by the definitions.
fn version(definitions: &Definitions, image: &ImageDefinition) -> Result<Version, Failure> {
    let package = definitions.package(&image.version_of).map_err(BuildError::from)?;
    let Some(component) = package.components.first() else {
        return Err(Failure::Usage(format!("packages/{}/package.yaml names no component", package.name)));
    };
    let component = definitions.recipe(component).map_err(BuildError::from)?;
    package
        .version(&component.version)
        .map_err(|error| Failure::Usage(format!("packages/{}/package.yaml: {error}", package.name)))
}

fn in_words(listed: &[Listed]) -> String {
    let heading = ["image", "version", "platforms", "size", "packages"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for one in listed {
        let platforms: Vec<String> = one.definition.platforms.iter().map(ToString::to_string).collect();
        let sizes: Vec<String> =
            one.built.iter().map(|(arch, size)| format!("{arch} {}", ByteSize(*size))).collect();
        let packages: Vec<String> = one.definition.packages.iter().map(ToString::to_string).collect();
        rows.push(vec![
            one.definition.name.to_string(),
            one.version.to_string(),
            platforms.join(", "),
            if sizes.is_empty() { "not built".to_owned() } else { sizes.join(", ") },
            packages.join(", "),
        ]);
    }
    columns(&rows, &[])
}

fn in_json(listed: &[Listed]) -> String {
    let one = |one: &Listed| {
        json!({
            "name": one.definition.name,
            "title": one.definition.title,
            "version": one.version,
            "platforms": one.definition.platforms,
            "packages": one.definition.packages,
            "built": one.built,
        })
    };
    let images: Vec<_> = listed.iter().map(one).collect();
    format!("{}\n", json!({"format": FORMAT, "images": images}))
}
