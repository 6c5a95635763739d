//! What is claimed beside an image: signatures, and signed statements, in each of the places and forms that cosign has for them.

use std::cell::RefCell;

use medic_model::Sha256;
use serde_json::Value;

use super::Source;
use super::problem::{Fault, Problem};
use super::read::{Descriptor, Document, MAX_ATTACHED, blob, by_digest, by_tag, parse, referrers};
use crate::attach::statement::SIGNED;
use crate::attach::{BUNDLE, Bundle, PredicateKind, SIGNATURE, Statement, tag};
use crate::sign::dsse::{self, Envelope};
use crate::sign::{PublicKey, payload};

/// The most bytes of a statement: the SBOM of an image of 100,000 files has 50 MB.
const MAX_STATEMENT: u64 = 128 << 20;

/// Something signed that stands beside an image.
#[derive(Debug)]
pub(super) struct Claim {
    /// `https://sigstore.dev/cosign/sign/v1` for a signature alone.
    pub kind: String,
    /// Whether the key has signed it. What is not is no more than a rumour.
    pub is_ours: bool,
    /// The SHA-256 digests of what it is of, without the algorithm.
    pub digests: Vec<String>,
    /// What it says; nothing in a signature alone.
    pub content: Value,
}

/// All that stands beside an image.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub all: Vec<Claim>,
    /// The blobs of SPDX documents that are attached as they are.
    pub documents: Vec<Descriptor>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Signatures,
    Everything,
}

impl Claims {
    /// Reads them.
    pub fn of(source: &dyn Source, digest: Sha256, key: &PublicKey, wanted: Wanted) -> Result<Self, Fault> {
        let reader = Reader { source, key, claims: RefCell::default() };
        if let Some(manifest) = by_tag(source, &tag(digest, ".sig"))? {
            reader.signatures(&manifest)?;
        }
        if wanted == Wanted::Everything
            && let Some(manifest) = by_tag(source, &tag(digest, ".att"))?
        {
            reader.attestations(&manifest)?;
        }
        if let Some(index) = referrers(source, digest)? {
            reader.referrers(&index, wanted)?;
        }
        Ok(reader.claims.into_inner())
    }

    /// Those of a kind.
    pub fn of_kind(&self, kind: &str) -> Vec<&Claim> {
        self.all.iter().filter(|claim| claim.kind == kind).collect()
    }
}

struct Reader<'a> {
    source: &'a dyn Source,
    key: &'a PublicKey,
    claims: RefCell<Claims>,
}

impl Reader<'_> {
    fn add(&self, claim: Claim) {
        self.claims.borrow_mut().all.push(claim);
    }

    fn layers(&self, what: &str, manifest: &[u8]) -> Result<Vec<Descriptor>, Fault> {
        let layers = parse(what, manifest)?.layers.unwrap_or_default();
        few(what, layers)
    }

    /// Simple signing: the payload is a blob, its signature an annotation.
    fn signatures(&self, manifest: &[u8]) -> Result<(), Fault> {
        for layer in self.layers("the manifest of the signatures", manifest)? {
            let signature =
                layer.annotations.get(SIGNATURE).filter(|_| layer.media_type == payload::MEDIA_TYPE);
            let Some(signature) = signature else { continue };
            let bytes = blob(self.source, "a signature's payload", &layer, payload::MAX_PAYLOAD)?;
            let digest = payload::digest(&bytes).unwrap_or_default();
            self.add(Claim {
                kind: SIGNED.to_owned(),
                is_ours: self.key.verifies(&bytes, signature),
                digests: vec![digest.trim_start_matches("sha256:").to_owned()],
                content: Value::Null,
            });
        }
        Ok(())
    }

    fn attestations(&self, manifest: &[u8]) -> Result<(), Fault> {
        for layer in self.layers("the manifest of the statements", manifest)? {
            if layer.media_type == dsse::MEDIA_TYPE {
                let what = "a signed statement";
                let bytes = blob(self.source, what, &layer, MAX_STATEMENT)?;
                let envelope =
                    serde_json::from_slice(&bytes).map_err(|error| Fault::unusable(what, error))?;
                self.envelope(&envelope);
            }
        }
        Ok(())
    }

    /// A statement that cannot be read claims nothing.
    fn envelope(&self, envelope: &Envelope) {
        let Some(bytes) = envelope.statement() else { return };
        let Ok(statement) = serde_json::from_slice::<Statement>(&bytes) else { return };
        self.add(Claim {
            is_ours: envelope.is_signed(&bytes, self.key),
            digests: statement.digests().map(str::to_owned).collect(),
            kind: statement.predicate_type,
            content: statement.predicate,
        });
    }

    fn referrers(&self, index: &[u8], wanted: Wanted) -> Result<(), Fault> {
        let what = "the index of what is attached";
        let entries = few(what, parse(what, index)?.manifests.unwrap_or_default())?;
        for entry in entries {
            let what = format!("what is attached as {}", entry.digest.escape_debug());
            let bytes = by_digest(self.source, &what, entry.sha256(&what)?, Some(entry.size))?;
            let manifest = parse(&what, &bytes)?;
            for layer in few(&what, manifest.layers.clone().unwrap_or_default())? {
                self.attached(&what, &manifest, layer, wanted)?;
            }
        }
        Ok(())
    }

    fn attached(
        &self,
        what: &str,
        manifest: &Document,
        layer: Descriptor,
        wanted: Wanted,
    ) -> Result<(), Fault> {
        // Told by the layer: cosign 2 does not write the artifact's type where it belongs.
        if layer.media_type == BUNDLE {
            let said = manifest.annotations.get("dev.sigstore.bundle.predicateType");
            if wanted == Wanted::Signatures && said.is_some_and(|kind| kind != SIGNED) {
                return Ok(());
            }
            let bytes = blob(self.source, what, &layer, MAX_STATEMENT)?;
            let bundle: Bundle =
                serde_json::from_slice(&bytes).map_err(|error| Fault::unusable(what, error))?;
            if let Some(envelope) = &bundle.dsse_envelope {
                self.envelope(envelope);
            }
        } else if manifest.artifact_type == "application/spdx+json" {
            self.claims.borrow_mut().documents.push(layer);
        }
        Ok(())
    }
}

