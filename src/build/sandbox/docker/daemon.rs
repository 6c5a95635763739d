//! The connection to a daemon, and what it is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bollard::errors::Error as Bollard;
use bollard::models::{ContainerSummary, SystemInfo};
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions};
use bollard::{API_DEFAULT_VERSION, ClientVersion};
use rustix::process::{Pid, test_kill_process};
use tokio::runtime::{Builder, Runtime};

use super::body::{KIND_LABEL, Kind, PID_LABEL, STORE_LABEL};
use super::owner::Owner;
use crate::error::BuildError;

/// Where a daemon listens unless told otherwise.
pub const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
/// The oldest API that is spoken: that of Docker 20.10.
const OLDEST: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };
/// How long a daemon may take to say which version it is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long any other answer may take; a program's own limit is kept apart from this.
const TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// A daemon that answers.
pub struct Daemon {
    runtime: Runtime,
    pub client: bollard::Docker,
    host: String,
}

/// What a daemon is, as far as it matters for a sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Docker's version.
    pub version: String,
    /// What starts containers for it, such as `runc`.
    pub runtime: String,
    /// Whether it runs as an ordinary user, which containers know as root.
    pub rootless: bool,
    /// Whether it gives containers other user numbers than the machine's.
    pub remaps_users: bool,
    /// Whether it runs in a virtual machine of its own, and gives files whatever owner is asked for.
    pub desktop: bool,
    /// Whether it limits system calls.
    pub seccomp: bool,
    /// Whether it can limit memory, and processes.
    pub limits: (bool, bool),
}

impl Daemon {
    /// Connects to the daemon at `host`.
    ///
    /// # Errors
    /// It does not answer; it is too old; it is another machine's.
    pub fn connect(host: &str) -> Result<Self, BuildError> {
        let absent = |why: &str| {
            error(
                host,
                "looking for it",
                &format!(
                    "no daemon answers ({why}): start Docker, set DOCKER_HOST, or use --runner bubblewrap"
                ),
            )
        };
        check_address(host)?;
        let seconds = CONNECT_TIMEOUT.as_secs();
        let client = if host.starts_with("unix://") {
            bollard::Docker::connect_with_unix(host, seconds, API_DEFAULT_VERSION)
        } else {
            bollard::Docker::connect_with_http(host, seconds, API_DEFAULT_VERSION)
        };
        let client = match client {
            Ok(client) => client.with_timeout(CONNECT_TIMEOUT),
            Err(Bollard::SocketNotFoundError(_)) => return Err(absent("there is no such socket")),
            Err(why) => return Err(absent(&chain(&why))),
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|why| error(host, "preparing the connection", &why.to_string()))?;
        let client = match runtime.block_on(client.negotiate_version()) {
            Ok(client) => client.with_timeout(TIMEOUT),
            Err(Bollard::RequestTimeoutError) => return Err(absent("not within 10 s")),
            Err(why) => return Err(absent(&chain(&why))),
        };
        let version = client.client_version();
        if version < OLDEST {
            let message = format!("it speaks the API {version}: 1.41 (Docker 20.10) or newer is needed");
            return Err(error(host, "asking for its version", &message));
        }
        Ok(Self { runtime, client, host: host.to_owned() })
    }

    /// Waits for an answer.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The error of a request that was made for `doing`.
    pub fn error(&self, doing: &str) -> impl Fn(Bollard) -> BuildError {
        move |why| match &why {
            Bollard::DockerResponseServerError { message, .. }
                if message.contains("bind source path does not exist") =>
            {
                error(
                    &self.host,
                    doing,
                    &format!(
                        "{message}. The daemon does not see this machine's files: it must run on this machine; or use --runner \
                     bubblewrap"
                    ),
                )
            }
            Bollard::DockerResponseServerError { message, .. } => error(&self.host, doing, message),
            Bollard::DockerStreamError { error: message } => error(&self.host, doing, message),
            other => error(&self.host, doing, &chain(other)),
        }
    }

    /// What it is.
    pub fn facts(&self) -> Result<Facts, BuildError> {
        Ok(Facts::of(self.wait(self.client.info()).map_err(self.error("asking what it is"))?))
    }

    /// Removes the containers that killed builders of this store left: this one has the store alone, so all of them but the
    /// shells that people still use.
    pub fn remove_left(&self, store: &Path) -> Result<(), BuildError> {
        let label = format!("{STORE_LABEL}={}", store.display());
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([("label".to_owned(), vec![label])])),
            ..ListContainersOptions::default()
        };
        let listed = self.wait(self.client.list_containers(Some(options)));
        for container in listed.map_err(self.error("listing containers"))?.iter().filter(|one| is_left(one)) {
            if let Some(id) = &container.id {
                self.remove(id)?;
            }
        }
        Ok(())
    }

    /// Ends a container and removes it; one that is gone already is as good.
    pub fn remove(&self, id: &str) -> Result<(), BuildError> {
        let options = RemoveContainerOptions { v: true, force: true, ..Default::default() };
        match self.wait(self.client.remove_container(id, Some(options))) {
            // 409: somebody else is removing it.
            Ok(()) | Err(Bollard::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            Err(why) => Err(self.error("removing a container")(why)),
        }
    }
}

