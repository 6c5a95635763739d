//! `lint`: recipes, packages and images looked at without building; and what each check looks for.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use medic_build::checks::{Check, Exceptions, Level, page, table};
use medic_build::lint::{Remark, Report, Wanted, lint as look};
use medic_model::ComponentName;
use serde_json::json;

use crate::environment::Environment;
use crate::failure::Failure;

/// The version of the JSON answers' shape.
const FORMAT: u32 = 1;

/// What `--help` shows last.
pub const EXAMPLES: &str = "Examples:
  cargo xtask lint                                    all recipes, packages and images
  cargo xtask lint zlib openssl                       two recipes
  cargo xtask lint --explain no-pie                   why a check is there, and how to declare an exception

It ends with 3 when there is an error. docs/checks.md has every check, those on what was built too.";

/// `lint`.
#[derive(Debug, Args)]
pub struct Lint {
    /// Components of recipes/, such as openssl [default: all recipes, packages and images]
    #[arg(conflicts_with_all = ["list", "explain", "page"])]
    pub recipes: Vec<ComponentName>,
    /// Show every check, in a line each
    #[arg(long, conflicts_with = "explain")]
    pub list: bool,
    /// Say why a check is there, what to do, and how to declare an exception
    #[arg(long, value_name = "ID")]
    pub explain: Option<String>,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// Write docs/checks.md to standard output
    #[arg(long, hide = true, conflicts_with_all = ["list", "explain", "json"])]
    pub page: bool,
}

/// Carries the command out.
pub fn lint(arguments: &Lint) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    if arguments.page {
        return Ok(out.write_all(page::page().as_bytes())?);
    }
    if let Some(id) = &arguments.explain {
        let check = table::find(id).ok_or_else(|| unknown(id))?;
        let answer = if arguments.json { format!("{}\n", explained(check)) } else { table::explain(check) };
        return Ok(out.write_all(answer.as_bytes())?);
    }
    if arguments.list {
        return Ok(out.write_all(list(arguments.json).as_bytes())?);
    }
    let workspace = Environment::read()?.workspace;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let report = look(&Wanted { workspace: &workspace, recipes: &arguments.recipes, now })?;
    let text = if arguments.json { in_json(&report) } else { in_words(&report) };
    out.write_all(text.as_bytes())?;
    match report.count(Level::Error) {
        0 => Ok(()),
        errors => Err(Failure::Lint { errors }),
    }
}

fn unknown(id: &str) -> Failure {
    let near = table::nearest(id).map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
    Failure::Usage(format!("there is no check '{id}'{near}: `cargo xtask lint --list` shows all"))
}

fn list(as_json: bool) -> String {
    if as_json {
        let checks: Vec<_> = table::all().map(explained).collect();
        return format!("{}\n", json!({"format": FORMAT, "checks": checks}));
    }
    let width = table::all().map(|check| check.id.len()).max().unwrap_or(0);
    let line = |check: &Check| {
        format!("{:width$}  {:7}  {} ({})\n", check.id, level(check), check.title, table::when(check.looks))
    };
    table::all().map(line).collect()
}

fn explained(check: &Check) -> serde_json::Value {
    let no_exception = match check.exceptions {
        Exceptions::Allowed => None,
        Exceptions::Never(why) => Some(why),
    };
    json!({
        "format": FORMAT,
        "id": check.id,
        "level": level(check),
        "title": check.title,
        "why": check.why,
        "mend": check.mend,
        "when": table::when(check.looks),
        "exceptions": no_exception.is_none(),
        "no_exception_because": no_exception,
    })
}

fn level(check: &Check) -> &'static str {
    match check.level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

fn in_words(report: &Report) -> String {
    let line = |remark: &Remark| {
        let Remark { file, line, column, rule, message } = remark;
        format!("{file}:{line}:{column}: {}: {}: {message}\n", level(rule), rule.id)
    };
    let mut text: String = report.remarks.iter().map(line).collect();
    if report.without_shellcheck {
        text.push_str(
            "shellcheck is not installed: what it would warn of is not known (apt-get install shellcheck)\n",
        );
    }
    let (errors, warnings) = (report.count(Level::Error), report.count(Level::Warning));
    text.push_str(&format!("{}, {}\n", many(errors, "error"), many(warnings, "warning")));
    text
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn in_json(report: &Report) -> String {
    let remark = |remark: &Remark| {
        json!({
            "file": remark.file,
            "line": remark.line,
            "column": remark.column,
            "level": level(remark.rule),
            "check": remark.rule.id,
            "message": remark.message,
        })
    };
    let answer = json!({
        "format": FORMAT,
        "errors": report.count(Level::Error),
        "warnings": report.count(Level::Warning),
        "shellcheck": !report.without_shellcheck,
        "remarks": report.remarks.iter().map(remark).collect::<Vec<_>>(),
    });
    format!("{answer}\n")
}
