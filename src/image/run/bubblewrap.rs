//! Running an image without any daemon: unpacked, in namespaces of its own, made by bubblewrap.
//!
//! As root, services get users of their own. For anybody else all of the sandbox is one user, who is root inside.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use std::fs;

use super::handover::{Handover, MAX_PORTS, READY};
use super::root::Root;
use super::sandbox::Sandbox;
use super::{GRACE_SECONDS, Log, Publish, RunError, RunSettings, SRV, StopFlag, Stream, Volume, emulation};
use crate::assemble::Image;
use crate::error::ImageError;
use crate::progress::{Event, Reporter};
use crate::store::Scratch;

/// How often the stop flag is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How many of bubblewrap's last words are kept for an error.
const LAST_WORDS: usize = 10;

/// What the runner needs of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// bubblewrap's program: `bwrap`, or a path.
    pub bubblewrap: PathBuf,
    /// This program with the hidden command that calls [`super::forward::run`] with the words after it; before these comes `--`.
    pub forwarder: Vec<OsString>,
}

/// Runs the image to its end, or until `stop` is set. Gives its exit code.
///
/// The image's root cannot be written; `/run` and `/tmp` are empty and in memory; `/srv` is as the settings say. The network inside
/// has nothing but what is published.
///
/// # Errors
/// [`RunError`]: bubblewrap is not there or may not make sandboxes, a port is taken, the image cannot be unpacked.
pub fn run(
    image: &Image,
    programs: &Programs,
    settings: &RunSettings,
    stop: &StopFlag,
    reporter: &dyn Reporter,
    log: &mut Log<'_>,
) -> Result<i32, RunError> {
    emulation::check(image.arch)?;
    let is_root = rustix::process::geteuid().is_root();
    warn(settings, is_root, reporter);
    let ports = listen(&settings.publish)?;
    let root = Root::of(image, reporter)?;
    let volumes = Volumes::new(image, settings)?;
    let sandbox = Sandbox {
        bubblewrap: programs.bubblewrap.clone(),
        forwarder: programs.forwarder.clone(),
        root: root.path.clone(),
        binds: volumes.binds.clone(),
        hostname: image.name.to_string(),
        is_root,
        environment: settings.environment.clone(),
    };
    let config = &image.configuration.config;
    let signal =
        config.stop_signal.parse::<medic_model::service::Signal>().map_or(15, |signal| signal.number());
    // Signals that a definition may name are below 64.
    let signal = u8::try_from(signal).unwrap_or(15);
    let grace_seconds = u8::try_from(image.stop_seconds(GRACE_SECONDS)).unwrap_or(u8::MAX);
    let handover = Handover { signal, grace_seconds, ports };
    let running = Running::start(&sandbox.command(config), handover)?;
    running.follow(stop, reporter, log)
}

fn warn(settings: &RunSettings, is_root: bool, reporter: &dyn Reporter) {
    if !is_root {
        let message =
            "not root: everything in the sandbox is one user, so services cannot run as users of their own";
        reporter.event(Event::Warning { message });
    }
    for publish in settings.publish.iter().filter(|publish| publish.inside.udp) {
        let message =
            format!("port {} is not published: the bubblewrap runner carries TCP only", publish.inside);
        reporter.event(Event::Warning { message: &message });
    }
}

fn listen(publish: &[Publish]) -> Result<Vec<(TcpListener, u16)>, RunError> {
    let tcp: Vec<&Publish> = publish.iter().filter(|publish| !publish.inside.udp).collect();
    if tcp.len() > MAX_PORTS {
        return Err(RunError::TooManyPorts(tcp.len()));
    }
    let listen = |publish: &&Publish| {
        let (address, inside) = (publish.host, publish.inside.number);
        let listener =
            TcpListener::bind(address).map_err(|source| RunError::Port { address, inside, source })?;
        Ok((listener, inside))
    };
    tcp.iter().map(listen).collect()
}

/// The folders of this machine that the sandbox writes to.
#[derive(Debug)]
struct Volumes {
    binds: Vec<(PathBuf, String)>,
    /// Of those that end with the run.
    _scratch: Scratch,
}

