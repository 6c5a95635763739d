//! Requests read and answers written, byte by byte where a fault wants that.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A request, whole.
#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    /// Without what follows a question mark.
    pub path: String,
    pub query: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Bytes of all of it.
    pub length: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// A value of the query.
    pub fn value(&self, name: &str) -> Option<String> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.replace("%3A", ":"))
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn of(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A refusal in a registry's form.
    pub fn refusal(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Self { body: body.to_string().into_bytes(), ..Self::of(status) }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn bytes(&self, method: &str) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        if method != "HEAD" {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// The beginning of a request: its head, and what came of its body with it.
pub struct Head {
    pub request: Request,
    expected: usize,
    read: usize,
}

/// Reads a head; none when the client has gone.
pub fn read_head(stream: &mut TcpStream) -> io::Result<Option<Head>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    };
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: bytes[end..].to_vec(),
        length: end,
    };
    let expected = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    Ok(Some(Head { request, expected, read: bytes.len() }))
}

impl Head {
    /// Reads on until so many bytes of the request have come, or all of it; says whether it is whole.
    pub fn read_until(&mut self, stream: &mut TcpStream, most: usize) -> io::Result<bool> {
        let whole = self.request.length + self.expected;
        let wanted = whole.min(most);
        while self.read < wanted {
            let mut buffer = vec![0; (wanted - self.read).min(64 << 10)];
            match stream.read(&mut buffer)? {
                0 => return Ok(false),
                count => {
                    self.read += count;
                    self.request.body.extend_from_slice(&buffer[..count]);
                }
            }
        }
        Ok(most >= whole)
    }

    pub fn finish(mut self) -> Request {
        self.request.length += self.expected;
        self.request
    }
}

/// Ends a connection with a reset.
pub fn reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

/// Writes the first bytes of an answer.
pub fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)
}
