//! The same bytes from an emptied store.

use medic_tests::xtask::{built, in_workspace, nginx_image};
use medic_tests::{Scratch, run};

#[test]
fn the_image_built_again_from_an_emptied_store_has_the_same_digest() {
    let image = nginx_image();
    let scratch = Scratch::new("second-store");
    // Another store, another place, another number of jobs. The sources come from the first store, by digest, so that
    // the test asks the network for nothing that is known; everything else is made anew: build roots, toolchain, components.
    let store = scratch.join("store");
    let archive = scratch.join("again.tar");
    let first = medic_tests::xtask::xtask(&["store", "path"]).success();
    let mut command = in_workspace(&medic_tests::workspace(), &store);
    command
        .args(["build-image", "nginx", "--json", "--jobs", "3"])
        .args(["--output", &format!("archive:{}", archive.display())])
        .env("MEDIC_OS_MIRRORS", format!("{}/sources/sha256", first.text()));
    let again = built(&run(&mut command).success());
    assert_eq!(again.digest, image.digest);
    assert_eq!(again.compressed_size, image.compressed_size);
}
