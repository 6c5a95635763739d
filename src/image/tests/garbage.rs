//! What is in the store: what names it, what is needed, what is damaged.

mod support;

use std::path::Path;

use medic_archive::digest;
use medic_image::garbage::{CurrentImage, Stored, StoredKind, stored, verify};
use medic_image::{AssembleSettings, Compression, ImageError, assemble};
use support::{EPOCH, IMAGE, Tiny, definition, init_package, settings};

fn kinds(all: &[Stored], needed: bool) -> Vec<StoredKind> {
    let mut kinds: Vec<_> = all.iter().filter(|one| one.needed == needed).map(|one| one.kind).collect();
    kinds.sort();
    kinds
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn everything_is_listed_with_what_names_it() {
    let tiny = Tiny::new();
    let old = tiny.image();
    let archive = tiny.archive(&old);
    let packages = vec![tiny.packages[0].clone(), init_package(tiny.folder.path(), "0.2.0")];
    let new = settings(&tiny.store());
    let image = assemble(&definition(IMAGE), &packages, &new, &()).expect("assembled");
    let zstd = AssembleSettings { compression: Compression::Zstd, created: EPOCH + 1, ..new.clone() };
    assemble(&definition(IMAGE), &packages, &zstd, &()).expect("assembled");
    let left = tiny.store().join("tmp/.medic-image-left");
    std::fs::create_dir_all(left.join("deep")).expect("made");
    std::fs::create_dir_all(tiny.store().join("volumes/data")).expect("made");

    let digests: Vec<_> = packages.iter().map(|package| package.sha256).collect();
    let current = CurrentImage { definition: definition(IMAGE), packages: packages.clone(), settings: new };
    let look = || stored(&tiny.store(), &digests, std::slice::from_ref(&current)).expect("read");
    let all = look();
    // Both packages in both compressions; the image of this commit; the archive, which is there as it was written.
    use StoredKind::{Image, Layer, Leftover, Output, PackageRecord};
    let needed = [PackageRecord, PackageRecord, PackageRecord, PackageRecord, Image];
    assert_eq!(kinds(&all, true), [&needed[..], &[Output]].concat());
    let others = kinds(&all, false);
    assert_eq!(
        others.iter().filter(|kind| **kind != Layer).collect::<Vec<_>>(),
        [&PackageRecord, &Image, &Image, &Leftover]
    );
    // gzip: base, busybox, two of the init, two configurations; zstd: base, busybox, init, configuration.
    assert_eq!(others.iter().filter(|kind| **kind == Layer).count(), 10);
    let of = |layer: &medic_image::report::Layer| {
        let name = layer.digest.to_string();
        all.iter().find(|one| one.path.ends_with(&name)).and_then(|one| one.holders.clone()).expect("held")
    };
    // The busybox layer: both images of it, and the record of the package.
    assert_eq!(of(&old.layers[2]).len(), 3);
    assert_eq!(of(&image.layers[1]).len(), 2);
    assert!(all.iter().all(|one| !one.in_use && !one.path.starts_with(tiny.store().join("volumes"))));
    std::fs::remove_file(archive).expect("removed");
    assert_eq!(kinds(&look(), true), needed, "what is known of an archive that is gone is of no use");
}

#[test]
fn damage_is_found_removed_and_mended() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let sound = verify(&tiny.store()).expect("read");
    assert_eq!((sound.objects, sound.damaged.as_slice()), (4 + 2 + 1, &[][..]));
    let layer = tiny.store().join("layers/blobs").join(image.layers[1].digest.to_string());
    flip(&layer);
    let record = std::fs::read_dir(tiny.store().join("layers/packages")).expect("there").flatten().next();
    let record = record.expect("one").path();
    std::fs::write(&record, "{").expect("written");
    let found: Vec<_> =
        verify(&tiny.store()).expect("read").damaged.into_iter().map(|one| one.path).collect();
    assert!(found.len() == 2 && found.contains(&layer) && found.contains(&record), "{found:?}");
    assert_eq!(verify(&tiny.store()).expect("read").damaged, []);
    let again = tiny.image();
    assert!(again.fresh && again.manifest == image.manifest);
    assert_eq!(digest::of_file(&layer).expect("read").sha256, image.layers[1].digest);
}

#[test]
fn a_layer_or_archive_that_turns_out_to_be_damaged_is_named() {
    let tiny = Tiny::new();
    let image = tiny.image();
    let layer = tiny.store().join("layers/blobs").join(image.layers[1].digest.to_string());
    flip(&layer);
    let error = image.write_archive(&tiny.folder.path().join("x.tar")).expect_err("damaged");
    assert_eq!(error.damaged_layer(), Some(layer.as_path()));
    assert!(!layer.exists() && !error.may_be_the_archive());
    tiny.archive(&tiny.image());

    std::fs::remove_dir_all(tiny.store()).expect("removed");
    flip(&tiny.packages[0].path);
    let error = assemble(&definition(IMAGE), &tiny.packages, &settings(&tiny.store()), &());
    let error: ImageError = error.map(drop).expect_err("damaged");
    assert!(error.may_be_the_archive() && error.damaged_layer().is_none(), "{error}");
}
