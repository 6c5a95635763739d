//! Those who ask on the control socket. None of them can hold init up: reads and writes never wait, and who does
//! not take its answers is let go.

use std::os::fd::OwnedFd;

use medic_sys::event::{Epoll, Interest};
use medic_sys::socket::{Peer, Received, accept, receive_message, send_message};

use super::world::key;
use crate::control::frame::{Ask, MAX_FRAME, Reply};
use crate::machine::fleet::{Outcome, Ticket};

/// So many at once; the one that has been silent longest makes room.
const MAX_CLIENTS: usize = 64;
/// So many requests of one client are taken before others have their turn.
const TURN: usize = 32;

#[derive(Debug)]
struct Client {
    serial: u64,
    socket: OwnedFd,
    heard: u64,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    ticket: Ticket,
    serial: u64,
    tag: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Clients {
    clients: Vec<Client>,
    waiting: Vec<Waiting>,
    serials: u64,
    tickets: Ticket,
}

impl Clients {
    /// Lets in whoever waits at the door, if it is this user or root.
    pub fn accept(&mut self, listener: &OwnedFd, epoll: &Epoll, user: u32) {
        while let Ok(Some((socket, Peer { uid, .. }))) = accept(listener) {
            if uid != 0 && uid != user {
                continue;
            }
            if self.clients.len() >= MAX_CLIENTS {
                let silent =
                    self.clients.iter().min_by_key(|client| client.heard).map(|client| client.serial);
                silent.into_iter().for_each(|serial| self.drop_client(serial));
            }
            self.serials += 1;
            let serial = self.serials;
            if epoll.add(&socket, key::CLIENTS | (serial & 0xffff_ffff), Interest::Readable).is_ok() {
                self.clients.push(Client { serial, socket, heard: serial });
            }
        }
    }

    /// A client has something to say: its requests, each with the ticket of its answer.
    pub fn read(&mut self, serial: u64) -> Vec<(Ticket, Ask)> {
        let mut asks = Vec::new();
        let Some(at) = self.clients.iter().position(|client| client.serial & 0xffff_ffff == serial) else {
            return asks;
        };
        let mut buffer = [0; MAX_FRAME];
        for _ in 0..TURN {
            match receive_message(&self.clients[at].socket, &mut buffer) {
                Ok(Received::Message(count)) => {
                    // Who does not speak the protocol is not spoken to.
                    let Ok(ask) = Ask::decode(&buffer[..count]) else { return self.give_up(at, asks) };
                    self.serials += 1;
                    self.clients[at].heard = self.serials;
                    self.tickets += 1;
                    let serial = self.clients[at].serial;
                    self.waiting.push(Waiting { ticket: self.tickets, serial, tag: ask.tag });
                    asks.push((self.tickets, ask));
                }
                Ok(Received::Nothing) => return asks,
                Ok(Received::Closed) | Err(_) => return self.give_up(at, asks),
            }
        }
        asks
    }

    fn give_up(&mut self, at: usize, asks: Vec<(Ticket, Ask)>) -> Vec<(Ticket, Ask)> {
        let serial = self.clients[at].serial;
        self.drop_client(serial);
        asks
    }

    fn drop_client(&mut self, serial: u64) {
        self.clients.retain(|client| client.serial != serial);
        self.waiting.retain(|waiting| waiting.serial != serial);
    }

    /// Answers; whoever has gone away is not waited for.
    pub fn reply(&mut self, ticket: Ticket, outcome: Outcome) {
        let Some(at) = self.waiting.iter().position(|waiting| waiting.ticket == ticket) else { return };
        let Waiting { serial, tag, .. } = self.waiting.swap_remove(at);
        let Some(client) = self.clients.iter().find(|client| client.serial == serial) else { return };
        if send_message(&client.socket, &Reply { tag, outcome }.encode()).is_err() {
            self.drop_client(serial);
        }
    }
}
