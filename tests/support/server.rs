//! A web server on the loopback address that stops in the middle of an answer until it is told to go on.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

#[derive(Debug, Default)]
struct State {
    /// How many bytes of an answer's body are sent before it stops; none when it does not stop.
    stop_after: Option<usize>,
    /// The `Range` header of each request.
    requests: Vec<Option<String>>,
}

/// The server; it ends with the test's process.
#[derive(Debug, Clone)]
pub struct Server {
    address: String,
    body: Arc<Vec<u8>>,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Server {
    /// Serves these bytes at every path; each answer stops after so many of them.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(body: Vec<u8>, stop_after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let state = State { stop_after: Some(stop_after), ..State::default() };
        let server = Self {
            address: listener.local_addr().expect("an address").to_string(),
            body: Arc::new(body),
            state: Arc::new((Mutex::new(state), Condvar::new())),
        };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = own.clone();
                // A client that went away is what these tests are about.
                std::thread::spawn(move || drop(server.answer(stream)));
            }
        });
        server
    }

    /// The address of a file.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// From now on answers are whole, those that have begun too.
    ///
    /// # Panics
    /// When a thread of the server did.
    pub fn go_on(&self) {
        self.state.0.lock().expect("no panic").stop_after = None;
        self.state.1.notify_all();
    }

    /// The `Range` header of each request so far.
    ///
    /// # Panics
    /// When a thread of the server did.
    pub fn requests(&self) -> Vec<Option<String>> {
        self.state.0.lock().expect("no panic").requests.clone()
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let lines = BufReader::new(stream.try_clone()?).lines();
        let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let range = head.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("range").then(|| value.trim().to_owned())
        });
        let from =
            range.as_ref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let (from, length) = (from.unwrap_or(0_usize), self.body.len());
        let stop_after = {
            let mut state = self.state.0.lock().expect("no panic");
            state.requests.push(range.clone());
            state.stop_after
        };
        let status = match range {
            None => "200 OK".to_owned(),
            Some(_) => format!("206 Partial\r\nContent-Range: bytes {from}-{}/{length}", length - 1),
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            length - from
        )?;
        let stop = stop_after.map_or(length, |after| (from + after).min(length));
        stream.write_all(&self.body[from..stop])?;
        let state = self.state.0.lock().expect("no panic");
        drop(self.state.1.wait_while(state, |state| state.stop_after.is_some()).expect("no panic"));
        stream.write_all(&self.body[stop..])
    }
}
