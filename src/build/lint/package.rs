//! The rules for a package: its names, scripts and settings.

use std::os::unix::fs::PermissionsExt as _;

use medic_model::package::PackageDefinition;

use super::remark::Remark;
use super::rules;
use super::syntax::Text;
use super::workspace::{Defined, Workspace, files};
use crate::checks::{Check, secrets_of};
use crate::definitions::nearest;

/// Read by other scripts and by people: not started.
const SOURCED: &str = "env";

/// Looks at a package.
pub fn package(workspace: &Workspace, package: &Defined<PackageDefinition>) -> Vec<Remark> {
    let mut remarks = names(workspace, package);
    remarks.extend(services(package));
    for (path, text) in scripts(package) {
        remarks.extend(script(package, &path, &text));
    }
    for path in files(&package.folder).iter().filter(|path| *path != "package.yaml") {
        let bytes = std::fs::read(package.folder.join(path)).unwrap_or_default();
        for what in secrets_of(path, &bytes) {
            remarks.push(beside(package, path, &rules::SETTING_SECRET, what));
        }
    }
    remarks
}

fn beside(package: &Defined<PackageDefinition>, path: &str, rule: &'static Check, message: String) -> Remark {
    Remark {
        file: format!("packages/{}/{path}", package.value.name),
        ..package.remark(rule, (1, 1), message)
    }
}

/// Components and dependencies that do not exist.
fn names(workspace: &Workspace, package: &Defined<PackageDefinition>) -> Vec<Remark> {
    let recipes: Vec<&str> = workspace.known.keys().map(|name| name.as_str()).collect();
    let provided = workspace.packages.iter().flat_map(|other| &other.value.provides);
    let names = workspace.packages.iter().map(|other| other.value.name.as_str());
    let packages: Vec<&str> = names.chain(provided.map(|provided| provided.name.as_str())).collect();
    let components =
        package.value.components.iter().map(|name| ("components", name.as_str(), &recipes, "recipe"));
    let depends =
        package.value.depends.iter().map(|other| ("depends", other.name.as_str(), &packages, "package"));
    let unknown = components.chain(depends).filter(|(_, name, known, _)| !known.contains(name));
    unknown
        .map(|(key, name, known, kind)| {
            let near = nearest(name, known.iter().map(|name| (*name).to_owned()));
            let near = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
            let message =
                format!("'{key}' names '{name}', and there is no such {kind} that can be read{near}");
            package.remark(&rules::UNKNOWN_NAME, package.document.word(key, name), message)
        })
        .collect()
}

/// Services have a script to run, and the other way round.
fn services(package: &Defined<PackageDefinition>) -> Vec<Remark> {
    // The scripts of a variant are those of the package that it stands in for, and looked at there.
    let folder = package.folder.with_file_name(package.value.installed_name().as_str());
    let run = files(&folder.join("scripts/run"));
    let services: Vec<&str> = package.value.services.keys().map(|name| name.as_str()).collect();
    let without = services.iter().filter(|name| !run.iter().any(|script| script == *name)).map(|name| {
        let message = format!("the service '{name}' has no scripts/run/{name}");
        package.remark(&rules::SERVICE_SCRIPT, package.document.word("services", name), message)
    });
    let unused = run.iter().filter(|script| !services.contains(&script.as_str())).map(|script| {
        let message = format!("there is no service '{script}' in package.yaml");
        beside(package, &format!("scripts/run/{script}"), &rules::SERVICE_SCRIPT, message)
    });
    without.chain(unused).collect()
}

/// The scripts that are text, with their paths below the package's folder.
fn scripts(package: &Defined<PackageDefinition>) -> Vec<(String, String)> {
    let scripts = files(&package.folder.join("scripts")).into_iter().map(|path| format!("scripts/{path}"));
    let read = |path: String| Some((std::fs::read_to_string(package.folder.join(&path)).ok()?, path));
    scripts.filter_map(read).map(|(text, path)| (path, text)).collect()
}

fn script(package: &Defined<PackageDefinition>, path: &str, text: &str) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if path == format!("scripts/{SOURCED}") {
        return remarks;
    }
    if let Some(fault) = shebang_fault(text) {
        remarks.push(beside(package, path, &rules::SHEBANG, fault));
    }
    let meta = std::fs::metadata(package.folder.join(path));
    if meta.is_ok_and(|meta| meta.permissions().mode() & 0o100 == 0) {
        remarks.push(beside(package, path, &rules::SCRIPT_MODE, "its owner may not run it".to_owned()));
    }
    remarks
}

/// Why the first line starts nothing in an image: /bin is busybox's, and software is below /srv.
fn shebang_fault(text: &str) -> Option<String> {
    let first = text.lines().next().unwrap_or_default();
    let Some(rest) = first.strip_prefix("#!") else {
        return Some("its first line is not #!/bin/sh".to_owned());
    };
    let mut words = rest.split_whitespace();
    let program = words.next().unwrap_or_default();
    let known =
        matches!(program, "/bin/sh" | "/bin/ash" | "/bin/busybox") || program.starts_with("/srv/software/");
    (!known).then(|| format!("'{program}' is in no image: use #!/bin/sh, or a program below /srv/software/<package>/current/default/"))
}

/// The scripts that a shell reads.
pub fn texts(package: &Defined<PackageDefinition>) -> Vec<Text> {
    let is_shell = |(path, text): &(String, String)| {
        path == &format!("scripts/{SOURCED}")
            || text.starts_with("#!/bin/sh")
            || text.starts_with("#!/bin/ash")
    };
    let text = |(path, text): (String, String)| Text {
        file: format!("packages/{}/{path}", package.value.name),
        line: 1,
        column: 1,
        text,
    };
    scripts(package).into_iter().filter(is_shell).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_image_has_is_started() {
        for good in ["#!/bin/sh\n", "#!/bin/sh -eu\n", "#!/srv/software/perl/current/default/bin/perl\n"] {
            assert_eq!(shebang_fault(good), None);
        }
        for bad in ["", "set -e\n", "#!/bin/bash\n", "#!/usr/bin/env sh\n", "#! \n"] {
            assert!(shebang_fault(bad).is_some(), "{bad:?} was taken");
        }
    }
}
