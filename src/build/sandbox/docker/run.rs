//! One container, from its making to its end.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error as Bollard;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, InspectContainerOptions, ResizeContainerTTYOptions,
    StartContainerOptions, WaitContainerOptions,
};
use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt as _};
use tokio::io::AsyncWriteExt as _;

use super::daemon::Daemon;
use crate::error::BuildError;
use crate::sandbox::terminal::{Keys, Terminal};
use crate::sandbox::{Ending, Limits};

/// How often a terminal's size is looked at, and whether it is to end.
const TICK: Duration = Duration::from_millis(200);

/// A container that was made.
pub struct Container<'a> {
    daemon: &'a Daemon,
    id: String,
    /// Bytes of memory that it may use.
    memory: u64,
}

impl<'a> Container<'a> {
    /// Makes one; it does not run yet.
    pub fn make(daemon: &'a Daemon, body: ContainerCreateBody) -> Result<Self, BuildError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("medic-os-build-{}-{number}", std::process::id());
        let memory = body.host_config.as_ref().and_then(|host| host.memory).unwrap_or(0);
        // Process numbers repeat: one of that name can only be a dead builder's.
        daemon.remove(&name)?;
        let options = CreateContainerOptions { name: Some(name), ..CreateContainerOptions::default() };
        let made = daemon.wait(daemon.client.create_container(Some(options), body));
        let id = made.map_err(daemon.error("making a container"))?.id;
        Ok(Self { daemon, id, memory: u64::try_from(memory).unwrap_or(0) })
    }

    /// Ends it, if it runs, and removes it.
    pub fn remove(&self) -> Result<(), BuildError> {
        self.daemon.remove(&self.id)
    }

    /// Runs it to its end, or for as long as it may take; what it writes goes to `output`.
    pub fn run(&self, limits: &Limits, output: &File) -> Result<Ending, BuildError> {
        self.daemon.wait(async {
            // Held to the end: process 1 takes the end of its input for the end of the builder.
            let AttachContainerResults { output: mut words, input: _input } = self.attach().await?;
            self.start().await?;
            let run = async {
                copy(&mut words, output).await?;
                self.status().await
            };
            match tokio::time::timeout(limits.time, run).await {
                Ok(status) => self.ending(status?).await,
                Err(_) => Ok(Ending::TooLong(limits.time)),
            }
        })
    }

    /// Runs it with a terminal.
    pub fn interact(&self, terminal: &Terminal<'_>) -> Result<Ending, BuildError> {
        let keys = terminal.keys().map_err(|error| unreadable(&error))?;
        self.daemon.wait(async {
            let AttachContainerResults { output: mut words, input } = self.attach().await?;
            self.start().await?;
            let shown = copy(&mut words, terminal.output());
            let typed = type_in(keys, input);
            let kept = self.keep_size(terminal);
            let (shown, typed, kept) = (Box::pin(shown), Box::pin(typed), Box::pin(kept));
            match select(shown, select(typed, kept)).await {
                Either::Left((shown, _)) => {
                    shown?;
                    self.ending(self.status().await?).await
                }
                Either::Right(_) => Ok(Ending::Status(130)),
            }
        })
    }

    async fn attach(&self) -> Result<AttachContainerResults, BuildError> {
        let options = AttachContainerOptions {
            stdin: true,
            stdout: true,
            stderr: true,
            stream: true,
            ..AttachContainerOptions::default()
        };
        let attached = self.daemon.client.attach_container(&self.id, Some(options)).await;
        attached.map_err(self.daemon.error("attaching to a container"))
    }

    async fn start(&self) -> Result<(), BuildError> {
        let started = self.daemon.client.start_container(&self.id, None::<StartContainerOptions>).await;
        started.map_err(self.daemon.error("starting a container"))
    }

    /// Its status, once it has ended.
    async fn status(&self) -> Result<i32, BuildError> {
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        let mut ended = Box::pin(self.daemon.client.wait_container(&self.id, Some(options)));
        let code = match ended.next().await {
            Some(Ok(answer)) => answer.status_code,
            Some(Err(Bollard::DockerContainerWaitError { code, error })) if error.is_empty() => code,
            Some(Err(why)) => return Err(self.daemon.error("waiting for a container")(why)),
            None => 1,
        };
        Ok(i32::try_from(code).unwrap_or(1))
    }

    async fn ending(&self, status: i32) -> Result<Ending, BuildError> {
        if status == 0 {
            return Ok(Ending::Status(0));
        }
        let options = None::<InspectContainerOptions>;
        let inspected = self.daemon.client.inspect_container(&self.id, options).await;
        let state = inspected.map_err(self.daemon.error("asking how a container ended"))?.state;
        let killed = state.and_then(|state| state.oom_killed) == Some(true);
        Ok(if killed { Ending::OutOfMemory(self.memory) } else { Ending::Status(status) })
    }

    /// Gives the container's terminal the size of the caller's, and ends when that is to end.
    async fn keep_size(&self, terminal: &Terminal<'_>) {
        let mut known = None;
        while !terminal.is_over() {
            let size = terminal.size();
            if size != known {
                known = size;
                if let Some((columns, rows)) = size {
                    let options = ResizeContainerTTYOptions { h: rows.into(), w: columns.into() };
                    // One that has ended has no size.
                    let _ = self.daemon.client.resize_container_tty(&self.id, options).await;
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }
}

/// Writes what the container writes. A log that cannot be written (the disk is full) does not stop the reading: the step
/// must end by itself.
async fn copy(
    words: &mut (impl Stream<Item = Result<LogOutput, Bollard>> + Unpin),
    mut to: &File,
) -> Result<(), BuildError> {
    let mut fault: Option<io::Error> = None;
    // An error is the end of the connection: whether that is the container's end, its status tells.
    while let Some(Ok(words)) = words.next().await {
        if fault.is_none() {
            fault = to.write_all(words.as_ref()).err();
        }
    }
    match fault {
        Some(error) if !crate::store::is_full(&error) => Err(unreadable(&error)),
        _ => Ok(()),
    }
}

/// Types what the user types. Never ends before the container does.
async fn type_in(mut keys: Keys, mut input: std::pin::Pin<Box<dyn tokio::io::AsyncWrite + Send>>) {
    while let Some(typed) = keys.channel.recv().await {
        if input.write_all(&typed).await.is_err() || input.flush().await.is_err() {
            break;
        }
    }
    std::future::pending::<()>().await;
}

fn unreadable(error: &io::Error) -> BuildError {
    BuildError::Environment {
        what: "passing on what a container writes".to_owned(),
        message: error.to_string(),
    }
}
