//! The services that a query is about: those named on the command line, or all of a package.

use medic_sys::clock::monotonic_millis;

use super::run_folder;
use crate::definition::names;
use crate::place::Place;
use crate::table::{Reader, Record, Stage};

/// How far init is, and the records of the services meant, in the order of their names.
#[derive(Debug)]
pub struct Chosen {
    /// How far init is.
    pub stage: Stage,
    /// The services.
    pub records: Vec<Record>,
}

/// The services `named` of a package, or all that it has; an error says what there is none of.
pub fn chosen(place: &Place, package: &str, named: &[String]) -> Result<Chosen, String> {
    let reader = Reader::open(&run_folder(place)).map_err(|error| error.to_string())?;
    let mut records = reader.records(monotonic_millis());
    records.retain(|record| record.package == package);
    let installed = names(place).map_err(|error| error.to_string())?;
    if records.is_empty() && !installed.iter().any(|name| name.as_str() == package) {
        return Err(format!("Package '{package}' doesn't appear to be installed"));
    }
    if let Some(unknown) = named.iter().find(|name| !records.iter().any(|record| record.service == **name)) {
        return Err(format!("Service '{package}/{unknown}' doesn't exist"));
    }
    if records.is_empty() {
        return Err(format!("Package '{package}' has no services"));
    }
    if !named.is_empty() {
        records.retain(|record| named.contains(&record.service));
    }
    Ok(Chosen { stage: reader.stage(), records })
}
