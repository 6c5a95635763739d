//! The command lines that make a sandbox: a value, made before anything is started.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::oci::documents::ContainerConfig;

/// What Docker, too, leaves to a container's root (moby, `oci/caps/defaults.go`).
const CAPABILITIES: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// A sandbox that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sandbox {
    /// bubblewrap's program.
    pub bubblewrap: PathBuf,
    /// This program, with the hidden command that calls [`super::forward::run`].
    pub forwarder: Vec<OsString>,
    /// The unpacked image.
    pub root: PathBuf,
    /// Folders of this machine, each with the path inside where it can be written.
    pub binds: Vec<(PathBuf, String)>,
    /// The name of the host inside.
    pub hostname: String,
    /// Whether this process is root, and needs no user namespace.
    pub is_root: bool,
    /// Beside the image's own.
    pub environment: Vec<(String, String)>,
}

impl Sandbox {
    /// The whole command line: the network first, in it the forwarder, which starts the sandbox proper.
    pub(super) fn command(&self, config: &ContainerConfig) -> Vec<OsString> {
        let mut words = vec![self.bubblewrap.clone().into_os_string()];
        words.extend(self.network().map(OsString::from));
        words.extend(self.forwarder.iter().cloned());
        words.push("--".into());
        words.push(self.bubblewrap.clone().into_os_string());
        words.extend(self.sandbox(config));
        words.push("--".into());
        words.extend(config.entrypoint.iter().chain(&config.cmd).map(OsString::from));
        words
    }

    /// A network of its own, and nothing else: for the forwarder everything is as on this machine. Who is not root becomes the
    /// root of a user namespace, so that the sandbox's init may bind port 80 in that network.
    fn network(&self) -> impl Iterator<Item = &'static str> {
        let user: &[&str] = if self.is_root {
            &[]
        } else {
            &["--unshare-user", "--uid", "0", "--gid", "0", "--cap-add", "ALL"]
        };
        user.iter().copied().chain(["--unshare-net", "--dev-bind", "/", "/", "--"])
    }

    fn sandbox(&self, config: &ContainerConfig) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let mut add = |more: &[&str]| words.extend(more.iter().map(OsString::from));
        add(&["--unshare-pid", "--as-pid-1", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]);
        add(&["--hostname", &self.hostname, "--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
        CAPABILITIES.iter().for_each(|capability| add(&["--cap-add", capability]));
        words.extend(["--ro-bind".into(), self.root.clone().into_os_string(), "/".into()]);
        let mut add = |more: &[&str]| words.extend(more.iter().map(OsString::from));
        add(&["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run"]);
        for folder in ["/tmp", "/var/tmp"] {
            add(&["--perms", "1777", "--tmpfs", folder]);
        }
        for (folder, inside) in &self.binds {
            words.extend(["--bind".into(), folder.clone().into_os_string(), inside.into()]);
        }
        words.push("--clearenv".into());
        for (name, value) in self.variables(config) {
            words.extend(["--setenv".into(), name.into(), value.into()]);
        }
        let folder = if config.working_dir.is_empty() { "/" } else { &config.working_dir };
        words.extend(["--chdir".into(), folder.into()]);
        words
    }

    /// What Docker sets, then the image's own, then the caller's.
    fn variables(&self, config: &ContainerConfig) -> Vec<(String, String)> {
        let docker = [("HOME", "/root"), ("HOSTNAME", &self.hostname)];
        let docker = docker.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let image = config.env.iter().filter_map(|pair| pair.split_once('='));
        let image = image.map(|(name, value)| (name.to_owned(), value.to_owned()));
        docker.into_iter().chain(image).chain(self.environment.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(is_root: bool) -> String {
        let sandbox = Sandbox {
            bubblewrap: "bwrap".into(),
            forwarder: vec!["/xtask".into(), "__forward".into()],
            root: "/store/rootfs/x".into(),
            binds: vec![("/store/volumes/data".into(), "/srv".to_owned())],
            hostname: "nginx".to_owned(),
            is_root,
            environment: vec![("A".to_owned(), "of the caller".to_owned())],
        };
        let config = ContainerConfig {
            env: vec!["A=of the image".to_owned(), "PATH=/boot".to_owned()],
            entrypoint: vec!["/boot/init".to_owned()],
            cmd: vec!["word".to_owned()],
            ..ContainerConfig::default()
        };
        let words = sandbox.command(&config);
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_forwarder_is_in_the_network_and_starts_the_sandbox() {
        let line = command(true);
        assert!(line.starts_with(
            "bwrap --unshare-net --dev-bind / / -- /xtask __forward -- bwrap --unshare-pid --as-pid-1"
        ));
        assert!(line.contains("--ro-bind /store/rootfs/x / --proc /proc"));
        assert!(line.contains("--bind /store/volumes/data /srv"));
        assert!(line.ends_with("--chdir / -- /boot/init word"));
        let (image, caller) = (line.find("A of the image"), line.find("A of the caller"));
        assert!(image.is_some() && image < caller, "{line}");
    }

    #[test]
    fn who_is_not_root_becomes_the_root_of_a_namespace() {
        assert!(
            command(false).starts_with("bwrap --unshare-user --uid 0 --gid 0 --cap-add ALL --unshare-net")
        );
        assert!(!command(true).contains("--unshare-user"));
    }
}
