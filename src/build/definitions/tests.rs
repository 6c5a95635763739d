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
