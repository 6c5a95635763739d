//! `run`: an image as a running container, in Docker where a daemon answers, else under bubblewrap.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use medic_image::docker::{Absent, Endpoint};
use medic_image::run::{
    Publish, RunError, RunSettings, Stream, Volume, bubblewrap, default_ports, docker, emulation,
    forward as forwarder,
};
use medic_image::{Docker, Image};
use medic_model::image::{ImageDefinition, Port};

use super::build_image::{BuiltImage, Loaded, build, load};
use super::context::Context;
use crate::arguments::{self, Forward, Run};
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::ImageProgress;

/// How long a detached container has to become well.
const PATIENCE: Duration = Duration::from_secs(60);

/// Carries the command out; the exit code is the container's.
pub fn run(arguments: &Run) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    if runs_here(&context, arguments) {
        emulation::check(context.arch)?;
    }
    let definition = context.image(&arguments.image)?;
    let settings = settings(arguments, &definition);
    let built = build(&context, &arguments.image)?;
    if arguments.embedded {
        context.screen.line("running under bubblewrap, as asked");
        return embedded(&context, built, &settings);
    }
    match load(&context, &built)? {
        Loaded::Ready { docker, .. } => in_docker(&context, &docker, built, &settings, arguments.detach),
        Loaded::Absent(absent) if arguments.detach => Err(Failure::NoDaemon(absent)),
        Loaded::Absent(absent) => {
            say_embedded(&context, &absent);
            embedded(&context, built, &settings)
        }
    }
}

/// Whether it is this machine's kernel that the image will run on, as far as that can be told before anything is built.
fn runs_here(context: &Context, arguments: &Run) -> bool {
    let local =
        Endpoint::choose(&context.environment.docker).is_ok_and(|daemon| daemon.host.starts_with("unix:"));
    cfg!(target_os = "linux") && (arguments.embedded || local)
}

fn say_embedded(context: &Context, absent: &Absent) {
    context.screen.line(&format!("{absent}; running under bubblewrap"));
}

fn settings(arguments: &Run, definition: &ImageDefinition) -> RunSettings {
    let tcp = |publish: &arguments::Publish| Publish {
        host: publish.host,
        inside: Port { number: publish.inside, udp: false },
    };
    let publish = if arguments.publish.is_empty() {
        default_ports(&definition.ports)
    } else {
        arguments.publish.iter().map(tcp).collect()
    };
    let volume = match &arguments.volume {
        None => Volume::Temporary,
        Some(folder) if folder.contains('/') => Volume::Folder(PathBuf::from(folder)),
        Some(name) => Volume::Named(name.clone()),
    };
    RunSettings { publish, volume, environment: Vec::new() }
}

/// `http://127.0.0.1:8080`, for each port that a browser may be pointed at.
fn addresses(settings: &RunSettings) -> String {
    let address = |publish: &Publish| match publish.inside.number {
        80 => format!("http://{}", publish.host),
        443 => format!("https://{}", publish.host),
        number => format!("{} (port {number})", publish.host),
    };
    settings.publish.iter().map(address).collect::<Vec<_>>().join("  ")
}

/// The image, without keeping everything in the store while it runs: Docker has it by now, and bubblewrap's runner locks what it
/// unpacks.
fn released(built: BuiltImage) -> Image {
    let BuiltImage { image, in_use, .. } = built;
    drop(in_use);
    image
}

fn in_docker(
    context: &Context,
    docker: &Docker,
    built: BuiltImage,
    settings: &RunSettings,
    detach: bool,
) -> Result<(), Failure> {
    let image = released(built);
    if detach {
        let container = docker::start(docker, &image, settings, PATIENCE)?;
        let text = format!(
            "container {container} is well: {}\nstop it with: docker rm -f -v {container}\n",
            addresses(settings)
        );
        return Ok(write!(std::io::stdout(), "{text}")?);
    }
    context.screen.line(&format!("running in Docker: {}  (Ctrl-C stops it)", addresses(settings)));
    interrupt::make_orderly();
    let progress = ImageProgress(&*context.screen);
    ended(docker::run(docker, &image, settings, &interrupt::STOP, &progress, &mut show)?)
}

fn embedded(context: &Context, built: BuiltImage, settings: &RunSettings) -> Result<(), Failure> {
    let image = released(built);
    context.screen.line(&format!("running under bubblewrap: {}  (Ctrl-C stops it)", addresses(settings)));
    interrupt::make_orderly();
    let this = std::env::current_exe()?;
    let programs = bubblewrap::Programs {
        bubblewrap: "bwrap".into(),
        forwarder: vec![this.into(), arguments::FORWARD.into()],
    };
    let progress = ImageProgress(&*context.screen);
    ended(bubblewrap::run(&image, &programs, settings, &interrupt::STOP, &progress, &mut show)?)
}

fn ended(code: i32) -> Result<(), Failure> {
    match code {
        0 => Ok(()),
        code => Err(Failure::Container(code)),
    }
}

/// The container's output is this program's: what it says is not changed, whatever it is.
fn show(stream: Stream, piece: &[u8]) {
    let written = match stream {
        Stream::Out => std::io::stdout().write_all(piece).and_then(|()| std::io::stdout().flush()),
        Stream::Err => std::io::stderr().write_all(piece),
    };
    // When nobody reads any more, the container goes on all the same until it is told to stop.
    drop(written);
}

/// Carries out the hidden command that a sandbox is started by.
pub fn forward(arguments: &Forward) -> ExitCode {
    match forwarder::run(&arguments.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{error}"));
            ExitCode::FAILURE
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}
