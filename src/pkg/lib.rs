//! The package manager: plans, transactions, receipts, commands.
//!
//! A wish ([`operation`], [`sync`]) becomes a [`plan`] by looking only; a [`transaction`] carries the plan out, and
//! whatever happens meanwhile (a kill, a full disk, a power cut), the old or the new state is what remains. [`verify`]
//! compares what is there with the receipts; [`services`] tells the supervisor. [`command`] is the command line, which
//! writes only where its caller says. [`certificate`] is `/boot/certificate`: the same program under another name.
//!
//! On disk, below the root (`/` unless told):
//!
//! ```text
//! srv/system/lock                            held while something is changed; names its holder
//! srv/system/journal/<id>.prepare|.commit    a transaction under way: to be undone, to be finished
//! srv/system/receipts/<pkg>.json             what is installed; written last
//! srv/system/versions/<pkg>/v<version>/      receipt.json, scripts/, settings/ of a version that is whole in the volume
//! srv/system/history                         what was done when
//! srv/system/data/<pkg>                      the oldest version that can use the package's data
//! srv/system/holds/<pkg>                     packages that stay in their version
//! srv/system/repositories/<name>.json        what was seen of a repository
//! srv/system/cache/                          archives that were got from afar, while they are needed
//! srv/system/bundle.json                     which bundle of the image /srv was reconciled with
//! srv/software/<pkg>/v<version>/<arch>       a tree, or a relative link into usr/lib/medic-os
//! srv/software/<pkg>/current, v<version>/default
//! srv/scripts/<pkg>, srv/scripts/<pkg>/.old  scripts; edited ones that an upgrade replaced
//! srv/settings/<pkg>, srv/settings/<pkg>/.new  settings; new defaults of edited ones
//! …/.pkg-<id>-<n>.new|.old                   beside any of these, while a transaction runs
//! ```
//!
//! Never: prints, prompts, reads the environment or the clock; follows a symbolic link below the root (except `srv`
//! itself); overwrites a setting that the operator has edited; removes what it did not install, or storage unless it is
//! told to.

pub mod back;
pub mod bundle;
pub mod certificate;
pub mod command;
pub mod data;
pub mod depends;
pub mod doctor;
pub mod error;
pub mod history;
pub mod holds;
pub mod installed;
pub mod operation;
pub mod paths;
pub mod plan;
pub mod repair;
pub mod reporter;
pub mod repositories;
pub mod resolve;
pub mod root;
pub mod services;
pub mod settings;
pub mod sync;
pub mod transaction;
pub mod verify;

mod child;
#[cfg(test)]
mod fixture;
mod legacy;

pub use error::Error;
pub use medic_repository::Network;
pub use reporter::{Event, Reporter};
pub use root::Root;
