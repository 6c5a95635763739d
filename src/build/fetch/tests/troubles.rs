//! Everything that goes wrong between a server and a disk.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use medic_model::{ByteSize, Sha512};
use sha2::Digest as _;

use super::server::{Does, Server};
use super::{Bench, content, sha256, source, url};
use crate::fetch::{Event, FetchError, Reason, path_of};

const SIZE: usize = 300_000;

/// A file that a server gives only after having done something wrong.
fn after(does: impl IntoIterator<Item = Does>) -> (Bench, Server, Vec<u8>) {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    let url_text = server.put("/f", &bytes, does.into_iter().chain([Does::Serve]));
    assert_eq!(bench.arrives(&source(&bytes, [url(url_text)])), bytes);
    assert!(bench.partials().is_empty(), "{:?}", bench.partials());
    (bench, server, bytes)
}

#[test]
fn a_good_server_is_asked_once() {
    let (bench, server, _) = after([]);
    assert_eq!(server.requests(), [("/f".to_owned(), None)]);
    let told = bench.told();
    assert!(matches!(told.first(), Some(Event::Started { label, .. }) if label == "f"), "{told:?}");
    assert!(
        matches!(told.last(), Some(Event::Finished { bytes, location: Some(_), .. }) if *bytes == SIZE as u64)
    );
    assert!(
        told.iter()
            .any(|e| matches!(e, Event::Progress { bytes, total: Some(300_000), .. } if *bytes == 300_000))
    );
}

#[test]
fn what_is_in_the_store_is_not_asked_for_again() {
    let (bench, server, bytes) = after([]);
    bench.arrives(&source(&bytes, [url(server.url("/f"))]));
    assert_eq!(server.requests().len(), 1);
    assert!(matches!(bench.told().last(), Some(Event::Finished { location: None, .. })));
}

#[test]
fn a_truncated_answer_is_continued() {
    let (bench, server, _) = after([Does::Truncate(100_000), Does::Truncate(50)]);
    // The second answer ignored the range, so the download began anew, and 50 bytes of it came.
    let ranges: Vec<_> = server.requests().into_iter().map(|(_, range)| range).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-".to_owned()), Some("bytes=50-".to_owned())]);
    assert_eq!(bench.retries(), 2);
}

#[test]
fn a_reset_connection_is_continued() {
    let (bench, server, _) = after([Does::Reset(100_000)]);
    assert_eq!((bench.retries(), server.requests().len()), (1, 2));
    assert!(server.requests()[1].1.is_some(), "{:?}", server.requests());
}

