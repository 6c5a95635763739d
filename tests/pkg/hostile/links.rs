//! Links and folders by which a package would reach what is not its own.

use super::Hostile;
use super::forge::{Forge, Part, hostile};

const THROUGH: &str = "stands below";
const OUT: &str = "leads out of the package's own trees";

pub fn cases(forge: &Forge) -> Vec<Hostile> {
    [targets(forge), through(forge), shared(forge)].into_iter().flatten().collect()
}

fn targets(forge: &Forge) -> Vec<Hostile> {
    let link = |target: &str| forge.with(vec![Part::link(&forge.software("out"), target)], |_| {});
    let canary = forge.canary.display().to_string();
    let upwards = format!("..{}{canary}", "/..".repeat(11));
    vec![
        hostile("a link to an absolute path", "is empty, absolute or no path", link(&canary)),
        hostile("a link without a target", "is empty, absolute or no path", link("")),
        hostile("a link with a NUL", "is empty, absolute or no path", link("demo\0/../../../../../../etc")),
        hostile("a link longer than a path", "is empty, absolute or no path", link(&"x/".repeat(2000))),
        hostile("a link above the root", "leads above the root", link(&upwards)),
        hostile("a link to the root", OUT, link("../../../../..")),
        hostile("a link to another package's settings", OUT, link("../../../../settings/other/other.conf")),
        hostile("a link to what is not for people", OUT, link("../../../../system/receipts")),
        hostile(
            "a link to a package whose name begins alike",
            OUT,
            link("../../../../scripts/demo2/install"),
        ),
        hostile("a link to all versions of its own", OUT, link("../..")),
    ]
}

/// What stands by its text where it may, and in truth elsewhere.
fn through(forge: &Forge) -> Vec<Hostile> {
    let at = |below: &str| forge.software(below);
    let (a, b, c) =
        (Part::folder(&at("a"), 0o755), Part::folder(&at("a/b"), 0o755), Part::folder(&at("a/b/c"), 0o755));
    let up = Part::link(&at("a/b/c/up"), "../../..");
    let out = |target: &str| Part::link(&at("out"), target);
    let chain = vec![a, b, c, up, out("a/b/c/up/../../..")];
    let two = vec![
        Part::folder(&at("a"), 0o755),
        Part::link(&at("a/one"), ".."),
        Part::link(&at("a/two"), "one/a/one"),
        out("a/two/.."),
    ];
    let settings = vec![
        Part::link("srv/settings/demo/up", "."),
        Part::link("srv/settings/demo/x.conf", "up/../other/demo"),
    ];
    let file = || Part::file(&at("a/evil"), 0o755, "evil\n");
    let below_link = vec![Part::link(&at("a"), "bin"), file()];
    let apart = vec![Part::link(&at("a"), "bin"), Part::folder(&at("a-b"), 0o755), file()];
    let deep = vec![Part::link(&at("a"), "bin"), Part::file(&at("a/b/c/evil"), 0o755, "evil\n")];
    let link_below = vec![Part::link(&at("a"), "bin"), Part::link(&at("a/again"), "../bin/demo")];
    let below_file = vec![Part::file(&at("a"), 0o644, "a\n"), file()];
    let script = vec![
        Part::link("srv/scripts/demo/run", "."),
        Part::file("srv/scripts/demo/run/demo", 0o755, "#!/bin/sh\n"),
    ];
    vec![
        hostile("a link that leads out through a link", OUT, forge.with(chain, |_| {})),
        hostile("a link that leads out through two links", OUT, forge.with(two, |_| {})),
        hostile("a setting that leads to another package's", OUT, forge.with(settings, |_| {})),
        hostile(
            "links that lead to each other",
            "through too many links",
            forge.with(vec![Part::link(&at("a"), "b/x"), Part::link(&at("b"), "a/x")], |_| {}),
        ),
        hostile("a file below a link", THROUGH, forge.with(below_link, |_| {})),
        hostile("a file below a link, with another between", THROUGH, forge.with(apart, |_| {})),
        hostile("a file far below a link", THROUGH, forge.with(deep, |_| {})),
        hostile("a link below a link", THROUGH, forge.with(link_below, |_| {})),
        hostile("a file below a file", THROUGH, forge.with(below_file, |_| {})),
        hostile("a service's script below a link", THROUGH, forge.with(script, |_| {})),
    ]
}

/// The folders above a package's own are everybody's.
fn shared(forge: &Forge) -> Vec<Hostile> {
    const FOLDER: &str = "must be a folder";
    let only = |part: Part| forge.only(part);
    vec![
        hostile(
            "a link in the place of all packages' software",
            FOLDER,
            only(Part::link("srv/software", "scripts/demo")),
        ),
        hostile("a file in the place of everything", FOLDER, only(Part::file("srv", 0o644, "gone\n"))),
        hostile(
            "a link in the place of the package's scripts",
            FOLDER,
            only(Part::link("srv/scripts/demo", "../settings/demo")),
        ),
        hostile(
            "a file in the place of the package's settings",
            FOLDER,
            only(Part::file("srv/settings/demo", 0o644, "gone\n")),
        ),
    ]
}
