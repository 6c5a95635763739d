//! What stands before a large registry: a server of tokens, and blobs on another host. It only lets read.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct State {
    /// The login that gets tokens, in Base64; none: everybody gets them.
    login: Option<String>,
    /// The number of the last token, and how often it is taken still.
    token: (u32, u32),
    /// How often each is taken.
    uses: u32,
    questions: Vec<String>,
}

/// The gate; ends with the test.
pub struct Gate {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Gate {
    /// Before a registry at the address `registry`; blobs come from the address `blobs`. Each token is good for so many requests.
    pub fn before(registry: &str, blobs: &str, login: Option<&str>, uses: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let login = login.map(str::to_owned);
        let state = Arc::new(Mutex::new(State { login, uses, ..State::default() }));
        let (shared, behind) = (Arc::clone(&state), (registry.to_owned(), blobs.to_owned()));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, behind) = (Arc::clone(&shared), behind.clone());
                std::thread::spawn(move || drop(answer(&stream, address, &behind, &state)));
            }
        });
        Self { address, state }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// What the server of tokens was asked since the last call.
    pub fn questions(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().expect("not poisoned").questions)
    }
}

fn answer(
    mut stream: &TcpStream,
    address: SocketAddr,
    (registry, blobs): &(String, String),
    state: &Mutex<State>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut authorization = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.to_owned());
        }
    }
    let mut state = state.lock().expect("not poisoned");
    let mut reply = |head: &str, body: &str| {
        let length = body.len();
        write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    };
    if let Some(question) = path.strip_prefix("/token?") {
        state.questions.push(question.to_owned());
        let wanted = state.login.as_ref().map(|login| format!("Basic {login}"));
        if wanted.is_some() && authorization != wanted {
            return reply("401 Unauthorized", "{}");
        }
        state.token = (state.token.0 + 1, state.uses);
        // As some servers do, under both names.
        let token = format!("token-{}", state.token.0);
        return reply("200 OK", &format!(r#"{{"token": "{token}", "access_token": "{token}"}}"#));
    }
    let good = format!("Bearer token-{}", state.token.0);
    if authorization.as_ref() != Some(&good) || state.token.1 == 0 {
        let challenge = format!(
            r#"Bearer realm="http://{address}/token",service="a registry",scope="repository:medic/packages:pull""#
        );
        return reply(&format!("401 Unauthorized\r\nWWW-Authenticate: {challenge}"), "{}");
    }
    state.token.1 -= 1;
    let place = match path.split_once("/blobs/sha256:") {
        Some((_, digest)) => format!("{blobs}/{}/{digest}/data", &digest[..2]),
        None => format!("{registry}{path}"),
    };
    reply(&format!("307 Temporary Redirect\r\nLocation: {place}"), "")
}
