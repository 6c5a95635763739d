//! The rules for a recipe, but for its steps.

use medic_model::recipe::{Location, Recipe};
use medic_model::{ByteSize, RelPath};

use super::remark::Remark;
use super::workspace::{Defined, Workspace, files};
use super::{rules, steps, tools};

/// A source that is larger is none that we know of: a limit above it is none.
const LARGEST: ByteSize = ByteSize(256 << 20);
/// The longest summary that lists show whole.
const SUMMARY: usize = 120;
/// Looks at a recipe.
pub fn recipe(workspace: &Workspace, recipe: &Defined<Recipe>, now: u64) -> Vec<Remark> {
    let mut remarks = Vec::new();
    needs(workspace, recipe, &mut remarks);
    beside(recipe, &mut remarks);
    heading(recipe, now, &mut remarks);
    licence(recipe, &mut remarks);
    sources(recipe, &mut remarks);
    remarks.extend(tools::tools(workspace, recipe));
    remarks.extend(steps::steps(workspace, recipe));
    remarks
}

fn needs(workspace: &Workspace, recipe: &Defined<Recipe>, remarks: &mut Vec<Remark>) {
    for need in recipe.value.needs.iter().filter(|need| !workspace.known.contains_key(*need)) {
        let near =
            crate::definitions::nearest(need.as_str(), workspace.known.keys().map(ToString::to_string));
        let near = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
        let place = recipe.document.word("needs", need.as_str());
        let message = format!("'needs' names '{need}', and there is no such recipe that can be read{near}");
        remarks.push(recipe.remark(&rules::UNKNOWN_NAME, place, message));
    }
}

/// Files beside the recipe: each is named once, and what is named is there.
fn beside(recipe: &Defined<Recipe>, remarks: &mut Vec<Remark>) {
    let named = |key: &'static str, paths: &[RelPath], remarks: &mut Vec<Remark>| {
        for path in paths.iter().filter(|path| !recipe.folder.join(path).is_file()) {
            let place = recipe.document.word(key, path.as_str());
            let message = format!("'{key}' names '{path}', which is not beside the recipe");
            remarks.push(recipe.remark(&rules::MISSING_FILE, place, message));
        }
    };
    named("patches", &recipe.value.patches, remarks);
    named("files", &recipe.value.files, remarks);
    let home = format!("recipes/{}/", recipe.value.name);
    let local = |file: &str| {
        let sources = recipe.value.file_sources().flat_map(|source| &source.locations);
        sources.into_iter().any(|location| match location {
            Location::Path(path) => path.as_str().strip_prefix(&home) == Some(file),
            _ => false,
        })
    };
    for file in files(&recipe.folder) {
        let paths = recipe.value.patches.iter().chain(&recipe.value.files);
        if file != "recipe.yaml" && !paths.into_iter().any(|path| path.as_str() == file) && !local(&file) {
            let remark = Remark {
                file: format!("{home}{file}"),
                ..recipe.remark(&rules::UNUSED_FILE, (1, 1), "the recipe does not name it")
            };
            remarks.push(remark);
        }
    }
}

fn heading(recipe: &Defined<Recipe>, now: u64, remarks: &mut Vec<Remark>) {
    let value = &recipe.value;
    let mut remark = |rule, key, message: String| {
        remarks.push(recipe.remark(rule, recipe.document.key(key), message));
    };
    // A day begins earlier in other parts of the world.
    if value.released.epoch() > now.saturating_add(86_400) {
        remark(&rules::RELEASED, "released", format!("{} is in the future", value.released));
    }
    if let Some(fault) = summary_fault(&value.summary, value.name.as_str()) {
        remark(&rules::SUMMARY, "summary", fault.to_owned());
    }
    if !value.homepage.starts_with("https://") {
        remark(
            &rules::INSECURE_URL,
            "homepage",
            format!("'{}' does not begin with https://", value.homepage),
        );
    }
}

