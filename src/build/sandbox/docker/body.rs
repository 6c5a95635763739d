//! A sandbox plan as a container. Pure.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount as DockerMount,
    MountBindOptions, MountBindOptionsPropagationEnum, MountType, ResourcesUlimits,
};

use super::daemon::Facts;
use super::on_path;
use super::owner::Owner;
use crate::error::BuildError;
use crate::sandbox::conditions::processor_list;
use crate::sandbox::{Mount, SandboxPlan};

/// The label of the store whose builder made a container.
pub const STORE_LABEL: &str = "org.medic-os.build.store";
/// The label of that builder's process number.
pub const PID_LABEL: &str = "org.medic-os.build.pid";
/// The label of what it is for.
pub const KIND_LABEL: &str = "org.medic-os.build.kind";

/// Variables that Docker sets of itself, or that come from the user's entry in `/etc/passwd`.
const DOCKERS_OWN: [&str; 4] = ["HOME", "HOSTNAME", "PATH", "TERM"];
/// Files of the machine's network that Docker shows in every container.
const NETWORK_FILES: [&str; 3] = ["etc/hosts", "etc/hostname", "etc/resolv.conf"];

/// Process 1 of a step. `$1`: the umask. `$2`: kilobytes of data a process may have. `$3`: variables to remove. Then the
/// program.
///
/// Standard input is the builder's: it ends when the builder does, however that ended, and then everything here ends too.
/// Standard error goes where standard output goes, so that lines stay in their order.
const STEP: &str = r#"
umask "$1"
ulimit -c 0
ulimit -d "$2" 2>/dev/null || :
unset $3
shift 3
exec 3<&0 </dev/null 2>&1
{ read -r _ <&3; kill -KILL -1; } &
exec 3<&-
"$@"
exit $?
"#;

/// Process 1 of a shell, which has a terminal.
const SHELL: &str = r#"
umask "$1"
ulimit -c 0
ulimit -d "$2" 2>/dev/null || :
unset $3
shift 3
"$@"
exit $?
"#;

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A program that nobody talks to.
    Step,
    /// One with a terminal.
    Shell,
}

impl Kind {
    /// As it stands in the label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Shell => "shell",
        }
    }
}

