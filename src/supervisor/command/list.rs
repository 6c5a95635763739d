//! `supervisor-list`

use std::collections::BTreeSet;

use medic_sys::clock::monotonic_millis;

use super::arguments::Arguments;
use super::report::{FORMAT, Listing, json};
use super::terminal::Terminal;
use super::view::{STATUSES, has};
use super::{FAILED, run_folder};
use crate::definition::names;
use crate::place::Place;
use crate::table::{Reader, Record};

/// Runs it; the exit code.
pub fn list(place: &Place, arguments: &Arguments, terminal: &mut Terminal<'_>) -> u8 {
    let records = Reader::open(&run_folder(place)).map(|reader| reader.records(monotonic_millis()));
    let words = arguments.names();
    let package = words.first().map_or("all", String::as_str);
    let found = match &records {
        Ok(records) => select(place, records, package, words.get(1).map(String::as_str)),
        Err(error) => Err(error.to_string()),
    };
    match found {
        Ok(names) if arguments.json => terminal.print(&json(&Listing { format: FORMAT, names })),
        Ok(names) => terminal.print(&names.iter().map(|name| format!("{name}\n")).collect::<String>()),
        Err(why) => {
            terminal.fatal(&why);
            return FAILED;
        }
    }
    0
}

fn select(
    place: &Place,
    records: &[Record],
    package: &str,
    status: Option<&str>,
) -> Result<Vec<String>, String> {
    if let Some(unknown) = status.filter(|status| !STATUSES.contains(status)) {
        return Err(format!(
            "Service attribute '{unknown}' does not exist: it is one of {}",
            STATUSES.join(", ")
        ));
    }
    let wanted = |record: &&Record| has(record, status.unwrap_or("watched")).unwrap_or(false);
    if package == "all" {
        let wanted = records.iter().filter(wanted);
        // Packages in alphabetical order, each once; services are in that order already.
        return Ok(match status {
            None => wanted.map(|r| r.package.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
            Some(_) => wanted.map(|r| format!("{}/{}", r.package, r.service)).collect(),
        });
    }
    let of_package: Vec<&Record> = records.iter().filter(|record| record.package == package).collect();
    let installed = names(place).map_err(|error| error.to_string())?;
    if of_package.is_empty() && !installed.iter().any(|name| name.as_str() == package) {
        return Err(format!("Package '{package}' is not currently installed"));
    }
    Ok(of_package.into_iter().filter(wanted).map(|record| record.service.clone()).collect())
}
