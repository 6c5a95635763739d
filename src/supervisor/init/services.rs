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
    pipes: Option<Pipes>,
    channel: Option<OwnedFd>,
}

/// A service's pipes: made with its first supervisor, since every supervisor begins by closing those of all services before it.
#[derive(Debug)]
struct Pipes {
    log: Pipe,
    ready: Option<Pipe>,
}

impl Pipes {
    fn new(prepared: &Prepared) -> io::Result<Self> {
        let log = Pipe::new()?;
        if let Some(identity) = &prepared.identity {
            // So that the service may open /dev/stdout again after it has changed its user.
            let _ = std::os::unix::fs::fchown(&log.writer, Some(identity.uid), Some(identity.gid));
        }
        Ok(Self { log, ready: None })
    }
}

impl Held {
    /// Takes hold of a service; its slot begins.
    pub fn new(world: &World, id: Id, prepared: Prepared) -> io::Result<Self> {
        let slot = world.table.slot(id).ok_or_else(|| io::Error::other("there are too many services"))?;
        slot.begin(prepared.package.as_str(), prepared.service.as_str());
        world.table.reach(id);
        Ok(Self { pipes: None, channel: None, supervisor: 0, prepared })
    }

    /// Makes a supervisor.
    pub fn fork(&mut self, world: &World, id: Id) -> io::Result<()> {
        let slot = world.table.slot(id).ok_or_else(|| io::Error::other("there are too many services"))?;
        let (ours, theirs) = pair()?;
        let mark = world.marks.and_then(|marks| marks.mark(id as u64));
        let prepared = &self.prepared;
        let pipes = match &mut self.pipes {
            Some(pipes) => pipes,
            None => self.pipes.insert(Pipes::new(prepared)?),
        };
        let tells = matches!(prepared.definition.readiness.as_ref().map(|r| &r.probe), Some(Probe::Fd(_)));
        if tells && pipes.ready.is_none() {
            pipes.ready = Some(Pipe::new()?);
        }
        let charge = Charge {
            prepared,
            slot,
            mark,
            log: &pipes.log,
            ready: pipes.ready.as_ref(),
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
