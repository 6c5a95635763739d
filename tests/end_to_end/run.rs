//! `cargo xtask run`: with Docker, and with the embedded runner when there is no daemon.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use medic_tests::http::{get, get_with};
use medic_tests::xtask::{nginx_image, program};
use medic_tests::{Scratch, wait_for};

/// A running `xtask run`, killed on drop.
struct Running(Child);

impl Running {
    fn start(scratch: &Scratch, ports: &[&str], docker_host: Option<&str>) -> Self {
        let output = std::fs::File::create(scratch.join("output")).expect("writable");
        let mut command = Command::new(program());
        command.args(["run", "nginx"]);
        for port in ports {
            command.args(["--publish", port]);
        }
        if let Some(host) = docker_host {
            command.env("DOCKER_HOST", host);
        }
        command.current_dir(medic_tests::workspace()).stdin(Stdio::null());
        command.stderr(output.try_clone().expect("another handle")).stdout(output);
        Self(command.spawn().expect("it starts"))
    }

    /// Ctrl-C, as a terminal sends it; gives the exit code.
    fn interrupt(&mut self) -> i32 {
        medic_tests::command::call("kill", &["-INT", &self.0.id().to_string()]).success();
        let status = wait_for("run ends", Duration::from_secs(20), || self.0.try_wait().expect("a child"));
        status.code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            drop(self.0.kill());
        }
    }
}

fn serves_and_stops(http: u16, https: u16, docker_host: Option<&str>, said: &str) {
    nginx_image();
    let scratch = Scratch::new("run");
    let mut running =
        Running::start(&scratch, &[&format!("{http}:80"), &format!("{https}:443")], docker_host);
    let output = || std::fs::read_to_string(scratch.join("output")).unwrap_or_default();
    wait_for("HTTP answers", Duration::from_secs(60), || {
        assert!(running.0.try_wait().expect("a child").is_none(), "run ended:\n{}", output());
        (get(&format!("http://127.0.0.1:{http}/")).status == 200).then_some(())
    });
    assert_eq!(get_with(&format!("https://127.0.0.1:{https}/"), &["--insecure"]).status, 200);
    wait_for("the log is followed", Duration::from_secs(5), || output().contains("GET / HTTP").then_some(()));
    assert!(output().contains(said), "'{said}' is not in:\n{}", output());
    let code = running.interrupt();
    assert_eq!(code, 0, "{}", output());
    assert_eq!(get(&format!("http://127.0.0.1:{http}/")).status, 0, "it still serves");
}

#[test]
fn with_docker() {
    serves_and_stops(18180, 18143, None, "Docker");
}

#[test]
fn without_docker_the_embedded_runner_serves() {
    serves_and_stops(18280, 18243, Some("unix:///nonexistent/docker.sock"), "bubblewrap");
}
