//! The SPDX document of a package: the archive with every file, what is in it and linked into it, and what it was built with.
//!
//! | relationship | between |
//! | --- | --- |
//! | `DESCRIBES` | the document and the package |
//! | `CONTAINS` | the package and its files, and the components that it ships |
//! | `STATIC_LINK` | a component and what is linked into it: components, libraries of the toolchain, crates |
//! | `GENERATED_FROM` | a component and its sources, where it has several |
//! | `PATCH_APPLIED` | a patch and the component |
//! | `BUILD_TOOL_OF`, `BUILD_DEPENDENCY_OF` | toolchain, build root and build-time crates, and the component |

pub mod document;
mod image;
mod listed;
mod parts;

use medic_model::recipe::{FileSource, Recipe};
use medic_model::roots::ToolchainLibrary;
use medic_model::{Purl, Sha1, Sha256};
use sha1::Digest as _;

use super::facts::{ComponentFact, CrateFact, Facts, FileFact, ToolchainFact};
use super::identify::{
    Identity, cpe_names, debian_package, download, hint, main_source, purl_of_file, registry, repository,
};
use super::licence::{Licence, NOASSERTION};
use crate::component::{ResolvedSource, file_name};
use document::{Checksum, ExternalRef, Package, Purpose, Relation, VerificationCode};
pub use image::of_image;
use listed::{Listed, file_of};
pub use parts::Written;
use parts::{Head, Parts, id};

/// The document of a package.
pub fn of_package<'a>(facts: &'a Facts<'_>) -> Written<'a> {
    let package = package(facts);
    let listed = Listed::new(package.id.clone(), facts.manifest.name.as_str(), &facts.files);
    let mut parts = Parts::of_files(listed);
    for component in &facts.components {
        let id = self::component(&mut parts, component);
        if component.shipped {
            parts.relate(&package.id, Relation::Contains, &id);
        }
        around(&mut parts, facts, component, &id);
    }
    let described = package.id.clone();
    parts.package(package);
    let manifest = facts.manifest;
    parts.document(Head {
        name: format!("{}-v{}-{}", manifest.name, manifest.version, manifest.arch),
        described,
        created: format!("{}T00:00:00Z", facts.released),
        digest: facts.archive,
    })
}

/// The package itself: the archive.
fn package(facts: &Facts<'_>) -> Package {
    let manifest = facts.manifest;
    let (name, version) = (manifest.name.to_string(), manifest.version.to_string());
    let purl = Purl::new("generic", &format!("medic-os/{name}"), &version)
        .with("arch", manifest.arch.to_string())
        .with("checksum", format!("sha256:{}", facts.archive));
    Package {
        package_file_name: Some(manifest.archive_name()),
        supplier: parts::SUPPLIER.to_owned(),
        files_analyzed: true,
        package_verification_code: Some(verification_code(&facts.files)),
        checksums: vec![Checksum::new("SHA256", facts.archive)],
        license_declared: manifest.licence.clone(),
        summary: Some(manifest.summary.clone()),
        external_refs: references(&purl, &[]),
        primary_package_purpose: Some(Purpose::Install),
        ..bare(id(&["Package", &name]), &name, &version)
    }
}

/// SHA-1 over the SHA-1 digests of all files, sorted (clause 7.9).
fn verification_code(files: &[FileFact]) -> VerificationCode {
    let mut digests: Vec<Sha1> = files.iter().map(|file| file.sha1).collect();
    digests.sort_unstable();
    let mut code = sha1::Sha1::new();
    digests.iter().for_each(|digest| code.update(digest.to_string()));
    VerificationCode { package_verification_code_value: Sha1::from_bytes(code.finalize().into()).to_string() }
}

/// Enough of a digest to tell a few thousand things apart.
fn short(digest: &Sha256) -> String {
    digest.to_string()[..16].to_owned()
}

fn component(parts: &mut Parts<'_>, component: &ComponentFact<'_>) -> String {
    let recipe = component.recipe;
    let identity = Identity::of(recipe, component.sources);
    let main = main_source(component.sources);
    let id = component_id(recipe);
    parts.licence(&component.licence);
    parts.package(Package {
        download_location: identity.download.unwrap_or_else(|| NOASSERTION.to_owned()),
        checksums: checksums(component, main),
        homepage: Some(recipe.homepage.clone()),
        source_info: source_info(component, main),
        license_declared: component.licence.expression.clone(),
        summary: Some(recipe.summary.clone()),
        external_refs: references(&identity.purl, &identity.cpe),
        primary_package_purpose: (!component.shipped).then_some(Purpose::Library),
        release_date: Some(format!("{}T00:00:00Z", recipe.released)),
        ..bare(id.clone(), recipe.name.as_str(), &recipe.version.to_string())
    });
    id
}

