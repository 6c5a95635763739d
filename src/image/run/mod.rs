//! Starting an image: in Docker ([`docker`]), or with bubblewrap where there is no daemon ([`bubblewrap`]).

mod ports;

pub use ports::{Publish, default_ports};
