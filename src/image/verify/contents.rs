//! What an SBOM and a statement of provenance name, beside the packages that are in the image.

use std::collections::BTreeSet;

use serde_json::Value;

use super::layer::Listed;
use super::problem::Problem;

/// Where archives' names end.
const ARCHIVE: &str = ".pkg.tar.zst";

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn words(name: &str, version: &str) -> String {
    format!("{} {}", name.escape_debug(), version.escape_debug())
}

fn named(packages: &BTreeSet<Listed>) -> BTreeSet<String> {
    packages.iter().map(|one| words(one.name.as_str(), one.version.as_str())).collect()
}

/// An SPDX document lists every package of the image, and says of no other that the image holds it.
pub(super) fn sbom(document: &Value, packages: &BTreeSet<Listed>) -> Result<(), Problem> {
    let there = named(packages);
    let of = |package: &Value| words(text(package, "name"), text(package, "versionInfo"));
    let listed: BTreeSet<String> = list(document, "packages").map(of).collect();
    let lacking: Vec<String> = there.difference(&listed).cloned().collect();
    if !lacking.is_empty() {
        return Err(Problem::Lacks { what: "SBOM", packages: lacking });
    }
    let related = |first: &str, relation: &str| -> BTreeSet<&str> {
        let of =
            |one: &&Value| text(one, "spdxElementId") == first && text(one, "relationshipType") == relation;
        list(document, "relationships").filter(of).map(|one| text(one, "relatedSpdxElement")).collect()
    };
    let described = related("SPDXRef-DOCUMENT", "DESCRIBES");
    let held: BTreeSet<&str> = described.iter().flat_map(|one| related(one, "CONTAINS")).collect();
    let is_held = |package: &&Value| held.contains(text(package, "SPDXID"));
    let more = list(document, "packages").filter(is_held).map(of).filter(|one| !there.contains(one));
    let more: BTreeSet<String> = more.collect();
    if more.is_empty() {
        return Ok(());
    }
    Err(Problem::NamesMore { packages: more.into_iter().collect() })
}

/// A statement of provenance by this builder names the archive of every package of the image. Those of other builders are their own
/// matter.
pub(super) fn provenance(
    predicate: &Value,
    packages: &BTreeSet<Listed>,
    build_type: &str,
) -> Result<(), Problem> {
    let definition = &predicate["buildDefinition"];
    if text(definition, "buildType") != build_type {
        return Ok(());
    }
    let archives: BTreeSet<&str> =
        list(definition, "resolvedDependencies").map(|one| text(one, "name")).collect();
    let is_named = |one: &&Listed| {
        let stem = format!("{}-v{}-", one.name, one.version);
        archives.iter().any(|name| {
            let arch = name.strip_prefix(&stem).and_then(|rest| rest.strip_suffix(ARCHIVE));
            arch.is_some_and(|arch| arch.parse::<medic_model::Arch>().is_ok())
        })
    };
    let lacking: BTreeSet<Listed> = packages.iter().filter(|one| !is_named(one)).cloned().collect();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Problem::Lacks { what: "provenance", packages: named(&lacking).into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn packages(all: &[(&str, &str)]) -> BTreeSet<Listed> {
        let one = |(name, version): &(&str, &str)| Listed {
            name: name.parse().expect("a name"),
            version: version.parse().expect("a version"),
        };
        all.iter().map(one).collect()
    }

    fn document() -> Value {
        let package =
            |id: &str, name: &str, version: &str| json!({"SPDXID": id, "name": name, "versionInfo": version});
        let relation = |first: &str, relation: &str, second: &str| json!({"spdxElementId": first, "relationshipType": relation, "relatedSpdxElement": second});
        json!({
            "packages": [package("I", "web", "1"), package("A", "a", "1"), package("B", "b", "2+x"), package("C", "libz", "3")],
            "relationships": [
                relation("SPDXRef-DOCUMENT", "DESCRIBES", "I"), relation("I", "CONTAINS", "A"), relation("I", "CONTAINS", "B"),
                relation("A", "CONTAINS", "C"),
            ],
        })
    }

    #[test]
    fn an_sbom_names_what_is_in_the_image_and_nothing_else() {
        let check = |all: &[(&str, &str)]| sbom(&document(), &packages(all));
        assert_eq!(check(&[("a", "1"), ("b", "2+x")]), Ok(()));
        let lacks = |packages: &[&str]| {
            Err(Problem::Lacks {
                what: "SBOM",
                packages: packages.iter().map(|one| (*one).to_owned()).collect(),
            })
        };
        assert_eq!(check(&[("a", "1"), ("b", "2"), ("d", "1")]), lacks(&["b 2", "d 1"]));
        assert_eq!(check(&[("a", "1")]), Err(Problem::NamesMore { packages: vec!["b 2+x".to_owned()] }));
        for empty in [Value::Null, json!({}), json!({"packages": 7, "relationships": [7]})] {
            assert_eq!(sbom(&empty, &packages(&[("a", "1")])), lacks(&["a 1"]));
        }
    }

    #[test]
    fn provenance_names_the_archive_of_every_package() {
        let predicate = json!({"buildDefinition": {"buildType": "ours", "resolvedDependencies":
            [{"name": "a-v1-x64.pkg.tar.zst"}, {"name": "b-v1-r2-arm64.pkg.tar.zst"}, {"name": "c-v1-src.pkg.tar.zst"}]}});
        let check = |all: &[(&str, &str)], kind: &str| provenance(&predicate, &packages(all), kind);
        assert_eq!(check(&[("a", "1"), ("b", "1-r2")], "ours"), Ok(()));
        for other in [("a", "2"), ("b", "1"), ("c", "1")] {
            let name = format!("{} {}", other.0, other.1);
            let expected = Err(Problem::Lacks { what: "provenance", packages: vec![name] });
            assert_eq!(check(&[("a", "1"), other], "ours"), expected);
            assert_eq!(check(&[other], "another"), Ok(()));
        }
    }
}
