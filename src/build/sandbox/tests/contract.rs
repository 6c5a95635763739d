//! What every runner must give, tried with each: see the module's documentation. Docker's need a running daemon, and fail
//! without one (`.ci/setup --tests` starts it).

use std::fs;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::bench::{Bench, assert_gone, on_each_runner, remove_image, running, wait_for};
use crate::key::digest_of;
use crate::root::Root;
use crate::sandbox::{Docker, Ending, Runner as _, RunnerKind, Terminal};

on_each_runner! { super::Bench::new:
    a_program_sees_what_is_declared_and_nothing_else,
    the_environment_is_the_plans_and_no_more,
    there_is_no_network_and_no_process_of_the_machine,
    there_is_no_privilege_and_no_terminal,
    a_status_and_a_signal_are_told,
    both_outputs_come_in_their_order,
    inputs_cannot_be_written,
    what_it_makes_is_the_callers,
    what_never_ends_is_ended_with_all_it_started,
    what_it_leaves_behind_ends_with_it,
    memory_is_limited,
    processes_are_limited,
    conditions_are_those_of_the_plan,
    a_shell_has_a_terminal_of_its_own,
    nothing_outlives_a_killed_builder,
}

fn a_program_sees_what_is_declared_and_nothing_else(bench: &Bench) {
    let (ending, text) = bench.run(
        "id -u; id -g; uname -n; pwd; umask; ulimit -c; cat /sysroot/input/file; echo; cat; echo \"$TEXT\"
         ls / | tr '\\n' ' '; echo; ls /build /tmp /sysroot /sys 2>/dev/null || true
         cat /etc/resolv.conf /etc/hosts 2>/dev/null || true
         for path in /x /bin/x /sysroot/x /etc/passwd /sys/x; do
           if (echo x > $path) 2>/dev/null; then echo written $path; fi
         done
         echo x > /build/own; printf '#!/bin/sh\\necho from /tmp' > /tmp/own; chmod +x /tmp/own; /tmp/own",
    );
    assert!(ending.is_success(), "{ending}: {text}");
    let lines: Vec<&str> = text.lines().collect();
    let (user, group) = bench.user();
    assert_eq!(lines[..8], [&*user, &*group, "build", "/build", "0022", "0", "declared", "$(x) `y` 'z'"]);
    let mut visible: Vec<&str> = lines[8].split_whitespace().collect();
    // Docker shows an empty /sys.
    visible.retain(|name| *name != "sys");
    assert_eq!(visible, ["bin", "build", "dev", "etc", "proc", "sysroot", "tmp"]);
    let rest = lines[9..].iter().filter(|line| !line.is_empty() && !line.ends_with(':')).collect::<Vec<_>>();
    assert_eq!(rest, [&"input", &"from /tmp"], "{text}");
}

fn conditions_are_those_of_the_plan(bench: &Bench) {
    let script = "cat /proc/sys/kernel/hostname; umask; nproc";
    let mut plan = bench.plan(script);
    plan.conditions.host_name = "elsewhere".to_owned();
    plan.conditions.umask = 0o077;
    plan.conditions.processors = Some(1);
    assert_eq!(bench.run_plan(&plan), (Ending::Status(0), "elsewhere\n0077\n1\n".to_owned()));
    let (_, usual) = bench.run(script);
    assert!(usual.starts_with("build\n0022\n"), "{usual}");
}

