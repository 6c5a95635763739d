//! Every attack on a repository is refused with its own words.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use fs_err as fs;
use medic_archive::tree::{Node, Tree};
use medic_model::manifest::{FORMAT, Provenance};
use medic_model::{Arch, Manifest, PackageName, Sha256};

use crate::publish::{
    Event, Folder, Place, Plan, Publication, PublishError, Reporter, SigningKey, carry_out, look, plan,
    publish,
};
use crate::{Directory, Repository, RepositoryError, Seen, Trust, TrustedKey};

const NOW: u64 = 1_800_000_000;
const WEEK: u64 = 7 * 86_400;

fn archive(folder: &Path, name: &str, version: &str, text: &str) -> PathBuf {
    let mut tree = Tree::new();
    let path = format!("srv/software/{name}/v{version}/x64/bin/{name}");
    tree.insert(path.parse().expect("path"), Node::bytes(0o755, text)).expect("free");
    let manifest = Manifest {
        format: FORMAT,
        name: name.parse().expect("name"),
        version: version.parse().expect("version"),
        arch: Arch::X64,
        summary: name.to_owned(),
        licence: "MIT".to_owned(),
        depends: vec!["shell >=1".parse().expect("dependency")],
        conflicts: Vec::new(),
        provides: Vec::new(),
        data_compatible_from: None,
        users: Vec::new(),
        services: BTreeMap::new(),
        entries: medic_archive::package::entries(&tree).expect("entries"),
        provenance: Provenance { action_key: Sha256::from_bytes([1; 32]), components: Vec::new() },
    };
    let to = folder.join(format!("{text}-{}", manifest.archive_name()));
    medic_archive::package::write(&manifest, &tree, &to, 0, NonZero::<u32>::MIN).expect("written");
    to
}

struct World {
    folder: tempfile::TempDir,
    keys: Vec<SigningKey>,
    name: PackageName,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let keys = vec![SigningKey::generate().expect("a key")];
        Self { folder, keys, name: "ours".parse().expect("name") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("repository").join(name)
    }

    fn publish(&self, archives: &[(&str, &str, &str)]) -> Result<u64, PublishError> {
        let archives: Vec<PathBuf> = archives
            .iter()
            .map(|(name, version, text)| archive(self.folder.path(), name, version, text))
            .collect();
        let publication = Publication { name: &self.name, keys: &self.keys, now: NOW, lifetime: WEEK };
        let published = publish(&self.path(""), &archives, &publication).map(|index| index.version);
        archives.iter().for_each(|path| fs::remove_file(path).expect("removed"));
        published
    }

    fn trusted(&self) -> Vec<TrustedKey> {
        self.keys.iter().map(|key| key.public().clone()).collect()
    }

    fn open_at(&self, now: u64, seen: Option<&Seen>) -> Result<Repository, RepositoryError> {
        let keys = self.trusted();
        Repository::open(Box::new(Directory::new(self.path(""))), Trust { keys: &keys, now, seen })
    }

