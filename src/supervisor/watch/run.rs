//! The supervisor's loop: news in, events to the machine, its actions carried out, the standing published.

use std::io;
use std::os::fd::AsFd;

use medic_model::service::Probe;
use medic_sys::clock::{monotonic_millis, wall_clock};
use medic_sys::event::{Epoll, Interest};
use medic_sys::output::read_waiting;
use medic_sys::process::{
    Children, Claim, Exit, Group, Limit, Options, Program, Resource, SpawnError, next_ended, reap, spawn,
};
use medic_sys::signal::{SignalFd, number, send, send_group};
use medic_sys::socket::{Received, receive_message, send_message};

use super::check::{Answer, Asker, Pace, Question, Runner};
use super::log::{Pump, Retention};
use super::reload::{Reload, Stage, WITHIN};
use super::sweep::Family;
use super::{ABANDONED, Charge};
use crate::channel::{MAX_MESSAGE, News, Order};
use crate::machine::Millis;
use crate::machine::service::{Action, Event, Machine, Phase};
use crate::table::{Inherited, Standing};

mod key {
    pub const SIGNALS: u64 = 0;
    pub const CHANNEL: u64 = 1;
    pub const LOG: u64 = 2;
    pub const READY: u64 = 3;
    pub const CHECK: u64 = 4;
}

/// One service's supervisor.
pub struct Supervisor<'a> {
    charge: &'a Charge<'a>,
    machine: Machine,
    actions: Vec<Action>,
    epoll: Epoll,
    signals: SignalFd,
    log: Pump<'a>,
    asker: Option<Asker<'a>>,
    /// Whether the asker asks for readiness; else for liveness.
    asks_ready: bool,
    unanswered: u32,
    reload: Option<Reload>,
    pid: u32,
    limits: Vec<Limit>,
    family: Family,
    /// The service, or what is left of it, was not started by this process: its orphans are init's children.
    adopted: bool,
    last_exit: Option<Exit>,
    published: Standing,
    leaves: bool,
}

struct Commands<'a, 'b> {
    charge: &'b Charge<'a>,
    limits: &'b [Limit],
}

impl Runner for Commands<'_, '_> {
    fn run(&mut self, program: &Program) -> Option<u32> {
        let writer = Some(self.charge.log.writer.as_fd());
        let options = Options {
            stdin: Some(self.charge.null.as_fd()),
            stdout: writer,
            stderr: writer,
            group: Group::Own,
            identity: self.charge.prepared.identity.as_ref(),
            limits: self.limits,
            directory: Some(c"/"),
            ..Options::default()
        };
        spawn(program, &options).ok()
    }

    fn kill(&mut self, pid: u32) {
        let _ = send_group(pid, number::KILL);
    }
}

impl<'a> Supervisor<'a> {
    /// Takes over the service: adopts it if it runs.
    pub fn new(charge: &'a Charge<'a>) -> io::Result<Self> {
        let prepared = charge.prepared;
        let now = monotonic_millis();
        let inherited = charge.slot.take_over();
        let adopted = if let Inherited::Process(pid) = inherited { pid } else { 0 };
        let mut standing = charge.slot.standing();
        standing.past.clean = inherited == Inherited::Nothing;
        let epoll = Epoll::new()?;
        let signals = SignalFd::new(&[number::CHLD])?;
        epoll.add(&signals, key::SIGNALS, Interest::Readable)?;
        epoll.add(charge.channel, key::CHANNEL, Interest::Readable)?;
        epoll.add(&charge.log.reader, key::LOG, Interest::NewlyReadable)?;
        let log = Pump::new(
            (charge.log.reader.as_fd(), charge.null.as_fd()),
            (prepared.logs.clone(), Retention::of(&prepared.definition.log)),
            (prepared.definition.log.container.then_some(charge.output), &prepared.name),
            wall_clock,
        )?
        .counting_from(standing.dropped + u64::from(standing.held), standing.told);
        let mark = charge.mark.map(|mark| Limit {
            resource: Resource::Mark,
            soft: mark.value(),
            hard: mark.value(),
        });
        let myself = std::process::id();
        let mut actions = Vec::with_capacity(8);
        let seed = now ^ u64::from(myself) << 32;
        let machine =
            Machine::new(prepared.policy(), charge.slot.wanted(), standing.past, seed, now, &mut actions);
        Ok(Self {
            charge,
            machine,
            actions,
            epoll,
            signals,
            log,
            asker: None,
            asks_ready: false,
            unanswered: 0,
            reload: None,
            pid: adopted,
            limits: prepared.limits.iter().copied().chain(mark).collect(),
            family: Family { mark: charge.mark, session: adopted, myself },
            adopted: inherited != Inherited::Nothing,
            last_exit: standing.last_exit,
            published: standing,
            leaves: false,
        })
    }