/// What tells the next builder whose a container is.
pub fn labels(store: &Path, kind: Kind) -> HashMap<String, String> {
    let labels = [
        (STORE_LABEL, store.display().to_string()),
        (PID_LABEL, std::process::id().to_string()),
        (KIND_LABEL, kind.name().to_owned()),
    ];
    labels.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The container of a plan.
///
/// # Errors
/// A path of this machine that cannot be said in the API's JSON.
pub fn body(
    plan: &SandboxPlan,
    image: &str,
    owner: &Owner,
    facts: &Facts,
    labels: &HashMap<String, String>,
    kind: Kind,
) -> Result<ContainerCreateBody, BuildError> {
    let shell = kind == Kind::Shell;
    Ok(ContainerCreateBody {
        image: Some(image.to_owned()),
        hostname: Some(plan.conditions.host_name.clone()),
        user: Some(format!("{}:{}", owner.user, owner.group)),
        env: Some(environment(plan).into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
        entrypoint: Some(["/bin/sh", "-c", if shell { SHELL } else { STEP }].map(str::to_owned).into()),
        cmd: Some(arguments(plan)),
        working_dir: Some(plan.folder.clone()),
        labels: Some(labels.clone()),
        tty: Some(shell),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(host(plan, facts)?),
        ..ContainerCreateBody::default()
    })
}

/// The plan's, and the folder as bubblewrap says it.
fn environment(plan: &SandboxPlan) -> BTreeMap<&str, &str> {
    let own = plan.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    [("PWD", plan.folder.as_str())].into_iter().chain(own).collect()
}

/// What process 1 is given.
fn arguments(plan: &SandboxPlan) -> Vec<String> {
    let unset = DOCKERS_OWN.iter().filter(|name| !plan.environment.contains_key(**name)).copied();
    let first = [
        "sandbox".to_owned(),
        format!("{:03o}", plan.conditions.umask),
        (plan.limits.memory >> 10).to_string(),
        unset.collect::<Vec<_>>().join(" "),
    ];
    first.into_iter().chain(plan.arguments.clone()).collect()
}

fn host(plan: &SandboxPlan, facts: &Facts) -> Result<HostConfig, BuildError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mounts = network_files(plan).into_iter().chain(plan.mounts.iter().cloned());
    let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    let processors = processor_list(plan.conditions.processors).map_err(|error| BuildError::Environment {
        what: "finding out which processors may be used".to_owned(),
        message: error.to_string(),
    })?;
    Ok(HostConfig {
        cpuset_cpus: processors,
        network_mode: Some("none".to_owned()),
        readonly_rootfs: Some(true),
        mounts: Some(mounts.map(|mount| bind(&mount)).collect::<Result<_, _>>()?),
        tmpfs: Some([("/tmp".to_owned(), "rw,exec,nosuid,nodev,mode=1777".to_owned())].into()),
        cap_drop: texts(&["ALL"]),
        security_opt: texts(&["no-new-privileges"]),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        // Files are then whoever's they are on the machine.
        userns_mode: facts.remaps_users.then(|| "host".to_owned()),
        // What a program finds there is the machine's: bubblewrap shows none of it.
        masked_paths: texts(&[
            "/proc/acpi",
            "/proc/asound",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/sched_debug",
            "/proc/scsi",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/sys",
        ]),
        memory: facts.limits.0.then(|| number(plan.limits.memory)),
        memory_swap: facts.limits.0.then(|| number(plan.limits.memory)),
        pids_limit: facts.limits.1.then(|| number(plan.limits.processes)),
        ulimits: Some(vec![ResourcesUlimits { name: Some("core".to_owned()), soft: Some(0), hard: Some(0) }]),
        // What it writes is read as it comes; the daemon keeps no second copy of it.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        ..HostConfig::default()
    })
}

/// The build root's own files where Docker would show the machine's; nothing where it has none.
fn network_files(plan: &SandboxPlan) -> Vec<Mount> {
    let mount = |file: &&str| {
        let own = plan.root.tree.join(file);
        let host = if own.is_file() { own } else { "/dev/null".into() };
        Mount::read_only(host, format!("/{file}"))
    };
    NETWORK_FILES.iter().map(mount).collect()
}

fn bind(mount: &Mount) -> Result<DockerMount, BuildError> {
    let source = mount.host.to_str().ok_or_else(|| {
        on_path("showing Docker the path", &mount.host, &"its name is not UTF-8: use --runner bubblewrap")
    })?;
    Ok(DockerMount {
        typ: Some(MountType::BIND),
        source: Some(source.to_owned()),
        target: Some(mount.guest.clone()),
        read_only: Some(!mount.writable),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        }),
        ..DockerMount::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Root;
    use crate::sandbox::{Conditions, Limits};
    use medic_model::Sha256;

    fn plan() -> SandboxPlan {
        SandboxPlan {
            root: Root { tree: "/nowhere".into(), identity: Sha256::from_bytes([1; 32]) },
            mounts: vec![Mount::read_only("/s/in put", "/sysroot/zlib"), Mount::writable("/s/b", "/build")],
            environment: [("HOME", "/build"), ("TEXT", "a=b $(x)\n")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            folder: "/build/src".to_owned(),
            arguments: ["/bin/sh", "-eu", "/steps/01-x"].map(str::to_owned).to_vec(),
            limits: Limits { processes: 77, memory: 1 << 30, ..Limits::default() },
            conditions: Conditions::default(),
        }
    }

    fn made(kind: Kind) -> ContainerCreateBody {
        let facts = Facts { limits: (true, true), remaps_users: true, ..Facts::default() };
        let owner = Owner { user: 1000, group: 1000, changes: true };
        body(&plan(), "image", &owner, &facts, &labels(Path::new("/s"), kind), kind).expect("said")
    }

    #[test]
    fn the_container_says_the_whole_plan() {
        let body = made(Kind::Step);
        assert_eq!((body.user.as_deref(), body.tty), (Some("1000:1000"), Some(false)));
        assert_eq!(body.env.expect("set"), ["HOME=/build", "PWD=/build/src", "TEXT=a=b $(x)\n"]);
        let given = body.cmd.expect("set");
        assert_eq!(
            given,
            ["sandbox", "022", "1048576", "HOSTNAME PATH TERM", "/bin/sh", "-eu", "/steps/01-x"]
        );
        let labels = body.labels.expect("set");
        assert_eq!((labels[STORE_LABEL].as_str(), labels[KIND_LABEL].as_str()), ("/s", "step"));
        let host = body.host_config.expect("set");
        assert_eq!((host.network_mode.as_deref(), host.readonly_rootfs), (Some("none"), Some(true)));
        assert_eq!(
            (host.memory, host.memory_swap, host.pids_limit),
            (Some(1 << 30), Some(1 << 30), Some(77))
        );
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(host.userns_mode.as_deref(), Some("host"));
        let mounts: Vec<_> = host
            .mounts
            .expect("set")
            .into_iter()
            .map(|mount| {
                (mount.source.unwrap_or_default(), mount.target.unwrap_or_default(), mount.read_only)
            })
            .collect();
        let mount = |from: &str, to: &str, read_only| (from.to_owned(), to.to_owned(), Some(read_only));
        assert_eq!(mounts[2], mount("/dev/null", "/etc/resolv.conf", true));
        assert_eq!(mounts[3..], [mount("/s/in put", "/sysroot/zlib", true), mount("/s/b", "/build", false)]);
    }

    #[test]
    fn a_shell_has_a_terminal_and_is_known_as_one() {
        let body = made(Kind::Shell);
        assert_eq!(body.tty, Some(true));
        assert_eq!(body.labels.expect("set")[KIND_LABEL], "shell");
    }
}
