//! The image for arm64: built by the same recipes on this machine, and run by qemu.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use medic_tests::command::call;
use medic_tests::xtask::{Built, built, xtask};
use medic_tests::{Emulated, Scratch, wait_for};

/// `EM_AARCH64` of elf(5).
const AARCH64: u16 = 183;

fn arm64_image(scratch: &Scratch) -> (Built, PathBuf) {
    let archive = scratch.join("arm64.oci.tar");
    let output = format!("archive:{}", archive.display());
    let outcome =
        xtask(&["build-image", "nginx", "--arch", "arm64", "--json", "--output", &output]).success();
    (built(&outcome), archive)
}

/// Every regular file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let entry = entry.expect("readable");
            let kind = entry.file_type().expect("known");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files
}

/// The machine of an ELF file; none for another file.
fn machine(path: &Path) -> Option<u16> {
    let mut header = [0; 20];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header)).ok()?;
    header.starts_with(b"\x7fELF").then(|| u16::from_le_bytes([header[18], header[19]]))
}

#[test]
fn the_arm64_image_boots_and_serves_under_qemu() {
    let scratch = Scratch::new("arm64");
    let (image, archive) = arm64_image(&scratch);
    let config =
        call("skopeo", &["inspect", "--config", "--raw", &format!("oci-archive:{}", archive.display())])
            .success();
    let config: serde_json::Value = serde_json::from_str(config.text()).expect("JSON");
    assert_eq!((&config["architecture"], &config["os"]), (&"arm64".into(), &"linux".into()));

    let root = Emulated::unpack(&archive, &scratch);
    let programs: Vec<(PathBuf, u16)> =
        files(&root).into_iter().filter_map(|path| machine(&path).map(|machine| (path, machine))).collect();
    for (path, machine) in &programs {
        assert_eq!(*machine, AARCH64, "{} is for another processor", path.display());
    }
    for program in ["nginx", "busybox", "pkg", "supervisor"] {
        let named = |(path, _): &&(PathBuf, u16)| path.file_name().is_some_and(|name| name == program);
        assert!(programs.iter().find(named).is_some(), "there is no {program} among {programs:?}");
    }

    let system = Emulated::boot(scratch, root);
    assert_eq!(system.exec(&["/bin/uname", "-m"]).success().text(), "aarch64");
    let page = wait_for("nginx answers", Duration::from_secs(30), || {
        Some(system.get("http://127.0.0.1/", &[])).filter(|answer| answer.status == 200)
    });
    assert!(page.body.contains("<html"), "{}", page.body);
    let secure = system.get("https://127.0.0.1/", &["--insecure", "--http2"]);
    assert_eq!((secure.status, secure.version.as_str(), secure.body), (200, "2", page.body));

    let inspect = system.exec(&["/boot/supervisor-inspect"]).success();
    assert!(
        inspect.stdout.contains("Service 'nginx'") && inspect.stdout.contains("Status: Up"),
        "{}",
        inspect.stdout
    );
    let list = system.exec(&["/boot/pkg", "list"]).success();
    for package in ["busybox", "ca-certificates", "medic-os", "nginx"] {
        assert!(list.stdout.contains(package), "{}", list.stdout);
    }
    assert!(list.stdout.contains(&image.version), "{}", list.stdout);
    system.exec(&["/boot/pkg", "verify"]).success();
    system.exec(&["/boot/svc-restart", "nginx", "nginx"]).success();
    wait_for("nginx answers after its restart", Duration::from_secs(30), || {
        (system.get("http://127.0.0.1/", &[]).status == 200).then_some(())
    });
    assert_eq!(system.stop(), 0);
}
