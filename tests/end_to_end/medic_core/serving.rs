//! What clients get through nginx, and that a restart keeps it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use medic_tests::http::get_with;
use medic_tests::medic_core::Core;
use medic_tests::{Scratch, wait_for};

#[test]
fn documents_attachments_and_changes_are_served_and_outlive_a_restart() {
    let started = Instant::now();
    let core = Core::serving("first", &[]);
    // Docker's own part of that is half a second; it was measured beside other tests, so this only catches a boot that waits.
    assert!(started.elapsed() < Duration::from_secs(45), "healthy after {:?}", started.elapsed());

    core.must_put("/patients", "");
    let changes = Changes::follow(&core, "/patients");
    core.must_put("/patients/one", r#"{"name": "Ada"}"#);
    changes.has("\"id\":\"one\"");
    attachment(&core);

    let version = core.request("GET", "/patients/one", &["--http2"]).version;
    assert_eq!(version, "2");
    core.container.stop();
    core.container.start_again();
    core.wait_until_well();
    assert_eq!(core.json("/patients/one")["name"], "Ada");
    assert_eq!(core.json("/patients/two")["_attachments"]["scan"]["length"], 3_000_000);
}

/// A body that is larger than any buffer goes through both ways.
fn attachment(core: &Core) {
    let scratch = Scratch::new("attachment");
    let (sent, got) = (scratch.join("sent"), scratch.join("got"));
    let bytes: Vec<u8> =
        (0..3_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    std::fs::write(&sent, &bytes).expect("written");
    let body = format!("@{}", sent.display());
    let arguments = ["--header", "Content-Type: image/png", "--max-time", "60", "--data-binary", &body];
    let answer = core.request("PUT", "/patients/two/scan", &arguments);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let output = got.to_string_lossy().into_owned();
    core.request("GET", "/patients/two/scan", &["--max-time", "60", "--output", &output]);
    assert!(std::fs::read(&got).expect("written") == bytes, "the attachment came back as other bytes");
}

/// A continuous feed of a database's changes, as curl writes it to a file.
struct Changes {
    curl: std::process::Child,
    scratch: Scratch,
}

impl Changes {
    fn follow(core: &Core, database: &str) -> Self {
        let scratch = Scratch::new("changes");
        let file = std::fs::File::create(scratch.join("feed")).expect("made");
        let url = core.url(&format!("{database}/_changes?feed=continuous&since=0&heartbeat=1000"));
        let who = format!("admin:{}", core.password);
        let curl = Command::new("curl")
            .args(["--silent", "--no-buffer", "--insecure", "--noproxy", "*", "--user", &who, &url])
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .expect("curl is installed");
        Self { curl, scratch }
    }

    /// A change comes while the feed is open, and not only when it ends.
    fn has(&self, text: &str) {
        wait_for("the change", Duration::from_secs(10), || {
            let feed = std::fs::read_to_string(self.scratch.join("feed")).unwrap_or_default();
            feed.contains(text).then_some(())
        });
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        let _ = self.curl.kill();
        let _ = self.curl.wait();
    }
}

#[test]
fn nothing_is_served_without_a_name_or_without_tls() {
    let core = Core::serving("secret", &[]);
    let insecure = |path: &str, further: &[&str]| {
        let mut all = vec!["--insecure"];
        all.extend(further);
        get_with(&core.url(path), &all)
    };
    assert_eq!(insecure("/_up", &[]).status, 200);
    for path in ["/", "/_all_dbs", "/_users/_all_docs", "/_utils/", "/_config"] {
        assert_eq!(insecure(path, &[]).status, 401, "{path}");
        assert_eq!(insecure(path, &["--user", "admin:admin"]).status, 401, "{path}");
    }
    let old = ["--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"];
    assert_eq!(insecure("/_up", &old).status, 0);

    let plain = format!("http://{}", core.container.address(80));
    let redirected =
        get_with(&format!("{plain}/db/doc?x=1"), &["--write-out", "\n%{redirect_url} %{http_code}"]);
    assert_eq!(redirected.status, 308, "{redirected:?}");
    assert_eq!(redirected.version, "https://127.0.0.1/db/doc?x=1");
    core.container.shell("mkdir -p /srv/storage/medic-core/nginx/acme/.well-known/acme-challenge && echo token > /srv/storage/medic-core/nginx/acme/.well-known/acme-challenge/a").success();
    let challenge = get_with(&format!("{plain}/.well-known/acme-challenge/a"), &[]);
    assert_eq!((challenge.status, challenge.body.as_str()), (200, "token\n"));
}

#[test]
fn clients_are_told_in_json_while_the_database_restarts() {
    let core = Core::serving("secret", &[]);
    core.container.exec(&["svc-down", "medic-core", "couchdb"]).success();
    let answer = core.request("GET", "/_all_dbs", &[]);
    assert_eq!(answer.status, 503, "{}", answer.body);
    let said: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(said["error"], "service_unavailable");
    core.container.exec(&["svc-up", "medic-core", "couchdb"]).success();
    core.wait_until_well();
    assert_eq!(core.request("GET", "/_all_dbs", &[]).status, 200);
}
