//! Assembling and writing: what is made, what is made again, and what bad input does.

mod support;

use std::path::Path;
use std::time::Instant;

use medic_image::{Compression, ImageError, assemble};
use medic_model::ByteSize;
use support::{
    EPOCH, Heard, IMAGE, Maker, Tiny, definition, done, has, init_package, listing, note, settings,
};

/// The digest of a whole folder.
fn folder_digest(folder: &Path) -> String {
    done(
        "sh",
        &["-c", &format!("cd '{}' && find . -type f | sort | xargs sha256sum | sha256sum", folder.display())],
    )
}

/// Files below a folder whose names say that they were being written.
fn left_over(folder: &Path) -> String {
    done("find", &[&folder.to_string_lossy(), "-name", ".medic-image-*"])
}

#[test]
fn the_same_input_gives_the_same_bytes_in_another_store() {
    let (first, second) = (Tiny::new(), Tiny::new());
    let (one, two) = (first.image(), second.image());
    assert_eq!(one.manifest.digest, two.manifest.digest);
    let (one, two) = (first.archive(&one), second.archive(&two));
    let digest = |path: &Path| medic_archive::digest::of_file(path).expect("read").sha256;
    assert_eq!(digest(&one), digest(&two));
}

#[test]
fn nothing_is_made_twice() {
    let tiny = Tiny::new();
    let heard = Heard::default();
    let image =
        assemble(&definition(IMAGE), &tiny.packages, &settings(&tiny.store()), &heard).expect("assembled");
    assert!(image.fresh && heard.all().contains("LayerStarted"), "{}", heard.all());
    let path = tiny.archive(&image);
    let before = folder_digest(&tiny.store());

    let started = Instant::now();
    let heard = Heard::default();
    let again =
        assemble(&definition(IMAGE), &tiny.packages, &settings(&tiny.store()), &heard).expect("assembled");
    let written = again.write_archive(&path).expect("written");
    let time = started.elapsed();
    note(&format!("assembling and writing with nothing changed: {time:?}"));
    assert!(!again.fresh && written.unchanged);
    assert_eq!(heard.all(), "");
    assert_eq!(again.manifest, image.manifest);
    assert_eq!(again.table(), image.table());
    assert_eq!(folder_digest(&tiny.store()), before);
    // 0.1 s is the promise; a busy machine gets some air.
    assert!(time.as_millis() < 500, "{time:?}");
}

