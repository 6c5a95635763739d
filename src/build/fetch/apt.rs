//! Which Debian mirrors this machine uses: apt's own configuration (sources.list(5)), in both of its forms.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// What archives of Debian and its children are called at the end of their address: these hold `pool/…` as Debian does.
const ARCHIVES: [&str; 5] = ["debian", "debian-security", "ubuntu", "ubuntu-ports", "debian-ports"];

/// The base addresses (`http:`, `https:`, `file:`) in `sources.list` and `sources.list.d` below `folder` (`/etc/apt`), each once: Debian's and
/// Ubuntu's archives first, others after them. A folder that is not there gives none.
///
/// # Errors
/// A file there cannot be read; the error names it.
pub fn mirrors(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for file in files(folder)? {
        let text = fs::read_to_string(&file)?;
        let in_file =
            if file.extension().is_some_and(|e| e == "sources") { stanzas(&text) } else { lines(&text) };
        for uri in in_file {
            for uri in resolve(&uri) {
                if !found.contains(&uri) {
                    found.push(uri);
                }
            }
        }
    }
    let (archives, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|uri| is_archive(uri));
    Ok([archives, others].concat())
}

fn is_archive(uri: &str) -> bool {
    ARCHIVES.contains(&uri.rsplit('/').next().unwrap_or_default())
}

/// The files that apt reads, in its order.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let single = folder.join("sources.list");
    if single.is_file() {
        files.push(single);
    }
    let parts = folder.join("sources.list.d");
    if parts.is_dir() {
        let mut inside: Vec<PathBuf> =
            fs::read_dir(parts)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
        inside.retain(|path| path.extension().is_some_and(|end| end == "list" || end == "sources"));
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// The one-line form: `deb [options] uri suite component…`.
fn lines(text: &str) -> Vec<String> {
    let uri = |line: &str| {
        let line = line.split('#').next().unwrap_or_default().trim();
        let rest = line.strip_prefix("deb-src").or_else(|| line.strip_prefix("deb"))?;
        let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        rest.split_whitespace().next().map(str::to_owned)
    };
    text.lines().filter_map(uri).collect()
}

/// The deb822 form: stanzas of `Field: value`, continued by indented lines.
fn stanzas(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for stanza in text.replace("\r\n", "\n").split("\n\n") {
        let (mut uris, mut enabled, mut field) = (Vec::new(), true, String::new());
        for line in stanza.lines().filter(|line| !line.starts_with('#')) {
            let value = match line.split_once(':').filter(|_| !line.starts_with([' ', '\t'])) {
                Some((name, value)) => {
                    field = name.trim().to_ascii_lowercase();
                    value
                }
                None => line,
            };
            match field.as_str() {
                "uris" => uris.extend(value.split_whitespace().map(str::to_owned)),
                "enabled" => enabled = !matches!(value.trim().to_ascii_lowercase().as_str(), "no" | "false"),
                _ => {}
            }
        }
        if enabled {
            found.extend(uris);
        }
    }
    found
}

/// The addresses behind a URI: itself, or those in the list that it names.
fn resolve(uri: &str) -> Vec<String> {
    let web = |uri: &str| super::access::is_web(uri) || uri.starts_with("file:");
    if let Some(list) = uri.strip_prefix("mirror+file:") {
        let path = Path::new("/").join(list.trim_start_matches('/'));
        let text = fs::read_to_string(path).unwrap_or_default();
        let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
        return text.lines().filter_map(first).filter(|uri| web(uri)).map(|uri| trimmed(&uri)).collect();
    }
    let uri = uri.strip_prefix("copy:").map_or_else(|| uri.to_owned(), |path| format!("file:{path}"));
    if web(&uri) { vec![trimmed(&uri)] } else { Vec::new() }
}

fn trimmed(uri: &str) -> String {
    uri.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn both_forms_are_read() {
        let root = tempfile::tempdir().expect("a folder");
        let list = root.path().join("mirrors.txt");
        write(root.path(), "mirrors.txt", "https://cloud.example/debian/ priority:1\n# no\n");
        write(
            root.path(),
            "sources.list",
            "# deb http://no.example/debian x main\n\
             deb [arch=amd64 signed-by=/x] http://one.example/debian/ trixie main # yes\n\
             deb-src\thttp://one.example/debian trixie main\n\
             deb cdrom:[Debian]/ trixie main\n\
             debug http://no.example/ x\n\
             deb file:/srv/mirror trixie main\n",
        );
        let other = format!(
            "Types: deb\n# http://snapshot.example/debian\nURIs: http://two.example/debian-security\n  https://third-party.example/apt\n\
             Suites: x\n\nTypes: deb\nEnabled: no\nURIs: http://off.example/debian\n\nTypes: deb\nuris: mirror+file:{}\n",
            list.display()
        );
        write(root.path(), "sources.list.d/b.sources", &other);
        write(root.path(), "sources.list.d/ignored.save", "deb http://no.example/debian x main\n");
        let expected = [
            "http://one.example/debian",
            "http://two.example/debian-security",
            "https://cloud.example/debian",
            "file:/srv/mirror",
            "https://third-party.example/apt",
        ];
        assert_eq!(mirrors(root.path()).expect("read"), expected);
    }

    #[test]
    fn no_apt_is_no_mirror() {
        let root = tempfile::tempdir().expect("a folder");
        assert!(mirrors(&root.path().join("none")).expect("read").is_empty());
    }
}
