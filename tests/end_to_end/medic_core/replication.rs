//! Two containers that replicate a database continuously, each through the other's nginx, with a certificate that is checked.

use std::time::Duration;

use medic_tests::medic_core::Core;
use medic_tests::{Network, Scratch, wait_for};

#[test]
fn two_containers_replicate_both_ways_over_tls() {
    let (network, scratch) = (Network::new(), Scratch::new("replication"));
    let there = Core::serving(
        "there",
        &[
            "--network",
            &network.name,
            "--network-alias",
            "clinic.example",
            "--env",
            "TLS_NAMES=clinic.example",
        ],
    );
    there.must_put("/patients", "");
    there.must_put("/patients/there", "{}");

    // The other's certificate is its own authority; without it nothing is sent, as a test below shows.
    let certificate =
        there.container.shell("cat /srv/settings/medic-core/nginx/private/default.crt").success();
    let settings = "[replicator]\nssl_trusted_certificates_file = /run/trusted/clinic.crt\n";
    std::fs::write(scratch.join("clinic.crt"), certificate.stdout).expect("written");
    std::fs::write(scratch.join("trusted.ini"), settings).expect("written");
    let file = |name: &str, place: &str| format!("{}:{place}:ro", scratch.join(name).display());
    let trusted = file("clinic.crt", "/run/trusted/clinic.crt");
    let own = file("trusted.ini", "/srv/settings/medic-core/couchdb/local.d/trusted.ini");
    let here = Core::serving("here", &["--network", &network.name, "--volume", &trusted, "--volume", &own]);
    here.must_put("/patients", "");
    here.must_put("/patients/here", "{}");

    let (other, mine) =
        ("https://admin:there@clinic.example/patients", "http://admin:here@127.0.0.1:5984/patients");
    here.must_put("/_replicator/pull", &continuous(other, mine));
    here.must_put("/_replicator/push", &continuous(mine, other));
    arrives(&here, "/patients/there");
    arrives(&there, "/patients/here");
    // It goes on: what is written later comes too.
    there.must_put("/patients/later", "{}");
    arrives(&here, "/patients/later");

    // And it goes on after a restart, without being asked again.
    here.container.stop();
    here.container.start_again();
    here.wait_until_well();
    there.must_put("/patients/latest", "{}");
    arrives(&here, "/patients/latest");
}

fn continuous(source: &str, target: &str) -> String {
    format!("{{\"source\": \"{source}\", \"target\": \"{target}\", \"continuous\": true}}")
}

fn arrives(core: &Core, path: &str) {
    wait_for(path, Duration::from_secs(30), || (core.request("GET", path, &[]).status == 200).then_some(()));
}

#[test]
fn nothing_is_sent_to_a_certificate_that_nobody_trusts() {
    let network = Network::new();
    let alias = [
        "--network",
        &network.name,
        "--network-alias",
        "clinic.example",
        "--env",
        "TLS_NAMES=clinic.example",
    ];
    let there = Core::serving("there", &alias);
    there.must_put("/patients", "");
    let here = Core::serving("here", &["--network", &network.name]);
    here.must_put("/patients", "");
    here.must_put("/patients/here", "{}");
    let wanted = continuous(
        "http://admin:here@127.0.0.1:5984/patients",
        "https://admin:there@clinic.example/patients",
    )
    .replace("true", "false");
    let arguments =
        ["--header", "Content-Type: application/json", "--max-time", "20", "--data-binary", &wanted];
    let answer = here.request("POST", "/_replicate", &arguments);
    assert_ne!(answer.status, 200, "{}", answer.body);
    assert_eq!(there.request("GET", "/patients/here", &[]).status, 404);
}