#[test]
fn several_at_once_in_one_store_make_the_same() {
    let tiny = Tiny::new();
    let path = tiny.folder.path().join("tiny.tar");
    let images: Vec<_> = std::thread::scope(|scope| {
        let make = || {
            let image = tiny.image();
            image.write_archive(&path).expect("written");
            image.write_layout(&tiny.folder.path().join("layout")).expect("written");
            image.manifest
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(images.iter().all(|manifest| *manifest == images[0].clone()));
    assert!(tiny.image().write_archive(&path).is_ok());
    assert_eq!(left_over(tiny.folder.path()), "");
}

#[test]
fn a_changed_package_changes_its_layer_only() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let packages = vec![tiny.packages[0].clone(), init_package(tiny.folder.path(), "0.2.0")];
    let heard = Heard::default();
    let newer = assemble(&definition(IMAGE), &packages, &settings(&tiny.store()), &heard).expect("assembled");
    let same: Vec<bool> = image.layers.iter().zip(&newer.layers).map(|(a, b)| a.digest == b.digest).collect();
    // base, medic-os, busybox, configuration (which names the version and holds the links).
    assert_eq!(same, [true, false, true, false]);
    assert!(heard.all().contains("LayerReused"), "{}", heard.all());
    // The commit alone changes no layer.
    let mut other = settings(&tiny.store());
    other.revision = Some("fedcba".to_owned());
    other.created = EPOCH + 1;
    let later = assemble(&definition(IMAGE), &packages, &other, &()).expect("assembled");
    assert_eq!(later.layers, newer.layers);
    assert_ne!(later.config.digest, newer.config.digest);
}

#[test]
fn the_documents_say_what_the_definition_says() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let config: serde_json::Value = serde_json::from_slice(&image.config.json).expect("JSON");
    assert_eq!(config["architecture"], "amd64");
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    let inner = &config["config"];
    assert_eq!(inner["Env"], serde_json::json!(["GREETING=hello world", "PATH=/boot:/bin"]));
    assert_eq!(inner["Entrypoint"], serde_json::json!(["/boot/init"]));
    assert_eq!(inner["ExposedPorts"], serde_json::json!({"80/tcp": {}}));
    assert_eq!(inner["Volumes"], serde_json::json!({"/srv": {}}));
    assert_eq!(inner["StopSignal"], "SIGTERM");
    assert_eq!(inner["Healthcheck"]["Test"], serde_json::json!(["CMD", "/boot/healthy"]));
    assert_eq!(inner["Healthcheck"]["Interval"], 1_000_000_000_u64);
    let label = |name: &str| inner["Labels"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(label("title"), "A tiny image");
    assert_eq!(label("version"), "0.1.0+test");
    assert_eq!(label("revision"), "0123456789abcdef");
    assert_eq!(label("source"), "https://example.org/tiny");
    assert_eq!(label("licenses"), "MIT");
    assert_eq!(config["rootfs"]["diff_ids"].as_array().map(Vec::len), Some(4));
    assert_eq!(config["history"].as_array().map(Vec::len), Some(4));
    // What a tag cannot hold.
    assert_eq!(image.tags(), ["medic-os/tiny:0.1.0-test", "medic-os/tiny:latest"]);
    let table = image.table();
    let names: Vec<&str> = table.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["base", "medic-os", "busybox", "configuration"]);
    let sum: u64 = table.rows.iter().map(|row| row.compressed.0).sum();
    assert_eq!(
        table.compressed,
        ByteSize(sum + (image.config.json.len() + image.manifest.json.len()) as u64)
    );
}

#[test]
fn a_damaged_package_is_refused_and_leaves_nothing() {
    let tiny = Tiny::new();
    let mut packages = tiny.packages.clone();
    // Another archive than was meant.
    let right = packages[0].sha256;
    packages[0].sha256 = packages[1].sha256;
    let error = assemble(&definition(IMAGE), &packages, &settings(&tiny.store()), &()).expect_err("refused");
    let words = error.to_string();
    assert!(matches!(error, ImageError::WrongDigest { .. }), "{words}");
    assert!(
        words.contains("busybox-v1.35.0-x64.pkg.tar.zst") && words.contains(&right.to_string()),
        "{words}"
    );
    // One flipped byte, in the manifest and in the content.
    packages[0].sha256 = right;
    let whole = std::fs::read(&packages[0].path).expect("read");
    for at in [whole.len() / 2, whole.len() - 100, 200] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&packages[0].path, &bytes).expect("written");
        let error =
            assemble(&definition(IMAGE), &packages, &settings(&tiny.store()), &()).expect_err("refused");
        let words = error.to_string();
        assert!(words.contains("busybox-v1.35.0-x64.pkg.tar.zst"), "byte {at}: {words}");
    }
    assert_eq!(left_over(&tiny.store()), "");
    // And when it is whole again, all is well.
    std::fs::write(&packages[0].path, &whole).expect("written");
    assemble(&definition(IMAGE), &packages, &settings(&tiny.store()), &()).expect("assembled");
}

#[test]
fn a_damaged_layer_is_never_shipped_and_is_made_again() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let layer = &image.layers[2];
    let blob = tiny.store().join("layers/blobs").join(layer.digest.to_string());
    let mut bytes = std::fs::read(&blob).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&blob, &bytes).expect("written");
    let path = tiny.folder.path().join("out/tiny.tar");
    let error = image.write_archive(&path).expect_err("refused");
    assert!(matches!(error, ImageError::DamagedLayer { .. }), "{error}");
    assert!(!path.exists() && left_over(tiny.folder.path()).is_empty());
    let again = tiny.image();
    assert_eq!(again.manifest.digest, image.manifest.digest);
    assert!(again.fresh);
    again.write_archive(&path).expect("written");
    // Too short a blob is noticed before it is used.
    std::fs::write(&blob, &bytes[..100]).expect("written");
    assert!(tiny.image().fresh);
}

#[test]
fn an_archive_that_somebody_changed_is_written_again() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let path = tiny.archive(&image);
    let whole = std::fs::read(&path).expect("read");
    std::fs::write(&path, b"other").expect("written");
    assert!(!image.write_archive(&path).expect("written").unchanged);
    assert_eq!(std::fs::read(&path).expect("read"), whole);
    std::fs::remove_file(&path).expect("removed");
    assert!(!image.write_archive(&path).expect("written").unchanged);
    assert!(image.write_archive(&path).expect("written").unchanged);
}

