//! A server that answers as CouchDB does what `medic-core` asks, until it is told to fail.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::value::RawValue;
use serde_json::{Value, json};

/// `admin:secret`.
const AUTHORIZATION: &str = "Basic YWRtaW46c2VjcmV0";

/// How an answer fails.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The connection ends without one.
    HangsUp,
    /// It ends in the middle.
    Half,
    /// It is this, with status 200.
    Says(&'static str),
    /// Nothing is wrong with it, and what was to be written is not.
    Forgets,
}

#[derive(Default)]
struct State {
    /// Each document's text by its number in the feed of changes.
    databases: BTreeMap<String, Vec<String>>,
    security: BTreeMap<String, Value>,
    marks: BTreeMap<String, String>,
    /// From which request on whose path has this in it (the first is 0), and how.
    fault: Option<(&'static str, usize, Fault)>,
}

/// A server on a free port. Its thread ends with the test.
pub struct Couch {
    /// Its address.
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Couch {
    /// An empty one.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that has gone is no failure of the test.
                let _ = answer(stream, &shared);
            }
        });
        Self { url, state }
    }

    /// One with a database of so many documents of so many bytes.
    pub fn with(name: &str, count: usize, bytes: usize) -> Self {
        let couch = Self::start();
        couch.fill(name, 0, count, bytes);
        couch
    }

    /// Adds documents, whose numbers begin with `first`.
    pub fn fill(&self, name: &str, first: usize, count: usize, bytes: usize) {
        let mut state = self.state.lock().expect("not poisoned");
        let documents = state.databases.entry(name.to_owned()).or_default();
        // A number that no machine's would keep.
        let text = |number| {
            let text = "x".repeat(bytes);
            format!(
                r#"{{"_id":"{number:05}","_rev":"1-a","_revisions":{{"start":1,"ids":["a"]}},"n":1.00000000000000000001e400,"t":"{text}"}}"#
            )
        };
        documents.extend((first..first + count).map(text));
        state.security.entry(name.to_owned()).or_insert_with(|| json!({"members": {"roles": ["nurse"]}}));
    }

    /// Fails from the request number `after` on (the first is 0) whose path has `on` in it; never with nothing.
    pub fn fail(&self, fault: impl Into<Option<(&'static str, usize, Fault)>>) {
        self.state.lock().expect("not poisoned").fault = fault.into();
    }

    /// Makes a database the one that a part with these lines is of.
    pub fn be(&self, name: &str, lines: &[String]) {
        let head: Value = serde_json::from_str(&lines[0]).expect("JSON");
        let mark = json!({"mark": head["mark"]}).to_string();
        self.state.lock().expect("not poisoned").marks.insert(name.to_owned(), mark);
    }

    /// Removes a database.
    pub fn remove(&self, name: &str) {
        let mut state = self.state.lock().expect("not poisoned");
        state.databases.remove(name);
        state.marks.remove(name);
    }

    /// The names of its databases with their documents, as they were written.
    pub fn databases(&self) -> BTreeMap<String, Vec<String>> {
        self.state.lock().expect("not poisoned").databases.clone()
    }

    /// Who may read a database.
    pub fn security(&self, name: &str) -> Value {
        self.state.lock().expect("not poisoned").security[name].clone()
    }
}

fn answer(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut is_admin) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a number"),
            "authorization" => is_admin = value == AUTHORIZATION,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut state = state.lock().expect("not poisoned");
    let fault = match &mut state.fault {
        Some((on, 0, fault)) if path.contains(*on) => Some(*fault),
        Some((on, after, _)) if path.contains(*on) => {
            *after -= 1;
            None
        }
        _ => None,
    };
    let (status, text) = match fault {
        Some(Fault::Says(text)) => (200, text.to_owned()),
        Some(Fault::Forgets) => (200, "[]".to_owned()),
        _ if !is_admin => {
            (401, r#"{"error":"unauthorized","reason":"Name or password is incorrect."}"#.to_owned())
        }
        _ => state.request(method, path, &body),
    };
    let head =
        format!("HTTP/1.1 {status} Told\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", text.len());
    let mut stream = stream;
    match fault {
        Some(Fault::HangsUp) => Ok(()),
        Some(Fault::Half) => stream.write_all(&(head + &text).as_bytes()[..text.len() / 2 + 70]),
        _ => stream.write_all((head + &text).as_bytes()),
    }
}

