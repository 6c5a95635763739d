use medic_model::image::ImageDocument;
use medic_model::lock::Lock;

use super::*;

const RECIPE: &str = "name: NAME\nversion: \"1\"\nreleased: 2026-01-01\nsummary: x\nhomepage: https://example.org\nlicence: Zlib\nneeds: [NEEDS]\nsteps:\n  - {name: build, run: make}\n";

fn workspace(recipes: &[(&str, &str)]) -> (tempfile::TempDir, Definitions) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, needs) in recipes {
        let text = RECIPE.replace("NAME", name).replace("NEEDS", needs);
        let home = folder.path().join("recipes").join(name);
        fs_err::create_dir_all(&home).expect("made");
        fs_err::write(home.join("recipe.yaml"), text).expect("written");
    }
    let definitions = Definitions::new(folder.path());
    (folder, definitions)
}

fn component(name: &str) -> ComponentName {
    name.parse().expect("a name")
}

#[test]
fn all_that_is_needed_is_read_and_nothing_else() {
    let (folder, definitions) = workspace(&[("a", "b"), ("b", "c"), ("c", ""), ("broken", "")]);
    fs_err::write(folder.path().join("recipes/broken/recipe.yaml"), "name: [").expect("written");
    let recipes = definitions.recipes([component("a")]).expect("valid");
    assert_eq!(recipes.keys().map(ComponentName::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
    let error = definitions.recipes([component("broken")]).expect_err("broken").to_string();
    assert!(error.starts_with("recipes/broken/recipe.yaml:"), "{error}");
}

#[test]
fn an_unknown_need_is_an_error_at_its_place() {
    let (_folder, definitions) = workspace(&[("a", "zlob"), ("zlib", "")]);
    let error = definitions.recipes([component("a")]).expect_err("unknown").to_string();
    assert_eq!(
        error,
        "recipes/a/recipe.yaml:7:9: 'needs' names 'zlob', but there is no recipes/zlob/recipe.yaml; did you mean 'zlib'?"
    );
}

#[test]
fn an_unknown_name_of_the_command_line_is_told_with_what_is_near() {
    let (folder, definitions) = workspace(&[]);
    fs_err::create_dir_all(folder.path().join("packages/hello")).expect("made");
    let error = definitions.package(&"helo".parse().expect("a name")).expect_err("unknown").to_string();
    assert_eq!(
        error,
        "there is no package 'helo': packages/helo/package.yaml does not exist; did you mean 'hello'?"
    );
    fs_err::create_dir_all(folder.path().join("images")).expect("made");
    fs_err::write(folder.path().join("images/nginx.yaml"), "").expect("written");
    let error = definitions.image(&"ngnix".parse().expect("a name")).expect_err("unknown").to_string();
    assert!(error.ends_with("images/ngnix.yaml does not exist; did you mean 'nginx'?"), "{error}");
}

#[test]
fn an_unknown_component_is_an_error_at_its_place_in_the_package() {
    let (folder, definitions) = workspace(&[("zlib", "")]);
    let home = folder.path().join("packages/p");
    fs_err::create_dir_all(&home).expect("made");
    fs_err::write(home.join("package.yaml"), "name: p\nsummary: x\ncomponents: [zlib, zlig]\n")
        .expect("written");
    let package = definitions.package(&"p".parse().expect("a name")).expect("valid");
    let error = definitions.recipes_of(&package).expect_err("unknown").to_string();
    assert!(error.starts_with("packages/p/package.yaml:3:20: 'components' names 'zlig'"), "{error}");
}

fn packages(of: &[(&str, &str)]) -> (tempfile::TempDir, Definitions) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in of {
        let home = folder.path().join("packages").join(name);
        fs_err::create_dir_all(&home).expect("made");
        fs_err::write(home.join("package.yaml"), format!("name: {name}\nsummary: x\n{text}"))
            .expect("written");
    }
    let definitions = Definitions::new(folder.path());
    (folder, definitions)
}

const SHOP: (&str, &str) = ("shop", "components: [engine]\nservices: {web: {}}\n");

#[test]
fn a_variant_is_completed_from_the_package_that_it_stands_in_for() {
    let (folder, definitions) = packages(&[SHOP, ("shop-dev", "components: [other]\nvariant_of: shop\n")]);
    let name = "shop-dev".parse().expect("a name");
    let package = definitions.package(&name).expect("valid");
    assert_eq!((package.installed_name().as_str(), package.services.len()), ("shop", 1));
    fs_err::create_dir(folder.path().join("packages/shop-dev/scripts")).expect("made");
    let error = definitions.package(&name).expect_err("refused").to_string();
    assert_eq!(
        error,
        "packages/shop-dev/package.yaml:4:13: 'variant_of' gives it the scripts and settings of 'shop', so nothing reads \
         packages/shop-dev/scripts: remove it"
    );
}

#[test]
fn a_variant_of_nothing_is_an_error_at_its_place() {
    let (_folder, definitions) = packages(&[SHOP, ("shop-dev", "components: [other]\nvariant_of: shup\n")]);
    let error = definitions.package(&"shop-dev".parse().expect("a name")).expect_err("unknown").to_string();
    assert_eq!(
        error,
        "packages/shop-dev/package.yaml:4:13: 'variant_of' names 'shup', but there is no packages/shup/package.yaml; did you mean \
         'shop'?"
    );
}

#[test]
fn an_image_holds_a_variant_under_the_name_that_it_stands_in_for() {
    let (folder, definitions) = packages(&[
        ("os", "components: [os]\n"),
        SHOP,
        ("shop-dev", "components: [other]\nvariant_of: shop\n"),
    ]);
    fs_err::create_dir_all(folder.path().join("images")).expect("made");
    let text = "name: web\ntitle: Web\nversion_of: shop-dev\npackages: [os, 'shop-dev >=1']\nlayers: [[os, shop-dev]]\nlinks:\n  \
                /boot: {package: os, path: boot}\n  /web: {package: shop-dev, path: bin}\nentrypoint: [/boot/init]\n";
    fs_err::write(folder.path().join("images/web.yaml"), text).expect("written");
    let image = definitions.image(&"web".parse().expect("a name")).expect("valid");
    let installed = definitions.as_installed(&image).expect("its packages are there");
    let names = |packages: &[PackageName]| packages.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&installed.packages), ["os", "shop"]);
    assert_eq!(
        (installed.version_of.as_str(), names(&installed.layers[0])),
        ("shop", names(&installed.packages))
    );
    assert_eq!(installed.versions.keys().map(PackageName::as_str).collect::<Vec<_>>(), ["shop"]);
    assert_eq!(
        installed.links.values().map(|link| link.package.as_str()).collect::<Vec<_>>(),
        ["os", "shop"]
    );
}