#[test]
fn a_layout_keeps_other_images_and_refuses_other_folders() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let layout = tiny.folder.path().join("layout");
    assert!(!image.write_layout(&layout).expect("written").unchanged);
    assert!(image.write_layout(&layout).expect("written").unchanged);
    let packages = vec![tiny.packages[0].clone(), init_package(tiny.folder.path(), "0.2.0")];
    let newer = assemble(&definition(IMAGE), &packages, &settings(&tiny.store()), &()).expect("assembled");
    newer.write_layout(&layout).expect("written");
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(layout.join("index.json")).expect("read")).expect("JSON");
    assert_eq!(index["manifests"].as_array().map(Vec::len), Some(2));
    for blob in std::fs::read_dir(layout.join("blobs/sha256")).expect("read") {
        let path = blob.expect("an entry").path();
        let found = medic_archive::digest::of_file(&path).expect("read").sha256.to_string();
        assert_eq!(path.file_name().map(|name| name.to_string_lossy().into_owned()), Some(found));
    }
    let home = tiny.folder.path().join("home");
    std::fs::create_dir(&home).expect("made");
    std::fs::write(home.join("letter.txt"), "dear").expect("written");
    let error = image.write_layout(&home).expect_err("refused");
    assert!(matches!(error, ImageError::NotALayout { .. }), "{error}");
    assert_eq!(listing(&home), "letter.txt f 644 4 ");
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let error = image.write_archive(Path::new("/proc/tiny.tar")).expect_err("refused").to_string();
    assert!(error.contains("'/proc'"), "{error}");
    let file = tiny.folder.path().join("file");
    std::fs::write(&file, "x").expect("written");
    let error = image.write_archive(&file.join("tiny.tar")).expect_err("refused").to_string();
    assert!(error.contains(&*file.to_string_lossy()), "{error}");
    let error = image.write_archive(tiny.folder.path()).expect_err("refused").to_string();
    assert!(error.contains(&*tiny.folder.path().to_string_lossy()), "{error}");
    assert_eq!(left_over(tiny.folder.path()), "");
}

#[test]
fn zstd_is_smaller_and_of_its_own_type() {
    let tiny = Tiny::new();
    let gzip = tiny.image();
    let mut settings = settings(&tiny.store());
    settings.compression = Compression::Zstd;
    let zstd = assemble(&definition(IMAGE), &tiny.packages, &settings, &()).expect("assembled");
    assert!(zstd.table().compressed < gzip.table().compressed);
    assert_eq!(zstd.configuration.rootfs, gzip.configuration.rootfs);
    assert!(String::from_utf8_lossy(&zstd.manifest.json).contains("layer.v1.tar+zstd"));
}

#[test]
fn layers_that_are_not_compressed_make_the_same_image_for_a_daemon() {
    let tiny = Tiny::new();
    let gzip = tiny.image();
    let mut settings = settings(&tiny.store());
    settings.compression = Compression::Uncompressed;
    let plain = assemble(&definition(IMAGE), &tiny.packages, &settings, &()).expect("assembled");
    // What Docker knows an image by is its configuration, which has the digests of layers before compression.
    assert_eq!(plain.config.digest, gzip.config.digest);
    for layer in &plain.layers {
        assert_eq!((layer.digest, layer.size), (layer.diff_id, layer.plain_size));
    }
    assert!(String::from_utf8_lossy(&plain.manifest.json).contains("layer.v1.tar\""));
    let files = |image: &medic_image::Image| {
        let view = medic_image::look::assembled(image).expect("looked at");
        view.files().into_iter().map(|(path, entry)| (path, entry.clone())).collect::<Vec<_>>()
    };
    assert_eq!(files(&plain), files(&gzip));
    let found = medic_image::look::in_store(&tiny.store(), &plain.manifest.digest.to_string()[..12]);
    assert_eq!(found.expect("looked at").len(), 1);
}