#[test]
fn a_stalled_answer_is_given_up_and_continued() {
    let since = Instant::now();
    let (bench, server, _) = after([Does::Stall(100_000)]);
    assert!(since.elapsed() < Duration::from_secs(5));
    assert_eq!(server.requests()[1].1.as_deref(), Some("bytes=100000-"));
    let stalled = |e: &Event| matches!(e, Event::Retry { reason, .. } if reason.contains("nothing came"));
    assert!(bench.told().iter().any(stalled), "{:?}", bench.told());
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(100));
    server.set_delay(Duration::from_secs(30));
    let place = server.put("/f", &bytes, [Does::Serve]);
    let since = Instant::now();
    let (reasons, _) = bench.fails(&source(&bytes, [url(place)]));
    assert!(matches!(reasons[..], [Reason::Stalled(_)]), "{reasons:?}");
    assert!(since.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_server_that_ignores_ranges_starts_over() {
    let (_, server, _) = after([Does::Truncate(100_000), Does::ServeWhole]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_server_that_sends_another_range_starts_over() {
    let (_, server, _) = after([Does::Truncate(100_000), Does::OtherRange]);
    assert_eq!(server.requests()[2].1, None, "{:?}", server.requests());
}

#[test]
fn server_errors_are_tried_again_after_a_wait() {
    let (bench, _, _) =
        after([Does::Status(503, ""), Does::Status(500, ""), Does::Status(429, "Retry-After: 0\r\n")]);
    assert_eq!(bench.retries(), 3);
}

#[test]
fn retry_after_is_honoured() {
    let since = Instant::now();
    let (bench, _, _) = after([Does::Status(503, "Retry-After: 1\r\n")]);
    assert!(since.elapsed() >= Duration::from_secs(1));
    assert!(
        bench
            .told()
            .iter()
            .any(|e| matches!(e, Event::Retry { delay, .. } if *delay >= Duration::from_secs(1)))
    );
    let since = Instant::now();
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\n";
    after([Does::Status(503, date)]);
    assert!(since.elapsed() >= Duration::from_secs(1));
}

/// What a server that always does the same makes of a file.
fn never(does: Does) -> (Bench, Server, Vec<Reason>, String) {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    let place = server.put("/f", &bytes, [does]);
    let (reasons, text) = bench.fails(&source(&bytes, [url(place)]));
    assert!(text.contains("/f: ") && text.contains("MEDIC_OS_MIRRORS"), "{text}");
    assert!(text.contains("'cargo xtask vendor FOLDER'"), "{text}");
    assert!(text.contains(&sha256(&bytes).to_string()), "{text}");
    (bench, server, reasons, text)
}

#[test]
fn a_server_that_asks_for_too_much_patience_is_given_up() {
    let (_, server, reasons, _) = never(Does::Status(503, "Retry-After: 3600\r\n"));
    assert!(matches!(reasons[..], [Reason::Busy(_)]), "{reasons:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_is_not_there_is_not_asked_for_twice() {
    let (_, server, reasons, _) = never(Does::Status(404, ""));
    assert!(matches!(reasons[..], [Reason::Status(404)]), "{reasons:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_server_that_only_fails_is_given_up_after_some_tries() {
    let (_, server, reasons, _) = never(Does::Status(502, ""));
    assert!(matches!(reasons[..], [Reason::Status(502)]), "{reasons:?}");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn redirects_end() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    server.put("/b", b"", [Does::Redirect(server.url("/f"))]);
    let place = server.put("/f", &bytes, [Does::Redirect(server.url("/b"))]);
    let (reasons, _) = bench.fails(&source(&bytes, [url(place)]));
    assert!(matches!(reasons[..], [Reason::Redirects]), "{reasons:?}");
    assert!(server.requests().len() <= 7, "{:?}", server.requests());
    // A few are followed.
    server.put("/f", &bytes, [Does::Redirect(server.url("/c"))]);
    server.put("/c", &bytes, [Does::Serve]);
    bench.arrives(&source(&bytes, [url(server.url("/f"))]));
}

#[test]
fn wrong_bytes_are_told_and_the_next_location_is_tried() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    let other = content(1000);
    let wrong = server.put("/wrong", &bytes, [Does::Other(other.clone())]);
    let right = server.put("/right", &bytes, [Does::Serve]);
    bench.arrives(&source(&bytes, [url(wrong.clone()), url(right)]));
    let expected = Event::WrongDigest { id: sha256(&bytes), location: wrong, found: sha256(&other) };
    assert!(bench.told().contains(&expected), "{:?}", bench.told());
    assert!(bench.partials().is_empty(), "the wrong file is not kept: {:?}", bench.partials());
}

#[test]
fn wrong_bytes_everywhere_is_an_error_with_every_location() {
    let (bench, server, reasons, text) = never(Does::Other(b"something else".to_vec()));
    assert!(matches!(reasons[..], [Reason::WrongDigest { algorithm: "sha256", .. }]), "{reasons:?}");
    assert!(text.contains("it is another file"), "{text}");
    assert_eq!(server.requests().len(), 1, "the same bytes are not asked for again");
    assert!(bench.partials().is_empty());
}

#[test]
fn sha512_counts_too() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    let place = server.put("/f", &bytes, [Does::Truncate(1000), Does::Serve]);
    let mut wanted = source(&bytes, [url(place)]);
    wanted.sha512 = Some(Sha512::from_bytes([7; 64]));
    let (reasons, _) = bench.fails(&wanted);
    assert!(matches!(reasons[..], [Reason::WrongDigest { algorithm: "sha512", .. }]), "{reasons:?}");
    wanted.sha512 = Some(Sha512::from_bytes(sha2::Sha512::digest(&bytes).into()));
    bench.arrives(&wanted);
}

#[test]
fn a_beginning_of_another_file_does_not_spoil_the_download() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    // What is there is not the beginning of what the server has: it was another file under the same name.
    let mut wanted = source(&bytes, [url(server.put("/f", &bytes, [Does::Other(vec![1; SIZE])]))]);
    wanted.max_size = ByteSize(1 << 20);
    server.put("/f", &vec![1; SIZE], [Does::Truncate(1000), Does::Status(404, "")]);
    bench.fails(&wanted);
    assert_eq!(bench.partials().len(), 1, "the beginning is kept");
    server.put("/f", &bytes, [Does::Serve]);
    assert_eq!(bench.arrives(&wanted), bytes);
    let ranges: Vec<_> = server.requests().into_iter().skip(2).map(|(_, range)| range).collect();
    assert_eq!(ranges, [Some("bytes=1000-".to_owned()), None]);
    assert!(!bench.told().iter().any(|e| matches!(e, Event::WrongDigest { .. })), "nobody is to blame");
}

#[test]
fn the_next_run_continues_where_this_one_ended() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    let wanted =
        source(&bytes, [url(server.put("/f", &bytes, [Does::Truncate(200_000), Does::Status(404, "")]))]);
    bench.fails(&wanted);
    server.put("/f", &bytes, [Does::Serve]);
    bench.arrives(&wanted);
    assert_eq!(server.requests().last().expect("asked").1.as_deref(), Some("bytes=200000-"));
    assert!(
        bench
            .told()
            .iter()
            .any(|e| matches!(e, Event::Progress { bytes: 200_000, total: Some(300_000), .. }))
    );
}

#[test]
fn a_file_that_is_whole_but_not_promoted_needs_no_request() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    let wanted =
        source(&bytes, [url(server.put("/f", &bytes, [Does::Truncate(200_000), Does::Status(404, "")]))]);
    bench.fails(&wanted);
    let partial = bench.store().join("partial").join(&bench.partials()[0]);
    std::fs::write(partial, &bytes).expect("written");
    bench.arrives(&wanted);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_is_too_large_is_cut_off() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    let endless = server.put("/endless", &bytes, [Does::Endless]);
    let large = server.put("/large", &bytes, [Does::Serve]);
    let mut wanted = source(b"small", [url(endless), url(large)]);
    wanted.max_size = ByteSize(100_000);
    let (reasons, text) = bench.fails(&wanted);
    assert!(matches!(reasons[..], [Reason::TooLarge { .. }, Reason::TooLarge { .. }]), "{reasons:?}");
    assert!(text.contains("100000"), "{text}");
    assert!(bench.partials().is_empty());
}

