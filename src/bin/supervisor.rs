//! PID 1 and every service command, by the name it is called by.

use std::io::{IsTerminal, stderr, stdout};
use std::process::ExitCode;

use medic_supervisor::Heap;
use medic_supervisor::command::{Call, Terminal, run};

/// Every supervisor is a copy of init: what a copy writes to should be few pages.
#[global_allocator]
static HEAP: Heap = Heap::new();

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let environment: Vec<_> = std::env::vars_os().collect();
    let has = |name: &str| environment.iter().any(|(variable, value)| variable == name && !value.is_empty());
    // https://no-color.org
    let colour = !has("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let (mut out, mut err) = (stdout(), stderr());
    let terminal = Terminal {
        colour_out: colour && out.is_terminal(),
        colour_err: colour && err.is_terminal(),
        out: &mut out,
        err: &mut err,
    };
    ExitCode::from(run(Call { name, arguments: arguments.collect(), environment, terminal }))
}
