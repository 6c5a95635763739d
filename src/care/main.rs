//! `medic-core`: backups of what medic-core's databases hold.

use std::io::{BufWriter, IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use medic_care::command::{World, run};

fn main() -> ExitCode {
    let mut out = BufWriter::new(stdout().lock());
    let world = World {
        input: &mut stdin().lock(),
        out: &mut out,
        err: &mut stderr().lock(),
        now: || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        clock: clock(),
        is_terminal: stdout().is_terminal(),
    };
    let code = run(std::env::args_os().collect(), world);
    let flushed = out.flush();
    ExitCode::from(if code == 0 && flushed.is_err() { 7 } else { code })
}

/// A clock to draw by, where standard error is a terminal on which a line can be drawn anew.
fn clock() -> Option<fn() -> u64> {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let can_draw = stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    can_draw.then_some(|| u64::try_from(BEGUN.elapsed().as_millis()).unwrap_or(u64::MAX))
}
