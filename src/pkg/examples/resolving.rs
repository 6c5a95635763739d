//! How long the solver takes, apart from all else that `pkg install` does.
//!
//! ```text
//! resolving make FOLDER PACKAGES    a signed repository of so many packages in three versions each; tells its key and the last package
//! resolving solve FOLDER NAME RUNS  for each run the milliseconds of reading the index, and of finding what goes with NAME
//! ```
//!
//! The packages stand in layers, as those of a distribution do: each version needs five others of lower numbers, most with a
//! range of versions, and every tenth conflicts with the old versions of another. Archives are there for what is chosen.

#![expect(clippy::print_stdout, reason = "its results are for the benchmark, or for people")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::num::NonZero;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use medic_archive::tree::{Node, Tree};
use medic_model::manifest::{FORMAT, Provenance};
use medic_model::{Arch, Manifest, PackageName, Sha256, VersionReq};
use medic_pkg::resolve::{Pool, Source, Wish, resolve};
use medic_repository::publish::SigningKey;
use medic_repository::{Index, Listed, index};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const VERSIONS: [&str; 3] = ["1.0", "1.4.2", "2.0.1-r1"];
const RANGES: [&str; 5] = ["", " >=1.0", " >=1.4, <3", " <2.5", " >=1.0, <2"];
const NEEDS: u64 = 5;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["make", folder, packages] => make(Path::new(folder), packages.parse()?),
        ["solve", folder, name, runs] => solve(Path::new(folder), name, runs.parse()?),
        _ => Err("resolving make FOLDER PACKAGES | resolving solve FOLDER NAME RUNS".into()),
    }
}

fn name(number: u64) -> String {
    format!("package-{number:05}")
}

/// Numbers that look random and are the same on every machine (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn manifest(number: u64, version: &str, dice: &mut Dice) -> Result<Manifest> {
    let mut needs = BTreeMap::new();
    for _ in 0..NEEDS.min(number / 3) {
        let other = dice.below(number / 3);
        let range = RANGES[dice.below(RANGES.len() as u64) as usize];
        needs.entry(other).or_insert_with(|| format!("{}{range}", name(other)));
    }
    let other = dice.below(number.max(1));
    let mut conflicts = Vec::new();
    if dice.below(10) == 0 && number > 0 && !needs.contains_key(&other) {
        conflicts.push(format!("{} <1.4", name(other)).parse()?);
    }
    let depends: std::result::Result<Vec<_>, _> = needs.values().map(|need| need.parse()).collect();
    Ok(Manifest {
        format: FORMAT,
        name: name(number).parse()?,
        version: version.parse()?,
        arch: Arch::host().ok_or("not a machine of ours")?,
        summary: format!("Does what the package of number {number} does, and some more"),
        licence: "MIT OR Apache-2.0".to_owned(),
        depends: depends?,
        conflicts,
        provides: Vec::new(),
        data_compatible_from: None,
        users: Vec::new(),
        services: BTreeMap::new(),
        entries: Vec::new(),
        provenance: Provenance { action_key: Sha256::from_bytes([7; 32]), components: Vec::new() },
    })
}

fn make(folder: &Path, packages: u64) -> Result<()> {
    let mut dice = Dice(1);
    let (mut manifests, mut listed) = (Vec::new(), Vec::new());
    for number in 0..packages {
        for version in VERSIONS {
            let manifest = manifest(number, version, &mut dice)?;
            let digest = medic_archive::digest::of_bytes(manifest.archive_name().as_bytes()).sha256;
            listed.push(Listed::of(&manifest, 10_000 + dice.below(1 << 24), digest));
            manifests.push(manifest);
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (name_of_all, expires_at) = ("many".parse()?, now + 7 * 86_400);
    let mut index = Index {
        format: index::FORMAT,
        name: name_of_all,
        version: 1,
        created_at: now,
        expires_at,
        packages: listed,
    };
    let last = name(packages.saturating_sub(1));
    std::fs::create_dir_all(folder.join("packages"))?;
    let chosen = chosen(&index, &last.parse()?)?;
    for at in &chosen {
        let mut manifest = manifests[*at].clone();
        let mut tree = Tree::new();
        let root = medic_model::layout::software_tree(&manifest.name, &manifest.version, manifest.arch);
        tree.insert(format!("{root}/bin/x").parse()?, Node::bytes(0o755, "#!/bin/sh\n"))?;
        manifest.entries = medic_archive::package::entries(&tree)?;
        let path = folder.join("packages").join(manifest.archive_name());
        medic_archive::package::write(&manifest, &tree, &path, 0, NonZero::<u32>::MIN)?;
        let digested = medic_archive::digest::of_file(&path)?;
        index.packages[*at] = Listed::of(&manifest, digested.size, digested.sha256);
    }
    let text = medic_archive::json::canonical(&index)?;
    let key = SigningKey::generate()?;
    std::fs::write(folder.join("index-1.json.minisig"), key.sign(&text, "index 1")?)?;
    std::fs::write(folder.join("index-1.json"), text)?;
    std::fs::write(folder.join("latest"), "1\n")?;
    std::fs::write(folder.join("key.pub"), key.public().file())?;
    println!("{last} {}", chosen.len());
    Ok(())
}

/// The places in the index of what must be installed with a package on an empty root.
fn chosen(index: &Index, name: &PackageName) -> Result<Vec<usize>> {
    let (installed, held) = (BTreeMap::new(), BTreeSet::new());
    let mut pool = Pool::new(&installed, false, &held);
    pool.offer(index, Arch::host().ok_or("not a machine of ours")?);
    let wishes = [Wish { name: name.clone(), req: VersionReq::ANY, highest: false }];
    let sources = resolve(pool, &wishes)?.into_values().map(|(_, source)| source);
    Ok(sources
        .filter_map(|source| if let Source::Offered(_, at) = source { Some(at) } else { None })
        .collect())
}

fn solve(folder: &Path, name: &str, runs: usize) -> Result<()> {
    let (text, name) = (std::fs::read(folder.join("index-1.json"))?, name.parse()?);
    for _ in 0..runs {
        let start = Instant::now();
        let index = Index::from_json("index", &text)?;
        let read = start.elapsed();
        let start = Instant::now();
        let count = chosen(&index, &name)?.len();
        let solved = start.elapsed();
        println!("{:.3} {:.3} {count}", read.as_secs_f64() * 1e3, solved.as_secs_f64() * 1e3);
    }
    Ok(())
}
