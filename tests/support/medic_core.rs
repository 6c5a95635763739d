//! medic-core, as its clients see it from outside and its operator from inside.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::container::Container;
use crate::http::{Answer, get_with};
use crate::wait_for;
use crate::xtask::medic_core_image;

/// How long a boot may take, on a machine that is busy with other things.
const BOOT: Duration = Duration::from_secs(60);

/// A container of medic-core-dev, removed on drop.
#[derive(Debug)]
pub struct Core {
    /// The container.
    pub container: Container,
    /// The administrator's password that requests are made with.
    pub password: String,
}

impl Core {
    /// Starts it with a password, further `docker run` arguments coming first, and waits until it is well.
    #[track_caller]
    pub fn serving(password: &str, arguments: &[&str]) -> Self {
        let given = format!("COUCHDB_PASSWORD={password}");
        let mut all = vec!["--env", &given];
        all.extend(arguments);
        let core = Self::start(password, &all);
        core.wait_until_well();
        core
    }

    /// Starts it with these arguments and waits for nothing; `password` is what it will have.
    #[track_caller]
    pub fn start(password: &str, arguments: &[&str]) -> Self {
        Self::of_image(&medic_core_image().reference, password, arguments)
    }

    /// The same of another image.
    #[track_caller]
    pub fn of_image(image: &str, password: &str, arguments: &[&str]) -> Self {
        let container = Container::start(image, arguments);
        Self { container, password: password.to_owned() }
    }

    /// Waits until every service is up and ready, as the image's health check sees it.
    #[track_caller]
    pub fn wait_until_well(&self) {
        wait_for("medic-core is well", BOOT, || {
            assert!(self.container.is_running(), "the container ended:\n{}", self.container.logs());
            self.is_well().then_some(())
        });
    }

    /// Whether its health check is content now.
    pub fn is_well(&self) -> bool {
        self.container.exec(&["supervisor-inspect", "--health"]).code == 0
    }

    /// `https://127.0.0.1:N` with a path.
    #[track_caller]
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.container.address(443))
    }

    /// A request by the administrator; further arguments are curl's.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, further: &[&str]) -> Answer {
        let who = format!("admin:{}", self.password);
        let mut all = vec!["--insecure", "--user", &who];
        all.extend(if method == "HEAD" { ["--head", "--globoff"] } else { ["--request", method] });
        all.extend(further);
        get_with(&self.url(path), &all)
    }

    /// A GET of JSON.
    #[track_caller]
    pub fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.request("GET", path, &[]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body))
    }

    /// Writes a document, and tells whether that was acknowledged.
    pub fn put(&self, path: &str, text: &str) -> bool {
        matches!(self.request("PUT", path, &["--data-binary", text]).status, 201 | 202)
    }

    /// Writes one that must be acknowledged.
    #[track_caller]
    pub fn must_put(&self, path: &str, text: &str) {
        let answer = self.request("PUT", path, &["--data-binary", text]);
        assert!(matches!(answer.status, 201 | 202), "{path}: {} {}", answer.status, answer.body);
    }

    /// The names of all documents of a database.
    #[track_caller]
    pub fn names(&self, database: &str) -> BTreeSet<String> {
        let all = self.json(&format!("/{database}/_all_docs"));
        let rows = all["rows"].as_array().unwrap_or_else(|| panic!("no rows in {all}"));
        rows.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned).collect()
    }
}

/// Clients that write documents into the database `load`, one after the other, whether they are acknowledged or not.
#[derive(Debug)]
pub struct Load {
    over: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Vec<(String, Instant)>>>,
}

/// What was acknowledged to clients.
#[derive(Debug)]
pub struct Written {
    /// The documents' names.
    pub names: Vec<String>,
    /// The longest time in which nobody's write was acknowledged.
    pub longest_gap: Duration,
}

impl Load {
    /// Three clients begin; the names of their documents begin with `prefix`.
    #[track_caller]
    pub fn start(core: &Core, prefix: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let writer = |number: u8| {
            let (over, url) = (Arc::clone(&over), core.url("/load"));
            let (prefix, who) = (format!("{prefix}-{number}"), format!("admin:{}", core.password));
            std::thread::spawn(move || write(&url, &who, &prefix, &over))
        };
        let writers = (0..3).map(writer).collect();
        Self { over, writers }
    }

    /// They end.
    ///
    /// # Panics
    /// When one panicked.
    pub fn end(self) -> Written {
        self.over.store(true, Ordering::Relaxed);
        let mut all: Vec<_> =
            self.writers.into_iter().flat_map(|writer| writer.join().expect("it did not panic")).collect();
        all.sort_by_key(|(_, when)| *when);
        let longest_gap = all.windows(2).map(|two| two[1].1 - two[0].1).max().unwrap_or_default();
        Written { names: all.into_iter().map(|(name, _)| name).collect(), longest_gap }
    }
}

fn write(url: &str, who: &str, prefix: &str, over: &AtomicBool) -> Vec<(String, Instant)> {
    let mut written = Vec::new();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("{prefix}-{number}");
        let arguments =
            ["--insecure", "--user", who, "--request", "PUT", "--data-binary", "{\"kept\": true}"];
        if get_with(&format!("{url}/{name}"), &arguments).status == 201 {
            written.push((name, Instant::now()));
        }
    }
    written
}
