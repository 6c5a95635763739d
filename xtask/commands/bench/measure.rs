//! Measuring: a process's time from its start to its end, and the most memory it had.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::figure::Figure;

/// How often a process's memory is looked at. The kernel itself keeps the most it ever was.
const LOOK: Duration = Duration::from_millis(5);

/// Why a benchmark cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A program it is compared with is not there.
    #[error(
        "'{program}' is not installed: the builder is compared with it. On Debian or Ubuntu: sudo apt-get install {package}"
    )]
    Missing {
        /// The program.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// Something that is measured failed.
    #[error("{what} failed: {message}")]
    Failed {
        /// What was run.
        what: String,
        /// How it ended, and what it said last.
        message: String,
    },
    /// A file of the benchmark.
    #[error("cannot use '{path}': {source}")]
    File {
        /// The file.
        path: String,
        /// What the kernel said.
        source: std::io::Error,
    },
}

impl BenchError {
    /// For `map_err`.
    pub fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::File { path: path.display().to_string(), source }
    }
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// How long it took.
    pub time: Duration,
    /// The most bytes of memory that it had at one time.
    pub peak: u64,
}

/// Several runs of one thing.
#[derive(Debug, Clone, Default)]
pub struct Series(Vec<Sample>);

impl Series {
    /// Adds a run.
    pub fn push(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    /// Their times.
    pub fn time(&self) -> Figure {
        Figure::seconds(self.0.iter().map(|sample| sample.time))
    }

    /// Their memory.
    pub fn peak(&self) -> Figure {
        Figure::bytes(self.0.iter().map(|sample| sample.peak))
    }
}

/// Times a piece of work in this process.
pub fn time<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<Sample, E> {
    let start = Instant::now();
    work()?;
    Ok(Sample { time: start.elapsed(), peak: 0 })
}

/// Runs a program to its end; what it writes to standard output is thrown away.
///
/// # Errors
/// It is not there, or it fails.
pub fn run(command: &mut Command) -> Result<Sample, BenchError> {
    let start = Instant::now();
    let child = spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()))?;
    let (pid, over, peak) = (child.id(), AtomicBool::new(false), AtomicU64::new(0));
    let (output, time) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(high_water(pid), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        });
        let output = child.wait_with_output();
        let time = start.elapsed();
        over.store(true, Ordering::Relaxed);
        (output, time)
    });
    let output = output.map_err(|error| failed(command, &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        return Err(failed(command, &format!("{}: {}", output.status, last.join(" | "))));
    }
    Ok(Sample { time, peak: peak.into_inner() })
}

/// Runs two programs to their ends, the first one's output being the other's input; the memory is the second one's.
///
/// # Errors
/// One is not there, or fails.
pub fn pipe(first: &mut Command, second: &mut Command) -> Result<Sample, BenchError> {
    let start = Instant::now();
    let mut from = spawn(first.stdout(Stdio::piped()))?;
    if let Some(output) = from.stdout.take() {
        second.stdin(output);
    }
    let sample = run(second);
    // This command has a copy of the pipe's end: the first program would wait for it to be read.
    second.stdin(Stdio::null());
    let sample = sample.inspect_err(|_| drop(from.kill().and_then(|()| from.wait())))?;
    let status = from.wait().map_err(|error| failed(first, &error))?;
    if !status.success() {
        return Err(failed(first, &status));
    }
    Ok(Sample { time: start.elapsed(), ..sample })
}

fn spawn(command: &mut Command) -> Result<Child, BenchError> {
    command.spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        if error.kind() != std::io::ErrorKind::NotFound {
            return failed(command, &error);
        }
        let package = match program.as_str() {
            "zstd" => "zstd",
            "curl" => "curl",
            "tar" => "tar",
            "ar" => "binutils",
            "dpkg" => "dpkg",
            "pacman" => "pacman-package-manager",
            "docker" => "docker.io",
            "buildah" => "buildah",
            "umoci" => "umoci",
            "skopeo" => "skopeo",
            _ => "coreutils",
        };
        BenchError::Missing { program, package }
    })
}

fn failed(command: &Command, message: &dyn std::fmt::Display) -> BenchError {
    let what = command.get_program().to_string_lossy().into_owned();
    BenchError::Failed { what, message: message.to_string() }
}

/// The most memory that a process ever had, in bytes; 0 when it has ended.
fn high_water(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_of_a_program_are_measured_and_its_failure_is_told() {
        let sample = run(Command::new("sh").args(["-c", "sleep 0.1"])).expect("runs");
        assert!(sample.time >= Duration::from_millis(100) && sample.peak > 100_000, "{sample:?}");
        let error =
            run(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).expect_err("fails").to_string();
        assert!(error.contains("why") && error.contains('3'), "{error}");
        let error = run(&mut Command::new("no-such-program")).expect_err("missing").to_string();
        assert!(error.contains("'no-such-program' is not installed"), "{error}");
        pipe(Command::new("echo").arg("text"), Command::new("grep").arg("text")).expect("found");
        assert!(pipe(Command::new("echo").arg("text"), Command::new("grep").arg("other")).is_err());
        assert!(pipe(&mut Command::new("false"), &mut Command::new("cat")).is_err());
    }
}
