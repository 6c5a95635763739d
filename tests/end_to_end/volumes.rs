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
fn older_image(scratch: &Scratch) -> String {
    let workspace = medic_tests::workspace();
    for folder in ["recipes", "packages", "images", "src", "tests", "xtask", ".cargo"] {
        let from = workspace.join(folder);
        call("cp", &["-a", &from.to_string_lossy(), &scratch.path().to_string_lossy()]).success();
    }
    for file in ["Cargo.toml", "Cargo.lock", "LICENSE"] {
        let from = workspace.join(file);
        call("cp", &["-a", &from.to_string_lossy(), &scratch.path().to_string_lossy()]).success();
    }
    let definition = scratch.join("packages/nginx/package.yaml");
    let text = std::fs::read_to_string(&definition).expect("the package is there");
    let older = text.replacen("components: [nginx]", "components: [nginx]\nversion: 1.0.0", 1);
    assert_ne!(text, older, "the definition has another form now");
    std::fs::write(&definition, older).expect("writable");
    let page = scratch.join("packages/nginx/settings/nginx/sites/default.conf");
    let text = std::fs::read_to_string(&page).expect("the settings are there");
    std::fs::write(&page, format!("# an older default\n{text}")).expect("writable");

    let outcome = medic_tests::run(
        std::process::Command::new(medic_tests::xtask::program())
            .args(["build-image", "nginx", "--json", "--output", "docker"])
            .env("MEDIC_OS_WORKSPACE", scratch.path())
            // The locks are of the present definitions, and CI would want them.
            .env_remove("CI")
            .current_dir(scratch.path()),
    );
    built(&outcome.success()).reference
}

#[test]
fn an_older_volume_is_upgraded_and_keeps_what_was_edited() {
    let image = nginx_image();
    let scratch = Scratch::new("older");
    let older = older_image(&scratch);
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
