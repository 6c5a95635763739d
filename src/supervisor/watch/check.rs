//! Asking a service whether it is ready, or alive: over TCP, over HTTP, or by a command.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use medic_model::service::{Probe, http_target};
use medic_sys::event::{Epoll, Interest};
use medic_sys::output::read_waiting;
use medic_sys::process::Program;
use medic_sys::socket::{Received, begin_tcp, is_connected, receive_message, send_message};

use crate::machine::Millis;

/// What is asked, ready to be asked often.
#[derive(Debug)]
pub enum Question<'a> {
    /// A connection to this address.
    Tcp(SocketAddr),
    /// A GET of this request from this address.
    Http(SocketAddr, String),
    /// This command ends with 0.
    Exec(&'a Program),
}

/// How asking once went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// As it should.
    Yes,
    /// Not.
    No,
    /// Not known yet.
    Open,
}

/// Asks over and over.
#[derive(Debug)]
pub struct Asker<'a> {
    question: Question<'a>,
    within: Millis,
    pace: Pace,
    next_at: Millis,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    until: Millis,
    how: How,
}

#[derive(Debug)]
enum How {
    Connecting(OwnedFd),
    Reading(OwnedFd),
    Command(u32),
}

/// From one question to the next.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// Always the same.
    Steady(Millis),
    /// This, then twice that, up to a second: for what may be ready at any moment.
    Slowing(Millis),
}

impl<'a> Question<'a> {
    /// The question of a probe; `command` is its command made ready. None for one that is not asked, but told.
    pub fn of(probe: &Probe, command: Option<&'a Program>) -> Option<Self> {
        match probe {
            Probe::Fd(_) => None,
            Probe::Tcp(address) => address.parse().ok().map(Self::Tcp),
            Probe::Http(url) => http_target(url).map(|(address, authority, path)| {
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: medic-os\r\nConnection: close\r\n\r\n"
                );
                Self::Http(address, request)
            }),
            Probe::Exec(_) => command.map(Self::Exec),
        }
    }
}

/// What the loop must do for the asker.
pub trait Runner {
    /// Starts a command; its number, or none when it cannot be started.
    fn run(&mut self, program: &Program) -> Option<u32>;
    /// Kills a command and its descendants in its group.
    fn kill(&mut self, pid: u32);
}

impl<'a> Asker<'a> {
    /// Asks `question` first at `first_at`, each time waiting for an answer for `within`.
    pub fn new(question: Question<'a>, within: Millis, pace: Pace, first_at: Millis) -> Self {
        Self { question, within, pace, next_at: first_at, under_way: None }
    }

    /// When [`Asker::tick`] is wanted.
    pub fn deadline(&self) -> Millis {
        self.under_way.as_ref().map_or(self.next_at, |under_way| under_way.until)
    }

    /// Asks if it is time to; gives up a question whose time is over.
    pub fn tick(&mut self, now: Millis, epoll: &Epoll, key: u64, runner: &mut impl Runner) -> Answer {
        match &self.under_way {
            Some(under_way) if under_way.until <= now => self.answer(now, false, runner),
            None if self.next_at <= now => match self.ask(epoll, key, runner) {
                Some(how) => {
                    self.under_way = Some(UnderWay { until: now + self.within, how });
                    Answer::Open
                }
                None => self.answer(now, false, runner),
            },
            _ => Answer::Open,
        }
    }

    fn ask(&self, epoll: &Epoll, key: u64, runner: &mut impl Runner) -> Option<How> {
        match &self.question {
            Question::Tcp(address) | Question::Http(address, _) => {
                let socket = begin_tcp(*address).ok()?;
                epoll.add(&socket, key, Interest::Writable).ok()?;
                Some(How::Connecting(socket))
            }
            Question::Exec(program) => runner.run(program).map(How::Command),
        }
    }

    /// There is news of the connection.
    pub fn heard(&mut self, now: Millis, epoll: &Epoll, key: u64, runner: &mut impl Runner) -> Answer {
        let Some(under_way) = self.under_way.take() else { return Answer::Open };
        match (under_way.how, &self.question) {
            (How::Connecting(socket), question) => {
                let connected = is_connected(&socket).is_ok();
                let Question::Http(_, request) = question else { return self.answer(now, connected, runner) };
                let asked = connected
                    && send_message(&socket, request.as_bytes()).is_ok()
                    && epoll.remove(&socket).is_ok()
                    && epoll.add(&socket, key, Interest::Readable).is_ok();
                if !asked {
                    return self.answer(now, false, runner);
                }
                self.under_way = Some(UnderWay { until: under_way.until, how: How::Reading(socket) });
                Answer::Open
            }
            (How::Reading(socket), _) => {
                // The status line comes in the first segment; the rest is of no interest.
                let mut buffer = [0; 64];
                let count = match receive_message(&socket, &mut buffer) {
                    Ok(Received::Message(count)) => count,
                    _ => 0,
                };
                // Emptied, so that the server sees an orderly end and not a reset.
                let mut rest = [0; 1024];
                while matches!(read_waiting(&socket, &mut rest), Ok(Some(count)) if count > 0) {}
                self.answer(now, is_good_status(&buffer[..count]), runner)
            }
            (how, _) => {
                self.under_way = Some(UnderWay { until: under_way.until, how });
                Answer::Open
            }
        }
    }

