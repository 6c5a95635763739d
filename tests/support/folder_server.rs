//! A web server of a folder, which lists folders: Python's own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The server; it ends when dropped.
#[derive(Debug)]
pub struct FolderServer {
    child: Child,
    address: String,
}

impl FolderServer {
    /// Serves a folder on a free port of the loopback address.
    ///
    /// # Panics
    /// When Python cannot be started.
    pub fn of(folder: &Path) -> Self {
        let mut child = Command::new("python3")
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts (is .ci/setup --tests done?)");
        // Serving HTTP on 127.0.0.1 port 40123 (http://127.0.0.1:40123/) ...
        let said = child.stdout.take().map(BufReader::new).and_then(|out| out.lines().next());
        let said = said.and_then(Result::ok).unwrap_or_default();
        let port = said.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        assert!(port.parse::<u16>().is_ok(), "the server says '{said}'");
        Self { child, address: format!("127.0.0.1:{port}") }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

impl Drop for FolderServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
