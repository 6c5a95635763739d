//! AWS's files of profiles: `[section]`, `name = value`, comments that begin with `#` or `;`.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::error::CredentialError;
use super::super::secret::Secret;
use super::super::sources::AwsSources;

/// The settings of a profile.
pub(super) type Profile = BTreeMap<String, Secret>;
/// All profiles, by their names.
pub(super) type Profiles = BTreeMap<String, Profile>;

/// Reads the profiles of both files; those that are not there hold none. What the file of credentials says wins.
pub(super) fn read(aws: &AwsSources) -> Result<Profiles, CredentialError> {
    let mut profiles = Profiles::new();
    let files = [
        (&aws.config_file, true, "AWS_CONFIG_FILE"),
        (&aws.credentials_file, false, "AWS_SHARED_CREDENTIALS_FILE"),
    ];
    for (path, is_config, origin) in files {
        let Some(path) = path else { continue };
        for (section, settings) in parse(&text(path, origin)?) {
            let name = match section.strip_prefix("profile ") {
                Some(name) if is_config => name.trim().to_owned(),
                // 'sso-session' and 'services' are no profiles.
                _ if is_config && section != "default" => continue,
                _ => section,
            };
            profiles.entry(name).or_default().extend(settings);
        }
    }
    Ok(profiles)
}

fn text(path: &Path, origin: &str) -> Result<Secret, CredentialError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Secret::new(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Secret::new("")),
        Err(source) => {
            let origin = format!("{origin} (or the home folder)");
            Err(CredentialError::File { path: path.to_owned(), origin, source })
        }
    }
}

fn parse(text: &Secret) -> Profiles {
    let mut profiles = Profiles::new();
    let mut section = None;
    for line in text.expose().lines() {
        // What is indented belongs to a setting that holds others, of which none is for us.
        if line.starts_with([' ', '\t', '#', ';']) || line.trim().is_empty() {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or_default();
            section = Some(name.split_whitespace().collect::<Vec<_>>().join(" "));
            continue;
        }
        if let (Some(section), Some((name, value))) = (&section, line.split_once('=')) {
            let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|sign| value.find(sign)).min();
            let value = value[..end.unwrap_or(value.len())].trim();
            let settings = profiles.entry(section.clone()).or_default();
            settings.insert(name.trim().to_lowercase(), Secret::new(value));
        }
    }
    profiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_settings_and_comments_are_told_apart() {
        let text = "lost = 1\n# [no]\n[ profile   a ] # one\nAWS_Access_Key_ID = AKIA ; the key\naws_secret_access_key=x#y=\n; no\n\
                    s3 =\n  max = 1\nempty =\n[b\nno value\n[b]\nq = 1\nq = 2\n";
        let profiles = parse(&Secret::new(text));
        let of = |section: &str, name: &str| {
            profiles.get(section)?.get(name).map(|value| value.expose().to_owned())
        };
        assert_eq!(profiles.keys().collect::<Vec<_>>(), ["b", "profile a"]);
        assert_eq!(of("profile a", "aws_access_key_id").as_deref(), Some("AKIA"));
        assert_eq!(of("profile a", "aws_secret_access_key").as_deref(), Some("x#y="));
        assert_eq!(of("profile a", "empty").as_deref(), Some(""));
        assert_eq!(of("profile a", "max"), None);
        assert_eq!(of("b", "q").as_deref(), Some("2"));
    }
}
