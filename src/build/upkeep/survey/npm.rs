//! Versions of an npm package, as the machine's own npm tells them.

use std::collections::BTreeMap;

use medic_model::recipe::{Location, RegistryPackage};
use serde::Deserialize;

use super::{Offer, Survey, day, is_semver_pre_release};
use crate::fetch::Reason;
use crate::fetch::ask::Asker;

#[derive(Deserialize)]
struct View {
    versions: OneOrMore,
    #[serde(default)]
    time: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

pub(super) fn survey(asker: &Asker<'_>, package: &RegistryPackage) -> Result<Survey, Reason> {
    let args = ["view", "--json", "--", &package.name, "versions", "time"].map(Into::into).to_vec();
    let scratch = asker.scratch().map_err(|error| Reason::Broken(error.to_string()))?;
    let env = vec![("npm_config_update_notifier", "false".into())];
    let said = asker.run(&asker.access().programs.npm, args, env, scratch.path())?;
    read(&said, package)
}

fn read(said: &[u8], package: &RegistryPackage) -> Result<Survey, Reason> {
    let view: View = serde_json::from_slice(said).map_err(|error| {
        Reason::Broken(format!("npm said something that is no list of versions: {error}"))
    })?;
    let versions = match view.versions {
        OneOrMore::One(version) => vec![version],
        OneOrMore::More(versions) => versions,
    };
    let offer = |version: &String| {
        let moved = RegistryPackage { name: package.name.clone(), version: version.clone() };
        Some(Offer {
            version: version.parse().ok()?,
            location: Location::Npm(moved),
            released: view.time.get(version).and_then(|time| day(time)),
            pre_release: is_semver_pre_release(version),
        })
    };
    Ok(Survey {
        offers: versions.iter().filter_map(offer).collect(),
        gone: Some(!versions.contains(&package.version)),
        place: format!("npm registry: {}", package.name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_npm_says_is_read() {
        let package = RegistryPackage { name: "x".to_owned(), version: "1.0.0".to_owned() };
        let said = br#"{"versions":["1.0.0","2.0.0-rc.1"],"time":{"1.0.0":"2025-10-02T01:44:30.071Z","created":"x"}}"#;
        let survey = read(said, &package).expect("read");
        assert_eq!((survey.offers.len(), survey.gone), (2, Some(false)));
        assert_eq!(survey.offers[0].released.map(|day| day.to_string()).as_deref(), Some("2025-10-02"));
        assert!(survey.offers[1].pre_release && !survey.offers[0].pre_release);
        let one = read(br#"{"versions":"3.0.0"}"#, &package).expect("read");
        assert_eq!((one.offers.len(), one.gone), (1, Some(true)));
        assert!(read(b"", &package).is_err());
    }
}
