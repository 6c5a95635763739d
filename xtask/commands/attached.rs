//! What `publish` puts beside an image: signatures, SBOM, provenance.

use std::path::PathBuf;

use clap::Args;
use medic_build::BuiltPackage;
use medic_build::attest::{ImageFacts, image_document, image_provenance};
use medic_build::publish::registry::{Client, Reference};
use medic_image::attach::{self, Artifact, Extent, Predicate, PredicateKind, Subject, artifacts};
use medic_image::push::{Document, Release};
use medic_image::sign::SigningKey;
use medic_model::Arch;

use super::build_image::BuiltImage;
use super::context::Context;
use super::image_key;
use crate::failure::Failure;

/// What is to be signed, and what attached.
#[derive(Debug, Args)]
pub struct Signing {
    /// Sign the image and what is said of it with the key in this file: 'image-key' or 'cosign generate-key-pair' makes one
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
    /// A file whose first line is the key's password [default: COSIGN_PASSWORD; else it is asked for]
    #[arg(long, value_name = "FILE", requires = "sign")]
    pub password_file: Option<PathBuf>,
    /// Put no SBOM and no provenance beside the image, and nothing that refers to it: signatures go under tags only
    #[arg(long)]
    pub no_attach: bool,
}

/// What goes beside each document of a release, whichever repository that is.
pub struct Attachments {
    key: Option<SigningKey>,
    extent: Extent,
    subjects: Vec<(Subject, Vec<Predicate>)>,
}

impl Signing {
    /// The key, read before anything is built: a wrong password is said at once.
    pub fn key(&self) -> Result<Option<SigningKey>, Failure> {
        let read = |path: &PathBuf| image_key::read_secret(path, self.password_file.as_deref());
        self.sign.as_ref().map(read).transpose()
    }

    /// What goes beside the images of a release: each is said to be what it is, and so is what leads to all of them.
    pub fn attachments(
        &self,
        context: &Context,
        built: &[BuiltImage],
        release: &Release,
        key: Option<&SigningKey>,
    ) -> Result<Attachments, Failure> {
        let extent = if self.no_attach { Extent::Signatures } else { Extent::All };
        let mut attachments = Attachments { key: key.cloned(), extent, subjects: Vec::new() };
        let mut sboms = Vec::new();
        for one in built {
            let image = &one.image;
            let document = release
                .children
                .iter()
                .chain([&release.top])
                .find(|document| document.digest == image.manifest.digest);
            let (Some(document), Extent::All) = (document, extent) else { continue };
            let text =
                image_document(image.name.as_str(), image.version.as_str(), image.arch, &one.packages)?;
            let sbom = Predicate { kind: PredicateKind::Spdx, json: text.into_bytes(), beside: Vec::new() };
            let provenance = provenance(context, &[one])?;
            attachments.subjects.push((subject(document), vec![sbom.clone(), provenance]));
            sboms.push(sbom);
        }
        if extent == Extent::Signatures {
            let all = release.children.iter().chain([&release.top]);
            attachments.subjects = all.map(|document| (subject(document), Vec::new())).collect();
        } else if !release.children.is_empty() {
            let all: Vec<&BuiltImage> = built.iter().collect();
            sboms.push(provenance(context, &all)?);
            attachments.subjects.push((subject(&release.top), sboms));
        }
        Ok(attachments)
    }
}

impl Attachments {
    /// Puts them there; gives how many bytes were sent.
    pub fn put(&self, repository: &Reference, client: &Client) -> Result<u64, Failure> {
        let mut sent = 0;
        for (subject, predicates) in &self.subjects {
            let all: Vec<Artifact> =
                artifacts(subject, &repository.to_string(), predicates, self.key.as_ref(), self.extent)
                    .map_err(std::io::Error::from)?;
            sent += attach::put(&all, client)?;
        }
        Ok(sent)
    }
}

fn subject(document: &Document) -> Subject {
    Subject {
        media_type: document.media_type.to_owned(),
        digest: document.digest,
        size: document.json.len() as u64,
    }
}

fn provenance(context: &Context, built: &[&BuiltImage]) -> Result<Predicate, Failure> {
    let image = &built[0].image;
    let definition = context.environment.workspace.join(format!("images/{}.yaml", image.name));
    let packages: Vec<(Arch, &[BuiltPackage])> =
        built.iter().map(|one| (one.image.arch, one.packages.as_slice())).collect();
    let facts = ImageFacts {
        name: image.name.as_str(),
        version: image.version.as_str(),
        definition: &definition,
        revision: image.revision(),
        created: image.configuration.created.as_str(),
        packages,
    };
    let (json, beside) = image_provenance(&facts)?;
    Ok(Predicate { kind: PredicateKind::Provenance, json: json.into_bytes(), beside })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_the_document() {
        let document = Document::new("application/x", b"{}".to_vec());
        let subject = subject(&document);
        assert_eq!(
            (subject.digest, subject.size, subject.media_type.as_str()),
            (document.digest, 2, "application/x")
        );
    }
}