fn the_environment_is_the_plans_and_no_more(bench: &Bench) {
    for more in [None, Some("HOME"), Some("HOSTNAME")] {
        let mut plan = bench.plan("env | sort | grep -v -e ^SHLVL= -e ^_=");
        plan.environment.extend(more.map(|name| (name.to_owned(), "/build".to_owned())));
        let (ending, text) = bench.run_plan(&plan);
        assert!(ending.is_success(), "{ending}: {text}");
        let mut expected: Vec<String> =
            plan.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        expected.push("PWD=/build".to_owned());
        expected.sort();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}

fn there_is_no_network_and_no_process_of_the_machine(bench: &Bench) {
    let (ending, text) = bench.run(
        "cat /proc/net/route | wc -l; ls /proc | grep -c '^[0-9]*$'; ls /sys/class/net 2>/dev/null || true
         nc -w 2 192.0.2.1 80 </dev/null && echo connected; kill -9 -1 2>/dev/null || true",
    );
    assert!(matches!(ending, Ending::Status(0 | 137)), "{ending}: {text}");
    let numbers: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(numbers[0] <= 1, "there is a route: {text}");
    assert!(numbers[1] <= 7, "foreign processes are visible: {text}");
    assert!(!text.contains("connected"), "{text}");
}

fn there_is_no_privilege_and_no_terminal(bench: &Bench) {
    let script = "grep -e ^CapEff -e ^CapBnd -e ^NoNewPrivs /proc/self/status; tty || true; if (echo x > /dev/tty) 2>/dev/null; then echo written; fi";
    let (ending, text) = bench.run(script);
    assert!(ending.is_success(), "{ending}: {text}");
    let words: Vec<&str> = text.split_whitespace().collect();
    let zero = "0000000000000000";
    assert_eq!(words, ["CapEff:", zero, "CapBnd:", zero, "NoNewPrivs:", "1", "not", "a", "tty"]);
}

fn a_status_and_a_signal_are_told(bench: &Bench) {
    assert_eq!(bench.run("exit 3").0, Ending::Status(3));
    assert_eq!(bench.run("no-such-program").0, Ending::Status(127));
    assert_eq!(bench.run("kill -SEGV $$").0.to_string(), "ended with status 139 (by signal 11)");
}

fn both_outputs_come_in_their_order(bench: &Bench) {
    let (_, text) = bench.run("for i in 1 2 3 4 5 6 7 8 9; do echo out$i; echo err$i >&2; done; printf end");
    let numbers = (1..=9).map(|number| format!("out{number}\nerr{number}\n"));
    assert_eq!(text, numbers.chain(["end".to_owned()]).collect::<String>());
}

fn inputs_cannot_be_written(bench: &Bench) {
    let (ending, text) = bench.run(
        "for path in /sysroot/input/file /sysroot/input/new /sysroot/input/below/new /bin/busybox /etc/new; do
           if (echo x >> $path) 2>/dev/null; then echo written $path; fi
           if rm -rf $path 2>/dev/null && [ -e /sysroot/input/file ]; then :; fi
           if chmod 777 /sysroot/input /bin 2>/dev/null; then echo changed; fi
         done
         mount -o remount,rw /sysroot/input 2>/dev/null && echo remounted; umount /sysroot/input 2>/dev/null && echo unmounted
         ln /sysroot/input/file /build/link 2>/dev/null && echo linked; true",
    );
    assert!(ending.is_success(), "{ending}: {text}");
    assert_eq!(text, "");
    assert_eq!(fs::read_to_string(bench.join("input/file")).expect("there"), "declared");
    assert_eq!(fs::read_dir(bench.join("input")).expect("there").count(), 2);
    assert_eq!(fs::read_dir(bench.join("input/below")).expect("there").count(), 0);
}

fn what_it_makes_is_the_callers(bench: &Bench) {
    fs::write(bench.join("build/mine"), "x").expect("written");
    let script = "echo more >> mine; mkdir -p deep/er; echo y > deep/er/file; chmod 4755 deep/er/file; ln -s /etc/shadow link";
    let (ending, text) = bench.run(script);
    assert!(ending.is_success(), "{ending}: {text}");
    let own = rustix::process::geteuid().as_raw();
    for path in ["build", "build/mine", "build/deep/er/file", "build/link"] {
        assert_eq!(fs::symlink_metadata(bench.join(path)).expect("there").uid(), own, "{path}");
    }
    let mode = fs::metadata(bench.join("build/deep/er")).expect("there").mode();
    assert_eq!(mode & 0o7777, 0o755);
}

fn what_never_ends_is_ended_with_all_it_started(bench: &Bench) {
    let mark = format!("77{}", std::process::id());
    let mut plan = bench.plan(&format!("echo begun; setsid sleep {mark} & sleep {mark}"));
    plan.limits.time = Duration::from_millis(1500);
    let (ending, text) = bench.run_plan(&plan);
    assert_eq!((ending, text.as_str()), (Ending::TooLong(Duration::from_millis(1500)), "begun\n"));
    assert_gone(&mark);
}

fn what_it_leaves_behind_ends_with_it(bench: &Bench) {
    let mark = format!("78{}", std::process::id());
    let script = format!("setsid sleep {mark} & nohup sh -c 'while true; do sleep {mark}; done' & exit 0");
    let (ending, text) = bench.run(&script);
    assert!(ending.is_success(), "{ending}: {text}");
    assert_gone(&mark);
}

fn memory_is_limited(bench: &Bench) {
    let mut plan = bench.plan("awk 'BEGIN { s = \"0123456789abcdef\"; while (1) s = s s }'");
    plan.limits.memory = 128 << 20;
    let (ending, text) = bench.run_plan(&plan);
    assert!(!ending.is_success() && !matches!(ending, Ending::TooLong(_)), "{ending}: {text}");
}

fn processes_are_limited(bench: &Bench) {
    let mark = format!("79{}", std::process::id());
    let mut plan = bench.plan(&format!("while true; do sleep {mark} & done"));
    plan.limits.processes = 64;
    plan.limits.time = Duration::from_secs(20);
    let (ending, text) = std::thread::scope(|scope| {
        let most = scope.spawn(|| {
            let end = Instant::now() + Duration::from_secs(3);
            let counts = std::iter::from_fn(|| (Instant::now() < end).then(|| running(&mark)));
            counts.max().unwrap_or(0)
        });
        let result = bench.run_plan(&plan);
        let most = most.join().expect("no panic");
        assert!(most <= 64, "{most} processes at once");
        result
    });
    assert!(!ending.is_success(), "{ending}: {text}");
    assert_gone(&mark);
}

fn a_shell_has_a_terminal_of_its_own(bench: &Bench) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("made");
    let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("text");
    let size = rustix::termios::Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&ours, size).expect("set");
    let theirs = fs::OpenOptions::new().read(true).write(true).open(&name).expect("opened");
    let mut ours = File::from(ours);
    let mut keys = ours.try_clone().expect("another");
    let mut plan = bench.plan("");
    plan.arguments = ["/bin/sh", "-i"].map(str::to_owned).to_vec();
    let stop = AtomicBool::new(false);
    let shown = std::thread::scope(|scope| {
        let terminal =
            Terminal::take(theirs.try_clone().expect("another"), theirs, &stop).expect("a terminal");
        let shown = scope.spawn(move || {
            let (mut shown, mut bytes, mut typed) = (String::new(), [0; 4096], 0);
            // What is typed is shown as well, so each answer is something else than the words that asked for it.
            let talk = [
                ("", "sleep 0.5; echo $((6 * 7)) $(tty | wc -l)\n"),
                ("42 1", "stty size | sed 's/^/size /'\n"),
                ("size 33 77", "sleep 100\n"),
                ("sleep 100", "\u{3}"),
                ("^C", "ls /sysroot | sed 's/^/sees /'; exit 5\n"),
            ];
            while let Ok(count @ 1..) = ours.read(&mut bytes) {
                shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
                if let Some((_, words)) = talk.get(typed).filter(|(said, _)| shown.contains(said)) {
                    if *words == "\u{3}" {
                        std::thread::sleep(Duration::from_millis(300));
                    }
                    keys.write_all(words.as_bytes()).expect("typed");
                    typed += 1;
                }
                if shown.contains("sees input") {
                    break;
                }
            }
            shown
        });
        let ending = bench.runner.interact(&plan, &terminal).expect("it runs");
        assert_eq!(ending, Ending::Status(5));
        drop(terminal);
        shown.join().expect("no panic")
    });
    assert!(shown.contains("42 1") && shown.contains("sees input"), "{shown}");
}

