//! The package manager as it is shipped, and dpkg, pacman and tar with the same files, compressed by the same zstd.
//!
//! Nothing is removed before the end: ext4 passes over the numbers of files that were deleted in the last seconds, one by
//! one, and whoever makes files then pays for it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use medic_model::ByteSize;

use super::figure::{Figure, Row, Target};
use super::generator;
use super::measure::{BenchError, Sample, Series, pipe, run};
use super::packing::{packed, tar};
use super::workspace::{Scratch, write};
use crate::commands::context::Context;
use crate::failure::Failure;

const DPKG: f64 = 0.7;
const PACMAN: f64 = 1.0;
const TAR: f64 = 1.25;
/// Verifying at 0.8 of the speed of `sha256sum`.
const SHA256SUM: f64 = 1.25;
const LIST: Duration = Duration::from_millis(3);
const MEMORY: f64 = 32e6;
const SIZE: f64 = 2.5e6;

/// How much is installed, and how often.
const CASES: [(u64, u64, usize); 3] =
    [(200, 5_000_000, 7), (5_000, 100_000_000, 7), (50_000, 500_000_000, 5)];
const QUICK: [(u64, u64, usize); 2] = [(200, 5_000_000, 1), (5_000, 20_000_000, 1)];

/// The benchmark.
pub fn rows(context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
    let scratch = Scratch::new(&context.environment.workspace)?;
    let bench = Bench { program: program(context)?, scratch: &scratch, jobs: context.jobs.to_string() };
    let size = fs::metadata(&bench.program).map_err(BenchError::file(&bench.program))?.len();
    let mut rows = vec![alone("size of the program", Figure::bytes([size]), Target::Most(SIZE))];
    for (files, bytes, runs) in if quick { &QUICK[..] } else { &CASES } {
        rows.extend(bench.case(*files, *bytes, *runs)?);
    }
    Ok(rows)
}

/// `pkg` as it is shipped, built if need be.
pub(super) fn program(context: &Context) -> Result<PathBuf, Failure> {
    let component = "medic-os".parse().map_err(|error| Failure::Usage(format!("{error}")))?;
    let built = context.components(&[component])?;
    let runtime = built.iter().find(|component| component.name.as_str() == "medic-os");
    Ok(runtime.map(|component| component.tree.join("bin/pkg")).unwrap_or_default())
}

struct Bench<'a> {
    program: PathBuf,
    scratch: &'a Scratch,
    jobs: String,
}

/// The same files as each of them wants them.
struct Archives {
    ours: PathBuf,
    tar: PathBuf,
    deb: PathBuf,
    pacman: PathBuf,
}

