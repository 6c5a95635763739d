//! What archives are, seen from outside: same bytes from the same things, and every hostile archive refused.

mod canonical;
mod compression;
mod craft;
mod hostile_packages;
mod packages;
mod upstream;
