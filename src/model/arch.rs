//! The two processor architectures that images are built for.

use std::fmt;
use std::str::FromStr;

use crate::text::text_serde;

/// A processor architecture, under the name it has in paths: `x64` or `arm64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// x86-64.
    X64,
    /// 64-bit ARM, little endian.
    Arm64,
}

/// Why a text is not an architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an architecture: it is 'x64' or 'arm64'")]
pub struct ArchError(String);

impl Arch {
    /// Every architecture.
    pub const ALL: [Self; 2] = [Self::X64, Self::Arm64];

    /// The architecture that this program itself was compiled for, where it is one of ours.
    pub const fn host() -> Option<Self> {
        if cfg!(target_arch = "x86_64") {
            Some(Self::X64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Arm64)
        } else {
            None
        }
    }

    /// The name in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "arm64",
        }
    }

    /// The name that Go, Docker and the OCI image specification use (`GOARCH`).
    pub const fn oci(self) -> &'static str {
        match self {
            Self::X64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The target triple of C compilers: musl, always.
    pub const fn target(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-linux-musl",
            Self::Arm64 => "aarch64-linux-musl",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Arch {
    type Err = ArchError;
    fn from_str(text: &str) -> Result<Self, ArchError> {
        Self::ALL.into_iter().find(|arch| arch.as_str() == text).ok_or_else(|| ArchError(text.to_owned()))
    }
}

text_serde!(Arch, "an architecture: x64 or arm64");
