//! What a page of a package index says (the "simple repository API": PEP 503 in HTML, PEP 691 in JSON).

use serde::Deserialize;

/// A project's name as an index has it (PEP 503, "Normalized Names").
pub(super) fn normalised(name: &str) -> String {
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_ascii_lowercase()
}

#[derive(Deserialize)]
struct Page {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    url: String,
}

/// The address of a file on a project's page that came from `page_url`; without the digest behind `#`, as ours is the one that counts.
pub(super) fn address(page: &[u8], page_url: &str, file: &str) -> Option<String> {
    let found = match serde_json::from_slice::<Page>(page) {
        Ok(page) => page.files.into_iter().find(|entry| entry.filename == file).map(|entry| entry.url),
        Err(_) => in_html(&String::from_utf8_lossy(page), file),
    }?;
    let base = reqwest::Url::parse(page_url).ok()?;
    let mut url = base.join(&found).ok()?;
    url.set_fragment(None);
    Some(url.into())
}

/// The `href` of the anchor that leads to a file of this name.
fn in_html(page: &str, file: &str) -> Option<String> {
    page.split("href=").skip(1).find_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let href = rest[1..].split(quote).next()?.replace("&amp;", "&");
        let path = href.split(['#', '?']).next()?;
        let name = path.rsplit('/').next()?.replace("%2B", "+").replace("%2b", "+");
        (name == file).then_some(href)
    })
}

/// What a wheel's name says it runs on (PEP 427, "File name convention").
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tags<'a> {
    python: &'a str,
    abi: &'a str,
    platform: &'a str,
}

impl<'a> Tags<'a> {
    pub(super) fn of(file: &'a str) -> Option<Self> {
        let mut parts = file.strip_suffix(".whl")?.rsplit('-');
        let (platform, abi, python) = (parts.next()?, parts.next()?, parts.next()?);
        (parts.count() >= 2).then_some(Self { python, abi, platform })
    }

    /// pip's options that make it take this wheel, whatever machine it runs on.
    pub(super) fn options(&self) -> Vec<String> {
        let python = self.python.rsplit('.').next().unwrap_or(self.python);
        let (implementation, version) = python.split_at(python.len().min(2));
        let mut options = vec!["--implementation".to_owned(), implementation.to_owned()];
        options.extend(["--python-version".to_owned(), version.to_owned()]);
        let each = |option: &'static str, list: &str| {
            list.split('.').flat_map(|tag| [option.to_owned(), tag.to_owned()]).collect::<Vec<_>>()
        };
        options.extend(each("--abi", self.abi));
        options.extend(each("--platform", self.platform));
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_both_forms() {
        let json = br#"{"meta":{"api-version":"1.1"},"files":[{"filename":"a-1.whl","url":"../f/a-1.whl#sha256=0","yanked":false}]}"#;
        let base = "https://index.example/simple/a/";
        assert_eq!(address(json, base, "a-1.whl").as_deref(), Some("https://index.example/simple/f/a-1.whl"));
        let html = br#"<a href='https://files.example/x/a-1%2Blocal.tar.gz#sha256=0&amp;x'>a</a> <a href="b.whl">b</a>"#;
        let found = address(html, base, "a-1+local.tar.gz");
        assert_eq!(found.as_deref(), Some("https://files.example/x/a-1%2Blocal.tar.gz"));
        assert_eq!(address(html, base, "b.whl").as_deref(), Some("https://index.example/simple/a/b.whl"));
        assert_eq!(address(html, base, "c.whl"), None);
    }

    #[test]
    fn a_wheel_says_what_it_runs_on() {
        assert_eq!(normalised("Foo__Bar.baz"), "foo-bar-baz");
        let tags =
            Tags::of("zig-0.1-1-py2.py3-none-manylinux1_x86_64.musllinux_1_1_x86_64.whl").expect("a wheel");
        let options = tags.options().join(" ");
        let expected = "--implementation py --python-version 3 --abi none --platform manylinux1_x86_64 --platform musllinux_1_1_x86_64";
        assert_eq!(options, expected);
        assert_eq!(Tags::of("zig-py3-none-any.whl"), None);
        assert_eq!(Tags::of("zig-0.1.tar.gz"), None);
    }
}