    /// Runs until the service is no longer to be supervised; the exit code.
    pub fn run(&mut self) -> i32 {
        let mut more = true;
        self.act(monotonic_millis());
        while !self.leaves {
            self.publish(monotonic_millis());
            let now = monotonic_millis();
            let timeout = if more { Some(0) } else { self.deadline(now).map(|at| at.saturating_sub(now)) };
            let mut news = [false; 5];
            let mut abandoned = false;
            let waited = self.epoll.wait(timeout, |ready| {
                if let Some(place) = news.get_mut(ready.key as usize) {
                    *place = true;
                }
                abandoned |= ready.key == key::CHANNEL && ready.hung_up;
            });
            if waited.is_err() {
                return 1;
            }
            let now = monotonic_millis();
            // The log first: what a service said before it ended comes before what is said about its end.
            more = self.log.run(now, false);
            if news[key::SIGNALS as usize] {
                self.children(now);
            }
            if news[key::READY as usize] {
                self.told_ready(now);
            }
            if news[key::CHECK as usize] {
                self.heard(now);
            }
            if news[key::CHANNEL as usize] {
                self.orders(now);
            }
            if abandoned {
                self.step(now, Event::Wanted(ABANDONED));
                let _ = self.epoll.remove(self.charge.channel);
            }
            self.tick(now);
        }
        let now = monotonic_millis();
        while self.log.run(now, true) {}
        self.publish(now);
        0
    }

    fn deadline(&self, now: Millis) -> Option<Millis> {
        let asker = self.asker.as_ref().map(Asker::deadline);
        let reload = self.reload.as_ref().map(|reload| reload.until);
        [self.machine.deadline(), asker, reload, self.log.deadline(now)].into_iter().flatten().min()
    }

    fn step(&mut self, now: Millis, event: Event) {
        self.machine.step(now, event, &mut self.actions);
        self.act(now);
    }

    /// Carries out what the machine asked for; what follows at once is told to it at once.
    fn act(&mut self, now: Millis) {
        let mut at = 0;
        while let Some(action) = self.actions.get(at).copied() {
            at += 1;
            match action {
                Action::Start => {
                    let event = self.start(now);
                    self.machine.step(now, event, &mut self.actions);
                }
                Action::Check => self.begin_checks(now),
                Action::EndChecks => self.end_checks(),
                Action::Stop => self.stop(),
                Action::Kill => {
                    self.kill();
                    let left = self.left();
                    self.machine.step(now, Event::Left(left), &mut self.actions);
                }
                Action::Look => {
                    let left = self.left();
                    self.machine.step(now, Event::Left(left), &mut self.actions);
                }
                Action::SayLate => {
                    let within = self.charge.prepared.policy().ready_within.unwrap_or(0);
                    let seconds = within.div_ceil(1000);
                    self.log
                        .note(now, format_args!("is not ready {seconds} s after its start; it is asked on"));
                }
                Action::Leave => self.leaves = true,
            }
        }
        self.actions.clear();
    }

