//! Running an image in a Docker daemon.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::models::{
    ContainerCreateBody, ContainerState, HealthStatusEnum, HostConfig, Mount, MountType, PortBinding,
};
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, InspectContainerOptions, RemoveContainerOptions,
    StartContainerOptions, StopContainerOptions,
};
use futures_util::StreamExt as _;
use std::fs;

use super::{GRACE_SECONDS, Log, RunError, RunSettings, SRV, StopFlag, Stream, Volume};
use crate::assemble::Image;
use crate::docker::{Docker, DockerError};
use crate::error::ImageError;
use crate::progress::{Event, Reporter};

/// How often the stop flag is looked at.
const TICK: Duration = Duration::from_millis(50);
/// The label by which our containers are known.
const LABEL: &str = "org.medic-os.run";

/// Runs the image, which the daemon has, to its end or until `stop` is set; then the container is stopped and removed. Gives its
/// exit code.
///
/// # Errors
/// [`RunError`]; the container is then removed, if the daemon still answers.
pub fn run(
    docker: &Docker,
    image: &Image,
    settings: &RunSettings,
    stop: &StopFlag,
    reporter: &dyn Reporter,
    log: &mut Log<'_>,
) -> Result<i32, RunError> {
    let container = Container { docker, id: create(docker, image, settings)? };
    let result = docker.run(container.follow(settings, stop, reporter, log));
    let removed = docker.run(container.remove());
    let code = result?;
    removed?;
    Ok(code)
}

/// Starts the image, which the daemon has, and leaves it running. Returns when its health check says that it is well, or at
/// once when it has none. Gives the container's short id.
///
/// # Errors
/// [`RunError`]; a container that could not be started is removed, one that ended or does not get well is kept for its log.
pub fn start(
    docker: &Docker,
    image: &Image,
    settings: &RunSettings,
    patience: Duration,
) -> Result<String, RunError> {
    let container = Container { docker, id: create(docker, image, settings)? };
    if let Err(error) = docker.run(container.start(settings)) {
        docker.run(container.remove())?;
        return Err(error.into());
    }
    docker.run(container.await_health(patience))?;
    Ok(container.short_id().to_owned())
}

fn create(docker: &Docker, image: &Image, settings: &RunSettings) -> Result<String, RunError> {
    let body = body(image, settings)?;
    let options = None::<CreateContainerOptions>;
    let created = docker.run(docker.client().create_container(options, body));
    Ok(created.map_err(docker.error("a container was made"))?.id)
}

