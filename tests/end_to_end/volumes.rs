//! `/srv` outlives the image: empty volumes, volumes of older images, volumes that were left half written.

use medic_tests::command::call;
use medic_tests::container::Volume;
use medic_tests::xtask::{built, nginx_image, xtask};
use medic_tests::{Container, Scratch};

#[test]
fn an_empty_volume_boots_and_serves() {
    let volume = Volume::new();
    let container = Container::serving(&nginx_image().reference, &["--volume", &volume.as_srv()]);
    let listed = container.exec(&["pkg", "list"]).success();
    for package in ["busybox", "ca-certificates", "medic-os", "nginx"] {
        assert!(listed.stdout.contains(package), "{package} is not in:\n{}", listed.stdout);
    }
    let links = container.shell("cd /srv/software/nginx && readlink current && readlink current/default && test -x current/default/bin/nginx").success();
    assert_eq!(
        links.stdout.lines().collect::<Vec<_>>(),
        [format!("v{}", nginx_image().version), "x64".to_owned()]
    );
}

#[test]
fn an_empty_folder_works_with_a_read_only_root() {
    let scratch = Scratch::new("srv");
    let mount = format!("{}:/srv", scratch.path().display());
    let container = Container::serving(
        &nginx_image().reference,
        &["--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp", "--volume", &mount],
    );
    container.exec(&["pkg", "verify"]).success();
    // What the container's root made, the container's root removes: the test may be run by anybody.
    container.shell("rm -rf /srv/* /srv/.[!.]* 2>/dev/null; true").success();
}

/// An image like the present one, but older: the same package definitions in another workspace, with a lower version.
fn older_image() -> String {
    let older = Scratch::of_workspace("older");
    older.change("packages/nginx/package.yaml", "components: [nginx]", "components: [nginx]\nversion: 1.0.0");
    older.change("packages/nginx/settings/nginx/sites/default.conf", "", "# an older default\n");
    built(&older.xtask(&["build-image", "nginx", "--json", "--output", "docker"]).success()).reference
}

#[test]
fn an_older_volume_is_upgraded_and_keeps_what_was_edited() {
    let image = nginx_image();
    let older = older_image();
    assert_eq!(older, "medic-os/nginx:1.0.0");
    let volume = Volume::new();
    {
        let container = Container::serving(&older, &["--volume", &volume.as_srv()]);
        container.shell("echo kept > /srv/storage/nginx/nginx/www/kept.txt").success();
        container.shell("echo '# edited' >> /srv/settings/nginx/nginx/nginx.conf").success();
        assert!(container.exec(&["pkg", "list"]).success().stdout.contains("1.0.0"));
        container.stop();
    }
    // The older build has taken the name 'latest': give it back, whatever the rest of this test finds.
    xtask(&["build-image", "nginx", "--json"]).success();
    let container = Container::serving(&image.reference, &["--volume", &volume.as_srv()]);
    let listed = container.exec(&["pkg", "list"]).success();
    assert!(listed.stdout.contains(&image.version) && !listed.stdout.contains("1.0.0"), "{}", listed.stdout);
    let address = container.address(80);
    assert_eq!(medic_tests::http::get(&format!("http://{address}/kept.txt")).body, "kept\n");
    // The edited file is kept; the untouched one has the new default.
    assert!(
        container
            .shell("tail -n 1 /srv/settings/nginx/nginx/nginx.conf")
            .success()
            .stdout
            .contains("# edited")
    );
    assert!(
        !container
            .shell("cat /srv/settings/nginx/nginx/sites/default.conf")
            .success()
            .stdout
            .contains("an older default")
    );
    container.exec(&["pkg", "verify"]).success();
}

#[test]
fn a_killed_first_boot_is_finished_by_the_next() {
    let volume = Volume::new();
    for delay in ["0", "0.05", "0.1", "0.2", "0.4"] {
        let container = Container::start(&nginx_image().reference, &["--volume", &volume.as_srv()]);
        call("sleep", &[delay]);
        call("docker", &["kill", &container.name]);
    }
    let container = Container::serving(&nginx_image().reference, &["--volume", &volume.as_srv()]);
    container.exec(&["pkg", "verify"]).success();
}
