//! Why an upstream archive is refused.

use std::io;

/// Why an archive cannot be unpacked: each names the archive and, where there is one, the member.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be read: the disk, or its compression is damaged or cut off.
    #[error("cannot read '{archive}'{}: {source}; if it is damaged, remove it and fetch it again", at(member.as_deref()))]
    Read {
        /// The archive.
        archive: String,
        /// Where.
        member: Option<String>,
        /// Why.
        source: io::Error,
    },
    /// It is none of the known kinds.
    #[error(
        "'{archive}' is not an archive: it starts neither as a tar (plain, gzip, bzip2, xz, zstd) nor as a zip; set 'unpack: false' for a plain file"
    )]
    Unknown {
        /// The archive.
        archive: String,
    },
    /// Nothing came out of it.
    #[error(
        "'{archive}' holds nothing when the first {strip} parts of each name are dropped: set 'strip' lower"
    )]
    Empty {
        /// The archive.
        archive: String,
        /// Parts dropped.
        strip: u32,
    },
    /// A name that leads out of the folder, or is no name.
    #[error("'{archive}' holds a member with the name '{member}', which {why}")]
    Name {
        /// The archive.
        archive: String,
        /// The name, escaped.
        member: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A link that leads out of the folder.
    #[error("'{archive}': the link '{member}' to '{target}' leads out of the folder it is unpacked to")]
    LinkOut {
        /// The archive.
        archive: String,
        /// The link.
        member: String,
        /// What it says.
        target: String,
    },
    /// A hard link to nothing that came before it.
    #[error("'{archive}': '{member}' is a hard link to '{target}', which is no file that stands before it")]
    HardLink {
        /// The archive.
        archive: String,
        /// The link.
        member: String,
        /// What it says.
        target: String,
    },
    /// A name below a link or a file.
    #[error("'{archive}': '{member}' stands below '{above}', which is a {kind} in the same archive")]
    Through {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// What is above it.
        above: String,
        /// What that is.
        kind: &'static str,
    },
    /// A member that stands twice.
    #[error("'{archive}' holds '{member}' twice, and not both times as a folder")]
    Duplicate {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
    },
    /// A device, a pipe, or something unknown.
    #[error("'{archive}': '{member}' is a {kind}: only folders, files and links are unpacked")]
    Special {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// What it is.
        kind: &'static str,
    },
    /// Too much comes out of it.
    #[error("'{archive}' holds more than {limit} bytes, found at '{member}': it is refused as a bomb")]
    TooLarge {
        /// The archive.
        archive: String,
        /// Where the limit was passed.
        member: String,
        /// The limit.
        limit: u64,
    },
    /// Too many members.
    #[error("'{archive}' holds more than {limit} members: it is refused as a bomb")]
    TooMany {
        /// The archive.
        archive: String,
        /// The limit.
        limit: u64,
    },
    /// It cannot be written: no space, no permission, something in the way.
    #[error("cannot unpack '{member}' of '{archive}': {source}")]
    Write {
        /// The archive.
        archive: String,
        /// The member.
        member: String,
        /// Why.
        source: io::Error,
    },
}

fn at(member: Option<&str>) -> String {
    member.map(|member| format!(" at '{member}'")).unwrap_or_default()
}
