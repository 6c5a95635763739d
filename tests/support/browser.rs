//! A real browser on pages that the builder writes.

use std::process::Command;

use crate::{Scratch, run};

/// Chromium, without a window and without anything of its own that asks the network, on a page: the page as it stands when it is
/// loaded, what the browser said, and its record of the network.
///
/// # Panics
/// When Chromium is not installed or fails.
pub fn chromium(page: &str, folder: &Scratch, name: &str) -> (String, String, String) {
    let record = folder.join(&format!("{name}.netlog"));
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
        "--window-size=1280,1600",
    ]);
    command.arg(format!("--user-data-dir={}", folder.join(&format!("{name}.profile")).display()));
    command.arg(format!("--log-net-log={}", record.display()));
    command.args(["--dump-dom", page]);
    let outcome = run(&mut command).success();
    let record = std::fs::read_to_string(record).expect("it was written");
    (outcome.stdout, outcome.stderr, record)
}

/// What a page asked the network for, by the browser's own record.
pub fn requests(record: &str) -> Vec<&str> {
    let urls = record.split("\"url\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    // The browser itself asks its maker for the time and for accounts, whatever page it shows.
    let own = |url: &&str| {
        let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        url.starts_with("file:")
            || url.starts_with("data:")
            || host.ends_with(".google.com")
            || host.ends_with(".googleapis.com")
    };
    urls.filter(|url| !own(url)).collect()
}
