//! A container that is killed while clients write: what was acknowledged is there.

use std::time::Duration;

use medic_tests::command::call;
use medic_tests::medic_core::{Core, Load};

/// How many times it is killed; all the 200 that the product promises with `MEDIC_OS_KILLS=200`.
fn kills() -> usize {
    std::env::var("MEDIC_OS_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

#[test]
fn every_acknowledged_document_survives_kills_of_the_container() {
    let core = Core::serving("secret", &[]);
    core.must_put("/load", "");
    let mut written = Vec::new();
    for round in 0..kills() {
        let load = Load::start(&core, &round.to_string());
        // Another instant each time.
        std::thread::sleep(Duration::from_millis(400 + 37 * (round as u64 % 11)));
        call("docker", &["kill", "--signal", "KILL", &core.container.name]).success();
        written.extend(load.end().names);
        core.container.start_again();
        core.wait_until_well();
    }
    assert!(written.len() >= kills() * 5, "only {} documents were written", written.len());
    let there = core.names("load");
    let lost: Vec<&String> = written.iter().filter(|name| !there.contains(*name)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged documents are lost: {lost:?}", lost.len(), written.len());
    core.container.exec(&["pkg", "verify"]).success();
}
