//! Between a client and a server: what the client says is handed on until so many bytes of it are through, and then nothing any more.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What stands between; ends with the test's process.
#[derive(Debug)]
pub struct Stalling {
    address: SocketAddr,
    through: Arc<AtomicU64>,
    most: u64,
}

impl Stalling {
    /// Before a server; `most` bytes of all that its clients say come through.
    ///
    /// # Panics
    /// When no port is free.
    pub fn before(server: &str, most: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let through = Arc::new(AtomicU64::new(0));
        let (server, shared) = (server.to_owned(), Arc::clone(&through));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else { return };
                let (Ok(back_from), Ok(back_to)) = (server.try_clone(), client.try_clone()) else { return };
                let through = Arc::clone(&shared);
                std::thread::spawn(move || hand_on(client, server, &through, most));
                std::thread::spawn(move || hand_on(back_from, back_to, &AtomicU64::new(0), u64::MAX));
            }
        });
        Self { address, through, most }
    }

    /// `127.0.0.1:<port>`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Whether nothing comes through any more.
    pub fn is_stalled(&self) -> bool {
        self.through.load(Ordering::Relaxed) >= self.most
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, through: &AtomicU64, most: u64) {
    let mut buffer = vec![0; 8 << 10];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        let before = through.fetch_add(count as u64, Ordering::Relaxed);
        if before >= most {
            // The connection stays, and says nothing.
            continue;
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
