//! What is sent, in which order, and what is said when a registry will not have it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use medic_image::push::{PushError, Source};
use medic_repository::Network;
use medic_repository::registry::{Client, Name, Scheme};
use medic_repository::session::Login;

use crate::double::faults::Fault;
use crate::double::{Double, Guard, Location, Mode, Mounts};
use crate::pushing::{REPOSITORY, Still, client, is_whole, push, release, tag, wanted};

/// What a chunked upload would come to: the double does what ECR does.
#[test]
fn a_client_that_uploads_in_chunks_loses_all_but_the_first() {
    let double = Double::start(Mode::default());
    let ask = |head: &str, body: &[u8]| {
        let mut stream = TcpStream::connect(double.address).expect("connected");
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n", body.len()).expect("sent");
        stream.write_all(body).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    };
    assert!(ask("POST /v2/app/blobs/uploads/ HTTP/1.1", b"").starts_with("HTTP/1.1 202"));
    let part = vec![1; 5 << 20];
    assert!(ask("PATCH /v2/app/blobs/uploads/1 HTTP/1.1", &part).starts_with("HTTP/1.1 201"));
    assert!(ask("PATCH /v2/app/blobs/uploads/1 HTTP/1.1", &part).starts_with("HTTP/1.1 201"));
    let whole = medic_archive::digest::of_bytes(&[part.clone(), part].concat()).sha256;
    let put = format!("PUT /v2/app/blobs/uploads/1?digest=sha256:{whole} HTTP/1.1");
    assert!(ask(&put, b"").contains("DIGEST_INVALID"));
    // And parts of less than 5 MiB are refused when the next one comes.
    assert!(ask("POST /v2/app/blobs/uploads/ HTTP/1.1", b"").starts_with("HTTP/1.1 202"));
    assert!(ask("PATCH /v2/app/blobs/uploads/2 HTTP/1.1", b"small").starts_with("HTTP/1.1 201"));
    assert!(ask("PATCH /v2/app/blobs/uploads/2 HTTP/1.1", b"small").contains("too small"));
}

#[test]
fn a_second_push_sends_nothing_and_another_tag_only_the_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let double = Double::start(Mode::default());
    let client = client(&double, Still::new(1));
    let ours = release(folder.path(), 1, &[10_000, 20_000]);
    let first = push(&client, &ours, &[wanted("1", false)], &[]).expect("pushed");
    let all: u64 = ours.blobs.iter().map(|blob| blob.size).sum();
    let documents: u64 = ours.documents().map(|document| document.json.len() as u64).sum();
    let top = ours.top.json.len() as u64;
    assert_eq!((first.sent, first.there), (all + documents + top, 0));
    assert_eq!(double.state().store.taken, first.sent);
    let again = push(&client, &ours, &[wanted("1", false)], &[]).expect("pushed");
    assert_eq!((again.sent, again.there, again.tags.len()), (0, all + documents, 0));
    let more = push(&client, &ours, &[wanted("1", false), wanted("latest", true)], &[]).expect("pushed");
    assert_eq!((more.sent, more.tags.len()), (top, 1));
    assert_eq!(double.state().store.taken, first.sent + top);
}

#[test]
fn a_blob_of_another_repository_is_mounted_and_a_refusal_is_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    for (mounts, expected) in [(Mounts::Done, 20_000), (Mounts::Begun, 0), (Mounts::Refused, 0)] {
        let double = Double::start(Mode { mounts, ..Mode::default() });
        let ours = release(folder.path(), 1, &[20_000, 10_000]);
        let Source::File(path) = &ours.blobs[0].source else { panic!("a file") };
        let bytes = std::fs::read(path).expect("read");
        double.state().store.blobs.insert(("base".to_owned(), ours.blobs[0].digest.oci()), bytes);
        let others = ["nothing".to_owned(), "base".to_owned()];
        let pushed =
            push(&client(&double, Still::new(1)), &ours, &[wanted("1", false)], &others).expect("pushed");
        assert_eq!(pushed.mounted, expected, "{mounts:?}");
        assert!(is_whole(&double, &ours.top.digest.oci()), "{mounts:?}");
    }
}

#[test]
fn a_taken_tag_is_an_error_before_anything_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let double = Double::start(Mode { immutable: true, ..Mode::default() });
    let client = client(&double, Still::new(1));
    let (old, new) = (release(folder.path(), 1, &[100]), release(folder.path(), 2, &[100]));
    push(&client, &old, &[wanted("1", false)], &[]).expect("pushed");
    let taken = double.state().store.taken;
    let error = push(&client, &new, &[wanted("1", false)], &[]).expect_err("taken");
    assert!(matches!(error, PushError::TagTaken { .. }), "{error}");
    assert_eq!(double.state().store.taken, taken);
    // A registry that lets none be moved has the last word.
    let error = push(&client, &new, &[wanted("1", true)], &[]).expect_err("immutable").to_string();
    assert!(error.contains("because the repository is immutable"), "{error}");
    assert!(error.contains(&old.top.digest.oci()) && error.contains(&new.top.digest.oci()), "{error}");
    assert_eq!(tag(&double, "1"), Some(old.top.digest.oci()));
    double.state().mode.immutable = false;
    push(&client, &new, &[wanted("1", true)], &[]).expect("moved");
    assert_eq!(tag(&double, "1"), Some(new.top.digest.oci()));
}

