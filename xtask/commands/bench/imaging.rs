//! An image of five packages in the Docker daemon, and the same trees by `docker build`, `buildah` and `umoci`.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use medic_image::docker::Endpoint;
use medic_image::{AssembleSettings, Compression, Connection, Docker, PackageArchive, assemble};
use medic_model::image::ImageDefinition;
use medic_model::{Arch, ByteSize, Sha256};

use super::figure::{Row, Target};
use super::generator;
use super::measure::{BenchError, Sample, Series, run};
use super::packing::packed;
use super::workspace::{Scratch, write};
use crate::commands::context::Context;
use crate::environment::Environment;
use crate::failure::Failure;

/// Cold: half of the peer's time.
const COLD: f64 = 0.5;
/// With nothing changed: a tenth.
const AGAIN: f64 = 0.1;
const PACKAGES: usize = 5;
/// What every image of this benchmark is called.
const NAME: &str = "medic-os-bench";

/// The benchmark.
pub fn rows(context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
    let (files, bytes, cold_runs, warm_runs) =
        if quick { (100, 2_000_000, 1, 1) } else { (1_000, 20_000_000, 3, 5) };
    let scratch = Scratch::new(&context.environment.workspace)?;
    let bench = Bench::new(&scratch, context.jobs, files, bytes)?;
    let what = format!("{PACKAGES} packages, {}", ByteSize(bytes * PACKAGES as u64));
    let mut rows = Vec::new();
    let mut cold: [Series; 5] = Default::default();
    let mut again: [Series; 5] = Default::default();
    for _ in 0..cold_runs {
        for (series, maker) in cold.iter_mut().zip(Maker::ALL) {
            bench.forget(maker)?;
            series.push(bench.make(maker, true)?);
        }
    }
    for _ in 0..warm_runs {
        for (series, maker) in again.iter_mut().zip(Maker::ALL) {
            series.push(bench.make(maker, false)?);
        }
    }
    for maker in Maker::ALL {
        bench.forget(maker)?;
    }
    for (case, series, most) in [("cold", &cold, COLD), ("nothing changed", &again, AGAIN)] {
        let [plain, gzip, theirs @ ..] = series;
        for (maker, theirs) in Maker::ALL.iter().skip(2).zip(theirs) {
            let row = |how: &str, ours: &Series, target| Row {
                case: format!("{what}{how}: {case}"),
                ours: ours.time(),
                peer: Some((maker.text().to_owned(), theirs.time())),
                target,
            };
            rows.push(row("", plain, Target::Ratio(most)));
            rows.push(row(", by gzip", gzip, Target::None));
        }
    }
    Ok(rows)
}

/// Who makes the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    Ours,
    OursByGzip,
    Docker,
    Buildah,
    Umoci,
}

impl Maker {
    const ALL: [Self; 5] = [Self::Ours, Self::OursByGzip, Self::Docker, Self::Buildah, Self::Umoci];

    fn text(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursByGzip => "ours by gzip",
            Self::Docker => "docker build",
            Self::Buildah => "buildah build",
            Self::Umoci => "umoci, skopeo",
        }
    }

    /// The builder's store, and how it compresses.
    fn own(self) -> (&'static str, &'static str) {
        if self == Self::OursByGzip { ("store-gzip", "gzip") } else { ("store", "none") }
    }

    fn tag(self) -> String {
        format!("{NAME}-{}:latest", self.text().split([' ', ',']).next().unwrap_or_default())
    }
}

struct Bench<'a> {
    scratch: &'a Scratch,
    program: PathBuf,
    archives: Vec<PathBuf>,
    jobs: NonZero<u32>,
}

impl<'a> Bench<'a> {
    fn new(scratch: &'a Scratch, jobs: NonZero<u32>, files: u64, bytes: u64) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(BenchError::file(Path::new("/proc/self/exe")))?;
        let context = scratch.fresh("context")?;
        let mut dockerfile = "FROM scratch\n".to_owned();
        let mut archives = Vec::new();
        for number in 1..=PACKAGES {
            let name = format!("part-{number}");
            let tree = context.join(&name);
            fs::create_dir(&tree).map_err(BenchError::file(&tree))?;
            generator::tree_of((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15), &tree, files, bytes)?;
            write(&tree.join(format!("share/licenses/{name}/LICENSE")), "MIT")?;
            let init = tree.join("bin/init");
            write(&init, "#!/bin/sh\n")?;
            fs::set_permissions(&init, Permissions::from_mode(0o755)).map_err(BenchError::file(&init))?;
            dockerfile.push_str(&format!("ADD {name} /usr/lib/{name}\n"));
            let store = scratch.fresh(&format!("packed-{number}"))?;
            let mut pack = Command::new(&program);
            pack.args(["bench", "--part", "pack"]).arg(&tree).arg(&store).arg(jobs.to_string()).arg(&name);
            run(&mut pack)?;
            archives.push(packed(&store.join("packages"))?);
        }
        write(&context.join("Dockerfile"), dockerfile)?;
        Ok(Self { scratch, program, archives, jobs })
    }

