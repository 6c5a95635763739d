//! An image into a repository of a registry, or an index of one for several architectures.
//!
//! What shall be there is a [`Release`], what is there is [`Found`] out ([`look`]), what is to be done is a [`Plan`], which is then carried out
//! ([`carry_out`]): blobs, several at once; then the manifests of the architectures, by digest; then what leads to them, by digest; tags after
//! that. So a tag never leads to something that is not whole: killed at any instant, tags are what they were, and the next run goes
//! on with what is missing.
//!
//! A tag that leads to something else is an error, before anything is sent, unless it is one of those that may be moved.

mod carry_out;
mod error;
mod look;
mod plan;
mod release;
mod workers;

pub use carry_out::{Pushed, carry_out};
pub use error::PushError;
pub use look::{Found, look};
pub use plan::{Plan, PlannedTag, WantedTag};
pub use release::{Blob, Document, Release, Source};

/// How many requests are under way at once.
pub const AT_ONCE: usize = 4;

/// Hears what happens; may be called from any thread.
pub trait Reporter: Send + Sync {
    /// Something happens.
    fn event(&self, event: Event<'_>);
}

/// Nobody listens.
impl Reporter for () {
    fn event(&self, _: Event<'_>) {}
}

/// What happens while something is pushed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A blob is on its way: so many bytes of it have gone. They begin anew when it is tried again.
    Sending {
        /// The blob.
        blob: &'a Blob,
        /// Bytes.
        done: u64,
    },
    /// A blob is there, and was sent.
    Sent(&'a Blob),
    /// A blob is there, and nothing had to be sent: another repository of the registry has it, or it came there in the meantime.
    Mounted(&'a Blob),
    /// A blob was there before.
    There(&'a Blob),
    /// A tag leads to the release now.
    Tagged(&'a medic_repository::registry::Tag),
}
