//! Changes under the real supervisor: who restarts, in which order, and what becomes of a version that does not get ready.

use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Ended, Package, World};

/// The longest that anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Its script says when it is ready.
const SAYS: &str = "echo $PACKAGE_NAME/$0 >> $PACKAGE_ROOT/started; echo >&3; exec sleep 100000";
/// It never is.
const NEVER: &str = "echo 'cannot open the data'; exec sleep 100000";

fn by_fd() -> Value {
    json!({ "readiness": { "fd": 3 }, "stop": { "grace": "1s" } })
}

/// A root in which init runs.
struct Machine {
    world: World,
    init: Child,
}

impl Machine {
    fn boot(packages: &[&Package]) -> Self {
        let world = World::new();
        std::fs::create_dir_all(world.path("boot")).expect("made");
        std::fs::create_dir_all(world.path("run")).expect("made");
        for name in [
            "init",
            "supervisor-inspect",
            "supervisor-start",
            "supervisor-stop",
            "supervisor-reread",
            "svc-down",
            "svc-disable",
            "svc-log",
            "svc-restart",
            "svc-wait",
        ] {
            symlink(env!("CARGO_BIN_EXE_supervisor"), world.path(&format!("boot/{name}"))).expect("linked");
        }
        world.install(packages).ok();
        let mut init = Command::new(world.path("boot/init"));
        init.arg("--root").arg(world.root()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let init = init.spawn().expect("init starts");
        let machine = Self { world, init };
        let booted = || Some(machine.inspect()["stage"] == "running").filter(|running| *running);
        wait_for("it has booted", booted);
        machine
    }

    fn call(&self, name: &str, words: &[&str]) -> Ended {
        let mut command = Command::new(self.world.path(&format!("boot/{name}")));
        Ended::of(&command.arg("--root").arg(self.world.root()).args(words).output().expect("it runs"))
    }

    fn inspect(&self) -> Value {
        serde_json::from_str(&self.call("supervisor-inspect", &["--json"]).out).unwrap_or_default()
    }

    /// A service's status and its process; none when there is no such service.
    fn shown(&self, package: &str, service: &str) -> (String, u64) {
        let all = self.inspect();
        let find = |list: &Value, key: &str, name: &str| {
            let list = list.as_array().cloned().unwrap_or_default();
            list.into_iter().find(|one| one[key] == name).unwrap_or_default()
        };
        let found = find(&find(&all["packages"], "package", package)["services"], "service", service);
        let status = found["status"].as_str().unwrap_or_default().to_owned();
        (status, found["service_pid"].as_u64().unwrap_or(0))
    }

    #[track_caller]
    fn up(&self, package: &str, service: &str) -> u64 {
        let (status, pid) = self.shown(package, service);
        assert!(status == "Up" && pid > 0, "{package}/{service} is {status}");
        pid
    }

    /// `pkg install` that waits for 2 s at most.
    fn install(&self, packages: &[&Package], words: &[&str]) -> Ended {
        let mut command = self.world.command();
        command.args(["install", "--ready-timeout", "2"]).args(words);
        command.args(packages.iter().map(|package| package.archive(&self.world.archives())));
        Ended::of(&command.output().expect("pkg runs"))
    }

    fn started(&self) -> String {
        let text = std::fs::read_to_string(self.world.path("srv/started")).unwrap_or_default();
        let _ = std::fs::remove_file(self.world.path("srv/started"));
        let name = |line: &str| {
            let (package, path) = line.split_once('/').unwrap_or_default();
            format!("{package}/{}", path.rsplit('/').next().unwrap_or_default())
        };
        text.lines().map(name).collect::<Vec<_>>().join(" ")
    }

    /// What is installed, without what services write while they run.
    fn installed(&self) -> Vec<(String, String)> {
        let mut all = self.world.everything();
        all.retain(|path, _| !path.starts_with("srv/storage") && path != "srv/started");
        all.into_iter().collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.init.id().to_string()]).status();
        let begin = Instant::now();
        while self.init.try_wait().ok().flatten().is_none() {
            if begin.elapsed() > PATIENCE {
                let _ = self.init.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[track_caller]
fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Two services with a setting each, and the same software in every version.
fn app(version: &str, web: &str, worker: &str) -> Package {
    Package::bare("app", version)
        .software("bin/app", "#!/bin/sh\n")
        .defined("web", by_fd(), web)
        .defined("worker", by_fd(), worker)
        .setting("web/a.conf", &format!("web {version}\n"))
}

#[test]
fn only_services_with_a_change_get_a_new_process() {
    let machine = Machine::boot(&[&app("1", SAYS, SAYS)]);
    let (web, worker) = (machine.up("app", "web"), machine.up("app", "worker"));
    // Another version, another setting of `web`.
    machine.install(&[&app("2", SAYS, SAYS)], &[]).ok();
    assert_ne!(machine.up("app", "web"), web);
    assert_eq!(machine.up("app", "worker"), worker);
    // The setting is the operator's own: nothing of `web` changes.
    machine.world.write("srv/settings/app/web/a.conf", "mine\n");
    let web = machine.up("app", "web");
    let ended = machine.install(&[&app("3", SAYS, &format!(": 3; {SAYS}"))], &[]).ok();
    assert!(ended.err.contains("Info: Service 'app/worker' is being restarted"), "{ended:?}");
    assert_eq!(machine.up("app", "web"), web);
    assert_ne!(machine.up("app", "worker"), worker);
    // Software is everybody's.
    let worker = machine.up("app", "worker");
    machine.install(&[&app("4", SAYS, &format!(": 3; {SAYS}")).software("bin/more", "more")], &[]).ok();
    assert!(machine.up("app", "web") != web && machine.up("app", "worker") != worker);
}

#[test]
fn services_restart_in_their_order_and_those_that_are_down_stay_down() {
    let base = |version: &str| Package::new("base", version).defined("db", by_fd(), SAYS);
    let user = |version: &str| {
        let after = json!({ "readiness": { "fd": 3 }, "after": ["base/db"] });
        let last = json!({ "readiness": { "fd": 3 }, "after": ["a-first"] });
        Package::new("a-user", version)
            .needs("base")
            .defined("z-last", last.clone(), SAYS)
            .defined("a-first", after, SAYS)
            .defined("down", by_fd(), SAYS)
            .defined("off", by_fd(), SAYS)
    };
    let machine = Machine::boot(&[&base("1"), &user("1")]);
    machine.call("svc-down", &["a-user", "down"]).ok();
    machine.call("svc-disable", &["a-user", "off"]).ok();
    machine.started();
    machine.install(&[&base("2"), &user("2")], &[]).ok();
    assert_eq!(machine.started(), "base/db a-user/a-first a-user/z-last");
    // Of the dependent nothing has changed, but what it uses has.
    machine.install(&[&base("3")], &[]).ok();
    assert_eq!(machine.started(), "base/db a-user/a-first a-user/z-last");
    assert_eq!(machine.shown("a-user", "down").0, "Down");
    assert_eq!(machine.shown("a-user", "off").0, "Disabled");
}

#[test]
fn a_version_that_does_not_get_ready_is_rolled_back() {
    let other = |version: &str| Package::new("other", version).defined("s", by_fd(), SAYS);
    let machine = Machine::boot(&[&app("1", SAYS, SAYS), &other("1")]);
    machine.world.write("srv/storage/app/web/data", "data");
    machine.world.write("srv/settings/app/web/a.conf", "mine\n");
    let before = machine.installed();
    let (web, worker) = (machine.up("app", "web"), machine.up("app", "worker"));
    let fresh = Package::new("fresh", "1").defined("s", by_fd(), SAYS);
    // `a.conf` is edited, so its new default is put aside: that goes, too.
    let ended = machine.install(&[&fresh, &other("2"), &app("2", NEVER, SAYS)], &["--json"]);
    let value = ended.json();
    let ended = ended.failed(11, "Fatal: the service 'app/web' did not become ready within 2 s");
    assert!(ended.err.contains("cannot open the data"), "its last words: {ended:?}");
    assert!(ended.err.contains("everything is as before, and what was ready is ready again"), "{ended:?}");
    assert_eq!(value["rolled_back"], true, "{value}");
    assert_eq!(value["changes"].as_array().map(Vec::len), Some(3), "{value}");
    assert_eq!(machine.installed(), before);
    assert_eq!(machine.world.read("srv/storage/app/web/data"), "data");
    machine.world.is_clean();
    assert_ne!(machine.up("app", "web"), web);
    assert_eq!(machine.up("app", "worker"), worker, "nothing of it had changed");
    machine.up("other", "s");
    assert_eq!(machine.shown("fresh", "s").0, "", "it is gone");
    let history = machine.world.pkg(["history"]).ok();
    assert!(history.out.contains("downgrade app 2 to 1"), "{history:?}");
}

#[test]
fn a_program_that_cannot_run_and_a_setup_step_that_fails_are_rolled_back_too() {
    let quick = |version: &str, script: &str| {
        Package::new("quick", version).defined("s", json!({ "stop": { "grace": "1s" } }), script)
    };
    let machine = Machine::boot(&[&quick("1", "exec sleep 100000")]);
    machine.install(&[&quick("2", "sleep 0.5; exit 1")], &[]).failed(11, "'quick/s' does not stay up");
    let gone = quick("2", "exec /no/such/program");
    machine.install(&[&gone], &[]).failed(11, "/no/such/program: not found");
    assert_eq!(machine.world.says("quick"), "quick 1");
    let pid = machine.up("quick", "s");
    let broken =
        quick("3", "exec sleep 200000").script("setup/10-data", "#!/bin/sh\necho broken data; exit 1\n");
    machine.install(&[&broken], &[]).failed(11, "quick/setup/10-data ended with exit code 1: broken data");
    assert_eq!((machine.world.says("quick"), machine.up("quick", "s")), ("quick 1".into(), pid));
    let new = Package::new("new", "1").defined("s", by_fd(), NEVER);
    machine.install(&[&new], &[]).failed(11, "the service 'new/s' did not become ready");
    assert!(!machine.world.exists("srv/software/new") && machine.world.exists("srv/storage/new"));
    machine.world.is_clean();
}

#[test]
fn without_auto_rollback_the_new_version_stays() {
    let machine = Machine::boot(&[&app("1", SAYS, SAYS)]);
    let ended = machine.install(&[&app("2", NEVER, SAYS)], &["--no-auto-rollback", "--json"]);
    assert_eq!(ended.json()["rolled_back"], false);
    ended.failed(12, "The new version stays, since --no-auto-rollback says so");
    assert_eq!(machine.world.link("srv/software/app/current"), "v2");
    // It was not ready before: that it is not afterwards is nothing that going back would mend.
    let ended = machine.install(&[&app("3", &format!(": 3; {NEVER}"), SAYS)], &[]).ok();
    assert!(ended.err.contains("Warning: The time is over; not ready: app/web"), "{ended:?}");
    machine.world.pkg(["use", "app", "2", "--ready-timeout", "1"]).ok();
    machine.install(&[&app("4", SAYS, SAYS)], &[]).ok();
    machine.up("app", "web");
    // The same version once more, and broken: there is nothing to go back to.
    let again = app("4", NEVER, SAYS);
    machine.install(&[&again], &["--reinstall"]).failed(12, "there was no way back");
    machine.world.is_clean();
}

#[test]
fn a_script_that_fails_on_the_way_back_is_left_out() {
    let only_once = "#!/bin/sh\ntest -z \"$PACKAGE_OLD_VERSION\"\n";
    let machine = Machine::boot(&[&app("1", SAYS, SAYS).script("install", only_once)]);
    let ended = machine.install(&[&app("2", NEVER, SAYS)], &[]);
    assert!(ended.err.contains("everything is as before. Going back without it"), "{ended:?}");
    ended.failed(11, "what was ready is ready again");
    assert_eq!(machine.world.link("srv/software/app/current"), "v1");
    machine.up("app", "web");
    machine.world.is_clean();
}

#[test]
fn data_that_the_version_before_cannot_use_is_no_way_back() {
    let machine = Machine::boot(&[&app("1", SAYS, SAYS)]);
    let ended = machine.install(&[&app("2", NEVER, SAYS).data_from("2")], &[]);
    ended.failed(12, "there was no way back: 'app' 1 cannot use the data in /srv/storage/app");
    assert_eq!(machine.world.link("srv/software/app/current"), "v2");
    machine.world.pkg(["rollback", "app", "--data-restored"]).ok();
    machine.up("app", "web");
}

#[test]
fn a_killed_pkg_leaves_the_decided_version_whole() {
    let machine = Machine::boot(&[&app("1", SAYS, SAYS)]);
    let archive = app("2", NEVER, SAYS).archive(&machine.world.archives());
    let mut command = machine.world.command();
    command.args(["install", "--ready-timeout", "20"]).arg(archive);
    let mut pkg = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("pkg runs");
    wait_for("the new version is being started", || {
        (machine.shown("app", "web").0 == "Starting").then_some(())
    });
    pkg.kill().expect("killed");
    pkg.wait().expect("waited");
    assert_eq!(machine.world.link("srv/software/app/current"), "v2");
    machine.world.is_clean();
    machine.world.pkg(["rollback", "app", "--ready-timeout", "20"]).ok();
    assert_eq!(machine.world.link("srv/software/app/current"), "v1");
    machine.up("app", "web");
}
