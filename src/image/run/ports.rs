//! Which port of the image is published where.

use std::net::{Ipv4Addr, SocketAddr};

use medic_model::image::Port;

/// A port of the image, and where it is published on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Publish {
    /// Where it is published.
    pub host: SocketAddr,
    /// The port inside.
    pub inside: Port,
}

/// Every port of the image on this machine's loopback address, at its number plus 8000, but 80 at 8080; at its own number
/// where that would be too large.
pub fn default_ports(ports: &[Port]) -> Vec<Publish> {
    let outside = |port: &Port| match port.number {
        80 => 8080,
        number => number.checked_add(8000).unwrap_or(number),
    };
    let publish =
        |port: &Port| Publish { host: SocketAddr::from((Ipv4Addr::LOCALHOST, outside(port))), inside: *port };
    ports.iter().map(publish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_a_place_that_needs_no_root() {
        let ports = ["80/tcp", "443/tcp", "53/udp", "60000/tcp"].map(|port| port.parse().expect("a port"));
        let shown: Vec<String> = default_ports(&ports)
            .iter()
            .map(|publish| format!("{}->{}", publish.host, publish.inside))
            .collect();
        assert_eq!(
            shown,
            [
                "127.0.0.1:8080->80/tcp",
                "127.0.0.1:8443->443/tcp",
                "127.0.0.1:8053->53/udp",
                "127.0.0.1:60000->60000/tcp"
            ]
        );
    }
}
