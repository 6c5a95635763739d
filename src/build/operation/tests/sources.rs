//! Sources that are hostile, and patches that do not fit, through a whole build: the message names them, and nothing outside
//! the build's folder is touched.

use std::io::Write as _;
use std::num::NonZero;
use std::path::Path;

use medic_archive::Compression;
use medic_archive::compress::Compressor;

use super::fixture::Fixture;
use super::*;
use crate::ErrorKind;

/// A member of a tar, with a name that no writer would take.
fn member(name: &str, kind: tar::EntryType, target: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    {
        let fields = header.as_ustar_mut().expect("ustar");
        fields.name[..name.len()].copy_from_slice(name.as_bytes());
        fields.linkname[..target.len()].copy_from_slice(target.as_bytes());
    }
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let padding = content.len().next_multiple_of(512) - content.len();
    [header.as_bytes().as_slice(), content, &vec![0; padding]].concat()
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

/// Builds a component with this archive as its source; it fails.
fn refused(fixture: &Fixture, bytes: &[u8]) -> BuildError {
    let digest = fixture.source(bytes);
    let source = format!(
        "sources:\n  - sha256: {digest}\n    urls: ['http://127.0.0.1:9/hostile-1.0.tar']\n    strip: 0\n"
    );
    fixture.recipe("hello", "", STEPS);
    let path = "recipes/hello/recipe.yaml";
    let text = fs_err::read_to_string(fixture.workspace().join(path)).expect("there");
    fixture.write(path, &text.replacen("sources:\n", &source, 1));
    fixture.build(&["hello"]).expect_err("it is refused")
}

#[test]
fn hostile_archives_are_refused_by_name_and_nothing_comes_out() {
    use tar::EntryType;
    let outside = tempfile::tempdir().expect("a folder");
    fs_err::write(outside.path().join("there"), "untouched").expect("written");
    let place = |name: &str| outside.path().join(name).to_string_lossy().into_owned();
    let fixture = Fixture::new();
    let file = |name: &str| member(name, EntryType::Regular, "", b"evil");
    let link = |kind, name: &str, target: &str| member(name, kind, target, b"");
    let up = "../../../../../../../../../../../../../..";
    let cases: [(&str, Vec<Vec<u8>>, &str); 9] = [
        ("..", vec![file("a/../../../../escaped")], "a/../../../../escaped"),
        ("only ..", vec![file("../escaped")], "../escaped"),
        ("absolute", vec![file(&place("absolute"))], "absolute"),
        ("link out", vec![link(EntryType::Symlink, "out", &place(""))], "leads out"),
        ("relative link out", vec![link(EntryType::Symlink, "out", up)], "leads out"),
        (
            "through a link",
            vec![
                link(EntryType::Symlink, "out", "."),
                link(EntryType::Symlink, "out/x", &place("")),
                file("out/x/y"),
            ],
            "out",
        ),
        ("hard link out", vec![link(EntryType::Link, "hard", &place("there")), file("hard")], "there"),
        ("device", vec![link(EntryType::Char, "null", "")], "null"),
        ("pipe", vec![link(EntryType::Fifo, "pipe", "")], "pipe"),
    ];
    for (what, members, says) in cases {
        let error = refused(&fixture, &archive(&members));
        assert_eq!(error.kind(), ErrorKind::Fetch, "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains("hello: the source 'hostile-1.0.tar' cannot be used"), "{what}: {text}");
        assert!(text.contains(says), "{what}: {text}");
        assert_untouched(outside.path(), fixture.store());
        assert!(!fixture.events().iter().any(|event| event.contains("Step {")), "{what}: a step was run");
    }
}

#[track_caller]
fn assert_untouched(outside: &Path, store: &Path) {
    let names: Vec<_> =
        fs_err::read_dir(outside).expect("there").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["there"]);
    assert_eq!(fs_err::read_to_string(outside.join("there")).expect("there"), "untouched");
    for folder in [store, store.parent().expect("above"), &store.join("work"), &store.join("work/hello")] {
        assert!(!folder.join("escaped").exists(), "{} was written", folder.display());
    }
}

#[test]
fn a_bomb_is_refused_long_before_it_fills_the_disk() {
    let fixture = Fixture::new();
    // A hundred megabytes of nothing, in a hundred kilobytes.
    let mut header = tar::Header::new_ustar();
    header.as_ustar_mut().expect("ustar").name[..5].copy_from_slice(b"zeros");
    header.set_mode(0o644);
    header.set_size(100 << 20);
    header.set_cksum();
    let size = (100 << 20) + 512;
    let mut packer =
        Compressor::new(Vec::new(), Compression::Zstd, size, NonZero::<u32>::MIN).expect("begun");
    packer.write_all(header.as_bytes()).expect("packed");
    (0..100).try_for_each(|_| packer.write_all(&vec![0; 1 << 20])).expect("packed");
    let (bomb, _) = packer.finish().expect("packed");
    assert!(bomb.len() < 200 << 10, "{}", bomb.len());
    let text = refused(&fixture, &bomb).to_string();
    assert!(text.contains("hostile-1.0.tar") && text.contains("zeros") && text.contains("bomb"), "{text}");
}

#[test]
fn a_patch_with_fuzz_or_elsewhere_is_refused() {
    let fixture = Fixture::new();
    fixture.recipe("hello", "patches: [change.patch]\n", STEPS);
    let text: String = (1..=9).map(|number| format!("line {number}\n")).collect();
    let digest = fixture.source(text.as_bytes());
    let path = "recipes/hello/recipe.yaml";
    let recipe = fs_err::read_to_string(fixture.workspace().join(path)).expect("there");
    let recipe = recipe.replacen(
        "sources:\n",
        &format!(
            "sources:\n  - sha256: {digest}\n    urls: ['http://127.0.0.1:9/text']\n    unpack: false\n"
        ),
        1,
    );
    fixture.write(path, &recipe.replace("cat hello.txt", "cat text"));
    let patch = |first: &str, name: &str| {
        format!(
            "--- a/{name}\n+++ b/{name}\n@@ -3,5 +3,5 @@\n {first}\n line 4\n-line 5\n+changed\n line 6\n line 7\n"
        )
    };
    fixture.write("recipes/hello/change.patch", &patch("line 3", "text"));
    let built = fixture.build(&["hello"]).unwrap_or_else(|error| panic!("{error}"));
    assert!(fs_err::read_to_string(built[0].tree.join("lib/text")).expect("there").contains("changed"));
    // The outermost line of context is another: patch would take it with a fuzz of 1.
    fixture.write("recipes/hello/change.patch", &patch("line three", "text"));
    let error = fixture.build(&["hello"]).expect_err("it does not fit");
    assert_eq!(error.kind(), ErrorKind::Step);
    let says = error.to_string();
    assert!(says.contains("'patch change.patch'") && says.contains("no fuzz is allowed"), "{says}");
    // And it cannot change what is no source.
    for outside in ["../../steps/x", "../../../etc/passwd", "../../files/x"] {
        fixture.write("recipes/hello/change.patch", &patch("line 3", outside));
        let error = fixture.build(&["hello"]).expect_err("outside");
        assert_eq!(error.kind(), ErrorKind::Step, "{error}");
    }
}
