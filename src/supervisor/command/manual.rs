//! What every command says of itself. `--help` and the pages of `docs/commands/` are made from this and nothing else.

use std::ops::RangeInclusive;

use crate::machine::fleet::Operation;

/// One command.
#[derive(Debug)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// Other names that do the same.
    pub links: &'static [&'static str],
    /// What follows its name.
    pub usage: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What it does, in paragraphs.
    pub description: &'static str,
    /// Its options.
    pub options: &'static [Option_],
    /// Its exit codes, and what they mean.
    pub exits: &'static [(&'static str, &'static str)],
    /// An example, with what it prints.
    pub example: &'static str,
    /// How many words that are no options it takes.
    pub words: RangeInclusive<usize>,
    /// Whether everything from the first word on is a command to be run.
    pub takes_command: bool,
    /// What it does.
    pub verb: Verb,
}

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Is PID 1.
    Init,
    /// Shows the status.
    Inspect,
    /// Lists names.
    List,
    /// Shows logs.
    Log,
    /// Shows what services use.
    Stats,
    /// Waits until services are ready or down.
    Wait,
    /// Asks for something of services.
    Act(Operation),
    /// Has what is installed read again.
    Reread,
}

/// The options there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Option_ {
    /// `-h`, `--help`
    Help,
    /// `--json`
    Json,
    /// `-f`, `--force`
    Force,
    /// `--health`
    Health,
    /// `-v`, `--verbose`
    Verbose,
    /// `-f`, `--follow`
    Follow,
    /// `-n`, `--lines N`
    Lines,
    /// `--since TIME`
    Since,
    /// `--ready`
    Ready,
    /// `--down`
    Down,
    /// `--root DIR`
    Root,
    /// `--timeout TIME`
    Timeout,
    /// `--stop-timeout TIME`
    StopTimeout,
}

impl Option_ {
    /// How it is written.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Help => &["-h", "--help"],
            Self::Json => &["--json"],
            Self::Force => &["-f", "--force"],
            Self::Health => &["--health"],
            Self::Verbose => &["-v", "--verbose"],
            Self::Follow => &["-f", "--follow"],
            Self::Lines => &["-n", "--lines"],
            Self::Since => &["--since"],
            Self::Ready => &["--ready"],
            Self::Down => &["--down"],
            Self::Root => &["--root"],
            Self::Timeout => &["--timeout"],
            Self::StopTimeout => &["--stop-timeout"],
        }
    }

    /// What its value is called; empty when it takes none.
    pub fn value(self) -> &'static str {
        match self {
            Self::Root => "DIR",
            Self::Timeout | Self::StopTimeout | Self::Since => "TIME",
            Self::Lines => "N",
            _ => "",
        }
    }

    /// Whether it takes a value.
    pub fn takes_value(self) -> bool {
        !self.value().is_empty()
    }

    /// What it does.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Help => "print this help",
            Self::Json => "print the result as JSON on standard output, and nothing else",
            Self::Force => {
                "services that are already up are no errors; disabled and unsupervised ones are started too"
            }
            Self::Health => {
                "print one line, and exit with 0 only when every expected service is up and ready"
            }
            Self::Verbose => "with --health: also what packages warn of, a line each",
            Self::Follow => "go on printing lines as they are written, until it is interrupted",
            Self::Lines => "the last N lines only; with -f 10 unless told, otherwise all there are",
            Self::Since => {
                "lines of TIME ago and later, such as 10m, or of a time in UTC, such as 2026-11-26T10:00:00Z"
            }
            Self::Ready => "wait until the services are up and ready; so it is unless told",
            Self::Down => "wait until nothing of the services runs, and they are meant to be down",
            Self::Root => "look after the file system below DIR in place of /",
            Self::Timeout => {
                "wait so long at most, such as 500ms, 10s or 5m; unless told, as long as the service's definition gives \
                 (svc-wait: for ever)"
            }
            Self::StopTimeout => {
                "end everything within so long; 8s unless told, below the 10s that Docker gives"
            }
        }
    }
}

impl Command {
    /// The option of that name, if this command has it.
    pub fn option(&self, name: &str) -> Option<Option_> {
        self.options.iter().copied().find(|option| option.names().contains(&name))
    }
}

const ACT: &[Option_] = &[Option_::Json, Option_::Timeout, Option_::Root, Option_::Help];
const ACT_FORCE: &[Option_] =
    &[Option_::Force, Option_::Json, Option_::Timeout, Option_::Root, Option_::Help];
const QUERY: &[Option_] = &[Option_::Json, Option_::Root, Option_::Help];

