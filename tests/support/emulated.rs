//! An image of another architecture, booted under qemu's user emulation, with nothing registered on this machine.
//!
//! The kernel runs foreign programs by `binfmt_misc`, and has one of its own for each user namespace (since Linux 6.7): so qemu
//! is registered in a namespace that ends with the test. An older kernel must have it registered already.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::command::{Outcome, call, run};
use crate::http::{Answer, answer};
use crate::{Scratch, wait_for};

/// What makes the container: the arguments are the emulator, the image's root, and the first program.
const SCRIPT: &str = r#"set -eu
read -r _
emulator=$1 root=$2 init=$3
mkdir -p "$root/../binfmt"
if mount -t binfmt_misc binfmt_misc "$root/../binfmt" 2>/dev/null; then
  # ELF, 64 bits, little endian, an executable or a shared object, machine 183 (elf(5)); F: the emulator is opened now.
  magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf '%s' ":arm64:M::$magic:$mask:$emulator:F" > "$root/../binfmt/register"
elif ! grep -qs enabled /proc/sys/fs/binfmt_misc/qemu-aarch64; then
  echo 'this kernel has no binfmt_misc for a user namespace (Linux 6.7), and qemu-aarch64 is not registered' >&2
  exit 99
fi
mount --rbind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero urandom random; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
exec env -i PATH=/boot:/srv/software/nginx/current/default/bin:/bin HOME=/root "$(command -v chroot)" "$root" "$init"
"#;

/// A booted image. Its processes end with it.
#[derive(Debug)]
pub struct Emulated {
    child: Child,
    scratch: Scratch,
    root: PathBuf,
}

impl Emulated {
    /// Unpacks an OCI archive.
    ///
    /// # Panics
    /// When skopeo or umoci cannot.
    pub fn unpack(archive: &Path, scratch: &Scratch) -> PathBuf {
        let layout = format!("oci:{}:latest", scratch.join("layout").display());
        call("skopeo", &["copy", "--quiet", &format!("oci-archive:{}", archive.display()), &layout])
            .success();
        let (image, bundle) = (&layout["oci:".len()..], scratch.join("bundle"));
        call("umoci", &["unpack", "--image", image, &bundle.to_string_lossy()]).success();
        bundle.join("rootfs")
    }

    /// Boots the image that was unpacked to `root`, and waits until its init says that the system is up.
    ///
    /// # Panics
    /// When it cannot be started, or does not come up: with all that it said.
    pub fn boot(scratch: Scratch, root: PathBuf) -> Self {
        assert_eq!(call("id", &["-u"]).text(), "0", "booting an image with users of its own takes root");
        let emulator = call("sh", &["-c", "command -v qemu-aarch64-static"]);
        assert_eq!(emulator.code, 0, "qemu-aarch64-static is not installed: .ci/setup --tests");
        let output = std::fs::File::create(scratch.join("output")).expect("writable");
        let mut command = Command::new("unshare");
        command.args(["--user", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts"]);
        command.args(["sh", "-c", SCRIPT, "boot", emulator.text(), &root.to_string_lossy(), "/boot/init"]);
        command.stdin(Stdio::piped()).stderr(output.try_clone().expect("another handle")).stdout(output);
        let mut child = command.spawn().expect("unshare runs");
        // Users and groups of the image are themselves.
        let pid = child.id();
        for map in ["uid_map", "gid_map"] {
            wait_for("the user namespace", Duration::from_secs(20), || {
                std::fs::write(format!("/proc/{pid}/{map}"), "0 0 65536").ok()
            });
        }
        child.stdin.take().expect("a pipe").write_all(b"go\n").expect("it listens");
        let mut emulated = Self { child, scratch, root };
        wait_for("the system is up", Duration::from_secs(120), || {
            let ended = emulated.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended ({ended:?}):\n{}", emulated.output());
            emulated.output().contains("System started successfully").then_some(())
        });
        emulated
    }

    /// All that it has written.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.scratch.join("output")).unwrap_or_default()
    }

    /// The first process inside, by its number outside.
    fn init(&self) -> String {
        call("pgrep", &["--parent", &self.child.id().to_string()]).success().text().to_owned()
    }

    /// A command inside.
    pub fn exec(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new("nsenter");
        command.args(["--all", "--target", &self.init(), "chroot"]).arg(&self.root).args(arguments);
        run(&mut command)
    }

    /// A GET request in its network; further arguments are curl's.
    pub fn get(&self, url: &str, arguments: &[&str]) -> Answer {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.init(), "curl"]).args(crate::http::curl(url, arguments));
        answer(&run(&mut command))
    }

    /// Tells init to stop; gives its exit code.
    pub fn stop(mut self) -> i32 {
        call("kill", &["-TERM", &self.init()]).success();
        let status =
            wait_for("the system stops", Duration::from_secs(60), || self.child.try_wait().expect("a child"));
        status.code().unwrap_or(-1)
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        // With its parent dies the namespace's first process, and with that one all others (--kill-child).
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