impl Bench<'_> {
    fn case(&self, files: u64, bytes: u64, runs: usize) -> Result<Vec<Row>, BenchError> {
        let folder = self.scratch.fresh(&files.to_string())?;
        let archives = self.archives(&folder, files, bytes)?;
        let (mut ours, mut dpkg, mut pacman, mut durable, mut tar) =
            (Series::default(), Series::default(), Series::default(), Series::default(), Series::default());
        for number in 0..runs {
            let root = |name: &str| {
                let root = folder.join(format!("{name}-{number}"));
                fs::create_dir(&root).map_err(BenchError::file(&root)).map(|()| root)
            };
            ours.push(timed(self.install(&root("ours")?, &archives.ours)?)?);
            dpkg.push(timed(by_dpkg(&root("dpkg")?, &archives.deb)?)?);
            pacman.push(timed(by_pacman(&root("pacman")?, &archives.pacman)?)?);
            durable.push(timed(by_pacman_durably(&root("durable")?, &archives.pacman)?)?);
            tar.push(timed(by_tar(&root("tar")?, &archives.tar)?)?);
        }
        let what = format!("{} in {files} files", ByteSize(bytes));
        let beside = |peer: &str, theirs: &Series, most: f64| Row {
            case: format!("{what}: installed"),
            ours: ours.time(),
            peer: Some((peer.to_owned(), theirs.time())),
            target: Target::Ratio(most),
        };
        let mut rows = vec![
            beside("dpkg -i", &dpkg, DPKG),
            beside("pacman -U", &pacman, PACMAN),
            beside("pacman -U, sync", &durable, PACMAN),
            beside("tar --zstd -x, sync", &tar, TAR),
            alone(format!("{what}: memory of the installation"), ours.peak(), Target::Most(MEMORY)),
        ];
        rows.extend(self.looks(&folder.join("ours-0"), &what, runs)?);
        Ok(rows)
    }

    /// What is looked at in a root that was installed.
    fn looks(&self, root: &Path, what: &str, runs: usize) -> Result<[Row; 2], BenchError> {
        let (mut list, mut verify, mut sums) = (Vec::new(), Series::default(), Series::default());
        for _ in 0..20 {
            list.push(run(self.pkg(root).arg("list"))?);
        }
        let script = r#"find "$1" -type f -print0 | xargs -0 -n 200 -P "$2" sha256sum"#;
        for _ in 0..runs {
            verify.push(run(self.pkg(root).arg("verify"))?);
            let software: &OsStr = &root.join("srv/software").into_os_string();
            let words: [&OsStr; 5] =
                ["-c".as_ref(), script.as_ref(), "sh".as_ref(), software, self.jobs.as_ref()];
            sums.push(run(Command::new("sh").args(words))?);
        }
        let list = Figure::median_seconds(list.iter().map(|sample| sample.time));
        let peer = format!("sha256sum, {} at once", self.jobs);
        Ok([
            alone(format!("{what}: pkg list"), list, Target::Most(LIST.as_secs_f64())),
            Row {
                case: format!("{what}: pkg verify"),
                ours: verify.time(),
                peer: Some((peer, sums.time())),
                target: Target::Ratio(SHA256SUM),
            },
        ])
    }

    fn pkg(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(root);
        command
    }

    fn install(&self, root: &Path, archive: &Path) -> Result<Command, BenchError> {
        let srv = root.join("srv");
        fs::create_dir_all(&srv).map_err(BenchError::file(&srv))?;
        let mut command = self.pkg(root);
        command.arg("install").arg(archive);
        Ok(command)
    }

    fn archives(&self, folder: &Path, files: u64, bytes: u64) -> Result<Archives, BenchError> {
        let (tree, store) = (folder.join("tree"), folder.join("store"));
        for made in [&tree, &store] {
            fs::create_dir(made).map_err(BenchError::file(made))?;
        }
        generator::tree(&tree, files, bytes)?;
        write(&tree.join("share/licenses/many/LICENSE"), "MIT")?;
        let program = std::env::current_exe().map_err(BenchError::file(Path::new("/proc/self/exe")))?;
        let part = ["bench", "--part", "pack"];
        run(Command::new(program).args(part).arg(&tree).arg(&store).arg(&self.jobs))?;
        let data = folder.join("data.tar.zst");
        pipe(
            &mut tar(&tree),
            Command::new("zstd").args(["-19", &format!("-T{}", self.jobs), "-q", "-o"]).arg(&data),
        )?;
        Ok(Archives {
            ours: packed(&store.join("packages"))?,
            deb: deb(folder)?,
            pacman: pacman_package(folder, &data, bytes)?,
            tar: data,
        })
    }
}

/// The time of a command, everything before it written to the disk.
fn timed(mut command: Command) -> Result<Sample, BenchError> {
    run(&mut Command::new("sync"))?;
    run(&mut command)
}

fn alone(case: impl Into<String>, ours: Figure, target: Target) -> Row {
    Row { case: case.into(), ours, peer: None, target }
}

/// A Debian package (deb(5)) of `data.tar.zst` in this folder.
fn deb(folder: &Path) -> Result<PathBuf, BenchError> {
    write(&folder.join("debian-binary"), "2.0\n")?;
    let control = "Package: many\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: Many files\n";
    write(&folder.join("control"), control)?;
    run(Command::new("tar").args(["-cf", "control.tar", "./control"]).current_dir(folder))?;
    let members = ["rc", "many.deb", "debian-binary", "control.tar", "data.tar.zst"];
    run(Command::new("ar").args(members).current_dir(folder))?;
    Ok(folder.join("many.deb"))
}

