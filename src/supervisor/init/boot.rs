//! The steps before services start: which they are, and the one that runs.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use medic_model::layout;
use medic_sys::event::Interest;
use medic_sys::files::list;
use medic_sys::output::read_waiting;
use medic_sys::pipe::Pipe;
use medic_sys::process::{Group, Limit, Options, Program, Resource, SpawnError, spawn};

use super::world::{World, key};
use crate::definition::{Package, Surroundings, variables};
use crate::machine::Millis;
use crate::machine::boot::Step;

/// The time limit of `pkg sync`: it may have to copy a whole image to a slow disk.
const SYNC_WITHIN: Millis = 600_000;
/// The time limit of a setup step.
const SETUP_WITHIN: Millis = 60_000;
/// The number of the mark of steps: that of no service.
const MARK: u64 = crate::table::MAX_SERVICES as u64;

/// A step's program.
#[derive(Debug)]
pub struct Prepared {
    pub step: Step,
    pub program: Program,
    /// What each line of its output begins with.
    pub prefix: String,
}

/// A step that runs.
#[derive(Debug)]
pub struct Running {
    pub pid: u32,
    pub mark: Option<medic_sys::process::Mark>,
    said: Pipe,
    prefix: String,
    /// The line that has no end yet.
    begun: Vec<u8>,
    last_line: String,
}

/// `/boot/pkg sync`, when there is a `/boot/pkg`.
pub fn sync_step(surroundings: &Surroundings) -> io::Result<Option<Prepared>> {
    let place = &surroundings.place;
    let pkg = place.at(layout::BOOT).join("pkg");
    if !pkg.exists() {
        return Ok(None);
    }
    let mut words: Vec<OsString> = vec![pkg.clone().into(), "sync".into()];
    if place.root() != Path::new("/") {
        words.extend(["--root".into(), place.root().into()]);
    }
    let environment = surroundings
        .environment
        .iter()
        .map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    let program = Program::new(&pkg, words.iter().map(|word| word.as_bytes()), environment)?;
    let step = Step { name: "pkg sync".to_owned(), within: SYNC_WITHIN };
    Ok(Some(Prepared { step, program, prefix: String::new() }))
}

/// The setup steps of a package, in the order of their names.
pub fn setup_steps(surroundings: &Surroundings, package: &Package) -> io::Result<Vec<Prepared>> {
    let folder = surroundings.place.at(layout::scripts(&package.name).as_str()).join("setup");
    let entries = match list(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for name in entries {
        let path = folder.join(&name);
        if !name.as_bytes().starts_with(b".") && path.is_file() {
            paths.push(path);
        }
    }
    // By their bytes: all stand in one folder, and comparing paths part by part takes code.
    paths.sort_unstable_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    let environment = variables(surroundings, &package.name, &package.version, &Default::default());
    let prepare = |path: std::path::PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let step = Step { name: format!("{}/setup/{file}", package.name), within: SETUP_WITHIN };
        let program = Program::new(&path, [path.as_os_str().as_bytes()], &environment)?;
        Ok(Prepared { step, program, prefix: format!("{}/setup: ", package.name) })
    };
    paths.into_iter().map(prepare).collect()
}

impl Running {
    /// Starts a step.
    pub fn start(world: &World, prepared: &Prepared) -> Result<Self, StartError> {
        let said = Pipe::new()?;
        let output = Some(said.writer.as_fd());
        let mark = world.marks.and_then(|marks| marks.mark(MARK));
        let mark_limit =
            mark.map(|mark| Limit { resource: Resource::Mark, soft: mark.value(), hard: mark.value() });
        let limits: Vec<Limit> = world.files.into_iter().chain(mark_limit).collect();
        let options = Options {
            stdin: Some(world.null.as_fd()),
            stdout: output,
            stderr: output,
            group: Group::Session,
            limits: &limits,
            directory: Some(c"/"),
            ..Options::default()
        };
        let pid = spawn(&prepared.program, &options)?;
        world.epoll.add(&said.reader, key::STEP, Interest::Readable)?;
        let prefix = prepared.prefix.clone();
        Ok(Self { pid, mark, said, prefix, begun: Vec::new(), last_line: String::new() })
    }

    /// Shows what the step has said; `last`: also a line without an end.
    pub fn read(&mut self, last: bool, mut show: impl FnMut(&str)) {
        let (prefix, text) = (&self.prefix, &mut self.begun);
        let mut buffer = [0; 4096];
        while let Ok(Some(count)) = read_waiting(&self.said.reader, &mut buffer) {
            if count == 0 {
                break;
            }
            text.extend_from_slice(&buffer[..count]);
            // A line that never ends must not fill the memory.
            if text.len() > 64 * 1024 {
                text.push(b'\n');
            }
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                self.last_line = String::from_utf8_lossy(&line[..end]).into_owned();
                show(&format!("{prefix}{}", self.last_line));
            }
        }
        if last && !text.is_empty() {
            self.last_line = String::from_utf8_lossy(text).into_owned();
            show(&format!("{prefix}{}", self.last_line));
            text.clear();
        }
    }

    /// The last line it said; empty when it said none.
    pub fn last_line(&self) -> &str {
        &self.last_line
    }
}

/// Why a step was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its program.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Its output.
    #[error("cannot take its output: {0}")]
    Output(#[from] io::Error),
}
