//! Files over HTTP: one client for all, downloads that resume, and waits between tries.

mod client;
mod download;
mod stream;
mod wait;

pub(super) use client::Http;
pub(super) use download::{Outcome, download, host, page, status};
