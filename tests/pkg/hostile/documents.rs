//! Manifests that ask for what no package may have; their members are as they say.

use serde_json::{Value, json};

use super::Hostile;
use super::forge::{Forge, Part, archive, hostile};

const OUTSIDE: &str = "is outside the package's own trees";

pub fn cases(forge: &Forge) -> Vec<Hostile> {
    [paths(forge), identities(forge), texts(forge)].into_iter().flatten().collect()
}

fn paths(forge: &Forge) -> Vec<Hostile> {
    let file = |path: &str| forge.with(vec![Part::file(path, 0o755, "evil\n")], |_| {});
    let software = |below: &str| file(&forge.software(below));
    let part = |length: usize| "x".repeat(length);
    let mode = |mode| forge.with(vec![Part::file(&forge.software("evil"), mode, "evil\n")], |_| {});
    let folder = forge.with(vec![Part::folder("srv/software", 0o1777)], |_| {});
    let twice = forge.manifest(|manifest| {
        let entries = manifest["entries"].as_array_mut().expect("entries");
        entries.push(entries[entries.len() - 1].clone());
    });
    let alike = forge.with(
        vec![
            Part::file(&forge.software("README"), 0o644, "good\n"),
            Part::file(&forge.software("readme"), 0o644, "evil\n"),
        ],
        |_| {},
    );
    let reversed = forge.manifest(|manifest| manifest["entries"].as_array_mut().expect("entries").reverse());
    vec![
        hostile("an absolute entry", "it is absolute", file(&forge.canary.display().to_string())),
        hostile("an entry that leads upwards", "empty, '.' or '..'", software("../../../../../../etc/x")),
        hostile("an entry with an empty part", "empty, '.' or '..'", software("a//b")),
        hostile("an entry with a NUL", "a control character", software("a\0b")),
        hostile("an entry that draws on the terminal", "a control character", software("\u{1b}[2J")),
        hostile("an entry with a backslash", "has a backslash", software("a\\b")),
        hostile("an entry below /etc", OUTSIDE, file("etc/cron.d/evil")),
        hostile("an entry in another package's settings", OUTSIDE, file("srv/settings/other/other.conf")),
        hostile("an entry in another version's software", OUTSIDE, file("srv/software/demo/v1/evil")),
        hostile("an entry among the receipts", OUTSIDE, file("srv/system/receipts/other.json")),
        hostile("an entry among the trusted keys", OUTSIDE, file("srv/settings/medic-os/keys/evil.pub")),
        hostile("an entry in the package's data", OUTSIDE, file("srv/storage/demo/evil")),
        hostile("an entry in the place of 'current'", OUTSIDE, file("srv/software/demo/current")),
        hostile("an entry of a thousand folders", "more than 64 parts", software(&vec!["d"; 1000].join("/"))),
        hostile(
            "an entry longer than a path",
            "longer than 2048 bytes",
            software(&vec![part(200); 11].join("/")),
        ),
        hostile("a name longer than a name", "a part longer than 255 bytes", software(&part(256))),
        hostile("set-uid in the manifest", "asks for set-uid", mode(0o4755)),
        hostile("set-gid in the manifest", "asks for set-uid", mode(0o2755)),
        hostile("more than permission bits", "asks for set-uid", mode(0o777_7777)),
        hostile("a sticky folder of all packages", "asks for set-uid", folder),
        hostile("an entry twice", "stands twice or out of order", twice),
        hostile("entries that differ in case only", "differ in upper and lower case only", alike),
        hostile("entries in another order", "stands twice or out of order", reversed),
    ]
}

fn identities(forge: &Forge) -> Vec<Hostile> {
    let set = |key: &str, value: Value| forge.manifest(|manifest| manifest[key] = value);
    let service = |name: &str| set("services", json!({ name: {} }));
    vec![
        hostile(
            "a package name that leads upwards",
            "is not a package name",
            set("name", json!("../../../etc")),
        ),
        hostile("a package name in capitals", "is not a package name", set("name", json!("DEMO"))),
        hostile(
            "a package name of look-alike letters",
            "is not a package name",
            set("name", json!("dem\u{43e}")),
        ),
        hostile(
            "a package name with a line of ours",
            "is not a package name",
            set("name", json!("demo\nSuccess: Install demo 2: finished")),
        ),
        hostile("an empty package name", "is not a package name", set("name", json!(""))),
        hostile("another package's name", OUTSIDE, set("name", json!("other"))),
        hostile("another version", OUTSIDE, set("version", json!("3"))),
        hostile("a version that leads upwards", "is not a version", set("version", json!("1/../../.."))),
        hostile("a version of dots", "is not a version", set("version", json!("1..2"))),
        hostile("a machine that nobody knows", "is not an architecture", set("arch", json!("../x64"))),
        hostile("a need that is none", "is not a package name", set("depends", json!(["../evil"]))),
        hostile("a conflict that is none", "is not a requirement", set("conflicts", json!(["; rm -rf /"]))),
        hostile("a provision that is a wish", "'provides' has", set("provides", json!(["mail >=2"]))),
        hostile("a provision of itself", "'provides' has", set("provides", json!(["demo =9"]))),
        hostile("a service name that leads upwards", "is not a service name", service("../../boot/init")),
        hostile("a later format", "upgrade pkg", set("format", json!(2))),
        hostile(
            "data of the future",
            "newer than the package's own version",
            set("data_compatible_from", json!("9")),
        ),
    ]
}

fn texts(forge: &Forge) -> Vec<Hostile> {
    let good = forge.manifest_text();
    let text = |text: &[u8]| archive(text, &forge.members());
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        text(good.replacen(from, to, 1).as_bytes())
    };
    let digest = forge.manifest(|manifest| {
        let entries = manifest["entries"].as_array_mut().expect("entries");
        entries.iter_mut().for_each(|entry| {
            if entry["sha256"].is_string() {
                entry["sha256"] = json!("0".repeat(64))
            }
        });
    });
    let mut not_utf8 = good.clone().into_bytes();
    let at = good.find("The package").expect("the summary");
    not_utf8[at] = 0xff;
    vec![
        hostile("a manifest without text", "EOF while parsing", text(b"")),
        hostile("a manifest that is no JSON", "expected value", text(b"\x7fELF")),
        hostile("a manifest that is not UTF-8", "invalid unicode", text(&not_utf8)),
        hostile("a manifest that ends early", "EOF while parsing", text(&good.as_bytes()[..good.len() / 2])),
        hostile("more after the manifest", "trailing characters", text(format!("{good}{good}").as_bytes())),
        hostile(
            "a name twice in the manifest",
            "duplicate field `name`",
            replaced("{", r#"{"name":"other","#),
        ),
        hostile(
            "a service twice in the manifest",
            "stands twice",
            replaced(r#""services":{}"#, r#""services":{"a":{},"a":{}}"#),
        ),
        hostile("a key that nobody knows", "unknown field `hooks`", replaced("{", r#"{"hooks":["id"],"#)),
        hostile(
            "an entry of a kind that nobody knows",
            "unknown variant `device`",
            replaced(r#""type":"file""#, r#""type":"device""#),
        ),
        hostile("a negative size", "invalid value: integer `-1`", replaced(r#""size":0"#, r#""size":-1"#)),
        hostile(
            "a size beyond all numbers",
            "invalid type: floating point",
            replaced(r#""size":0"#, r#""size":99999999999999999999"#),
        ),
        hostile("digests of other contents", "and its manifest says 000", digest),
        hostile(
            "a hundred thousand brackets",
            "invalid type: sequence",
            text("[".repeat(100_000).as_bytes()),
        ),
    ]
}
