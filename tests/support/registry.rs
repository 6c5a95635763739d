//! A real registry, Debian's docker-registry, in a folder of its own.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::ports::free_port;

/// The name and the password that a guarded registry wants.
pub const LOGIN: (&str, &str) = ("medic", "open sesame");
/// The same as a docker configuration has it.
pub const LOGIN_IN_BASE64: &str = "bWVkaWM6b3BlbiBzZXNhbWU=";

/// How a registry is set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup<'a> {
    /// The name and the password that it wants.
    pub login: Option<(&'a str, &'a str)>,
    /// It speaks TLS, with a certificate of its own for `localhost` and 127.0.0.1.
    pub has_tls: bool,
    /// It speaks TLS, with this certificate and its key.
    pub certificate: Option<(&'a Path, &'a Path)>,
}

/// The registry; ends when it is dropped. Its folder stays.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn output(program: &str, arguments: &[&str]) -> Vec<u8> {
    let run = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let run = run.unwrap_or_else(|error| panic!("{program}, which .ci/setup --tests installs: {error}"));
    assert!(run.status.success(), "{program}: {}", String::from_utf8_lossy(&run.stderr));
    run.stdout
}

impl Registry {
    /// Starts one that keeps everything in `folder`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(folder: &Path, setup: Setup<'_>) -> Self {
        fs::create_dir_all(folder).expect("writable");
        let port = free_port();
        let shown = |name: &str| folder.join(name).display().to_string();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\nhttp:\n  addr: '127.0.0.1:{port}'\n",
            shown("storage")
        );
        if setup.has_tls {
            let (key, certificate) = (shown("server.key"), shown("server.crt"));
            let new = [
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ];
            let who = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
            let what =
                ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key, "-out", &certificate];
            output("openssl", &[&new[..], &who, &what].concat());
        }
        let own = (folder.join("server.crt"), folder.join("server.key"));
        let own = setup.has_tls.then_some((own.0.as_path(), own.1.as_path()));
        if let Some((certificate, key)) = setup.certificate.or(own) {
            let (certificate, key) = (certificate.display(), key.display());
            config.push_str(&format!("  tls: {{certificate: '{certificate}', key: '{key}'}}\n"));
        }
        if let Some((name, password)) = setup.login {
            fs::write(folder.join("users"), output("htpasswd", &["-Bbn", name, password])).expect("written");
            config.push_str(&format!("auth: {{htpasswd: {{realm: test, path: '{}'}}}}\n", shown("users")));
        }
        let file = folder.join("config.yml");
        fs::write(&file, config).expect("written");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).expect("a log"))
            .spawn()
            .expect("docker-registry, which .ci/setup --tests installs");
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(begin.elapsed() < Duration::from_secs(30), "it does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port, folder: folder.to_owned() }
    }

    /// `127.0.0.1:<port>`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its certificate, where it speaks TLS with one of its own.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("server.crt")
    }

    /// Where it keeps blobs: below, `ab/ab12…/data`.
    pub fn blobs(&self) -> PathBuf {
        self.folder.join("storage/docker/registry/v2/blobs/sha256")
    }

    /// The file of a blob.
    pub fn blob(&self, digest: &str) -> PathBuf {
        self.blobs().join(&digest[..2]).join(digest).join("data")
    }

    /// The file that says which manifest a tag leads to.
    pub fn tag(&self, name: &str, tag: &str) -> PathBuf {
        let below =
            format!("storage/docker/registry/v2/repositories/{name}/_manifests/tags/{tag}/current/link");
        self.folder.join(below)
    }

    /// The tags of a repository; none where there is no such repository.
    pub fn tags(&self, name: &str) -> Vec<String> {
        let tags = self.tag(name, "x");
        let names = tags.ancestors().nth(3).and_then(|folder| fs::read_dir(folder).ok());
        let names = names.into_iter().flatten().flatten().map(|entry| entry.file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}
