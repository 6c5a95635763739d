//! Manual pages, made from the command line's own types: `docs/commands/pkg.1` and one for each command.

use std::path::Path;

use clap::{Command, CommandFactory as _};

use super::args::Pkg;

/// Each page by the name of its file.
fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for mut command in [Pkg::command(), crate::certificate::command_line()] {
        command.build();
        add(&command, &mut pages);
    }
    pages
}

fn add(command: &Command, pages: &mut Vec<(String, String)>) {
    // What was written when is Git's to know: a page is a function of the sources.
    let page = clap_mangen::Man::new(command.clone()).date("").manual("Medic OS");
    let mut text = Vec::new();
    page.render(&mut text).expect("memory takes all");
    pages.push((page.get_filename(), String::from_utf8(text).expect("text")));
    for inner in command.get_subcommands() {
        add(inner, pages);
    }
}

/// With `MEDIC_OS_BLESS` set the pages are written; without, they must be what the commands say.
#[test]
fn the_pages_say_what_the_commands_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands");
    let pages = pages();
    let is_ours = |name: &String| name.ends_with(".1");
    let present = || -> Vec<String> {
        let names =
            std::fs::read_dir(&folder).expect("it is there").map(|entry| entry.expect("entry").file_name());
        names.filter_map(|name| name.into_string().ok()).filter(is_ours).collect()
    };
    if std::env::var_os("MEDIC_OS_BLESS").is_some() {
        present().iter().for_each(|name| std::fs::remove_file(folder.join(name)).expect("removed"));
        pages.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).expect("written"));
    }
    let bless = "run the tests of medic-pkg with MEDIC_OS_BLESS=1";
    let mut names: Vec<&String> = pages.iter().map(|(name, _)| name).collect();
    let mut found = present();
    names.sort();
    found.sort();
    assert_eq!(names, found.iter().collect::<Vec<_>>(), "{bless}");
    for (name, text) in &pages {
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap_or_default(), *text, "{name}: {bless}");
    }
}

#[test]
fn there_is_a_page_for_every_command_with_its_options() {
    let pages = pages();
    let page =
        |name: &str| &pages.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("{name}")).1;
    assert!(page("pkg.1").contains("pkg\\-install(1)"));
    assert!(page("pkg-remove.1").contains("\\-\\-purge"));
    assert!(page("pkg-repo-add.1").contains("\\-\\-root"), "what all take is told by each");
    assert!(page("certificate-self-signed.1").contains("\\-\\-out\\-cert"));
}
