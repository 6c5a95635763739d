//! Results that another builder made: asked for by action key, signed, and taken only when everything about them is right.
//!
//! A cache is a folder, or what a web server makes of one:
//!
//! ```text
//! results/<action key>.json            the record of the result, and the digest and size of its object
//! results/<action key>.json.minisig    its signature, in minisign's format
//! objects/sha256/<digest>              the result's tree as a tar, compressed with zstd
//! ```
//!
//! A cache is trusted as far as its signatures reach: a record counts when a trusted key has signed its bytes and it speaks of just
//! the inputs that are asked for; an object when it has the digest that the record gives it; a tree when it has, unpacked as any
//! hostile archive is, the digest that the record gives that. Whatever is wrong with a cache is a warning: then the component is
//! built.

mod keys;
mod record;
mod taken;
mod write;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use medic_model::Sha256;
use medic_repository::TrustedKey;

pub use keys::{signing_key, trusted_keys};
pub use medic_repository::publish::SigningKey;
pub use record::{CacheRecord, FORMAT, ObjectRecord};
pub use write::write;

use crate::error::BuildError;
use crate::fetch::{Access, Documents, FetchError, Limits, Mirror, Reason};
use crate::key::KeyInputs;
use crate::report::{Event, Reporter};
use crate::settings::Settings;
use crate::store::{ComponentRecord, Store};

/// Where results of other builders may be had.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// The cache.
    pub place: Mirror,
    /// Whose signatures count.
    pub keys: Vec<TrustedKey>,
    /// How patiently it is asked.
    pub limits: Limits,
}

impl CacheSettings {
    /// The cache at a folder or address, asked with little patience: what it does not give is built. None for an empty text.
    pub fn new(place: &str, keys: Vec<TrustedKey>) -> Option<Self> {
        let limits = Limits {
            attempts: 2,
            max_delay: Duration::from_secs(2),
            connect: Duration::from_secs(5),
            stall: Duration::from_secs(10),
            ..Limits::default()
        };
        Mirror::parse_list(place).into_iter().next().map(|place| Self { place, keys, limits })
    }
}

/// The cache of one run. One that does not answer is not asked again.
pub(crate) struct Cache<'a> {
    settings: Option<&'a CacheSettings>,
    access: &'a Access,
    documents: OnceLock<Documents<'a>>,
    off: AtomicBool,
    /// The keys that it was asked for in this run: what it did not give then it does not give now.
    asked: Mutex<BTreeSet<Sha256>>,
}

/// Why nothing was taken.
enum Trouble {
    /// The cache does not answer as one should: the rest of the run does without.
    Unusable(String),
    /// What it has under this key is not right.
    Wrong(String),
    /// The store.
    Own(BuildError),
}

impl From<BuildError> for Trouble {
    fn from(error: BuildError) -> Self {
        Self::Own(error)
    }
}

impl From<crate::store::StoreError> for Trouble {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Own(error.into())
    }
}

impl From<Reason> for Trouble {
    fn from(reason: Reason) -> Self {
        Self::Unusable(reason.to_string())
    }
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self::Own(error.into())
    }
}

impl<'a> Cache<'a> {
    /// That of the settings. Where nothing may be fetched, only a folder is one.
    pub fn new(settings: &'a Settings) -> Self {
        let local = |cache: &&CacheSettings| matches!(cache.place, Mirror::Directory(_));
        let cache = settings.cache.as_ref().filter(|cache| !settings.is_offline() || local(cache));
        Self {
            settings: cache,
            access: &settings.access,
            documents: OnceLock::new(),
            off: AtomicBool::new(false),
            asked: Mutex::default(),
        }
    }

    /// Whether there is one to ask.
    pub fn is_there(&self) -> bool {
        self.settings.is_some() && !self.off.load(Ordering::Relaxed)
    }

    /// The result of these inputs, taken from the cache into the store, and the cache's name. `released` is the time that everything
    /// in the tree gets.
    ///
    /// # Errors
    /// The store's disk. Whatever is wrong with the cache is a warning, and none.
    pub fn result(
        &self,
        inputs: &KeyInputs,
        released: u64,
        store: &Store,
        reporter: &dyn Reporter,
    ) -> Result<Option<(ComponentRecord, String)>, BuildError> {
        let Some(settings) = self.settings.filter(|_| self.is_there()) else { return Ok(None) };
        if !self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(inputs.key()) {
            return Ok(None);
        }
        let name = name(&settings.place);
        let warn = |text: String| reporter.report(Event::Warning(text));
        match self.ask(settings, inputs, released, store, reporter) {
            Ok(found) => Ok(found.map(|record| (record, name))),
            Err(Trouble::Own(error)) => Err(error),
            Err(Trouble::Wrong(why)) => {
                let component = &inputs.component;
                warn(format!(
                    "what the cache {name} has of {component} is not used ({why}): it is built here"
                ));
                Ok(None)
            }
            Err(Trouble::Unusable(why)) => {
                // Several threads may come upon it at once: one says it.
                if !self.off.swap(true, Ordering::Relaxed) {
                    warn(format!("the cache {name} cannot be used ({why}): everything is built here"));
                }
                Ok(None)
            }
        }
    }

    fn documents(&self, settings: &'a CacheSettings, store: &Store) -> Result<&Documents<'a>, Trouble> {
        if let Some(documents) = self.documents.get() {
            return Ok(documents);
        }
        let made = Documents::new(&settings.place, store.layout().root(), self.access, &settings.limits)?;
        Ok(self.documents.get_or_init(|| made))
    }
}

/// A cache as people know it, without a password in it.
fn name(place: &Mirror) -> String {
    match place {
        Mirror::Directory(folder) => format!("'{}'", folder.display()),
        Mirror::Url(url) => format!("'{}'", crate::fetch::shown(url)),
    }
}
