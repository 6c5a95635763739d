//! The SPDX document of an image: those of its packages as one.

use medic_model::{Arch, Sha256};

use super::document::{Document, Package, Purpose, Relation};
use super::parts::{Head, Parts, SUPPLIER, Written, id};
use super::{bare, references};
use crate::key::digest_of;

/// The document of an image that holds packages, given theirs in the image's order.
pub fn of_image(name: &str, version: &str, arch: Arch, packages: Vec<Document>) -> Written<'static> {
    let mut parts = Parts::default();
    let namespaces: Vec<String> = packages.iter().map(|package| package.document_namespace.clone()).collect();
    let digest: Sha256 = digest_of(&namespaces);
    let created = packages.iter().map(|package| package.creation_info.created.clone()).max();
    let image = Package {
        supplier: SUPPLIER.to_owned(),
        external_refs: references(
            &medic_model::Purl::new("generic", &format!("medic-os/{name}-image"), version)
                .with("arch", arch.to_string()),
            &[],
        ),
        primary_package_purpose: Some(Purpose::Container),
        ..bare(id(&["Image", name]), name, version)
    };
    for package in packages {
        let described: Vec<String> = package
            .relationships
            .iter()
            .filter(|one| one.relationship_type == Relation::Describes)
            .map(|one| one.related_spdx_element.clone())
            .collect();
        parts.merge(package);
        described.iter().for_each(|one| parts.relate(&image.id, Relation::Contains, one));
    }
    let described = image.id.clone();
    parts.package(image);
    parts.document(Head {
        name: format!("{name}-image-{version}-{arch}"),
        described,
        created: created.unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned()),
        digest,
    })
}
