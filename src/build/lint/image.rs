//! The rules for an image: what it names exists and fits together.

use std::collections::BTreeSet;

use medic_model::image::ImageDefinition;
use medic_model::package::PackageDefinition;

use super::remark::Remark;
use super::rules;
use super::workspace::{Defined, Workspace};
use crate::definitions::nearest;

/// Looks at an image.
pub fn image(workspace: &Workspace, image: &Defined<ImageDefinition>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut held: Vec<&PackageDefinition> = Vec::new();
    for name in &image.value.packages {
        match workspace.packages.iter().find(|package| package.value.name == *name) {
            Some(package) => held.push(&package.value),
            None => {
                let known = workspace.packages.iter().map(|package| package.value.name.to_string());
                let near = nearest(name.as_str(), known);
                let near = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
                let message =
                    format!("'packages' names '{name}', and there is no such package that can be read{near}");
                let place = image.document.word("packages", name.as_str());
                remarks.push(image.remark(&rules::UNKNOWN_NAME, place, message));
            }
        }
    }
    for package in &held {
        let is_held = |need: &medic_model::Dependency| {
            let provides =
                |other: &&PackageDefinition| other.provides.iter().any(|provided| need.is_met_by(provided));
            held.iter().any(|other| *other.installed_name() == need.name) || held.iter().any(provides)
        };
        for other in package.depends.iter().filter(|other| !is_held(other)) {
            let message =
                format!("'{}' depends on '{}', which the image does not hold", package.name, other.name);
            let place = image.document.word("packages", package.name.as_str());
            remarks.push(image.remark(&rules::IMAGE_INCOMPLETE, place, message));
        }
    }
    users(image, &held, &mut remarks);
    let mut ports = BTreeSet::new();
    for port in image.value.ports.iter().filter(|port| !ports.insert(**port)) {
        let place = image.document.word("ports", &port.to_string());
        remarks.push(image.remark(&rules::TWICE, place, format!("{port} is named twice")));
    }
    remarks
}

/// Users of the image and of its packages: each name has one number, and each number one name.
fn users(image: &Defined<ImageDefinition>, held: &[&PackageDefinition], remarks: &mut Vec<Remark>) {
    let mut seen: Vec<(&str, u32, String)> =
        vec![("root", 0, "every image".into()), ("nobody", 65534, "every image".into())];
    let of_packages = held.iter().flat_map(|package| {
        package.users.iter().map(move |user| (user, format!("the package '{}'", package.name)))
    });
    let of_image = image.value.users.iter().map(|user| (user, "the image".to_owned()));
    for (user, who) in of_image.chain(of_packages) {
        let name = user.name.as_str();
        if let Some((other, number, by)) =
            seen.iter().find(|(other, number, _)| (*other == name) != (*number == user.id))
        {
            let message = format!("{who} has '{name}' as {}, and {by} '{other}' as {number}", user.id);
            let place = image.document.word("packages", "packages");
            remarks.push(image.remark(&rules::USER_CONFLICT, place, message));
        }
        seen.push((name, user.id, who));
    }
}
