//! Signing keys in files, and their passwords: never on a command line, where others may read them.

use std::fs::File;
use std::io::{BufRead, IsTerminal, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use medic_build::publish::{SigningKey, TrustedKey};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::environment::{KEY_PASSWORD, key_password};
use crate::failure::Failure;

/// The terminal as it was, while it does not show what is typed.
static SHOWN: Mutex<Option<Termios>> = Mutex::new(None);

/// Makes a key: `file`, which its owner alone may read, and `file.pub`. With a password the first is protected by it.
pub fn make(file: &Path, password: Option<String>) -> Result<(PathBuf, PathBuf), Failure> {
    let (secret, key) = match password {
        Some(password) => SigningKey::generate_protected(password)?,
        None => {
            let key = SigningKey::generate()?;
            (key.secret_file()?, key.public().clone())
        }
    };
    put(file, &secret, &key.file())
}

/// Writes the two halves of a key: `file`, which its owner alone may read, and `file.pub`.
pub fn put(file: &Path, secret: &str, public_text: &str) -> Result<(PathBuf, PathBuf), Failure> {
    let public = file.with_added_extension("pub");
    // What is there already may be a key that others trust.
    write(&public, public_text, 0o644)?;
    let written = write(file, secret, 0o600);
    if written.is_err() {
        // The other half of nothing.
        let _ = std::fs::remove_file(&public);
    }
    written.map(|()| (file.to_owned(), public))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = File::options().write(true).create_new(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| Failure::File { path: path.to_owned(), source })
}

/// Reads a key that signs; where it has a password, that is in `password`, in the environment, or asked for.
pub fn read_secret(path: &Path, password: Option<&Path>) -> Result<SigningKey, Failure> {
    let text = read(path)?;
    if !SigningKey::is_protected(&text) {
        return Ok(SigningKey::parse(&text, None)?);
    }
    let password = match password {
        Some(file) => first_line(file)?,
        None => match key_password() {
            Some(password) => password,
            None => ask(&format!("Password of the key {}: ", path.display()))?.ok_or_else(|| {
                Failure::Usage(format!(
                    "the key '{}' has a password: give it in a file with --password-file, or in {KEY_PASSWORD}",
                    path.display()
                ))
            })?,
        },
    };
    Ok(SigningKey::parse(&text, Some(password))?)
}

/// Reads a key that is trusted.
pub fn read_public(path: &Path) -> Result<TrustedKey, Failure> {
    let of_path = |error| Failure::Usage(format!("'{}': {error}", path.display()));
    TrustedKey::parse(&read(path)?).map_err(of_path)
}

/// The password in a file: its first line.
pub fn first_line(path: &Path) -> Result<String, Failure> {
    let text = read(path)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::Usage(format!("'{}' holds no password in its first line", path.display())));
    }
    Ok(line.to_owned())
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|source| Failure::File { path: path.to_owned(), source })
}

/// The text of a file that has no more bytes than so many.
pub fn read_bounded(path: &Path, limit: u64) -> Result<String, Failure> {
    let failed = |source| Failure::File { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    std::io::Read::take(file, limit).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Asks on the terminal, which does not show what is typed; none when nobody is there to answer.
pub fn ask(question: &str) -> Result<Option<String>, Failure> {
    let input = std::io::stdin();
    let (true, Ok(shown)) = (std::io::stderr().is_terminal(), tcgetattr(&input)) else { return Ok(None) };
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    write!(std::io::stderr(), "{question}")?;
    if let Ok(mut kept) = SHOWN.lock() {
        *kept = Some(shown);
    }
    tcsetattr(&input, OptionalActions::Now, &hidden).map_err(std::io::Error::from)?;
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    show_again();
    writeln!(std::io::stderr())?;
    read?;
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Makes the terminal show again what is typed, if it does not: also for who interrupts the program at that question.
pub fn show_again() {
    if let Ok(mut kept) = SHOWN.lock()
        && let Some(shown) = kept.take()
    {
        // Nothing can be done for a terminal that is gone.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &shown);
    }
}
