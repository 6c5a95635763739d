//! What the builder writes, and how it answers when there is nothing to do.

use std::process::Command;
use std::time::Instant;

use medic_tests::command::call;
use medic_tests::xtask::{built, nginx_image, program, xtask};
use medic_tests::{Scratch, run};

#[test]
fn a_second_run_does_no_work_and_says_so() {
    nginx_image();
    let started = Instant::now();
    let again = xtask(&["build-image", "nginx"]).success();
    let time = started.elapsed();
    let said = again.stdout + &again.stderr;
    assert!(said.contains("up to date"), "{said}");
    assert!(said.contains("compressed"), "the table of layers is missing: {said}");
    // Printed, not asserted: a machine may be busy.
    println!("a second run took {time:?}");
}

#[test]
fn without_a_daemon_the_archive_is_named_and_the_build_succeeds() {
    let outcome = run(Command::new(program())
        .args(["build-image", "nginx"])
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .current_dir(medic_tests::workspace()));
    let outcome = outcome.success();
    let said = outcome.stdout + &outcome.stderr;
    let line = said.lines().find(|line| line.contains("Docker")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains("target/images/nginx-x64.oci.tar"), "{line}");
}

#[test]
fn the_archive_is_taken_by_other_tools() {
    let image = nginx_image();
    let scratch = Scratch::new("oci");
    let archive = format!("oci-archive:{}", image.archive.display());
    let layout = scratch.join("layout");
    call("skopeo", &["copy", "--preserve-digests", &archive, &format!("oci:{}:latest", layout.display())])
        .success();
    let digest = call("skopeo", &["inspect", "--format", "{{.Digest}}", &archive]).success();
    assert_eq!(digest.text(), image.digest);
    let bundle = scratch.join("bundle");
    call(
        "umoci",
        &[
            "unpack",
            "--rootless",
            "--image",
            &format!("{}:latest", layout.display()),
            &bundle.to_string_lossy(),
        ],
    )
    .success();
    assert!(bundle.join(format!("rootfs/usr/lib/medic-os/nginx/v{}/x64/bin/nginx", image.version)).is_file());
    let private = call(
        "grep",
        &["-rl", "PRIVATE KEY-----", &bundle.join("rootfs/usr/lib/medic-os/nginx").to_string_lossy()],
    );
    // nginx itself knows the words; no file of ours may hold a key.
    assert!(private.stdout.lines().all(|file| file.ends_with("/bin/nginx")), "{}", private.stdout);
}

#[test]
fn outputs_can_be_chosen() {
    let image = nginx_image();
    let scratch = Scratch::new("outputs");
    let layout = scratch.join("layout");
    let archive = scratch.join("image.tar");
    let outcome = xtask(&[
        "build-image",
        "nginx",
        "--json",
        "--output",
        &format!("oci:{}", layout.display()),
        "--output",
        &format!("archive:{}", archive.display()),
    ]);
    assert_eq!(built(&outcome.success()).digest, image.digest);
    assert!(layout.join("oci-layout").is_file() && layout.join("index.json").is_file());
    let digest = call(
        "skopeo",
        &["inspect", "--format", "{{.Digest}}", &format!("oci-archive:{}", archive.display())],
    )
    .success();
    assert_eq!(digest.text(), image.digest);
    xtask(&["build-image", "nginx", "--output", "floppy:A"]).ended_with(2).says("floppy");
}
