//! Between a client and a server: of each connection so many bytes of what the client says are handed on, and then nothing any more.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What stands between; ends with the test's process.
#[derive(Debug)]
pub struct Stalling {
    address: SocketAddr,
    stalled: Arc<AtomicBool>,
}

impl Stalling {
    /// Before a server; of each connection `most` bytes come through to it.
    ///
    /// # Panics
    /// When no port is free.
    pub fn before(server: &str, most: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stalled = Arc::new(AtomicBool::new(false));
        let (server, shared) = (server.to_owned(), Arc::clone(&stalled));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else { return };
                let (Ok(back_from), Ok(back_to)) = (server.try_clone(), client.try_clone()) else { return };
                let stalled = Arc::clone(&shared);
                std::thread::spawn(move || hand_on(client, server, &stalled, most));
                std::thread::spawn(move || hand_on(back_from, back_to, &AtomicBool::new(false), u64::MAX));
            }
        });
        Self { address, stalled }
    }

    /// `127.0.0.1:<port>`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Whether nothing comes through any more on a connection.
    pub fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, stalled: &AtomicBool, most: u64) {
    let mut buffer = vec![0; 8 << 10];
    let mut through = 0;
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        if through >= most {
            // The connection stays, and says nothing.
            stalled.store(true, Ordering::Relaxed);
            continue;
        }
        through += count as u64;
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
