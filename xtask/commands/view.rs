//! Which image is meant: one of this workspace, a file or folder, a tag of the Docker daemon, or a digest of the store.

use std::path::Path;

use medic_image::docker::Endpoint;
use medic_image::look::{self, ImageView};
use medic_image::{Connection, Docker};
use medic_model::ImageName;

use super::build_image::build;
use super::context::Context;
use crate::failure::Failure;

/// The fewest digits by which an image of the store is known without `sha256:` before them.
const DIGITS: usize = 12;

/// What `inspect` and `size` are told: an image of images/, or anything that [`other`] takes.
pub fn any(context: &Context, text: &str) -> Result<ImageView, Failure> {
    match text.parse::<ImageName>() {
        Ok(name) if is_defined(context, &name) && !Path::new(text).is_file() => current(context, &name),
        _ => other(context, None, text),
    }
}

/// The image as it is built now.
pub fn current(context: &Context, name: &ImageName) -> Result<ImageView, Failure> {
    let built = build(context, name)?;
    Ok(look::assembled(&built.image)?)
}

/// A path (with `:TAG` behind it where there are several images), a digest, or a tag of the daemon: of `image`, where it is a tag alone.
pub fn other(context: &Context, image: Option<&ImageName>, text: &str) -> Result<ImageView, Failure> {
    if Path::new(text).exists() {
        return Ok(look::open(Path::new(text), None, context.arch)?);
    }
    if let Some((path, tag)) = text.rsplit_once(':').filter(|(path, _)| Path::new(path).exists()) {
        return Ok(look::open(Path::new(path), Some(tag), context.arch)?);
    }
    if is_digest(text) {
        return by_digest(context, text);
    }
    let tag = match image {
        Some(image) if !text.contains([':', '/', '@']) => format!("medic-os/{image}:{text}"),
        _ => text.to_owned(),
    };
    from_docker(context, text, &tag)
}

fn is_defined(context: &Context, name: &ImageName) -> bool {
    context.environment.workspace.join(format!("images/{name}.yaml")).is_file()
}

fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:");
    let hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    digits.map_or_else(|| text.len() >= DIGITS && hexadecimal(text), hexadecimal)
}

fn by_digest(context: &Context, digest: &str) -> Result<ImageView, Failure> {
    let _in_use = context.use_store()?;
    let mut found = look::in_store(&context.environment.store, digest)?;
    match (found.pop(), found.is_empty()) {
        (Some(view), true) => Ok(view),
        (None, _) => Err(Failure::Usage(format!(
            "the store has assembled no image with the digest '{digest}', or `gc` removed it: give a path or a tag"
        ))),
        _ => Err(Failure::Usage(format!(
            "several images of the store have a digest that begins with '{digest}': give more digits"
        ))),
    }
}

fn from_docker(context: &Context, text: &str, tag: &str) -> Result<ImageView, Failure> {
    let docker = match Docker::connect_to(&Endpoint::choose(&context.environment.docker)?)? {
        Connection::Ready(docker) => docker,
        Connection::Absent(absent) => {
            return Err(Failure::Usage(format!(
                "'{text}' is neither a file nor a folder nor a digest, and cannot be looked for in Docker: {absent}"
            )));
        }
    };
    let file = tempfile::NamedTempFile::new()?;
    context.screen.line(&format!("taking {tag} out of Docker"));
    if !docker.save(tag, file.path())? {
        return Err(Failure::Usage(format!(
            "'{text}' is neither a file nor a folder nor a digest, and Docker has no image '{tag}': see `docker image ls`"
        )));
    }
    Ok(look::open(file.path(), None, context.arch)?)
}
