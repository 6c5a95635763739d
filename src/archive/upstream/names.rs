//! Names of members: bytes, since upstream's need not be UTF-8.

/// The longest name of a member, in bytes (as PATH_MAX on Linux).
const MAX_NAME: usize = 4096;
/// The longest part (NAME_MAX).
const MAX_PART: usize = 255;

/// The parts of a name that are left after `strip` of them, joined by `/`; none when none are left.
///
/// # Errors
/// Why the name cannot be used.
pub(super) fn stripped(name: &[u8], strip: u32, depth: usize) -> Result<Option<Vec<u8>>, &'static str> {
    if name.starts_with(b"/") {
        return Err("is absolute");
    }
    if name.len() > MAX_NAME {
        return Err("is longer than 4096 bytes");
    }
    if name.contains(&0) {
        return Err("has a NUL in it");
    }
    let parts = || name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    if parts().any(|part| part == b"..") {
        return Err("leads upwards with '..'");
    }
    if parts().any(|part| part.len() > MAX_PART) {
        return Err("has a part longer than 255 bytes");
    }
    if parts().count() > depth {
        return Err("has more parts than are allowed");
    }
    let kept: Vec<&[u8]> = parts().skip(strip as usize).collect();
    Ok((!kept.is_empty()).then(|| kept.join(&b'/')))
}

/// A name as it is shown in an error.
pub(super) fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name).escape_debug().to_string();
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Every folder above a path, the nearest first.
pub(super) fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_or_refused() {
        let kept = |name: &str, strip| {
            stripped(name.as_bytes(), strip, 8).map(|path| path.map(|p| String::from_utf8(p).expect("text")))
        };
        assert_eq!(kept("./a//b/./c", 1), Ok(Some("b/c".to_owned())));
        assert_eq!(kept("a/", 1), Ok(None));
        assert_eq!(kept("./", 0), Ok(None));
        for bad in ["/a", "a/../b", "..", "a/..", "a\0", "1/2/3/4/5/6/7/8/9", &"x".repeat(256)] {
            assert!(kept(bad, 0).is_err(), "{bad:?} was taken");
        }
        assert_eq!(above(b"a/b/c").collect::<Vec<_>>(), [&b"a/b"[..], b"a"]);
    }
}
