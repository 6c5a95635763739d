//! Members that are not what the manifest lists, or that no package may hold.

use tar::EntryType;

use super::Hostile;
use super::forge::{Forge, INSTALL, MTIME, hostile, member, set_name};
use crate::craft;

const NO_PATH: &str = "which is not a path below a folder in UTF-8";
const EXTENDED: &str = "it has an extended header that it does not need, or another one";

pub fn cases(forge: &Forge) -> Vec<Hostile> {
    [names(forge), kinds(forge), headers(forge), places(forge), contents(forge)]
        .into_iter()
        .flatten()
        .collect()
}

fn names(forge: &Forge) -> Vec<Hostile> {
    let canary = forge.canary.display().to_string();
    let upwards = format!("{}{canary}", "../".repeat(12));
    vec![
        hostile("an absolute name", NO_PATH, forge.renamed(canary.as_bytes())),
        hostile("a name that leads upwards", NO_PATH, forge.renamed(upwards.as_bytes())),
        hostile(
            "a name that leads upwards in its middle",
            NO_PATH,
            forge.renamed(b"srv/scripts/../../etc/x"),
        ),
        hostile("a name with an empty part", NO_PATH, forge.renamed(b"srv//scripts/demo/x")),
        hostile("a name with a dot as a part", NO_PATH, forge.renamed(b"srv/./scripts/demo/x")),
        hostile("a name with a backslash", NO_PATH, forge.renamed(b"srv\\scripts\\demo\\x")),
        hostile("a name that is not UTF-8", NO_PATH, forge.renamed(b"srv/scripts/demo/\xff\xfe")),
        hostile(
            "a name that is UTF-8 written too long",
            NO_PATH,
            forge.renamed(b"srv/scripts/demo/\xc0\xaf"),
        ),
        hostile("a name that draws on the terminal", NO_PATH, forge.renamed(b"srv/\x1b[2J\x1b]0;x\x07")),
        hostile("a name with a line's end", NO_PATH, forge.renamed(b"srv/scripts/demo/x\nSuccess: fine")),
        hostile("no name at all", NO_PATH, forge.renamed(b"")),
        hostile(
            "a name in other letters than the manifest's",
            "EMPTY', which its manifest does not list",
            forge.renamed(forge.software("EMPTY").as_bytes()),
        ),
    ]
}

fn kinds(forge: &Forge) -> Vec<Hostile> {
    let kind = |kind| forge.header(&forge.empty(), |header| header.set_entry_type(kind));
    let hard_link = |target: &str| {
        forge.tar(|tar| {
            let at = craft::find(tar, &forge.empty());
            tar.splice(at..at + 512, member(EntryType::Link, &forge.empty(), 0o755, target, b""));
        })
    };
    let device = |kind, major, minor| {
        forge.header(&forge.empty(), |header| {
            header.set_entry_type(kind);
            header.set_device_major(major).expect("set");
            header.set_device_minor(minor).expect("set");
        })
    };
    // What a reader that follows extended headers would take for the next member's name.
    let before = |kind, name: &str, text: String| {
        forge.tar(|tar| {
            let at = craft::find(tar, &forge.empty());
            tar.splice(at..at, member(kind, name, 0o644, "", text.as_bytes()));
        })
    };
    let canary = forge.canary.display().to_string();
    let record = |length: usize| format!("{length} path={canary}\n");
    let record = record(record(10).len());
    vec![
        hostile("a hard link out of the root", "is a hard link", hard_link(&canary)),
        hostile("a hard link to /etc/shadow", "is a hard link", hard_link("../../../../../etc/shadow")),
        hostile("a hard link to a file of its own", "is a hard link", hard_link(INSTALL)),
        hostile("the memory as a device", "is a character device", device(EntryType::Char, 1, 1)),
        hostile("a disk as a device", "is a block device", device(EntryType::Block, 8, 0)),
        hostile("a pipe", "is a pipe", kind(EntryType::Fifo)),
        hostile("a sparse file of GNU tar", "is a member of an unknown type", kind(EntryType::GNUSparse)),
        hostile("a contiguous file", "is a member of an unknown type", kind(EntryType::Continuous)),
        hostile("a type that nobody knows", "is a member of an unknown type", kind(EntryType::new(b'Z'))),
        hostile(
            "a link where a file is listed",
            "is a link, and its manifest says it is a file",
            kind(EntryType::Symlink),
        ),
        hostile(
            "a folder where a file is listed",
            "is a folder, and its manifest says it is a file",
            kind(EntryType::Directory),
        ),
        hostile(
            "another name in a PAX header",
            EXTENDED,
            before(EntryType::XHeader, "@PaxHeader", record.clone()),
        ),
        hostile(
            "another name in a global PAX header",
            EXTENDED,
            before(EntryType::XGlobalHeader, "@PaxHeader", record),
        ),
        hostile(
            "another name in a long name of GNU tar",
            EXTENDED,
            before(EntryType::GNULongName, "././@LongLink", canary.clone()),
        ),
        hostile(
            "another target in a long link of GNU tar",
            EXTENDED,
            before(EntryType::GNULongLink, "././@LongLink", canary),
        ),
    ]
}

