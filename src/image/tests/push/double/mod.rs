//! A registry that does what real ones do to their clients, in memory. It keeps what the specification says a registry must keep: a blob
//! has its digest, and a manifest is taken when all that it names is there.

pub mod faults;
pub mod http;
mod store;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use faults::{Fault, Schedule};
use http::{Head, Reply, Request};

pub use store::Store;

/// Where an upload is said to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    Whole,
    Relative,
    /// Only its number is said.
    Number,
    /// Nothing is said.
    Missing,
    /// To another host, which wants no login.
    Elsewhere,
}

/// What becomes of a request to mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounts {
    Done,
    /// An upload is begun instead.
    Begun,
    Refused,
}

/// Who may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    Nobody,
    /// The login itself; when it is over, 401.
    Basic,
    /// The same; when it is over, 403, as ECR has it.
    Ecr,
    /// A token.
    Bearer,
}

/// How it behaves.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    pub location: Location,
    pub mounts: Mounts,
    pub guard: Guard,
    /// Whether no tag may be moved.
    pub immutable: bool,
    /// Requests of this kind (as [`kind`] has it, or the beginning) are refused always, with this.
    pub refuses: Option<(&'static str, u16)>,
}

impl Default for Mode {
    fn default() -> Self {
        Self {
            location: Location::Relative,
            mounts: Mounts::Begun,
            guard: Guard::Nobody,
            immutable: false,
            refuses: None,
        }
    }
}

/// All that it knows.
#[derive(Default)]
pub struct State {
    pub store: Store,
    pub mode: Mode,
    pub schedule: Option<Schedule>,
    /// One fault for the nth request (from 0) of a kind.
    pub planned: Option<(&'static str, u32, Fault)>,
    /// How often each kind of request was made.
    pub counts: HashMap<String, u32>,
    /// Bytes of the last request and answer of each kind.
    pub lengths: HashMap<String, (usize, usize)>,
    /// Faults so far.
    pub faults: u32,
    /// The number of the login and of the token that are good.
    pub login: u32,
    token: u32,
    /// Requests to the other host that said who asks.
    pub leaks: u32,
}

/// The registry; ends with the test's process.
#[derive(Clone)]
pub struct Double {
    pub address: SocketAddr,
    elsewhere: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Double {
    pub fn start(mode: Mode) -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (own, other) = (listen(), listen());
        let double = Self {
            address: own.local_addr().expect("bound"),
            elsewhere: other.local_addr().expect("bound"),
            state: Arc::new(Mutex::new(State { mode, ..State::default() })),
        };
        for (listener, is_own) in [(own, true), (other, false)] {
            let double = double.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let double = double.clone();
                    // A client that went away is what this is about.
                    std::thread::spawn(move || drop(double.serve(stream, is_own)));
                }
            });
        }
        double
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of it panicked")
    }

    fn serve(&self, mut stream: TcpStream, is_own: bool) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        while let Some(mut head) = http::read_head(&mut stream)? {
            let fault = self.fault(&head.request);
            if let Some(Fault::ResetRequest(after)) = fault
                && !head.read_until(&mut stream, after)?
            {
                http::reset(&stream);
                return Ok(());
            }
            if !head.read_until(&mut stream, usize::MAX)? {
                return Ok(());
            }
            if !self.answer(&mut stream, head, fault, is_own)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn fault(&self, request: &Request) -> Option<Fault> {
        let mut state = self.state();
        let kind = kind(request);
        let count = state.counts.entry(kind.clone()).or_default();
        let nth = *count;
        *count += 1;
        let planned = state.planned.filter(|(of, at, _)| kind.starts_with(of) && *at == nth);
        let fault = planned.map(|(_, _, fault)| fault);
        if fault == Some(Fault::Expire) {
            // Once, and not for the first upload of each blob: these are made side by side.
            state.planned = None;
        }
        let fault = fault.or_else(|| state.schedule.and_then(|schedule| schedule.fault(&kind, nth)));
        state.faults += u32::from(fault.is_some());
        fault
    }

    /// Answers; says whether the connection goes on.
    fn answer(
        &self,
        stream: &mut TcpStream,
        head: Head,
        fault: Option<Fault>,
        is_own: bool,
    ) -> std::io::Result<bool> {
        let request = head.finish();
        let mut state = self.state();
        state.leaks += u32::from(!is_own && request.header("authorization").is_some());
        if fault == Some(Fault::Expire) {
            state.login += 1;
            state.token += 1;
        }
        let reply = match fault {
            Some(Fault::Status(status, retry_after)) => {
                let reply = Reply::refusal(status, "UNAVAILABLE", "come back later");
                retry_after.map_or(Reply::of(status), |after| reply.with("Retry-After", after))
            }
            Some(Fault::Corrupt) if request.method == "PUT" && request.path.contains("/uploads/") => {
                Reply::refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
            }
            Some(Fault::Forget) if request.method == "PUT" && request.path.contains("/uploads/") => {
                Reply::refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
            }
            _ => self.reply(&mut state, &request, is_own),
        };
        let bytes = reply.bytes(&request.method);
        state.lengths.insert(kind(&request), (request.length, bytes.len()));
        drop(state);
        match fault {
            Some(Fault::ResetAnswer(after)) => {
                http::write(stream, &bytes[..after.min(bytes.len() - 1)])?;
                http::reset(stream);
                Ok(false)
            }
            Some(Fault::EndAnswer(after)) => {
                http::write(stream, &bytes[..after.min(bytes.len() - 1)])?;
                Ok(false)
            }
            _ => http::write(stream, &bytes).map(|()| true),
        }
    }

    fn reply(&self, state: &mut State, request: &Request, is_own: bool) -> Reply {
        if request.path == "/token" {
            return state.give_token(request);
        }
        if is_own && let Some(refusal) = state.refusal(request, self.address) {
            return refusal;
        }
        if let Some((refused, status)) = state.mode.refuses
            && kind(request).starts_with(refused)
        {
            return Reply::refusal(status, "DENIED", "requested access to the resource is denied");
        }
        let mode = state.mode;
        let place = |number: u64, repository: &str| {
            let path = format!("/v2/{repository}/blobs/uploads/{number}");
            let reply = Reply::of(202);
            match mode.location {
                Location::Whole => reply.with("Location", format!("http://{}{path}?state=a/b", self.address)),
                Location::Relative => reply.with("Location", format!("{path}?state=a/b")),
                Location::Number => reply.with("Docker-Upload-UUID", number.to_string()),
                Location::Missing => reply,
                Location::Elsewhere => reply.with("Location", format!("http://{}{path}", self.elsewhere)),
            }
        };
        state.store.answer(request, mode, &place)
    }
}

