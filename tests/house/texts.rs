//! What every text of the repository must have or must not have.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Every text file that git knows or would take.
fn files() -> Vec<PathBuf> {
    let list = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(super::workspace())
        .output()
        .expect("git runs");
    assert!(list.status.success(), "git ls-files failed: is this a git checkout?");
    let names = String::from_utf8(list.stdout).expect("names are UTF-8");
    names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .filter(|path| super::workspace().join(path).is_file())
        .collect()
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(super::workspace().join(path)).ok()
}

fn rust_files() -> Vec<PathBuf> {
    files().into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).collect()
}

/// Hosts of package registries are the machine's own affair: its clients know them.
#[test]
fn no_registry_host_is_named() {
    // In halves, so that this file does not name them itself.
    let halves = [
        ("deb.debian", ".org"),
        ("security.debian", ".org"),
        ("pypi", ".org"),
        ("files.pythonhosted", ".org"),
        ("registry.npmjs", ".org"),
        ("static.crates", ".io"),
        ("index.crates", ".io"),
    ];
    for path in files().iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let Some(text) = text(path) else { continue };
        for (first, second) in halves {
            let host = format!("{first}{second}");
            assert!(!text.contains(&host), "{} names the registry host {host}", path.display());
        }
    }
}

#[test]
fn the_top_level_is_fixed() {
    let allowed = [
        "ARCHITECTURE.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "docs",
        "images",
        "packages",
        "recipes",
        "src",
        "tests",
        "xtask",
    ];
    for path in files() {
        let first = path.iter().next().expect("not empty").to_string_lossy().into_owned();
        assert!(
            first.starts_with('.') || allowed.contains(&first.as_str()),
            "{first} stands at the top: it has no place there"
        );
    }
}

#[test]
fn unsafe_code_is_in_sys_only() {
    let word = ["un", "safe"].concat();
    for path in rust_files().iter().filter(|path| !path.starts_with("src/sys")) {
        let text = text(path).expect("Rust is UTF-8");
        for form in
            [format!("{word} {{"), format!("{word} fn"), format!("{word} impl"), format!("{word} extern")]
        {
            assert!(!text.contains(&form), "{} has {word} code: it belongs in src/sys", path.display());
        }
    }
}

/// A file is one idea.
#[test]
fn no_file_is_longer_than_600_lines() {
    for path in rust_files() {
        let lines = text(&path).expect("Rust is UTF-8").lines().count();
        assert!(lines <= 600, "{} has {lines} lines: which ideas are in it?", path.display());
    }
}

#[test]
fn every_crate_says_what_it_owns() {
    for name in ["archive", "build", "care", "image", "model", "pkg", "repository", "supervisor", "sys"] {
        let text = text(Path::new(&format!("src/{name}/lib.rs"))).expect("lib.rs is there");
        let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let header = header.join("\n");
        assert!(
            header.lines().count() >= 4 && header.contains("Never"),
            "src/{name}/lib.rs does not say what it owns and what it must never do"
        );
    }
}

/// Somebody may set the clock at any time, and nothing may come of it but another time in a log: so the time of day is asked for
/// only where it is shown.
#[test]
fn the_runtime_decides_nothing_by_the_time_of_day() {
    let shown = [
        // The clock itself; the log's time stamps and the age of its files; what of a log is shown.
        "src/sys/clock.rs",
        "src/supervisor/watch/run.rs",
        "src/supervisor/watch/log/pump.rs",
        "src/supervisor/watch/log/file.rs",
        "src/supervisor/command/log.rs",
    ];
    let crates = ["src/sys", "src/supervisor"];
    for path in rust_files().iter().filter(|path| crates.iter().any(|krate| path.starts_with(krate))) {
        let text = text(path).expect("Rust is UTF-8");
        let names = ["wall_clock", "SystemTime", "UNIX_EPOCH", "Realtime", "REALTIME", "gettimeofday"];
        let name = names.iter().find(|name| text.contains(**name));
        assert!(
            name.is_none() || shown.iter().any(|shown| path.ends_with(shown)),
            "{} has {}: decide by medic_sys::clock::monotonic_millis",
            path.display(),
            name.unwrap_or(&"")
        );
    }
    // And the supervisor hands it to its log, and to nobody else.
    let run = text(Path::new("src/supervisor/watch/run.rs")).expect("it is there");
    assert_eq!(run.matches("wall_clock").count(), 2, "once imported, once given to the log");
}

/// The libraries know no terminal, no home and no environment.
#[test]
fn libraries_read_no_environment() {
    let crates = ["src/archive", "src/build", "src/image", "src/model", "src/repository", "src/sys"];
    for path in rust_files().iter().filter(|path| crates.iter().any(|krate| path.starts_with(krate))) {
        let text = text(path).expect("Rust is UTF-8");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in ["env::var", "env::vars", "env::home_dir", "println!(", "eprintln!("] {
            let test = path.components().any(|part| part.as_os_str() == "tests")
                || path.file_name().is_some_and(|name| name == "tests.rs");
            assert!(
                test || !code.contains(call),
                "{} has {call}: it is for the command lines",
                path.display()
            );
        }
    }
}
