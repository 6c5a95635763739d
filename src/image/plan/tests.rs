//! Plans of small images, good and bad.

use std::collections::BTreeMap;

use medic_archive::Node;
use medic_model::image::ImageDefinition;
use medic_model::manifest::{Entry, FORMAT, Provenance};
use medic_model::package::User;
use medic_model::service::Service;
use medic_model::{Arch, Manifest, Sha256, layout};

use super::{Facts, Plan, PlanError};

const GOOD: &str = "
name: web
title: Web
version_of: nginx
packages: [medic-os, nginx]
links:
  /boot: {package: medic-os, path: boot}
  /etc/nginx.conf: {package: nginx, path: etc/deep/nginx.conf}
directories: {/var/tmp/cache: '0700', /opt: '0755'}
entrypoint: [/boot/init]
";

fn package(name: &str, version: &str, files: &[&str]) -> Manifest {
    let (name, version) = (name.parse().expect("a name"), version.parse().expect("a version"));
    let tree = layout::software_tree(&name, &version, Arch::X64);
    let mut packed = medic_archive::Tree::new();
    for file in files {
        let path = tree.join(&file.parse().expect("a path")).expect("short");
        packed.insert(path, Node::bytes(0o755, "x")).expect("free");
    }
    Manifest {
        format: FORMAT,
        summary: "for a test".to_owned(),
        licence: "MIT".to_owned(),
        arch: Arch::X64,
        depends: Vec::new(),
        conflicts: Vec::new(),
        provides: Vec::new(),
        data_compatible_from: None,
        users: Vec::new(),
        services: BTreeMap::new(),
        entries: medic_archive::package::entries(&packed).expect("listed"),
        provenance: Provenance { action_key: Sha256::from_bytes([1; 32]), components: Vec::new() },
        name,
        version,
    }
}

fn packages() -> Vec<Manifest> {
    vec![
        package("nginx", "1.30.6", &["bin/nginx", "etc/deep/nginx.conf"]),
        package("medic-os", "0.1.0", &["boot/init"]),
    ]
}

fn user(name: &str, id: u32) -> User {
    User { name: name.parse().expect("a name"), id }
}

fn definition(text: &str) -> ImageDefinition {
    ImageDefinition::from_yaml("images/web.yaml", text).expect("a definition")
}

fn plan_of(text: &str, manifests: &[Manifest]) -> Result<Plan, PlanError> {
    Plan::new(&definition(text), manifests, Arch::X64, &Facts::default())
}

#[track_caller]
fn refused(text: &str, manifests: &[Manifest]) -> String {
    plan_of(text, manifests).expect_err("refused").to_string()
}

fn node(plan: &Plan, path: &str) -> Option<Node> {
    plan.configuration.get(&path.parse().expect("a path")).cloned()
}

fn text(plan: &Plan, path: &str) -> String {
    match node(plan, path) {
        Some(Node::File { content: medic_archive::Content::Bytes(bytes), .. }) => {
            String::from_utf8(bytes).expect("text")
        }
        other => panic!("{path} is {other:?}"),
    }
}

#[test]
fn packages_are_in_the_definitions_order_whatever_order_they_come_in() {
    let plan = plan_of(GOOD, &packages()).expect("planned");
    let order: Vec<_> = plan.packages.iter().map(|package| (package.name.as_str(), package.index)).collect();
    assert_eq!(order, [("medic-os", 1), ("nginx", 0)]);
    assert_eq!(plan.version.as_str(), "1.30.6");
    let mut other = packages();
    other.reverse();
    let other = plan_of(GOOD, &other).expect("planned");
    assert_eq!(
        (other.base, other.configuration, other.container),
        (plan.base, plan.configuration, plan.container)
    );
}

#[test]
fn links_are_relative_and_lead_into_the_bundle() {
    let plan = plan_of(GOOD, &packages()).expect("planned");
    assert_eq!(node(&plan, "boot"), Some(Node::link("usr/lib/medic-os/medic-os/v0.1.0/x64/boot")));
    let deep = "../usr/lib/medic-os/nginx/v1.30.6/x64/etc/deep/nginx.conf";
    assert_eq!(node(&plan, "etc/nginx.conf"), Some(Node::link(deep)));
    let absolute: Vec<_> = plan
        .configuration
        .iter()
        .filter(|(_, node)| matches!(node, Node::Link { target } if target.starts_with('/')))
        .collect();
    assert!(absolute.is_empty(), "{absolute:?}");
}

