//! How services are, by `supervisor-inspect`: its text takes less code to read than JSON, and has been the same since 3.x.

use medic_model::PackageName;

use super::ServiceId;

/// How a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The service.
    pub id: ServiceId,
    /// It is up and ready.
    pub ready: bool,
    /// It has a supervisor that is to keep it up: it is neither disabled nor held down.
    pub wanted: bool,
    /// It waits for a service that it comes after.
    pub waits: bool,
    /// How often it was started again.
    pub restarts: u32,
}

/// Reads what `supervisor-inspect` prints; what cannot be understood of it is left out.
pub fn states(inspection: &str) -> Vec<State> {
    let mut states: Vec<State> = Vec::new();
    let mut package: Option<PackageName> = None;
    for line in inspection.lines() {
        let Some((key, value)) = line.trim_start().split_once([' ', ':']) else { continue };
        let name = value.trim_matches(['\'', ':']);
        match (key, states.last_mut()) {
            ("Package", _) => package = name.parse().ok(),
            ("Service", _) if !value.starts_with("PID") => {
                if let (Some(package), Ok(service)) = (&package, name.parse()) {
                    let id = ServiceId { package: package.clone(), service };
                    states.push(State { id, ready: false, wanted: false, waits: false, restarts: 0 });
                }
            }
            ("Status", Some(state)) => {
                state.ready = value == " Up";
                state.waits = value == " Waiting";
            }
            ("Up", Some(state)) => {
                let restarts = value.rsplit_once(' ').and_then(|(_, number)| number.parse().ok());
                state.restarts = restarts.unwrap_or(0);
            }
            ("Attributes", Some(state)) => {
                let has = |word| value.split([' ', ',']).any(|attribute| attribute == word);
                state.wanted = has("watched") && !has("down") && !has("disabled");
            }
            _ => {}
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_ready_and_who_is_meant_to_be_up() {
        let mut text =
            String::from("\nPackage 'empty':\n  <No services found in this package>\n\nPackage 'p':\n");
        for (name, status, attributes) in [
            ("a", "Up", "watched, running, expected"),
            ("b", "Down", "watched, down"),
            ("c", "Disabled", "disabled"),
            ("d", "Waiting", "watched, expected"),
            ("e", "Unsupervised", ""),
            ("status", "Failure", "watched, expected"),
        ] {
            text += &format!(
                "  Service '{name}':\n    Status: {status}\n    Up: 451 seconds, Restarts: 12\n    \
                 Attributes: {attributes}\n    Service PID: 1759, Supervisor PID: None\n"
            );
        }
        let words = |state: &State| {
            let State { id, ready, wanted, waits, restarts } = state;
            format!("{id} {} {} {} {restarts}", *ready as u8, *wanted as u8, *waits as u8)
        };
        let words: Vec<String> = states(&text).iter().map(words).collect();
        assert_eq!(
            words,
            [
                "p/a 1 1 0 12",
                "p/b 0 0 0 12",
                "p/c 0 0 0 12",
                "p/d 0 1 1 12",
                "p/e 0 0 0 12",
                "p/status 0 1 0 12"
            ]
        );
        assert_eq!(states("nonsense: 1\n  Status: Up\n"), []);
    }
}
