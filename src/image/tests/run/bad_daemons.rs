//! Daemons that are absent, too old, or die.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use medic_image::{Connection, Docker, DockerError};

use crate::support::Tiny;
use crate::support::ports::free_port;

pub fn no_daemon_is_said_in_words() {
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
    for (host, said) in [("ssh://somewhere", "ssh -NL"), ("floppy", "unix:///PATH"), ("", "unix:///PATH")] {
        let error = Docker::connect(Some(host)).expect_err("refused").to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// A daemon of this test's own that answers the first question, and then what the test says.
pub fn false_daemon(api: &'static str, then: fn(TcpStream)) -> String {
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

pub fn a_daemon_that_dies_is_said() {
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

pub fn an_old_daemon_is_refused() {
    let host = false_daemon("1.39", drop);
    let error = Docker::connect(Some(&host)).expect_err("too old");
    assert!(matches!(error, DockerError::TooOld { .. }), "{error}");
    assert!(error.to_string().contains("1.39"), "{error}");
}
