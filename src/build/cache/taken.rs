//! Taking one result from a cache.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use medic_archive::upstream::{Limits, Mtime, Options, unpack};
use medic_model::ByteSize;
use medic_model::document::from_json;
use medic_model::recipe::FileSource;
use medic_repository::key;

use super::record::{OBJECTS, SIGNATURE, path_of};
use super::{Cache, CacheRecord, CacheSettings, FORMAT, ObjectRecord, Trouble};
use crate::error::BuildError;
use crate::fetch::{self, Access, FetchError, Mirror};
use crate::key::KeyInputs;
use crate::report::{Event, Reporter};
use crate::store::{ComponentRecord, Store, StoreError, make_folder, remove_all};

/// The largest record: its inputs hold the text of a recipe's steps.
const MAX_RECORD: usize = 4 << 20;
/// The largest signature.
const MAX_SIGNATURE: usize = 4096;

impl<'a> Cache<'a> {
    pub(super) fn ask(
        &self,
        settings: &'a CacheSettings,
        inputs: &KeyInputs,
        released: u64,
        store: &Store,
        reporter: &dyn Reporter,
    ) -> Result<Option<ComponentRecord>, Trouble> {
        if settings.keys.is_empty() {
            let why = "no key is trusted: set MEDIC_OS_CACHE_KEY, or put it into recipes/cache.pub";
            return Err(Trouble::Unusable(why.to_owned()));
        }
        let documents = self.documents(settings, store)?;
        let name = path_of(&inputs.key());
        let Some(text) = documents.read(&name, MAX_RECORD)? else { return Ok(None) };
        let Some(signature) = documents.read(&format!("{name}{SIGNATURE}"), MAX_SIGNATURE)? else {
            return Err(Trouble::Wrong("it is not signed".to_owned()));
        };
        key::verify(&settings.keys, &text, &signature).map_err(|error| Trouble::Wrong(error.to_string()))?;
        let record = checked(&name, &text, inputs)?;
        let object = self.object(settings, &record.object, store, reporter)?;
        let kept = keep(&record.result, &object, released, store);
        // Once it is unpacked, or of no use, it only takes room.
        remove_all(&object)?;
        kept.map(|()| Some(record.result))
    }

    /// The object's file, in the store's sources.
    fn object(
        &self,
        settings: &CacheSettings,
        object: &ObjectRecord,
        store: &Store,
        reporter: &dyn Reporter,
    ) -> Result<std::path::PathBuf, Trouble> {
        let source = FileSource {
            sha256: object.sha256,
            sha512: None,
            max_size: ByteSize(object.size),
            locations: Vec::new(),
            into: None,
            unpack: true,
            strip: 0,
        };
        let mirror = match &settings.place {
            Mirror::Directory(folder) => Mirror::Directory(folder.join(OBJECTS)),
            Mirror::Url(base) => Mirror::Url(format!("{base}/{OBJECTS}")),
        };
        let access = Access { mirrors: vec![mirror], ..self.access.clone() };
        let fetched = fetch::fetch_all(
            &[&source],
            store.layout().root(),
            &access,
            &settings.limits,
            &|event| reporter.report(Event::Fetch(event)),
            &AtomicBool::new(false),
        );
        match fetched {
            Ok(_) => Ok(fetch::path_of(store.layout().root(), &object.sha256)),
            Err(FetchError::Missing { failures, .. }) => {
                let last = failures.first().and_then(|failure| failure.locations.first());
                let why = last.map_or_else(|| "it is not there".to_owned(), |(_, reason)| reason.to_string());
                Err(Trouble::Wrong(format!("its object {} is not to be had: {why}", object.sha256)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The record, if it speaks of these inputs.
fn checked(name: &str, text: &[u8], inputs: &KeyInputs) -> Result<CacheRecord, Trouble> {
    let record: CacheRecord = from_json(name, text).map_err(|error| Trouble::Wrong(error.to_string()))?;
    let right = record.format == FORMAT
        && record.result.format == crate::store::FORMAT
        && record.result.inputs == *inputs
        && record.result.key == inputs.key();
    if right { Ok(record) } else { Err(Trouble::Wrong("its record is of something else".to_owned())) }
}

/// Unpacks an object as what it may be, a hostile archive, and keeps it when it is the tree that the record names.
fn keep(record: &ComponentRecord, object: &Path, released: u64, store: &Store) -> Result<(), Trouble> {
    let work = store.work_folder(&format!("cache-{}", record.inputs.component))?;
    let tree = work.join("tree");
    make_folder(&tree)?;
    let limits = Limits { size: record.size, ..Limits::default() };
    let options = Options { strip: 0, mtime: Mtime::Fixed(released), limits };
    let unpacked = unpack(object, &tree, &options).map_err(|error| BuildError::unpacking(error, &tree));
    match unpacked {
        Ok(_) => {}
        Err(BuildError::Unpack(error)) => return Err(Trouble::Wrong(error.to_string())),
        Err(error) => return Err(error.into()),
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(released);
    let set = File::open(&tree).and_then(|folder| folder.set_modified(time));
    set.map_err(StoreError::from_io("change", &tree))?;
    if let Some(why) = crate::store::fault_of_tree(&tree, &record.tree) {
        return Err(Trouble::Wrong(why));
    }
    store.keep_result(record, &tree)?;
    Ok(remove_all(&work)?)
}
