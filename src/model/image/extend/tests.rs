//! Images that extend others, and what they must not say.

use super::*;

const BASE: &str = "
name: base
title: Base
version_of: medic-os
packages: [medic-os, busybox >=1.30]
links:
  /bin: {package: busybox, path: bin}
users: [{name: www, id: 101}]
groups: [{name: certs, id: 300}]
environment: {PATH: /bin, LEVEL: low}
ports: [80/tcp]
volumes: [/srv]
entrypoint: [/boot/init]
stop_grace: 20s
labels: {a: b}
";

const OWN: &str = "
name: web
extends: base
title: Web
version_of: nginx
packages: ['nginx >=1.28, <2', busybox <2]
layers: [[medic-os, busybox]]
platforms: [x64]
links:
  /bin: {package: busybox, path: bin}
  /etc/x: {package: nginx, path: x}
groups: [{name: certs, id: 300, members: [www]}]
environment: {LEVEL: high}
ports: [443/tcp, 80/tcp]
";

fn chain(texts: &[(&str, &str)]) -> Vec<(String, ImageDocument)> {
    let read = |(name, text): &(&str, &str)| {
        let file = format!("images/{name}.yaml");
        let document = ImageDocument::from_yaml(&file, text).unwrap_or_else(|error| panic!("{error}"));
        (file, document)
    };
    texts.iter().map(read).collect()
}

fn extended(own: &str, base: &str) -> Result<ImageDefinition, Fault> {
    extend(&chain(&[("web", own), ("base", base)]))
}

#[test]
fn fields_are_replaced_lists_grow_and_requirements_are_joined() {
    let image = extended(OWN, BASE).expect("they go together");
    let names: Vec<_> = image.packages.iter().map(PackageName::as_str).collect();
    assert_eq!(names, ["medic-os", "busybox", "nginx"]);
    let versions: Vec<_> = image.versions.iter().map(|(name, req)| format!("{name} {req}")).collect();
    assert_eq!(versions, ["busybox >=1.30, <2", "nginx >=1.28, <2"]);
    assert_eq!((image.title.as_str(), image.version_of.as_str()), ("Web", "nginx"));
    assert_eq!(image.environment["LEVEL"], "high");
    assert_eq!(image.environment["PATH"], "/bin");
    assert_eq!(image.ports.iter().map(ToString::to_string).collect::<Vec<_>>(), ["80/tcp", "443/tcp"]);
    assert_eq!((image.links.len(), image.entrypoint.len(), image.platforms), (2, 1, vec![Arch::X64]));
    assert_eq!(image.groups[0].members.len(), 1);
    assert_eq!(image.stop_grace, Some(Span::from_secs(20)));
    assert_eq!(image.labels["a"], "b");
}

#[test]
fn a_chain_may_be_longer_and_the_nearest_wins() {
    let middle = "name: middle\nextends: base\nenvironment: {LEVEL: middle, OTHER: x}\n";
    let image =
        extend(&chain(&[("web", OWN), ("middle", middle), ("base", BASE)])).expect("they go together");
    assert_eq!((image.environment["LEVEL"].as_str(), image.environment["OTHER"].as_str()), ("high", "x"));
}

#[test]
fn contradictions_name_both_files() {
    let cases = [
        ("{package: busybox, path: bin}\n  /etc", "{package: busybox, path: sbin}\n  /etc", "links"),
        ("busybox <2", "busybox <1", "packages"),
        ("platforms: [x64]", "users: [{name: www, id: 102}]", "users"),
        ("platforms: [x64]", "users: [{name: web, id: 101}]", "users"),
        ("id: 300, members", "id: 301, members", "groups"),
    ];
    for (from, to, key) in cases {
        assert!(OWN.contains(from), "{from}");
        let fault = extended(&OWN.replacen(from, to, 1), BASE).expect_err(to);
        assert_eq!((fault.document, fault.key), (0, key), "{fault}");
        assert!(fault.message.contains("images/base.yaml"), "{fault}");
    }
    let narrow = BASE.replace("volumes:", "platforms: [arm64]\nvolumes:");
    let fault = extended(OWN, &narrow).expect_err("it is for another platform");
    assert!(fault.message.contains("for x64, and images/base.yaml"), "{fault}");
}

#[test]
fn what_an_image_lacks_or_has_wrongly_is_said() {
    let alone = |from: &str, to: &str| {
        assert!(BASE.contains(from), "{from}");
        extend(&chain(&[("base", &BASE.replacen(from, to, 1))])).expect_err(to)
    };
    let cases = [
        ("title: Base\n", "", "'title' is missing"),
        ("version_of: medic-os\n", "", "'version_of' is missing"),
        ("entrypoint: [/boot/init]\n", "", "'entrypoint' is missing"),
        ("[/boot/init]", "[]", "'entrypoint' is empty"),
        ("version_of: medic-os", "version_of: nginx", "'packages' does not hold"),
        ("{package: busybox, path", "{package: nginx, path", "'packages' does not hold"),
        ("busybox >=1.30]", "busybox >=1.30, medic-os]", "twice"),
        ("stop_grace: 20s", "stop_grace: 9s", "give 10s or more"),
        ("volumes:", "platforms: []\nvolumes:", "'platforms' is empty"),
        ("volumes:", "layers: [[nginx]]\nvolumes:", "'layers' names 'nginx'"),
        ("volumes:", "layers: [[busybox], [busybox]]\nvolumes:", "in one layer"),
    ];
    for (from, to, said) in cases {
        let fault = alone(from, to);
        assert!(fault.message.contains(said), "{fault}");
    }
    let error =
        ImageDefinition::from_yaml("images/web.yaml", OWN).expect_err("it extends another").to_string();
    assert!(error.contains("'extends' names 'base'"), "{error}");
}
