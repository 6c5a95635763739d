//! The program run as an operator runs it, and backups made to be spoiled.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use medic_archive::digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::couch::Couch;

/// The files of one test.
pub struct Place(TempDir);

/// How a call ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Outcome {
    pub fn success(self) -> Self {
        self.ended_with(0)
    }

    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }

    /// The last line of standard error is the reason.
    pub fn says(self, text: &str) -> Self {
        let last = self.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("Fatal: ") && last.contains(text), "no '{text}' in: {}", self.stderr);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).expect("JSON")
    }
}

impl Place {
    pub fn new() -> Self {
        let place = Self(TempDir::new().expect("a folder"));
        fs::write(place.path("password"), "secret\nand no more\n").expect("written");
        fs::create_dir(place.path("room")).expect("made");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `medic-core` with these arguments; `FOLDER` is the place's backup.
    fn command(&self, couch: Option<&Couch>, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_medic-core"));
        command.args(arguments).current_dir(self.0.path());
        if let Some(couch) = couch {
            command.args(["--url", &couch.url, "--password-file"]).arg(self.path("password"));
        }
        if arguments[0] != "backup" {
            command.arg("--room").arg(self.path("room"));
        }
        command
    }

    pub fn run(&self, couch: &Couch, arguments: &[&str]) -> Outcome {
        outcome(self.command(Some(couch), arguments).stdin(Stdio::null()))
    }

    /// `verify` or another command that asks no server.
    pub fn offline(&self, arguments: &[&str]) -> Outcome {
        outcome(self.command(None, arguments).stdin(Stdio::null()))
    }

    /// With standard input.
    pub fn piped(&self, couch: Option<&Couch>, arguments: &[&str], input: &[u8]) -> Outcome {
        let mut child = self.begun(couch, arguments);
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_vec();
        let writing = std::thread::spawn(move || {
            // It may have seen enough before the end.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().expect("ended");
        writing.join().expect("written");
        into_outcome(output)
    }

    /// Begun, with a pipe to it.
    pub fn begun(&self, couch: Option<&Couch>, arguments: &[&str]) -> Child {
        let mut command = self.command(couch, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("started")
    }

    /// Nothing is left where a tar is unpacked.
    pub fn room_is_empty(&self) {
        let names =
            fs::read_dir(self.path("room")).expect("there").map(|entry| entry.expect("read").file_name());
        let names: Vec<_> = names.filter(|name| name != ".unpacked.lock").collect();
        assert!(names.is_empty(), "{names:?}");
    }

    /// The lines of a part of the place's backup.
    pub fn lines(&self, file: &str) -> Vec<String> {
        let part = fs::File::open(self.path("backup").join(file)).expect("there");
        let text = std::io::read_to_string(MultiGzDecoder::new(part)).expect("text");
        text.lines().map(str::to_owned).collect()
    }

    /// Writes a part with these lines, and lets `backup.json` say so.
    pub fn rewrite(&self, file: &str, lines: &[String]) {
        let bytes = compressed(lines);
        fs::write(self.path("backup").join(file), &bytes).expect("written");
        let found = digest::of_bytes(&bytes);
        self.index(|index| {
            for database in index["databases"].as_array_mut().expect("databases") {
                for part in database["parts"].as_array_mut().expect("parts") {
                    if part["file"] == file {
                        part["sha256"] = json!(found.sha256);
                        part["size"] = json!(found.size);
                    }
                }
            }
        });
    }

    /// Changes `backup.json`.
    pub fn index(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("backup/backup.json");
        let mut index = serde_json::from_slice(&fs::read(&path).expect("there")).expect("JSON");
        change(&mut index);
        fs::write(path, index.to_string()).expect("written");
    }

    /// A copy of its backup, to spoil.
    pub fn copy(&self) -> Self {
        let other = Self::new();
        copy(&self.path("backup"), &other.path("backup"));
        other
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("made");
    for entry in fs::read_dir(from).expect("there") {
        let entry = entry.expect("read");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

pub fn compressed(lines: &[String]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for line in lines {
        writeln!(encoder, "{line}").expect("memory");
    }
    encoder.finish().expect("memory")
}

fn outcome(command: &mut Command) -> Outcome {
    into_outcome(command.output().expect("started"))
}

fn into_outcome(output: std::process::Output) -> Outcome {
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(!stderr.contains('\x1b'), "drawn where there is no terminal: {stderr}");
    Outcome { code: output.status.code(), stdout: output.stdout, stderr }
}
