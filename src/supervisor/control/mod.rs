//! The control socket: what goes over it, and the side that asks. The side that answers is in [`crate::init`].
//!
//! `SOCK_SEQPACKET` at `/run/supervisor/control`, mode 0600. One frame asks for one thing for one service; its answer
//! comes when that is reached, or cannot be, or the time is over. Frames carry a number by which answers are told apart.

pub mod client;
pub mod frame;

/// The socket's name in the folder of volatile state.
pub const SOCKET_NAME: &str = "control";