fn summary_fault(summary: &str, name: &str) -> Option<&'static str> {
    let begins_well = summary.starts_with(|c: char| !c.is_lowercase()) || summary.starts_with(name);
    if summary.trim().is_empty() {
        Some("the summary is empty")
    } else if summary.contains('\n') || summary.trim() != summary {
        Some("the summary is not one line without blanks around it")
    } else if summary.chars().count() > SUMMARY {
        Some("the summary is longer than 120 letters")
    } else if summary.ends_with('.') {
        Some("the summary ends with a full stop")
    } else if !begins_well {
        Some("the summary begins with a small letter")
    } else {
        None
    }
}

fn licence(recipe: &Defined<Recipe>, remarks: &mut Vec<Remark>) {
    let value = &recipe.value;
    if let Some(fault) = licence_fault(&value.licence) {
        remarks.push(recipe.remark(&rules::LICENCE, recipe.document.key("licence"), fault));
    }
    if value.licence_files.is_empty() {
        let message = "there is no 'licence_files'".to_owned();
        remarks.push(recipe.remark(&rules::LICENCE_FILES, recipe.document.key("licence"), message));
    }
}

/// Why a text is no SPDX licence expression (SPDX specification 2.3, annex D).
fn licence_fault(licence: &str) -> Option<String> {
    let error = spdx::Expression::parse(licence).err()?;
    let part = licence.get(error.span.clone()).filter(|part| !part.is_empty());
    let part = part.map_or_else(String::new, |part| format!("'{part}': "));
    Some(format!("'{licence}' is no SPDX expression: {part}{}", error.reason))
}

fn sources(recipe: &Defined<Recipe>, remarks: &mut Vec<Remark>) {
    for source in recipe.value.file_sources() {
        let digest = source.sha256.to_string();
        let place = recipe.document.word("sources", &digest);
        // A file of the workspace is where the workspace is.
        let in_workspace = source.locations.iter().any(|location| matches!(location, Location::Path(_)));
        if source.locations.len() < 2 && !in_workspace {
            let message = "the source can be had in one place only".to_owned();
            remarks.push(recipe.remark(&rules::ONE_LOCATION, place, message));
        }
        if source.max_size > LARGEST && !in_workspace {
            let message = format!("up to {} may be downloaded for it", source.max_size);
            remarks.push(recipe.remark(&rules::MAX_SIZE, place, message));
        }
        for location in &source.locations {
            let address = match location {
                Location::Url(url) => url,
                Location::Git(tree) => &tree.url,
                _ => continue,
            };
            if address.starts_with("http://") || address.starts_with("git://") {
                let place = recipe.document.word("sources", address);
                let message = format!("'{address}' does not begin with https://");
                remarks.push(recipe.remark(&rules::INSECURE_URL, place, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_spdx_expressions_are_licences() {
        for good in [
            "Zlib",
            "MIT OR Apache-2.0",
            "BSD-3-Clause WITH PCRE2-exception",
            "LicenseRef-ours",
            "(MIT AND Zlib) OR ISC",
        ] {
            assert_eq!(licence_fault(good), None, "{good}");
        }
        for (bad, says) in [
            ("GPLv2", "GPLv2"),
            ("MIT/Apache-2.0", "/"),
            ("", ""),
            ("GPL-2.0", "deprecated"),
            ("MIT AND", ""),
        ] {
            let fault = licence_fault(bad).unwrap_or_else(|| panic!("{bad} was taken"));
            assert!(fault.contains(says), "{fault}");
        }
    }

    #[test]
    fn a_summary_is_a_heading() {
        assert_eq!(summary_fault("HTTP server and reverse proxy", "nginx"), None);
        assert_eq!(summary_fault("nginx from source", "nginx"), None);
        for bad in ["", "a server", "A server.", "A\nserver", " A server", &"A".repeat(121)] {
            assert!(summary_fault(bad, "nginx").is_some(), "{bad:?} was taken");
        }
    }
}