#[test]
fn a_name_must_be_that_of_its_folder() {
    let (folder, definitions) = workspace(&[("a", "")]);
    fs_err::rename(folder.path().join("recipes/a"), folder.path().join("recipes/b")).expect("renamed");
    let error = definitions.recipe(&component("b")).expect_err("another name").to_string();
    assert_eq!(
        error,
        "recipes/b/recipe.yaml:1:7: the name is 'a', but the place is that of 'b': make them the same"
    );
}

fn images(of: &[(&str, &str)]) -> (tempfile::TempDir, Definitions) {
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::create_dir_all(folder.path().join("images")).expect("made");
    for (name, text) in of {
        fs_err::write(folder.path().join("images").join(name), text).expect("written");
    }
    let definitions = Definitions::new(folder.path());
    (folder, definitions)
}

const BASE: &str = "name: base\ntitle: Base\nversion_of: os\npackages: [os]\nlinks:\n  /boot: {package: os, path: boot}\nentrypoint: [/boot/init]\n";

#[test]
fn an_image_has_what_the_one_has_that_it_extends() {
    let own = "name: web\nextends: base\npackages: [nginx]\n";
    let (_folder, definitions) = images(&[("base.yaml", BASE), ("web.yaml", own)]);
    let image = definitions.image(&"web".parse().expect("a name")).expect("valid");
    assert_eq!((image.title.as_str(), image.packages.len(), image.links.len()), ("Base", 2, 1));
    let contradicting = format!("{own}links:\n  /boot: {{package: nginx, path: b}}\n");
    let (_folder, definitions) = images(&[("base.yaml", BASE), ("web.yaml", &contradicting)]);
    let error = definitions.image(&"web".parse().expect("a name")).expect_err("refused").to_string();
    assert_eq!(
        error,
        "images/web.yaml:5:3: the link '/boot' is another one in images/base.yaml, which this image extends: take one of the two out"
    );
}

