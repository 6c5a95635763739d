//! Calling mmdebstrap: <https://gitlab.mister-muffin.de/josch/mmdebstrap>

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use medic_model::roots::BuildRoot;

use super::DebianPackage;
use crate::error::BuildError;
use crate::log::tail;
use crate::store::{StoreError, make_folder};

/// The keys of Debian's archives; a machine that is not Debian has them from a package of the same name.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// How many of mmdebstrap's last lines are shown when it fails.
const LINES: usize = 12;
/// Bytes without which no root can be made: lists of packages, packages, and the tree. Asked for before apt is called, which may
/// stand still for ever when its disk runs full while it unpacks the lists.
const ROOM: u64 = 256 << 20;

/// What is done with the tar that mmdebstrap writes; gives the packages found in it.
type Unpack<'a> = dyn Fn(&mut dyn Read) -> Result<Vec<DebianPackage>, BuildError> + 'a;

/// The machine's Debian mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrors {
    /// Their base addresses, best first.
    pub addresses: Vec<String>,
    /// Whether they may not be asked.
    pub offline: bool,
}

/// Makes a root and gives what `unpack` makes of the tar. Each mirror is tried until one gives all packages.
///
/// # Errors
/// mmdebstrap is missing, or fails with every mirror; whatever `unpack` gives.
pub fn make(
    definition: &BuildRoot,
    mirrors: &Mirrors,
    work: &Path,
    log: &Path,
    unpack: &Unpack<'_>,
) -> Result<Vec<DebianPackage>, BuildError> {
    if mirrors.offline {
        return Err(BuildError::Offline { what: "a build root of Debian packages".to_owned() });
    }
    let mut last = failed("this machine has no Debian mirror: name one in MEDIC_OS_DEBIAN_MIRROR".to_owned());
    for mirror in mirrors.addresses.iter().filter(|mirror| !is_security(mirror)) {
        match from_mirror(definition, mirror, mirrors, work, log, unpack) {
            Err(error @ BuildError::Root { .. }) => last = error,
            done => return done,
        }
    }
    Err(last)
}

fn from_mirror(
    definition: &BuildRoot,
    mirror: &str,
    mirrors: &Mirrors,
    work: &Path,
    log: &Path,
    unpack: &Unpack<'_>,
) -> Result<Vec<DebianPackage>, BuildError> {
    let scratch = work.join("scratch");
    crate::store::remove_all(&work.join("tree"))?;
    make_folder(&scratch)?;
    StoreError::unless_free(&scratch, ROOM)?;
    make_folder(log.parent().unwrap_or(work))?;
    let output = File::create(log).map_err(StoreError::from_io("write", log))?;
    let keyring = Path::new(KEYRING).is_file().then_some(KEYRING);
    let mut child = Command::new("bwrap")
        .args(arguments(definition, &sources(&definition.suites, mirror, mirrors), keyring))
        .env("SOURCE_DATE_EPOCH", "0")
        .env("TMPDIR", &scratch)
        .env("LC_ALL", "C.UTF-8")
        // Some packages give a file to another group, and there is none in the namespace. Whose a file is, is not kept anyway.
        .env("TAR_OPTIONS", "--no-same-owner")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(output)
        .spawn()
        .map_err(missing("bwrap", "runs build steps in a sandbox", "bubblewrap"))?;
    let mut tar = child.stdout.take().map_or_else(
        || Box::new(io::empty()) as Box<dyn Read>,
        |tar| Box::new(io::BufReader::with_capacity(1 << 20, tar)),
    );
    let unpacked = unpack(&mut tar);
    // What is after the tar's end must be read too, or mmdebstrap ends by SIGPIPE.
    let _ = io::copy(&mut tar, &mut io::sink());
    drop(tar);
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    crate::store::remove_all(&scratch)?;
    if status.success() {
        return unpacked;
    }
    if let Err(error @ BuildError::Store(_)) = unpacked {
        return Err(error);
    }
    let last = tail(log, LINES);
    if last.iter().any(|line| line.contains("No space left on device")) {
        return Err(StoreError::new("write", &scratch, io::ErrorKind::StorageFull.into()).into());
    }
    if Command::new("mmdebstrap").arg("--version").stdout(Stdio::null()).status().is_err() {
        return Err(missing(
            "mmdebstrap",
            "makes the Debian root that build steps run in",
            "mmdebstrap debian-archive-keyring",
        )(io::ErrorKind::NotFound.into()));
    }
    Err(failed(format!("with the mirror {mirror}:\n  {}\nits log: {}", last.join("\n  "), log.display())))
}

fn failed(message: String) -> BuildError {
    BuildError::Root { message }
}