/// Set for the test below when it is a builder to be killed: where its bench is.
const CHILD: &str = "MEDIC_BUILD_TEST_BENCH";

fn nothing_outlives_a_killed_builder(bench: &Bench) {
    let mark = format!("76{}", std::process::id());
    if let Ok(mark) = std::env::var(CHILD) {
        let _ = bench.run(&format!("setsid sleep {mark} & sleep {mark}"));
        return;
    }
    let name = format!("sandbox::tests::contract::{}::nothing_outlives_a_killed_builder", bench.kind);
    let folder = bench.join("tmp");
    fs::create_dir(&folder).expect("made");
    let mut child = Command::new(std::env::current_exe().expect("known"))
        .args(["--exact", &name])
        .env(CHILD, &mark)
        .env("TMPDIR", &folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    wait_for("both processes run", || running(&mark) >= 2);
    child.kill().expect("it runs");
    child.wait().expect("a child");
    assert_gone(&mark);
    if bench.kind == RunnerKind::Docker {
        let store = fs::read_dir(&folder).expect("there").flatten().next().expect("one").path();
        let containers = || {
            let filter = format!("label=org.medic-os.build.store={}", store.display());
            let listed =
                Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &filter]).output();
            String::from_utf8_lossy(&listed.expect("docker").stdout).lines().count()
        };
        assert_eq!(containers(), 1, "it is kept for nobody, and takes next to nothing");
        let next = Docker::new(std::env::var("DOCKER_HOST").ok().as_deref(), &store);
        next.ready().expect("removed");
        assert_eq!(containers(), 0);
        let root = Root { tree: PathBuf::new(), identity: digest_of(&store) };
        remove_image(&root);
    }
}
