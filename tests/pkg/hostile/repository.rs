//! A repository that is trusted, and what somebody would do to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use medic_repository::publish::{Publication, SigningKey, publish};
use serde_json::Value;

use super::Lab;
use crate::support::Package;

const DAY: u64 = 86_400;

/// Two indexes were published, and the second was seen: the first has `web` 1, the second `app` 1 as well.
pub struct Shop {
    folder: PathBuf,
    pristine: PathBuf,
    /// Of whoever publishes.
    pub key: SigningKey,
    /// Of somebody else.
    pub other: SigningKey,
    pub now: u64,
}

impl Shop {
    pub fn open(lab: &Lab) -> Self {
        let key = || SigningKey::generate().expect("a key");
        let folder = |name: &str| lab.world.archives().join(name);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let shop =
            Self { folder: folder("shop"), pristine: folder("pristine"), key: key(), other: key(), now };
        let touching = |name: &str| {
            let script = format!("#!/bin/sh\necho taken >'{}'\n", lab.canary.display());
            Package::new(name, "1").script("install", &script).archive(&lab.world.archives())
        };
        for name in ["web", "app"] {
            shop.publish(&shop.folder, "ours", &shop.key, now, &[touching(name)]);
        }
        let copied = Command::new("cp").arg("-a").args([&shop.folder, &shop.pristine]).status();
        assert!(copied.expect("cp runs").success());
        let line = shop.key.public().file().lines().nth(1).expect("a line").to_owned();
        lab.pkg(["key", "add", &line]).ok();
        lab.pkg(["repo".as_ref(), "add".as_ref(), "shop".as_ref(), shop.folder.as_os_str()]).ok();
        shop
    }

    pub fn publish(&self, folder: &Path, name: &str, key: &SigningKey, now: u64, archives: &[PathBuf]) {
        let name = name.parse().expect("a name");
        let keys = std::slice::from_ref(key);
        publish(folder, archives, &Publication { name: &name, keys, now, lifetime: 7 * DAY })
            .expect("published");
    }

    /// As it was before anybody did anything to it.
    pub fn restore(&self) {
        fs::remove_dir_all(&self.folder).expect("removed");
        let copied = Command::new("cp").arg("-a").args([&self.pristine, &self.folder]).status();
        assert!(copied.expect("cp runs").success());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn archive(&self, name: &str) -> PathBuf {
        let arch = medic_model::Arch::host().expect("host");
        self.folder.join(format!("packages/{name}-v1-{arch}.pkg.tar.zst"))
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("read")
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("written");
    }

    /// The files of a signature of index 2: by the key's own name, and the plain one.
    pub fn signatures(&self) -> [String; 2] {
        ["".to_owned(), format!(".{}", self.key.public().id())]
            .map(|key| format!("index-2.json{key}.minisig"))
    }

    pub fn sign_by(&self, key: &SigningKey, index: &[u8]) {
        let signature = key.sign(index, "index").expect("signed");
        self.write("index-2.json", index);
        self.signatures().iter().for_each(|name| self.write(name, &signature));
    }

    /// Any bytes as index 2, signed by the trusted key.
    pub fn sign(&self, index: &[u8]) {
        self.sign_by(&self.key, index);
    }

    /// Index 2, changed by whoever has the trusted key.
    pub fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut index = serde_json::from_slice(&self.read("index-2.json")).expect("JSON");
        change(&mut index);
        self.sign(index.to_string().as_bytes());
    }

    /// Its text, with one place exchanged.
    pub fn replace(&self, from: &str, to: &str) {
        let text = String::from_utf8(self.read("index-2.json")).expect("UTF-8");
        assert!(text.contains(from), "{from}");
        self.sign(text.replacen(from, to, 1).as_bytes());
    }

    /// Something else in the place of a file.
    pub fn instead(&self, path: &Path, put: impl FnOnce(&Path)) {
        fs::remove_file(path).expect("removed");
        put(path);
    }
}
