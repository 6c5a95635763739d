//! What init holds of each service: it outlives the service's supervisors.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use medic_model::service::Probe;
use medic_sys::event::Interest;
use medic_sys::pipe::Pipe;
use medic_sys::process::fork;
use medic_sys::socket::{pair, send_message};

use super::world::{World, key};
use crate::channel::Order;
use crate::definition::Prepared;
use crate::machine::fleet::Id;
use crate::table::Slot;
use crate::watch::{Charge, supervise};

/// What init holds of a service.
#[derive(Debug)]
pub struct Held {
    pub prepared: Prepared,
    pub supervisor: u32,
    log: Pipe,
    ready: Option<Pipe>,
    channel: Option<OwnedFd>,
}

impl Held {
    /// Takes hold of a service; its slot begins.
    pub fn new(world: &World, id: Id, prepared: Prepared) -> io::Result<Self> {
        let slot = world.table.slot(id).ok_or_else(|| io::Error::other("there are too many services"))?;
        let tells = matches!(prepared.definition.readiness.as_ref().map(|r| &r.probe), Some(Probe::Fd(_)));
        let log = Pipe::new()?;
        if let Some(identity) = &prepared.identity {
            // So that the service may open /dev/stdout again after it has changed its user.
            let _ = std::os::unix::fs::fchown(&log.writer, Some(identity.uid), Some(identity.gid));
        }
        let held =
            Self { log, ready: tells.then(Pipe::new).transpose()?, channel: None, supervisor: 0, prepared };
        slot.begin(held.prepared.package.as_str(), held.prepared.service.as_str());
        world.table.reach(id);
        Ok(held)
    }

    /// Takes another definition, for the next supervisor.
    pub fn redefine(&mut self, prepared: Prepared) -> io::Result<()> {
        let tells = matches!(prepared.definition.readiness.as_ref().map(|r| &r.probe), Some(Probe::Fd(_)));
        self.prepared = prepared;
        if tells && self.ready.is_none() {
            self.ready = Some(Pipe::new()?);
        }
        Ok(())
    }

    /// Makes a supervisor.
    pub fn fork(&mut self, world: &World, id: Id) -> io::Result<()> {
        let slot = world.table.slot(id).ok_or_else(|| io::Error::other("there are too many services"))?;
        let (ours, theirs) = pair()?;
        let mark = world.marks.and_then(|marks| marks.mark(id as u64));
        let charge = Charge {
            prepared: &self.prepared,
            slot,
            mark,
            log: &self.log,
            ready: self.ready.as_ref(),
            channel: theirs.as_fd(),
            output: &world.output,
            null: &world.null,
        };
        self.supervisor = fork(|| supervise(&charge))?;
        world.epoll.add(&ours, key::CHANNELS | id as u64, Interest::Readable)?;
        self.channel = Some(ours);
        Ok(())
    }

    /// The connection to its supervisor.
    pub fn channel(&self) -> Option<&OwnedFd> {
        self.channel.as_ref()
    }

    /// Its supervisor no longer hears anything.
    pub fn hang_up(&mut self) {
        self.channel = None;
    }

    /// Its supervisor is gone.
    pub fn supervisor_ended(&mut self) {
        (self.supervisor, self.channel) = (0, None);
    }

    /// Tells its supervisor something; whether it could be told.
    pub fn tell(&self, order: Order) -> bool {
        self.channel.as_ref().is_some_and(|channel| send_message(channel, &order.encode()).is_ok())
    }
}

/// The service whose process this is, if it is one.
pub fn owner<'a>(world: &'a World, ids: impl Iterator<Item = Id>, pid: u32) -> Option<(Id, Slot<'a>)> {
    let mut slots = ids.filter_map(|id| Some((id, world.table.slot(id)?)));
    slots.find(|(_, slot)| slot.service_pid() == pid)
}
