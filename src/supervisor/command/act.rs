//! The commands that change something: `svc-*`, `supervisor-start`, `supervisor-stop`, `supervisor-reread`.

mod words;

use medic_model::{PackageName, ServiceName};
use medic_sys::clock::monotonic_millis;

use super::arguments::Arguments;
use super::manual::Command;
use super::report::{Acted, ActedOn, FORMAT, json};
use super::terminal::Terminal;
use super::{FAILED, run_folder};
use crate::control::client::{Client, ClientError};
use crate::control::frame::{Ask, What};
use crate::definition::names;
use crate::machine::fleet::{Operation, Outcome};
use crate::place::Place;
use crate::table::Reader;
use words::{Verdict, Words};

/// There is no such service (legacy).
const NO_SERVICE: u8 = 252;
/// The package has no services (legacy).
const NO_SERVICES: u8 = 253;
/// There is no such package (legacy).
const NO_PACKAGE: u8 = 255;

/// Why nothing is done at all.
struct Refusal {
    code: u8,
    why: String,
}

/// Runs one of them; the exit code.
pub fn act(
    command: &'static Command,
    operation: Operation,
    place: &Place,
    arguments: &Arguments,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let mut named = arguments.names();
    let package = named.remove(0);
    let words = Words::of(operation);
    let mut report = Report {
        command,
        package: &package,
        words: &words,
        json: arguments.json,
        acted: Vec::new(),
        failures: 0,
    };
    let bare = named.is_empty();
    let refusal = match services(place, &package, named, &words) {
        Ok(services) => {
            perform(place, &package, &services, operation, bare, arguments, &mut report, terminal).err()
        }
        Err(refusal) => Some(refusal),
    };
    report.end(refusal, bare, terminal)
}

/// The services meant, those that do not exist among them.
fn services(
    place: &Place,
    package: &str,
    named: Vec<String>,
    words: &Words,
) -> Result<Vec<(String, bool)>, Refusal> {
    let reader =
        Reader::open(&run_folder(place)).map_err(|error| Refusal { code: FAILED, why: error.to_string() })?;
    let records = reader.records(monotonic_millis());
    let known: Vec<String> =
        records.into_iter().filter(|record| record.package == package).map(|record| record.service).collect();
    let installed = names(place).map_err(|error| Refusal { code: FAILED, why: error.to_string() })?;
    if known.is_empty() && !installed.iter().any(|name| name.as_str() == package) {
        let code = if words.of_supervisors { NO_PACKAGE } else { FAILED };
        return Err(Refusal { code, why: format!("Package '{package}' doesn't appear to be installed") });
    }
    if named.is_empty() {
        return Ok(known.into_iter().map(|service| (service, true)).collect());
    }
    let services: Vec<(String, bool)> =
        named.into_iter().map(|service| (service.clone(), known.contains(&service))).collect();
    match services.iter().find(|(_, exists)| !exists) {
        Some((service, _)) if words.of_supervisors => {
            Err(Refusal { code: NO_SERVICE, why: format!("Service '{package}/{service}' doesn't exist") })
        }
        _ => Ok(services),
    }
}

