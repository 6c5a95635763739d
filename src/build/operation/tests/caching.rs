//! Results from a cache: taken when everything about them is right, else a warning and a build.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::cache::{CacheRecord, CacheSettings, SigningKey};
use crate::fetch::Mirror;
use crate::fetch::tests::server::{Does, Server};
use crate::operation::push::push_on;

/// A cache that one builder has filled, and the key.
struct Filled {
    folder: tempfile::TempDir,
    key: SigningKey,
    built: Vec<BuiltComponent>,
    /// Has the store that `built` stands in.
    _builder: Fixture,
}

fn workspace() -> Fixture {
    let fixture = Fixture::new();
    fixture.recipe("base", "", &format!("{STEPS}\n      ln -s text \"$DESTDIR$PREFIX/lib/link\""));
    fixture.recipe("top", "needs: [base]\n", STEPS);
    fixture
}

fn fill(key: &SigningKey, folder: &Path, fixture: &Fixture) -> Vec<Pushed> {
    let names = ["top".parse().expect("a name")];
    push_on(&fixture.machine(), &fixture.settings(), &names, folder, key, fixture).expect("pushed")
}

fn filled() -> Filled {
    let fixture = workspace();
    let built = fixture.build(&["top"]).expect("built");
    let key = SigningKey::generate().expect("a key");
    let folder = tempfile::tempdir().expect("a folder");
    let pushed = fill(&key, folder.path(), &fixture);
    assert!(pushed.iter().all(|one| one.result.is_some_and(|result| result.fresh)), "{pushed:?}");
    let again = fill(&key, folder.path(), &fixture);
    assert!(again.iter().all(|one| one.result.is_some_and(|result| !result.fresh)), "{again:?}");
    Filled { folder, key, built, _builder: fixture }
}

impl Filled {
    fn settings(&self, place: &str) -> CacheSettings {
        CacheSettings::new(place, vec![self.key.public().clone()]).expect("a place")
    }

    fn in_folder(&self) -> CacheSettings {
        self.settings(&self.folder.path().to_string_lossy())
    }

    /// The file of base's record.
    fn record(&self) -> PathBuf {
        self.folder.path().join(format!("results/{}.json", self.built[0].action_key))
    }

    fn object(&self) -> PathBuf {
        let record: CacheRecord =
            serde_json::from_slice(&fs_err::read(self.record()).expect("there")).expect("a record");
        self.folder.path().join("objects/sha256").join(record.object.sha256.to_string())
    }

    /// Builds with the cache in a store of its own: the result is right in any case. What was said, and which were built.
    fn used(&self, cache: CacheSettings) -> (Vec<String>, [bool; 2]) {
        let fixture = workspace().with_cache(cache);
        let built = fixture.build(&["top"]).expect("built");
        for (own, other) in built.iter().zip(&self.built) {
            assert_eq!((own.action_key, own.digest), (other.action_key, other.digest));
            assert_eq!(fs_err::read_to_string(own.tree.join("lib/text")).expect("there").lines().count(), 1);
        }
        assert_eq!(verify_store(&fixture.settings(), &fixture).expect("read").damaged, []);
        let warnings = fixture.events().into_iter().filter(|event| event.contains("Warning(")).collect();
        (warnings, [built[0].fresh, built[1].fresh])
    }
}

#[test]
fn what_the_cache_has_is_not_built() {
    let filled = filled();
    let fixture = workspace().with_cache(filled.in_folder());
    let built = fixture.build(&["top"]).expect("taken");
    assert!(built.iter().all(|one| !one.fresh));
    let events = fixture.events();
    assert!(
        !events.iter().any(|event| event.contains("Step {") || event.contains("Preparing")),
        "{events:?}"
    );
    assert_eq!(events.iter().filter(|event| event.contains("Cached {")).count(), 2, "{events:?}");
    let time = |path: &Path| fs_err::symlink_metadata(path).expect("there").modified().expect("a time");
    for (own, other) in built.iter().zip(&filled.built) {
        assert_eq!(own.digest, other.digest);
        for path in ["", "lib", "lib/text"] {
            assert_eq!(time(&own.tree.join(path)), time(&other.tree.join(path)), "the time of '{path}'");
        }
    }
    let objects = fs_err::read_dir(fixture.store().join("sources/sha256")).expect("there").count();
    assert_eq!(objects, 0, "an object that is unpacked takes no more room");
    fs_err::remove_dir_all(filled.folder.path()).expect("removed");
    assert!(!fixture.build(&["top"]).expect("found")[1].fresh, "it is in the store now");
}