    /// Removes all that a maker would not have to make again.
    fn forget(&self, maker: Maker) -> Result<(), BenchError> {
        let tag = maker.tag();
        match maker {
            Maker::Buildah => {
                // There may be none.
                drop(run(Command::new("buildah").args(["rmi", "--force", &tag])));
                run(Command::new("buildah").args(["rmi", "--prune", "--force"])).map(drop)
            }
            Maker::Ours | Maker::OursByGzip => {
                self.scratch.fresh(maker.own().0)?;
                let tags = ["1", "latest"].map(|tag| format!("medic-os/{NAME}:{tag}"));
                drop(run(Command::new("docker").args(["rmi", "--force"]).args(tags)));
                Ok(())
            }
            Maker::Docker | Maker::Umoci => {
                drop(run(Command::new("docker").args(["rmi", "--force", &tag])));
                Ok(())
            }
        }
    }

    fn make(&self, maker: Maker, cold: bool) -> Result<Sample, BenchError> {
        let (context, tag) = (self.scratch.join("context"), maker.tag());
        match maker {
            Maker::Ours | Maker::OursByGzip => {
                let (store, compression) = maker.own();
                let mut command = Command::new(&self.program);
                command.args(["bench", "--part", "image"]).arg(self.scratch.join(store)).arg(compression);
                run(command.arg(self.jobs.to_string()).args(&self.archives))
            }
            Maker::Docker => {
                let cache: &[&str] = if cold { &["--no-cache"] } else { &[] };
                run(Command::new("docker")
                    .args(["build", "--quiet", "--tag", &tag])
                    .args(cache)
                    .arg(&context))
            }
            Maker::Buildah => {
                let cache: &[&str] = if cold { &["--no-cache"] } else { &[] };
                let mut command = Command::new("buildah");
                run(command.args(["build", "--quiet", "--layers", "--tag", &tag]).args(cache).arg(&context))
            }
            Maker::Umoci => {
                // A layout of umoci knows nothing of what it was made from: each time is the first.
                let layout = self.scratch.fresh("umoci")?.join("layout");
                let script = r#"set -eu
umoci init --layout "$1"
umoci new --image "$1:latest"
for part in "$2"/part-*; do umoci insert --image "$1:latest" "$part" "/usr/lib/${part##*/}"; done
skopeo copy --quiet "oci:$1:latest" "docker-daemon:$3""#;
                let mut command = Command::new("sh");
                run(command.args(["-c", script, "sh"]).arg(&layout).arg(&context).arg(&tag))
            }
        }
    }
}

/// `--part image STORE gzip|none JOBS ARCHIVE…`: assembles packages, writes the archive and gives it to Docker.
pub fn part(arguments: &[OsString]) -> Result<(), Failure> {
    let [store, compression, jobs, archives @ ..] = arguments else {
        return Err(Failure::Usage("image STORE gzip|none JOBS ARCHIVE…".to_owned()));
    };
    let jobs = jobs.to_string_lossy().parse().map_err(|error| Failure::Usage(format!("JOBS: {error}")))?;
    let names: Vec<String> = (1..=archives.len()).map(|number| format!("part-{number}")).collect();
    let text = format!(
        "name: {NAME}\ntitle: Bench\nversion_of: part-1\npackages: [{}]\nlinks:\n  /boot: {{package: part-1, path: bin}}\nentrypoint: [/boot/init]\n",
        names.join(", ")
    );
    let failed = |message: String| BenchError::Failed { what: "the image".to_owned(), message };
    let definition =
        ImageDefinition::from_yaml("image.yaml", &text).map_err(|error| failed(error.to_string()))?;
    let mut packages = Vec::new();
    for archive in archives {
        let path = PathBuf::from(archive);
        packages.push(PackageArchive { sha256: digest_beside(&path)?, path });
    }
    let settings = AssembleSettings {
        store: store.into(),
        arch: Arch::X64,
        compression: if compression == "gzip" { Compression::Gzip } else { Compression::Uncompressed },
        created: 0,
        revision: None,
        source: None,
        jobs,
    };
    let image = assemble(&definition, &packages, &settings, &())?;
    let archive = Path::new(store).join("image.oci.tar");
    image.write_archive(&archive)?;
    match Docker::connect_to(&Endpoint::choose(&Environment::read()?.docker)?)? {
        Connection::Ready(docker) => Ok(docker.provide(&image, &archive, &()).map(drop)?),
        Connection::Absent(absent) => Err(Failure::NoDaemon(absent)),
    }
}

/// The digest of a package's archive, from its record in the store: the builder knows it from there as well.
fn digest_beside(archive: &Path) -> Result<Sha256, BenchError> {
    let record = archive.with_file_name("package.json");
    let text = fs::read(&record).map_err(BenchError::file(&record))?;
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    value["sha256"].as_str().and_then(|digest| digest.parse().ok()).ok_or_else(|| BenchError::Failed {
        what: "reading a package's record".to_owned(),
        message: format!("'{}' has no digest", record.display()),
    })
}