fn component_id(recipe: &Recipe) -> String {
    id(&["Component", recipe.name.as_str(), &recipe.version.to_string()])
}

fn checksums(component: &ComponentFact<'_>, main: Option<&FileSource>) -> Vec<Checksum> {
    if let Some(main) = main {
        let sha512 = main.sha512.map(|digest| Checksum::new("SHA512", digest));
        return [Checksum::new("SHA256", main.sha256)].into_iter().chain(sha512).collect();
    }
    let workspace = component.sources.iter().find_map(|source| match source {
        ResolvedSource::Workspace { digest, .. } => Some(*digest),
        ResolvedSource::File(_) | ResolvedSource::Crates { .. } => None,
    });
    let digest = workspace.or_else(|| component.origin.map(|package| package.sha256));
    digest.into_iter().map(|digest| Checksum::new("SHA256", digest)).collect()
}

/// What the checksum is of, and where the builder was told to look for it.
fn source_info(component: &ComponentFact<'_>, main: Option<&FileSource>) -> Option<String> {
    if let Some(main) = main {
        let hints: Vec<String> = main.locations.iter().map(hint).collect();
        return Some(format!("The digest is that of the file {}: {}", file_name(main), hints.join(", ")));
    }
    let own = component.sources.iter().any(|source| matches!(source, ResolvedSource::Workspace { .. }));
    if own {
        return Some(
            "The digest is that of the workspace's sources, reduced to this package, as a canonical tar"
                .to_owned(),
        );
    }
    let package = component.origin?;
    Some(format!("Built from the Debian package {} of the build root, whose digest this is", package.file))
}

/// What a component is linked with and built with.
fn around(parts: &mut Parts<'_>, facts: &Facts<'_>, component: &ComponentFact<'_>, id: &str) {
    for need in component.inputs.needs.keys() {
        if let Some(other) = facts.components.iter().find(|other| other.recipe.name == *need) {
            parts.relate(id, Relation::StaticLink, &component_id(other.recipe));
        }
    }
    let toolchain = facts.toolchain;
    for library in
        toolchain.definition.libraries.iter().filter(|l| component.libraries.contains(l.name.as_str()))
    {
        let library = library_of(parts, toolchain, library);
        parts.relate(id, Relation::StaticLink, &library);
    }
    for krate in &component.crates {
        let other = crate_of(parts, krate);
        if krate.linked {
            parts.relate(id, Relation::StaticLink, &other);
        } else {
            parts.relate(&other, Relation::BuildDependencyOf, id);
        }
    }
    for patch in &component.patches {
        let file = file_of(
            &format!("Patch-{}", component.recipe.name),
            &format!("./recipes/{}/", component.recipe.name),
            patch,
        );
        parts.relate(&file.id, Relation::PatchApplied, id);
        parts.file(file);
    }
    further_sources(parts, component, id);
    for tool in [compiler(parts, toolchain), build_root(parts, component)] {
        parts.relate(&tool, Relation::BuildToolOf, id);
    }
}

/// The file sources besides the main one.
fn further_sources(parts: &mut Parts<'_>, component: &ComponentFact<'_>, own: &str) {
    let main = main_source(component.sources).map(|file| file.sha256);
    for source in component.sources {
        let ResolvedSource::File(file) = source else { continue };
        if Some(file.sha256) == main {
            continue;
        }
        let name = file_name(file).to_string();
        let purl = purl_of_file(component.recipe, file);
        let source = Package {
            download_location: file
                .locations
                .iter()
                .find_map(download)
                .unwrap_or_else(|| NOASSERTION.to_owned()),
            package_file_name: Some(name.clone()),
            checksums: vec![Checksum::new("SHA256", file.sha256)],
            external_refs: references(&purl, &[]),
            primary_package_purpose: Some(Purpose::Source),
            ..bare(id(&["Source", &short(&file.sha256)]), &name, purl.version().unwrap_or(NOASSERTION))
        };
        parts.relate(own, Relation::GeneratedFrom, &source.id);
        parts.package(source);
    }
}

