//! One check after the other, each noted.

use std::collections::BTreeSet;

use medic_archive::digest::of_bytes;
use medic_model::{Arch, Sha256};
use serde_json::Value;

use super::claims::{self, Claims, Wanted};
use super::problem::{Fault, Problem, VerifyError};
use super::read::{self, Descriptor, Document, MAX_IMAGES, MAX_LAYERS, MAX_MANIFEST};
use super::{Check, Listed, Source, VerifiedImage, VerifySettings, contents, layer};
use crate::assemble::REVISION;
use crate::attach::PredicateKind;

/// What was found so far.
pub(super) struct Looking<'a> {
    source: &'a dyn Source,
    settings: VerifySettings<'a>,
    pub checks: Vec<Check>,
    pub images: Vec<VerifiedImage>,
}

impl<'a> Looking<'a> {
    /// Nothing yet.
    pub fn new(source: &'a dyn Source, settings: VerifySettings<'a>) -> Self {
        Self { source, settings, checks: Vec::new(), images: Vec::new() }
    }

    /// Notes what came of a check; an error ends everything.
    pub fn note(
        &mut self,
        of: Sha256,
        what: &'static str,
        result: Result<String, Fault>,
    ) -> Result<(), VerifyError> {
        let result = match result {
            Ok(words) => Ok(words),
            Err(Fault::Problem(problem)) => Err(problem),
            Err(Fault::Error(error)) => return Err(error),
        };
        self.checks.push(Check { of: of.oci(), what, result });
        Ok(())
    }

