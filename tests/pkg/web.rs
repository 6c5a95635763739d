//! A web server for a folder, which can be told to behave badly.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What it does with the next requests for names that hold a text.
#[derive(Debug, Clone)]
pub enum Trick {
    /// Ends the connection after so many bytes of the body.
    CutAfter(usize),
    /// Answers with this status.
    Status(u16),
    /// Sends elsewhere.
    Redirect(String),
    /// Wants to know who asks, by this challenge.
    Challenge(String),
    /// Sends other bytes, as many as there should be.
    OtherBytes,
    /// Sends more bytes than there should be.
    MoreBytes,
}

#[derive(Debug, Default)]
struct State {
    tricks: Vec<(String, usize, Trick)>,
    requests: Vec<String>,
    ignores_ranges: bool,
}

/// The server; ends with the test.
pub struct Web {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Web {
    pub fn serve(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, state) = (folder.clone(), Arc::clone(&shared));
                // A client that goes away in the middle is no fault of the server's.
                std::thread::spawn(move || drop(answer(&stream, &folder, &state)));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Plays a trick on the next `times` requests for a name that holds `part`.
    pub fn play(&self, part: &str, times: usize, trick: Trick) {
        self.state.lock().expect("not poisoned").tricks.push((part.to_owned(), times, trick));
    }

    pub fn ignore_ranges(&self) {
        self.state.lock().expect("not poisoned").ignores_ranges = true;
    }

    /// The requests since the last call for names that hold `part`: the name, whether it was told who asks, and the range if one was
    /// asked for.
    pub fn requests(&self, part: &str) -> Vec<String> {
        let all = std::mem::take(&mut self.state.lock().expect("not poisoned").requests);
        all.into_iter().filter(|request| request.contains(part)).collect()
    }
}

fn answer(stream: &TcpStream, folder: &std::path::Path, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
    let (mut from, mut who) = (None, "");
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse::<usize>().ok();
        }
        if line.starts_with("authorization:") {
            who = " with authorization";
        }
    }
    let (trick, ignores_ranges) = {
        let mut state = state.lock().expect("not poisoned");
        let range = from.map_or_else(String::new, |from| format!(" from {from}"));
        state.requests.push(format!("{path}{who}{range}"));
        let found =
            state.tricks.iter_mut().find(|(part, times, _)| *times > 0 && path.contains(part.as_str()));
        let trick = found.map(|(_, times, trick)| {
            *times -= 1;
            trick.clone()
        });
        (trick, state.ignores_ranges)
    };
    let mut stream = stream;
    match &trick {
        Some(Trick::Status(status)) => {
            return write!(
                stream,
                "HTTP/1.1 {status} Trick\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        Some(Trick::Redirect(to)) => {
            return write!(
                stream,
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        Some(Trick::Challenge(how)) => {
            return write!(
                stream,
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {how}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        _ => {}
    }
    let Ok(mut bytes) = fs::read(folder.join(&path)) else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    match trick {
        Some(Trick::OtherBytes) => bytes.iter_mut().for_each(|byte| *byte ^= 1),
        Some(Trick::MoreBytes) => bytes.extend_from_slice(b"more"),
        _ => {}
    }
    let from = from.filter(|_| !ignores_ranges).unwrap_or(0).min(bytes.len());
    let body = &bytes[from..];
    let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n")?;
    if from > 0 {
        write!(stream, "Content-Range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len())?;
    }
    write!(stream, "\r\n")?;
    let sent = if let Some(Trick::CutAfter(count)) = trick { count.min(length) } else { length };
    stream.write_all(&body[..sent])
}