#[test]
fn a_host_that_does_not_answer_is_not_waited_for_by_each_file() {
    let bench = Bench::new();
    // A port that was free a moment ago, and that nobody listens at.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let files: Vec<_> = (1..=6).map(|n| source(&content(n), [url(format!("http://{dead}/{n}"))])).collect();
    let error = bench.fetch(&files.iter().collect::<Vec<_>>()).expect_err("refused");
    let FetchError::Missing { failures, .. } = &error else { panic!("{error}") };
    assert_eq!(failures.len(), 6);
    assert!(failures.iter().all(|f| matches!(f.locations[..], [(_, Reason::Connect(_))])), "{failures:?}");
    assert!(bench.retries() <= 4, "only those that began before it was known: {}", bench.retries());
    assert!(error.to_string().contains("6 sources could not be had"), "{error}");
}

#[test]
fn no_such_host_and_no_address() {
    let bench = Bench::new();
    let wanted = source(b"x", [url("http://host.invalid/x"), url("http://[bad/x")]);
    let (reasons, _) = bench.fails(&wanted);
    assert!(matches!(reasons[..], [Reason::Connect(_), Reason::Address(_)]), "{reasons:?}");
}

#[test]
fn a_damaged_file_in_the_store_is_told_and_fetched_again() {
    let (bench, server, bytes) = after([]);
    let place = path_of(&bench.store(), &sha256(&bytes));
    std::fs::remove_file(&place).expect("removed");
    std::fs::write(&place, "damaged").expect("written");
    bench.arrives(&source(&bytes, [url(server.url("/f"))]));
    assert!(bench.told().iter().any(|e| matches!(e, Event::Damaged { path, .. } if *path == place)));
}

