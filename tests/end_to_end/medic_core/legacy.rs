//! A volume of Medic OS 3.x: its passwords and its certificate are those of the container that takes it over.

use medic_tests::Scratch;
use medic_tests::command::call;
use medic_tests::container::{Volume, unique};
use medic_tests::http::certificate;
use medic_tests::medic_core::Core;
use medic_tests::xtask::medic_core_image;

/// What 3.x left: each administrator's password as 16 hexadecimal digits, a certificate of its own, its own state below `system`.
const PASSWORDS: [(&str, &str); 3] =
    [("admin", "0123456789abcdef"), ("lucene", "1122334455667788"), ("medic-sentinel", "8877665544332211")];

/// A volume with the files of a folder, put there by a container that never runs.
fn volume_of(folder: &Scratch) -> Volume {
    let volume = Volume::new();
    let name = unique("filler");
    let image = &medic_core_image().reference;
    call("docker", &["create", "--name", &name, "--volume", &volume.as_srv(), image]).success();
    let from = format!("{}/.", folder.path().display());
    let copied = call("docker", &["cp", &from, &format!("{name}:/srv")]);
    call("docker", &["rm", &name]).success();
    copied.success();
    volume
}

#[test]
fn a_volume_of_3_x_keeps_its_passwords_and_its_certificate() {
    let old = Scratch::new("legacy");
    old.write("system/settings/packages/medic-core/state", "");
    old.write("software/medic-core/v3.9.0/x64/bin/couchdb", "of 3.x");
    old.write("scripts/medic-core/start", "");
    for (name, password) in PASSWORDS {
        let path = old.write(&format!("storage/medic-core/passwd/{name}"), &format!("{password}\n"));
        call("chmod", &["0400", &path.to_string_lossy()]).success();
    }
    let private = "settings/medic-core/nginx/private/default";
    let (key, crt) = (old.write(&format!("{private}.key"), ""), old.write(&format!("{private}.crt"), ""));
    let (key, crt) = (key.to_string_lossy().into_owned(), crt.to_string_lossy().into_owned());
    let kind = ["req", "-x509", "-newkey", "rsa:4096", "-nodes", "-days", "3650", "-subj", "/CN=of.3.x"];
    call("openssl", &[&kind[..], &["-keyout", &key, "-out", &crt]].concat()).success();

    let volume = volume_of(&old);
    let mut core = Core::start(PASSWORDS[0].1, &["--volume", &volume.as_srv()]);
    core.wait_until_well();
    for (name, password) in PASSWORDS {
        let who = format!("{name}:{password}");
        let answer = medic_tests::http::get_with(&core.url("/_session"), &["--insecure", "--user", &who]);
        assert!(answer.status == 200 && answer.body.contains("_admin"), "{name}: {}", answer.body);
    }
    assert!(certificate(&core.container.address(443)).contains("CN = of.3.x"));
    core.must_put("/patients", "");
    let aside = core.container.shell("ls -d /srv/software*/medic-core/v3.9.0").success();
    assert!(
        !aside.text().starts_with("/srv/software/"),
        "3.x's programs were not put aside: {}",
        aside.text()
    );
    core.container.exec(&["pkg", "verify"]).success();

    // Another password for one of them leaves the others as they are.
    core.container.stop();
    drop(core);
    core = Core::serving("another", &["--volume", &volume.as_srv()]);
    assert_eq!(core.request("GET", "/_all_dbs", &[]).status, 200);
    let who = format!("{}:{}", PASSWORDS[1].0, PASSWORDS[1].1);
    let answer = medic_tests::http::get_with(&core.url("/_session"), &["--insecure", "--user", &who]);
    assert!(answer.body.contains("_admin"), "{}", answer.body);
}