    fn refused(&self, now: u64, seen: Option<&Seen>) -> String {
        match self.open_at(now, seen) {
            Ok(_) => panic!("it was trusted"),
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn what_is_published_can_be_opened_and_grows() {
    let world = World::new();
    assert_eq!(world.publish(&[("web", "1.9", "a"), ("web", "1.10", "b")]).expect("published"), 1);
    let repository = world.open_at(NOW, None).unwrap_or_else(|error| panic!("{error}"));
    let name = "web".parse().expect("name");
    let versions: Vec<String> =
        repository.index().versions(&name, Arch::X64).map(|listed| listed.version.to_string()).collect();
    assert_eq!(versions, ["1.9", "1.10"]);
    assert_eq!(repository.index().versions(&name, Arch::Arm64).count(), 0);
    let listed = &repository.index().packages[0];
    let file = repository.fetch(listed, Path::new("/nowhere"), &|_| ()).expect("fetched");
    assert_eq!(medic_archive::digest::of_file(&file).expect("read").sha256, listed.sha256);
    assert_eq!(listed.depends[0].to_string(), "shell >=1");
    assert_eq!(world.publish(&[("app", "1", "c"), ("web", "1.9", "a")]).expect("published"), 2);
    let again = world.open_at(NOW, Some(&repository.seen())).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((again.index().packages.len(), again.seen().version), (3, 2));
}

#[test]
fn a_published_version_never_changes() {
    let world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    let error = world.publish(&[("web", "1", "b")]).expect_err("refused").to_string();
    assert!(error.contains("a version that was published never changes"), "{error}");
    assert_eq!(world.open_at(NOW, None).map(|r| r.index().version).ok(), Some(1));
}

#[test]
fn a_wrong_key_is_named() {
    let mut world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    let signer = world.keys[0].public().id();
    world.keys = vec![SigningKey::generate().expect("another")];
    let error = world.refused(NOW, None);
    assert!(error.contains(&format!("is signed by key {signer}, which is not trusted")), "{error}");
    let error = world.publish(&[]).expect_err("not ours").to_string();
    assert!(error.contains("is not trusted"), "{error}");
    world.keys.clear();
    assert!(world.refused(NOW, None).contains("no key is trusted"));
}

/// An attacker's signature under the number of a trusted key: its first 10 bytes (algorithm, number) are replaced.
#[test]
fn a_key_may_not_pretend_to_have_another_number() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (ours, theirs) = (World::new(), World::new());
    ours.publish(&[("web", "1", "a")]).expect("published");
    theirs.publish(&[("web", "1", "evil")]).expect("published");
    let line = |world: &World| {
        let text = fs::read_to_string(world.path("index-1.json.minisig")).expect("signature");
        let line = text.lines().nth(1).expect("a line").to_owned();
        (text, line)
    };
    let ((_, real), (text, forged)) = (line(&ours), line(&theirs));
    let value = |c: &str| ALPHABET.find(c).expect("Base64");
    let mixed = (value(&real[13..14]) & 0b11_0000) | (value(&forged[13..14]) & 0b00_1111);
    let pretending = format!("{}{}{}", &real[..13], &ALPHABET[mixed..=mixed], &forged[14..]);
    let id = ours.keys[0].public().id();
    fs::copy(theirs.path("index-1.json"), ours.path("index-1.json")).expect("copied");
    fs::write(ours.path(&format!("index-1.json.{id}.minisig")), text.replace(&forged, &pretending))
        .expect("written");
    let error = ours.refused(NOW, None);
    assert!(error.contains(&format!("is not what key {id} has signed")), "{error}");
    fs::write(ours.path(&format!("index-1.json.{id}.minisig")), "hello").expect("written");
    assert!(ours.refused(NOW, None).contains("has no signature that can be read"));
}

#[test]
fn bytes_that_were_not_signed_are_refused() {
    let world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    let path = world.path("index-1.json");
    let whole = fs::read(&path).expect("index");
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).expect("cut");
        assert!(world.refused(NOW, None).contains("was cut off or changed on the way"), "{cut}");
    }
    let mut swapped = whole.clone();
    let at = swapped.windows(5).position(|w| w == b"\"web\"").expect("the name");
    swapped[at + 1] = b'b';
    fs::write(&path, swapped).expect("swapped");
    assert!(world.refused(NOW, None).contains("was cut off or changed on the way"));
}

#[test]
fn an_old_index_is_not_taken_again() {
    let world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    world.publish(&[("web", "2", "b")]).expect("published");
    let seen = world.open_at(NOW, None).map(|repository| repository.seen()).ok();
    fs::write(world.path("latest"), "1\n").expect("rolled back");
    let error = world.refused(NOW, seen.as_ref());
    assert!(error.contains("offers index 1, and 2 was seen before"), "{error}");
    // The old one under the new number.
    fs::write(world.path("latest"), "2\n").expect("set");
    for suffix in ["", ".minisig", &format!(".{}.minisig", world.keys[0].public().id())] {
        fs::copy(world.path(&format!("index-1.json{suffix}")), world.path(&format!("index-2.json{suffix}")))
            .expect("copied");
    }
    let error = world.refused(NOW, seen.as_ref());
    assert!(error.contains("says that it is index 1"), "{error}");
}

#[test]
fn a_repository_that_stands_still_expires() {
    let world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    assert!(world.open_at(NOW + WEEK - 1, None).is_ok());
    let error = world.refused(NOW + WEEK + 3 * 86_400, None);
    assert!(error.contains("has expired 3 days ago"), "{error}");
    world.publish(&[]).expect("published again, though it has expired");
}