#[test]
fn stopping_takes_no_time_and_loses_nothing() {
    let (mut bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    bench.limits.stall = Duration::from_secs(30);
    let wanted = source(&bytes, [url(server.put("/f", &bytes, [Does::Stall(200_000), Does::Serve]))]);
    let since = Instant::now();
    let error = std::thread::scope(|scope| {
        let fetching = scope.spawn(|| bench.fetch(&[&wanted]));
        while !bench.told().iter().any(|e| matches!(e, Event::Progress { .. })) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        bench.cancel.store(true, Ordering::Relaxed);
        fetching.join().expect("no panic").expect_err("stopped")
    });
    assert!(matches!(error, FetchError::Cancelled), "{error}");
    assert!(since.elapsed() < Duration::from_secs(3));
    bench.cancel.store(false, Ordering::Relaxed);
    bench.arrives(&wanted);
    assert_eq!(server.requests()[1].1.as_deref(), Some("bytes=200000-"));
}

#[test]
fn a_full_disk_is_named_and_nothing_is_promoted() {
    let (bench, server) = (Bench::new(), Server::start());
    let bytes = content(3 << 20);
    let wanted = source(&bytes, [url(server.put("/f", &bytes, [Does::Serve]))]);
    let store = bench.store();
    std::fs::create_dir(&store).expect("made");
    // A file system of 1 MiB. Only root may mount one, and not in every container.
    let mounted =
        rustix::mount::mount("medic-test", &store, "tmpfs", rustix::mount::MountFlags::empty(), c"size=1m");
    match mounted {
        Err(rustix::io::Errno::PERM) => return,
        other => other.expect("mounted"),
    }
    let result = bench.fetch(&[&wanted]);
    let whole = path_of(&store, &wanted.sha256).exists();
    rustix::mount::unmount(&store, rustix::mount::UnmountFlags::DETACH).expect("unmounted");
    let error = result.expect_err("full");
    let FetchError::Disk { free: Some(free), .. } = &error else { panic!("{error}") };
    assert!(*free < 1 << 20 && !whole, "{error}");
    let text = error.to_string();
    assert!(text.contains("No space left") && text.contains(&wanted.sha256.to_string()), "{text}");
    assert!(text.contains("MEDIC_OS_STORE"), "{text}");
}

#[test]
fn hosts_are_not_overrun() {
    let (mut bench, server) = (Bench::new(), Server::start());
    bench.limits.workers = std::num::NonZero::new(8).expect("not zero");
    server.set_delay(Duration::from_millis(50));
    let file = |n: usize| {
        let bytes = content(1000 + n);
        source(&bytes, [url(server.put(&format!("/{n}"), &bytes, [Does::Serve]))])
    };
    let files: Vec<_> = (0..8).map(file).collect();
    let paths = bench.fetch(&files.iter().collect::<Vec<_>>()).expect("fetched");
    let expected: Vec<_> = files.iter().map(|file| path_of(&bench.store(), &file.sha256)).collect();
    assert_eq!(paths, expected, "in the order asked for");
    assert_eq!(server.busiest(), 2);
}

#[test]
fn a_host_that_asks_for_a_rest_is_left_alone_by_all_files() {
    let (mut bench, server) = (Bench::new(), Server::start());
    bench.limits.workers = std::num::NonZero::new(8).expect("not zero");
    server.set_overrun(Duration::from_millis(800));
    let file = |n: usize| {
        let bytes = content(1000 + n);
        source(&bytes, [url(server.put(&format!("/{n}"), &bytes, [Does::Serve]))])
    };
    let files: Vec<_> = (0..8).map(file).collect();
    bench.fetch(&files.iter().collect::<Vec<_>>()).expect("fetched");
    // Two connections to one host: more than those are never told to wait.
    assert!(server.requests().len() <= 8 + 2, "{:?}", server.requests());
    assert!(bench.retries() <= 2, "{:?}", bench.told());
}

#[test]
fn what_a_killed_run_left_is_removed_and_what_another_uses_is_not() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    let partial = bench.store().join("partial");
    std::fs::create_dir_all(partial.join("client-dead/deep")).expect("made");
    std::fs::write(partial.join("client-dead/deep/file"), "x").expect("written");
    std::fs::create_dir(partial.join("client-alive")).expect("made");
    let alive = std::fs::File::open(partial.join("client-alive")).expect("open");
    alive.try_lock().expect("free");
    let beginning = format!("{}.0123456789abcdef", "a".repeat(64));
    std::fs::write(partial.join(&beginning), "begun").expect("written");
    std::fs::write(partial.join(format!("{beginning}.4711")), "begun").expect("written");
    bench.arrives(&source(&bytes, [url(server.put("/f", &bytes, [Does::Serve]))]));
    let mut left = bench.partials();
    left.sort();
    assert_eq!(left, [beginning, "client-alive".to_owned()]);
}

#[test]
fn one_missing_file_does_not_keep_the_others() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(1000));
    let there = source(&bytes, [url(server.put("/there", &bytes, [Does::Serve]))]);
    let missing = source(b"missing", [url(server.url("/missing"))]);
    assert!(matches!(bench.fetch(&[&missing, &there]), Err(FetchError::Missing { .. })));
    assert!(path_of(&bench.store(), &there.sha256).exists());
}

#[test]
fn two_fetches_of_one_file_at_once() {
    let (bench, server, bytes) = (Bench::new(), Server::start(), content(SIZE));
    server.set_delay(Duration::from_millis(100));
    let wanted = source(&bytes, [url(server.put("/f", &bytes, [Does::Serve]))]);
    std::thread::scope(|scope| {
        let fetch = || bench.fetch(&[&wanted]).map(drop);
        let (one, two) = (scope.spawn(fetch), scope.spawn(fetch));
        one.join().expect("no panic").expect("fetched");
        two.join().expect("no panic").expect("fetched");
    });
    bench.arrives(&wanted);
    assert!(bench.partials().is_empty(), "{:?}", bench.partials());
}