/// Whether nobody uses a container of this store any more.
fn is_left(container: &ContainerSummary) -> bool {
    let label = |name: &str| container.labels.as_ref().and_then(|labels| labels.get(name));
    let pid = label(PID_LABEL).and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    let lives = pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
    !(lives && label(KIND_LABEL).is_some_and(|kind| kind == Kind::Shell.name()))
}

impl Facts {
    fn of(info: SystemInfo) -> Self {
        let options = info.security_options.unwrap_or_default();
        let has =
            |name: &str| options.iter().any(|o| o.split(',').any(|part| part == format!("name={name}")));
        Self {
            version: info.server_version.unwrap_or_default(),
            runtime: info.default_runtime.unwrap_or_default(),
            rootless: has("rootless"),
            remaps_users: has("userns"),
            desktop: info.operating_system.is_some_and(|system| system.contains("Docker Desktop")),
            seccomp: has("seccomp"),
            limits: (info.memory_limit == Some(true), info.pids_limit == Some(true)),
        }
    }

    /// One line that says what keeps programs apart from the machine.
    pub fn isolation(&self, owner: &Owner) -> String {
        let also = [
            (self.seccomp, "limited system calls"),
            (self.rootless, "a daemon without privilege"),
            (self.limits.0, "limited memory"),
            (self.limits.1, "limited processes"),
        ];
        let also: String = also.iter().filter(|(is, _)| *is).map(|(_, what)| format!("; {what}")).collect();
        format!(
            "docker {} ({}): mount, process, network, IPC and UTS namespaces; uid {}; no capabilities; no new privileges; \
             read-only root{also}",
            self.version, self.runtime, owner.user
        )
    }
}

/// That the daemon can be on this machine.
fn check_address(host: &str) -> Result<(), BuildError> {
    if host.starts_with("unix://") {
        return Ok(());
    }
    let Some(address) = host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://")) else {
        let message = "its address must be unix:///PATH or tcp://127.0.0.1:PORT: set DOCKER_HOST to one";
        return Err(error(host, "looking for it", message));
    };
    let name = address.rsplit_once(':').map_or(address, |(name, _)| name).trim_matches(['[', ']']);
    if name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()) {
        return Ok(());
    }
    let message = "a daemon on another machine cannot run build steps, since it does not see this machine's files: set \
                   DOCKER_HOST to one on this machine, or use --runner bubblewrap";
    Err(error(host, "looking for it", message))
}

fn error(host: &str, doing: &str, message: &str) -> BuildError {
    BuildError::Docker { host: host.to_owned(), doing: doing.to_owned(), message: message.to_owned() }
}

/// An error's words with those of its causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_elsewhere_is_refused_and_said_why() {
        for host in
            ["unix:///run/docker.sock", "tcp://127.0.0.1:2375", "tcp://[::1]:2375", "tcp://localhost:2375"]
        {
            assert!(check_address(host).is_ok(), "{host}");
        }
        for host in ["tcp://192.0.2.1:2375", "tcp://build.example:2375", "http://127.0.0.1.example:1"] {
            let error = check_address(host).expect_err("elsewhere").to_string();
            assert!(error.contains("another machine") && error.contains("--runner bubblewrap"), "{error}");
        }
        assert!(
            check_address("ssh://someone@example").expect_err("unknown").to_string().contains("unix:///PATH")
        );
    }

    #[test]
    fn no_daemon_is_said_with_what_to_do() {
        let error = Daemon::connect("unix:///nonexistent/docker.sock").err().expect("none");
        assert_eq!(error.kind(), crate::ErrorKind::Docker);
        assert!(error.to_string().contains("unix:///nonexistent/docker.sock"), "{error}");
        assert!(error.to_string().contains("--runner bubblewrap"), "{error}");
    }

    #[test]
    fn what_a_builder_left_is_told_from_a_shell_in_use() {
        let container = |kind: &str, pid: u32| ContainerSummary {
            labels: Some(
                [(PID_LABEL, pid.to_string()), (KIND_LABEL, kind.to_owned())]
                    .map(|(name, value)| (name.to_owned(), value))
                    .into(),
            ),
            ..ContainerSummary::default()
        };
        // The store is this builder's own, so no other builder's step can still be wanted.
        assert!(is_left(&container("step", std::process::id())));
        assert!(!is_left(&container("shell", std::process::id())));
        assert!(is_left(&container("shell", 0x3fff_ffff)));
        assert!(is_left(&ContainerSummary::default()));
    }

    #[test]
    fn the_daemon_says_what_it_is() {
        let info = SystemInfo {
            server_version: Some("27.1".to_owned()),
            default_runtime: Some("runc".to_owned()),
            security_options: Some(vec![
                "name=seccomp,profile=builtin".to_owned(),
                "name=rootless".to_owned(),
            ]),
            pids_limit: Some(true),
            ..SystemInfo::default()
        };
        let facts = Facts::of(info);
        assert!(facts.rootless && facts.seccomp && !facts.remaps_users && !facts.desktop);
        let says = facts.isolation(&Owner { user: 0, group: 0, changes: false });
        assert!(
            says.starts_with("docker 27.1 (runc): ") && says.ends_with("privilege; limited processes"),
            "{says}"
        );
    }
}
