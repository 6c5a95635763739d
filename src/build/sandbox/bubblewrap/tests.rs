use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::root::Root;
use crate::sandbox::{Conditions, Limits, Mount};
use medic_model::Sha256;

fn plan(folder: &Path, script: &str) -> SandboxPlan {
    SandboxPlan {
        root: Root { tree: PathBuf::from("/"), identity: Sha256::from_bytes([0; 32]) },
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

#[test]
fn the_command_line_says_the_whole_plan() {
    let root = [RootEntry::Folder("usr"), RootEntry::Link("bin", "usr/bin".into())];
    let line = program(&plan(Path::new("/s"), "make"), &[], &root);
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
fn the_time_a_limit_means_is_told() {
    assert!(Ending::TooLong(Duration::from_secs(3600)).to_string().contains("60 minutes"));
    assert!(Ending::OutOfMemory(8 << 30).to_string().contains("8192 MiB"));
}
