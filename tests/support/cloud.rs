//! AWS on the loopback address: moto in place of its interfaces, which verifies signatures and policies; Debian's registry behind TLS
//! under the name of one of ECR's; and a proxy that leads that name there.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ports::free_port;

/// The registry's name, which only the proxy knows.
pub const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
/// What moto's tokens say, as those of ECR do: a name and a password.
pub const LOGIN: (&str, &str) = ("AWS", "123456789012-auth-token");
/// The same as it goes over the wire.
pub const LOGIN_IN_BASE64: &str = "QVdTOjEyMzQ1Njc4OTAxMi1hdXRoLXRva2Vu";
/// How many calls set moto up: after them everybody must sign, and be allowed what they ask for.
const CALLS: &str = "8";
/// moto that verifies signatures wants one of everybody, and who has a web identity only has no keys to sign with.
const NEVER: &str = "1000000";

/// All of it; ends with the test. `R` is the registry.
#[derive(Debug)]
pub struct Cloud<R> {
    /// The registry.
    pub registry: R,
    moto: Moto,
    proxy: Proxy,
    authority: PathBuf,
    /// What was set up: `publisher` and `admin` with `id` and `secret`, and the address of a `role`.
    pub made: Value,
    _folder: tempfile::TempDir,
}

impl<R> Cloud<R> {
    /// With a user and a role that may do what the documentation says is needed, and nothing else; signatures are verified. `serve` starts
    /// the registry with a certificate and its key, wanting [`LOGIN`], and says at which port.
    ///
    /// # Panics
    /// When something cannot be started.
    pub fn start(serve: impl FnOnce(&Path, &Path) -> (R, u16)) -> Self {
        Self::with(CALLS, serve)
    }

    /// The same, without looking at signatures.
    ///
    /// # Panics
    /// When something cannot be started.
    pub fn trusting(serve: impl FnOnce(&Path, &Path) -> (R, u16)) -> Self {
        Self::with(NEVER, serve)
    }

    fn with(unsigned: &str, serve: impl FnOnce(&Path, &Path) -> (R, u16)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = certificates(folder.path());
        let (registry, port) = serve(&folder.path().join("cert.pem"), &folder.path().join("key.pem"));
        let moto = Moto::start(unsigned);
        let made = moto.ask(&["set-up", &policy()]);
        let proxy = Proxy::start(port);
        Self { registry, moto, proxy, authority, made, _folder: folder }
    }

    /// A command of the builder that finds all of it, and has no keys.
    pub fn lead(&self, command: &mut Command) {
        command
            .env("AWS_ENDPOINT_URL", &self.moto.url)
            .env("https_proxy", &self.proxy.url)
            .env("SSL_CERT_FILE", &self.authority);
    }

    /// As one who may do everything sees a repository.
    ///
    /// # Panics
    /// When moto does not know it.
    pub fn repository(&self, name: &str) -> Value {
        let key = |what: &str| self.made["admin"][what].as_str().expect("a key");
        self.moto.ask(&["repository", key("id"), key("secret"), name])
    }

    /// The hosts that the proxy was asked for.
    ///
    /// # Panics
    /// When a thread of the proxy has panicked.
    pub fn hosts(&self) -> Vec<String> {
        self.proxy.hosts.lock().expect("no panic").clone()
    }
}

/// The least policy that docs/registries.md says is needed, but for all repositories: moto does not know which one a call is about.
fn policy() -> String {
    let page = include_str!("../../docs/registries.md");
    let mut blocks = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let policy =
        blocks.find(|block| block.contains("ecr:GetAuthorizationToken")).expect("the page has a policy");
    let mut policy: Value = serde_json::from_str(policy).expect("a policy is JSON");
    for statement in policy["Statement"].as_array_mut().expect("statements") {
        statement["Resource"] = "*".into();
    }
    policy.to_string()
}

/// An authority of our own, and a certificate for the registry's name.
fn certificates(folder: &Path) -> PathBuf {
    let openssl = |args: &[&str]| {
        let run = Command::new("openssl").args(args).current_dir(folder).output();
        let run = run.expect("openssl, which .ci/setup --tests installs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    let new =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    openssl(&[&new[..], &["-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"]].concat());
    let names = format!("subjectAltName=DNS:{HOST}");
    let server = ["-CA", "ca.pem", "-CAkey", "ca.key", "-subj", "/CN=server", "-addext", &names];
    let rest = ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"];
    openssl(&[&new[..], &server, &rest].concat());
    folder.join("ca.pem")
}

#[derive(Debug)]
struct Moto {
    child: Child,
    url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Python with the tools that `.ci/setup --tests` installed.
fn python() -> Command {
    // Of the package of these tests, or of the one above it.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.ancestors().find(|folder| folder.join("Cargo.lock").exists()).unwrap_or(package);
    let tools = workspace.join("target/test-tools/moto");
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        read(tools.join("requirements.txt")),
        read(workspace.join("tests/support/requirements-aws.txt")),
        "the tools in {} are not those wanted: run .ci/setup --tests",
        tools.display()
    );
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", tools).current_dir(workspace);
    command
}

impl Moto {
    fn start(unsigned: &str) -> Self {
        let port = free_port();
        let child = python()
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .env("INITIAL_NO_AUTH_ACTION_COUNT", unsigned)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 runs");
        let begin = Instant::now();
        let moto = Self { child, url: format!("http://127.0.0.1:{port}") };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(60), "moto does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }

    fn ask(&self, args: &[&str]) -> Value {
        let run =
            python().args(["tests/support/moto.py", &self.url]).args(args).output().expect("python3 runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        serde_json::from_slice(&run.stdout).expect("moto.py answers in JSON")
    }
}

/// A proxy that knows one host.
#[derive(Debug)]
struct Proxy {
    url: String,
    hosts: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let hosts = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&hosts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                // A client that went away ends its own connection only.
                std::thread::spawn(move || drop(tunnel(&stream, port, &kept)));
            }
        });
        Self { url, hosts }
    }
}

fn tunnel(mut client: &TcpStream, port: u16, hosts: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(client).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let wanted = first.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    hosts.lock().expect("no panic").push(wanted.to_owned());
    if wanted != format!("{HOST}:443") {
        return client.write_all(b"HTTP/1.1 502 Unknown\r\nContent-Length: 0\r\n\r\n");
    }
    let server = TcpStream::connect(("127.0.0.1", port))?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    std::io::copy(&mut &server, &mut client)?;
    client.shutdown(std::net::Shutdown::Write)
}
