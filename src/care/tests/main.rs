//! `medic-core` against a server that is CouchDB as far as it asks, and that fails as it is told; and against backups that are not as
//! they were written.

mod couch;
mod damage;
mod disk;
mod failures;
mod support;
mod tar_input;
