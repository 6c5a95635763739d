//! A credential helper: a program `docker-credential-NAME` that is asked `get`, with the registry on its standard input, and answers with
//! JSON (Docker's protocol of credential helpers). Secrets go neither through arguments nor the environment.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use super::secret::{Secret, words};

/// What a helper says, with an exit code that is not 0, of a registry that it knows nothing of.
const UNKNOWN: &str = "credentials not found";

/// What a helper gave.
pub(super) struct Answer {
    pub(super) name: String,
    pub(super) secret: Secret,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Username")]
    name: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// The program of a name in the folders of a search path.
pub(super) fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let is_program = |file: &PathBuf| {
        std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path).map(|folder| folder.join(program)).find(is_program)
}

/// Asks a helper for the login of a registry; none where it has none. The error is why it failed.
pub(super) fn get(program: &Path, server: &str) -> Result<Option<Answer>, String> {
    let output = run(Command::new(program).arg("get"), server).map_err(|error| error.to_string())?;
    let said = Secret::new(String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        // That is where the protocol has the reason.
        let why = words(said.expose(), &[]);
        if why.contains(UNKNOWN) {
            return Ok(None);
        }
        let why = if why.is_empty() { "it says no reason".to_owned() } else { why };
        return Err(format!("{why} ({})", output.status));
    }
    match serde_json::from_str::<Document>(said.expose()) {
        Ok(document) if document.name.is_empty() && document.secret.is_empty() => Ok(None),
        Ok(document) => Ok(Some(Answer { name: document.name, secret: Secret::new(document.secret) })),
        Err(_) => Err("its answer is not the JSON of a credential helper".to_owned()),
    }
}

/// Runs a program with a text as its standard input, and keeps what it writes.
pub(super) fn run(command: &mut Command, input: &str) -> io::Result<Output> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take()
        && let Err(error) = stdin.write_all(input.as_bytes())
        // One that does not read it says itself what it lacks.
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    child.wait_with_output()
}
