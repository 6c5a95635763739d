//! A real Docker daemon: loading, running, stopping.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use medic_image::run::{RunSettings, Volume, docker};
use medic_image::{Compression, Connection, Docker, DockerError, Image, RunError, assemble};

use crate::served::{Output, get, publish, serves_and_stops};
use crate::support::ports::free_port;
use crate::support::{Heard, IMAGE, Tiny, call, definition, done, settings, skip};

pub fn daemon() -> Option<Docker> {
    match Docker::connect(std::env::var("DOCKER_HOST").ok().as_deref()).expect("a daemon that will do") {
        Connection::Ready(docker) => Some(docker),
        Connection::Absent(absent) => {
            skip(&absent.to_string());
            None
        }
    }
}

/// An image in the daemon, removed on drop; every test has a name of its own.
pub struct Loaded {
    tiny: Tiny,
    image: Image,
}

impl Loaded {
    fn new(docker: &Docker, name: &str) -> Self {
        let tiny = Tiny::new();
        let text = IMAGE.replace("name: tiny", &format!("name: test-{name}"));
        let image =
            assemble(&definition(&text), &tiny.packages, &settings(&tiny.store()), &()).expect("assembled");
        let loaded = Self { tiny, image };
        loaded.remove();
        assert!(docker.provide(&loaded.image, &loaded.archive(), &()).expect("loaded"));
        loaded
    }

    fn archive(&self) -> std::path::PathBuf {
        self.tiny.archive(&self.image)
    }

    fn remove(&self) {
        call("docker", &["rmi", "--force", &self.image.tags()[0], &self.image.tags()[1]]);
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.remove();
    }
}

pub fn docker_loads_once_and_only_once() {
    let Some(docker) = daemon() else { return };
    let loaded = Loaded::new(&docker, "load");
    let tags = loaded.image.tags();
    for tag in &tags {
        assert!(docker.has_image(tag, &loaded.image).expect("asked"), "{tag}");
    }
    let heard = Heard::default();
    assert!(!docker.provide(&loaded.image, &loaded.archive(), &heard).expect("there"));
    assert_eq!(heard.all(), "");
    // A tag that somebody gave to another image is given back.
    done("docker", &["rmi", &tags[1]]);
    assert!(docker.provide(&loaded.image, &loaded.archive(), &heard).expect("loaded"));
    assert!(docker.has_image(&tags[1], &loaded.image).expect("asked"));
    assert!(heard.all().contains("Sent"), "{}", heard.all());
    let shown = done("docker", &["image", "inspect", "--format", "{{json .Config}}", &tags[0]]);
    for part in ["/boot/init", "80/tcp", "org.opencontainers.image.revision", "SIGTERM", "/boot/healthy"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

/// zstd layers need Docker 23 or newer: either they work, or the error says why.
pub fn docker_reads_what_it_can() {
    let Some(docker) = daemon() else { return };
    let tiny = Tiny::new();
    let mut settings = settings(&tiny.store());
    settings.compression = Compression::Zstd;
    let text = IMAGE.replace("name: tiny", "name: test-zstd");
    let image = assemble(&definition(&text), &tiny.packages, &settings, &()).expect("assembled");
    let archive = tiny.archive(&image);
    match docker.provide(&image, &archive, &()) {
        Ok(sent) => {
            assert!(sent);
            call("docker", &["rmi", "--force", &image.tags()[0], &image.tags()[1]]);
        }
        Err(error) => assert!(matches!(error, DockerError::Zstd { .. }), "{error}"),
    }
    // What is no image at all.
    std::fs::write(&archive, b"not an archive").expect("written");
    let error = docker.load(&archive, &[], &()).expect_err("refused");
    assert!(matches!(error, DockerError::Refused { .. }), "{error}");
    let error = docker.load(Path::new("/nonexistent.tar"), &[], &()).expect_err("refused").to_string();
    assert!(error.contains("/nonexistent.tar"), "{error}");
}

pub fn docker_runs_serves_and_stops() {
    let Some(docker) = daemon() else { return };
    let loaded = Loaded::new(&docker, "serve");
    let port = free_port();
    let run = RunSettings {
        publish: vec![publish(port)],
        environment: vec![("NAME".to_owned(), "value".to_owned())],
        ..RunSettings::default()
    };
    let heard = Heard::default();
    let (body, log) =
        serves_and_stops(port, |stop, log| docker::run(&docker, &loaded.image, &run, stop, &heard, log));
    assert!(body.starts_with("from inside as 0"), "{body}");
    assert!(log.contains("started as process 1\n"), "{log}");
    assert!(heard.all().contains("Started"), "{}", heard.all());
    let left = done("docker", &["ps", "--all", "--quiet", "--filter", "label=org.medic-os.run=test-serve"]);
    assert_eq!(left, "");
}

pub fn docker_passes_the_exit_code_on() {
    let Some(docker) = daemon() else { return };
    let loaded = Loaded::new(&docker, "code");
    let run =
        RunSettings { environment: vec![("END_CODE".to_owned(), "7".to_owned())], ..RunSettings::default() };
    let output = Output::default();
    let stop = AtomicBool::new(false);
    let code = docker::run(&docker, &loaded.image, &run, &stop, &(), &mut |_, bytes| output.add(bytes));
    assert_eq!(code.expect("it ran"), 7);
    assert!(output.text().contains("started as process 1"), "{}", output.text());
}

pub fn docker_starts_and_waits_for_health() {
    let Some(docker) = daemon() else { return };
    let loaded = Loaded::new(&docker, "health");
    let port = free_port();
    let volume = format!("medic-os-test-{}", std::process::id());
    let run = RunSettings {
        publish: vec![publish(port)],
        volume: Volume::Named(volume.clone()),
        ..RunSettings::default()
    };
    let id = docker::start(&docker, &loaded.image, &run, Duration::from_secs(30)).expect("started");
    assert!(get(port).is_some());
    done("docker", &["rm", "--force", &id]);
    let ends = RunSettings {
        volume: Volume::Named(volume.clone()),
        environment: vec![("END_CODE".to_owned(), "9".to_owned())],
        ..RunSettings::default()
    };
    let error = docker::start(&docker, &loaded.image, &ends, Duration::from_secs(30)).expect_err("ended");
    match error {
        RunError::Docker(DockerError::Ended { container, code: 9 }) => {
            assert!(done("docker", &["logs", &container]).contains("started"));
            done("docker", &["rm", "--force", &container]);
        }
        other => panic!("{other}"),
    }
    done("docker", &["volume", "rm", &volume]);
}

pub fn docker_says_which_port_is_taken() {
    let Some(docker) = daemon() else { return };
    let loaded = Loaded::new(&docker, "port");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let run = RunSettings { publish: vec![publish(free_port()), publish(port)], ..RunSettings::default() };
    let stop = AtomicBool::new(false);
    let error = docker::run(&docker, &loaded.image, &run, &stop, &(), &mut |_, _| {}).expect_err("refused");
    let words = error.to_string();
    assert!(matches!(error, RunError::Docker(DockerError::Port { .. })), "{words}");
    assert!(words.contains(&format!("127.0.0.1:{port} is in use")), "{words}");
    let left = done("docker", &["ps", "--all", "--quiet", "--filter", "label=org.medic-os.run=test-port"]);
    assert_eq!(left, "");
}