impl Volumes {
    fn new(image: &Image, settings: &RunSettings) -> Result<Self, RunError> {
        let scratch = image.store.scratch()?;
        let mut binds = Vec::new();
        for (index, inside) in image.configuration.config.volumes.keys().enumerate() {
            let folder = match &settings.volume {
                Volume::Named(name) if inside == SRV => image.store.volume(volume_name(name)?),
                Volume::Folder(path) if inside == SRV => absolute(path)?,
                _ => scratch.path().join(index.to_string()),
            };
            fs::create_dir_all(&folder).map_err(ImageError::on("make the folder", &folder))?;
            binds.push((folder, inside.clone()));
        }
        Ok(Self { binds, _scratch: scratch })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, RunError> {
    Ok(std::path::absolute(path).map_err(ImageError::on("find", path))?)
}

fn volume_name(name: &str) -> Result<&str, RunError> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if plain && starts { Ok(name) } else { Err(RunError::VolumeName(name.to_owned())) }
}

/// What comes from the sandbox.
enum Word {
    Ready,
    Wrote(Stream, Vec<u8>),
}

/// A sandbox that runs.
struct Running {
    child: Child,
    control: UnixStream,
    words: mpsc::Receiver<Word>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    fn start(command: &[OsString], handover: Handover) -> Result<Self, RunError> {
        let (control, theirs) = UnixStream::pair().map_err(RunError::Forwarder)?;
        let program = PathBuf::from(command.first().cloned().unwrap_or_default());
        let mut child = Command::new(&program)
            .args(&command[1..])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal goes to the whole group: it must reach this program only, which then stops the sandbox in order.
            .process_group(0)
            .spawn()
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => RunError::NoBubblewrap,
                _ => RunError::Start { program, source },
            })?;
        // A sandbox that could not be made has closed its end: its words say why.
        drop(handover.send(&control));
        let (sender, words) = mpsc::channel();
        let mut readers = Vec::new();
        if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
            readers.push(read_all(out, Stream::Out, sender.clone()));
            readers.push(read_all(err, Stream::Err, sender.clone()));
        }
        let ready = control.try_clone().map_err(RunError::Forwarder)?;
        readers.push(thread::spawn(move || await_ready(&ready, &sender)));
        Ok(Self { child, control, words, readers })
    }

    /// Passes on what the sandbox writes until it has ended; stops it when told to.
    fn follow(
        mut self,
        stop: &StopFlag,
        reporter: &dyn Reporter,
        log: &mut Log<'_>,
    ) -> Result<i32, RunError> {
        let mut last = LastWords::default();
        let mut told = false;
        loop {
            match self.words.recv_timeout(TICK) {
                Ok(Word::Ready) => reporter.event(Event::Started { name: "the sandbox" }),
                Ok(Word::Wrote(stream, bytes)) => {
                    last.add(stream, &bytes);
                    log(stream, &bytes);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // Both outputs and the control socket are closed: everything inside has ended.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if !told && stop.load(Ordering::Relaxed) {
                told = true;
                drop(self.control.shutdown(std::net::Shutdown::Write));
            }
        }
        let status = self.child.wait().map_err(RunError::Forwarder)?;
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
        match last.of_bubblewrap() {
            Some(words) if code != 0 => Err(RunError::Sandbox { code, words }),
            _ => Ok(code),
        }
    }
}

fn read_all(mut from: impl Read + Send + 'static, stream: Stream, to: Sender<Word>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    if to.send(Word::Wrote(stream, buffer[..count].to_vec())).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    })
}

/// Waits for the forwarder's byte, then for the end of its socket.
fn await_ready(mut socket: &UnixStream, to: &Sender<Word>) {
    let mut byte = [0];
    while let Ok(1) = socket.read(&mut byte) {
        if byte[0] == READY && to.send(Word::Ready).is_err() {
            return;
        }
    }
}

/// The last lines on standard error, in which bubblewrap says why it could not do its work.
#[derive(Debug, Default)]
struct LastWords {
    lines: VecDeque<String>,
}

impl LastWords {
    fn add(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Err {
            for line in String::from_utf8_lossy(bytes).lines() {
                self.lines.push_back(line.to_owned());
                if self.lines.len() > LAST_WORDS {
                    self.lines.pop_front();
                }
            }
        }
    }

    /// bubblewrap's own words, when they were the last.
    fn of_bubblewrap(&self) -> Option<String> {
        self.lines.back()?.strip_prefix("bwrap: ").map(str::to_owned)
    }
}

impl Drop for Running {
    /// A runner that fails half way leaves nothing running: its end of the socket is closed, and the forwarder sees to the rest.
    fn drop(&mut self) {
        drop(self.control.shutdown(std::net::Shutdown::Both));
        drop(self.child.wait());
    }
}
