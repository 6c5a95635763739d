//! `outdated`: the newest version of each component that can be found.

use std::io::Write;

use clap::Args;
use medic_build::upkeep::{Finding, Lookup, State};
use medic_model::ComponentName;
use serde_json::json;

use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "Examples:
  cargo xtask outdated                                every recipe, and the compiler
  cargo xtask outdated openssl zlib
  cargo xtask outdated --fail                         for CI: ends with 12 when something is outdated or gone
  cargo xtask bump openssl 3.5.8                      the next step";

/// `outdated`.
#[derive(Debug, Args)]
pub struct Outdated {
    /// Components of recipes/, such as openssl; `toolchain` is the compiler [default: all, and the compiler]
    pub components: Vec<ComponentName>,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// End with 12 when a component is outdated, or a source of it is gone from a location
    #[arg(long)]
    pub fail: bool,
    /// Ask the network for nothing: only mirrors that are folders are looked into
    #[arg(long)]
    pub offline: bool,
}

/// Carries the command out.
pub fn outdated(arguments: &Outdated) -> Result<(), Failure> {
    let context = Context::new(&BuildOptions { offline: arguments.offline, ..BuildOptions::default() })?;
    let found = context.outdated(&arguments.components)?;
    let mut out = std::io::stdout();
    if arguments.json {
        let components: Vec<_> = found.iter().map(in_json).collect();
        writeln!(out, "{}", json!({"format": FORMAT, "components": components}))?;
    } else {
        write!(out, "{}", table(&found))?;
    }
    let bad: Vec<&str> = found
        .iter()
        .filter(|one| one.state == State::Outdated || !one.gone.is_empty())
        .map(|one| one.name.as_str())
        .collect();
    if arguments.fail && !bad.is_empty() {
        return Err(Failure::Outdated(bad.join(", ")));
    }
    Ok(())
}

fn word(state: State) -> &'static str {
    match state {
        State::Current => "current",
        State::Outdated => "outdated",
        State::Unknown => "unknown",
        State::Own => "own",
    }
}

fn in_json(one: &Lookup) -> serde_json::Value {
    let finding = |finding: &Option<Finding>| {
        finding.as_ref().map(|f| json!({"version": f.version, "place": f.place, "released": f.released}))
    };
    let failed: Vec<_> =
        one.failed.iter().map(|failed| json!({"location": failed.place, "reason": failed.reason})).collect();
    json!({
        "name": one.name,
        "present": one.present,
        "state": word(one.state),
        "newest": finding(&one.newest),
        "newest_in_series": finding(&one.in_series),
        "gone": one.gone,
        "failed": failed,
    })
}

/// The table: a line a component, with lines below it for what is wrong at its locations.
fn table(found: &[Lookup]) -> String {
    let mut rows =
        vec![["component", "present", "in its series", "newest", "where found"].map(str::to_owned)];
    for one in found {
        let newer = |finding: &Option<Finding>| match finding {
            Some(finding) if finding.version > one.present => finding.version.to_string(),
            Some(_) => "-".to_owned(),
            None => "?".to_owned(),
        };
        let (series, newest, place) = match (one.state, &one.newest) {
            (State::Own, _) => {
                ("".to_owned(), "".to_owned(), "part of this workspace or of the build root".to_owned())
            }
            (State::Unknown, _) => ("?".to_owned(), "?".to_owned(), "could not be looked up".to_owned()),
            (_, Some(finding)) => (newer(&one.in_series), newer(&one.newest), finding.place.clone()),
            (_, None) => ("?".to_owned(), "?".to_owned(), "no version was found".to_owned()),
        };
        rows.push([one.name.to_string(), one.present.to_string(), series, newest, place]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |row: &[String; 5]| {
        let [name, present, series, newest, place] = row;
        let line = format!(
            "{name:<0$}  {present:<1$}  {series:<2$}  {newest:<3$}  {place}",
            widths[0], widths[1], widths[2], widths[3]
        );
        format!("{}\n", line.trim_end())
    };
    let mut text = line(&rows[0]);
    for (one, row) in found.iter().zip(&rows[1..]) {
        text.push_str(&line(row));
        one.gone.iter().for_each(|place| text.push_str(&format!("  gone: {place}\n")));
        one.failed.iter().for_each(|failed| {
            text.push_str(&format!("  could not be looked up: {}: {}\n", failed.place, failed.reason))
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_is_newer_gone_or_not_known() {
        let lookup = |name: &str, state, newest: Option<&str>| Lookup {
            name: name.parse().expect("a name"),
            present: "1.2.0".parse().expect("a version"),
            state,
            newest: newest.map(|version| Finding {
                version: version.parse().expect("a version"),
                place: "npm registry: x".to_owned(),
                released: None,
            }),
            in_series: None,
            gone: Vec::new(),
            failed: Vec::new(),
        };
        let mut gone = lookup("pcre2", State::Outdated, Some("1.3.0"));
        gone.gone.push("Debian mirror: pool/x".to_owned());
        let found = [
            gone,
            lookup("a", State::Current, Some("1.2.0")),
            lookup("b", State::Unknown, None),
            lookup("c", State::Own, None),
        ];
        let expected = "component  present  in its series  newest  where found
pcre2      1.2.0    ?              1.3.0   npm registry: x
  gone: Debian mirror: pool/x
a          1.2.0    ?              -       npm registry: x
b          1.2.0    ?              ?       could not be looked up
c          1.2.0                           part of this workspace or of the build root
";
        assert_eq!(table(&found), expected);
    }
}