    /// Notes a check that failed; gives what came of one that did not.
    pub fn note_value<T>(
        &mut self,
        of: Sha256,
        what: &'static str,
        result: Result<T, Fault>,
    ) -> Result<Option<T>, VerifyError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(fault) => self.note(of, what, Err(fault)).map(|()| None),
        }
    }

    pub fn resolve(&self, name: &str) -> Result<(Sha256, Vec<u8>), Fault> {
        let not_found = || Fault::Error(VerifyError::NotFound { name: name.to_owned() });
        if name.starts_with("sha256:") {
            let digest = name.parse().map_err(|_| not_found())?;
            let bytes = match read::by_digest(self.source, "what the reference leads to", digest, None) {
                // Nobody says that it should be there but the one who asks.
                Err(Fault::Problem(Problem::Missing { .. })) => return Err(not_found()),
                bytes => bytes?,
            };
            return Ok((digest, bytes));
        }
        let bytes = read::by_tag(self.source, name)?.ok_or_else(not_found)?;
        Ok((of_bytes(&bytes).sha256, bytes))
    }

    pub fn signature(&self, digest: Sha256) -> Result<String, Fault> {
        let claims = Claims::of(self.source, digest, self.settings.key, Wanted::Signatures)?;
        let count = claims::signatures(&claims, digest, self.settings.key)?;
        let forms = if count == 1 { String::new() } else { format!(", {count} times") };
        Ok(format!("by the key {}{forms}", self.settings.key.id()))
    }

    pub fn index(&mut self, digest: Sha256, manifests: &[Descriptor]) -> Result<(), VerifyError> {
        let result = match manifests.len() {
            0 => Err(Fault::unusable("the index", "it names no image")),
            1..=MAX_IMAGES => Ok(format!("names {} images", manifests.len())),
            many => Err(Fault::unusable("the index", format!("it names {many} images: {MAX_IMAGES} may be"))),
        };
        let is_good = result.is_ok();
        self.note(digest, "index", result)?;
        for descriptor in manifests.iter().filter(|_| is_good) {
            self.of_index(digest, descriptor)?;
        }
        Ok(())
    }

    fn of_index(&mut self, index: Sha256, descriptor: &Descriptor) -> Result<(), VerifyError> {
        let platform = descriptor.platform.as_ref();
        let platform =
            platform.map_or_else(String::new, |one| format!(" for {}/{}", one.os, one.architecture));
        let what = format!("the manifest of the image{}", platform.escape_debug());
        let read = || -> Result<(Sha256, Document), Fault> {
            let digest = descriptor.sha256(&what)?;
            let document =
                read::parse(&what, &read::by_digest(self.source, &what, digest, Some(descriptor.size))?)?;
            if document.manifests.is_some() {
                return Err(Fault::unusable(
                    &what,
                    "it is an index again, and indexes in indexes are not followed",
                ));
            }
            Ok((digest, document))
        };
        let read = read();
        match self.note_value(index, "image", read)? {
            Some((digest, document)) => self.image(digest, &document),
            None => Ok(()),
        }
    }

    pub fn image(&mut self, digest: Sha256, document: &Document) -> Result<(), VerifyError> {
        let looked = self.contents(digest, document);
        let image = match self.note_value(digest, "image", looked)? {
            Some((image, words)) => {
                self.note(digest, "image", Ok(words))?;
                image
            }
            None => return Ok(()),
        };
        let packages = image.packages.clone();
        self.images.push(image);
        if !self.settings.attached {
            return Ok(());
        }
        let claims = Claims::of(self.source, digest, self.settings.key, Wanted::Everything);
        let Some(claims) = self.note_value(digest, "attached documents", claims)? else { return Ok(()) };
        let sbom = self.sbom(&claims, digest, &packages);
        self.note(digest, "SBOM", sbom)?;
        let provenance = self.provenance(&claims, digest, &packages);
        self.note(digest, "provenance", provenance.map_err(Fault::from))
    }

    /// Configuration and layers.
    fn contents(&self, digest: Sha256, document: &Document) -> Result<(VerifiedImage, String), Fault> {
        let what = "the image's manifest";
        let (Some(config), Some(layers)) = (&document.config, &document.layers) else {
            return Err(Fault::unusable(what, "it names no configuration or no layers"));
        };
        if layers.len() > MAX_LAYERS {
            return Err(Fault::unusable(
                what,
                format!("it names {} layers: {MAX_LAYERS} may be", layers.len()),
            ));
        }
        let bytes = read::blob(self.source, "the image's configuration", config, MAX_MANIFEST)?;
        let configuration: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Fault::unusable("the image's configuration", error))?;
        let diff_ids = configuration["rootfs"]["diff_ids"].as_array().map_or(&[][..], Vec::as_slice);
        if diff_ids.len() != layers.len() {
            let why = format!("it names {} layers, and the configuration {}", layers.len(), diff_ids.len());
            return Err(Fault::unusable(what, why));
        }
        let (mut packages, mut size) = (BTreeSet::new(), 0_u64);
        for (number, (layer, diff_id)) in layers.iter().zip(diff_ids).enumerate() {
            let what = format!("layer {} ({})", number + 1, layer.digest.escape_debug());
            let diff_id = diff_id.as_str().unwrap_or_default();
            packages.extend(layer::look(self.source, &what, layer, diff_id)?);
            size = size.saturating_add(layer.size);
        }
        let labels = &configuration["config"]["Labels"];
        let image = VerifiedImage {
            digest,
            arch: arch(configuration["architecture"].as_str().unwrap_or_default()),
            config: config.digest.clone(),
            layers: layers.iter().map(|layer| layer.digest.clone()).collect(),
            revision: labels[REVISION].as_str().map(str::to_owned),
            packages,
        };
        let (count, packages) = (layers.len(), image.packages.len());
        let size = medic_model::ByteSize(size);
        let words = format!("{count} layers of {size} and the configuration are whole; {packages} packages");
        Ok((image, words))
    }

    fn sbom(&self, claims: &Claims, digest: Sha256, packages: &BTreeSet<Listed>) -> Result<String, Fault> {
        let signed = claims::statements(claims, PredicateKind::Spdx, digest, self.settings.key)?;
        any(&signed, |document| contents::sbom(document, packages))?;
        for descriptor in &claims.documents {
            let document = claims::document(self.source, descriptor)?;
            if !signed.contains(&&document) {
                return Err(Problem::AnotherSbom { digest: descriptor.digest.clone() }.into());
            }
        }
        Ok(format!("signed, names all {} packages", packages.len()))
    }

    fn provenance(
        &self,
        claims: &Claims,
        digest: Sha256,
        packages: &BTreeSet<Listed>,
    ) -> Result<String, Problem> {
        let signed = claims::statements(claims, PredicateKind::Provenance, digest, self.settings.key)?;
        any(&signed, |predicate| contents::provenance(predicate, packages, self.settings.build_type))?;
        let revision = |one: &&Value| {
            one["buildDefinition"]["externalParameters"]["revision"]
                .as_str()
                .map(|text| text.escape_debug().to_string())
        };
        let revision = signed.iter().find_map(revision);
        Ok(revision.map_or_else(|| "signed".to_owned(), |revision| format!("signed, of revision {revision}")))
    }
}

/// One of them is good; else what is wrong with the last.
fn any(all: &[&Value], check: impl Fn(&Value) -> Result<(), Problem>) -> Result<(), Problem> {
    let mut result = Ok(());
    for one in all {
        result = check(one);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// An architecture by Go's name for it.
fn arch(name: &str) -> Option<Arch> {
    [Arch::X64, Arch::Arm64].into_iter().find(|arch| arch.oci() == name)
}