fn body(image: &Image, settings: &RunSettings) -> Result<ContainerCreateBody, RunError> {
    let [reference, _] = image.tags();
    let mut ports = bollard::models::PortMap::new();
    for publish in &settings.publish {
        let binding = PortBinding {
            host_ip: Some(publish.host.ip().to_string()),
            host_port: Some(publish.host.port().to_string()),
        };
        ports.entry(publish.inside.to_string()).or_default().get_or_insert_default().push(binding);
    }
    let environment = settings.environment.iter().map(|(name, value)| format!("{name}={value}"));
    Ok(ContainerCreateBody {
        image: Some(reference),
        env: Some(environment.collect()),
        labels: Some([(LABEL.to_owned(), image.name.to_string())].into()),
        exposed_ports: Some(ports.keys().cloned().collect()),
        stop_timeout: Some(image.stop_seconds(GRACE_SECONDS)),
        host_config: Some(HostConfig {
            port_bindings: Some(ports),
            mounts: mount(&settings.volume)?.map(|mount| vec![mount]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    })
}

/// `/srv`; the image itself says that it is a volume, so without a mount Docker makes one that is removed with the container.
fn mount(volume: &Volume) -> Result<Option<Mount>, RunError> {
    let (typ, source) = match volume {
        Volume::Temporary => return Ok(None),
        Volume::Named(name) => (MountType::VOLUME, name.clone()),
        Volume::Folder(path) => {
            let path = std::path::absolute(path).map_err(ImageError::on("find", path))?;
            fs::create_dir_all(&path).map_err(ImageError::on("make the folder", &path))?;
            (MountType::BIND, path.to_string_lossy().into_owned())
        }
    };
    Ok(Some(Mount { target: Some(SRV.to_owned()), source: Some(source), typ: Some(typ), ..Mount::default() }))
}

/// A container of ours.
struct Container<'a> {
    docker: &'a Docker,
    id: String,
}

impl Container<'_> {
    fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    /// Starts it and passes on what it writes until it has ended; stops it when told to.
    async fn follow(
        &self,
        settings: &RunSettings,
        stop: &StopFlag,
        reporter: &dyn Reporter,
        log: &mut Log<'_>,
    ) -> Result<i32, DockerError> {
        let attach =
            AttachContainerOptions { stdout: true, stderr: true, stream: true, ..Default::default() };
        let client = self.docker.client();
        // Before the start, so that no word is lost.
        let attached = client.attach_container(&self.id, Some(attach)).await;
        let mut output = attached.map_err(self.docker.error("the container's log was asked for"))?.output;
        self.start(settings).await?;
        reporter.event(Event::Started { name: self.short_id() });
        loop {
            match tokio::time::timeout(TICK, output.next()).await {
                Ok(Some(Ok(words))) => pass_on(&words, log),
                // The end of the log is the end of the container, or of the daemon: which, its state tells.
                Ok(Some(Err(_)) | None) => break,
                Err(_) => {}
            }
            if stop.load(Ordering::Relaxed) {
                self.stop_and_drain(&mut output, log).await?;
                break;
            }
        }
        self.exit_code().await
    }

    async fn start(&self, settings: &RunSettings) -> Result<(), DockerError> {
        let started = self.docker.client().start_container(&self.id, None::<StartContainerOptions>).await;
        started.map_err(|error| port_taken(self.docker.error("the container was started")(error), settings))
    }

    /// Stops it; what it writes meanwhile is still passed on.
    async fn stop_and_drain(
        &self,
        output: &mut (impl futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin),
        log: &mut Log<'_>,
    ) -> Result<(), DockerError> {
        // How long it may take was said when the container was made.
        let options = StopContainerOptions::default();
        let stopped = self.docker.client().stop_container(&self.id, Some(options));
        let drained = async {
            while let Some(Ok(words)) = output.next().await {
                pass_on(&words, log);
            }
        };
        let (stopped, ()) = futures_util::future::join(stopped, drained).await;
        stopped.map_err(self.docker.error("the container was stopped"))
    }

    async fn state(&self) -> Result<ContainerState, DockerError> {
        let inspected =
            self.docker.client().inspect_container(&self.id, None::<InspectContainerOptions>).await;
        Ok(inspected.map_err(self.docker.error("the container ran"))?.state.unwrap_or_default())
    }

    /// Its exit code, once it has ended: its log may end a moment before.
    async fn exit_code(&self) -> Result<i32, DockerError> {
        loop {
            let state = self.state().await?;
            if state.running != Some(true) {
                return Ok(state.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or(1));
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn await_health(&self, patience: Duration) -> Result<(), DockerError> {
        let deadline = Instant::now() + patience;
        let container = self.short_id().to_owned();
        loop {
            let state = self.state().await?;
            if state.running != Some(true) {
                return Err(DockerError::Ended { container, code: state.exit_code.unwrap_or(1) });
            }
            match state.health.and_then(|health| health.status) {
                None | Some(HealthStatusEnum::HEALTHY | HealthStatusEnum::NONE | HealthStatusEnum::EMPTY) => {
                    return Ok(());
                }
                Some(HealthStatusEnum::STARTING | HealthStatusEnum::UNHEALTHY) => {}
            }
            if Instant::now() >= deadline {
                return Err(DockerError::NotReady { container, seconds: patience.as_secs() });
            }
            tokio::time::sleep(4 * TICK).await;
        }
    }

    /// Removes it with the volumes that only it has; kills it if it still runs.
    async fn remove(&self) -> Result<(), DockerError> {
        let options = RemoveContainerOptions { v: true, force: true, ..Default::default() };
        let removed = self.docker.client().remove_container(&self.id, Some(options)).await;
        removed.map_err(self.docker.error("the container was removed"))
    }
}

fn pass_on(words: &LogOutput, log: &mut Log<'_>) {
    match words {
        LogOutput::StdErr { message } => log(Stream::Err, message),
        LogOutput::StdOut { message } | LogOutput::Console { message } => log(Stream::Out, message),
        LogOutput::StdIn { .. } => {}
    }
}

/// The daemon's words about a taken port, as an error of its own that says what to do.
fn port_taken(error: DockerError, settings: &RunSettings) -> DockerError {
    let DockerError::Refused { message, .. } = &error else { return error };
    if !message.contains("already allocated") && !message.contains("already in use") {
        return error;
    }
    let named = |address: &SocketAddr| {
        message.contains(&format!(":{} ", address.port()))
            || message.contains(&format!(":{}:", address.port()))
    };
    match settings.publish.iter().find(|publish| named(&publish.host)) {
        Some(publish) => DockerError::Port {
            address: publish.host.to_string(),
            inside: publish.inside.number,
            message: message.clone(),
        },
        None => error,
    }
}
