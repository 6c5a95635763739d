//! `inspect`: what is in an image.

use std::io::Write;

use clap::Args;
use medic_image::look::{Entry, ImageView, Kind};
use medic_model::ByteSize;
use serde_json::json;

use super::context::Context;
use super::view;
use crate::arguments::BuildOptions;
use crate::failure::Failure;
use crate::table::columns;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What follows the help.
pub const EXAMPLES: &str = "Examples:
  cargo xtask inspect nginx                           an image of images/, built first if need be
  cargo xtask inspect nginx --files                   and every file in it
  cargo xtask inspect some.oci.tar                    an OCI archive, an OCI layout or an archive of `docker save`
  cargo xtask inspect layout:1.28.3 --arch arm64      one of several images in a layout
  cargo xtask inspect medic-os/nginx:latest --json    an image of the Docker daemon, for scripts";

/// `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// An image of images/, a path, a reference of the Docker daemon, or a digest of the store
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Show every file that a container sees
    #[arg(long)]
    pub files: bool,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// Carries the command out.
pub fn inspect(arguments: &Inspect) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    let view = view::any(&context, &arguments.image)?;
    let text =
        if arguments.json { in_json(&view, arguments.files) } else { in_words(&view, arguments.files) };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// What made a layer, without what every builder says first.
fn made_by(text: Option<&String>) -> &str {
    text.map_or("", |text| text.strip_prefix("medic-os: ").unwrap_or(text))
}

fn in_words(view: &ImageView, files: bool) -> String {
    let digest = view.digest.as_deref().unwrap_or("no manifest of the OCI");
    let created = view.created.as_deref().unwrap_or("unknown");
    let mut text = format!("{digest}\n  linux/{}, created {created}\n\nlayers\n", view.architecture);
    let heading = ["", "compressed", "unpacked", "files", "digest"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for layer in &view.layers {
        rows.push(vec![
            made_by(layer.made_by.as_ref()).chars().take(60).collect(),
            ByteSize(layer.size).to_string(),
            ByteSize(layer.plain_size).to_string(),
            layer.entries.len().to_string(),
            layer.digest.clone(),
        ]);
    }
    let unpacked = view.layers.iter().map(|layer| layer.plain_size).sum();
    let entries: usize = view.layers.iter().map(|layer| layer.entries.len()).sum();
    rows.push(vec![
        "total".to_owned(),
        ByteSize(view.compressed_size()).to_string(),
        ByteSize(unpacked).to_string(),
        entries.to_string(),
    ]);
    text.push_str(&columns(&rows, &[1, 2, 3]));
    let packages = view.packages();
    if !packages.is_empty() {
        text.push_str("\npackages\n");
        let row = |one: &medic_image::look::PackageView| {
            vec![
                one.name.clone(),
                one.version.clone(),
                format!("{} files", one.files),
                ByteSize(one.size).to_string(),
            ]
        };
        text.push_str(&columns(&packages.iter().map(row).collect::<Vec<_>>(), &[2, 3]));
    }
    text.push_str("\ncontainer\n");
    let fields = view.config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let rows: Vec<_> = fields.map(|(name, value)| vec![name.clone(), value.to_string()]).collect();
    text.push_str(&columns(&rows, &[]));
    if files {
        text.push_str("\nfiles\n");
        let rows: Vec<_> = view.files().into_iter().map(|(path, entry)| file(&path, entry)).collect();
        text.push_str(&columns(&rows, &[2]));
    }
    text
}

/// As `ls -l` has it.
fn file(path: &str, entry: &Entry) -> Vec<String> {
    let kind = match entry.kind {
        Kind::Folder => 'd',
        Kind::File => '-',
        Kind::Link => 'l',
        Kind::Hardlink => 'h',
        Kind::Special => 's',
    };
    let target = entry.target.as_ref().map_or_else(String::new, |target| format!(" -> {target}"));
    let size = if entry.kind == Kind::File { entry.size.to_string() } else { String::new() };
    vec![
        format!("{kind}{}", entry.mode),
        format!("{}:{}", entry.uid, entry.gid),
        size,
        format!("/{path}{target}"),
    ]
}

fn in_json(view: &ImageView, files: bool) -> String {
    let layer = |layer: &medic_image::look::LayerView| {
        json!({
            "digest": layer.digest,
            "size": layer.size,
            "diff_id": layer.diff_id,
            "unpacked": layer.plain_size,
            "files": layer.entries.len(),
            "made_by": layer.made_by,
        })
    };
    let mut answer = json!({
        "format": FORMAT,
        "digest": view.digest,
        "architecture": view.architecture,
        "created": view.created,
        "config": view.config,
        "compressed_size": view.compressed_size(),
        "layers": view.layers.iter().map(layer).collect::<Vec<_>>(),
        "packages": view.packages(),
    });
    if files {
        answer["files"] = json!(view.files().into_values().collect::<Vec<_>>());
    }
    format!("{answer}\n")
}
