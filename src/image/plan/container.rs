//! How the container is started: the `config` of the image's configuration document.

use std::collections::{BTreeMap, BTreeSet};

use medic_model::image::{Healthcheck, ImageDefinition};
use medic_model::{ImageName, Manifest, Span, Version};

use super::{Facts, PlanError};
use crate::oci::documents::{ContainerConfig, Empty, HealthConfig};
use crate::time::rfc3339;

/// The label with the seconds that a container may take to end. No field of an image's configuration says it.
pub(crate) const STOP_GRACE: &str = "org.medic-os.stop-grace";

/// The container's configuration.
pub(super) fn config(
    definition: &ImageDefinition,
    chosen: &[&Manifest],
    version: &Version,
    facts: &Facts,
) -> Result<ContainerConfig, PlanError> {
    let bad = |key: &&String| key.is_empty() || key.contains(['=', '\0']);
    if let Some(key) = definition.environment.keys().find(bad) {
        return Err(PlanError::Environment(key.clone()));
    }
    let keys = |items: Vec<String>| items.into_iter().map(|key| (key, Empty {})).collect();
    Ok(ContainerConfig {
        exposed_ports: keys(definition.ports.iter().map(ToString::to_string).collect()),
        env: definition.environment.iter().map(|(key, value)| format!("{key}={value}")).collect(),
        entrypoint: definition.entrypoint.clone(),
        cmd: definition.command.clone(),
        volumes: keys(definition.volumes.iter().map(ToString::to_string).collect()),
        working_dir: "/".to_owned(),
        labels: labels(definition, chosen, version, facts)?,
        stop_signal: format!("SIG{}", definition.stop_signal),
        healthcheck: definition.healthcheck.as_ref().map(health),
    })
}

fn health(check: &Healthcheck) -> HealthConfig {
    let nanos = |span: Span| span.as_millis().saturating_mul(1_000_000);
    HealthConfig {
        test: std::iter::once("CMD".to_owned()).chain(check.command.iter().cloned()).collect(),
        interval: nanos(check.interval),
        timeout: nanos(check.timeout),
        start_period: check.start_period.map(nanos),
        retries: check.retries,
    }
}

/// The annotations that the OCI image specification defines (annotations.md, "Pre-Defined Annotation Keys"), then the
/// definition's own.
fn labels(
    definition: &ImageDefinition,
    chosen: &[&Manifest],
    version: &Version,
    facts: &Facts,
) -> Result<BTreeMap<String, String>, PlanError> {
    let values = [
        ("title", Some(definition.title.clone())),
        ("description", definition.description.clone()),
        ("version", Some(version.to_string())),
        ("created", Some(rfc3339(facts.created))),
        ("revision", facts.revision.clone()),
        ("source", facts.source.clone()),
        ("licenses", Some(licences(chosen))),
    ];
    let grace = definition.stop_grace.map(|grace| grace.as_millis().div_ceil(1000).to_string());
    let own = values.map(|(key, value)| (format!("org.opencontainers.image.{key}"), value));
    let mut labels = definition.labels.clone();
    for (key, value) in own.into_iter().chain([(STOP_GRACE.to_owned(), grace)]) {
        if labels.contains_key(&key) {
            return Err(PlanError::Label(key));
        }
        labels.extend(value.map(|value| (key, value)));
    }
    Ok(labels)
}

/// One SPDX expression over all packages: each different one once, joined by `AND` (SPDX 2.3, annex D).
fn licences(chosen: &[&Manifest]) -> String {
    let each: BTreeSet<&str> = chosen.iter().map(|manifest| manifest.licence.trim()).collect();
    let alone = each.len() == 1;
    // AND binds tighter than OR: only an expression with an OR in it needs parentheses beside others.
    let term = |text: &str| {
        if alone || !text.split_whitespace().any(|word| word == "OR") {
            text.to_owned()
        } else {
            format!("({text})")
        }
    };
    each.into_iter().map(term).collect::<Vec<_>>().join(" AND ")
}

/// Whether registries take the name: a path component of the OCI distribution specification ("Pulling manifests", `<name>`).
pub(super) fn check_repository_name(name: &ImageName) -> Result<(), PlanError> {
    let words = name.as_str().split(['.', '_', '-']);
    let plain =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let mut words = words.peekable();
    if words.peek().is_some() && words.all(plain) { Ok(()) } else { Err(PlanError::Name(name.clone())) }
}
