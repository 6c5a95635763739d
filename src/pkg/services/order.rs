//! In which order services are restarted.

use medic_model::Manifest;

use super::ServiceId;
use crate::depends::{self, Together};

/// The chosen services, each behind those of them that it comes `after`, whether directly or by way of others; where that leaves a
/// choice, packages behind those that they need, then by name. A circle is cut where it closes.
pub fn in_order(chosen: &[ServiceId], packages: &Together<'_>) -> Vec<ServiceId> {
    let mut order = Vec::new();
    let mut seen = Vec::new();
    for package in depends::in_order(packages) {
        let Some(manifest) = packages.get(&package) else { continue };
        for service in manifest.services.keys() {
            visit(ServiceId::new(&package, service), manifest, packages, &mut seen, &mut order);
        }
    }
    order.retain(|id| chosen.contains(id));
    order
}

fn visit(
    id: ServiceId,
    manifest: &Manifest,
    packages: &Together<'_>,
    seen: &mut Vec<ServiceId>,
    order: &mut Vec<ServiceId>,
) {
    let Some(definition) = manifest.services.get(&id.service) else { return };
    if seen.contains(&id) {
        return;
    }
    seen.push(id.clone());
    for first in &definition.after {
        let package = first.package.as_ref().unwrap_or(&id.package);
        if let Some(other) = packages.get(package) {
            visit(ServiceId::new(package, &first.service), other, packages, seen, order);
        }
    }
    order.push(id);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::manifest;

    /// A package that needs others, with services and what each comes after.
    fn package(name: &str, needs: &[&str], services: &[(&str, &[&str])]) -> Manifest {
        let mut manifest = manifest(name, "1");
        manifest.depends = needs.iter().map(|need| need.parse().expect("dependency")).collect();
        for (service, after) in services {
            let after = after.iter().map(|first| first.parse().expect("service")).collect();
            let definition = medic_model::service::Service { after, ..Default::default() };
            manifest.services.insert(service.parse().expect("name"), definition);
        }
        manifest
    }

    fn order(manifests: &[Manifest], chosen: &[&str]) -> String {
        let packages: Together<'_> = manifests.iter().map(|manifest| (&manifest.name, manifest)).collect();
        let id = |text: &&str| {
            let (package, service) = text.split_once('/').expect("a slash");
            ServiceId::new(&package.parse().expect("name"), &service.parse().expect("name"))
        };
        let order = in_order(&chosen.iter().map(id).collect::<Vec<_>>(), &packages);
        order.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn services_come_behind_those_they_come_after() {
        let app = package("app", &["data"], &[("api", &["data/db"]), ("jobs", &["api"]), ("all", &["jobs"])]);
        let data = package("data", &[], &[("db", &[]), ("report", &["app/api"])]);
        let all = [app, data];
        let every = ["app/all", "app/api", "app/jobs", "data/db", "data/report"];
        assert_eq!(order(&all, &every), "data/db app/api data/report app/jobs app/all");
        assert_eq!(order(&all, &["app/all", "data/db"]), "data/db app/all", "by way of others");
        let circle = [package("p", &[], &[("a", &["b"]), ("b", &["a"]), ("c", &["x/gone"])])];
        assert_eq!(order(&circle, &["p/a", "p/b", "p/c"]), "p/b p/a p/c");
    }
}
