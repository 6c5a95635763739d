//! `pkg`, the package manager; `certificate` and the legacy commands by the name it is called by.

use std::io::{BufWriter, IsTerminal, Write, stderr, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use medic_pkg::Network;
use medic_pkg::command::{Screen, World, run};

/// Where the package ca-certificates, and most systems, have the certificates of the authorities that are trusted.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

fn main() -> ExitCode {
    let mut out = BufWriter::new(stdout().lock());
    let mut ask = ask;
    let is_terminal = stdin().is_terminal() && stderr().is_terminal();
    let world = World {
        out: &mut out,
        err: Screen::new(Box::new(stderr()), clock()),
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

/// A clock to draw by, where standard error is a terminal on which a line can be drawn anew.
fn clock() -> Option<fn() -> u64> {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let can_draw = stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    can_draw.then_some(|| u64::try_from(BEGUN.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn network() -> Network {
    let variable = |name: &str| std::env::var(name).ok();
    let logins = variable("DOCKER_CONFIG").filter(|folder| !folder.is_empty());
    Network {
        logins: logins.map(|folder| PathBuf::from(folder).join("config.json")),
        ..Network::of_variables(&variable, AUTHORITIES.as_ref())
    }
}

fn ask(question: &str) -> bool {
    let mut answer = String::new();
    let asked = write!(stderr(), "{question} [y/N] ").and_then(|()| stdin().read_line(&mut answer));
    asked.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
