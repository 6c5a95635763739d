//! Under which conditions the second build is made. Pure.

use std::path::Path;

use crate::fetch::Mirror;
use crate::sandbox::{Conditions, RunnerKind};
use crate::settings::Settings;

/// What is to be known of the machine, for other conditions to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// How many processors this program may use, at least 1.
    pub processors: usize,
    /// This program's own umask.
    pub umask: u32,
    /// Whether a folder in the scratch place lists its files in another order than one in the store.
    pub other_order: bool,
}

/// A condition and its two values, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Varied {
    /// The condition, such as `host name`.
    pub condition: &'static str,
    /// What it is for the first build.
    pub first: String,
    /// What it is for the second build.
    pub second: String,
}

/// The two builds of one thing.
#[derive(Debug, Clone)]
pub struct ReproducePlan {
    /// Every condition that differs.
    pub varied: Vec<Varied>,
    /// The first build: as any build is made, results that are in the store included.
    pub first: Settings,
    /// The second build: everything made anew, in another place.
    pub second: Settings,
    /// What the second build's sandboxes are like.
    pub conditions: Conditions,
    /// The second builder's own umask.
    pub umask: u32,
}

const HOST_NAME: &str = "another-host";
/// The umask of the second build; where the first one's is this, the usual one.
const UMASKS: [u32; 2] = [0o077, 0o022];
/// Neither its offset nor its name is UTC's, and its date is mostly another.
const ZONE: &str = "ELSE-13:45";
/// Without UTF-8: other sorting, other messages.
const LOCALE: &str = "C";

impl ReproducePlan {
    /// The plan for a first build with these settings, and a second one by `runner` in the empty folder `scratch`.
    pub fn new(settings: &Settings, runner: RunnerKind, scratch: &Path, machine: Machine) -> Self {
        let usual = Conditions::default();
        let [strict, common] = UMASKS;
        let umask = if machine.umask == strict { common } else { strict };
        let processors = machine.processors.saturating_sub(1).max(1);
        let conditions = Conditions {
            host_name: HOST_NAME.to_owned(),
            umask,
            processors: Some(processors),
            environment: [("LC_ALL", LOCALE), ("TZ", ZONE)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        let second = second_settings(settings, runner, scratch);
        let mut varied = vec![
            vary("workspace", settings.workspace.display(), second.workspace.display()),
            vary("store", settings.store.display(), format!("{}, empty", second.store.display())),
            vary("time", "as it was", "later; all files of the workspace have other times"),
            vary("host name", &usual.host_name, &conditions.host_name),
            vary("locale", "C.UTF-8", LOCALE),
            vary("time zone", "UTC", ZONE),
            vary("umask of the steps", octal(usual.umask), octal(conditions.umask)),
            vary("umask of the builder", octal(machine.umask), octal(umask)),
            vary("jobs", settings.jobs, second.jobs),
            vary("processors", machine.processors, processors),
            vary("runner", settings.runner, runner),
        ];
        if machine.other_order {
            varied.push(vary(
                "order of files",
                "as the store's disk lists them",
                "as the scratch place does",
            ));
        }
        varied.retain(|varied| varied.first != varied.second);
        Self { varied, first: settings.clone(), second, conditions, umask }
    }
}

/// Sources come from the first store, so that the network is asked for nothing.
fn second_settings(first: &Settings, runner: RunnerKind, scratch: &Path) -> Settings {
    let workspace = scratch.join("another/place/of/the/workspace");
    let mut access = first.access.clone();
    access.workspace.clone_from(&workspace);
    access.mirrors = vec![Mirror::Directory(first.store.join("sources"))];
    access.offline = true;
    Settings {
        workspace,
        store: scratch.join("store"),
        jobs: first.jobs + 1,
        offline: true,
        access,
        runner,
        // What another builder made is not made anew.
        cache: None,
        ..first.clone()
    }
}

fn octal(umask: u32) -> String {
    format!("{umask:03o}")
}

fn vary(condition: &'static str, first: impl ToString, second: impl ToString) -> Varied {
    Varied { condition, first: first.to_string(), second: second.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::{Access, Programs, Proxy};
    use medic_model::Arch;

    fn settings() -> Settings {
        Settings {
            workspace: "/w".into(),
            store: "/s".into(),
            arch: Arch::Arm64,
            jobs: 4,
            memory: 1 << 30,
            keep_going: false,
            offline: false,
            access: Access {
                workspace: "/w".into(),
                mirrors: vec![Mirror::Url("https://mirror.example".to_owned())],
                debian: Vec::new(),
                cargo_home: None,
                proxy: Proxy::None,
                programs: Programs::default(),
                offline: false,
                user_agent: "test".to_owned(),
            },
            revision: None,
            runner: RunnerKind::Bubblewrap,
            docker_host: None,
            cache: None,
            command_line: String::new(),
            cancel: crate::Cancel::new(),
            started: std::time::SystemTime::UNIX_EPOCH,
        }
    }

    fn plan(machine: Machine) -> ReproducePlan {
        ReproducePlan::new(&settings(), RunnerKind::Docker, Path::new("/scratch"), machine)
    }

    #[test]
    fn every_condition_has_two_values() {
        let plan = plan(Machine { processors: 2, umask: 0o022, other_order: true });
        let names: Vec<&str> = plan.varied.iter().map(|varied| varied.condition).collect();
        let expected = [
            "workspace",
            "store",
            "time",
            "host name",
            "locale",
            "time zone",
            "umask of the steps",
            "umask of the builder",
            "jobs",
            "processors",
            "runner",
            "order of files",
        ];
        assert_eq!(names, expected);
        assert!(plan.varied.iter().all(|varied| varied.first != varied.second));
        let usual = Conditions::default();
        assert_ne!(plan.conditions.host_name, usual.host_name);
        assert_ne!(plan.conditions.umask, usual.umask);
        assert_eq!(plan.conditions.processors, Some(1));
        assert_eq!((plan.first.jobs, plan.second.jobs), (4, 5));
        assert_eq!((plan.first.runner, plan.second.runner), (RunnerKind::Bubblewrap, RunnerKind::Docker));
        assert_eq!(plan.second.arch, Arch::Arm64, "what is built for is no condition");
    }

    #[test]
    fn what_cannot_be_varied_is_not_claimed() {
        let plan = plan(Machine { processors: 1, umask: 0o022, other_order: false });
        let claims = |condition| plan.varied.iter().any(|varied| varied.condition == condition);
        assert!(!claims("processors") && !claims("order of files"), "{:?}", plan.varied);
        assert!(claims("umask of the builder"));
    }

    #[test]
    fn the_second_build_asks_the_first_store_and_nobody_else() {
        let second = plan(Machine { processors: 2, umask: 0o077, other_order: true }).second;
        assert!(second.offline && second.access.offline);
        assert_eq!(second.access.mirrors, [Mirror::Directory("/s/sources".into())]);
        assert_eq!(second.access.workspace, second.workspace);
        assert!(second.store.starts_with("/scratch") && second.workspace.starts_with("/scratch"));
    }

    #[test]
    fn a_strict_umask_gets_a_common_one() {
        assert_eq!(plan(Machine { processors: 2, umask: 0o077, other_order: true }).umask, 0o022);
    }
}