#[test]
fn wherever_an_upload_goes_it_comes_there_and_no_other_host_gets_the_login() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = release(folder.path(), 1, &[3000, 70_000]);
    for location in [Location::Whole, Location::Relative, Location::Number, Location::Elsewhere] {
        for guard in [Guard::Nobody, Guard::Basic, Guard::Ecr, Guard::Bearer] {
            let double = Double::start(Mode { location, guard, ..Mode::default() });
            push(&client(&double, Still::new(1)), &ours, &[wanted("1", false)], &[])
                .unwrap_or_else(|error| panic!("{location:?} {guard:?}: {error}"));
            assert!(is_whole(&double, &ours.top.digest.oci()), "{location:?} {guard:?}");
            assert_eq!(double.state().leaks, 0, "{location:?} {guard:?}");
        }
    }
    let double = Double::start(Mode { location: Location::Missing, ..Mode::default() });
    let error =
        push(&client(&double, Still::new(1)), &ours, &[wanted("1", false)], &[]).expect_err("nowhere");
    assert!(error.to_string().contains("does not say where a blob is to be put"), "{error}");
}

#[test]
fn a_login_that_is_over_in_the_middle_is_asked_for_again_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = release(folder.path(), 1, &[3000, 70_000]);
    for guard in [Guard::Basic, Guard::Ecr, Guard::Bearer] {
        let double = Double::start(Mode { guard, ..Mode::default() });
        double.state().planned = Some(("PUT /v2/app/blobs/uploads/", 0, Fault::Expire));
        let still = Still::new(1);
        push(&client(&double, still.clone()), &ours, &[wanted("1", false)], &[])
            .unwrap_or_else(|error| panic!("{guard:?}: {error}"));
        assert!(double.state().faults > 0 && is_whole(&double, &ours.top.digest.oci()), "{guard:?}");
        assert_eq!(still.waited.load(Ordering::Relaxed), 0, "that is no reason to wait");
    }
}

#[test]
fn a_login_that_is_refused_is_said_after_two_questions() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = release(folder.path(), 1, &[100]);
    for guard in [Guard::Basic, Guard::Ecr, Guard::Bearer] {
        let double = Double::start(Mode { guard, ..Mode::default() });
        let asked = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&asked);
        let wrong = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Some(Login("wrong".to_owned())))
        });
        let host = double.address.to_string();
        let client = Client::new(Scheme::Http, &host, REPOSITORY, &Network::default(), wrong, Still::new(1));
        let error = push(&client.expect("a client"), &ours, &[wanted("1", false)], &[]).expect_err("refused");
        let said = error.to_string();
        let expected = if guard == Guard::Ecr { "the registry answers 403" } else { "refuses the login" };
        assert!(said.contains(expected), "{guard:?}: {said}");
        assert!(asked.load(Ordering::Relaxed) <= 2, "{guard:?}: asked {asked:?} times");
        assert!(!said.contains("wrong"), "the login is in the message: {said}");
    }
}

#[test]
fn a_layer_that_is_damaged_is_told_from_a_registry_that_refuses() {
    let folder = tempfile::tempdir().expect("a folder");
    let double = Double::start(Mode::default());
    let ours = release(folder.path(), 1, &[5000]);
    let Source::File(path) = &ours.blobs[0].source else { panic!("a file") };
    let mut bytes = std::fs::read(path).expect("read");
    bytes[7] ^= 1;
    std::fs::write(path, &bytes).expect("damaged");
    let client = client(&double, Still::new(1));
    let error = push(&client, &ours, &[wanted("1", false)], &[]).expect_err("damaged");
    let PushError::Image(error) = error else { panic!("{error}") };
    assert_eq!(error.damaged_layer(), Some(&**path));
    assert!(!path.exists(), "what is damaged goes");
    let error = push(&client, &ours, &[wanted("1", false)], &[]).expect_err("gone");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    // Shorter than it was.
    std::fs::write(path, &bytes[..100]).expect("damaged");
    let error = push(&client, &ours, &[wanted("1", false)], &[]).expect_err("short");
    assert!(error.to_string().contains("5000 bytes"), "{error}");
    assert_eq!(tag(&double, "1"), None);
}

#[test]
fn a_host_that_never_answers_is_given_up_soon() {
    let network = Network::default();
    let still = Still::new(1);
    let nobody = || Arc::new(|| Ok(None));
    let client =
        Client::new(Scheme::Http, "127.0.0.1:1", "a", &network, nobody(), still.clone()).expect("a client");
    let name = "1".parse().expect("a tag");
    let error = client.resolve(Name::Tag(&name)).expect_err("nobody is there").to_string();
    assert!(
        error.contains("HEAD http://127.0.0.1:1/v2/a/manifests/1") && error.contains("refused"),
        "{error}"
    );
    assert!(still.waited.load(Ordering::Relaxed) < 2000);
}