    fn start(&mut self, now: Millis) -> Event {
        let charge = self.charge;
        if let Some(ready) = charge.ready {
            // What an earlier start told must not count for this one.
            let mut buffer = [0; 64];
            while matches!(read_waiting(&ready.reader, &mut buffer), Ok(Some(count)) if count > 0) {}
        }
        let extra = match charge.prepared.definition.readiness.as_ref().map(|readiness| &readiness.probe) {
            Some(Probe::Fd(fd)) => charge.ready.map(|ready| (ready.writer.as_fd(), *fd)),
            _ => None,
        };
        // Before it can run: whoever replaces this supervisor must know which wish it was started for.
        let standing = self.standing();
        charge.slot.set_standing(&standing, now);
        let (word, expected) = charge.slot.claim();
        let writer = Some(charge.log.writer.as_fd());
        let options = Options {
            stdin: Some(charge.null.as_fd()),
            stdout: writer,
            stderr: writer,
            extra,
            group: Group::Session,
            identity: charge.prepared.identity.as_ref(),
            limits: &self.limits,
            directory: Some(c"/"),
            claim: Some(Claim { word, expected }),
        };
        match spawn(&charge.prepared.program, &options) {
            Ok(pid) => {
                (self.pid, self.family.session) = (pid, pid);
                // Nothing was left when it was started.
                self.adopted = false;
                Event::Started
            }
            Err(error) => {
                self.say_not_started(now, &error);
                Event::StartFailed { transient: error.is_transient() }
            }
        }
    }

    fn say_not_started(&mut self, now: Millis, error: &SpawnError) {
        self.log.note(now, format_args!("cannot be started: {error}"));
    }

    fn stop(&mut self) {
        if let Some(reload) = self.reload.take() {
            let _ = send_group(reload.pid, number::KILL);
            self.tell(&News::Reloaded(reload.ticket, Err("the service was stopped meanwhile".to_owned())));
        }
        self.family.signal(self.charge.prepared.definition.stop.signal.number());
    }

    fn kill(&mut self) {
        // Mostly its group is all there is, and looking through all processes is not needed.
        let _ = send_group(self.family.session, number::KILL);
        self.family.kill();
    }

    /// Whether anything of the service lives beside its own process; ended children are given up on the way.
    fn left(&mut self) -> bool {
        let mut alive = false;
        loop {
            match next_ended() {
                // Its own end must be told as such: it will be found by the next look at the children.
                Children::Ended(pid, _) if pid == self.pid => {
                    alive = true;
                    break;
                }
                Children::Ended(pid, _) => reap(pid),
                Children::Alive => {
                    alive = true;
                    break;
                }
                Children::None => break,
            }
        }
        if alive || !self.adopted {
            return alive;
        }
        let lives = self.family.lives();
        // Nothing of an earlier supervisor's time is left; from now on children are all there can be.
        if !lives && !self.machine.is_alive() {
            self.adopted = false;
        }
        lives
    }

    /// Children have ended.
    fn children(&mut self, now: Millis) {
        while self.signals.next().is_some() {}
        let mut ended = None;
        while let Children::Ended(pid, exit) = next_ended() {
            // One that was killed before it could claim is not in the table. An adopted one that is not there was given up by
            // init, and this is another process of its number.
            if pid == self.pid && (self.charge.slot.strike_out(pid, exit) || !self.adopted) {
                ended = Some(exit);
                self.pid = 0;
                reap(pid);
            } else {
                reap(pid);
                self.other_ended(now, pid, exit);
            }
        }
        match ended {
            Some(exit) => self.service_ended(now, exit),
            None if self.machine.phase() == Phase::Stopping && !self.machine.is_alive() => {
                let left = self.left();
                self.step(now, Event::Left(left));
            }
            None => {}
        }
    }

    fn service_ended(&mut self, now: Millis, exit: Exit) {
        self.last_exit = Some(exit);
        let left = self.left();
        let asked_for = self.machine.phase() == Phase::Stopping;
        // What it said comes first; without descendants it has said all.
        self.log.run(now, !left);
        self.machine.step(now, Event::Ended { success: exit.is_success(), left }, &mut self.actions);
        if !asked_for && self.machine.phase() != Phase::Done {
            self.log.note(now, format_args!("ended with {exit}"));
        }
        self.act(now);
    }

    fn other_ended(&mut self, now: Millis, pid: u32, exit: Exit) {
        let mut commands = Commands { charge: self.charge, limits: &self.limits };
        let answer =
            self.asker.as_mut().and_then(|asker| asker.ended(now, pid, exit.is_success(), &mut commands));
        if let Some(answer) = answer {
            return self.answered(now, answer);
        }
        if let Some(reload) = self.reload.take_if(|reload| reload.pid == pid) {
            self.reload_ended(now, &reload, exit);
        }
    }

