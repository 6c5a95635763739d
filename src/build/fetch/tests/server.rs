//! A small HTTP/1.1 server on the loopback address that can do everything wrong.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Does {
    /// Answers as it should, ranges included.
    Serve,
    /// Ignores ranges.
    ServeWhole,
    /// Sends other bytes, ranges included.
    Other(Vec<u8>),
    /// Says the whole length, sends so many bytes, and closes.
    Truncate(usize),
    /// Sends so many bytes, then nothing.
    Stall(usize),
    /// Sends so many bytes, then resets the connection.
    Reset(usize),
    /// Answers with this status and these header lines.
    Status(u16, &'static str),
    /// Redirects.
    Redirect(String),
    /// Answers a range request with another range.
    OtherRange,
    /// Sends without end, without saying a length.
    Endless,
    /// Sends this page.
    Page(String),
}

/// A request that came: path and `Range` header.
pub type Request = (String, Option<String>);

#[derive(Debug, Default)]
struct State {
    files: HashMap<String, (Vec<u8>, Vec<Does>)>,
    requests: Vec<Request>,
}

/// The server; its thread ends with the test's process.
#[derive(Debug, Clone)]
pub struct Server {
    address: String,
    state: Arc<Mutex<State>>,
    busy: Arc<AtomicUsize>,
    busiest: Arc<AtomicUsize>,
    delay: Arc<Mutex<Duration>>,
    overrun: Arc<Mutex<Option<Instant>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let server = Self {
            address: listener.local_addr().expect("an address").to_string(),
            state: Arc::default(),
            busy: Arc::default(),
            busiest: Arc::default(),
            delay: Arc::default(),
            overrun: Arc::default(),
        };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = own.clone();
                std::thread::spawn(move || server.serve(stream));
            }
        });
        server
    }

    /// Puts a file at a path, and says what is done with the first requests for it; the last of that is repeated.
    pub fn put(&self, path: &str, bytes: &[u8], does: impl IntoIterator<Item = Does>) -> String {
        let does = does.into_iter().collect();
        self.state.lock().expect("no panic").files.insert(path.to_owned(), (bytes.to_vec(), does));
        self.url(path)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().expect("no panic").requests.clone()
    }

    pub fn set_delay(&self, delay: Duration) {
        *self.delay.lock().expect("no panic") = delay;
    }

    /// For so long every request is answered by 429 and `Retry-After: 1`.
    pub fn set_overrun(&self, duration: Duration) {
        *self.overrun.lock().expect("no panic") = Some(Instant::now() + duration);
    }

    /// The most requests that were being answered at one time.
    pub fn busiest(&self) -> usize {
        self.busiest.load(Ordering::SeqCst)
    }

    fn serve(&self, stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
        let first = match lines.next() {
            Some(Ok(line)) => line,
            _ => return,
        };
        let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
        let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let range = headers.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("range").then(|| value.trim().to_owned())
        });
        self.busiest.fetch_max(self.busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let (bytes, mut does) = self.next(&path, range.clone());
        if self.overrun.lock().expect("no panic").is_some_and(|until| Instant::now() < until) {
            does = Does::Status(429, "Retry-After: 1\r\n");
        }
        std::thread::sleep(*self.delay.lock().expect("no panic"));
        // The client may be gone: that is what some tests are about.
        let _ = answer(stream, &bytes, does, range.as_deref());
        self.busy.fetch_sub(1, Ordering::SeqCst);
    }

    fn next(&self, path: &str, range: Option<String>) -> (Vec<u8>, Does) {
        let mut state = self.state.lock().expect("no panic");
        state.requests.push((path.to_owned(), range));
        match state.files.get_mut(path) {
            None => (Vec::new(), Does::Status(404, "")),
            Some((bytes, does)) => {
                let next = if does.len() > 1 { does.remove(0) } else { does[0].clone() };
                (bytes.clone(), next)
            }
        }
    }
}

fn answer(mut to: TcpStream, bytes: &[u8], does: Does, range: Option<&str>) -> std::io::Result<()> {
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    match does {
        Does::Serve => send_range(&mut to, bytes, from),
        Does::Other(other) => send_range(&mut to, &other, from),
        Does::ServeWhole => send_range(&mut to, bytes, None),
        Does::Truncate(count) => begin(&mut to, bytes, count),
        Does::Stall(count) => {
            begin(&mut to, bytes, count)?;
            std::thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        Does::Reset(count) => {
            begin(&mut to, bytes, count)?;
            std::thread::sleep(Duration::from_millis(30));
            rustix::net::sockopt::set_socket_linger(&to, Some(Duration::ZERO))?;
            Ok(())
        }
        Does::Status(status, headers) => {
            write!(to, "HTTP/1.1 {status} x\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Does::Redirect(url) => {
            write!(to, "HTTP/1.1 302 x\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Does::OtherRange => {
            let length = bytes.len();
            write!(
                to,
                "HTTP/1.1 206 x\r\nContent-Range: bytes 0-{}/{length}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
                length - 1
            )?;
            to.write_all(bytes)
        }
        Does::Endless => {
            write!(to, "HTTP/1.1 200 x\r\nConnection: close\r\n\r\n")?;
            loop {
                to.write_all(&[0; 65_536])?;
            }
        }
        Does::Page(page) => {
            write!(to, "HTTP/1.1 200 x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}", page.len())
        }
    }
}

fn send_range(to: &mut TcpStream, bytes: &[u8], from: Option<usize>) -> std::io::Result<()> {
    let length = bytes.len();
    match from {
        None => {
            write!(to, "HTTP/1.1 200 x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
            to.write_all(bytes)
        }
        Some(from) if from < length => {
            write!(
                to,
                "HTTP/1.1 206 x\r\nContent-Range: bytes {from}-{}/{length}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                length - 1,
                length - from
            )?;
            to.write_all(&bytes[from..])
        }
        Some(_) => write!(
            to,
            "HTTP/1.1 416 x\r\nContent-Range: bytes */{length}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
    }
}

fn begin(to: &mut TcpStream, bytes: &[u8], count: usize) -> std::io::Result<()> {
    write!(to, "HTTP/1.1 200 x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len())?;
    to.write_all(&bytes[..count])?;
    to.flush()
}