/// A package of pacman: the files' archive with `.PKGINFO` before it, each a zstd frame of its own.
fn pacman_package(folder: &Path, data: &Path, bytes: u64) -> Result<PathBuf, BenchError> {
    let info = format!(
        "pkgname = many\npkgbase = many\npkgver = 1-1\npkgdesc = Many files\nbuilddate = 0\npackager = nobody\nsize = {bytes}\narch = any\nlicense = MIT\n"
    );
    write(&folder.join(".PKGINFO"), &info)?;
    run(Command::new("tar").args(["-cf", "info.tar", ".PKGINFO"]).current_dir(folder))?;
    // A header and whole blocks, without the blocks of zeros that end an archive.
    let length = 512 + (info.len() as u64).next_multiple_of(512);
    let path = folder.join("info.tar");
    let file = fs::File::options().write(true).open(&path).map_err(BenchError::file(&path))?;
    file.set_len(length).map_err(BenchError::file(&path))?;
    run(Command::new("zstd").args(["-q", "info.tar", "-o", "many.pkg.tar.zst"]).current_dir(folder))?;
    let whole = folder.join("many.pkg.tar.zst");
    let mut package = fs::File::options().append(true).open(&whole).map_err(BenchError::file(&whole))?;
    let mut data = fs::File::open(data).map_err(BenchError::file(data))?;
    std::io::copy(&mut data, &mut package).and_then(|_| package.flush()).map_err(BenchError::file(&whole))?;
    Ok(whole)
}

fn by_dpkg(root: &Path, deb: &Path) -> Result<Command, BenchError> {
    let home = root.join("var/lib/dpkg");
    for folder in ["info", "updates", "triggers", "parts"] {
        let folder = home.join(folder);
        fs::create_dir_all(&folder).map_err(BenchError::file(&folder))?;
    }
    write(&home.join("status"), "")?;
    write(&home.join("available"), "")?;
    let mut command = Command::new("dpkg");
    command.arg(format!("--root={}", root.display())).args(["--force-not-root", "--log=/dev/null", "-i"]);
    command.arg(deb).stdin(Stdio::null());
    Ok(command)
}

fn by_pacman(root: &Path, package: &Path) -> Result<Command, BenchError> {
    let settings = root.join("pacman.conf");
    write(&settings, "[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n")?;
    let database = root.join("var/lib/pacman");
    fs::create_dir_all(&database).map_err(BenchError::file(&database))?;
    let mut command = Command::new("pacman");
    command.arg("--config").arg(settings).arg("--root").arg(root).arg("--dbpath").arg(database);
    command.arg("--cachedir").arg(root.join("cache")).arg("--hookdir").arg(root.join("hooks"));
    command.arg("--logfile").arg(root.join("log")).args(["--noconfirm", "-U"]).arg(package);
    command.stdin(Stdio::null());
    Ok(command)
}

/// As pacman does it, and then what pkg, dpkg and tar with sync end with: all of it is on the disk.
fn by_pacman_durably(root: &Path, package: &Path) -> Result<Command, BenchError> {
    let pacman = by_pacman(root, package)?;
    let mut command = Command::new("sh");
    command.args(["-c", r#"root=$1; shift; "$@" && sync -f "$root""#, "sh"]).arg(root);
    command.arg(pacman.get_program()).args(pacman.get_args()).stdin(Stdio::null());
    Ok(command)
}

fn by_tar(root: &Path, archive: &Path) -> Result<Command, BenchError> {
    let mut command = Command::new("sh");
    command.args(["-c", r#"tar --zstd -xf "$1" -C "$2" && sync -f "$2""#, "sh"]).arg(archive).arg(root);
    Ok(command)
}
