//! Containers of a real Docker daemon that are removed, with their volumes, when the test is over.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::command::{Outcome, call};
use crate::wait_for;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A name that no other test uses.
pub fn unique(what: &str) -> String {
    format!("medic-os-test-{}-{}-{what}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A container of an image, removed on drop.
#[derive(Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
}

impl Container {
    /// Starts an image, with further `docker run` arguments before it, and publishes its ports on loopback.
    #[track_caller]
    pub fn start(image: &str, arguments: &[&str]) -> Self {
        let container = Self { name: unique("container") };
        let mut all = vec!["run", "--detach", "--name", &container.name];
        all.extend(["--publish", "127.0.0.1::80", "--publish", "127.0.0.1::443"]);
        all.extend(arguments);
        all.push(image);
        call("docker", &all).success();
        container
    }

    /// The same, and waits until nginx answers.
    #[track_caller]
    pub fn serving(image: &str, arguments: &[&str]) -> Self {
        let container = Self::start(image, arguments);
        container.wait_until_serving();
        container
    }

    /// Waits until nginx answers with 200.
    #[track_caller]
    pub fn wait_until_serving(&self) {
        wait_for("nginx answers", Duration::from_secs(20), || {
            assert!(self.is_running(), "the container ended:\n{}", self.logs());
            let address = self.try_address(80)?;
            (crate::http::get(&format!("http://{address}/")).status == 200).then_some(())
        });
    }

    /// `docker exec` of a command in it.
    pub fn exec(&self, arguments: &[&str]) -> Outcome {
        let mut all = vec!["exec", &self.name];
        all.extend(arguments);
        call("docker", &all)
    }

    /// `docker exec` of a shell text in it.
    pub fn shell(&self, text: &str) -> Outcome {
        self.exec(&["sh", "-c", text])
    }

    fn try_address(&self, port: u16) -> Option<String> {
        let answer = call("docker", &["port", &self.name, &format!("{port}/tcp")]);
        answer.stdout.lines().next().map(str::to_owned)
    }

    /// `127.0.0.1:N`, where a port of the container is published now: it changes with a restart.
    #[track_caller]
    pub fn address(&self, port: u16) -> String {
        self.try_address(port)
            .unwrap_or_else(|| panic!("port {port} of {} is not published:\n{}", self.name, self.logs()))
    }

    /// What `docker inspect` says in a Go template.
    pub fn inspect(&self, template: &str) -> String {
        call("docker", &["inspect", "--format", template, &self.name]).success().text().to_owned()
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.inspect("{{.State.Running}}") == "true"
    }

    /// All that it has written.
    pub fn logs(&self) -> String {
        let logs = call("docker", &["logs", &self.name]);
        logs.stdout + &logs.stderr
    }

    /// `docker stop`: how long it took and the container's exit code.
    #[track_caller]
    pub fn stop(&self) -> (Duration, String) {
        let started = Instant::now();
        call("docker", &["stop", &self.name]).success();
        (started.elapsed(), self.inspect("{{.State.ExitCode}}"))
    }

    /// `docker start` after a stop.
    #[track_caller]
    pub fn start_again(&self) {
        call("docker", &["start", &self.name]).success();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln_logs(self);
        }
        call("docker", &["rm", "--force", "--volumes", &self.name]);
    }
}

#[expect(clippy::print_stderr, reason = "a failed test shows what its container said")]
fn eprintln_logs(container: &Container) {
    eprintln!("-- logs of {}\n{}", container.name, container.logs());
}

/// A named volume, removed on drop. Make it before the containers that use it, so that it outlives them.
#[derive(Debug)]
pub struct Volume {
    /// Its name.
    pub name: String,
}

impl Volume {
    /// An empty volume.
    #[track_caller]
    pub fn new() -> Self {
        let volume = Self { name: unique("volume") };
        call("docker", &["volume", "create", &volume.name]).success();
        volume
    }

    /// The argument that mounts it as `/srv`.
    pub fn as_srv(&self) -> String {
        format!("{}:/srv", self.name)
    }
}

impl Default for Volume {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        call("docker", &["volume", "rm", "--force", &self.name]);
    }
}

/// A network of containers that know each other by name, removed on drop. Make it before the containers that are in it.
#[derive(Debug)]
pub struct Network {
    /// Its name.
    pub name: String,
}

impl Network {
    /// An empty network.
    #[track_caller]
    pub fn new() -> Self {
        let network = Self { name: unique("network") };
        call("docker", &["network", "create", &network.name]).success();
        network
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        call("docker", &["network", "rm", &self.name]);
    }
}
