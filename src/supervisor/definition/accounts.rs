//! Users and groups, from `/etc/passwd` and `/etc/group` (passwd(5), group(5)): no name service, no shared library.

use std::path::{Path, PathBuf};

use medic_sys::process::Identity;

use crate::place::Place;

/// Why a user or group of a definition cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The name is not in the file.
    #[error("'{name}' is not in {}: add it to the image, or to the package's 'users'", path.display())]
    Unknown {
        /// The user or group.
        name: String,
        /// The file.
        path: PathBuf,
    },
}

/// A user's or group's line, cut into fields.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

fn read(path: &Path) -> Result<String, AccountError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(source) => Err(AccountError::Read { path: path.to_owned(), source }),
    }
}

/// The identity of `user`, or of its own group `group` in place of the user's, and the user's home.
///
/// # Errors
/// The files cannot be read, or do not have the names. Numbers need no entry.
pub fn identity(
    place: &Place,
    user: &str,
    group: Option<&str>,
) -> Result<(Identity, Option<String>), AccountError> {
    let (passwd, groups) = (place.at("etc/passwd"), place.at("etc/group"));
    let unknown =
        |name: &str, path: &Path| AccountError::Unknown { name: name.to_owned(), path: path.to_owned() };
    let users = read(&passwd);
    let entry = users.as_ref().ok().and_then(|text| lines(text).find(|f| f.len() >= 6 && f[0] == user));
    let (uid, own_gid, home) = match (entry, user.parse::<u32>()) {
        (Some(fields), _) => {
            let number = |field: &str| field.parse::<u32>().map_err(|_| unknown(user, &passwd));
            (number(fields[2])?, number(fields[3])?, Some(fields[5].to_owned()))
        }
        // A number without an entry is its own group.
        (None, Ok(uid)) => (uid, uid, None),
        (None, Err(_)) => {
            users?;
            return Err(unknown(user, &passwd));
        }
    };
    let listed = read(&groups).unwrap_or_default();
    let gid = match group {
        None => own_gid,
        Some(name) => {
            let entry = lines(&listed).find(|f| f.len() >= 3 && f[0] == name);
            let number = entry.map_or(name, |fields| fields[2]);
            number.parse().map_err(|_| unknown(name, &groups))?
        }
    };
    let is_member = |fields: &Vec<&str>| fields.len() >= 4 && fields[3].split(',').any(|name| name == user);
    let mut further: Vec<u32> =
        lines(&listed).filter(is_member).filter_map(|fields| fields[2].parse().ok()).collect();
    further.push(gid);
    further.sort_unstable();
    further.dedup();
    Ok((Identity { uid, gid, groups: further }, home))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("etc")).expect("made");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join("etc").join(name), text).expect("written")
        };
        write("passwd", "root:x:0:0:root:/root:/bin/sh\nnginx:x:101:101::/srv:/bin/false\nbroken\n");
        write("group", "root:x:0:\nnginx:x:101:\ntls:x:200:other,nginx\nweb:x:300:nginx\n");
        let place = Place::new(folder.path());
        (folder, place)
    }

    #[test]
    fn a_user_has_its_groups_and_its_home() {
        let (_folder, place) = place();
        let (found, home) = identity(&place, "nginx", None).expect("known");
        assert_eq!(found, Identity { uid: 101, gid: 101, groups: vec![101, 200, 300] });
        assert_eq!(home.as_deref(), Some("/srv"));
        let (found, _) = identity(&place, "nginx", Some("tls")).expect("known");
        assert_eq!((found.uid, found.gid), (101, 200));
        let (found, home) = identity(&place, "1234", None).expect("a number");
        assert_eq!((found, home), (Identity { uid: 1234, gid: 1234, groups: vec![1234] }, None));
    }

    #[test]
    fn an_unknown_name_says_where_it_is_missing() {
        let (folder, place) = place();
        let error = identity(&place, "nobody", None).expect_err("unknown").to_string();
        assert!(error.contains("'nobody' is not in") && error.contains("etc/passwd"), "{error}");
        let error = identity(&place, "nginx", Some("none")).expect_err("unknown").to_string();
        assert!(error.contains("'none' is not in") && error.contains("etc/group"), "{error}");
        std::fs::remove_file(folder.path().join("etc/passwd")).expect("removed");
        let error = identity(&place, "nginx", None).expect_err("no file").to_string();
        assert!(error.contains("cannot read"), "{error}");
    }
}
