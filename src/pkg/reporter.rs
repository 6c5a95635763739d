//! What a caller is told while something is done: events, never text on a terminal.

use medic_model::{PackageName, RelPath, Version};

/// Takes events. The library itself never prints.
pub trait Reporter {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// Another `pkg` holds the lock; its own words about itself.
    Waiting {
        /// Who it is.
        holder: &'a str,
    },
    /// A transaction that was cut off has been finished or undone.
    Recovered {
        /// What it was about, such as `install nginx 1.30.6`.
        what: &'a str,
        /// Whether it was finished; else it was undone.
        finished: bool,
    },
    /// So much of an archive has been got from afar.
    Downloading {
        /// The package, or the name at the end of an address.
        name: &'a str,
        /// Bytes that are here, with those of an earlier try. Fewer than before: the server sends all of it again.
        bytes: u64,
        /// Bytes of all of it, where that is known.
        size: Option<u64>,
    },
    /// So much of a package has been compared with its receipt.
    Verifying {
        /// The package.
        package: &'a PackageName,
        /// Bytes that have been read.
        bytes: u64,
        /// Bytes of all its files.
        size: u64,
    },
    /// An archive is being unpacked.
    Unpacking {
        /// The package.
        package: &'a PackageName,
        /// Its version.
        version: &'a Version,
        /// Bytes of all its files.
        size: u64,
    },
    /// So many bytes more have been unpacked.
    Unpacked {
        /// Bytes.
        bytes: u64,
    },
    /// A package's script is being run.
    Script {
        /// The package.
        package: &'a PackageName,
        /// The script, `install` or `remove`.
        script: &'a str,
    },
    /// A line that a package's script wrote.
    ScriptLine {
        /// The package.
        package: &'a PackageName,
        /// The line.
        line: &'a str,
    },
    /// Services are told of a change.
    Services {
        /// The package.
        package: &'a PackageName,
        /// What is done with them.
        action: &'a str,
    },
    /// A service is being restarted.
    Restarted {
        /// The service, `package/service`.
        service: &'a str,
    },
    /// Something that the operator should know, with the path concerned.
    Notice {
        /// The file.
        path: &'a RelPath,
        /// What about it.
        text: &'a str,
    },
    /// Something that is not as it should be, and that did not stop the work.
    Warning {
        /// What, and what to do.
        text: &'a str,
    },
}

/// Tells nobody.
impl Reporter for () {
    fn event(&self, _: &Event<'_>) {}
}