fn missing(
    program: &'static str,
    purpose: &'static str,
    package: &'static str,
) -> impl Fn(io::Error) -> BuildError {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => BuildError::MissingProgram { program, purpose, package },
        _ => BuildError::Environment { what: format!("starting {program}"), message: error.to_string() },
    }
}

fn is_security(mirror: &str) -> bool {
    mirror.trim_end_matches('/').ends_with("-security")
}

/// The lines of apt's sources: security updates have an archive of their own, beside or instead of the mirror's.
fn sources(suites: &[String], mirror: &str, mirrors: &Mirrors) -> Vec<String> {
    let mirror = mirror.trim_end_matches('/');
    let security = mirrors.addresses.iter().find(|other| is_security(other));
    let security =
        security.map_or_else(|| format!("{mirror}-security"), |own| own.trim_end_matches('/').to_owned());
    let address = |suite: &String| if suite.ends_with("-security") { &security } else { mirror }.to_owned();
    suites.iter().map(|suite| format!("deb {} {suite} main", address(suite))).collect()
}

/// What bwrap is called with. Inside we are root of a user namespace with nothing but us in it: so that an ordinary user
/// can unpack packages, without subordinate user numbers; and for root it is the same, so that both make the same root.
fn arguments(definition: &BuildRoot, sources: &[String], keyring: Option<&str>) -> Vec<String> {
    let namespace = [
        "--unshare-user",
        "--uid",
        "0",
        "--gid",
        "0",
        "--bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--die-with-parent",
        "--new-session",
        "--",
    ];
    let fixed = [
        "mmdebstrap",
        "--variant=extract",
        "--mode=root",
        "--format=tar",
        // The packages stay in the tar: their digests are the root's identity.
        "--skip=output/dev,output/mknod,chroot/mount,cleanup/apt/cache",
        "--aptopt=APT::Install-Recommends \"false\"",
        "--aptopt=Acquire::Languages \"none\"",
        "--aptopt=Acquire::Retries \"3\"",
    ];
    let words = namespace.into_iter().chain(fixed).map(str::to_owned);
    words
        .chain(keyring.map(|keyring| format!("--keyring={keyring}")))
        .chain([format!("--include={}", definition.packages.join(",")), String::new(), "-".to_owned()])
        .chain(sources.iter().cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(addresses: &[&str]) -> Mirrors {
        Mirrors { addresses: addresses.iter().map(|a| (*a).to_owned()).collect(), offline: false }
    }

    #[test]
    fn security_updates_come_from_their_own_archive() {
        let suites = ["bookworm".to_owned(), "bookworm-security".to_owned()];
        let beside = sources(&suites, "http://m.example/debian/", &mirrors(&["http://m.example/debian/"]));
        assert_eq!(
            beside,
            [
                "deb http://m.example/debian bookworm main",
                "deb http://m.example/debian-security bookworm-security main"
            ]
        );
        let both = mirrors(&["http://m.example/debian", "http://s.example/x-security"]);
        assert_eq!(
            sources(&suites, "http://m.example/debian", &both)[1],
            "deb http://s.example/x-security bookworm-security main"
        );
    }

    #[test]
    fn the_command_line_is_a_plan() {
        let definition = BuildRoot {
            suites: vec!["bookworm".to_owned()],
            packages: vec!["make".to_owned(), "perl".to_owned()],
            links: Default::default(),
            remove: Vec::new(),
        };
        let line =
            arguments(&definition, &["deb http://m.example/debian bookworm main".to_owned()], Some("/k.gpg"));
        let text = line.join(" ");
        assert!(text.starts_with("--unshare-user --uid 0 --gid 0 --bind / / "), "{text}");
        assert!(text.contains(" -- mmdebstrap --variant=extract --mode=root "), "{text}");
        assert!(
            text.ends_with(
                " --keyring=/k.gpg --include=make,perl  - deb http://m.example/debian bookworm main"
            ),
            "{text}"
        );
    }

    #[test]
    fn without_a_mirror_or_a_network_it_says_what_to_do() {
        let definition = BuildRoot {
            suites: vec!["bookworm".to_owned()],
            packages: vec!["make".to_owned()],
            links: Default::default(),
            remove: Vec::new(),
        };
        let none = |mirrors: &Mirrors| {
            let work = Path::new("/nonexistent");
            make(&definition, mirrors, work, work, &|_| Ok(Vec::new()))
                .expect_err("nothing to ask")
                .to_string()
        };
        assert!(none(&mirrors(&[])).contains("MEDIC_OS_DEBIAN_MIRROR"));
        assert!(
            none(&Mirrors { offline: true, ..mirrors(&["http://m.example/debian"]) }).contains("offline")
        );
    }
}
