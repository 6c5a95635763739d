//! Making room: what the store holds, what of it goes and why, and the going.
//!
//! Three steps. The survey lists every object with its size, its last use and what holds it. The plan is computed from that
//! alone. Carrying it out removes records before what they name, so a store is sound after any part of it.

mod object;
mod plan;
mod remove;
mod survey;

pub use object::{Kind, Object, Pin, size_of};
pub use plan::{Decision, Fate, Options, Plan, plan};
pub use remove::{Freed, carry_out};
pub(crate) use survey::{PackageFound, survey};
