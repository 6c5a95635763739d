//! Ports for programs that cannot be handed a socket and must be told a number.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv4Addr, TcpListener};

/// A port of 127.0.0.1 that nobody has. It is below those that the kernel gives to connections and to whoever asks for
/// any (32768 and up): such a port would be another's before the program that is told of it listens there.
///
/// # Panics
/// When a thousand in a row are taken.
#[must_use]
pub fn free_port() -> u16 {
    let any = || 15_000 + u16::try_from(RandomState::new().build_hasher().finish() % 15_000).unwrap_or(0);
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(any).take(1000).find(free).expect("a free port")
}
