//! medic-core, as its clients see it from outside and its operator from inside.

use std::time::Duration;

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
        let container = Container::start(&medic_core_image().reference, arguments);
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
}
