//! Canonical tar, zstd and gzip writing; reading of hostile archives.