/// A file system of a few kilobytes, unmounted on drop.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = support::call(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", &folder.path().to_string_lossy()],
        );
        if !mounted.status.success() {
            support::skip("no file system can be mounted here: not root");
            return None;
        }
        Some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        support::call("umount", &[&self.0.path().to_string_lossy()]);
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing_half_done() {
    let Some(disk) = SmallDisk::new("600k") else { return };
    let tiny = Tiny::new();
    // The store's disk, while a package is unpacked.
    let error =
        assemble(&definition(IMAGE), &tiny.packages, &settings(disk.0.path()), &()).expect_err("full");
    assert!(matches!(error, ImageError::Full { .. }), "{error}");
    assert!(
        error.to_string().contains("the disk is full")
            && error.to_string().contains(&*disk.0.path().to_string_lossy()),
        "{error}"
    );
    assert_eq!(left_over(disk.0.path()), "");
    // The output's disk.
    let image = tiny.image();
    let path = disk.0.path().join("tiny.tar");
    std::fs::write(&path, "an older image").expect("written");
    let error = image.write_archive(&path).expect_err("full");
    assert!(matches!(error, ImageError::Full { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "an older image");
    for write in [medic_image::Image::write_docker_archive, medic_image::Image::write_rootfs] {
        let error = write(&image, &path).expect_err("full");
        assert!(matches!(error, ImageError::Full { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "an older image");
    }
    let error = image.write_layout(&disk.0.path().join("layout")).expect_err("full");
    assert!(matches!(error, ImageError::Full { .. }), "{error}");
    assert!(!disk.0.path().join("layout/index.json").exists());
    assert_eq!(left_over(disk.0.path()), "");
}

/// Only the compressed layer does not fit: what is unpacked does.
#[test]
fn a_disk_that_fills_while_a_layer_is_written_is_said() {
    let Some(disk) = SmallDisk::new("1m") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    // Bytes that cannot be compressed: 700 kB unpacked and 700 kB packed are more than a megabyte.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    })
    .take(700_000)
    .collect();
    let package = Maker::new("medic-os", "1")
        .script("boot/init", "#!/bin/sh\n")
        .add("noise", medic_archive::Node::bytes(0o644, noise))
        .pack(folder.path());
    let text = "name: noise\ntitle: n\nversion_of: medic-os\npackages: [medic-os]\nlinks: {/boot: {package: medic-os, path: boot}}\nentrypoint: [/boot/init]\n";
    let error = assemble(&definition(text), &[package], &settings(disk.0.path()), &()).expect_err("full");
    assert!(matches!(error, ImageError::Full { .. }), "{error}");
    assert_eq!(left_over(disk.0.path()), "");
}

#[test]
fn every_output_is_the_same_bytes_however_layers_are_compressed() {
    let tiny = Tiny::new();
    let digest = |path: &Path| medic_archive::digest::of_file(path).expect("read").sha256;
    let written = |compression| {
        let mut settings = settings(&tiny.store());
        settings.compression = compression;
        let image = assemble(&definition(IMAGE), &tiny.packages, &settings, &()).expect("assembled");
        let (saved, flat) = (tiny.folder.path().join("saved.tar"), tiny.folder.path().join("root.tar"));
        assert!(!image.write_docker_archive(&saved).expect("written").unchanged);
        assert!(!image.write_rootfs(&flat).expect("written").unchanged);
        assert!(image.write_rootfs(&flat).expect("written").unchanged);
        (digest(&saved), digest(&flat))
    };
    let gzip = written(Compression::Gzip);
    assert_eq!(gzip, written(Compression::Zstd));
    assert_eq!(gzip, written(Compression::Uncompressed));
    let flat = tiny.folder.path().join("root.tar").to_string_lossy().into_owned();
    let unpacked = tiny.folder.path().join("flat");
    std::fs::create_dir(&unpacked).expect("made");
    done("tar", &["-C", &unpacked.to_string_lossy(), "-xpf", &flat]);
    check_root(&unpacked);
    // A folder comes before what is in it, and nothing stands twice.
    let list = done("tar", &["-tf", &flat]);
    let mut seen = std::collections::BTreeSet::new();
    for line in list.lines() {
        let folder = line
            .trim_end_matches('/')
            .rsplit_once('/')
            .map_or(String::new(), |(folder, _)| format!("{folder}/"));
        assert!(folder.is_empty() || seen.contains(&folder), "{line} comes before its folder");
        assert!(seen.insert(line.to_owned()), "{line} stands twice");
    }
}

#[test]
fn packages_that_share_a_layer_give_the_same_files() {
    let tiny = Tiny::new();
    let shared = format!("{IMAGE}layers: [[busybox, medic-os]]\n");
    let image =
        assemble(&definition(&shared), &tiny.packages, &settings(&tiny.store()), &()).expect("assembled");
    let apart = tiny.image();
    assert_eq!((image.layers.len(), apart.layers.len()), (3, 4));
    let files = |image: &medic_image::Image| {
        let view = medic_image::look::assembled(image).expect("looked at");
        view.files().into_iter().map(|(path, entry)| (path, entry.clone())).collect::<Vec<_>>()
    };
    assert_eq!(files(&image), files(&apart));
    assert!(image.table().rows[1].name.contains("busybox"), "{:?}", image.table());
    // Found again by its digest, and with nothing changed.
    let again =
        assemble(&definition(&shared), &tiny.packages, &settings(&tiny.store()), &()).expect("assembled");
    assert!(!again.fresh);
    let found = medic_image::look::in_store(&tiny.store(), &image.manifest.digest.to_string()[..12])
        .expect("looked at");
    assert_eq!(found.len(), 1);
}

#[test]
fn other_tools_take_the_archive() {
    if !has("skopeo") || !has("umoci") {
        return;
    }
    let tiny = Tiny::new();
    for compression in [Compression::Gzip, Compression::Zstd, Compression::Uncompressed] {
        let mut settings = settings(&tiny.store());
        settings.compression = compression;
        let image = assemble(&definition(IMAGE), &tiny.packages, &settings, &()).expect("assembled");
        let archive = format!("oci-archive:{}", tiny.archive(&image).display());
        let digest = done("skopeo", &["inspect", "--format", "{{.Digest}}", &archive]);
        assert_eq!(digest.trim(), image.manifest.digest.oci());
        let docker = format!("docker-archive:{}", tiny.archive(&image).display());
        assert!(done("skopeo", &["inspect", "--config", &docker]).contains("/boot/init"));
        let layout = tiny.folder.path().join(format!("copied-{compression:?}"));
        let copied = format!("oci:{}:latest", layout.display());
        done("skopeo", &["copy", "--preserve-digests", &archive, &copied]);
        // Debian's umoci does not know zstd.
        if compression != Compression::Zstd {
            let bundle = tiny.folder.path().join(format!("bundle-{compression:?}"));
            let from = format!("{}:latest", layout.display());
            let rootless = if done("id", &["-u"]).trim() == "0" { vec![] } else { vec!["--rootless"] };
            let bundle_text = bundle.to_string_lossy().into_owned();
            let arguments = [vec!["unpack"], rootless, vec!["--image", &from, &bundle_text]].concat();
            done("umoci", &arguments);
            check_root(&bundle.join("rootfs"));
        }
    }
}

/// The root file system as it must be once all layers are on top of each other.
fn check_root(root: &Path) {
    let found = listing(root);
    let home = "usr/lib/medic-os/medic-os/v0.1.0+test";
    for line in [
        "boot l 777 46 usr/lib/medic-os/medic-os/v0.1.0+test/x64/boot",
        "bin l 777 40 usr/lib/medic-os/busybox/v1.35.0/x64/bin",
        "srv d 755 ",
        "tmp d 1777 ",
        "tmp/held d 750 ",
        "var/tmp d 1777 ",
        "var/run l 777 6 ../run",
        "root d 700 ",
        &format!("{home}/manifest.json f 644 "),
        &format!("{home}/scripts/env f 644 "),
        &format!("{home}/settings/x/x.conf f 644 "),
        &format!("{home}/x64/boot/init f 755 "),
    ] {
        assert!(found.lines().any(|other| other.starts_with(line)), "'{line}' is not in\n{found}");
    }
    assert!(!found.contains("srv/"), "{found}");
    let text = |path: &str| std::fs::read_to_string(root.join(path)).expect(path);
    assert!(text("etc/passwd").contains("web:x:101:101:web:/:/bin/false\n"));
    assert!(text("etc/group").contains("nobody:x:65534:\n"));
    assert!(text("etc/os-release").contains("VERSION_ID=\"0.1.0+test\""));
    medic_model::Manifest::from_json("m", text(&format!("{home}/manifest.json")).as_bytes())
        .expect("a manifest");
}
