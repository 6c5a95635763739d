//! `pkg` in a running container.

use std::time::Duration;

use medic_tests::command::call;
use medic_tests::fixture::Fixture;
use medic_tests::xtask::nginx_image;
use medic_tests::{Container, wait_for};

#[test]
fn verify_notices_a_changed_byte_and_names_the_file() {
    let container = Container::serving(&nginx_image().reference, &[]);
    container.exec(&["pkg", "verify"]).success();
    let binary = container
        .shell("readlink -f /srv/software/nginx/current/default/bin/nginx")
        .success()
        .text()
        .to_owned();
    // One byte, in the middle of the copied-up file: a running program cannot be written, so it is replaced.
    let change = format!(
        "cp {binary} /tmp/n && printf 'X' | dd of=/tmp/n bs=1 seek=100000 conv=notrunc 2>/dev/null && mv /tmp/n {binary} && chmod 755 {binary}"
    );
    container.shell(&change).success();
    let verify = container.exec(&["pkg", "verify"]);
    assert_ne!(verify.code, 0);
    let said = verify.stdout + &verify.stderr;
    assert!(said.contains("bin/nginx"), "{said}");
    container.exec(&["pkg", "verify", "busybox"]).success();
}

#[test]
fn info_and_files_answer() {
    let image = nginx_image();
    let container = Container::serving(&image.reference, &[]);
    let info = container.exec(&["pkg", "info", "nginx"]).success();
    for text in ["nginx", image.version.as_str(), "BSD-2-Clause"] {
        assert!(info.stdout.contains(text), "no {text} in:\n{}", info.stdout);
    }
    let files = container.exec(&["pkg", "files", "nginx"]).success();
    for text in ["/bin/nginx", "/srv/scripts/nginx/run/nginx", "/srv/settings/nginx/nginx/nginx.conf"] {
        assert!(files.stdout.contains(text), "no {text} in:\n{}", files.stdout);
    }
    for arguments in [
        &["list", "--json"][..],
        &["info", "nginx", "--json"],
        &["files", "nginx", "--json"],
        &["verify", "--json"],
    ] {
        let answer = container.exec(&[&["pkg"][..], arguments].concat()).success();
        assert!(
            serde_json::from_str::<serde_json::Value>(&answer.stdout).is_ok(),
            "{arguments:?}: {}",
            answer.stdout
        );
    }
    assert_ne!(container.exec(&["pkg", "info", "nothing"]).code, 0);
}

#[test]
fn a_package_archive_is_installed_started_and_removed() {
    let fixture = Fixture::new("hello");
    let archive = fixture.package();
    let container = Container::serving(&nginx_image().reference, &[]);
    let inside = "/tmp/hello.pkg.tar.zst";
    call("docker", &["cp", &archive, &format!("{}:{inside}", container.name)]).success();
    container.exec(&["pkg", "install", "--yes", inside]).success();
    let listed = container.exec(&["pkg", "list"]).success();
    assert!(listed.stdout.contains("hello") && listed.stdout.contains("1.0"), "{}", listed.stdout);
    let links = "cd /srv/software/hello && readlink current && readlink current/default && test -x current/default/bin/hello";
    let links = container.shell(&format!("{links} && test -e /srv/system/receipts/hello.json")).success();
    assert_eq!(links.stdout.lines().collect::<Vec<_>>(), ["v1.0", "x64"]);
    container.exec(&["pkg", "verify", "hello"]).success();
    wait_for("the new service is up", Duration::from_secs(10), || {
        let shown = container.exec(&["supervisor-inspect", "hello"]);
        shown.stdout.contains("Status: Up").then_some(())
    });
    wait_for("the new service writes", Duration::from_secs(10), || {
        container.logs().contains("hello/hello").then_some(())
    });

    container.exec(&["pkg", "remove", "--yes", "hello"]).success();
    container.shell("test ! -e /srv/software/hello && test ! -e /srv/system/receipts/hello.json").success();
    assert!(!container.exec(&["pkg", "list"]).success().stdout.contains("hello"));
    wait_for("its processes are gone", Duration::from_secs(10), || {
        (!container.shell("ps").success().stdout.contains("bin/hello")).then_some(())
    });
}

#[test]
fn a_damaged_archive_is_refused_and_nothing_is_changed() {
    let fixture = Fixture::new("damaged");
    let archive = fixture.package();
    let container = Container::serving(&nginx_image().reference, &[]);
    call("docker", &["cp", &archive, &format!("{}:/tmp/whole.zst", container.name)]).success();
    let listing = "find /srv | grep -v /logs | sort";
    let before = container.shell(listing).success().stdout;
    container
        .shell("head -c 2000 /tmp/whole.zst > /tmp/short.zst; echo nonsense > /tmp/nonsense.zst")
        .success();
    let flip = "cp /tmp/whole.zst /tmp/flipped.zst; printf 'XYZ' | dd of=/tmp/flipped.zst bs=1 seek=3000 conv=notrunc 2>/dev/null";
    container.shell(flip).success();
    for file in ["/tmp/short.zst", "/tmp/nonsense.zst", "/tmp/flipped.zst", "/tmp/absent.zst"] {
        let refused = container.exec(&["pkg", "install", "--yes", file]);
        assert_ne!(refused.code, 0, "{file} was installed");
        assert!(refused.stderr.contains(file), "the error does not name {file}: {}", refused.stderr);
    }
    assert_eq!(before, container.shell(listing).success().stdout);
}
