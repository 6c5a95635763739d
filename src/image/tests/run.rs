//! Running images for real: in a Docker daemon, and under bubblewrap as root and as an ordinary user.
//!
//! This program is its own forwarder: started with `__forward` it is what `cargo xtask __forward` is.

mod support;

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use medic_image::run::bubblewrap::{self, Programs};
use medic_image::run::{Publish, RunSettings, Volume, docker, forward};
use medic_image::{Compression, Connection, Docker, DockerError, Image, RunError, assemble};
use support::{Heard, IMAGE, Tiny, call, definition, done, has, note, settings, skip};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == "__forward") {
        return forwarder(&words[2..]);
    }
    if words.first().is_some_and(|word| word == "__run") {
        return run_alone(&words[1..]);
    }
    let tests: [(&str, fn()); 15] = [
        ("docker_loads_once_and_only_once", docker_loads_once_and_only_once),
        ("docker_reads_what_it_can", docker_reads_what_it_can),
        ("docker_runs_serves_and_stops", docker_runs_serves_and_stops),
        ("docker_passes_the_exit_code_on", docker_passes_the_exit_code_on),
        ("docker_starts_and_waits_for_health", docker_starts_and_waits_for_health),
        ("docker_says_which_port_is_taken", docker_says_which_port_is_taken),
        ("no_daemon_is_said_in_words", no_daemon_is_said_in_words),
        ("a_daemon_that_dies_is_said", a_daemon_that_dies_is_said),
        ("an_old_daemon_is_refused", an_old_daemon_is_refused),
        ("bubblewrap_runs_serves_and_stops", bubblewrap_runs_serves_and_stops),
        ("bubblewrap_passes_the_exit_code_on", bubblewrap_passes_the_exit_code_on),
        ("bubblewrap_keeps_what_it_is_told_to", bubblewrap_keeps_what_it_is_told_to),
        ("bubblewrap_says_what_is_wrong", bubblewrap_says_what_is_wrong),
        ("bubblewrap_runs_for_an_ordinary_user", bubblewrap_runs_for_an_ordinary_user),
        ("a_killed_runner_leaves_nothing_running", a_killed_runner_leaves_nothing_running),
    ];
    let trial = |(name, test): (&'static str, fn())| {
        Trial::test(name, move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.map(trial).into()).exit_code()
}

fn forwarder(command: &[OsString]) -> ExitCode {
    match forward::run(command) {
        Ok(code) => code.into(),
        Err(error) => {
            writeln!(std::io::stderr(), "{error}").expect("standard error");
            ExitCode::FAILURE
        }
    }
}

fn programs() -> Programs {
    Programs {
        bubblewrap: "bwrap".into(),
        forwarder: vec![std::env::current_exe().expect("a path").into(), "__forward".into()],
    }
}

/// `__run STORE PORT`: runs the tiny image of a store until killed; for tests that need another process.
fn run_alone(words: &[OsString]) -> ExitCode {
    let store = Path::new(&words[0]);
    let port: u16 = words[1].to_string_lossy().parse().expect("a port");
    let packages = serde_json::from_slice::<Vec<(std::path::PathBuf, medic_model::Sha256)>>(
        &std::fs::read(store.join("packages.json")).expect("read"),
    )
    .expect("JSON")
    .into_iter()
    .map(|(path, sha256)| medic_image::PackageArchive { path, sha256 })
    .collect::<Vec<_>>();
    let image = assemble(&definition(IMAGE), &packages, &settings(store), &()).expect("assembled");
    let heard = Heard::default();
    let stop = AtomicBool::new(false);
    let run = RunSettings { publish: vec![publish(port)], ..RunSettings::default() };
    let mut out = std::io::stdout();
    let code = bubblewrap::run(&image, &programs(), &run, &stop, &heard, &mut |_, bytes| {
        out.write_all(bytes).and_then(|()| out.flush()).expect("standard output");
    });
    writeln!(out, "{}\n{code:?}", heard.all()).expect("standard output");
    ExitCode::SUCCESS
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port()
}

fn publish(port: u16) -> Publish {
    Publish { host: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), inside: "80/tcp".parse().expect("a port") }
}

