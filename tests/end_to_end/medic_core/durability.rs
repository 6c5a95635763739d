//! A container that is killed while clients write: what was acknowledged is there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use medic_tests::command::call;
use medic_tests::medic_core::Core;

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
        written.extend(killed_under_load(&core, round));
        core.container.start_again();
        core.wait_until_well();
    }
    assert!(written.len() >= kills() * 5, "only {} documents were written", written.len());
    let all = core.json("/load/_all_docs");
    let there: std::collections::BTreeSet<&str> =
        all["rows"].as_array().expect("rows").iter().filter_map(|row| row["id"].as_str()).collect();
    let lost: Vec<&String> = written.iter().filter(|name| !there.contains(name.as_str())).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged documents are lost: {lost:?}", lost.len(), written.len());
    core.container.exec(&["pkg", "verify"]).success();
}

/// The names of the documents that were acknowledged before the container was killed.
fn killed_under_load(core: &Core, round: usize) -> Vec<String> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (core, over) = (core, &over);
                scope.spawn(move || write(core, &format!("{round}-{writer}"), over))
            })
            .collect();
        // Another instant each time.
        std::thread::sleep(Duration::from_millis(400 + 37 * (round as u64 % 11)));
        call("docker", &["kill", "--signal", "KILL", &core.container.name]).success();
        over.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().expect("it did not panic")).collect()
    })
}

/// Writes documents until it is over; the names of those that were acknowledged.
fn write(core: &Core, prefix: &str, over: &AtomicBool) -> Vec<String> {
    let url = core.url("");
    let mut written = Vec::new();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("{prefix}-{number}");
        let who = format!("admin:{}", core.password);
        let arguments =
            ["--insecure", "--user", &who, "--request", "PUT", "--data-binary", "{\"kept\": true}"];
        if medic_tests::http::get_with(&format!("{url}/load/{name}"), &arguments).status == 201 {
            written.push(name);
        }
    }
    written
}
