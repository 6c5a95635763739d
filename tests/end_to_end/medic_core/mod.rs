//! medic-core on its stand-in for CouchDB: the same scripts, settings and nginx as the real one, another engine.

mod backup;
mod deployment;
mod durability;
mod failures;
mod first_boot;
mod legacy;
mod logs;
mod reload;
mod replication;
mod serving;
mod surface;
mod upgrade;