    /// A child has ended: is it the command, and how did it go? None when it is not.
    pub fn ended(
        &mut self,
        now: Millis,
        pid: u32,
        success: bool,
        runner: &mut impl Runner,
    ) -> Option<Answer> {
        match self.under_way {
            Some(UnderWay { how: How::Command(command), .. }) if command == pid => {
                self.under_way = None;
                Some(self.answer(now, success, runner))
            }
            _ => None,
        }
    }

    fn answer(&mut self, now: Millis, yes: bool, runner: &mut impl Runner) -> Answer {
        self.give_up(runner);
        let pause = match &mut self.pace {
            Pace::Steady(pause) => *pause,
            Pace::Slowing(pause) => {
                let present = *pause;
                *pause = (present * 2).min(1000);
                present
            }
        };
        self.next_at = now + pause;
        if yes { Answer::Yes } else { Answer::No }
    }

    /// Ends a question under way. A socket that is closed leaves the epoll set by itself.
    pub fn give_up(&mut self, runner: &mut impl Runner) {
        if let Some(UnderWay { how: How::Command(pid), .. }) = self.under_way.take() {
            runner.kill(pid);
        }
    }
}

/// `HTTP/1.1 200 OK`: a status from 200 to 399.
fn is_good_status(response: &[u8]) -> bool {
    let Some(rest) = response.strip_prefix(b"HTTP/1.") else { return false };
    matches!(rest, [_, b' ', b'2' | b'3', b'0'..=b'9', b'0'..=b'9', ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    struct NoCommands;
    impl Runner for NoCommands {
        fn run(&mut self, _: &Program) -> Option<u32> {
            None
        }
        fn kill(&mut self, _: u32) {
            panic!("nothing runs");
        }
    }

    fn ask(question: Question<'_>) -> Answer {
        let epoll = Epoll::new().expect("epoll");
        let mut asker = Asker::new(question, 1000, Pace::Steady(10), 0);
        let mut answer = asker.tick(0, &epoll, 5, &mut NoCommands);
        for _ in 0..10 {
            if answer != Answer::Open {
                return answer;
            }
            let mut heard = false;
            epoll.wait(Some(1000), |ready| heard = ready.key == 5).expect("waited");
            if heard {
                answer = asker.heard(0, &epoll, 5, &mut NoCommands);
            }
        }
        panic!("no answer");
    }

    fn server(response: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            if let Ok((mut stream, _)) = listener.accept() {
                let mut request = [0; 256];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(response.as_bytes());
            }
        });
        address
    }

    #[test]
    fn a_listening_port_answers_and_a_closed_one_does_not() {
        assert_eq!(ask(Question::Tcp(server(""))), Answer::Yes);
        let closed = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
        assert_eq!(ask(Question::Tcp(closed)), Answer::No);
    }

    #[test]
    fn http_counts_by_its_status() {
        let http = |response| {
            let address = server(response);
            let probe = Probe::Http(format!("http://{address}/status"));
            ask(Question::of(&probe, None).expect("a question"))
        };
        assert_eq!(http("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), Answer::Yes);
        assert_eq!(http("HTTP/1.0 302 Found\r\n\r\n"), Answer::Yes);
        assert_eq!(http("HTTP/1.1 503 Not yet\r\n\r\n"), Answer::No);
        assert_eq!(http("SSH-2.0-x\r\n"), Answer::No);
        assert_eq!(http(""), Answer::No);
    }

    #[test]
    fn questions_are_asked_at_their_pace() {
        let closed = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
        let mut asker = Asker::new(Question::Tcp(closed), 50, Pace::Slowing(10), 100);
        assert_eq!(asker.deadline(), 100);
        let pauses: Vec<Millis> = (0..9)
            .map(|_| {
                asker.answer(1000, false, &mut NoCommands);
                asker.deadline() - 1000
            })
            .collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert!(Question::of(&Probe::Fd(3), None).is_none());
    }
}
