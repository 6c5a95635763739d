//! Looking at the real nginx image: what is in it, what changed, where the bytes are.

use medic_tests::Scratch;
use medic_tests::browser::{chromium, requests};
use medic_tests::command::{Outcome, call};
use medic_tests::xtask::{nginx_image, xtask};
use serde_json::Value;

fn json(outcome: Outcome) -> Value {
    let outcome = outcome.success();
    serde_json::from_str(outcome.text()).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
}

/// The same in every form that an image can be looked at in: the store, the archive, a layout, an archive of `docker save`, Docker.
#[test]
fn an_image_is_the_same_wherever_it_is_looked_at() {
    let image = nginx_image();
    let scratch = Scratch::new("inspect");
    let (layout, saved) = (scratch.join("layout"), scratch.join("saved.tar"));
    let outputs = [
        format!("--output=oci:{}", layout.display()),
        format!("--output=docker-archive:{}", saved.display()),
    ];
    xtask(&["build-image", "nginx", &outputs[0], &outputs[1]]).success();
    let built = json(xtask(&["inspect", "nginx", "--json", "--files"]));
    assert_eq!(built["digest"], image.digest);
    let packages: Vec<_> =
        built["packages"].as_array().expect("a list").iter().map(|one| one["name"].clone()).collect();
    assert_eq!(packages, ["busybox", "ca-certificates", "medic-os", "nginx"]);
    let archive = image.archive.to_string_lossy().into_owned();
    for path in
        [archive.as_str(), &layout.to_string_lossy(), &format!("{}:{}", layout.display(), image.version)]
    {
        assert_eq!(json(xtask(&["inspect", path, "--json", "--files"])), built, "{path}");
    }
    for other in [saved.to_string_lossy().as_ref(), image.reference.as_str()] {
        let seen = json(xtask(&["inspect", other, "--json", "--files"]));
        for field in ["files", "packages", "config", "created"] {
            assert_eq!(seen[field], built[field], "{field} of {other}");
        }
    }
    // tar lists as many as we do, but for the folder that is the root.
    let flat = scratch.join("root.tar");
    xtask(&["build-image", "nginx", &format!("--output=rootfs:{}", flat.display())]).success();
    let listed = call("tar", &["-tf", &flat.to_string_lossy()]).success();
    assert_eq!(listed.stdout.lines().count(), built["files"].as_array().expect("a list").len());
    let words = xtask(&["inspect", &archive, "--files"]).success();
    assert!(words.stdout.contains("/etc/passwd") && words.stdout.contains(&image.digest), "{}", words.stdout);
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let scratch = Scratch::new("bad-images");
    let image = nginx_image();
    let text = scratch.write("text", "no image");
    xtask(&["inspect", &text.to_string_lossy()]).ended_with(6).says("is no image that can be read");
    let empty = scratch.write("empty/x", "");
    let empty = empty.parent().expect("a folder").to_string_lossy().into_owned();
    xtask(&["inspect", &empty]).ended_with(6).says("neither index.json nor manifest.json");
    xtask(&["inspect", &image.archive.to_string_lossy(), "--arch", "arm64"])
        .ended_with(6)
        .says("none of them fitting");
    xtask(&["inspect", "medic-os/nginx:absent"]).ended_with(2).says("Docker has no image");
    xtask(&["diff", "nginx", "sha256:0000000000000000"]).ended_with(2).says("assembled no image");
    // A bit of a layer, and the digest tells.
    let damaged = scratch.join("damaged.tar");
    let mut bytes = std::fs::read(&image.archive).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).expect("written");
    xtask(&["inspect", &damaged.to_string_lossy()]).ended_with(6).says("is damaged");
}

/// A package that was changed, by its files; and the image itself, by nothing.
#[test]
fn what_changed_is_told_by_package_and_file() {
    let image = nginx_image();
    let scratch = Scratch::new("diff");
    let archive = image.archive.to_string_lossy().into_owned();
    let same = json(xtask(&["diff", "nginx", &archive, &image.digest, "--json"]));
    assert_eq!((&same["same"], same["files"].as_array().map(Vec::len)), (&true.into(), Some(0)), "{same}");
    let same = xtask(&["diff", "nginx", &image.version]).success();
    assert!(same.stdout.contains("nothing in it changed"), "{}", same.stdout);

    // Another image, made of the same one by another tool.
    let folder = scratch.path().to_string_lossy().into_owned();
    let script = format!(
        "cd {folder} && printf 'FROM {}\\nUSER 0\\nRUN [\"/bin/busybox\", \"sh\", \"-c\", \"rm /etc/os-release && echo x > /etc/new && chmod 700 /root /var\"]\\nENV MORE=yes\\n' > Dockerfile && docker build -q -t medic-os/nginx:{}-other .",
        image.reference, image.version
    );
    call("sh", &["-c", &script]).success();
    let tag = format!("{}-other", image.version);
    let changed = json(xtask(&["diff", "nginx", &archive, &tag, "--json"]));
    call("docker", &["rmi", &format!("medic-os/nginx:{tag}")]).success();
    let files: Vec<(String, bool, bool)> = changed["files"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            (
                one["path"].as_str().unwrap_or_default().to_owned(),
                one["before"].is_null(),
                one["after"].is_null(),
            )
        })
        .collect();
    for expected in [("etc/new", true, false), ("etc/os-release", false, true), ("var", false, false)] {
        assert!(
            files.contains(&(expected.0.to_owned(), expected.1, expected.2)),
            "{expected:?} is not in {files:?}"
        );
    }
    let fields = changed["configuration"].to_string();
    assert!(fields.contains("MORE=yes"), "{fields}");
}

#[test]
fn the_map_of_sizes_is_shown_by_a_browser_that_asks_nobody() {
    nginx_image();
    let scratch = Scratch::new("size");
    let file = scratch.join("size.html").to_string_lossy().into_owned();
    let answer = xtask(&["size", "nginx", "--html", &file]).success();
    assert_eq!(answer.text(), file);
    let sizes = json(xtask(&["size", "nginx", "--json"]));
    let (dom, errors, record) = chromium(&format!("file://{file}"), &scratch, "size");
    for package in sizes["packages"].as_array().expect("a list") {
        let name = package["name"].as_str().expect("a name");
        assert!(dom.contains(&format!("data-path=\"{name}\" tabindex=\"0\"")), "{name} is not drawn");
        assert!(dom.contains(&format!("<tr><td>{name}</td>")), "{name} is not in the table");
    }
    assert!(
        dom.contains("/bin/nginx: ") && dom.contains("<button id=\"out\" type=\"button\" disabled"),
        "as it is opened"
    );
    assert!(!errors.contains("CONSOLE"), "{errors}");
    assert_eq!(requests(&record), [""; 0], "it asks nobody");
    // A folder in the address is opened by the page's own script.
    let nginx = sizes["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .find_map(|one| one["name"].as_str().filter(|name| name.starts_with("nginx")));
    let place = format!("file://{file}#{}", nginx.expect("in it").replace(' ', "%20"));
    let (dom, errors, _) = chromium(&place, &scratch, "folder");
    assert!(!errors.contains("CONSOLE"), "{errors}");
    assert!(
        dom.contains(&format!("<span id=\"path\">{}</span>", nginx.expect("in it"))),
        "the folder is not open"
    );
    assert!(!dom.contains("viewBox=\"0 0 1600 900\""), "the map shows it");
    let table = xtask(&["size", "nginx"]).success();
    assert!(table.stdout.contains("largest files") && table.stdout.contains("100.0 %"), "{}", table.stdout);
}
