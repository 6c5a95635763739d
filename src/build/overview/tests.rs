use super::*;
use crate::ErrorKind;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        for (name, needs) in [("zlib", ""), ("openssl", "zlib"), ("nginx", "openssl, zlib"), ("alone", "")] {
            place.write(
                &format!("recipes/{name}/recipe.yaml"),
                &format!("name: {name}\nversion: \"1\"\nreleased: 2026-01-01\nsummary: x\nhomepage: https://example.org\nlicence: Zlib\nneeds: [{needs}]\nsteps:\n  - {{name: build, run: make}}\n"),
            );
        }
        place.write("packages/nginx/package.yaml", "name: nginx\nsummary: x\ncomponents: [nginx]\n");
        place.write(
            "images/nginx.yaml",
            "name: nginx\ntitle: x\nversion_of: nginx\npackages: [nginx]\nentrypoint: [/boot/init]\n",
        );
        place
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs_err::write(path, text).expect("written");
    }

    fn overview(&self, wanted: &[&str]) -> Result<Overview, BuildError> {
        let wanted: Vec<Target> = wanted.iter().map(|text| text.parse().expect("never fails")).collect();
        overview(self.0.path(), &self.0.path().join("store"), Arch::X64, &wanted)
    }

    /// How many images, packages and components.
    fn counts(&self, wanted: &[&str]) -> (usize, usize, usize) {
        let view = self.overview(wanted).expect("well formed");
        (view.images.len(), view.packages.len(), view.components.len())
    }
}

#[test]
fn a_name_is_the_image_s_before_the_package_s_before_the_component_s() {
    let place = Place::new();
    assert_eq!(place.counts(&["nginx"]), (1, 1, 3));
    assert_eq!(place.counts(&["package:nginx"]), (0, 1, 3));
    assert_eq!(place.counts(&["component:nginx"]), (0, 0, 3));
    assert_eq!(place.counts(&["openssl"]), (0, 0, 2));
    assert_eq!(place.counts(&["openssl", "zlib", "openssl"]), (0, 0, 2));
    assert_eq!(place.counts(&[]), (1, 1, 4), "everything");
}

#[test]
fn an_unknown_name_is_told_with_one_that_is_much_like_it() {
    let place = Place::new();
    for (wanted, says) in [
        ("ngnix", "there is no image, package or component 'ngnix'"),
        ("image:ngnix", "images/ngnix.yaml does not exist; did you mean 'nginx'?"),
        ("component:zlob", "did you mean 'zlib'?"),
        ("package:../x", "there is no package '../x'"),
        ("", "there is no image"),
        ("kind:nginx", "'kind:nginx'"),
    ] {
        let error = place.overview(&[wanted]).expect_err(wanted);
        assert_eq!(error.kind(), ErrorKind::Definition);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn without_a_store_components_are_counted_and_no_time_is_known() {
    let view = Place::new().overview(&["nginx"]).expect("well formed");
    let path: Vec<_> = view.critical_path.iter().map(ComponentName::as_str).collect();
    assert_eq!(path, ["zlib", "openssl", "nginx"]);
    assert_eq!((view.work(), view.critical(), view.unknown()), (0, 0, 3));
    assert_eq!(view.last_build, None);
}
