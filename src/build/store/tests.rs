use std::sync::Mutex;

use super::*;
use crate::key::tests::inputs;
use crate::report::Silent;

struct Recorder(Mutex<Vec<String>>);

impl Reporter for Recorder {
    fn report(&self, event: Event) {
        if let Event::Warning(text) = event {
            self.0.lock().expect("not poisoned").push(text);
        }
    }
}

fn record() -> ComponentRecord {
    let inputs = inputs();
    let tree = Sha256::from_bytes([7; 32]);
    ComponentRecord {
        format: FORMAT,
        key: inputs.key(),
        inputs,
        tree,
        size: 1,
        milliseconds: 2,
        isolation: None,
    }
}

fn filled() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), "test", &Silent).expect("opened");
    let made = store.work_folder("zlib").expect("made");
    fs_err::write(made.join("libz.a"), "x").expect("written");
    store.keep_result(&record(), &made).expect("kept");
    (folder, store)
}

#[test]
fn a_result_is_kept_and_found_again() {
    let (folder, store) = filled();
    let key = record().key;
    assert_eq!(store.result(&key, &Silent), Some(record()));
    assert!(store.layout().tree(&record().tree).join("libz.a").is_file());
    assert_eq!(store.result(&Sha256::from_bytes([1; 32]), &Silent), None);
    drop(store);
    let store = Store::open(folder.path(), "test", &Silent).expect("opened again");
    assert_eq!(store.result(&key, &Silent), Some(record()));
}

#[test]
fn a_damaged_result_is_none_and_a_warning() {
    type Damage = (&'static str, fn(&Store));
    let damages: [Damage; 4] = [
        ("damaged", |store| fs_err::write(store.layout().result(&record().key), "{").expect("written")),
        ("damaged", |store| {
            let mut other = record();
            other.inputs.arch = medic_model::Arch::Arm64;
            store.keep_record(&store.layout().result(&record().key), &other).expect("written");
        }),
        ("is missing", |store| fs_err::remove_dir_all(store.layout().tree(&record().tree)).expect("removed")),
        ("not the record", |store| {
            let other = ComponentRecord { format: FORMAT + 1, ..record() };
            store.keep_record(&store.layout().result(&record().key), &other).expect("written");
        }),
    ];
    for (says, damage) in damages {
        let (_folder, store) = filled();
        damage(&store);
        let recorder = Recorder(Mutex::new(Vec::new()));
        assert_eq!(store.result(&record().key, &recorder), None, "{says}");
        let warnings = recorder.0.into_inner().expect("not poisoned");
        assert!(warnings.len() == 1 && warnings[0].contains(says), "{warnings:?}");
    }
}

#[test]
fn what_a_killed_builder_left_is_removed() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, store) = filled();
    let left = store.work_folder("openssl").expect("made").join("closed");
    fs_err::create_dir(&left).expect("made");
    fs_err::write(left.join("file"), "x").expect("written");
    fs_err::set_permissions(&left, PermissionsExt::from_mode(0o500)).expect("set");
    let aside = store.layout().results().join(".x.json.1.new");
    fs_err::write(&aside, "{").expect("written");
    drop(store);
    let store = Store::open(folder.path(), "test", &Silent).expect("opened again");
    assert!(!left.exists() && !aside.exists());
    assert_eq!(fs_err::read_dir(store.layout().work()).expect("there").count(), 0);
    assert!(store.result(&record().key, &Silent).is_some());
}

#[test]
fn an_unwritable_store_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs_err::write(&file, "x").expect("written");
    let error = Store::open(&file.join("store"), "test", &Silent).expect_err("a file").to_string();
    assert!(error.contains("make the folder") && error.contains("/file/store"), "{error}");
}
