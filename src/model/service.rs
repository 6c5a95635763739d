//! A service definition: in `packages/<package>/package.yaml`, and from there in manifests and receipts.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::document::unique_map;
use crate::text::text_serde;
use crate::{ByteSize, PackageName, ServiceName, Span};

/// How a service is started, watched and stopped. Its program is the package's script `run/<service>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// Services that must be ready before this one is started; `service` of the same package or `package/service`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<ServiceRef>,
    /// When it counts as ready; without it, as soon as it is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Readiness>,
    /// A check repeated while it runs; failing it restarts the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Liveness>,
    /// The user that `run/<service>` is started as; none is the supervisor's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its group; none is the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How it is stopped.
    #[serde(skip_serializing_if = "Stop::is_default")]
    pub stop: Stop,
    /// How it re-reads its settings.
    #[serde(skip_serializing_if = "Reload::is_default")]
    pub reload: Reload,
    /// Whether its end ends the container, with its exit code.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// Whether it does its work once and ends: success is its being up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub oneshot: bool,
    /// Resource limits.
    #[serde(skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
    /// How much of what it writes is kept, and whether the container shows it.
    #[serde(skip_serializing_if = "Log::is_default")]
    pub log: Log,
    /// Further environment variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub environment: BTreeMap<String, String>,
}

/// A service of some package: `service` (of the same package) or `package/service`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceRef {
    /// The package; none is the one that the reference stands in.
    pub package: Option<PackageName>,
    /// The service.
    pub service: ServiceName,
}

impl FromStr for ServiceRef {
    type Err = crate::name::NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((package, service)) => {
                Ok(Self { package: Some(package.parse()?), service: service.parse()? })
            }
            None => Ok(Self { package: None, service: text.parse()? }),
        }
    }
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.package {
            Some(package) => write!(f, "{package}/{}", self.service),
            None => write!(f, "{}", self.service),
        }
    }
}

text_serde!(ServiceRef, "a service, or package/service");

/// One question that tells whether a service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// The service writes a newline to this file descriptor when ready (as s6 has it).
    Fd(u32),
    /// A TCP connection to `address:port` is taken.
    Tcp(String),
    /// An HTTP GET of `http://address[:port]/path` answers 200 to 399.
    Http(String),
    /// A command ends with 0.
    Exec(Vec<String>),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ProbeFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    fd: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u32>,
}

impl ProbeFields {
    fn of(probe: Probe) -> Self {
        match probe {
            Probe::Fd(fd) => Self { fd: Some(fd), ..Self::default() },
            Probe::Tcp(tcp) => Self { tcp: Some(tcp), ..Self::default() },
            Probe::Http(http) => Self { http: Some(http), ..Self::default() },
            Probe::Exec(exec) => Self { exec: Some(exec), ..Self::default() },
        }
    }

    fn probe(&self) -> Result<Probe, String> {
        let probe = match (self.fd, &self.tcp, &self.http, &self.exec) {
            (Some(fd), None, None, None) => Probe::Fd(fd),
            (None, Some(tcp), None, None) => Probe::Tcp(tcp.clone()),
            (None, None, Some(http), None) => Probe::Http(http.clone()),
            (None, None, None, Some(exec)) => Probe::Exec(exec.clone()),
            _ => return Err("a check is exactly one of 'fd', 'tcp', 'http' and 'exec'".to_owned()),
        };
        match &probe {
            Probe::Fd(fd) if !(3..1024).contains(fd) => Err(format!("'fd: {fd}' is not from 3 to 1023")),
            Probe::Tcp(address) if address.parse::<std::net::SocketAddr>().is_err() => {
                Err(format!("'tcp: {address}' is not an address and port, such as 127.0.0.1:80"))
            }
            Probe::Http(url) if http_target(url).is_none() => {
                Err(format!("'http: {url}' is not http://ADDRESS[:PORT]/PATH with a numeric address"))
            }
            Probe::Exec(words) if words.first().is_none_or(String::is_empty) => {
                Err("'exec' is empty".to_owned())
            }
            _ => Ok(probe),
        }
    }
}

/// The socket address, the authority (what the header `Host` says) and the path of an `http://` address with a numeric host; none for
/// anything else.
pub fn http_target(url: &str) -> Option<(std::net::SocketAddr, &str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let plain = path.bytes().all(|b| b.is_ascii_graphic());
    let address =
        authority.parse().ok().or_else(|| Some((authority.parse::<std::net::IpAddr>().ok()?, 80).into()))?;
    plain.then_some((address, authority, path))
}

/// When a service counts as ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ProbeFields", into = "ProbeFields")]
pub struct Readiness {
    /// What is asked.
    pub probe: Probe,
    /// After this long without an answer the start has failed. 30 s unless told.
    pub timeout: Span,
}