fn headers(forge: &Forge) -> Vec<Hostile> {
    let mode = |mode| forge.header(INSTALL, |header| header.set_mode(mode));
    let program = forge.software("bin/demo");
    let size = |size| forge.header(&program, |header| header.set_size(size));
    let link = |target: &str| {
        forge.header(&forge.software("bin/again"), |header| super::forge::set_link(header, target))
    };
    let damaged = forge.tar(|tar| {
        let at = craft::find(tar, INSTALL);
        tar[at + 150] ^= 1;
    });
    let install = |change: fn(&mut tar::Header)| forge.header(INSTALL, change);
    vec![
        hostile("a set-uid bit", "has the mode 4755: set-uid", mode(0o4755)),
        hostile("a set-gid bit", "has the mode 2755: set-uid", mode(0o2755)),
        hostile("a sticky bit", "has the mode 1755: set-uid", mode(0o1755)),
        hostile(
            "a file that everybody may write to",
            "has the mode 777, and its manifest says 755",
            mode(0o777),
        ),
        hostile("a size of a tebibyte", "has 1099511627776 bytes, and its manifest says", size(1 << 40)),
        hostile("a size beyond eight octal digits", "has 18446744073709551615 bytes", size(u64::MAX)),
        hostile("a size that is too small", "has 1 bytes, and its manifest says", size(1)),
        hostile(
            "a link's target that the manifest has not",
            "says '/etc/passwd', and its manifest says 'demo'",
            link("/etc/passwd"),
        ),
        hostile("another owner", "its owner and group are not 0", install(|header| header.set_uid(1000))),
        hostile("another group", "its owner and group are not 0", install(|header| header.set_gid(42))),
        hostile(
            "another time",
            "its time is not that of the manifest",
            install(|header| header.set_mtime(MTIME + 1)),
        ),
        hostile(
            "an owner's name",
            "other fields than a package's",
            install(|header| header.set_username("root").expect("set")),
        ),
        hostile("a wrong checksum", "the checksum is wrong", damaged),
    ]
}

fn places(forge: &Forge) -> Vec<Hostile> {
    let extra = |bytes: Vec<u8>| {
        forge.tar(|tar| {
            let end = tar.len() - 1024;
            tar.splice(end..end, bytes);
        })
    };
    let file = |path: &str| member(EntryType::Regular, path, 0o755, "", b"more\n");
    let without = |member: &str, size: usize| {
        forge.tar(|tar| {
            let at = craft::find(tar, member);
            tar.drain(at..at + 512 + size.next_multiple_of(512));
        })
    };
    let instead = forge.header("manifest.json", |header| set_name(header, b"README"));
    let link = forge.header("manifest.json", |header| header.set_entry_type(EntryType::Symlink));
    vec![
        hostile(
            "a member that is not listed",
            "which its manifest does not list",
            extra(file("srv/zz/evil")),
        ),
        hostile("a member below /etc", "which its manifest does not list", forge.renamed(b"etc/cron.d/evil")),
        hostile("a member twice", "install' twice", extra(file(INSTALL))),
        hostile("a member twice, one after the other", "install' twice", forge.renamed(INSTALL.as_bytes())),
        hostile("a second manifest", "'manifest.json' twice", extra(file("manifest.json"))),
        hostile(
            "members in another order",
            "where its manifest has",
            forge.header(INSTALL, |header| set_name(header, forge.empty().as_bytes())),
        ),
        hostile("a listed member that is not there", "where its manifest has", without(INSTALL, 1)),
        hostile(
            "a last member that is not there",
            "empty', which its manifest lists",
            without(&forge.empty(), 0),
        ),
        hostile("no manifest first", "it starts with 'README', not with manifest.json", instead),
        hostile("a link for a manifest", "differs from the one that every manifest has", link),
    ]
}

fn contents(forge: &Forge) -> Vec<Hostile> {
    let byte = |member: &str, at: usize, value: u8| {
        forge.tar(|tar| {
            let start = craft::find(tar, member) + 512;
            tar[start + at] = value;
        })
    };
    vec![
        hostile("a content with another digest", "has the digest", byte(INSTALL, 2, b'?')),
        hostile("something in the padding", "its padding is not zeros", byte(INSTALL, 511, 1)),
    ]
}