#[test]
fn what_is_taken_is_built_with() {
    let filled = filled();
    let fixture = workspace().with_cache(filled.in_folder());
    let steps = "
      mkdir -p $DESTDIR$PREFIX/lib
      cat $SYSROOT/base/lib/link > $DESTDIR$PREFIX/lib/text";
    fixture.recipe("top", "needs: [base]\n", steps);
    let built = fixture.build(&["top"]).expect("built");
    assert_eq!((built[0].fresh, built[1].fresh), (false, true));
    assert_eq!(fs_err::read_to_string(built[1].tree.join("lib/text")).expect("there"), "hello, base\n");
}

#[test]
fn nothing_that_is_wrong_is_used() {
    type Harm = (&'static str, fn(&Filled));
    let harms: [Harm; 7] = [
        ("it is not signed", |filled| {
            fs_err::remove_file(filled.record().with_added_extension("minisig")).expect("removed");
        }),
        ("is not what key", |filled| {
            let text = fs_err::read_to_string(filled.record()).expect("there");
            fs_err::write(filled.record(), text.replace("\"milliseconds\":", "\"milliseconds\":1"))
                .expect("written");
        }),
        ("which is not trusted", |filled| {
            fs_err::remove_file(filled.record()).expect("removed");
            let fixture = workspace();
            fixture.build(&["top"]).expect("built");
            fill(&SigningKey::generate().expect("a key"), filled.folder.path(), &fixture);
        }),
        // Another result, rightly signed, under this name.
        ("its record is of something else", |filled| {
            let other = filled.folder.path().join(format!("results/{}.json", filled.built[1].action_key));
            for end in ["", ".minisig"] {
                let path = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
                fs_err::copy(path(&other), path(&filled.record())).expect("copied");
            }
        }),
        ("is not to be had", |filled| fs_err::remove_file(filled.object()).expect("removed")),
        ("is not to be had", |filled| {
            let mut bytes = fs_err::read(filled.object()).expect("there");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs_err::write(filled.object(), bytes).expect("written");
        }),
        ("its signature cannot be read", |filled| {
            fs_err::write(filled.record().with_added_extension("minisig"), "hello").expect("written");
        }),
    ];
    for (says, harm) in harms {
        let filled = filled();
        harm(&filled);
        let (warnings, fresh) = filled.used(filled.in_folder());
        assert!(
            warnings.iter().any(|said| said.contains(says) && said.contains("base")),
            "{says}: {warnings:?}"
        );
        assert!(fresh[0], "{says}");
    }
}

/// Whoever signs may still be wrong: a tree is what its digest says, or it is not kept.
#[test]
fn a_signed_record_with_another_tree_is_not_used() {
    let filled = filled();
    let mut record: CacheRecord =
        serde_json::from_slice(&fs_err::read(filled.record()).expect("there")).expect("a record");
    let other = filled.folder.path().join(format!("results/{}.json", filled.built[1].action_key));
    let other: CacheRecord = serde_json::from_slice(&fs_err::read(other).expect("there")).expect("a record");
    record.object = other.object;
    let text = serde_json::to_vec(&record).expect("json");
    let signature = filled.key.sign(&text, "test").expect("signed");
    fs_err::write(filled.record(), text).expect("written");
    fs_err::write(filled.record().with_added_extension("minisig"), signature).expect("written");
    let (warnings, fresh) = filled.used(filled.in_folder());
    assert!(warnings.iter().any(|said| said.contains("the digest of what is in it")), "{warnings:?}");
    assert!(fresh[0]);
}

#[test]
fn without_a_trusted_key_nothing_is_used() {
    let filled = filled();
    let cache = CacheSettings { keys: Vec::new(), ..filled.in_folder() };
    let (warnings, fresh) = filled.used(cache);
    assert!(warnings.len() == 1 && warnings[0].contains("MEDIC_OS_CACHE_KEY"), "{warnings:?}");
    assert_eq!(fresh, [true, true]);
}

/// The cache behind a web server that does this with the path of base's record, and serves everything else.
fn served(filled: &Filled, with_record: &[Does], with_object: &[Does]) -> (Server, CacheSettings) {
    let server = Server::start();
    for folder in ["results", "objects/sha256"] {
        for entry in fs_err::read_dir(filled.folder.path().join(folder)).expect("there").flatten() {
            let name = format!("/cache/{folder}/{}", entry.file_name().to_string_lossy());
            let does = match entry.path() {
                path if path == filled.record() => with_record,
                path if path == filled.object() => with_object,
                _ => &[Does::Serve],
            };
            server.put(&name, &fs_err::read(entry.path()).expect("read"), does.iter().cloned());
        }
    }
    let mut cache = filled.settings(&server.url("/cache/"));
    cache.limits.connect = Duration::from_millis(500);
    cache.limits.stall = Duration::from_millis(300);
    cache.limits.first_delay = Duration::from_millis(5);
    (server, cache)
}

#[test]
fn a_cache_on_the_web_serves_as_well_as_it_can() {
    let serve = [Does::Serve];
    let filled = filled();
    let (_server, cache) = served(&filled, &serve, &serve);
    let (warnings, fresh) = filled.used(cache);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(fresh, [false, false]);
    // What is not there is no fault.
    let (_server, cache) = served(&filled, &[Does::Status(404, "")], &serve);
    assert_eq!(filled.used(cache), (Vec::new(), [true, false]));
    // Wrong bytes, or a part only, of one object: that one is built.
    for does in [Does::Other(b"other".to_vec()), Does::Truncate(10), Does::Stall(10)] {
        let (_server, cache) = served(&filled, &serve, &[does]);
        let (warnings, fresh) = filled.used(cache);
        assert!(warnings.len() == 1 && warnings[0].contains("base is not used"), "{warnings:?}");
        assert_eq!(fresh, [true, false]);
    }
    // No answer as it should be: the whole run does without.
    for does in [Does::Stall(0), Does::Stall(10), Does::Status(500, ""), Does::Status(403, ""), Does::Endless]
    {
        let (server, cache) = served(&filled, &[does], &serve);
        let (warnings, fresh) = filled.used(cache);
        assert!(warnings.len() == 1 && warnings[0].contains("cannot be used"), "{warnings:?}");
        assert_eq!(fresh, [true, true]);
        assert!(!server.requests().iter().any(|(path, _)| path.contains("objects")));
    }
}

#[test]
fn a_cache_that_is_down_is_asked_once() {
    let filled = filled();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|free| free.local_addr())
        .expect("an address")
        .port();
    let (warnings, fresh) = filled.used(filled.settings(&format!("http://127.0.0.1:{port}/cache")));
    assert!(warnings.len() == 1 && warnings[0].contains("no connection"), "{warnings:?}");
    assert_eq!(fresh, [true, true]);
}

#[test]
fn where_nothing_may_be_fetched_the_web_is_not_asked() {
    let filled = filled();
    let (server, cache) = served(&filled, &[Does::Serve], &[Does::Serve]);
    let fixture = workspace().with_cache(cache);
    let settings = Settings { offline: true, ..fixture.settings() };
    let names = ["top".parse().expect("a name")];
    let built = build_components_on(&fixture.machine(), &settings, &names, &fixture).expect("built");
    assert!(built.iter().all(|one| one.fresh));
    assert_eq!(server.requests(), []);
    assert!(matches!(fixture.settings().cache.expect("one").place, Mirror::Url(_)));
}