impl TryFrom<ProbeFields> for Readiness {
    type Error = String;
    fn try_from(fields: ProbeFields) -> Result<Self, String> {
        if fields.interval.is_some() || fields.failures.is_some() {
            return Err("'interval' and 'failures' belong to 'liveness', not to 'readiness'".to_owned());
        }
        Ok(Self { probe: fields.probe()?, timeout: fields.timeout.unwrap_or(Span::from_secs(30)) })
    }
}

impl From<Readiness> for ProbeFields {
    fn from(readiness: Readiness) -> Self {
        Self { timeout: Some(readiness.timeout), ..Self::of(readiness.probe) }
    }
}

/// A check repeated while a service runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ProbeFields", into = "ProbeFields")]
pub struct Liveness {
    /// What is asked; never an `fd`.
    pub probe: Probe,
    /// How long one answer may take. 5 s unless told.
    pub timeout: Span,
    /// From one question to the next. 30 s unless told.
    pub interval: Span,
    /// So many failures in a row restart the service. 3 unless told.
    pub failures: u32,
}

impl TryFrom<ProbeFields> for Liveness {
    type Error = String;
    fn try_from(fields: ProbeFields) -> Result<Self, String> {
        let liveness = Self {
            probe: fields.probe()?,
            timeout: fields.timeout.unwrap_or(Span::from_secs(5)),
            interval: fields.interval.unwrap_or(Span::from_secs(30)),
            failures: fields.failures.unwrap_or(3),
        };
        match liveness.probe {
            Probe::Fd(_) => Err("'liveness' cannot ask an 'fd': it tells of readiness only".to_owned()),
            _ if liveness.failures == 0 || liveness.interval.as_millis() == 0 => {
                Err("'failures' and 'interval' of 'liveness' must be more than 0".to_owned())
            }
            _ => Ok(liveness),
        }
    }
}

impl From<Liveness> for ProbeFields {
    fn from(liveness: Liveness) -> Self {
        Self {
            timeout: Some(liveness.timeout),
            interval: Some(liveness.interval),
            failures: Some(liveness.failures),
            ..Self::of(liveness.probe)
        }
    }
}

/// How a service is stopped: the signal, then after the grace everything that is left is killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// Sent first, to the service's process group.
    pub signal: Signal,
    /// How long it has to end.
    pub grace: Span,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: Signal::Term, grace: Span::from_secs(5) }
    }
}

