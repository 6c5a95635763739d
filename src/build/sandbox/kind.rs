//! Which runners there are, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What carries out sandbox plans. Both give the same bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunnerKind {
    /// The machine's `bwrap`: no daemon, no privilege; Linux only.
    #[default]
    Bubblewrap,
    /// A Docker daemon on this machine, through its API.
    Docker,
}

/// A text that names no runner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a runner: it is bubblewrap or docker")]
pub struct NotARunner(String);

impl RunnerKind {
    /// All of them, the default first.
    pub const ALL: [Self; 2] = [Self::Bubblewrap, Self::Docker];

    /// As it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Docker => "docker",
        }
    }
}

impl fmt::Display for RunnerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RunnerKind {
    type Err = NotARunner;

    fn from_str(text: &str) -> Result<Self, NotARunner> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| NotARunner(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_is_known_by_its_name_alone() {
        for kind in RunnerKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).expect("json"), format!("\"{kind}\""));
        }
        for bad in ["", "Docker", "podman", "bwrap"] {
            let error = bad.parse::<RunnerKind>().expect_err("none").to_string();
            assert!(error.contains("bubblewrap or docker"), "{error}");
        }
    }
}
