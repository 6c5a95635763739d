//! `diff`: what changed from one image to another.

use std::io::Write;

use clap::Args;
use medic_image::look::{Difference, ImageView};
use medic_model::ImageName;
use serde_json::json;

use super::context::Context;
use super::view;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What follows the help.
pub const EXAMPLES: &str = "Examples:
  cargo xtask diff nginx 1.28.2                       from Docker's medic-os/nginx:1.28.2 to what is built now
  cargo xtask diff nginx 1.28.2 1.28.3                from one tag to another
  cargo xtask diff nginx old.oci.tar layout:1.28.3    OCI archives, OCI layouts, archives of `docker save`
  cargo xtask diff nginx sha256:98a67e10              what this store assembled before, by its digest

A file of a package is known by its path in the package, so another version does not make all files new.";

/// `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// An image of images/, such as nginx
    pub image: ImageName,
    /// What it was: a path, a tag or reference of the Docker daemon, or a digest of the store
    #[arg(value_name = "A")]
    pub before: String,
    /// What it is [default: the image as it is built now]
    #[arg(value_name = "B")]
    pub after: Option<String>,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// Carries the command out.
pub fn diff(arguments: &Diff) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    let before = view::other(&context, Some(&arguments.image), &arguments.before)?;
    let after = match &arguments.after {
        Some(text) => view::other(&context, Some(&arguments.image), text)?,
        None => view::current(&context, &arguments.image)?,
    };
    let difference = Difference::between(&before, &after);
    let text = if arguments.json {
        in_json(&before, &after, &difference)
    } else {
        in_words(&before, &after, &difference)
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn growth(before: u64, after: u64) -> String {
    let sign = if after < before { '-' } else { '+' };
    format!("{sign}{}", medic_model::ByteSize(after.abs_diff(before)))
}

fn in_words(before: &ImageView, after: &ImageView, difference: &Difference) -> String {
    let digest =
        |view: &ImageView| view.digest.clone().unwrap_or_else(|| "an image without a manifest".to_owned());
    let mut text = format!("{} → {}\n", digest(before), digest(after));
    if difference.is_empty() {
        text.push_str("nothing in it changed\n");
        return text;
    }
    text.push_str(&format!("{} compressed\n", growth(before.compressed_size(), after.compressed_size())));
    let versions =
        |versions: &[String]| if versions.is_empty() { "none".to_owned() } else { versions.join(", ") };
    for package in &difference.packages {
        text.push_str(&format!(
            "{}: {} → {}\n",
            package.name,
            versions(&package.before),
            versions(&package.after)
        ));
    }
    let mut owner = None;
    for file in &difference.files {
        if owner != Some(&file.package) {
            let name = file.package.as_deref().map_or("no package's".to_owned(), |name| format!("of {name}"));
            text.push_str(&format!("files {name}\n"));
            owner = Some(&file.package);
        }
        let grown = match file.growth() {
            0 => String::new(),
            bytes => format!(" ({bytes:+} bytes)"),
        };
        text.push_str(&format!("  {}: {}{grown}\n", file.path, file.words()));
    }
    if !difference.configuration.is_empty() {
        text.push_str("container\n");
    }
    for field in &difference.configuration {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        text.push_str(&format!("  {}: {} → {}\n", field.name, value(&field.before), value(&field.after)));
    }
    text
}

fn in_json(before: &ImageView, after: &ImageView, difference: &Difference) -> String {
    let side = |view: &ImageView| json!({"digest": view.digest, "compressed_size": view.compressed_size()});
    let answer = json!({
        "format": FORMAT,
        "same": difference.is_empty(),
        "before": side(before),
        "after": side(after),
        "packages": difference.packages,
        "files": difference.files,
        "configuration": difference.configuration,
    });
    format!("{answer}\n")
}
