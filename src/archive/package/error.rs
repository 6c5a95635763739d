//! Why a package archive is refused: one variant for each way of being wrong, each naming archive and member.

use std::io;

use medic_model::{DocumentError, Sha256};

/// Why a package archive cannot be read. Whatever had been written by then is not to be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The file cannot be opened or read; the error names it.
    #[error("cannot read the package archive '{archive}': {source}")]
    Read {
        /// The archive.
        archive: String,
        /// Why.
        source: io::Error,
    },
    /// It is not zstd, is damaged, or wants a window over 8 MiB.
    #[error(
        "'{archive}': the zstd data is damaged or not a package's, at '{member}': {source}; fetch the archive again"
    )]
    Compression {
        /// The archive.
        archive: String,
        /// Where it was found.
        member: String,
        /// What zstd says.
        source: io::Error,
    },
    /// It ends too early.
    #[error("'{archive}' ends in the middle of '{member}': it is truncated; fetch it again")]
    Truncated {
        /// The archive.
        archive: String,
        /// The member that is not whole.
        member: String,
    },
    /// The first member is not the manifest.
    #[error("'{archive}' is not a package archive: it starts with '{found}', not with manifest.json")]
    NoManifest {
        /// The archive.
        archive: String,
        /// What stands there.
        found: String,
    },
    /// The manifest is too large.
    #[error("'{archive}': its manifest.json says it has {size} bytes, and at most {limit} are allowed")]
    ManifestTooLarge {
        /// The archive.
        archive: String,
        /// What its header says.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] DocumentError),
    /// More than the caller allows.
    #[error("'{archive}' would unpack to {size} bytes, and at most {limit} are allowed")]
    TooLarge {
        /// The archive.
        archive: String,
        /// All files together.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// More than the caller allows.
    #[error("'{archive}' has {count} entries, and at most {limit} are allowed")]
    TooMany {
        /// The archive.
        archive: String,
        /// Entries in the manifest.
        count: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A member that the manifest does not list.
    #[error("'{archive}' holds '{member}', which its manifest does not list")]
    Unlisted {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
    },
    /// An entry of the manifest that the archive does not hold.
    #[error("'{archive}' does not hold '{member}', which its manifest lists")]
    Missing {
        /// The archive.
        archive: String,
        /// The entry.
        member: String,
    },
    /// A member that stands twice.
    #[error("'{archive}' holds '{member}' twice")]
    Duplicate {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
    },
    /// Not the manifest's order.
    #[error("'{archive}' has '{member}' where its manifest has '{expected}'")]
    OutOfOrder {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// What should stand there.
        expected: String,
    },
    /// A file where the manifest has a folder, and the like.
    #[error("'{archive}': '{member}' is a {found}, and its manifest says it is a {expected}")]
    WrongType {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// As the manifest says.
        expected: &'static str,
        /// As the member says.
        found: &'static str,
    },
    /// A hard link.
    #[error("'{archive}': '{member}' is a hard link: a package holds only folders, files and symbolic links")]
    HardLink {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
    },
    /// A device, a pipe, or something else that a package never holds.
    #[error("'{archive}': '{member}' is a {kind}: a package holds only folders, files and symbolic links")]
    Special {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// What it is.
        kind: &'static str,
    },
    /// Set-uid, set-gid or sticky.
    #[error("'{archive}': '{member}' has the mode {mode:o}: set-uid, set-gid and sticky bits are refused")]
    SpecialMode {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// Its mode.
        mode: u32,
    },
    /// Not the manifest's mode.
    #[error("'{archive}': '{member}' has the mode {found:o}, and its manifest says {expected:o}")]
    WrongMode {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// As the manifest says.
        expected: u32,
        /// As the member says.
        found: u32,
    },
    /// Not the manifest's size.
    #[error("'{archive}': '{member}' has {found} bytes, and its manifest says {expected}")]
    WrongSize {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// As the manifest says.
        expected: u64,
        /// As the member says.
        found: u64,
    },
    /// Not the manifest's target.
    #[error("'{archive}': the link '{member}' says '{found}', and its manifest says '{expected}'")]
    WrongTarget {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// As the manifest says.
        expected: String,
        /// As the member says.
        found: String,
    },
    /// The content is not what the manifest says.
    #[error(
        "'{archive}': the content of '{member}' has the digest {found}, and its manifest says {expected}; fetch the archive again"
    )]
    WrongDigest {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// As the manifest says.
        expected: Sha256,
        /// Of the content.
        found: Sha256,
    },
    /// A name that no package can have.
    #[error(
        "'{archive}' holds a member with the name '{member}', which is not a path below a folder in UTF-8"
    )]
    BadName {
        /// The archive.
        archive: String,
        /// The name, escaped.
        member: String,
    },
    /// Right in what it means, but not in the one form that a package has.
    #[error("'{archive}': '{member}' is not in the canonical form: {why}")]
    NotCanonical {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// What is different.
        why: &'static str,
    },
    /// Something stands after the end.
    #[error("'{archive}' has data after its end: it was changed after it was made; fetch it again")]
    Trailing {
        /// The archive.
        archive: String,
    },
    /// The caller's side failed: no space, no permission.
    #[error("cannot unpack '{member}' of '{archive}': {source}")]
    Sink {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// Why.
        source: io::Error,
    },
}