#[test]
fn a_folder_that_is_only_passed_through_keeps_its_mode() {
    let plan = plan_of(GOOD, &packages()).expect("planned");
    assert_eq!(node(&plan, "var/tmp"), Some(Node::Directory { mode: 0o1777 }));
    assert_eq!(node(&plan, "var/tmp/cache"), Some(Node::Directory { mode: 0o700 }));
}

#[test]
fn the_base_is_the_same_for_every_image() {
    let other = GOOD.replace("name: web", "name: other").replace("/opt: '0755'", "/home: '0711'");
    let (one, two) =
        (plan_of(GOOD, &packages()).expect("planned"), plan_of(&other, &packages()).expect("planned"));
    assert_eq!(one.base, two.base);
    assert_ne!(one.configuration, two.configuration);
    for (path, _) in one.base.iter() {
        assert!(!path.as_str().starts_with("srv/"), "{path} would be hidden by the volume");
    }
}

#[test]
fn accounts_hold_everybody_once() {
    let mut manifests = packages();
    manifests[0].users = vec![user("nginx", 101), user("shared", 200)];
    manifests[1].users = vec![user("shared", 200)];
    let text_of_image = format!("{GOOD}users: [{{name: own, id: 300}}]\n");
    let plan = plan_of(&text_of_image, &manifests).expect("planned");
    assert_eq!(
        text(&plan, "etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nnginx:x:101:101:nginx:/:/bin/false\nshared:x:200:200:shared:/:/bin/false\n\
         own:x:300:300:own:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    );
    assert_eq!(
        text(&plan, "etc/group"),
        "root:x:0:\nnginx:x:101:\nshared:x:200:\nown:x:300:\nnobody:x:65534:\n"
    );
    assert!(
        text(&plan, "etc/os-release").contains("PRETTY_NAME=\"Medic OS web 1.30.6\"\nVERSION_ID=\"0.1.0\"\n")
    );
}

#[test]
fn users_that_collide_are_both_named() {
    for (first, second) in [(user("a", 101), user("b", 101)), (user("a", 101), user("a", 102))] {
        let mut manifests = packages();
        manifests[0].users = vec![second.clone()];
        manifests[1].users = vec![first.clone()];
        let words = refused(GOOD, &manifests);
        for part in [
            format!("the user '{}' with the number {} (of the package 'medic-os')", first.name, first.id),
            format!("the user '{}' with the number {} (of the package 'nginx')", second.name, second.id),
        ] {
            assert!(words.contains(&part), "{words}");
        }
    }
    let mut manifests = packages();
    manifests[0].users = vec![user("nginx", 65_534)];
    assert!(refused(GOOD, &manifests).contains("out of range"));
    manifests[0].users = vec![user("root", 7)];
    assert!(refused(GOOD, &manifests).contains("the user 'root' with the number 0 (of every image)"));
    manifests[0].users.clear();
    let service = Service { user: Some("ghost".to_owned()), ..Service::default() };
    manifests[0].services = [("nginx".parse().expect("a name"), service)].into();
    assert!(refused(GOOD, &manifests).contains("runs as 'ghost'"));
}

#[test]
fn packages_that_do_not_fit_are_named() {
    let both = packages();
    assert!(refused(GOOD, &both[..1]).contains("holds the package 'medic-os', but no archive"));
    let mut three = both.clone();
    three.push(package("extra", "1", &[]));
    assert!(refused(GOOD, &three).contains("an archive of the package 'extra' was given"));
    three[2] = package("nginx", "1.30.7", &[]);
    let words = refused(GOOD, &three);
    assert!(words.contains("1.30.6") && words.contains("1.30.7"), "{words}");
    let mut other = both.clone();
    other[0].arch = Arch::Arm64;
    assert!(refused(GOOD, &other).contains("the package 'nginx' is for arm64, and the image for x64"));
    let mut needs = both.clone();
    needs[0].depends = vec!["medic-os >=9".parse().expect("a dependency")];
    assert!(refused(GOOD, &needs).contains("depends on 'medic-os >=9', and the image has 'medic-os' 0.1.0"));
    needs[0].depends = vec!["busybox".parse().expect("a dependency")];
    assert!(refused(GOOD, &needs).contains("no package 'busybox'"));
    let mut hates = both;
    hates[0].conflicts = vec!["medic-os <1".parse().expect("a dependency")];
    let words = refused(GOOD, &hates);
    assert!(words.contains("'nginx' conflicts with 'medic-os <1'"), "{words}");
}

#[test]
fn two_things_in_one_place_are_both_named() {
    let cases = [
        ("/opt: '0755'", "/boot: '0755'", ["the link '/boot'", "the folder '/boot'"]),
        ("/opt: '0755'", "/boot/x: '0755'", ["the link '/boot'", "the folder '/boot/x'"]),
        (
            "/opt: '0755'",
            "/etc/passwd: '0755'",
            ["the file '/etc/passwd' of every image", "the folder '/etc/passwd'"],
        ),
        ("/opt: '0755'", "/var/run/x: '0755'", ["'/var/run' of every image", "the folder '/var/run/x'"]),
        ("/etc/nginx.conf:", "/tmp:", ["'/tmp' of every image", "the link '/tmp'"]),
        (
            "/etc/nginx.conf:",
            "/etc/group/x:",
            ["the file '/etc/group' of every image", "the link '/etc/group/x'"],
        ),
    ];
    for (from, to, parts) in cases {
        let words = refused(&GOOD.replace(from, to), &packages());
        assert!(parts.iter().all(|part| words.contains(part)), "{to}: {words}");
    }
}

#[test]
fn nothing_is_put_where_it_would_be_hidden_or_is_not_ours() {
    for (place, why) in [
        ("/srv/www", "a volume"),
        ("/proc/x", "the kernel's"),
        ("/dev/x", "when the container starts"),
        ("/etc/hosts", "when the container starts"),
        ("/usr/lib/medic-os/x", "keeps its packages"),
    ] {
        let words = refused(&GOOD.replace("/opt:", &format!("{place}:")), &packages());
        assert!(words.contains(place) && words.contains(why), "{words}");
    }
    let volume = format!("{}volumes: [/data]\n", GOOD.replace("/opt:", "/data/x:"));
    assert!(refused(&volume, &packages()).contains("it is in a volume"));
    // The mount point of a volume itself may be there.
    let volume = format!("{}volumes: [/data]\n", GOOD.replace("/opt:", "/data:"));
    assert!(plan_of(&volume, &packages()).is_ok());
}

#[test]
fn links_and_programs_that_lead_nowhere_are_named() {
    let words = refused(&GOOD.replace("etc/deep/nginx.conf}", "etc/absent}"), &packages());
    assert!(
        words.contains("'/etc/nginx.conf'") && words.contains("'etc/absent' of the package 'nginx'"),
        "{words}"
    );
    for (entrypoint, why) in [
        ("/boot/absent", "has no program 'boot/absent'"),
        ("/sbin/init", "no link of the definition leads there"),
        ("init", "must be an absolute path"),
    ] {
        let words = refused(&GOOD.replace("[/boot/init]", &format!("[{entrypoint}]")), &packages());
        assert!(words.contains("the entrypoint") && words.contains(why), "{words}");
    }
    let health = "healthcheck: {command: [/boot/well], interval: 1s, timeout: 1s, retries: 1}\n";
    let words = refused(&format!("{GOOD}{health}"), &packages());
    assert!(words.contains("the health check's program"), "{words}");
    let mut manifests = packages();
    if let Some(Entry::File { mode, .. }) = manifests[1].entries.last_mut() {
        *mode = 0o644;
    }
    assert!(refused(GOOD, &manifests).contains("is not executable"));
}

#[test]
fn a_link_from_one_tree_of_a_package_into_another_is_refused() {
    let mut manifests = packages();
    let link = |path: &str, target: &str| Entry::Link {
        path: path.parse().expect("a path"),
        target: target.to_owned(),
    };
    manifests[0].entries.push(link("srv/software/nginx/v1.30.6/x64/lib/y", "../bin/nginx"));
    assert!(plan_of(GOOD, &manifests).is_ok());
    manifests[0].entries.push(link("srv/software/nginx/v1.30.6/x64/z", "../../../../settings/nginx/x"));
    let words = refused(GOOD, &manifests);
    assert!(
        words.contains("'srv/software/nginx/v1.30.6/x64/z'") && words.contains("settings/nginx/x"),
        "{words}"
    );
}

#[test]
fn labels_and_licences_are_the_builders() {
    let mut manifests = packages();
    manifests[0].licence = "BSD-2-Clause OR GPL-2.0-only".to_owned();
    let plan = plan_of(GOOD, &manifests).expect("planned");
    let licences = plan.container.labels.get("org.opencontainers.image.licenses").map(String::as_str);
    assert_eq!(licences, Some("(BSD-2-Clause OR GPL-2.0-only) AND MIT"));
    let own = format!("{GOOD}labels: {{org.opencontainers.image.version: '2', a.b: c}}\n");
    assert!(refused(&own, &packages()).contains("org.opencontainers.image.version"));
    let own = format!("{GOOD}labels: {{a.b: c}}\n");
    let plan = plan_of(&own, &packages()).expect("planned");
    assert_eq!(plan.container.labels.get("a.b").map(String::as_str), Some("c"));
    assert!(refused(&format!("{GOOD}environment: {{'A=B': c}}\n"), &packages()).contains("'A=B'"));
}

#[test]
fn names_that_no_registry_takes_are_refused() {
    for name in ["a+b", "a.-b", "a-", "a__b"] {
        let words = refused(&GOOD.replace("name: web", &format!("name: {name}")), &packages());
        assert!(words.contains(&format!("'{name}'")), "{words}");
    }
    assert!(plan_of(&GOOD.replace("name: web", "name: medic-core.2"), &packages()).is_ok());
}

#[test]
fn a_package_of_a_version_that_is_not_wanted_is_refused() {
    let with = |req: &str| GOOD.replace("nginx]", &format!("'nginx {req}']"));
    plan_of(&with(">=1.28, <2"), &packages()).expect("planned");
    let error = refused(&with("<1.30"), &packages());
    assert_eq!(
        error,
        "the image 'web' wants 'nginx' in a version <1.30, and the package is 1.30.6: change 'packages' of the image, or the package"
    );
    let error = refused(&format!("{GOOD}platforms: [arm64]\n"), &packages());
    assert!(error.starts_with("the image 'web' is not for x64: 'platforms' names arm64"), "{error}");
}

#[test]
fn packages_may_share_a_layer_which_stands_where_its_first_one_does() {
    let many = vec![
        package("a", "1", &["x"]),
        package("b", "1", &["x"]),
        package("c", "1", &["x"]),
        package("d", "1", &["boot/init"]),
    ];
    let text = "name: web\ntitle: Web\nversion_of: a\npackages: [a, b, c, d]\nlayers: [[d, b]]\nlinks:\n  /boot: {package: d, path: boot}\nentrypoint: [/boot/init]\n";
    let plan = plan_of(text, &many).expect("planned");
    assert_eq!(plan.layers, [vec![0], vec![1, 3], vec![2]]);
    let plan = plan_of(&text.replace("layers: [[d, b]]\n", ""), &many).expect("planned");
    assert_eq!(plan.layers, [[0], [1], [2], [3]]);
}

#[test]
fn groups_stand_beside_those_of_users() {
    let text_of_image = format!(
        "{GOOD}users: [{{name: www, id: 101}}]\ngroups: [{{name: certs, id: 90, members: [www, nobody]}}]\n"
    );
    let plan = plan_of(&text_of_image, &packages()).expect("planned");
    assert_eq!(text(&plan, "etc/group"), "root:x:0:\ncerts:x:90:www,nobody\nwww:x:101:\nnobody:x:65534:\n");
    assert!(!text(&plan, "etc/passwd").contains("certs"));
    let cases = [
        ("id: 90", "id: 101", "collide"),
        ("name: certs", "name: www", "collide"),
        ("id: 90", "id: 0", "out of range"),
        ("[www, nobody]", "[absent]", "the member 'absent'"),
    ];
    for (from, to, said) in cases {
        let error = refused(&text_of_image.replace(from, to), &packages());
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn the_time_to_end_is_a_label() {
    let plan = plan_of(&format!("{GOOD}stop_grace: 30s\n"), &packages()).expect("planned");
    assert_eq!(plan.container.labels["org.medic-os.stop-grace"], "30");
    let plan = plan_of(GOOD, &packages()).expect("planned");
    assert!(!plan.container.labels.contains_key("org.medic-os.stop-grace"));
    let error = refused(&format!("{GOOD}labels: {{org.medic-os.stop-grace: '5'}}\n"), &packages());
    assert!(error.contains("set by the builder"), "{error}");
}
