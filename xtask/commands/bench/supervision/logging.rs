//! Lines of a service on their way to its log.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::figure::{Figure, Row, Target};
use super::super::measure::BenchError;
use super::Bench;
use super::peer::{Kind, Register, Services, start};

/// The same lines by ours and by s6-log, both with time stamps and the same rotation.
pub fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, BenchError> {
    let size = bench.many(300_000_000, 20_000_000);
    let lines = bench.scratch.join("lines");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&lines).map_err(BenchError::file(&lines))?);
    let (mut written, mut number) = (0, 0_u64);
    while written < size {
        let line = format!(
            "{number:09} 127.0.0.1 - GET /some/page/{} HTTP/1.1 200 {}\n",
            number % 977,
            number % 65_521
        );
        file.write_all(line.as_bytes()).map_err(BenchError::file(&lines))?;
        written += line.len();
        number += 1;
    }
    file.flush().map_err(BenchError::file(&lines))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bench.many(3, 1) {
        ours.push(by_ours(bench, &lines)?);
        theirs.push(by_s6(bench, &lines)?);
    }
    Ok(vec![Row {
        case: format!("{} of lines to the log", medic_model::ByteSize(size as u64)),
        ours: Figure::seconds(ours),
        peer: Some(("s6-log".to_owned(), Figure::seconds(theirs))),
        target: Target::Ratio(1.0),
    }])
}

/// The service enters itself before and after: a pipe's worth of lines may be on its way still, for either.
fn by_ours(bench: &Bench<'_>, lines: &std::path::Path) -> Result<Duration, BenchError> {
    let register = Register::new(bench.scratch.join("register"))?;
    let entry = register.entry();
    let script = format!("{entry}; cat {}; {entry}; exec sleep 1000000", lines.display());
    let definition = "\"log\":{\"container\":false}";
    let services = Services { count: 1, script: &script, logged: true, definition };
    let running = start(Kind::Medic, &bench.program, &bench.folder(Kind::Medic)?, services, None)?;
    let (_, begin) = register.next()?;
    let (_, end) = register.next()?;
    running.stop()?;
    Ok(end.duration_since(begin))
}

fn by_s6(bench: &Bench<'_>, lines: &std::path::Path) -> Result<Duration, BenchError> {
    let folder = bench.folder(Kind::S6)?;
    let begin = Instant::now();
    let script = format!("cat {} | s6-log T n4 s1000000 {}", lines.display(), folder.join("main").display());
    let status = Command::new("sh").arg("-c").arg(script).stdin(Stdio::null()).status();
    let status = status.map_err(BenchError::file(&folder))?;
    if !status.success() {
        return Err(BenchError::Failed { what: "s6-log".to_owned(), message: status.to_string() });
    }
    Ok(begin.elapsed())
}
