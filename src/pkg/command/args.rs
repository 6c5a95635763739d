//! The command line as types. Their comments are the help text.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use medic_model::{PackageName, Version};

/// The package manager of Medic OS images.
///
/// Every change is one transaction: killed at any instant, out of space or out of power, the next command or start finishes
/// it or undoes it.
#[derive(Debug, Parser)]
#[command(name = "pkg", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Pkg {
    /// Work below this folder as if it were the root of the file system.
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Write results as JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Fail when another pkg is at work, instead of waiting for it.
    #[arg(long, global = true)]
    pub no_wait: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Shown below the help; `docs/pkg.md` says more.
pub const EXIT_CODES: &str = "\
Exit codes:
  0   done, or nothing to do
  1   the file system said no (not root, read-only, an input/output error)
  2   wrong usage
  3   verify: something differs from its receipt
  4   no such package, version or file
  5   refused: needs, conflicts, an older version, data that it cannot use, another machine
  6   an archive, index, receipt or bundle is damaged or not to be trusted
  7   not enough space
  8   a package's script failed
  9   a transaction is neither finished nor undone: the next command goes on with it
  10  another pkg is at work (only with --no-wait)
  11  a service did not become ready: the change was rolled back
  12  a service did not become ready, and the change stands (--no-auto-rollback, or no way back)";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Install or upgrade packages, all of them or none.
    #[command(
        after_help = "Examples:\n  pkg install nginx\n  pkg install 'nginx>=1.30' ./web-v2.0-x64.pkg.tar.zst\n  pkg install --dry-run https://example.org/web.pkg.tar.zst"
    )]
    Install(Install),
    /// Upgrade installed packages to the highest versions that go together.
    #[command(after_help = "Examples:\n  pkg upgrade\n  pkg upgrade --dry-run nginx")]
    Upgrade(Upgrade),
    /// Remove packages: what they installed, if it was not edited; never their storage.
    #[command(after_help = "Examples:\n  pkg remove --yes nginx\n  pkg remove --purge nginx")]
    Remove(Remove),
    /// Make a version current that is still there.
    #[command(after_help = "Example:\n  pkg use nginx 1.28.3")]
    Use(Use),
    /// Go back to the version that was current before.
    #[command(after_help = "Example:\n  pkg rollback nginx")]
    Rollback(Rollback),
    /// Reconcile /srv with the packages of the image; init does this at every start.
    #[command(after_help = "Example:\n  pkg sync --dry-run")]
    Sync(Change),
    /// List packages.
    #[command(after_help = "Examples:\n  pkg list\n  pkg list --outdated --json")]
    List(List),
    /// Find packages of the repositories by a word in name or summary.
    #[command(after_help = "Example:\n  pkg search web")]
    Search(Search),
    /// Tell about an installed package.
    #[command(after_help = "Example:\n  pkg info nginx")]
    Info(One),
    /// List what a package has installed.
    #[command(after_help = "Example:\n  pkg files nginx")]
    Files(One),
    /// Tell which package a path belongs to.
    #[command(after_help = "Example:\n  pkg owns /srv/settings/nginx/nginx/nginx.conf")]
    Owns(Owns),
    /// Compare every file with its receipt.
    #[command(after_help = "Examples:\n  pkg verify\n  pkg verify --repair nginx")]
    Verify(Verify),
    /// Show what was done when.
    #[command(after_help = "Example:\n  pkg history")]
    History,
    /// Show how settings differ from their defaults.
    #[command(after_help = "Example:\n  pkg diff-settings nginx")]
    DiffSettings(AnyOf),
    /// Keep packages in their version.
    #[command(after_help = "Example:\n  pkg hold nginx")]
    Hold(Several),
    /// Keep packages in their version no longer.
    #[command(after_help = "Example:\n  pkg unhold nginx")]
    Unhold(Several),
    /// Remove the versions that a rollback could go to, to make room.
    #[command(after_help = "Example:\n  pkg gc --dry-run")]
    Gc(Change),
    /// Look for what is wrong with the package manager's own state.
    #[command(after_help = "Example:\n  pkg doctor")]
    Doctor,
    /// Add, remove and list repositories.
    #[command(subcommand, after_help = "Example:\n  pkg repo list")]
    Repo(Repo),
    /// Add, remove and list the keys that are trusted to sign repositories.
    #[command(subcommand, after_help = "Example:\n  pkg key list")]
    Key(Key),
    /// Read all repositories, and remember their newest indexes.
    #[command(after_help = "Example:\n  pkg update")]
    Update {
        /// Read and check everything, and remember nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// `pkg install`
#[derive(Debug, Args)]
pub struct Install {
    /// Package archives, their addresses (https://…, perhaps with #sha256=… behind), or packages of a repository: nginx,
    /// nginx=1.30.6, 'nginx>=1.30'.
    #[arg(required = true, value_name = "FILE|URL|NAME")]
    pub packages: Vec<String>,
    /// Put an older version in the place of a newer one.
    #[arg(long)]
    pub downgrade: bool,
    /// Install again what is installed already.
    #[arg(long)]
    pub reinstall: bool,
    /// How it is done.
    #[command(flatten)]
    pub change: Change,
}

/// `pkg upgrade`
#[derive(Debug, Args)]
pub struct Upgrade {
    /// Packages; none is all.
    #[arg(value_name = "NAME")]
    pub packages: Vec<PackageName>,
    /// How it is done.
    #[command(flatten)]
    pub change: Change,
}

/// `pkg list`
#[derive(Debug, Args)]
pub struct List {
    /// Those of the repositories instead.
    #[arg(long, conflicts_with = "outdated")]
    pub available: bool,
    /// Only those of which a repository has a higher version.
    #[arg(long)]
    pub outdated: bool,
}

/// `pkg search`
#[derive(Debug, Args)]
pub struct Search {
    /// A part of a name or a summary, in any case of letters.
    pub word: String,
}

/// `pkg repo`
#[derive(Debug, Subcommand)]
pub enum Repo {
    /// Add a repository, once it has been read and is trusted.
    #[command(after_help = "Example:\n  pkg repo add ours https://example.org/packages")]
    Add {
        /// What it is called here.
        name: PackageName,
        /// The absolute path of its folder, or its address: https://…, http://…, or in a registry oci://HOST/NAME.
        location: String,
        /// Check everything, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove a repository; what was installed from it stays.
    #[command(after_help = "Example:\n  pkg repo remove ours")]
    Remove {
        /// What it is called here.
        name: PackageName,
        /// Check everything, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// List the repositories.
    #[command(after_help = "Example:\n  pkg repo list")]
    List,
}

/// `pkg key`
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Trust a minisign public key.
    #[command(after_help = "Example:\n  pkg key add ours.pub")]
    Add {
        /// A file with the key, or the key itself (RW…).
        key: String,
        /// Check everything, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Trust a key no longer.
    #[command(after_help = "Example:\n  pkg key remove 0123456789ABCDEF")]
    Remove {
        /// Its number.
        number: String,
        /// Check everything, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// List the trusted keys.
    #[command(after_help = "Example:\n  pkg key list")]
    List,
}

/// What every command that changes something takes.
#[derive(Debug, Args)]
pub struct Change {
    /// Show what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// How many seconds a package's script may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub script_timeout: u64,
    /// How many seconds each service has to become ready again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub ready_timeout: u64,
    /// Let the new version stand when a service does not become ready.
    #[arg(long)]
    pub no_auto_rollback: bool,
    /// Let a version be current that cannot use the data of the one before: a backup that it can use has been restored.
    #[arg(long)]
    pub data_restored: bool,
}

/// `pkg remove`
#[derive(Debug, Args)]
pub struct Remove {
    /// Packages.
    #[arg(required = true, value_name = "NAME")]
    pub packages: Vec<PackageName>,
    /// Remove storage and edited settings, too.
    #[arg(long)]
    pub purge: bool,
    /// Remove even what other packages need.
    #[arg(long)]
    pub force: bool,
    /// How it is done.
    #[command(flatten)]
    pub change: Change,
}

/// `pkg use`
#[derive(Debug, Args)]
pub struct Use {
    /// The package.
    #[arg(value_name = "NAME")]
    pub package: PackageName,
    /// The version, as `pkg info` lists it.
    pub version: Version,
    /// How it is done.
    #[command(flatten)]
    pub change: Change,
}

/// `pkg rollback`
#[derive(Debug, Args)]
pub struct Rollback {
    /// The package.
    #[arg(value_name = "NAME")]
    pub package: PackageName,
    /// How it is done.
    #[command(flatten)]
    pub change: Change,
}

/// A command about one package.
#[derive(Debug, Args)]
pub struct One {
    /// The package.
    #[arg(value_name = "NAME")]
    pub package: PackageName,
}

/// `pkg owns`
#[derive(Debug, Args)]
pub struct Owns {
    /// A path below /srv.
    pub path: PathBuf,
}

/// `pkg verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// Packages; none is all.
    #[arg(value_name = "NAME")]
    pub packages: Vec<PackageName>,
    /// Put right what is damaged, from the image, the volume, or the archive that it came from.
    #[arg(long)]
    pub repair: bool,
    /// How it is done.
    #[command(flatten)]
    pub change: Change,
}

/// A command about some packages, or all.
#[derive(Debug, Args)]
pub struct AnyOf {
    /// Packages; none is all.
    #[arg(value_name = "NAME")]
    pub packages: Vec<PackageName>,
}

/// A command about one package or more.
#[derive(Debug, Args)]
pub struct Several {
    /// Packages.
    #[arg(required = true, value_name = "NAME")]
    pub packages: Vec<PackageName>,
    /// Check everything, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}
