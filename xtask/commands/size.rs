//! `size`: where the bytes of an image are.

mod page;
mod tree;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use medic_image::look::{ImageView, Kind, Owner};
use medic_model::ByteSize;
use serde_json::json;

use super::context::Context;
use super::view;
use crate::arguments::BuildOptions;
use crate::failure::Failure;
use crate::table::columns;
use tree::Node;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;
/// How many of the largest files are shown.
const LARGEST: usize = 15;
/// What is of no package.
const OF_NONE: &str = "base and configuration";

/// What follows the help.
pub const EXAMPLES: &str = "Examples:
  cargo xtask size nginx                              packages and the largest files, as a table
  cargo xtask size nginx --html size.html             a map of all files, as a page that needs nothing else
  cargo xtask size some.oci.tar --json                for scripts; every file with its size

Sizes are those of files, unpacked. What a registry keeps is less: `cargo xtask inspect`.";

/// `size`.
#[derive(Debug, Args)]
pub struct Size {
    /// An image of images/, a path, a reference of the Docker daemon, or a digest of the store
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Write a page for a browser to this file, and its path to standard output
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub html: Option<PathBuf>,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// A regular file: whose it is, its path there, its bytes.
struct File {
    owner: String,
    path: String,
    size: u64,
}

/// Carries the command out.
pub fn size(arguments: &Size) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    let view = view::any(&context, &arguments.image)?;
    let mut files = files(&view);
    if let Some(path) = &arguments.html {
        let tree = Node::of(
            &arguments.image,
            files.iter().map(|file| (format!("{}/{}", file.owner, file.path), file.size)),
        );
        let page = page::page(&arguments.image, &view, &tree);
        std::fs::write(path, page).map_err(|source| Failure::File { path: path.clone(), source })?;
        return Ok(writeln!(std::io::stdout(), "{}", path.display())?);
    }
    files.sort_by(|one, two| two.size.cmp(&one.size).then_with(|| one.path.cmp(&two.path)));
    let text = if arguments.json { in_json(&files) } else { in_words(&files) };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn files(view: &ImageView) -> Vec<File> {
    let files = view.files();
    let regular = files.values().filter(|entry| entry.kind == Kind::File);
    let file = |entry: &&medic_image::look::Entry| match (entry.owner(), entry.place()) {
        (Owner::Package(name), Some((_, version, path))) => {
            File { owner: format!("{name} {version}"), path: path.to_owned(), size: entry.size }
        }
        _ => File { owner: OF_NONE.to_owned(), path: entry.path.clone(), size: entry.size },
    };
    regular.map(file).collect()
}

fn by_owner(files: &[File]) -> Vec<(&str, usize, u64)> {
    let mut found: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for file in files {
        let (count, size) = found.entry(&file.owner).or_default();
        *count += 1;
        *size += file.size;
    }
    let mut found: Vec<_> = found.into_iter().map(|(owner, (count, size))| (owner, count, size)).collect();
    found.sort_by_key(|(owner, _, size)| (std::cmp::Reverse(*size), *owner));
    found
}

/// A part of the whole, such as `12.5 %`.
fn share(part: u64, whole: u64) -> String {
    let thousandths = part.saturating_mul(1000).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

fn in_words(files: &[File]) -> String {
    let whole = files.iter().map(|file| file.size).sum();
    let mut rows = vec![["package", "size", "share", "files"].map(str::to_owned).to_vec()];
    for (owner, count, size) in by_owner(files) {
        rows.push(vec![owner.to_owned(), ByteSize(size).to_string(), share(size, whole), count.to_string()]);
    }
    rows.push(vec![
        "total".to_owned(),
        ByteSize(whole).to_string(),
        share(whole, whole),
        files.len().to_string(),
    ]);
    let mut text = columns(&rows, &[1, 2, 3]);
    text.push_str("\nlargest files\n");
    let row = |file: &File| {
        vec![ByteSize(file.size).to_string(), share(file.size, whole), file.owner.clone(), file.path.clone()]
    };
    let rows: Vec<_> = files.iter().take(LARGEST).map(row).collect();
    text + &columns(&rows, &[0, 1])
}

fn in_json(files: &[File]) -> String {
    let package =
        |(owner, files, size): (&str, usize, u64)| json!({"name": owner, "files": files, "size": size});
    let file = |file: &File| json!({"package": file.owner, "path": file.path, "size": file.size});
    let answer = json!({
        "format": FORMAT,
        "size": files.iter().map(|file| file.size).sum::<u64>(),
        "packages": by_owner(files).into_iter().map(package).collect::<Vec<_>>(),
        "files": files.iter().map(file).collect::<Vec<_>>(),
    });
    format!("{answer}\n")
}

#[cfg(test)]
mod tests;
