//! The first boot: passwords, what is made once, and that no interruption spoils it.

use std::time::Duration;

use medic_tests::Scratch;
use medic_tests::command::call;
use medic_tests::container::Volume;
use medic_tests::medic_core::Core;

const PASSWORD: &str = "cat /srv/storage/medic-core/passwd/admin";
const MADE_ONCE: &str = "cd /srv && cat settings/medic-core/couchdb/private/10-identity.ini storage/medic-core/couchdb/.erlang.cookie \
                         settings/medic-core/nginx/private/default.crt";

#[test]
fn a_password_is_made_when_none_is_given_and_what_is_made_once_is_kept() {
    let volume = Volume::new();
    let mut core = Core::start("", &["--volume", &volume.as_srv()]);
    core.wait_until_well();
    core.password = core.container.shell(PASSWORD).success().text().to_owned();
    assert_eq!(core.password.len(), 64, "256 bits in hexadecimal digits");
    assert!(core.password.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", core.password);
    let modes =
        core.container.shell("cd /srv/storage/medic-core/passwd && stat -c '%a %u' admin .").success();
    assert_eq!(modes.text(), "400 0\n700 0");
    assert!(!core.container.logs().contains(&core.password), "{}", core.container.logs());
    let made = core.container.shell(MADE_ONCE).success().stdout;
    let all = core.json("/_all_dbs").to_string();
    for database in ["_users", "_replicator", "_global_changes"] {
        assert!(all.contains(database), "no {database} in {all}");
    }
    let uuid = core.json("/")["uuid"].as_str().expect("it has one").to_owned();
    assert!(made.contains(&format!("uuid = {uuid}")), "{uuid}");
    let password = core.password.clone();
    drop(core);

    let again = Core::start(&password, &["--volume", &volume.as_srv()]);
    again.wait_until_well();
    assert_eq!(again.container.shell(MADE_ONCE).success().stdout, made);
    assert_eq!(again.json("/")["uuid"], uuid.as_str());
}

#[test]
fn a_password_is_shown_where_it_was_asked_for_and_only_once() {
    let volume = Volume::new();
    let core = Core::start("", &["--volume", &volume.as_srv(), "--env", "SHOW_PASSWORD=1"]);
    core.wait_until_well();
    let password = core.container.shell(PASSWORD).success().text().to_owned();
    assert_eq!(core.container.logs().matches(&password).count(), 1, "{}", core.container.logs());
    drop(core);
    let again = Core::start(&password, &["--volume", &volume.as_srv(), "--env", "SHOW_PASSWORD=1", "--tty"]);
    again.wait_until_well();
    assert!(!again.container.logs().contains(&password), "{}", again.container.logs());
    drop(again);
    // A terminal is where the operator is.
    let terminal = Core::start("", &["--tty"]);
    terminal.wait_until_well();
    let password = terminal.container.shell(PASSWORD).success().text().to_owned();
    assert!(terminal.container.logs().contains(&password), "{}", terminal.container.logs());
}

/// One volume, booted with each way in turn: the password is always the one that was given last.
#[test]
fn a_password_is_taken_in_every_way_and_can_be_changed() {
    let (volume, scratch) = (Volume::new(), Scratch::new("secrets"));
    std::fs::write(scratch.join("password"), "from a file\n").expect("written");
    let secret = format!("{}:/run/secrets:ro", scratch.path().display());
    let odd = "new: é \"'$(id)%s";
    let given = [
        ("DOCKER_ADMIN_PASSWORD", "oldest"),
        ("DOCKER_COUCHDB_ADMIN_PASSWORD", "old"),
        ("COUCHDB_PASSWORD", odd),
        ("COUCHDB_PASSWORD_FILE", "/run/secrets/password"),
    ]
    .map(|(name, value)| format!("{name}={value}"));
    let mount = volume.as_srv();
    let mut all = vec!["--volume", mount.as_str(), "--volume", &secret];
    let mut before: Option<&str> = None;
    // What was given by an older name stays: a newer one goes before it.
    for (variable, password) in given.iter().zip(["oldest", "old", odd, "from a file"]) {
        all.extend(["--env", variable]);
        let mut core = Core::start(password, &all);
        core.wait_until_well();
        assert_eq!(core.request("GET", "/_all_dbs", &[]).status, 200, "{password}");
        assert_eq!(core.container.shell(PASSWORD).success().text(), password);
        if let Some(before) = before.replace(password) {
            before.clone_into(&mut core.password);
            assert_eq!(core.request("GET", "/_all_dbs", &[]).status, 401, "{before}");
        }
    }
}

/// Killed at any instant, the next boot goes on.
#[test]
fn a_first_boot_that_is_killed_is_finished_by_the_next() {
    let volume = Volume::new();
    for tenths in [0, 2, 4, 6, 8, 10, 13, 16, 20, 25] {
        let core = Core::start("", &["--volume", &volume.as_srv()]);
        std::thread::sleep(Duration::from_millis(tenths * 100));
        call("docker", &["kill", "--signal", "KILL", &core.container.name]);
    }
    let mut core = Core::start("", &["--volume", &volume.as_srv()]);
    core.wait_until_well();
    core.password = core.container.shell(PASSWORD).success().text().to_owned();
    assert_eq!(core.password.len(), 64);
    core.must_put("/patients", "");
    core.container.exec(&["pkg", "verify"]).success();
    let left = core.container.shell("find /srv -name '*.new' -o -name .being-made").success();
    assert_eq!(left.text(), "", "left over from a boot that was cut off");
}