impl State {
    fn request(&mut self, method: &str, path: &str, raw: &[u8]) -> (u16, String) {
        let body: Value = serde_json::from_slice(raw).unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parameter = |name: &str| {
            let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse::<usize>().ok()).unwrap_or(0)
        };
        let (name, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let name = name.replace("%2F", "/");
        let name = name.as_str();
        let missing = || (404, r#"{"error":"not_found","reason":"Database does not exist."}"#.to_owned());
        match (method, name, rest) {
            ("GET", "", "") => return (200, json!({"couchdb": "Welcome", "uuid": "u1"}).to_string()),
            ("GET", "_all_dbs", "") => {
                return (200, json!(self.databases.keys().collect::<Vec<_>>()).to_string());
            }
            ("PUT", name, "") => {
                self.databases.entry(name.to_owned()).or_default();
                self.security.entry(name.to_owned()).or_insert_with(|| json!({}));
                return (201, json!({"ok": true}).to_string());
            }
            _ => {}
        }
        let Some(documents) = self.databases.get_mut(name) else { return missing() };
        let id = |number: usize| format!("{number:05}");
        let text = match (method, rest) {
            ("GET", "") => json!({"props": {}}).to_string(),
            ("GET", "_security") => self.security[name].to_string(),
            ("PUT", "_security") => {
                self.security.insert(name.to_owned(), body);
                json!({"ok": true}).to_string()
            }
            ("GET", "_local/medic-core-backup") => match self.marks.get(name) {
                Some(text) => text.clone(),
                None => return missing(),
            },
            ("PUT", "_local/medic-core-backup") => {
                self.marks.insert(name.to_owned(), body.to_string());
                json!({"ok": true}).to_string()
            }
            ("GET", "_all_docs") => {
                let rows: Vec<_> = documents.iter().take(1).map(|_| json!({"id": id(0)})).collect();
                json!({ "rows": rows }).to_string()
            }
            ("GET", "_changes") => {
                let (since, limit) = (parameter("since"), parameter("limit"));
                let end = documents.len().min(since + limit);
                let row = |number| json!({"seq": number + 1, "id": id(number), "changes": [{"rev": "1-a"}]});
                let rows: Vec<_> = (since..end).map(row).collect();
                json!({"results": rows, "last_seq": end, "pending": documents.len() - end}).to_string()
            }
            ("POST", "_bulk_get") => {
                let wanted = body["docs"].as_array().expect("documents");
                let found = wanted.iter().map(|one| {
                    let number: usize = one["id"].as_str().expect("a text").parse().expect("a number");
                    format!(r#"{{"id":{},"docs":[{{"ok":{}}}]}}"#, one["id"], documents[number])
                });
                format!(r#"{{"results":[{}]}}"#, found.collect::<Vec<_>>().join(","))
            }
            ("POST", "_bulk_docs") => {
                #[derive(serde::Deserialize)]
                struct Body {
                    docs: Vec<Box<RawValue>>,
                }
                let body: Body = serde_json::from_slice(raw).expect("documents");
                documents.extend(body.docs.into_iter().map(|text| text.get().to_owned()));
                json!([]).to_string()
            }
            ("POST", "_revs_diff") => {
                let is_there = |id: &String| {
                    let begin = format!(r#"{{"_id":"{id}""#);
                    documents.iter().any(|text| text.starts_with(&begin))
                };
                let asked = body.as_object().expect("an object").keys();
                let missing =
                    asked.filter(|id| !is_there(id)).map(|id| (id.clone(), json!({"missing": ["1-a"]})));
                Value::Object(missing.collect()).to_string()
            }
            (_, rest) => panic!("{method} of {rest} is not answered here"),
        };
        (200, text)
    }
}