/// No more of them than are looked at: the rest would only cost time.
fn few(what: &str, all: Vec<Descriptor>) -> Result<Vec<Descriptor>, Fault> {
    if all.len() > MAX_ATTACHED {
        return Err(Fault::unusable(
            what,
            format!("it names {} things: at most {MAX_ATTACHED} are looked at", all.len()),
        ));
    }
    Ok(all)
}

/// The signatures by the key that are of this digest: how many.
pub(super) fn signatures(claims: &Claims, digest: Sha256, key: &PublicKey) -> Result<usize, Problem> {
    let found = claims.of_kind(SIGNED);
    let ours: Vec<_> = found.iter().filter(|claim| claim.is_ours).collect();
    let good = ours.iter().filter(|claim| claim.digests.contains(&digest.to_string())).count();
    match (good, ours.len(), found.len()) {
        (1.., ..) => Ok(good),
        (_, _, 0) => Err(Problem::NoSignature { digest: digest.oci() }),
        (_, 0, found) => Err(Problem::WrongKey { digest: digest.oci(), found, key: key.id() }),
        _ => Err(Problem::SignedAnother {
            digest: digest.oci(),
            key: key.id(),
            signed: named(ours.iter().flat_map(|claim| &claim.digests)),
        }),
    }
}

/// The statements of a kind by the key that are of this digest: at least one.
pub(super) fn statements<'a>(
    claims: &'a Claims,
    kind: PredicateKind,
    digest: Sha256,
    key: &PublicKey,
) -> Result<Vec<&'a Value>, Problem> {
    let what = name(kind);
    let found = claims.of_kind(kind.uri());
    let ours: Vec<_> = found.iter().filter(|claim| claim.is_ours).collect();
    let good = ours.iter().filter(|claim| claim.digests.contains(&digest.to_string()));
    let good: Vec<&Value> = good.map(|claim| &claim.content).collect();
    match (good.is_empty(), ours.is_empty(), found.is_empty()) {
        (false, ..) => Ok(good),
        (_, _, true) => Err(Problem::NoStatement { what, digest: digest.oci() }),
        (_, true, _) => Err(Problem::StatementWrongKey { what, digest: digest.oci(), key: key.id() }),
        _ => Err(Problem::StatementOfAnother {
            what,
            digest: digest.oci(),
            about: named(ours.iter().flat_map(|claim| &claim.digests)),
        }),
    }
}

/// As people call it.
pub(super) fn name(kind: PredicateKind) -> &'static str {
    match kind {
        PredicateKind::Spdx => "SBOM",
        PredicateKind::Provenance => "provenance",
    }
}

fn named<'a>(digests: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut named: Vec<String> = digests.map(|digest| format!("sha256:{}", digest.escape_debug())).collect();
    named.sort();
    named.dedup();
    named
}

/// The document of a blob that is attached as it is.
pub(super) fn document(source: &dyn Source, descriptor: &Descriptor) -> Result<Value, Fault> {
    let what = "the attached SBOM";
    let bytes = blob(source, what, descriptor, MAX_STATEMENT)?;
    serde_json::from_slice(&bytes).map_err(|error| Fault::unusable(what, error))
}