const ACT_EXITS: &[(&str, &str)] = &[
    ("0", "everything is as was asked for"),
    (
        "1",
        "at least one service failed, or the package is not installed, or you are not root; the others were done all the same",
    ),
    ("111", "the command was called wrongly"),
];
const SUPERVISOR_EXITS: &[(&str, &str)] = &[
    ("0", "everything is as was asked for"),
    ("1 to 251", "so many services failed; 1 also when you are not root"),
    ("252", "there is no such service in the package; nothing was done"),
    ("253", "the package has no services"),
    ("255", "the package is not installed"),
    ("111", "the command was called wrongly"),
];
const QUERY_EXITS: &[(&str, &str)] = &[
    ("0", "it was printed"),
    ("1", "the package is not installed, or nothing is supervised here"),
    ("111", "the command was called wrongly"),
];

/// Every command.
pub static MANUAL: &[Command] = &[
    Command {
        name: "supervisor-inspect",
        links: &[],
        usage: "[--json] [--health [--verbose]] [package]...",
        summary: "show all packages and services: status, uptime, restarts, process IDs",
        description: "Prints every package, or those named, with every service: its status, its uptime, how often it was \
started again, its attributes, its process and its supervisor's.\n\n\
The status is the first that fits: Up (it runs and is ready), Starting (it runs and is not ready yet), Disabled, Down (see \
svc-down), Waiting (for a service that it comes after), Stopping, Restarting, Unsupervised, Failure (it does not get up or is \
not ready in time, and is tried on). Attributes: watched (it has a supervisor), running, ready, restarting, down, disabled, \
expected (neither down, disabled nor restarting: it ought to run).\n\n\
What a package warns of is the text of /run/<package>/warnings, which its scripts write.",
        options: &[Option_::Json, Option_::Health, Option_::Verbose, Option_::Root, Option_::Help],
        exits: &[
            ("0", "it was printed; with --health: every expected service is up and ready"),
            (
                "1",
                "the package is not installed, or nothing is supervised here; with --health: not (yet) healthy",
            ),
            ("111", "the command was called wrongly"),
        ],
        example: "$ supervisor-inspect nginx\n\nPackage 'nginx':\n  Service 'nginx':\n    Status: Up\n    Up: 451 seconds, Restarts: 0\n    \
Attributes: watched, running, expected\n    Service PID: 1759, Supervisor PID: 1741\n",
        words: 0..=usize::MAX,
        takes_command: false,
        verb: Verb::Inspect,
    },
    Command {
        name: "supervisor-list",
        links: &[],
        usage: "[--json] [package|all] [status]",
        summary: "list packages, or services, by name",
        description: "Without arguments: the packages being supervised. With a package: its services being supervised. With a \
status as well: those of its services that have it. With 'all' and a status: package/service of all packages.\n\n\
Statuses: watched, expected, unexpected, enabled, disabled, running, ready, restarting, down, failed.",
        options: QUERY,
        exits: QUERY_EXITS,
        example: "$ supervisor-list nginx running\nnginx\n",
        words: 0..=2,
        takes_command: false,
        verb: Verb::List,
    },
    Command {
        name: "supervisor-start",
        links: &[],
        usage: "[--json] <package> [service]...",
        summary: "start a new supervisor for services",
        description: "Starts a supervisor for each service named, or for every service of the package that has none, and with it \
the service. A service that is supervised already is an error when named, and is \
skipped with a warning otherwise; so is a disabled one.",
        options: ACT,
        exits: SUPERVISOR_EXITS,
        example: "$ supervisor-start nginx nginx\nInfo: Supervisor started for service 'nginx/nginx'\nSuccess: Supervisor started \
for all specified services in package 'nginx'\n",
        words: 1..=usize::MAX,
        takes_command: false,
        verb: Verb::Act(Operation::Supervise),
    },
    Command {
        name: "supervisor-stop",
        links: &[],
        usage: "[--json] <package> [service]...",
        summary: "stop supervising services entirely",
        description: "Ends each service named, or every supervised service of the package, and then its supervisor. Until \
supervisor-start, or until the container starts again, nothing looks after it.",
        options: ACT,
        exits: SUPERVISOR_EXITS,
        example: "$ supervisor-stop nginx\nInfo: Supervisor stopped for service 'nginx/nginx'\nSuccess: Supervisor stopped for all \
services in package 'nginx'\n",
        words: 1..=usize::MAX,
        takes_command: false,
        verb: Verb::Act(Operation::Unsupervise),
    },
    Command {
        name: "supervisor-reread",
        links: &[],
        usage: "[--json]",
        summary: "read again what is installed, after packages have changed",
        description: "Has init read the receipts of installed packages again, as a HUP signal to it does, and waits until that \
is done: new packages are set up and their services started, services of removed packages are stopped, changed definitions \
count from the next start of the service on.",
        options: &[Option_::Json, Option_::Root, Option_::Help],
        exits: &[
            ("0", "it was read, and new services are being started"),
            ("1", "a receipt, a definition or a setup step failed, or you are not root"),
            ("111", "the command was called wrongly"),
        ],
        example: "$ supervisor-reread\nSuccess: Read again what is installed\n",
        words: 0..=0,
        takes_command: false,
        verb: Verb::Reread,
    },
    Command {
        name: "svc-up",
        links: &["svc-start"],
        usage: "[-f|--force] [--json] <package> [service]...",
        summary: "start services that are down",
        description: "Tells the supervisor of each service named, or of every service of the package, to start it, and waits \
until it is ready. A named service that is already up, disabled or not supervised is an error. Without names such services \
are skipped with a warning.\n\n\
With -f a service that waits for another one is started at once.",
        options: ACT_FORCE,
        exits: ACT_EXITS,
        example: "$ svc-up nginx nginx\nInfo: Service 'nginx/nginx' was started successfully\nSuccess: Finished starting services \
in package 'nginx'\n",
        words: 1..=usize::MAX,
        takes_command: false,
        verb: Verb::Act(Operation::Up),
    },
    Command {
        name: "svc-down",
        links: &["svc-stop"],
        usage: "[--json] <package> [service]...",
        summary: "terminate services; their supervisors stay",
        description: "Terminates each service named, or every service of the package, with everything that it started, and \
leaves its supervisor running, so that svc-up can start it again: first its stop signal (TERM unless its definition says \
otherwise), then, when its grace is over, KILL. It waits until nothing of the service is left. A service that is down stays \
so until svc-up, or until the container starts again.",
        options: ACT,
        exits: ACT_EXITS,
        example: "$ svc-down nginx nginx\nInfo: Service 'nginx/nginx' was stopped successfully\nSuccess: Finished stopping services \
in package 'nginx'\n",
        words: 1..=usize::MAX,
        takes_command: false,
        verb: Verb::Act(Operation::Down),
    },
    Command {
        name: "svc-restart",
        links: &[],
        usage: "[--json] <package> [service]...",
        summary: "svc-down, then at once svc-up",
        description: "Terminates each service named, or every service of the package, as svc-down does, and starts it again at \
once; waits until it is ready. A named service that is down, disabled or not supervised is an \
error; without names it is skipped with a warning.",
        options: ACT,
        exits: ACT_EXITS,
        example: "$ svc-restart nginx nginx\nInfo: Service 'nginx/nginx' restarted successfully\nSuccess: Finished restarting \
services in package 'nginx'\n",
        words: 1..=usize::MAX,
        takes_command: false,
        verb: Verb::Act(Operation::Restart),
    },
    Command {
        name: "svc-reload",
        links: &[],
        usage: "[--json] <package> <service>...",
        summary: "have services re-read their settings (SIGHUP)",
        description: "Sends HUP, or the signal of its definition, to the process of each service, or runs the definition's own \
command. Where the definition has a check of the settings it is run first: when it fails, what it said is shown, nothing is \
sent, and the service goes on with the settings it has.",
        options: ACT,
        exits: ACT_EXITS,
        example: "$ svc-reload nginx nginx\nInfo: Service 'nginx/nginx' reloaded successfully\nSuccess: Finished reloading services \
in package 'nginx'\n",
        words: 2..=usize::MAX,
        takes_command: false,
        verb: Verb::Act(Operation::Reload),
    },
    Command {
        name: "svc-disable",
        links: &[],
        usage: "[--json] <package> <service>...",
        summary: "bring services down and keep them down, also after a restart of the container",
        description: "Marks each service as disabled, durably, in /srv/system/supervisor, then ends it and its supervisor. It is \
not started at boot until svc-enable.",
        options: ACT,
        exits: ACT_EXITS,
        example: "$ svc-disable nginx nginx\nInfo: Service 'nginx/nginx' was disabled successfully\nSuccess: Finished disabling \
services in package 'nginx'\n",
        words: 2..=usize::MAX,
        takes_command: false,
        verb: Verb::Act(Operation::Disable),
    },
    Command {
        name: "svc-enable",
        links: &[],
        usage: "[--json] <package> <service>...",
        summary: "undo svc-disable, and start services",
        description: "Removes the mark of each service, starts its supervisor and the service, and waits until it is ready. From \
now on it is started at boot.",
        options: ACT,
        exits: ACT_EXITS,
        example: "$ svc-enable nginx nginx\nInfo: Service 'nginx/nginx' was enabled successfully\nSuccess: Finished enabling services \
in package 'nginx'\n",
        words: 2..=usize::MAX,
        takes_command: false,
        verb: Verb::Act(Operation::Enable),
    },
    Command {
        name: "svc-wait",
        links: &[],
        usage: "[--ready|--down] [--timeout TIME] [--json] <package> [service]...",
        summary: "wait until services are ready, or down",
        description: "Waits until each service named, or every service of the package that is not disabled, is up and ready; \
with --down, until nothing of it runs and it is meant to be down. It needs not be root.",
        options: &[
            Option_::Ready,
            Option_::Down,
            Option_::Timeout,
            Option_::Json,
            Option_::Root,
            Option_::Help,
        ],
        exits: &[
            ("0", "they are"),
            ("1", "the time is over, or everything is being ended, or there is no such package or service"),
            ("111", "the command was called wrongly"),
        ],
        example: "$ svc-wait --timeout 10s nginx\nSuccess: All specified services in package 'nginx' are ready\n",
        words: 1..=usize::MAX,
        takes_command: false,
        verb: Verb::Wait,
    },
    Command {
        name: "svc-log",
        links: &[],
        usage: "[-f|--follow] [-n N] [--since TIME] [--json] <package> [service]...",
        summary: "show what services wrote",
        description: "Prints the log of each service named, or of every service of the package, with the time of each line. \
Lines of several services are put in the order of their time, and have the service's name. It reads what is kept in \
/srv/storage/<package>/<service>/logs.\n\n\
With --json each line is a document of its own: service, time, text.",
        options: &[
            Option_::Follow,
            Option_::Lines,
            Option_::Since,
            Option_::Json,
            Option_::Root,
            Option_::Help,
        ],
        exits: &[
            ("0", "it was printed; a service that wrote nothing prints nothing"),
            ("1", "there is no such package or service, or a log cannot be read"),
            ("111", "the command was called wrongly"),
        ],
        example: "$ svc-log -n 1 nginx\n2026-11-26T10:11:12.123456Z 127.0.0.1 \"GET / HTTP/1.1\" 200\n",
        words: 1..=usize::MAX,
        takes_command: false,
        verb: Verb::Log,
    },
    Command {
        name: "svc-stats",
        links: &[],
        usage: "[--json] [package]...",
        summary: "show what services use: processor time, memory, processes, restarts",
        description: "Prints a line for each service of all packages, or of those named: its processes, their processor time, what share of one processor that is since the service was started, their memory, and how often it was started again. Every process counts that the service has left behind anywhere. Of memory that \
processes share each has its part; who is not root sees that of their own processes only as a whole, and of others none.",
        options: QUERY,
        exits: QUERY_EXITS,
        example: "$ svc-stats nginx\nService      Status  Processes     CPU  CPU share   Memory  Restarts\nnginx/nginx  Up              \
3  0.04 s      0.1 %  4.92 MB         0\n",
        words: 0..=usize::MAX,
        takes_command: false,
        verb: Verb::Stats,
    },
    Command {
        name: "init",
        links: &[],
        usage: "[--stop-timeout TIME] [command [argument]...]",
        summary: "PID 1 of the container: boot, supervise, end",
        description: "Runs '/boot/pkg sync', which brings /srv and the image together; runs the packages' setup steps in the order \
of their dependencies, each within 60 s; makes a supervisor for every service that is not disabled, and starts each as soon as \
those it comes after are ready. Then it waits for every orphan, answers the other commands, and replaces supervisors that die.\n\n\
TERM, INT and QUIT end everything: services in the reverse of their order, all that may at the same time, each with its stop \
signal and its grace, all killed when the time is nearly over. HUP reads again what is installed. USR1 prints the state of every \
service.\n\n\
With a command, as 'docker run IMAGE COMMAND', it is run in the foreground once the services are up; when it ends everything \
ends. The services' logs then go to standard error.",
        options: &[Option_::StopTimeout, Option_::Root, Option_::Help],
        exits: &[
            ("0", "it was asked to end"),
            ("the command's", "the command ended; 127 when it is not there, 126 when it cannot be executed"),
            ("the service's", "an essential service ended; 128 and the number of the signal that ended it"),
            ("100", "the boot failed: pkg sync"),
            ("101", "the boot failed: a setup step"),
            ("102", "the boot failed: a receipt or a definition cannot be used"),
            ("103", "the boot failed: the machine does not give what init needs"),
            ("111", "the command was called wrongly"),
        ],
        example: "$ docker run --rm medic-os/nginx sh -c 'supervisor-list nginx running'\nnginx\n",
        words: 0..=usize::MAX,
        takes_command: true,
        verb: Verb::Init,
    },
];
