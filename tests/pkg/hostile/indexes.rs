//! Repositories that were tampered with, and indexes that say what none may, well signed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::repository::Shop;

/// What is done to a repository.
pub struct Case {
    pub name: &'static str,
    /// What the message must say.
    pub says: &'static str,
    /// Commands of `pkg` that all refuse it.
    pub commands: &'static [&'static str],
    pub attack: Box<dyn Fn(&Shop)>,
}

const CHANGED: &str = "it was cut off or changed on the way";
const UNREADABLE: &str = "has no signature that can be read";
const NO_FILE: &str = "it is not a regular file";

fn case(name: &'static str, says: &'static str, attack: impl Fn(&Shop) + 'static) -> Case {
    Case { name, says, commands: &["update", "install web", "upgrade"], attack: Box::new(attack) }
}

fn archive(name: &'static str, says: &'static str, attack: impl Fn(&Shop) + 'static) -> Case {
    Case { commands: &["install web", "install app web"], ..case(name, says, attack) }
}

pub fn cases() -> Vec<Case> {
    [tampered(), replayed(), latest(), identities(), texts(), archives()].into_iter().flatten().collect()
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

fn each_signature(shop: &Shop, bytes: &[u8]) {
    shop.signatures().iter().for_each(|name| shop.write(name, bytes));
}

fn tampered() -> Vec<Case> {
    let cut = |length: fn(usize) -> usize| {
        move |shop: &Shop| {
            let index = shop.read("index-2.json");
            shop.write("index-2.json", &index[..length(index.len())]);
        }
    };
    vec![
        case("an index with another name in it", CHANGED, |shop| {
            let text = String::from_utf8(shop.read("index-2.json")).expect("UTF-8");
            shop.write("index-2.json", text.replace("\"web\"", "\"wet\""));
        }),
        case("an index with a blank more", CHANGED, |shop| {
            shop.write("index-2.json", [&shop.read("index-2.json")[..], b" "].concat());
        }),
        case("half of an index", CHANGED, cut(|length| length / 2)),
        case("an index without its last byte", CHANGED, cut(|length| length - 1)),
        case("an empty index", CHANGED, cut(|_| 0)),
        case("an index signed by somebody else", "which is not trusted", |shop| {
            shop.sign_by(&shop.other, &shop.read("index-2.json"));
        }),
        case("an index signed under the number of the trusted key", "is not what key", |shop| {
            shop.sign_by(&shop.other, &shop.read("index-2.json"));
            let forged = String::from_utf8(shop.read(&shop.signatures()[0])).expect("UTF-8");
            let real = shop.key.sign(b"another", "index").expect("signed");
            each_signature(shop, pretend(&forged, &real).as_bytes());
        }),
        case("an index with the signature of another", "is not what key", |shop| {
            each_signature(shop, shop.key.sign(b"another", "index").expect("signed").as_bytes());
        }),
        case("an index with the signature's comment changed", "is not what key", |shop| {
            let text = String::from_utf8(shop.read(&shop.signatures()[0])).expect("UTF-8");
            let comment = text.lines().nth(2).expect("the trusted comment");
            each_signature(shop, text.replace(comment, "trusted comment: all is well").as_bytes());
        }),
        case("an index without a signature", UNREADABLE, |shop| {
            shop.signatures().iter().for_each(|name| fs::remove_file(shop.path(name)).expect("removed"));
        }),
        case("an empty signature", UNREADABLE, |shop| each_signature(shop, b"")),
        case("a signature of noise", UNREADABLE, |shop| each_signature(shop, b"\x1b[2J\n\xff\xfe\n")),
        case("half of a signature", UNREADABLE, |shop| {
            let signature = shop.read(&shop.signatures()[0]);
            each_signature(shop, &signature[..100]);
        }),
        case("a signature without end", UNREADABLE, |shop| each_signature(shop, &vec![b'x'; 1 << 20])),
        case("a signature that is a pipe", UNREADABLE, |shop| {
            shop.signatures().iter().for_each(|name| shop.instead(&shop.path(name), pipe));
        }),
    ]
}

/// The first 10 bytes of a signature, in Base64, are the algorithm and the key's number: those of `real` in `forged`.
fn pretend(forged: &str, real: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (line, real) = (forged.lines().nth(1).expect("a line"), real.lines().nth(1).expect("a line"));
    let value = |line: &str| ALPHABET.find(&line[13..14]).expect("Base64");
    let mixed = value(real) & 0b11_0000 | value(line) & 0b00_1111;
    forged.replace(line, &format!("{}{}{}", &real[..13], &ALPHABET[mixed..=mixed], &line[14..]))
}

fn replayed() -> Vec<Case> {
    vec![
        case("an old index", "offers index 1, and 2 was seen before", |shop| shop.write("latest", "1\n")),
        case("an old index under the new number", "says that it is index 1", |shop| {
            shop.sign(&shop.read("index-1.json"));
        }),
        case(
            "an index of another repository by the same key",
            "an index of the repository 'theirs'",
            |shop| {
                shop.change(|index| index["name"] = json!("theirs"));
            },
        ),
        case("an expired index", "has expired 3 days ago", |shop| {
            let expired = shop.now - 3 * 86_400 - 60;
            shop.change(|index| index["expires_at"] = json!(expired));
        }),
        case("an index that expired in 1970", "has expired", |shop| {
            shop.change(|index| index["expires_at"] = json!(0));
        }),
    ]
}

fn latest() -> Vec<Case> {
    const NUMBER: &str = "should hold the number of an index";
    let text = |name, says, text: &'static [u8]| case(name, says, move |shop| shop.write("latest", text));
    let instead =
        |name, says, put: fn(&Path)| case(name, says, move |shop| shop.instead(&shop.path("latest"), put));
    vec![
        text("a number that leads upwards", NUMBER, b"../../../etc/passwd\n"),
        text("a negative number", NUMBER, b"-2\n"),
        text("a number that is too large", NUMBER, b"99999999999999999999999\n"),
        text("no number", NUMBER, b""),
        text("a number that is not UTF-8", NUMBER, b"\xff\xfe"),
        text("two numbers", NUMBER, b"2\n3\n"),
        text("a number without end", "has more than 32 bytes", &[b'2'; 4096]),
        instead("a number that never ends", NO_FILE, |path| symlink("/dev/zero", path).expect("linked")),
        instead("a number that never comes", NO_FILE, pipe),
        instead("a folder for a number", NO_FILE, |path| fs::create_dir(path).expect("made")),
        case("an index that never ends", NO_FILE, |shop| {
            shop.instead(&shop.path("index-2.json"), |path| symlink("/dev/zero", path).expect("linked"));
        }),
        case("an index that never comes", NO_FILE, |shop| shop.instead(&shop.path("index-2.json"), pipe)),
    ]
}

/// One package of index 2, changed by whoever has the key.
fn package(name: &'static str, says: &'static str, key: &'static str, value: Value) -> Case {
    case(name, says, move |shop| {
        shop.change(|index| {
            let packages = index["packages"].as_array_mut().expect("packages");
            packages.last_mut().expect("web")[key] = value.clone();
        });
    })
}

fn identities() -> Vec<Case> {
    let all = |name, says, change: fn(&mut Vec<Value>)| {
        case(name, says, move |shop| {
            shop.change(|index| change(index["packages"].as_array_mut().expect("packages")));
        })
    };
    vec![
        package(
            "a listed name that leads upwards",
            "is not a package name",
            "name",
            json!("../../../etc/web"),
        ),
        package("a listed name in capitals", "is not a package name", "name", json!("Web")),
        package(
            "a listed name that draws on the terminal",
            "is not a package name",
            "name",
            json!("\u{1b}[2Jweb"),
        ),
        package("a listed version that leads upwards", "is not a version", "version", json!("1/../../x")),
        package("a listed machine that nobody knows", "is not an architecture", "arch", json!("../x64")),
        package("a listed digest that is too short", "sha256", "sha256", json!("00")),
        package("a listed size below nothing", "invalid value: integer `-1`", "size", json!(-1)),
        package("a listed need that is none", "is not a package name", "depends", json!(["../x"])),
        package("a listed need of no version", "is not a version", "depends", json!(["app >=../1"])),
        package("a listed conflict that is none", "is not a package name", "conflicts", json!([""])),
        all("a package listed twice", "is listed twice or out of order", |packages| {
            packages.push(packages[1].clone());
        }),
        all("packages in another order", "is listed twice or out of order", |packages| packages.reverse()),
        all("more packages than there are", "lists more than 200000 packages", |packages| {
            let web = packages[1].clone();
            packages.extend((0..200_000).map(|number| {
                let mut other = web.clone();
                other["name"] = json!(format!("x{number:06}"));
                other
            }));
        }),
    ]
}

fn texts() -> Vec<Case> {
    let signed = |name, says, text: Vec<u8>| case(name, says, move |shop| shop.sign(&text));
    let replaced = |name, says, from: &'static str, to: &'static str| {
        case(name, says, move |shop| shop.replace(from, to))
    };
    vec![
        signed("a signed index of nothing", "EOF while parsing", Vec::new()),
        signed("a signed index that is no JSON", "expected value", b"<html>".to_vec()),
        signed("a signed index of brackets", "invalid type: sequence", vec![b'['; 100_000]),
        signed("a signed index that is not UTF-8", "key must be a string", b"{\xff\xfe".to_vec()),
        case("a signed index of blanks", "has more than 67108864 bytes", |shop| {
            let mut index = shop.read("index-2.json");
            index.resize((64 << 20) + 1, b' ');
            shop.sign(&index);
        }),
        case("a signed index of a later format", "upgrade pkg", |shop| {
            shop.change(|index| index["format"] = json!(2));
        }),
        case("a signed index without a packages list", "missing field `packages`", |shop| {
            shop.change(|index| drop(index.as_object_mut().expect("a map").remove("packages")));
        }),
        replaced("a signed index with a name twice", "duplicate field `name`", "{", r#"{"name":"theirs","#),
        replaced(
            "a signed index with a package's name twice",
            "duplicate field `name`",
            r#""name":"web""#,
            r#""name":"web","name":"app""#,
        ),
        replaced(
            "a signed index with a key that nobody knows",
            "unknown field `mirror`",
            "{",
            r#"{"mirror":"/etc","#,
        ),
        replaced(
            "a signed index with a package's own path",
            "unknown field `path`",
            r#""name":"web""#,
            r#""name":"web","path":"../../etc/shadow""#,
        ),
    ]
}

fn archives() -> Vec<Case> {
    let instead =
        |name, says, put: fn(&Path)| archive(name, says, move |shop| shop.instead(&shop.archive("web"), put));
    vec![
        archive(
            "another package's archive",
            "holds 'app' 1, and its repository says that it is 'web' 1",
            |shop| {
                fs::copy(shop.archive("app"), shop.archive("web")).expect("copied");
            },
        ),
        archive("another version's archive", "it was exchanged", |shop| {
            shop.change(|index| index["packages"][1]["version"] = json!("2"));
            let name = shop.archive("web").display().to_string().replace("web-v1", "web-v2");
            fs::rename(shop.archive("web"), name).expect("renamed");
        }),
        archive("the same package of other bytes", "it was changed on the way", |shop| {
            let tar = crate::craft::plain(&shop.archive("web"));
            fs::write(shop.archive("web"), zstd::encode_all(&tar[..], 3).expect("zstd")).expect("written");
        }),
        archive("an archive that was cut off", "it is truncated", |shop| {
            let bytes = fs::read(shop.archive("web")).expect("read");
            fs::write(shop.archive("web"), &bytes[..bytes.len() - 10]).expect("written");
        }),
        instead("a web page for an archive", "damaged or not a package's", |path| {
            fs::write(path, "<html>Please log in</html>").expect("written");
        }),
        instead("a link to a secret for an archive", "damaged or not a package's", |path| {
            symlink("/etc/passwd", path).expect("linked");
        }),
        instead("an archive that never ends", NO_FILE, |path| symlink("/dev/zero", path).expect("linked")),
        instead("an archive that never comes", NO_FILE, pipe),
        instead("a folder for an archive", NO_FILE, |path| fs::create_dir(path).expect("made")),
    ]
}
