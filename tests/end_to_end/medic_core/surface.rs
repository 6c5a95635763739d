//! What of a running container can be seen and reached equals the list in docs/medic-core.md; and no secret is where it can be read.

use std::time::Duration;

use medic_tests::command::call;
use medic_tests::medic_core::Core;
use medic_tests::wait_for;
use medic_tests::xtask::medic_core_image;

/// The block of docs/medic-core.md after a line with this mark.
fn documented(mark: &str) -> String {
    let text =
        std::fs::read_to_string(medic_tests::workspace().join("docs/medic-core.md")).expect("it is there");
    let after = text.split_once(mark).unwrap_or_else(|| panic!("docs/medic-core.md has no {mark}")).1;
    let block = after.split("```").nth(1).expect("a block follows");
    block.trim_start_matches("text").trim().to_owned()
}

/// The ports that anything listens on, and with which address.
const PORTS: &str =
    "netstat -ltun | awk 'NR > 2 { print $1, $4 }' | grep -v '^tcp 127.0.0.11:\\|^udp 127.0.0.11:' | sort";
/// Who runs what, without what this test itself runs.
const USERS: &str = "for process in /proc/[0-9]*; do \
    name=$(cat \"$process/comm\" 2>/dev/null) || continue; \
    case $name in sh|awk|sort|cat|sed|uniq|sleep) continue;; esac; \
    echo \"$name $(awk '/^Uid/ { print $2 }' \"$process/status\") $(awk '/^CapEff/ { print $2 }' \"$process/status\")\"; \
    done | sort -u";
/// Where a process of the database, and where a worker of nginx, may write: folders of every mount but the kernel's own. What the
/// database makes below its data is one.
fn writable(user: &str) -> String {
    format!(
        "setuidgid {user} sh -c 'find / -type d \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o -type d -print 2>/dev/null | while read -r \
         folder; do if ( : > \"$folder/.written\" ) 2>/dev/null; then rm \"$folder/.written\"; echo \"$folder\"; fi; done' | sed 's,\\(/couchdb/data\\)/.*,\\1,' | sort -u"
    )
}

#[test]
fn what_can_be_reached_is_what_is_documented() {
    let core = Core::serving("secret", &CAPABILITIES);
    let shown = |text: &str| core.container.shell(text).success().text().to_owned();
    assert_eq!(shown(PORTS), documented("<!-- ports -->"));
    assert_eq!(shown(USERS), documented("<!-- processes -->"));
    assert_eq!(shown(&writable("couchdb")), documented("<!-- written by couchdb -->"));
    assert_eq!(shown(&writable("nginx")), documented("<!-- written by nginx -->"));
    core.must_put("/works", "");
}

/// What the deployment files give: nothing else is needed.
const CAPABILITIES: [&str; 15] = [
    "--read-only",
    "--tmpfs=/run",
    "--tmpfs=/tmp",
    "--security-opt=no-new-privileges",
    "--cap-drop=ALL",
    "--cap-add=CHOWN",
    "--cap-add=DAC_OVERRIDE",
    "--cap-add=FOWNER",
    "--cap-add=KILL",
    "--cap-add=NET_BIND_SERVICE",
    "--cap-add=SETGID",
    "--cap-add=SETUID",
    "--hostname=core",
    "--user=0",
    "--pids-limit=500",
];

#[test]
fn the_files_for_deployment_give_what_was_tested() {
    let added: Vec<&str> = CAPABILITIES.iter().filter_map(|one| one.strip_prefix("--cap-add=")).collect();
    let added = format!("[{}]", added.join(", "));
    for (file, wanted) in [
        ("compose.yaml", [format!("cap_add: {added}"), "cap_drop: [ALL]".into(), "read_only: true".into()]),
        (
            "kubernetes.yaml",
            [format!("add: {added}"), "drop: [ALL]".into(), "readOnlyRootFilesystem: true".into()],
        ),
    ] {
        let path = medic_tests::workspace().join("images/medic-core").join(file);
        let text = std::fs::read_to_string(path).expect("it is there");
        for line in wanted {
            assert!(text.contains(&line), "images/medic-core/{file} has no '{line}'");
        }
    }
}

#[test]
fn no_secret_is_in_arguments_logs_or_layers() {
    let secret = "a-password-that-must-not-be-seen";
    let core = Core::serving(secret, &[]);
    core.must_put("/works", "");
    // All the time, not once: a short-lived process of the boot is caught as well.
    core.container.exec(&["svc-restart", "medic-core", "databases"]).success();
    let look = "for n in $(seq 40); do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; ps -o args; done";
    let watching = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| core.container.shell(look).success().stdout);
        core.container.exec(&["svc-restart", "medic-core"]).success();
        watcher.join().expect("it did not panic")
    });
    wait_for("well again", Duration::from_secs(60), || core.is_well().then_some(()));
    let identity = core.container.shell("cat /srv/settings/medic-core/couchdb/private/10-identity.ini /srv/storage/medic-core/couchdb/.erlang.cookie");
    let cookie: Vec<&str> = identity.stdout.split_whitespace().filter(|word| word.len() == 64).collect();
    assert_eq!(cookie.len(), 2, "{}", identity.stdout);
    let basic = "YWRtaW46YS1wYXNzd29yZC10aGF0LW11c3Qtbm90LWJlLXNlZW4=";
    let logs = core.container.logs()
        + &core
            .container
            .shell("find /srv/storage/medic-core -path '*/logs/*' -type f -exec cat {} +")
            .stdout;
    assert!(logs.contains("works"), "nginx's log is not among these");
    let layers = call("docker", &["history", "--no-trunc", &medic_core_image().reference]).success().stdout;
    for hidden in [secret, basic, cookie[0], cookie[1]] {
        assert!(!watching.contains(hidden), "an argument has {hidden}");
        assert!(!logs.contains(hidden), "a log has {hidden}");
        assert!(!layers.contains(hidden), "the image has {hidden}");
    }
    // The services do not hand it on: only init, whom it was given to, has it in its environment.
    let environments = core.container.shell(
        "for p in /proc/[0-9]*; do grep -qs must-not-be-seen \"$p/environ\" && cat \"$p/comm\"; done; true",
    );
    let holders: Vec<&str> =
        environments.stdout.lines().filter(|name| ["node", "nginx"].contains(name)).collect();
    assert!(holders.is_empty(), "{}", environments.stdout);
    let private = core.container.shell(
        "setuidgid nginx cat /srv/settings/medic-core/couchdb/private/* /srv/storage/medic-core/passwd/*",
    );
    assert!(private.stdout.is_empty(), "nginx may read secrets");
}
