//! Where a package comes from, as an in-toto statement (<https://in-toto.io/Statement/v1>) with a predicate of SLSA provenance
//! (<https://slsa.dev/provenance/v1>). Names of fields are those specifications' own.
//!
//! It holds no time at which anything was run, and no name of a machine: the same inputs give the same statement.

use std::collections::{BTreeMap, BTreeSet};

use medic_model::recipe::FileSource;
use medic_model::{Arch, ComponentName, PackageName, Sha256, Version};
use serde::Serialize;

use super::HOME;
use super::facts::{ComponentFact, Facts};
use super::identify::{debian_package, download, hint, registry};
use crate::component::{ResolvedSource, file_name};

/// A statement.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: Vec<Resource>,
    predicate_type: &'static str,
    predicate: Predicate,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    build_definition: BuildDefinition,
    run_details: RunDetails,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    build_type: String,
    external_parameters: External,
    internal_parameters: Internal,
    resolved_dependencies: Vec<Resource>,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct External {
    package: PackageName,
    version: Version,
    arch: Arch,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

/// What the builder made of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Internal {
    package_key: Sha256,
    components: BTreeMap<ComponentName, Component>,
    toolchain: Toolchain,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    version: Version,
    shipped: bool,
    action_key: Sha256,
    builder_format: u32,
    result: Sha256,
    needs: BTreeMap<ComponentName, Sha256>,
    environment: BTreeMap<String, String>,
    tested: bool,
    build_root: BuildRoot,
    toolchain: Sha256,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildRoot {
    name: String,
    identity: Sha256,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Toolchain {
    name: ComponentName,
    version: Version,
    identity: Sha256,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct RunDetails {
    builder: Builder,
    metadata: Metadata,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Builder {
    id: String,
    version: BTreeMap<&'static str, &'static str>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    invocation_id: String,
}

/// A resource descriptor
/// (<https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md>).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resource {
    name: String,
    digest: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    download_location: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, Annotation>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Annotation {
    Text(String),
    List(Vec<String>),
}

impl Serialize for Annotation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::List(list) => list.serialize(serializer),
        }
    }
}

/// The statement of a package.
pub fn of_package(facts: &Facts<'_>) -> Statement {
    let manifest = facts.manifest;
    let (definition, key) = (facts.toolchain.definition, manifest.provenance.action_key);
    Statement {
        kind: "https://in-toto.io/Statement/v1",
        subject: vec![resource(manifest.archive_name(), facts.archive)],
        predicate_type: "https://slsa.dev/provenance/v1",
        predicate: Predicate {
            build_definition: BuildDefinition {
                build_type: format!("{HOME}/blob/main/docs/build-type-package-v1.md"),
                external_parameters: External {
                    package: manifest.name.clone(),
                    version: manifest.version.clone(),
                    arch: manifest.arch,
                    revision: facts.revision.map(str::to_owned),
                },
                internal_parameters: Internal {
                    package_key: key,
                    components: facts.components.iter().map(component).collect(),
                    toolchain: Toolchain {
                        name: definition.name.clone(),
                        version: definition.version.clone(),
                        identity: facts.toolchain.identity,
                    },
                },
                resolved_dependencies: dependencies(facts),
            },
            run_details: RunDetails {
                builder: Builder {
                    id: format!("{HOME}/blob/main/docs/build-type-package-v1.md#builder"),
                    version: [("medic-build", env!("CARGO_PKG_VERSION"))].into(),
                },
                metadata: Metadata { invocation_id: key.to_string() },
            },
        },
    }
}

fn component(fact: &ComponentFact<'_>) -> (ComponentName, Component) {
    let inputs = fact.inputs;
    let component = Component {
        version: inputs.version.clone(),
        shipped: fact.shipped,
        action_key: fact.key,
        builder_format: inputs.builder,
        result: fact.tree,
        needs: inputs.needs.clone(),
        environment: inputs.environment.clone(),
        tested: inputs.test.is_some(),
        build_root: BuildRoot { name: fact.recipe.root.clone(), identity: inputs.root },
        toolchain: inputs.toolchain,
    };
    (inputs.component.clone(), component)
}

/// Everything that went in, each once, by name.
fn dependencies(facts: &Facts<'_>) -> Vec<Resource> {
    let mut all = BTreeSet::new();
    all.extend(facts.own.iter().map(|(path, digest)| {
        resource(path.clone(), *digest).annotated("kind", "the package's own files, as a canonical tar")
    }));
    all.insert(file(facts.toolchain.source).annotated("kind", "toolchain"));
    for component in &facts.components {
        all.extend(component.sources.iter().flat_map(sources));
        let beside = |path: &dyn std::fmt::Display| format!("recipes/{}/{path}", component.recipe.name);
        let inputs = component.inputs;
        let patches = inputs.patches.iter().map(|one| (one, "patch"));
        let files = inputs.files.iter().map(|one| (one, "file beside the recipe"));
        all.extend(
            patches
                .chain(files)
                .map(|(one, kind)| resource(beside(&one.path), one.sha256).annotated("kind", kind)),
        );
    }
    all.extend(build_roots(facts));
    all.into_iter().collect()
}

fn sources(source: &ResolvedSource) -> Vec<Resource> {
    match source {
        ResolvedSource::File(source) => vec![file(source).annotated("kind", "source")],
        ResolvedSource::Workspace { package, digest, .. } => vec![
            resource(format!("workspace/{package}"), *digest)
                .annotated("kind", "this workspace, reduced to the package, as a canonical tar"),
        ],
        ResolvedSource::Crates { crates, .. } => {
            crates.iter().map(|(_, archive)| file(archive).annotated("kind", "crate")).collect()
        }
    }
}

/// A fetched file, and where the recipe says that it may be had.
fn file(source: &FileSource) -> Resource {
    let mut resource = resource(file_name(source).to_string(), source.sha256);
    if let Some(sha512) = source.sha512 {
        resource.digest.insert("sha512", sha512.to_string());
    }
    let address = source.locations.iter().find_map(download);
    let purl = source.locations.iter().find_map(registry).map(|purl| purl.to_string());
    resource.uri = purl.or_else(|| address.clone());
    resource.download_location = address.filter(|address| !address.starts_with("git+"));
    let hints = source.locations.iter().map(hint).collect();
    resource.annotations.insert("locations", Annotation::List(hints));
    resource
}

/// The Debian packages of all build roots, each with the roots that it is part of.
fn build_roots(facts: &Facts<'_>) -> impl Iterator<Item = Resource> {
    let mut packages: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for component in &facts.components {
        for package in component.root {
            packages.entry(package).or_default().insert(component.recipe.root.clone());
        }
    }
    packages.into_iter().map(|(package, roots)| {
        let mut resource = resource(package.file.clone(), package.sha256)
            .annotated("kind", "Debian package of a build root");
        resource.uri = debian_package(&package.file).map(|(_, _, purl)| purl.to_string());
        resource.annotations.insert("roots", Annotation::List(roots.into_iter().collect()));
        resource
    })
}

/// Something of this name and digest.
pub(super) fn resource(name: String, sha256: Sha256) -> Resource {
    Resource {
        name,
        digest: [("sha256", sha256.to_string())].into(),
        uri: None,
        download_location: None,
        annotations: BTreeMap::new(),
    }
}

impl Resource {
    /// With a word more.
    pub(super) fn annotated(mut self, key: &'static str, text: &str) -> Self {
        self.annotations.insert(key, Annotation::Text(text.to_owned()));
        self
    }
}
