//! `medic-core`: backups of what medic-core's databases hold.

use std::io::{BufWriter, IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use medic_care::command::{World, run};

fn main() -> ExitCode {
    let mut out = BufWriter::new(stdout().lock());
    let world = World {
        input: &mut stdin().lock(),
        out: &mut out,
        err: &mut stderr().lock(),
        now: || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        is_terminal: stdout().is_terminal(),
    };
    let code = run(std::env::args_os().collect(), world);
    let flushed = out.flush();
    ExitCode::from(if code == 0 && flushed.is_err() { 7 } else { code })
}