/// A library that came with the compiler.
fn library_of(parts: &mut Parts<'_>, toolchain: ToolchainFact<'_>, library: &ToolchainLibrary) -> String {
    let version = library.version.to_string();
    let made = || {
        let purl = Purl::new("generic", library.name.as_str(), &version);
        match &library.url {
            Some(url) => purl.with("download_url", url.as_str()),
            None => purl,
        }
    };
    let purl = library.purl.clone().map_or_else(made, |purl| purl.or_version(&library.version));
    let licence = Licence::declared(&library.licence, None);
    let id = id(&["Library", library.name.as_str(), &version]);
    parts.licence(&licence);
    parts.package(Package {
        download_location: library
            .url
            .clone()
            .or_else(|| repository(&purl))
            .unwrap_or_else(|| NOASSERTION.to_owned()),
        checksums: vec![Checksum::new("SHA256", toolchain.source.sha256)],
        homepage: Some(library.homepage.clone()),
        source_info: Some(format!(
            "Compiled from the folder {} of {} {}; the digest is that of its distribution {}",
            library.folder,
            toolchain.definition.name,
            toolchain.definition.version,
            file_name(toolchain.source)
        )),
        license_declared: licence.expression,
        external_refs: references(&purl, &cpe_names(&library.cpe, &library.version)),
        primary_package_purpose: Some(Purpose::Library),
        ..bare(id.clone(), library.name.as_str(), &version)
    });
    id
}

fn crate_of(parts: &mut Parts<'_>, krate: &CrateFact) -> String {
    let id = id(&["Crate", &krate.name, &krate.version]);
    let purl = Purl::new("cargo", &krate.name, &krate.version);
    parts.licence(&krate.licence);
    parts.package(Package {
        download_location: krate.download.clone().unwrap_or_else(|| NOASSERTION.to_owned()),
        checksums: vec![Checksum::new("SHA256", krate.sha256)],
        homepage: krate.homepage.clone(),
        source_info: Some(format!(
            "The digest is that of the file {}-{}.crate, as Cargo.lock has it",
            krate.name, krate.version
        )),
        license_declared: krate.licence.expression.clone(),
        external_refs: references(&purl, &[]),
        primary_package_purpose: Some(Purpose::Library),
        ..bare(id.clone(), &krate.name, &krate.version)
    });
    id
}

fn compiler(parts: &mut Parts<'_>, toolchain: ToolchainFact<'_>) -> String {
    let (definition, source) = (toolchain.definition, toolchain.source);
    let (name, version) = (definition.name.to_string(), definition.version.to_string());
    let id = id(&["Toolchain", &name, &version]);
    let licence = Licence::declared(&definition.licence, None);
    let purl = source.locations.iter().find_map(registry);
    parts.licence(&licence);
    parts.package(Package {
        package_file_name: Some(file_name(source).to_string()),
        download_location: source
            .locations
            .iter()
            .find_map(download)
            .unwrap_or_else(|| NOASSERTION.to_owned()),
        checksums: vec![Checksum::new("SHA256", source.sha256)],
        license_declared: licence.expression,
        external_refs: purl.iter().flat_map(|purl| references(purl, &[])).collect(),
        primary_package_purpose: Some(Purpose::Application),
        ..bare(id.clone(), &name, &version)
    });
    id
}

/// The Debian root that a component was built in: one package, since it is not shipped. The statement of provenance has what
/// it is made of.
fn build_root(parts: &mut Parts<'_>, component: &ComponentFact<'_>) -> String {
    let (name, identity) = (&component.recipe.root, component.inputs.root);
    let id = id(&["BuildRoot", name, &short(&identity)]);
    let debian = component.root.iter().filter(|package| debian_package(&package.file).is_some()).count();
    parts.package(Package {
        source_info: Some(format!(
            "{debian} Debian packages, which the package's provenance lists; the version is the digest of their list"
        )),
        primary_package_purpose: Some(Purpose::Other),
        ..bare(id.clone(), &format!("build-root-{name}"), &identity.to_string())
    });
    id
}

/// A package of which nothing is known but its name and version.
fn bare(id: String, name: &str, version: &str) -> Package {
    let unknown = || NOASSERTION.to_owned();
    Package {
        id,
        name: name.to_owned(),
        version_info: version.to_owned(),
        package_file_name: None,
        supplier: unknown(),
        download_location: unknown(),
        files_analyzed: false,
        package_verification_code: None,
        checksums: Vec::new(),
        homepage: None,
        source_info: None,
        license_concluded: unknown(),
        license_declared: unknown(),
        copyright_text: unknown(),
        summary: None,
        external_refs: Vec::new(),
        primary_package_purpose: None,
        release_date: None,
    }
}

fn references(purl: &Purl, cpe: &[String]) -> Vec<ExternalRef> {
    let reference = |category: &str, kind: &str, locator: String| ExternalRef {
        reference_category: category.to_owned(),
        reference_type: kind.to_owned(),
        reference_locator: locator,
    };
    let names = cpe.iter().map(|name| reference("SECURITY", "cpe23Type", name.clone()));
    [reference("PACKAGE-MANAGER", "purl", purl.to_string())].into_iter().chain(names).collect()
}
