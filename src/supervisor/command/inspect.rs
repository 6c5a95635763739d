//! `supervisor-inspect`

use std::collections::BTreeSet;
use std::fmt::Write;

use medic_sys::clock::monotonic_millis;

use super::arguments::Arguments;
use super::report::{FORMAT, Inspection, PackageView, ServiceView, json};
use super::terminal::Terminal;
use super::view::{attributes, is_healthy, status};
use super::{FAILED, run_folder};
use crate::definition::names;
use crate::place::Place;
use crate::table::{Reader, Record, Stage};

/// Runs it; the exit code.
pub fn inspect(place: &Place, arguments: &Arguments, terminal: &mut Terminal<'_>) -> u8 {
    let status = Reader::open(&run_folder(place)).map_err(|error| error.to_string());
    let status =
        status.and_then(|reader| Ok((reader.stage(), reader.records(monotonic_millis()), packages(place)?)));
    let (stage, records, mut packages) = match status {
        Ok(status) => status,
        Err(why) => {
            terminal.fatal(&why);
            return FAILED;
        }
    };
    packages.extend(records.iter().map(|record| record.package.clone()));
    let wanted = arguments.names();
    if let Some(unknown) = wanted.iter().find(|name| !packages.contains(*name)) {
        terminal.fatal(&format!("Package '{unknown}' doesn't appear to be installed"));
        return FAILED;
    }
    if !wanted.is_empty() {
        packages = wanted.into_iter().collect();
    }
    let shown: Vec<&Record> = records.iter().filter(|record| packages.contains(&record.package)).collect();
    let healthy = stage == Stage::Running && shown.iter().all(|record| is_healthy(record));
    match (arguments.json, arguments.health) {
        (true, _) => terminal.print(&json(&inspection(place, stage, healthy, &packages, &shown))),
        (false, true) => {
            terminal.print(&health_line(stage, &shown));
            if arguments.verbose {
                for text in packages.iter().filter_map(|package| warnings(place, package)) {
                    terminal.print(&text);
                }
            }
        }
        (false, false) if packages.is_empty() => terminal.warn("There are currently no packages installed"),
        (false, false) => {
            let text = text(&packages, &shown, terminal);
            terminal.print(&text);
        }
    }
    if arguments.health && !healthy { FAILED } else { 0 }
}

fn packages(place: &Place) -> Result<BTreeSet<String>, String> {
    let names = names(place).map_err(|error| error.to_string())?;
    Ok(names.into_iter().map(|name| name.as_str().to_owned()).collect())
}

fn of<'a>(package: &'a str, records: &'a [&Record]) -> impl Iterator<Item = &'a Record> {
    records.iter().copied().filter(move |record| record.package == package)
}

fn text(packages: &BTreeSet<String>, records: &[&Record], terminal: &Terminal<'_>) -> String {
    let mut text = String::from("\n");
    for package in packages {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "Package '{package}':");
        let mut any = false;
        for record in of(package, records) {
            any = true;
            service_text(&mut text, record, terminal);
        }
        if !any {
            text.push_str("  <No services found in this package>\n");
        }
        text.push('\n');
    }
    text
}

fn service_text(text: &mut String, record: &Record, terminal: &Terminal<'_>) {
    let pid = |pid: Option<u32>| pid.map_or_else(|| "None".to_owned(), |pid| pid.to_string());
    let _ = write!(
        text,
        "  Service '{}':\n    Status: {}\n    Up: {} seconds, Restarts: {}\n    Attributes: {}\n    \
         Service PID: {}, Supervisor PID: {}\n",
        record.service,
        terminal.status(status(record)),
        record.up.unwrap_or(0) / 1000,
        record.restarts(),
        attributes(record, false).join(", "),
        pid(record.service_pid),
        pid(record.supervisor_pid),
    );
}

fn health_line(stage: Stage, records: &[&Record]) -> String {
    let unwell: Vec<String> = records
        .iter()
        .filter(|record| !is_healthy(record))
        .map(|record| format!("{}/{} ({})", record.package, record.service, status(record)))
        .collect();
    match (stage, unwell.is_empty()) {
        (Stage::Booting, _) => "Booting: services are being started\n".to_owned(),
        (Stage::Stopping, _) => "Stopping\n".to_owned(),
        (Stage::Running, true) if records.len() == 1 => "Healthy: 1 service\n".to_owned(),
        (Stage::Running, true) => format!("Healthy: {} services\n", records.len()),
        (Stage::Running, false) => format!("Unhealthy: {}\n", unwell.join(", ")),
    }
}

/// What a package warns of, in its scripts' own lines; nothing when they are content. That it cannot be read is no reason to fail: the
/// services' state is what was asked for.
fn warnings(place: &Place, package: &str) -> Option<String> {
    let text = std::fs::read(place.warnings(package)).ok().filter(|text| !text.is_empty())?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn inspection<'a>(
    place: &Place,
    stage: Stage,
    healthy: bool,
    packages: &'a BTreeSet<String>,
    records: &[&'a Record],
) -> Inspection<'a> {
    let service = |record: &'a Record| ServiceView {
        service: &record.service,
        status: status(record),
        up: record.up.map(|millis| millis / 1000),
        restarts: record.restarts(),
        starts: record.starts,
        failures: record.failures,
        attributes: attributes(record, true),
        service_pid: record.service_pid,
        supervisor_pid: record.supervisor_pid,
        last_exit: record.last_exit.map(|exit| exit.to_string()),
        log_lines_dropped: record.dropped,
    };
    let of = |package: &str| records.iter().copied().filter(|r| r.package == *package).map(service).collect();
    let stage = match stage {
        Stage::Booting => "booting",
        Stage::Running => "running",
        Stage::Stopping => "stopping",
    };
    let view = |package: &'a String| PackageView {
        package,
        warnings: warnings(place, package),
        services: of(package),
    };
    let packages = packages.iter().map(view).collect();
    Inspection { format: FORMAT, stage, healthy, packages }
}
