//! When a service counts as ready, and as alive.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Image, SLEEPS};

#[test]
fn a_newline_on_a_descriptor_tells() {
    let script = "sleep 0.4; echo >&7; exec sleep 100000";
    let machine = Image::new()
        .service("p", "s", script, json!({"readiness": {"fd": 7}}))
        .service("p", "after", SLEEPS, json!({"after": ["s"]}))
        .start();
    machine.wait_for("it is starting", |m| (m.shown("p", "s").status == "Starting").then_some(()));
    assert_eq!(machine.shown("p", "after").status, "Waiting");
    machine.wait_up("p", "after", 0);
    assert_eq!(machine.shown("p", "s").status, "Up");
    // Again for the next process; what the first one told does not count.
    let before = machine.shown("p", "s");
    machine.call("svc-restart", &["p", "s"]).ends_with(0);
    let after = machine.shown("p", "s");
    assert!(after.status == "Up" && after.pid != before.pid);
}

#[test]
fn a_port_a_page_and_a_command_tell() {
    // The ports are served from here: what counts is how the supervisor asks.
    let tcp = TcpListener::bind("127.0.0.1:0").expect("bound");
    let http = TcpListener::bind("127.0.0.1:0").expect("bound");
    let (tcp_at, http_at) = (tcp.local_addr().expect("bound"), http.local_addr().expect("bound"));
    drop(http);
    let image = Image::new();
    image.script("srv/scripts/p/is-ready", "test -e $PACKAGE_ROOT/ready");
    let command = image.root().join("srv/scripts/p/is-ready").display().to_string();
    let machine = image
        .service("p", "tcp", SLEEPS, json!({"readiness": {"tcp": tcp_at.to_string()}}))
        .service("p", "http", SLEEPS, json!({"readiness": {"http": format!("http://{http_at}/status")}}))
        .service("p", "exec", SLEEPS, json!({"readiness": {"exec": [command]}}))
        .start();
    machine.wait_up("p", "tcp", 0);
    assert_eq!(machine.shown("p", "http").status, "Starting");
    assert_eq!(machine.shown("p", "exec").status, "Starting");
    machine.call("supervisor-inspect", &["--health"]).ends_with(1);
    std::fs::write(machine.root().join("srv/ready"), "").expect("written");
    machine.wait_up("p", "exec", 0);
    let http = TcpListener::bind(http_at).expect("bound again");
    std::thread::spawn(move || {
        for status in ["503 Not yet", "200 OK"] {
            use std::io::{Read, Write};
            let (mut stream, _) = http.accept().expect("asked");
            let mut request = [0; 512];
            let count = stream.read(&mut request).expect("read");
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            assert!(request.starts_with("GET /status HTTP/1.1\r\n"), "{request}");
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes());
        }
    });
    machine.wait_up("p", "http", 0);
    machine
        .wait_for("it is healthy", |m| (m.call("supervisor-inspect", &["--health"]).code == 0).then_some(()));
}

#[test]
fn one_that_is_late_is_named_fails_the_health_and_is_not_killed() {
    let machine = Image::new()
        .service("p", "slow", SLEEPS, json!({"readiness": {"exec": ["/bin/false"], "timeout": "300ms"}}))
        .service("p", "waits", SLEEPS, json!({"after": ["slow"]}))
        .service("p", "free", SLEEPS, json!({}))
        .boot();
    let stderr = machine.stderr();
    assert!(stderr.contains("Warning: Service 'p/slow' is not ready in time"), "{stderr}");
    assert!(stderr.contains("Warning: Service 'p/waits' waits for a service that is not ready"), "{stderr}");
    assert!(stderr.contains("Warning: System started, but not every service is up"), "{stderr}");
    let shown = machine.shown("p", "slow");
    assert_eq!((shown.status.as_str(), shown.pid != 0), ("Failure", true));
    assert_eq!(
        (machine.shown("p", "waits").status.as_str(), machine.shown("p", "free").status.as_str()),
        ("Waiting", "Up")
    );
    let health = machine.call("supervisor-inspect", &["--health"]).ends_with(1);
    assert!(
        health.out.contains("p/slow (Failure)") && health.out.contains("p/waits (Waiting)"),
        "{health:?}"
    );
    machine.call("svc-restart", &["p", "slow"]).ends_with(1).says("was not ready within 1 s");
    // Whoever starts it by hand need not wait.
    machine.call("svc-up", &["p", "waits"]).ends_with(0);
    assert_eq!(machine.shown("p", "waits").status, "Up");
}

#[test]
fn one_that_no_longer_answers_is_started_again() {
    let image = Image::new();
    image.script("srv/scripts/p/alive", "test ! -e $PACKAGE_ROOT/hangs");
    let command = image.root().join("srv/scripts/p/alive").display().to_string();
    let liveness = json!({"liveness": {"exec": [command], "interval": "50ms", "failures": 3}});
    let machine = image.service("p", "s", SLEEPS, liveness).boot();
    let before = machine.shown("p", "s");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(machine.shown("p", "s"), before);
    std::fs::write(machine.root().join("srv/hangs"), "").expect("written");
    machine.wait_for("it is another process", |m| (m.shown("p", "s").restarts > 0).then_some(()));
    std::fs::remove_file(machine.root().join("srv/hangs")).expect("removed");
    machine.wait_up("p", "s", before.pid);
    assert!(machine.log("p", "s").contains("did not answer 3 times in a row"));
}
