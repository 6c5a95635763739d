//! `svc-stats`

use medic_model::ByteSize;
use medic_sys::clock::monotonic_millis;
use medic_sys::process::{Usage, pids, process, usage};

use super::arguments::Arguments;
use super::report::{FORMAT, ServiceUsage, Stats, json};
use super::terminal::Terminal;
use super::view::status;
use super::{FAILED, run_folder};
use crate::definition::names;
use crate::place::Place;
use crate::table::{Reader, Record};

/// Runs it; the exit code.
pub fn stats(place: &Place, arguments: &Arguments, terminal: &mut Terminal<'_>) -> u8 {
    let records = match select(place, &arguments.names()) {
        Ok(records) => records,
        Err(why) => {
            terminal.fatal(&why);
            return FAILED;
        }
    };
    let family = match Family::now() {
        Ok(family) => family,
        Err(error) => {
            terminal.fatal(&format!("cannot read /proc: {error}"));
            return FAILED;
        }
    };
    let services: Vec<ServiceUsage<'_>> = records.iter().map(|record| of(record, &family)).collect();
    if arguments.json {
        terminal.print(&json(&Stats { format: FORMAT, services }));
    } else {
        let text = text(&services, terminal);
        terminal.print(&text);
    }
    0
}

fn select(place: &Place, packages: &[String]) -> Result<Vec<Record>, String> {
    let reader = Reader::open(&run_folder(place)).map_err(|error| error.to_string())?;
    let mut records = reader.records(monotonic_millis());
    let installed = names(place).map_err(|error| error.to_string())?;
    let is_known = |package: &str| {
        records.iter().any(|record| record.package == package)
            || installed.iter().any(|name| name.as_str() == package)
    };
    if let Some(unknown) = packages.iter().find(|name| !is_known(name)) {
        return Err(format!("Package '{unknown}' doesn't appear to be installed"));
    }
    if !packages.is_empty() {
        records.retain(|record| packages.contains(&record.package));
    }
    Ok(records)
}

/// Who is whose child: parents with children. A list, since maps are code, and a container has few processes.
struct Family(Vec<(u32, u32)>);

impl Family {
    fn now() -> std::io::Result<Self> {
        let mut children = Vec::new();
        pids(|pid| {
            if let Some(process) = process(pid) {
                children.push((process.parent, pid));
            }
        })?;
        Ok(Self(children))
    }

    /// Everybody below a process. Processes come and go meanwhile, so one that was seen twice counts once.
    fn below(&self, pid: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let (mut parent, mut next) = (pid, 0);
        loop {
            for (_, child) in self.0.iter().filter(|(of, _)| *of == parent) {
                if !found.contains(child) {
                    found.push(*child);
                }
            }
            let Some(one) = found.get(next) else { return found };
            (parent, next) = (*one, next + 1);
        }
    }
}

fn of<'a>(record: &'a Record, family: &Family) -> ServiceUsage<'a> {
    // A supervisor is the parent of all that its service leaves behind, whatever that does.
    let processes = record.supervisor_pid.map(|pid| family.below(pid)).unwrap_or_default();
    let used = processes
        .iter()
        .filter_map(|pid| usage(*pid))
        .fold(Usage::default(), |sum, one| Usage { cpu: sum.cpu + one.cpu, memory: sum.memory + one.memory });
    ServiceUsage {
        package: &record.package,
        service: &record.service,
        status: status(record),
        processes: processes.len(),
        cpu_milliseconds: used.cpu,
        up_milliseconds: record.up,
        memory_bytes: used.memory,
        supervisor_memory_bytes: record.supervisor_pid.and_then(usage).map(|usage| usage.memory),
        restarts: record.restarts(),
    }
}

/// Processor time in seconds, and what share of one processor that is since the service was started.
fn cpu(usage: &ServiceUsage<'_>) -> (String, String) {
    let share = usage.up_milliseconds.filter(|up| *up > 0).map(|up| usage.cpu_milliseconds * 1000 / up);
    let share = share.map_or_else(|| "-".to_owned(), |share| format!("{}.{} %", share / 10, share % 10));
    let (seconds, hundredths) = (usage.cpu_milliseconds / 1000, usage.cpu_milliseconds / 10 % 100);
    (format!("{seconds}.{hundredths:02} s"), share)
}

fn text(services: &[ServiceUsage<'_>], terminal: &Terminal<'_>) -> String {
    let mut rows =
        vec![["Service", "Status", "Processes", "CPU", "CPU share", "Memory", "Restarts"].map(str::to_owned)];
    for usage in services {
        let (time, share) = cpu(usage);
        rows.push([
            format!("{}/{}", usage.package, usage.service),
            usage.status.to_owned(),
            usage.processes.to_string(),
            time,
            share,
            ByteSize(usage.memory_bytes).to_string(),
            usage.restarts.to_string(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cell = |(column, (cell, width)): (usize, (&String, usize))| match column {
            0 => format!("{cell:<width$}"),
            // Colours take no room on the screen, so the padding comes after them.
            1 if number > 0 => format!("{}{}", terminal.status(cell), " ".repeat(width - cell.len())),
            1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        };
        let cells: Vec<String> = row.iter().zip(widths).enumerate().map(cell).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(cpu: u64, up: Option<u64>) -> ServiceUsage<'static> {
        ServiceUsage {
            package: "p",
            service: "s",
            status: "Up",
            processes: 3,
            cpu_milliseconds: cpu,
            up_milliseconds: up,
            memory_bytes: 5_100_000,
            supervisor_memory_bytes: None,
            restarts: 2,
        }
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut nowhere = (Vec::new(), Vec::new());
        let terminal =
            Terminal { out: &mut nowhere.0, err: &mut nowhere.1, colour_out: false, colour_err: false };
        let text = text(&[service(1234, Some(10_000)), service(0, None)], &terminal);
        assert_eq!(
            text,
            "Service  Status  Processes     CPU  CPU share   Memory  Restarts\n\
             p/s      Up              3  1.23 s     12.3 %  5.10 MB         2\n\
             p/s      Up              3  0.00 s          -  5.10 MB         2\n"
        );
    }

    #[test]
    fn everybody_below_is_found_once() {
        let family = Family(vec![(1, 2), (1, 3), (2, 4), (4, 2)]);
        assert_eq!(family.below(1), [2, 3, 4]);
        assert_eq!(family.below(9), [0; 0]);
    }
}