    fn begin_checks(&mut self, now: Millis) {
        let definition = &self.charge.prepared.definition;
        match (&definition.readiness, self.machine.phase()) {
            (Some(readiness), phase) if phase != Phase::Up => {
                self.asks_ready = true;
                if let (Probe::Fd(_), Some(ready)) = (&readiness.probe, self.charge.ready) {
                    // Adding it twice fails, and it is there then.
                    let _ = self.epoll.add(&ready.reader, key::READY, Interest::Readable);
                }
                let command = self.charge.prepared.ready_command.as_ref();
                let within = readiness.timeout.as_millis().clamp(100, 5000);
                let question = Question::of(&readiness.probe, command);
                self.asker =
                    question.map(|question| Asker::new(question, within, Pace::Slowing(10), now + 10));
            }
            _ => self.begin_liveness(now),
        }
    }

    fn begin_liveness(&mut self, now: Millis) {
        (self.asks_ready, self.unanswered) = (false, 0);
        let Some(liveness) = &self.charge.prepared.definition.liveness else { return };
        let interval = liveness.interval.as_millis();
        let question = Question::of(&liveness.probe, self.charge.prepared.live_command.as_ref());
        let within = liveness.timeout.as_millis().max(1);
        self.asker =
            question.map(|question| Asker::new(question, within, Pace::Steady(interval), now + interval));
    }

    fn end_checks(&mut self) {
        if let Some(mut asker) = self.asker.take() {
            asker.give_up(&mut Commands { charge: self.charge, limits: &self.limits });
        }
        if let Some(ready) = self.charge.ready {
            let _ = self.epoll.remove(&ready.reader);
        }
    }

    fn told_ready(&mut self, now: Millis) {
        let Some(ready) = self.charge.ready else { return };
        let mut buffer = [0; 64];
        if let Ok(Some(count)) = read_waiting(&ready.reader, &mut buffer)
            && buffer[..count].contains(&b'\n')
        {
            let _ = self.epoll.remove(&ready.reader);
            self.is_ready(now);
        }
    }

    fn is_ready(&mut self, now: Millis) {
        self.step(now, Event::Ready);
        self.asker = None;
        self.begin_liveness(now);
    }

    fn heard(&mut self, now: Millis) {
        let mut commands = Commands { charge: self.charge, limits: &self.limits };
        if let Some(asker) = &mut self.asker {
            let answer = asker.heard(now, &self.epoll, key::CHECK, &mut commands);
            self.answered(now, answer);
        }
    }

    fn answered(&mut self, now: Millis, answer: Answer) {
        match answer {
            Answer::Yes if self.asks_ready => self.is_ready(now),
            Answer::Yes => self.unanswered = 0,
            Answer::No if !self.asks_ready => self.not_alive(now),
            Answer::No | Answer::Open => {}
        }
    }

    fn not_alive(&mut self, now: Millis) {
        self.unanswered += 1;
        let failures =
            self.charge.prepared.definition.liveness.as_ref().map_or(u32::MAX, |liveness| liveness.failures);
        if self.unanswered >= failures {
            let text = format_args!("did not answer {failures} times in a row, and is started again");
            self.log.note(now, text);
            self.step(now, Event::NotLive);
        }
    }

    /// init has something to say.
    fn orders(&mut self, now: Millis) {
        let mut buffer = [0; MAX_MESSAGE];
        loop {
            match receive_message(self.charge.channel, &mut buffer) {
                Ok(Received::Message(count)) => match Order::decode(&buffer[..count]) {
                    Some(Order::Reload(ticket)) => self.begin_reload(now, ticket),
                    Some(Order::Ended) => self.adopted_ended(now),
                    Some(Order::Look) | None => {}
                },
                Ok(Received::Nothing) => break,
                Ok(Received::Closed) | Err(_) => {
                    self.step(now, Event::Wanted(ABANDONED));
                    let _ = self.epoll.remove(self.charge.channel);
                    return;
                }
            }
        }
        let wanted = self.charge.slot.wanted();
        self.step(now, Event::Wanted(wanted));
    }

    /// init has waited for the adopted service, and struck it out.
    fn adopted_ended(&mut self, now: Millis) {
        if self.pid != 0 && self.charge.slot.service_pid() == 0 {
            self.pid = 0;
            let exit = self.charge.slot.standing().last_exit.unwrap_or(Exit::Code(0));
            self.service_ended(now, exit);
        }
    }