impl Stop {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a service re-reads its settings: a signal to its process, or a command of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reload {
    /// Sent to the service's process, when no command is given.
    pub signal: Signal,
    /// Run first; the signal is sent only when it ends with 0. A check of the new settings belongs here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Vec<String>>,
    /// Run in place of the signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
}

impl Default for Reload {
    fn default() -> Self {
        Self { signal: Signal::Hup, check: None, command: None }
    }
}

impl Reload {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Resource limits of a service; a limit not given is inherited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open files (`RLIMIT_NOFILE`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Processes of the user (`RLIMIT_NPROC`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Core dumps in bytes (`RLIMIT_CORE`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<ByteSize>,
}

impl Limits {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The least bytes that a log file may be bounded to: more than a line can have.
pub const LEAST_LOG: u64 = 64 << 10;
/// The most older files of a log.
pub const MOST_LOGS: u32 = 1000;

/// What becomes of a service's lines: files `current`, `1` (the youngest), `2`, … below the package's storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, try_from = "LogText")]
pub struct Log {
    /// The most bytes of one file; [`LEAST_LOG`] or more.
    pub size: ByteSize,
    /// How many older files are kept; [`MOST_LOGS`] or fewer.
    pub files: u32,
    /// The longest that one file is written to.
    pub age: Span,
    /// Whether the container's output shows the lines too.
    pub container: bool,
}

impl Default for Log {
    /// 1 MB, four older files, a week; shown.
    fn default() -> Self {
        Self { size: ByteSize(1_000_000), files: 4, age: Span::from_secs(7 * 86_400), container: true }
    }
}

impl Log {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A log's definition that may be out of its bounds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LogText {
    size: ByteSize,
    files: u32,
    age: Span,
    container: bool,
}

impl Default for LogText {
    fn default() -> Self {
        let Log { size, files, age, container } = Log::default();
        Self { size, files, age, container }
    }
}

impl TryFrom<LogText> for Log {
    type Error = String;
    fn try_from(text: LogText) -> Result<Self, String> {
        let LogText { size, files, age, container } = text;
        if size.0 < LEAST_LOG {
            return Err(format!(
                "a log of {size} is too small for its longest lines: give it 64 KiB or more"
            ));
        }
        if files > MOST_LOGS {
            return Err(format!("{files} older log files are too many: at most {MOST_LOGS}"));
        }
        if age.as_millis() < 60_000 {
            return Err("a log's age is at least 1m".to_owned());
        }
        Ok(Self { size, files, age, container })
    }
}

/// The signals that a definition may name, by their number on x86-64 and ARM64 Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// 1
    Hup,
    /// 2
    Int,
    /// 3
    Quit,
    /// 9
    Kill,
    /// 10
    Usr1,
    /// 12
    Usr2,
    /// 15
    Term,
    /// 28
    Winch,
}

const SIGNALS: [(&str, Signal, i32); 8] = [
    ("HUP", Signal::Hup, 1),
    ("INT", Signal::Int, 2),
    ("QUIT", Signal::Quit, 3),
    ("KILL", Signal::Kill, 9),
    ("USR1", Signal::Usr1, 10),
    ("USR2", Signal::Usr2, 12),
    ("TERM", Signal::Term, 15),
    ("WINCH", Signal::Winch, 28),
];

/// Why a text is not a signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a signal: it is one of HUP INT QUIT KILL USR1 USR2 TERM WINCH")]
pub struct SignalError(String);

impl Signal {
    /// The signal's number.
    pub fn number(self) -> i32 {
        SIGNALS.iter().find(|(_, signal, _)| *signal == self).map_or(15, |(_, _, number)| *number)
    }
}

impl FromStr for Signal {
    type Err = SignalError;
    /// With or without `SIG` before the name.
    fn from_str(text: &str) -> Result<Self, SignalError> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        let known = SIGNALS.iter().find(|(known, _, _)| *known == name);
        known.map(|(_, signal, _)| *signal).ok_or_else(|| SignalError(text.to_owned()))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = SIGNALS.iter().find(|(_, signal, _)| signal == self);
        f.write_str(known.map_or("TERM", |(name, _, _)| name))
    }
}

text_serde!(Signal, "a signal such as TERM");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::from_yaml;

    #[test]
    fn a_service_is_read_and_written_without_loss() {
        let yaml = "after: [other/db, local]\nreadiness: {http: 'http://127.0.0.1:8080/status', timeout: 10s}\n\
                    stop: {signal: QUIT, grace: 3s}\nliveness: {tcp: '127.0.0.1:80', interval: 5s}\nessential: true\n";
        let service: Service = from_yaml("p.yaml", yaml).expect("valid");
        assert_eq!(service.stop, Stop { signal: Signal::Quit, grace: Span::from_secs(3) });
        let json = serde_json::to_string(&service).expect("json");
        assert_eq!(serde_json::from_str::<Service>(&json).expect("same"), service);
        assert_eq!(serde_json::to_string(&Service::default()).expect("json"), "{}");
    }

    #[test]
    fn bad_checks_are_refused() {
        for (yaml, why) in [
            ("readiness: {}", "exactly one"),
            ("readiness: {tcp: '127.0.0.1:80', fd: 3}", "exactly one"),
            ("readiness: {tcp: localhost}", "not an address"),
            ("readiness: {http: 'https://127.0.0.1/'}", "numeric address"),
            ("readiness: {fd: 1}", "from 3"),
            ("readiness: {fd: 3, interval: 3s}", "belong to 'liveness'"),
            ("liveness: {fd: 3}", "readiness only"),
            ("liveness: {exec: []}", "'exec' is empty"),
            ("stop: {signal: SIGBUS}", "not a signal"),
            ("stop: {grace: 10}", "length of time"),
        ] {
            let error = from_yaml::<Service>("p.yaml", yaml).expect_err("refused").to_string();
            assert!(error.contains(why), "{yaml}: {error}");
        }
    }

    #[test]
    fn a_log_has_bounds() {
        let read = |text: &str| serde_json::from_str::<Log>(text);
        assert_eq!(read("{}").expect("the default"), Log::default());
        let log = read(r#"{"size": "10 MB", "files": 9, "age": "24h", "container": false}"#).expect("good");
        assert_eq!((log.size.0, log.files, log.container), (10_000_000, 9, false));
        let again = serde_json::to_string(&log).expect("text");
        assert_eq!(read(&again).expect("its own form"), log);
        for (bad, why) in [
            (r#"{"size": 1000}"#, "64 KiB or more"),
            (r#"{"files": 1001}"#, "at most 1000"),
            (r#"{"age": "1s"}"#, "at least 1m"),
            (r#"{"keep": 1}"#, "unknown field"),
        ] {
            assert!(read(bad).expect_err("refused").to_string().contains(why), "{bad}");
        }
    }

    #[test]
    fn http_addresses_default_to_port_80() {
        assert_eq!(http_target("http://127.0.0.1/a"), Some((([127, 0, 0, 1], 80).into(), "127.0.0.1", "/a")));
        assert_eq!(
            http_target("http://[::1]:81"),
            Some((([0, 0, 0, 0, 0, 0, 0, 1], 81).into(), "[::1]:81", "/"))
        );
        assert_eq!(http_target("http://127.0.0.1/a b"), None);
    }
}