#[test]
fn the_index_of_another_repository_is_not_taken() {
    let mut world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    let seen = Seen { name: "theirs".parse().expect("name"), version: 1 };
    let error = world.refused(NOW, Some(&seen));
    assert!(error.contains("is an index of the repository 'ours', and this was 'theirs' before"), "{error}");
    world.name = "theirs".parse().expect("name");
    assert!(matches!(
        world.publish(&[]),
        Err(PublishError::Repository(RepositoryError::OtherRepository { .. }))
    ));
}

#[test]
fn keys_are_exchanged_without_a_gap() {
    let mut world = World::new();
    let old = world.trusted();
    world.publish(&[("web", "1", "a")]).expect("published");
    world.keys.push(SigningKey::generate().expect("another"));
    let new = vec![world.keys[1].public().clone()];
    world.publish(&[]).expect("by both");
    for keys in [&old, &new] {
        let trust = Trust { keys, now: NOW, seen: None };
        assert!(Repository::open(Box::new(Directory::new(world.path(""))), trust).is_ok());
    }
    world.keys.remove(0);
    world.publish(&[]).expect("by the new one alone");
    let trust = Trust { keys: &old, now: NOW, seen: None };
    assert!(Repository::open(Box::new(Directory::new(world.path(""))), trust).is_err());
}

#[test]
fn what_is_no_repository_is_said() {
    let world = World::new();
    assert!(world.refused(NOW, None).contains("is no repository: it has no file 'latest'"));
    world.publish(&[]).expect("published");
    fs::write(world.path("latest"), "../../etc").expect("written");
    assert!(world.refused(NOW, None).contains("should hold the number of an index"));
    fs::write(world.path("latest"), "9".repeat(100)).expect("written");
    assert!(world.refused(NOW, None).contains("more than 32 bytes"));
}

#[test]
fn a_secret_key_goes_through_its_file() {
    let key = SigningKey::generate().expect("a key");
    let again = SigningKey::parse(&key.secret_file().expect("text"), None).expect("the same");
    assert_eq!(again.public(), key.public());
    assert!(SigningKey::parse("hello", None).is_err());
}

impl World {
    fn place(&self) -> Folder {
        Folder::new(self.path(""))
    }

    /// What publishing these archives would do.
    fn plan(&self, archives: &[PathBuf]) -> Plan {
        let place = self.place();
        let publication = Publication { name: &self.name, keys: &self.keys, now: NOW, lifetime: WEEK };
        let before = look(&place, &self.trusted()).expect("trusted");
        plan(&place.location(), before, archives, &publication).expect("planned")
    }
}

#[test]
fn of_two_publishers_the_second_is_refused() {
    let world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    let (one, other) =
        (archive(world.folder.path(), "app", "1", "a"), archive(world.folder.path(), "app", "1", "b"));
    let (first, second) = (world.plan(&[one]), world.plan(&[other]));
    let place = world.place();
    let lock = place.begin().expect("nobody is at work");
    let busy = carry_out(&first, &place, &world.keys, &()).expect_err("somebody is at work");
    assert!(matches!(busy, PublishError::Busy { .. }), "{busy}");
    drop(lock);
    carry_out(&first, &place, &world.keys, &()).expect("published");
    let late = carry_out(&second, &place, &world.keys, &()).expect_err("too late");
    assert!(late.to_string().contains("another index was published"), "{late}");
    // What the first has published is as it was.
    let repository = world.open_at(NOW, None).unwrap_or_else(|error| panic!("{error}"));
    let listed = &repository.index().packages[0];
    let file = repository.fetch(listed, Path::new("/nowhere"), &|_| ()).expect("fetched");
    assert_eq!(medic_archive::digest::of_file(&file).expect("read").sha256, listed.sha256);
    assert_eq!(repository.index().version, 2);
}

/// Whatever a publisher that was killed has left: readers see the index before, and the next publisher goes on.
#[test]
fn a_publisher_that_was_killed_changes_nothing() {
    let world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    let archive = archive(world.folder.path(), "web", "2", "b");
    for name in ["packages/web-v2-x64.pkg.tar.zst.1.partial", "index-2.json.1.partial"] {
        fs::write(world.path(name), "half of it").expect("written");
    }
    // The whole archive without its index, and an index that nothing leads to.
    fs::copy(&archive, world.path("packages/web-v2-x64.pkg.tar.zst")).expect("copied");
    fs::write(world.path("index-2.json"), "another").expect("written");
    assert_eq!(world.open_at(NOW, None).map(|r| r.index().version).ok(), Some(1));
    let plan = world.plan(&[archive]);
    struct Told(std::cell::RefCell<Vec<String>>);
    impl Reporter for Told {
        fn event(&self, event: Event<'_>) {
            self.0.borrow_mut().push(format!("{event:?}").split('(').next().unwrap_or_default().to_owned());
        }
    }
    let told = Told(Default::default());
    carry_out(&plan, &world.place(), &world.keys, &told).expect("published");
    assert_eq!(told.0.into_inner(), ["There"]);
    assert_eq!(world.open_at(NOW, None).map(|r| r.index().version).ok(), Some(2));
    let left = |folder: &str| {
        let names = fs::read_dir(world.path(folder)).expect("there").map(|e| e.expect("read").file_name());
        names.filter(|name| name.to_string_lossy().contains("partial")).count()
    };
    assert_eq!(left("") + left("packages"), 0);
}

