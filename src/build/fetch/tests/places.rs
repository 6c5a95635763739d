//! Where files are looked for: the store, mirrors, the workspace, Debian's mirror; with and without a network.

use medic_model::recipe::Location;

use super::server::{Does, Server};
use super::{Bench, content, sha256, source, url};
use crate::fetch::{Event, FetchError, Mirror, Reason};

#[test]
fn a_mirror_has_files_by_digest() {
    for (form, web) in [("", false), ("sha256/", false), ("", true), ("sha256/", true)] {
        let (mut bench, server, bytes) = (Bench::new(), Server::start(), content(5000));
        let name = format!("{form}{}", sha256(&bytes));
        let folder = bench.root.path().join("mirror");
        if web {
            server.put(&format!("/m/{name}"), &bytes, [Does::Serve]);
            bench.access.mirrors = vec![Mirror::Directory(folder), Mirror::Url(server.url("/m"))];
        } else {
            let path = folder.join(&name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, &bytes).expect("written");
            bench.access.mirrors = vec![Mirror::Directory(folder)];
            bench.access.offline = true;
        }
        bench.arrives(&source(&bytes, [url(server.url("/not-there"))]));
        assert!(server.requests().iter().all(|(path, _)| path.starts_with("/m/")), "the mirror comes first");
    }
}

#[test]
fn a_mirror_with_a_wrong_file_is_told_and_passed_over() {
    let (mut bench, server, bytes) = (Bench::new(), Server::start(), content(5000));
    let folder = bench.root.path().join("mirror");
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join(sha256(&bytes).to_string()), "wrong").expect("written");
    bench.access.mirrors = vec![Mirror::Directory(folder)];
    bench.arrives(&source(&bytes, [url(server.put("/f", &bytes, [Does::Serve]))]));
    assert!(
        bench
            .told()
            .iter()
            .any(|e| matches!(e, Event::WrongDigest { location, .. } if location.contains("mirror")))
    );
}

#[test]
fn a_file_of_the_workspace() {
    let (mut bench, bytes) = (Bench::new(), content(5000));
    bench.access.offline = true;
    std::fs::write(bench.access.workspace.join("local.tar"), &bytes).expect("written");
    let path = |text: &str| Location::Path(text.parse().expect("a path"));
    bench.arrives(&source(&bytes, [path("local.tar")]));
    let (reasons, text) = bench.fails(&source(b"other", [path("local.tar")]));
    assert!(matches!(reasons[..], [Reason::WrongDigest { .. }]), "{reasons:?}");
    assert!(text.contains("local.tar"), "{text}");
    let (reasons, _) = bench.fails(&source(b"other", [path("none"), path("no/folder")]));
    assert!(matches!(reasons[..], [Reason::Absent, Reason::Absent]), "{reasons:?}");
}

#[test]
fn a_debian_mirror() {
    let (mut bench, server, bytes) = (Bench::new(), Server::start(), content(5000));
    let pool = || Location::Debian("pool/main/x/x_1.orig.tar.gz".parse().expect("a path"));
    let (reasons, text) = bench.fails(&source(&bytes, [pool()]));
    assert!(matches!(reasons[..], [Reason::NotConfigured(_)]), "{reasons:?}");
    assert!(text.contains("MEDIC_OS_DEBIAN_MIRROR"), "{text}");
    server.put("/debian-security/pool/main/x/x_1.orig.tar.gz", &bytes, [Does::Serve]);
    bench.access.debian = vec![server.url("/debian/"), server.url("/debian-security")];
    bench.arrives(&source(&bytes, [pool()]));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn offline_names_everything_that_is_missing_and_asks_nobody() {
    let (mut bench, server) = (Bench::new(), Server::start());
    bench.access.offline = true;
    bench.access.debian = vec![server.url("/debian")];
    bench.access.mirrors = vec![Mirror::Url(server.url("/m"))];
    let bytes = content(100);
    let one = source(&bytes, [url(server.put("/one.tar.gz", &bytes, [Does::Serve]))]);
    let two = source(b"two", [Location::Debian("pool/two.tar.xz".parse().expect("a path"))]);
    let error = bench.fetch(&[&one, &two]).expect_err("not there");
    let text = error.to_string();
    assert!(
        matches!(&error, FetchError::Missing { failures, offline: true } if failures.len() == 2),
        "{text}"
    );
    for part in ["2 sources", "one.tar.gz", "two.tar.xz", &one.sha256.to_string(), "MEDIC_OS_MIRRORS"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn passwords_are_not_shown() {
    let (bench, server) = (Bench::new(), Server::start());
    let place = server.url("/x").replace("http://", "http://user:secret@");
    let (_, text) = bench.fails(&source(b"x", [url(place)]));
    assert!(!text.contains("secret"), "{text}");
    assert!(!format!("{:?}", bench.told()).contains("secret"));
}