impl State {
    /// The login that is good now: `user:password<number>` in Base64 stands for itself here.
    pub fn good_login(&self) -> String {
        format!("login{}", self.login)
    }

    fn give_token(&mut self, request: &Request) -> Reply {
        if request.header("authorization") != Some(&format!("Basic {}", self.good_login())) {
            return Reply::refusal(401, "UNAUTHORIZED", "who are you");
        }
        let body = serde_json::json!({"token": format!("token{}", self.token)});
        Reply { body: body.to_string().into_bytes(), ..Reply::of(200) }
    }

    fn refusal(&self, request: &Request, own: SocketAddr) -> Option<Reply> {
        let said = request.header("authorization");
        let unauthorized = Reply::refusal(401, "UNAUTHORIZED", "authentication required");
        let (wanted, refusal) = match self.mode.guard {
            Guard::Nobody => return None,
            Guard::Bearer => {
                let how = format!(
                    "Bearer realm=\"http://{own}/token\",service=\"double\",scope=\"repository:app:pull,push\""
                );
                (format!("Bearer token{}", self.token), unauthorized.with("WWW-Authenticate", how))
            }
            Guard::Ecr if said.is_some() => {
                let words = "Your authorization token has expired. Reauthenticate and try again.";
                (format!("Basic {}", self.good_login()), Reply::refusal(403, "DENIED", words))
            }
            Guard::Basic | Guard::Ecr => {
                let how = "Basic realm=\"double\"";
                (format!("Basic {}", self.good_login()), unauthorized.with("WWW-Authenticate", how))
            }
        };
        (said != Some(&wanted)).then_some(refusal)
    }
}

/// A request's method and path, without the numbers of uploads: those depend on which thread was first.
pub fn kind(request: &Request) -> String {
    let digest = request.value("digest").unwrap_or_default();
    match request.path.split_once("/uploads/") {
        Some((before, _)) => format!("{} {before}/uploads/{digest}", request.method),
        None => format!("{} {}", request.method, request.path),
    }
}