#[test]
fn a_plan_alone_changes_nothing() {
    let world = World::new();
    let plan = world.plan(&[archive(world.folder.path(), "web", "1", "a")]);
    assert!(plan.archives[0].is_new && plan.index.version == 1);
    assert!(!world.path("").exists());
}

/// When the secret half of the old key is lost, the new one goes on alone, for whoever says that he trusts the old one still.
#[test]
fn a_new_key_goes_on_from_an_old_ones_index() {
    let mut world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    let old = world.trusted();
    world.keys = vec![SigningKey::generate().expect("another")];
    let publication = Publication { name: &world.name, keys: &world.keys, now: NOW, lifetime: WEEK };
    let place = world.place();
    let plan = plan("there", look(&place, &old).expect("trusted"), &[], &publication).expect("planned");
    carry_out(&plan, &place, &world.keys, &()).expect("published");
    assert_eq!(world.open_at(NOW, None).map(|r| r.index().packages.len()).ok(), Some(1));
}

#[test]
fn a_secret_key_may_have_a_password() {
    let (text, public) = SigningKey::generate_protected("open sesame".to_owned()).expect("a key");
    assert!(SigningKey::is_protected(&text));
    let key = SigningKey::parse(&text, Some("open sesame".to_owned())).expect("the same");
    assert_eq!(*key.public(), public);
    assert!(key.secret_file().is_err(), "it is written without its password nowhere");
    assert!(SigningKey::parse(&text, None).is_err());
    assert!(SigningKey::parse(&text, Some("sesame".to_owned())).is_err());
}

/// The `minisign` program verifies what we sign, and we verify what it signs. `.ci/setup --tests` installs it.
#[test]
fn minisign_agrees() {
    let world = World::new();
    world.publish(&[("web", "1", "a")]).expect("published");
    let public = world.folder.path().join("key.pub");
    fs::write(&public, world.keys[0].public().file()).expect("written");
    let run = |args: &[&str]| {
        std::process::Command::new("minisign")
            .args(args)
            .current_dir(world.folder.path())
            .output()
            .expect("the program minisign, which .ci/setup --tests installs")
    };
    let verified = run(&["-V", "-p", "key.pub", "-m", "repository/index-1.json"]);
    assert!(verified.status.success(), "{verified:?}");
    fs::write(world.folder.path().join("key.sec"), world.keys[0].secret_file().expect("text"))
        .expect("written");
    let id = world.keys[0].public().id();
    fs::remove_file(world.path(&format!("index-1.json.{id}.minisig"))).expect("removed");
    let signed = run(&["-S", "-W", "-s", "key.sec", "-m", "repository/index-1.json"]);
    assert!(signed.status.success(), "{signed:?}");
    assert!(world.open_at(NOW, None).is_ok());
    let made = run(&["-G", "-W", "-s", "theirs.sec", "-p", "theirs.pub"]);
    assert!(made.status.success(), "{made:?}");
    let read = |name: &str| fs::read_to_string(world.folder.path().join(name)).expect("written");
    let theirs = SigningKey::parse(&read("theirs.sec"), None).expect("a key without a checksum");
    assert_eq!(*theirs.public(), TrustedKey::parse(&read("theirs.pub")).expect("a key"));
    // A damaged one is noticed all the same.
    let whole = read("theirs.sec");
    let line = whole.lines().nth(1).expect("a line");
    let damaged =
        format!("{}{}{}", &line[..100], if &line[100..101] == "A" { "B" } else { "A" }, &line[101..]);
    assert!(SigningKey::parse(&whole.replace(line, &damaged), None).is_err());
}
