//! Packages to images: layers, OCI layout, Docker API.
