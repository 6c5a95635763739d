//! Running something that serves, and seeing that it does.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use medic_image::RunError;
use medic_image::run::{Publish, Stream};

use crate::support::note;

pub fn publish(port: u16) -> Publish {
    Publish { host: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), inside: "80/tcp".parse().expect("a port") }
}

/// The body of `http://127.0.0.1:port/`, once it answers.
pub fn get(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

#[track_caller]
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
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
pub struct Output(pub Arc<Mutex<String>>);

impl Output {
    pub fn add(&self, bytes: &[u8]) {
        self.0.lock().expect("whole").push_str(&String::from_utf8_lossy(bytes));
    }
    pub fn text(&self) -> String {
        self.0.lock().expect("whole").clone()
    }
}

/// Sets the flag when a test is over, however it ends.
pub struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs, sees that it serves, stops, and sees that it has stopped.
pub fn serves_and_stops(
    port: u16,
    run: impl FnOnce(&AtomicBool, &mut dyn FnMut(Stream, &[u8])) -> Result<i32, RunError> + Send,
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
