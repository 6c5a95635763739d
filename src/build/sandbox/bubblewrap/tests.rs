use std::io::{Read as _, Seek as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::*;
use crate::sandbox::{Conditions, Limits, Mount};

fn plan(folder: &Path, script: &str) -> SandboxPlan {
    SandboxPlan {
        root: PathBuf::from("/"),
        mounts: vec![
            Mount::writable(folder.join("build"), "/build"),
            Mount::read_only(folder.join("input"), "/sysroot/input"),
        ],
        environment: [("PATH", "/usr/bin:/bin"), ("TEXT", "$(x) `y` 'z'")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        folder: "/build".to_owned(),
        arguments: ["/bin/sh", "-eu", "-c", script].map(str::to_owned).to_vec(),
        limits: Limits::default(),
        conditions: Conditions::default(),
    }
}

/// How the script ended and what it wrote, in a sandbox whose root is this machine's own.
fn run(change: impl FnOnce(&mut SandboxPlan), script: &str) -> (Ending, String) {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["build", "input"] {
        fs::create_dir(folder.path().join(name)).expect("made");
    }
    fs::write(folder.path().join("input/file"), "declared").expect("written");
    let mut plan = plan(folder.path(), script);
    change(&mut plan);
    let mut log = tempfile::tempfile().expect("a file");
    let ending = Bubblewrap.run(&plan, &log).expect("it runs");
    let mut text = String::new();
    log.rewind().and_then(|()| log.read_to_string(&mut text)).expect("read");
    (ending, text)
}

#[test]
fn the_command_line_says_the_whole_plan() {
    let root = [RootEntry::Folder("usr"), RootEntry::Link("bin", "usr/bin".into())];
    let line = program(&plan(Path::new("/s"), "make"), &root);
    let line: Vec<String> = line.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    assert_eq!(
        line.join(" "),
        "bwrap --unshare-all --unshare-user --die-with-parent --new-session --uid 1000 --gid 1000 --cap-drop ALL \
         --hostname build --clearenv --ro-bind /usr /usr --symlink usr/bin /bin --proc /proc --dev /dev --perms 1777 \
         --tmpfs /tmp --bind /s/build /build --ro-bind /s/input /sysroot/input --remount-ro / \
         --setenv PATH /usr/bin:/bin --setenv TEXT $(x) `y` 'z' --chdir /build -- /bin/sh -eu -c make"
    );
}

#[test]
fn a_step_sees_what_is_declared_and_nothing_else() {
    let script = "
        id -u; id -g; uname -n; pwd; umask; cat /sysroot/input/file; echo; echo \"$TEXT\"
        ls / | tr '\\n' ' '; echo; ls /build /tmp; env | grep -v -e ^PWD -e ^OLDPWD -e ^_= -e ^SHLVL | sort; echo $$
        for path in /x /usr/x /sysroot/x /sysroot/input/file /etc/passwd; do
          if (echo x > $path) 2>/dev/null; then echo written $path; fi
        done
        echo x > /build/own; echo x > /tmp/own
    ";
    let (ending, text) = run(|_| {}, script);
    assert!(ending.is_success(), "{ending}: {text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..7], ["1000", "1000", "build", "/build", "0022", "declared", "$(x) `y` 'z'"]);
    let allowed = ["build", "dev", "proc", "sysroot", "tmp"];
    for name in lines[7].split_whitespace() {
        assert!(allowed.contains(&name) || ROOT_FOLDERS.contains(&name), "/{name} is visible");
    }
    assert!(text.contains("PATH=/usr/bin:/bin\nTEXT=$(x)"), "{text}");
    assert!(!text.contains("HOME=") && !text.contains("written"), "{text}");
}

#[test]
fn there_is_no_network_and_no_process_of_the_machine() {
    let (ending, text) = run(
        |_| {},
        "cat /proc/net/route | wc -l; ls /proc | grep -c '^[0-9]*$'; kill -9 -1 2>/dev/null || true",
    );
    assert!(matches!(ending, Ending::Status(0 | 137)), "{ending}: {text}");
    let numbers: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(numbers[0] <= 1, "there is a route: {text}");
    assert!(numbers[1] <= 6, "foreign processes are visible: {text}");
}

#[test]
fn a_status_and_a_signal_are_told() {
    assert_eq!(run(|_| {}, "exit 3").0, Ending::Status(3));
    assert_eq!(run(|_| {}, "kill -SEGV $$").0.to_string(), "ended with status 139 (by signal 11)");
}

#[test]
fn what_never_ends_is_ended_with_all_it_started() {
    let mark = format!("77{}", std::process::id());
    let start = Instant::now();
    let script = format!("setsid sleep {mark} & sleep {mark}");
    let (ending, _) = run(|plan| plan.limits.time = Duration::from_millis(500), &script);
    assert_eq!(ending, Ending::TooLong(Duration::from_millis(500)));
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_gone(&mark);
}

#[test]
fn what_a_step_leaves_behind_ends_with_it() {
    let mark = format!("78{}", std::process::id());
    let (ending, _) = run(|_| {}, &format!("setsid sleep {mark} >/dev/null 2>&1 & exit 0"));
    assert!(ending.is_success());
    assert_gone(&mark);
}

#[test]
fn memory_is_limited() {
    let grow = "perl -e 'my @a; push @a, \"x\" x (8 << 20) while 1'";
    let (ending, text) = run(|plan| plan.limits.memory = 128 << 20, grow);
    assert!(!ending.is_success(), "{text}");
}

#[test]
fn the_time_a_limit_means_is_told() {
    assert!(Ending::TooLong(Duration::from_secs(3600)).to_string().contains("60 minutes"));
    assert!(Ending::OutOfMemory(8 << 30).to_string().contains("8192 MiB"));
}

/// No process has this word in its command line, at the latest in a few seconds.
fn assert_gone(mark: &str) {
    let runs = || {
        fs::read_dir("/proc").expect("there").flatten().any(|process| {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())
        })
    };
    let end = Instant::now() + Duration::from_secs(10);
    while runs() {
        assert!(Instant::now() < end, "the process with {mark} still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn conditions_are_those_of_the_plan() {
    let other = |plan: &mut SandboxPlan| {
        plan.conditions.host_name = "elsewhere".to_owned();
        plan.conditions.umask = 0o077;
        plan.conditions.processors = Some(1);
    };
    let script = "cat /proc/sys/kernel/hostname; umask; nproc";
    assert_eq!(run(other, script), (Ending::Status(0), "elsewhere\n0077\n1\n".to_owned()));
    let (_, usual) = run(|_| (), script);
    assert!(usual.starts_with("build\n0022\n"), "{usual}");
}
