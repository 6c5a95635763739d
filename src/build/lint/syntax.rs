//! Shell texts as a shell reads them: `sh -n`, and shellcheck where it is installed.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::remark::Remark;
use super::rules;
use crate::checks::Check;

/// A shell text, and where it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The file, relative to the workspace.
    pub file: String,
    /// The line of the file in which its first line stands.
    pub line: usize,
    /// The column in which its lines begin.
    pub column: usize,
    /// The text.
    pub text: String,
}

impl Text {
    fn remark(&self, rule: &'static Check, line: usize, column: usize, message: String) -> Remark {
        let line = self.line + line.max(1) - 1;
        Remark { file: self.file.clone(), line, column: self.column + column.max(1) - 1, rule, message }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// What is wrong.
    pub remarks: Vec<Remark>,
    /// Whether shellcheck is not installed.
    pub without_shellcheck: bool,
}

/// Looks at all texts.
///
/// # Errors
/// `sh` cannot be run; the folder for temporary files cannot be written.
pub fn syntax(texts: &[Text]) -> io::Result<Checked> {
    let mut checked = Checked::default();
    for text in texts {
        checked.remarks.extend(read_by_shell(text)?);
    }
    // What the shell cannot read, shellcheck cannot either.
    let readable: Vec<&Text> =
        texts.iter().filter(|text| !checked.remarks.iter().any(|r| is_in(r, text))).collect();
    match shellcheck(&readable)? {
        Some(remarks) => checked.remarks.extend(remarks),
        None => checked.without_shellcheck = true,
    }
    Ok(checked)
}

fn is_in(remark: &Remark, text: &Text) -> bool {
    let lines = text.line..text.line + text.text.lines().count().max(1);
    remark.file == text.file && lines.contains(&remark.line)
}

fn read_by_shell(text: &Text) -> io::Result<Option<Remark>> {
    let mut shell = Command::new("sh")
        .arg("-n")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = shell.stdin.take() {
        // A shell that found a fault reads no further.
        drop(input.write_all(text.text.as_bytes()));
    }
    let output = shell.wait_with_output()?;
    if output.status.success() {
        return Ok(None);
    }
    let says = String::from_utf8_lossy(&output.stderr);
    let first = says.lines().next().unwrap_or("sh -n refuses it");
    let (line, message) = fault(first);
    Ok(Some(text.remark(&rules::SHELL_SYNTAX, line, 1, message)))
}

/// The line and message of what a shell says: `sh: 3: Syntax error: …`, `sh: line 3: syntax error …`.
fn fault(says: &str) -> (usize, String) {
    let mut parts = says.splitn(3, ": ");
    let (_, number, rest) = (parts.next(), parts.next(), parts.next());
    let line = number.and_then(|number| number.trim_start_matches("line ").parse().ok());
    match (line, rest) {
        (Some(line), Some(rest)) => (line, rest.to_owned()),
        _ => (1, says.to_owned()),
    }
}

/// What `shellcheck --format=json1` says.
#[derive(Debug, Deserialize)]
struct Answer {
    comments: Vec<Comment>,
}

#[derive(Debug, Deserialize)]
struct Comment {
    file: String,
    line: usize,
    column: usize,
    code: u32,
    message: String,
}

/// All texts at once, since its start takes longer than its work. None when it is not installed.
fn shellcheck(texts: &[&Text]) -> io::Result<Option<Vec<Remark>>> {
    let folder = tempfile::tempdir()?;
    let mut by_name = BTreeMap::new();
    for (index, text) in texts.iter().enumerate() {
        let name = format!("{index}.sh");
        std::fs::write(folder.path().join(&name), &text.text)?;
        by_name.insert(name, *text);
    }
    if by_name.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let output = Command::new("shellcheck")
        // Steps run with -e, so a cd that fails ends them; and what the builder sets is never empty.
        .args([
            "--norc",
            "--shell=sh",
            "--severity=warning",
            "--exclude=SC2164,SC2115",
            "--format=json1",
            "--",
        ])
        .args(by_name.keys())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|error| {
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        io::Error::other(format!("shellcheck gave no answer ({error}): {}", says.trim()))
    })?;
    let remark = |comment: Comment| {
        let name = Path::new(&comment.file).file_name()?.to_str()?.to_owned();
        let message = format!("SC{}: {}", comment.code, comment.message);
        Some(by_name.get(&name)?.remark(&rules::SHELLCHECK, comment.line, comment.column, message))
    };
    Ok(Some(answer.comments.into_iter().filter_map(remark).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_placed_in_the_document() {
        let text =
            |text: &str| Text { file: "r.yaml".to_owned(), line: 10, column: 7, text: text.to_owned() };
        let found = read_by_shell(&text("true\nif x; then\n")).expect("it runs").expect("a fault");
        assert!((11..=13).contains(&found.line), "{found:?}");
        assert_eq!(found.column, 7);
        assert_eq!(read_by_shell(&text("true\n")).expect("it runs"), None);
        assert_eq!(fault("sh: 3: Syntax error: x"), (3, "Syntax error: x".to_owned()));
        assert_eq!(fault("sh: line 4: syntax error near x"), (4, "syntax error near x".to_owned()));
        assert_eq!(fault("what"), (1, "what".to_owned()));
    }
}
