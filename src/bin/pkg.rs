//! `pkg`, the package manager; `certificate` and the legacy commands by the name it is called by.

use std::io::{BufWriter, IsTerminal, Write, stderr, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use medic_pkg::Network;
use medic_pkg::command::{World, run};

/// Where the package ca-certificates, and most systems, have the certificates of the authorities that are trusted.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

fn main() -> ExitCode {
    let mut out = BufWriter::new(stdout().lock());
    let mut err = stderr();
    let mut ask = ask;
    let is_terminal = stdin().is_terminal() && stderr().is_terminal();
    let world = World {
        out: &mut out,
        err: &mut err,
        ask: if is_terminal { Some(&mut ask) } else { None },
        now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        network: network(),
        pid: std::process::id(),
        threads: || std::thread::available_parallelism().map_or(1, usize::from),
    };
    let code = run(std::env::args_os().collect(), world);
    let flushed = out.flush();
    ExitCode::from(if code == 0 && flushed.is_err() { 1 } else { code })
}

/// As curl and OpenSSL have it from the environment; capitals count for less, and for `http` they do not count at all (a web
/// server's program may be made to think that `HTTP_PROXY` is a header of a request: CVE-2016-5385).
fn network() -> Network {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let either = |small: &str, large: &str| variable(small).or_else(|| variable(large));
    let authorities = variable("SSL_CERT_FILE").unwrap_or_else(|| AUTHORITIES.to_owned());
    let all = either("all_proxy", "ALL_PROXY");
    let no_proxy = either("no_proxy", "NO_PROXY").unwrap_or_default();
    Network {
        authorities: authorities.into(),
        http_proxy: variable("http_proxy").or_else(|| all.clone()),
        https_proxy: either("https_proxy", "HTTPS_PROXY").or(all),
        no_proxy: no_proxy.split(',').map(|entry| entry.trim().to_owned()).collect(),
        logins: variable("DOCKER_CONFIG").map(|folder| PathBuf::from(folder).join("config.json")),
    }
}

fn ask(question: &str) -> bool {
    let mut answer = String::new();
    let asked = write!(stderr(), "{question} [y/N] ").and_then(|()| stdin().read_line(&mut answer));
    asked.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