    fn begin_reload(&mut self, now: Millis, ticket: u64) {
        if self.reload.is_some() {
            return self.tell(&News::Reloaded(ticket, Err("another reload is under way".to_owned())));
        }
        match &self.charge.prepared.reload_check {
            Some(check) => self.run_reload(now, ticket, Stage::Check, check),
            None => self.reload_now(now, ticket),
        }
    }

    /// The settings are good, as far as can be known: the command or the signal.
    fn reload_now(&mut self, now: Millis, ticket: u64) {
        if let Some(command) = &self.charge.prepared.reload_command {
            return self.run_reload(now, ticket, Stage::Command, command);
        }
        let signal = self.charge.prepared.definition.reload.signal.number();
        let result = match self.pid {
            0 => Err("it does not run".to_owned()),
            pid => send(pid, signal).map_err(|error| format!("cannot signal process {pid}: {error}")),
        };
        self.tell(&News::Reloaded(ticket, result));
    }

    fn run_reload(&mut self, now: Millis, ticket: u64, stage: Stage, program: &Program) {
        let begun = medic_sys::pipe::Pipe::new().map_err(|error| error.to_string()).and_then(|said| {
            let options = Options {
                stdin: Some(self.charge.null.as_fd()),
                stdout: Some(said.writer.as_fd()),
                stderr: Some(said.writer.as_fd()),
                group: Group::Own,
                identity: self.charge.prepared.identity.as_ref(),
                limits: &self.limits,
                directory: Some(c"/"),
                ..Options::default()
            };
            let pid = spawn(program, &options).map_err(|error| error.to_string())?;
            Ok(Reload { ticket, stage, pid, said, until: now + WITHIN })
        });
        match begun {
            Ok(reload) => self.reload = Some(reload),
            Err(why) => self.tell(&News::Reloaded(ticket, Err(why))),
        }
    }

    fn reload_ended(&mut self, now: Millis, reload: &Reload, exit: Exit) {
        let said = reload.said();
        if !said.is_empty() {
            for line in said.lines() {
                self.log.note(now, format_args!("{line}"));
            }
        }
        let what = if reload.stage == Stage::Check { "its check" } else { "its command" };
        match (exit.is_success(), reload.stage) {
            (true, Stage::Check) => self.reload_now(now, reload.ticket),
            (true, Stage::Command) => self.tell(&News::Reloaded(reload.ticket, Ok(()))),
            (false, _) => {
                let why = if said.is_empty() { String::new() } else { format!(":\n{said}") };
                self.tell(&News::Reloaded(reload.ticket, Err(format!("{what} ended with {exit}{why}"))));
            }
        }
    }

    fn tick(&mut self, now: Millis) {
        if self.machine.deadline().is_some_and(|at| at <= now) {
            self.step(now, Event::Tick);
        }
        let mut commands = Commands { charge: self.charge, limits: &self.limits };
        if let Some(asker) = self.asker.as_mut().filter(|asker| asker.deadline() <= now) {
            let answer = asker.tick(now, &self.epoll, key::CHECK, &mut commands);
            self.answered(now, answer);
        }
        if let Some(reload) = self.reload.take_if(|reload| reload.until <= now) {
            let _ = send_group(reload.pid, number::KILL);
            let why = format!("not done within {} s, and was killed", WITHIN / 1000);
            self.tell(&News::Reloaded(reload.ticket, Err(why)));
        }
    }

    fn tell(&mut self, news: &News) {
        // A channel that is full holds hints enough to make init look.
        let _ = send_message(self.charge.channel, &news.encode());
    }

    fn standing(&self) -> Standing {
        let mut past = self.machine.past();
        past.succeeded = self.last_exit.is_some_and(Exit::is_success);
        let adopted = self.adopted && self.machine.is_alive();
        let (dropped, told, held) = (self.log.dropped(), self.log.told(), self.log.held());
        Standing { past, last_exit: self.last_exit, dropped, told, held, adopted }
    }

    /// Publishes what has changed, and has init look at it.
    fn publish(&mut self, now: Millis) {
        let standing = self.standing();
        if standing != self.published {
            self.charge.slot.set_standing(&standing, now);
            self.published = standing;
            let _ = send_message(self.charge.channel, News::CHANGED);
        }
    }
}
