//! Package repositories: index, signatures, transports.
