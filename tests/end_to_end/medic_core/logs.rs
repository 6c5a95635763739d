//! A day's log in some seconds: it stays within its bounds, loses nothing of the end, and nobody who is served notices.

use medic_tests::medic_core::Core;

/// Ten requests a second, with 200 bytes of log for each, over 24 hours.
const DAY: u64 = 10 * 200 * 24 * 3600;
/// What packages/medic-core/package.yaml gives nginx, as docs/medic-core.md says: ten files of 10 MB.
const BOUND: u64 = 100_000_000;
const BLOCK: u64 = 1 << 20;

/// What the supervisor tells of nginx.
fn nginx(core: &Core) -> serde_json::Value {
    let answer = core.container.exec(&["supervisor-inspect", "--json", "medic-core"]).success();
    let answer: serde_json::Value = serde_json::from_str(answer.text()).expect("JSON");
    let services = answer["packages"][0]["services"].as_array().expect("services");
    services.iter().find(|service| service["service"] == "nginx").expect("it runs").clone()
}

#[test]
fn a_day_of_log_stays_within_its_bounds() {
    // Docker's own copy of the lines is its own affair, and slower than all the rest.
    let core = Core::serving("secret", &["--tmpfs=/tmp", "--log-driver=none"]);
    core.must_put("/patients", "");
    // The lines go where those of nginx go: into the pipe to its supervisor.
    let pipe = format!("/proc/{}/fd/2", nginx(&core)["service_pid"]);
    let line = "x".repeat(199);
    let day = format!(
        "line={line}; n=0; while [ $n -lt {} ]; do echo $line; n=$((n + 1)); done > /tmp/lines; \
         n=0; while [ $n -lt {} ]; do cat /tmp/lines; n=$((n + 1)); done > {pipe}; echo the day is over > {pipe}",
        BLOCK / 200,
        DAY.div_ceil(BLOCK / 200 * 200),
    );
    core.container.shell(&day).success();
    assert_eq!(core.request("GET", "/patients", &[]).status, 200);
    let logs = "/srv/storage/medic-core/nginx/logs";
    let end =
        core.container.shell(&format!("sleep 1; tail -n 20 {logs}/current | grep -c 'the day is over'"));
    assert_eq!(end.text(), "1", "the last line is not there");
    let used = core.container.shell(&format!("cat {logs}/* | wc -c")).success();
    let used: u64 = used.text().parse().expect("a number");
    assert!(used > BOUND / 2 && used <= BOUND, "{used} bytes of log");
    assert_eq!(nginx(&core)["log_lines_dropped"], 0);
}
