//! A web server on the loopback address: a thread a connection, files in memory.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Serves these files at `/0`, `/1` and so on for as long as this process lives; its address.
///
/// # Errors
/// No port is free.
pub fn serve(files: Vec<Vec<u8>>) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let files = Arc::new(files);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let files = Arc::clone(&files);
            // A client that goes away early fails its own run.
            std::thread::spawn(move || drop(answer_all(stream, &files)));
        }
    });
    Ok(address)
}

/// Answers one request after the other on a connection that is kept.
fn answer_all(mut stream: TcpStream, files: &[Vec<u8>]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while let Some(first) = lines.next().transpose()? {
        for line in lines.by_ref() {
            if line?.is_empty() {
                break;
            }
        }
        let number: Option<usize> =
            first.split(' ').nth(1).and_then(|path| path.trim_start_matches('/').parse().ok());
        match number.and_then(|number| files.get(number)) {
            Some(file) => {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len())?;
                stream.write_all(file)?;
            }
            None => write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?,
        }
    }
    Ok(())
}
