//! A boot that cannot be finished: the container ends, not with 0, and the reason is the last that it says.

use std::time::Duration;

use medic_tests::medic_core::Core;
use medic_tests::{Scratch, wait_for};

/// Starts it with what does not do, and takes the last words.
fn last_words(arguments: &[&str], code: &str) -> String {
    let core = Core::start("", arguments);
    wait_for("the container ends", Duration::from_secs(90), || (!core.container.is_running()).then_some(()));
    let said = core.container.logs();
    assert_eq!(core.container.inspect("{{.State.ExitCode}}"), code, "{said}");
    said.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn what_cannot_be_used_ends_the_boot_with_its_reason() {
    let scratch = Scratch::new("bad-secrets");
    std::fs::write(scratch.join("empty"), "\n").expect("written");
    std::fs::write(scratch.join("noise"), "noise\n").expect("written");
    let mount = format!("{}:/run/secrets:ro", scratch.path().display());
    let cases: [(&[&str], &str); 5] = [
        (
            &["--env", "COUCHDB_PASSWORD_FILE=/run/none"],
            "COUCHDB_PASSWORD_FILE names /run/none, which cannot be read",
        ),
        (
            &["--volume", &mount, "--env", "COUCHDB_PASSWORD_FILE=/run/secrets/empty"],
            "whose first line is empty",
        ),
        (&["--env", "COUCHDB_PASSWORD=a ;b"], "CouchDB would read another one"),
        (&["--env", "TLS_CERTIFICATE_FILE=/run/a.crt"], "TLS_CERTIFICATE_FILE and TLS_KEY_FILE go together"),
        (
            &[
                "--volume",
                &mount,
                "--env",
                "TLS_CERTIFICATE_FILE=/run/secrets/noise",
                "--env",
                "TLS_KEY_FILE=/run/secrets/noise",
            ],
            "/run/secrets/noise is no certificate",
        ),
    ];
    for (arguments, reason) in cases {
        let said = last_words(arguments, "101");
        assert!(said.starts_with("Fatal: ") && said.contains(reason), "{said}");
    }
}

#[test]
fn a_database_that_cannot_start_ends_the_container() {
    // Its folder of data is a file: no engine can live with that.
    let core = Core::serving("secret", &[]);
    core.container.exec(&["svc-down", "medic-core"]).success();
    core.container.shell("cd /srv/storage/medic-core/couchdb && rm -r data && : > data && sed -i 's/^within=.*/within=3/' /srv/scripts/medic-core/run/databases").success();
    core.container.exec(&["svc-up", "medic-core", "databases"]);
    wait_for("the container ends", Duration::from_secs(60), || (!core.container.is_running()).then_some(()));
    let said = core.container.logs();
    assert_eq!(core.container.inspect("{{.State.ExitCode}}"), "1", "{said}");
    assert!(said.contains("CouchDB is not ready after 3 seconds"), "{said}");
}

#[test]
fn writes_are_refused_before_the_disk_is_full_and_taken_again_when_it_has_room() {
    let core = Core::serving("secret", &["--tmpfs", "/srv:exec,mode=0755,size=64m"]);
    core.must_put("/patients", "");
    core.must_put("/patients/before", "{}");
    core.container.shell("head -c 65300000 /dev/zero > /srv/storage/filling; true").success();
    let answers = |path: &str, status: u16| {
        wait_for(path, Duration::from_secs(30), || {
            (core.request("PUT", path, &["--data-binary", "{}"]).status == status).then_some(())
        });
    };
    answers("/patients/refused", 507);
    assert_eq!(core.request("GET", "/patients/before", &[]).status, 200);
    assert!(
        core.container.logs().contains("writes are refused until it is below 97 %"),
        "{}",
        core.container.logs()
    );
    core.container.shell("rm /srv/storage/filling").success();
    answers("/patients/after", 201);
    assert!(core.container.logs().contains("the disk has room again"), "{}", core.container.logs());
}