#[test]
fn images_in_a_circle_are_refused_and_so_is_one_that_extends_nothing() {
    let (_folder, definitions) = images(&[
        ("a.yaml", "name: a\nextends: b\n"),
        ("b.yaml", "name: b\nextends: c\n"),
        ("c.yaml", "name: c\nextends: a\n"),
        ("d.yaml", "name: d\nextends: d\n"),
        ("e.yaml", "name: e\nextends: bb\n"),
    ]);
    let error =
        |name: &str| definitions.image(&name.parse().expect("a name")).expect_err("refused").to_string();
    let circle = error("a");
    assert!(circle.starts_with("images/c.yaml:2:10: the image extends 'a', and images/a.yaml"), "{circle}");
    assert!(error("d").starts_with("images/d.yaml:2:10: the image extends 'd'"), "{}", error("d"));
    let unknown = error("e");
    assert!(
        unknown.starts_with("images/e.yaml:2:10: 'extends' names 'bb', but there is no images/bb.yaml"),
        "{unknown}"
    );
}

#[test]
fn a_lock_is_that_of_its_image_and_may_be_missing() {
    let name: ImageName = "web".parse().expect("a name");
    let (folder, definitions) = images(&[]);
    assert_eq!(definitions.lock(&name).expect("none"), None);
    let lock = Lock::new(name.clone());
    write_lock(folder.path(), &lock).expect("written");
    assert_eq!(definitions.lock(&name).expect("read"), Some(lock));
    fs_err::rename(lock_file(folder.path(), &name), folder.path().join("images/other.lock"))
        .expect("renamed");
    let error = definitions.lock(&"other".parse().expect("a name")).expect_err("refused").to_string();
    assert!(error.starts_with("images/other.lock:4:8: the lock is of the image 'web'"), "{error}");
}

#[test]
fn every_key_of_an_image_is_documented_and_no_other() {
    const ALL: &str = "{name: a, extends: b, title: t, description: d, version_of: p, packages: [p], layers: [], platforms: [x64], links: {}, directories: {}, users: [], groups: [], environment: {}, ports: [], volumes: [], entrypoint: [/x], command: [], stop_signal: TERM, stop_grace: 10s, healthcheck: {command: [/x], interval: 1s, timeout: 1s, retries: 1}, labels: {}}";
    let document = ImageDocument::from_yaml("images/a.yaml", ALL).expect("every key");
    let written = serde_json::to_value(&document).expect("JSON");
    let keys: Vec<&String> = written.as_object().expect("a map").keys().collect();
    let page = include_str!("../../../docs/images.md");
    let table = page.split("### `extends`").next().unwrap_or_default();
    let documented: Vec<&str> = (table.lines())
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(key, _)| key)
        .collect();
    for key in &keys {
        assert!(documented.contains(&key.as_str()), "docs/images.md says nothing of '{key}'");
    }
    assert_eq!(documented.len(), keys.len(), "docs/images.md has keys that there are not: {documented:?}");
}

#[test]
fn this_workspaces_locks_and_golden_digests_are_of_the_same_archives() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let definitions = Definitions::new(&workspace);
    let golden = definitions.golden().expect("read");
    let images = definitions.image_names().expect("listed");
    assert!(!images.is_empty());
    for image in images {
        let lock = definitions.lock(&image).expect("read").unwrap_or_else(|| panic!("{image} has no lock"));
        let platforms = definitions.image(&image).expect("read").platforms;
        assert!(lock.arches.keys().eq(platforms.iter()), "{image} is not locked for just its platforms");
        for (arch, packages) in &lock.arches {
            for (name, locked) in &packages.packages {
                let recorded = golden.entry(name, *arch).map(|entry| (&entry.version, entry.archive));
                assert_eq!(
                    recorded,
                    Some((&locked.version, locked.archive)),
                    "{name} ({arch}) of {image}: write both anew, with cargo xtask golden --update and cargo xtask lock"
                );
            }
        }
    }
}