/// The body of `http://127.0.0.1:port/`, once it answers.
fn get(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

#[track_caller]
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = ask() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a run wrote, while it runs.
#[derive(Debug, Clone, Default)]
struct Output(Arc<Mutex<String>>);

impl Output {
    fn add(&self, bytes: &[u8]) {
        self.0.lock().expect("whole").push_str(&String::from_utf8_lossy(bytes));
    }
    fn text(&self) -> String {
        self.0.lock().expect("whole").clone()
    }
}

/// Sets the flag when a test is over, however it ends.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs, sees that it serves, stops, and sees that it has stopped.
fn serves_and_stops(
    port: u16,
    run: impl FnOnce(&AtomicBool, &mut dyn FnMut(medic_image::run::Stream, &[u8])) -> Result<i32, RunError> + Send,
) -> (String, String) {
    let (stop, output) = (AtomicBool::new(false), Output::default());
    std::thread::scope(|scope| {
        // A failed test must not wait for ever.
        let _stop = StopOnDrop(&stop);
        let runner = scope.spawn(|| run(&stop, &mut |_, bytes| output.add(bytes)));
        let body = wait_for("it serves", || {
            assert!(!runner.is_finished(), "it ended: {}", output.text());
            get(port)
        });
        wait_for("its log is followed", || output.text().contains("to standard error").then_some(()));
        let started = Instant::now();
        stop.store(true, Ordering::Relaxed);
        let code = runner.join().expect("no panic").expect("it ran");
        note(&format!("stopped in {:?}", started.elapsed()));
        assert_eq!(code, 0, "{}", output.text());
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert!(output.text().contains("stopping"), "{}", output.text());
        assert_eq!(get(port), None);
        (body, output.text())
    })
}

fn daemon() -> Option<Docker> {
    match Docker::connect(std::env::var("DOCKER_HOST").ok().as_deref()).expect("a daemon that will do") {
        Connection::Ready(docker) => Some(docker),
        Connection::Absent(absent) => {
            skip(&absent.to_string());
            None
        }
    }
}

/// An image in the daemon, removed on drop; every test has a name of its own.
struct Loaded {
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

fn docker_loads_once_and_only_once() {
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
fn docker_reads_what_it_can() {
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

fn docker_runs_serves_and_stops() {
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

fn docker_passes_the_exit_code_on() {
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

fn docker_starts_and_waits_for_health() {
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

fn docker_says_which_port_is_taken() {
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

fn no_daemon_is_said_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let absent = |host: &str| match Docker::connect(Some(host)).expect("no error") {
        Connection::Absent(absent) => absent.to_string(),
        Connection::Ready(_) => panic!("{host} answers"),
    };
    let words = absent("unix:///nonexistent/docker.sock");
    assert_eq!(
        words,
        "no Docker daemon answers at unix:///nonexistent/docker.sock (there is no such socket)"
    );
    let socket = folder.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("bound"));
    assert!(absent(&format!("unix://{}", socket.display())).contains("nobody listens"));
    assert!(absent(&format!("tcp://127.0.0.1:{}", free_port())).contains("refused"));
    for host in ["ssh://somewhere", "floppy", ""] {
        let error = Docker::connect(Some(host)).expect_err("refused").to_string();
        assert!(error.contains("unix:///PATH"), "{error}");
    }
}

/// A daemon of this test's own that answers the first question, and then what the test says.
fn false_daemon(api: &'static str, then: fn(TcpStream)) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let host = format!("tcp://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = vec![0; 4096];
            let count = stream.read(&mut request).unwrap_or(0);
            let request =
                String::from_utf8_lossy(&request[..count]).lines().next().unwrap_or_default().to_owned();
            if request.contains("/version") {
                let body = format!("{{\"ApiVersion\":\"{api}\"}}");
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            } else if request.contains("/json") {
                let body = "{\"message\":\"no such image\"}";
                let head = format!(
                    "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            } else {
                then(stream);
            }
        }
    });
    host
}

fn a_daemon_that_dies_is_said() {
    let host = false_daemon("1.41", |mut stream| {
        // It takes a part of the archive, and is gone.
        let mut bytes = vec![0; 300_000];
        stream.read_exact(&mut bytes).expect("the archive comes");
    });
    let Connection::Ready(docker) = Docker::connect(Some(&host)).expect("it answers") else {
        panic!("absent");
    };
    let tiny = Tiny::new();
    let image = tiny.image();
    let error = docker.provide(&image, &tiny.archive(&image), &()).expect_err("gone");
    let words = error.to_string();
    assert!(matches!(error, DockerError::Lost { .. }), "{words}");
    assert!(words.contains("went away while an image was loaded") && words.contains(&host), "{words}");
}

fn an_old_daemon_is_refused() {
    let host = false_daemon("1.39", drop);
    let error = Docker::connect(Some(&host)).expect_err("too old");
    assert!(matches!(error, DockerError::TooOld { .. }), "{error}");
    assert!(error.to_string().contains("1.39"), "{error}");
}

fn bubblewrap_runs_serves_and_stops() {
    if !has("bwrap") {
        return;
    }
    let tiny = Tiny::new();
    let image = tiny.image();
    let port = free_port();
    let run = RunSettings { publish: vec![publish(port)], ..RunSettings::default() };
    for _ in 0..2 {
        let heard = Heard::default();
        let (body, log) =
            serves_and_stops(port, |stop, log| bubblewrap::run(&image, &programs(), &run, stop, &heard, log));
        assert!(body.starts_with("from inside as 0, host tiny, mark none"), "{body}");
        assert!(log.contains("started as process 1\n"), "{log}");
        assert!(heard.all().contains("Started"), "{}", heard.all());
    }
    // What ended with the run is gone; what was unpacked is kept, once.
    let left = done("find", &[&tiny.store().to_string_lossy(), "-name", ".medic-image-*"]);
    assert_eq!(left, "");
    assert_eq!(std::fs::read_dir(tiny.store().join("rootfs")).expect("read").count(), 1);
}

fn bubblewrap_passes_the_exit_code_on() {
    if !has("bwrap") {
        return;
    }
    let tiny = Tiny::new();
    let image = tiny.image();
    let stop = AtomicBool::new(false);
    let run =
        RunSettings { environment: vec![("END_CODE".to_owned(), "7".to_owned())], ..RunSettings::default() };
    let output = Output::default();
    let code = bubblewrap::run(&image, &programs(), &run, &stop, &(), &mut |_, bytes| output.add(bytes));
    assert_eq!(code.expect("it ran"), 7, "{}", output.text());
}

fn bubblewrap_keeps_what_it_is_told_to() {
    if !has("bwrap") {
        return;
    }
    let tiny = Tiny::new();
    let image = tiny.image();
    let port = free_port();
    let folder = tiny.folder.path().join("data/of mine");
    for volume in [Volume::Named("data".to_owned()), Volume::Folder(folder.clone())] {
        let run = RunSettings { publish: vec![publish(port)], volume, ..RunSettings::default() };
        for mark in ["mark none", "mark kept"] {
            let (body, _) = serves_and_stops(port, |stop, log| {
                bubblewrap::run(&image, &programs(), &run, stop, &(), log)
            });
            assert!(body.contains(mark), "{body}");
        }
    }
    assert!(folder.join("mark").is_file() && tiny.store().join("volumes/data/mark").is_file());
    let run = RunSettings { volume: Volume::Named("../x".to_owned()), ..RunSettings::default() };
    let error = bubblewrap::run(&image, &programs(), &run, &AtomicBool::new(true), &(), &mut |_, _| {});
    assert!(matches!(error, Err(RunError::VolumeName(_))), "{error:?}");
}

fn bubblewrap_says_what_is_wrong() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let stop = AtomicBool::new(false);
    let run = |programs: &Programs, settings: &RunSettings| {
        bubblewrap::run(&image, programs, settings, &stop, &(), &mut |_, _| {})
            .expect_err("refused")
            .to_string()
    };
    let absent = Programs { bubblewrap: "/nonexistent/bwrap".into(), ..programs() };
    assert!(run(&absent, &RunSettings::default()).contains("install bubblewrap"));
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let settings = RunSettings { publish: vec![publish(port)], ..RunSettings::default() };
    let words = run(&programs(), &settings);
    assert!(words.contains(&format!("cannot publish port 80 at 127.0.0.1:{port}")), "{words}");
    // A bubblewrap that is not allowed to do its work.
    let refusing = tiny.folder.path().join("bwrap");
    std::fs::write(
        &refusing,
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n",
    )
    .expect("written");
    done("chmod", &["755", &refusing.to_string_lossy()]);
    let words = run(&Programs { bubblewrap: refusing, ..programs() }, &RunSettings::default());
    assert!(
        words.contains("No permissions to create new namespace") && words.contains("--privileged"),
        "{words}"
    );
}

/// A child that is killed when the test fails.
struct Guard(std::process::Child);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts this program's `__run` for a store, as root or as an ordinary user.
fn start_alone(tiny: &Tiny, port: u16, user: Option<u32>) -> (Guard, std::path::PathBuf) {
    let records: Vec<_> = tiny.packages.iter().map(|package| (&package.path, package.sha256)).collect();
    std::fs::create_dir_all(tiny.store()).expect("made");
    std::fs::write(tiny.store().join("packages.json"), serde_json::to_vec(&records).expect("JSON"))
        .expect("written");
    let output = tiny.folder.path().join("output");
    let file = std::fs::File::create(&output).expect("made");
    let mut program = std::env::current_exe().expect("a path");
    if let Some(user) = user {
        use std::os::unix::fs::PermissionsExt as _;
        // Where the target folder is may be closed to others.
        let copy = tiny.folder.path().join("program");
        std::fs::copy(&program, &copy).expect("copied");
        program = copy;
        std::fs::set_permissions(tiny.folder.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
        done("chown", &["-R", &format!("{user}:{user}"), &tiny.store().to_string_lossy()]);
    }
    let mut command = std::process::Command::new(program);
    command.arg("__run").arg(tiny.store()).arg(port.to_string());
    command
        .current_dir("/")
        .stdin(std::process::Stdio::null())
        .stderr(file.try_clone().expect("another"))
        .stdout(file);
    if let Some(user) = user {
        use std::os::unix::process::CommandExt as _;
        command.uid(user).gid(user);
    }
    (Guard(command.spawn().expect("it starts")), output)
}

fn bubblewrap_runs_for_an_ordinary_user() {
    if !has("bwrap") {
        return;
    }
    if done("id", &["-u"]).trim() != "0" {
        skip(
            "another user is needed, and only root can become one: the other tests were those of an ordinary user",
        );
        return;
    }
    let tiny = Tiny::new();
    let port = free_port();
    let (mut guard, output) = start_alone(&tiny, port, Some(12_345));
    let said = || std::fs::read_to_string(&output).unwrap_or_default();
    let body = wait_for("it serves", || {
        assert!(guard.0.try_wait().expect("a child").is_none(), "it ended: {}", said());
        get(port)
    });
    assert!(body.starts_with("from inside as 0"), "{body}");
    assert!(said().contains("started as process 1"), "{}", said());
}

fn a_killed_runner_leaves_nothing_running() {
    if !has("bwrap") {
        return;
    }
    let tiny = Tiny::new();
    let port = free_port();
    let (mut guard, output) = start_alone(&tiny, port, None);
    wait_for("it serves", || get(port));
    guard.0.kill().expect("killed");
    guard.0.wait().expect("ended");
    wait_for("the port is free", || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    // Nothing of the sandbox is left: its root is in every command line of bubblewrap's.
    let root = tiny.store().join("rootfs").to_string_lossy().into_owned();
    wait_for("all processes are gone", || {
        let running = std::fs::read_dir("/proc").expect("read").flatten().any(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&root)
        });
        (!running).then_some(())
    });
    // It was stopped in order, not killed.
    let said = std::fs::read_to_string(&output).expect("read");
    assert!(said.contains("started as process 1"), "{said}");
    // And the next run removes what the killed one left.
    let run =
        RunSettings { environment: vec![("END_CODE".to_owned(), "0".to_owned())], ..RunSettings::default() };
    bubblewrap::run(&tiny.image(), &programs(), &run, &AtomicBool::new(false), &(), &mut |_, _| {})
        .expect("it ran");
    assert_eq!(done("find", &[&tiny.store().to_string_lossy(), "-name", ".medic-image-*"]), "");
}