#[expect(clippy::too_many_arguments, reason = "one call, with what one command line gives")]
fn perform(
    place: &Place,
    package: &str,
    services: &[(String, bool)],
    operation: Operation,
    bare: bool,
    arguments: &Arguments,
    report: &mut Report<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Refusal> {
    let asked: Vec<&(String, bool)> = services.iter().filter(|(_, exists)| *exists).collect();
    for (service, _) in services.iter().filter(|(_, exists)| !exists) {
        report.take(service, Outcome::NoSuchService, bare, arguments.force, terminal);
    }
    if asked.is_empty() {
        return Ok(());
    }
    let name = |text: &str| -> Result<(PackageName, ServiceName), String> {
        let package = package.parse().map_err(|error| format!("{error}"))?;
        Ok((package, text.parse().map_err(|error| format!("{error}"))?))
    };
    let mut asks = Vec::with_capacity(asked.len());
    for (tag, (service, _)) in asked.iter().enumerate() {
        let (package, service) = name(service).map_err(|why| Refusal { code: FAILED, why })?;
        let what = What::Service { operation, package, service, force: arguments.force };
        asks.push(Ask {
            tag: tag as u64,
            what,
            within: arguments.timeout.map(|span| span.as_millis().max(1)),
        });
    }
    let refused = |error: ClientError| Refusal { code: FAILED, why: error.to_string() };
    let client = Client::connect(&run_folder(place)).map_err(refused)?;
    client
        .ask(&asks, |tag, reply| report.take(&asked[tag].0, reply.outcome, bare, arguments.force, terminal))
        .map_err(refused)
}

/// What came of it, told as it comes.
struct Report<'a> {
    command: &'static Command,
    package: &'a str,
    words: &'a Words,
    json: bool,
    acted: Vec<(String, &'static str, Option<String>)>,
    failures: usize,
}

impl Report<'_> {
    fn take(
        &mut self,
        service: &str,
        outcome: Outcome,
        bare: bool,
        force: bool,
        terminal: &mut Terminal<'_>,
    ) {
        let name = format!("{}/{service}", self.package);
        let verdict = self.words.verdict(&name, &outcome, bare, force);
        let (what, message) = match &verdict {
            Verdict::Done(text) | Verdict::Fine(text) => {
                self.told(|terminal| terminal.info(text), terminal);
                ("done", matches!(verdict, Verdict::Fine(_)).then(|| text.clone()))
            }
            Verdict::Skipped(text) => {
                self.told(|terminal| terminal.warn(text), terminal);
                ("skipped", Some(text.clone()))
            }
            Verdict::Failed(text) => {
                self.failures += 1;
                let failed = self.words.failed(&name);
                self.told(
                    |terminal| {
                        terminal.warn(text);
                        terminal.fatal(&failed);
                    },
                    terminal,
                );
                ("failed", Some(text.clone()))
            }
        };
        self.acted.push((service.to_owned(), what, message));
    }

    fn told(&self, tell: impl FnOnce(&mut Terminal<'_>), terminal: &mut Terminal<'_>) {
        if !self.json {
            tell(terminal);
        }
    }

    fn end(&self, refusal: Option<Refusal>, bare: bool, terminal: &mut Terminal<'_>) -> u8 {
        let none = bare && self.acted.is_empty() && refusal.is_none();
        let code = match &refusal {
            Some(refusal) => refusal.code,
            None if none && self.words.of_supervisors => NO_SERVICES,
            None if self.failures == 0 => 0,
            None if self.words.of_supervisors => u8::try_from(self.failures).unwrap_or(251).min(251),
            None => FAILED,
        };
        let why = refusal.map(|refusal| refusal.why);
        if self.json {
            terminal.print(&json(&self.as_json(code, why)));
            return code;
        }
        if none {
            terminal.warn(&format!("Package '{}' has no services {}", self.package, self.words.to_do));
        }
        match (&why, self.failures) {
            (Some(why), _) => terminal.fatal(why),
            (None, 0) if code == 0 => terminal.success(&self.words.finished(self.package, bare)),
            (None, 0) => {}
            (None, _) => terminal.fatal(&self.words.unfinished(self.package)),
        }
        code
    }

    fn as_json(&self, exit_code: u8, error: Option<String>) -> Acted<'_> {
        let services = self.acted.iter().map(|(service, outcome, message)| ActedOn {
            service,
            outcome,
            message: message.clone(),
        });
        Acted {
            format: FORMAT,
            command: self.command.name,
            package: self.package,
            services: services.collect(),
            exit_code,
            error,
        }
    }
}

/// `supervisor-reread`
pub fn reread(
    command: &'static Command,
    place: &Place,
    arguments: &Arguments,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let mut outcome = None;
    let ask = Ask { tag: 0, what: What::Reread, within: None };
    let asked = Client::connect(&run_folder(place))
        .and_then(|client| client.ask(&[ask], |_, reply| outcome = Some(reply.outcome)));
    let error = match (asked, outcome) {
        (Err(error), _) => Some(error.to_string()),
        (Ok(()), Some(Outcome::Done)) => None,
        (Ok(()), Some(Outcome::Failed(why))) => Some(why),
        (Ok(()), _) => Some("everything is being ended".to_owned()),
    };
    let code = if error.is_some() { FAILED } else { 0 };
    if arguments.json {
        let acted = Acted {
            format: FORMAT,
            command: command.name,
            package: "",
            services: Vec::new(),
            exit_code: code,
            error,
        };
        terminal.print(&json(&acted));
        return code;
    }
    match error {
        None => terminal.success("Read again what is installed"),
        Some(why) => terminal.fatal(&why),
    }
    code
}
