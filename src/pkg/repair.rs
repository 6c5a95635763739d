//! Putting right what `verify` has found: from the image, from what is kept in the volume, or from the archive.

use std::collections::BTreeMap;
use std::path::Path;

use medic_model::receipt::Origin;
use medic_model::{Receipt, Sha256, layout};
use medic_repository::{Network, http};

use crate::error::Error;
use crate::operation::{download, open_archive};
use crate::plan::{self, Candidate, From, Plan, Step};
use crate::repositories::Offers;
use crate::root::Root;
use crate::transaction::{Archive, Materials};
use crate::verify::{Finding, What};

/// Plans the repair of a package from what `verify` has found. Scripts and links come from the image or the volume; software of an
/// archive from that very archive, from where it came or from a repository. Edited settings and unknown files stay.
///
/// # Errors
/// What is needed is not to be had, or the file system cannot be looked at.
pub fn repair(
    root: &Root,
    receipt: &Receipt,
    findings: &[Finding],
    offers: Offers<'_>,
    network: &Network,
) -> Result<(Plan, Materials), Error> {
    let damage: Vec<&Finding> =
        findings.iter().filter(|found| found.what.is_damage() && found.what != What::Unknown).collect();
    if damage.is_empty() {
        return Ok((Plan::default(), Materials::default()));
    }
    let manifest = &receipt.manifest;
    let tree = layout::software_tree(&manifest.name, &manifest.version, manifest.arch);
    let in_software = |found: &&Finding| found.path == tree || found.path.below(&tree).is_some();
    let software: Vec<&Finding> = damage.iter().copied().filter(in_software).collect();
    // Permission bits alone need no bytes.
    let only_modes = software.iter().all(|found| matches!(found.what, What::Mode { .. }));
    let receipts = BTreeMap::from([(manifest.name.clone(), receipt.clone())]);
    let (from, archives) = match &receipt.origin {
        Origin::Bundle if software.iter().all(|found| found.path == tree) => (From::Bundle, BTreeMap::new()),
        Origin::Bundle => {
            return Err(no_repair(
                receipt,
                "its software is the image's own: start a new container".to_owned(),
            ));
        }
        Origin::Archive { .. } if only_modes => (From::Kept, BTreeMap::new()),
        Origin::Archive { sha256, location } => {
            let archive = archive(root, receipt, (*sha256, location), offers, network)?;
            (From::Archive, BTreeMap::from([(manifest.name.clone(), archive)]))
        }
    };
    let mut plan = plan::install(root, Candidate { manifest, from }, Some(receipt))?;
    if from != From::Archive {
        plan.after.extend(software.iter().filter_map(mode));
    }
    // A repair is no installation: its script has run.
    plan.scripts.clear();
    Ok((plan, Materials { archives, receipts }))
}

fn mode(found: &&Finding) -> Option<Step> {
    match found.what {
        What::Mode { expected, .. } => Some(Step::Mode { path: found.path.clone(), mode: expected }),
        _ => None,
    }
}

fn no_repair(receipt: &Receipt, why: String) -> Error {
    let (package, version) = (receipt.manifest.name.clone(), receipt.manifest.version.clone());
    Error::NoRepair { package, version, why }
}

/// The archive that the package came from, by its digest.
fn archive(
    root: &Root,
    receipt: &Receipt,
    (sha256, location): (Sha256, &str),
    offers: Offers<'_>,
    network: &Network,
) -> Result<Archive, Error> {
    for opened in offers.opened {
        if let Some(listed) = opened.repository.index().packages.iter().find(|listed| listed.sha256 == sha256)
        {
            let path = offers.fetch(root, opened, listed)?;
            return open_archive(&path, Some(sha256));
        }
    }
    if http::is_address(location) {
        return open_archive(
            &download(root, location, Some(sha256), network, offers.reporter)?,
            Some(sha256),
        );
    }
    let path = Path::new(location);
    let same = medic_archive::digest::of_file(path).is_ok_and(|found| found.sha256 == sha256);
    if same {
        return open_archive(path, Some(sha256));
    }
    Err(no_repair(
        receipt,
        format!(
            "its archive is neither '{location}' any more nor in a repository: install it again from elsewhere"
        ),
    ))
}
