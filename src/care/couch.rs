//! CouchDB's interface, as far as the care of its data needs it. Each request names what it was for in its error.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use medic_model::ByteSize;
use medic_sys::files::FileError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::document::Document;
use crate::error::Error;
use crate::index::DatabaseName;

/// The most time to be connected, and to have an answer begin: a page of a large database's changes takes its time.
const ANSWER: Duration = Duration::from_secs(300);
/// The most time for an answer's, and a request's, bytes: there is no other limit for a server that goes quiet in the middle.
const BODY: Duration = Duration::from_secs(3600);
/// The most bytes of an answer that is held in memory: a document with all its attachments.
pub const MAX_ANSWER: u64 = 4 << 30;

/// A server, with its administrator's name.
pub struct Couch {
    agent: Agent,
    url: String,
    user: String,
    authorization: String,
}

/// One line of a feed of changes.
#[derive(Debug, Clone, Deserialize)]
pub struct Change {
    /// How far the feed is with this line: a number, or a text of CouchDB's own.
    pub seq: Value,
    /// The document.
    pub id: String,
    /// Its revisions that nothing follows.
    pub changes: Vec<Revision>,
}

/// A revision's name.
#[derive(Debug, Clone, Deserialize)]
pub struct Revision {
    /// Such as `3-917fa2381192822767f010b95b45325b`.
    pub rev: String,
}

/// A page of a feed of changes.
#[derive(Debug, Clone, Deserialize)]
pub struct Changes {
    /// In their order.
    pub results: Vec<Change>,
    /// How many come behind this page, where the server tells.
    pub pending: Option<u64>,
}

/// The document that [`Couch::mark`] leaves.
#[derive(Serialize, Deserialize)]
struct Mark {
    mark: String,
}

impl Couch {
    /// The server at `url`, without a path; nothing is asked yet.
    pub fn new(url: &str, user: &str, password: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // It is on this machine.
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(ANSWER))
            .timeout_send_body(Some(BODY))
            .timeout_recv_body(Some(BODY))
            .build();
        Self {
            agent: config.new_agent(),
            url: url.trim_end_matches('/').to_owned(),
            user: user.to_owned(),
            authorization: format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))),
        }
    }

    /// What the server is: it has one UUID for all its time.
    pub fn uuid(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Welcome {
            uuid: String,
        }
        self.get::<Welcome>("/").map(|welcome| welcome.uuid)
    }

    /// All databases that the administrator sees, in order.
    pub fn databases(&self) -> Result<Vec<DatabaseName>, Error> {
        let mut names: Vec<DatabaseName> = self.get("/_all_dbs")?;
        names.sort();
        Ok(names)
    }

    /// Whether a database is there, and whether documents stand in partitions.
    pub fn database(&self, name: &DatabaseName) -> Result<Option<bool>, Error> {
        #[derive(Deserialize)]
        struct Info {
            #[serde(default)]
            props: Map<String, Value>,
        }
        let path = format!("/{}", name.in_url());
        let mut answer = self.send("GET", &path, None)?;
        if answer.status() == 404 {
            return Ok(None);
        }
        let info: Info = self.json("GET", &path, &mut answer)?;
        Ok(Some(info.props.get("partitioned") == Some(&Value::Bool(true))))
    }

    /// Makes a database.
    pub fn make_database(&self, name: &DatabaseName, partitioned: bool) -> Result<(), Error> {
        let query = if partitioned { "?partitioned=true" } else { "" };
        self.change("PUT", &format!("/{}{query}", name.in_url()), None).map(|_: Value| ())
    }

    /// Whether a database has documents that are not about its design.
    pub fn has_documents(&self, name: &DatabaseName) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct All {
            rows: Vec<Row>,
        }
        #[derive(Deserialize)]
        struct Row {
            id: String,
        }
        // Identifiers of design documents stand together: before them and behind them are the others.
        for range in [r#"endkey="_design/""#, r#"startkey="_design0""#] {
            let range = range.replace('"', "%22").replace('/', "%2F");
            let all: All = self.get(&format!("/{}/_all_docs?limit=1&{range}", name.in_url()))?;
            if all.rows.iter().any(|row| !row.id.starts_with("_design/")) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Who may read and write a database.
    pub fn security(&self, name: &DatabaseName) -> Result<Value, Error> {
        self.get(&format!("/{}/_security", name.in_url()))
    }

    /// Says who may read and write a database.
    pub fn set_security(&self, name: &DatabaseName, security: &Value) -> Result<(), Error> {
        let body = Some(security.to_string());
        self.change("PUT", &format!("/{}/_security", name.in_url()), body).map(|_: Value| ())
    }

    /// What tells this database from another one that had or will have its name: a word that the first caller leaves in it, in a
    /// document that is neither replicated nor in its feed of changes, as replications keep there how far they are.
    pub fn mark(&self, name: &DatabaseName) -> Result<String, Error> {
        let path = format!("/{}/_local/medic-core-backup", name.in_url());
        // Another caller may have left one meanwhile: then that one counts.
        for _ in 0..2 {
            let mut answer = self.send("GET", &path, None)?;
            if answer.status() != 404 {
                return self.json::<Mark>("GET", &path, &mut answer).map(|found| found.mark);
            }
            let word = Mark { mark: random()? };
            let mut answer = self.send("PUT", &path, Some(json!(word).to_string()))?;
            if answer.status() != 409 {
                return self.json("PUT", &path, &mut answer).map(|_: Value| word.mark);
            }
        }
        Err(Error::Odd { url: format!("{}{path}", self.url), what: "it is there and it is not".to_owned() })
    }

    /// What changed behind `since`, `limit` documents at most, all revisions that nothing follows named.
    pub fn changes(&self, name: &DatabaseName, since: &Value, limit: usize) -> Result<Changes, Error> {
        let since = match since {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let safe = since.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let path = format!("/{}/_changes?style=all_docs&limit={limit}&since={since}", name.in_url());
        if !safe {
            return Err(Error::Odd { url: path, what: format!("its feed of changes is at '{since}'") });
        }
        self.get(&path)
    }

    /// The documents of these revisions with their histories, attachments only named. Those that another revision has followed since,
    /// and that were compacted away, are left out.
    pub fn documents(&self, name: &DatabaseName, changes: &[Change]) -> Result<Vec<Document>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            results: Vec<Found>,
        }
        #[derive(Deserialize)]
        struct Found {
            id: String,
            docs: Vec<One>,
        }
        #[derive(Deserialize)]
        struct One {
            ok: Option<Document>,
            error: Option<Value>,
        }
        let wanted: Vec<Value> = changes
            .iter()
            .flat_map(|change| change.changes.iter().map(|one| json!({"id": change.id, "rev": one.rev})))
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let path = format!("/{}/_bulk_get?revs=true", name.in_url());
        let answer: Answer = self.change("POST", &path, Some(json!({ "docs": wanted }).to_string()))?;
        let mut documents = Vec::with_capacity(wanted.len());
        for found in answer.results {
            for one in found.docs {
                match (one.ok, one.error) {
                    (Some(document), _) => documents.push(document),
                    (None, Some(error)) if is_missing(&error) => {}
                    (None, error) => {
                        let what = format!("the document '{}': {}", found.id, error.unwrap_or_default());
                        return Err(Error::Odd { url: format!("{}{path}", self.url), what });
                    }
                }
            }
        }
        Ok(documents)
    }

    /// One revision with its attachments; nothing when it was compacted away.
    pub fn whole(&self, name: &DatabaseName, id: &str, rev: &str) -> Result<Option<Document>, Error> {
        let path = format!("/{}/{}?rev={rev}&revs=true&attachments=true", name.in_url(), encoded(id));
        let mut answer = self.send("GET", &path, None)?;
        if answer.status() == 404 {
            return Ok(None);
        }
        self.json("GET", &path, &mut answer).map(Some)
    }

    /// Writes revisions as they are, histories included.
    pub fn write(&self, name: &DatabaseName, documents: &[Document]) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            new_edits: bool,
            docs: &'a [Document],
        }
        let path = format!("/{}/_bulk_docs", name.in_url());
        let body = serde_json::to_string(&Body { new_edits: false, docs: documents }).unwrap_or_default();
        let failures: Vec<Value> = self.change("POST", &path, Some(body))?;
        // Only what was not written is in the answer; some servers name the others too, without an error.
        match failures.into_iter().find(|one| one.get("error").is_some()) {
            Some(failure) => Err(Error::Odd {
                url: format!("{}{path}", self.url),
                what: format!("it did not write: {failure}"),
            }),
            None => Ok(()),
        }
    }

    /// Which of these revisions are not there: by document.
    pub fn missing(
        &self,
        name: &DatabaseName,
        revisions: &BTreeMap<String, Vec<String>>,
    ) -> Result<BTreeMap<String, Vec<String>>, Error> {
        #[derive(Deserialize)]
        struct Missing {
            missing: Vec<String>,
        }
        let path = format!("/{}/_revs_diff", name.in_url());
        let missing: BTreeMap<String, Missing> =
            self.change("POST", &path, Some(json!(revisions).to_string()))?;
        Ok(missing.into_iter().map(|(id, missing)| (id, missing.missing)).collect())
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let mut answer = self.send("GET", path, None)?;
        self.json("GET", path, &mut answer)
    }

    fn change<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        body: Option<String>,
    ) -> Result<T, Error> {
        let mut answer = self.send(method, path, body)?;
        self.json(method, path, &mut answer)
    }

    fn send(&self, method: &'static str, path: &str, body: Option<String>) -> Result<Response<Body>, Error> {
        let url = format!("{}{path}", self.url);
        let answer = match method {
            "GET" => {
                let request = self.agent.get(&url).header("Authorization", &self.authorization);
                request.header("Accept", "application/json").call()
            }
            _ => {
                let request = if method == "PUT" { self.agent.put(&url) } else { self.agent.post(&url) };
                let request = request.header("Authorization", &self.authorization);
                let request = request.header("Accept", "application/json");
                request.header("Content-Type", "application/json").send(body.unwrap_or_default())
            }
        };
        answer.map_err(|error| Error::Silent { url, source: error.into_io() })
    }

    fn json<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        answer: &mut Response<Body>,
    ) -> Result<T, Error> {
        let url = format!("{}{path}", self.url);
        let status = answer.status();
        let mut text = Vec::new();
        let read = answer.body_mut().as_reader().take(MAX_ANSWER).read_to_end(&mut text);
        read.map_err(|source| Error::Silent { url: url.clone(), source })?;
        if status == 401 {
            return Err(Error::Denied { url, user: self.user.clone(), reason: reason(&text) });
        }
        if !status.is_success() {
            return Err(Error::Refused { method, url, status: status.as_u16(), reason: reason(&text) });
        }
        if text.len() as u64 == MAX_ANSWER {
            return Err(Error::Odd { url, what: format!("it is larger than {}", ByteSize(MAX_ANSWER)) });
        }
        serde_json::from_slice(&text).map_err(|error| Error::Odd { url, what: plain(&error.to_string()) })
    }
}

/// 128 random bits, in hexadecimal digits.
fn random() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| FileError::new("read", "/dev/urandom", std::io::Error::other(error)))?;
    Ok(hex::encode(bytes))
}

/// What an error's answer says in its own words.
fn reason(text: &[u8]) -> String {
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    match (value["error"].as_str(), value["reason"].as_str()) {
        (Some(error), Some(reason)) => plain(&format!("{error}: {reason}")),
        _ => String::from_utf8_lossy(&text[..text.len().min(200)]).escape_debug().to_string(),
    }
}

/// A server's words, which must not draw on a terminal.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// CouchDB has an object of its own there, PouchDB a word.
fn is_missing(error: &Value) -> bool {
    let word = error.as_str().or_else(|| error["error"].as_str());
    let reason = error["reason"].as_str();
    word == Some("not_found") || reason == Some("missing")
}

/// A document's identifier as a path's segment.
fn encoded(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

impl std::fmt::Debug for Couch {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Couch").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_one_segment() {
        assert_eq!(encoded("a/b c:ä~1"), "a%2Fb%20c%3A%C3%A4~1");
        assert_eq!(encoded("_design/auth"), "_design%2Fauth");
    }

    #[test]
    fn what_was_compacted_away_is_no_failure_and_anything_else_is_one() {
        assert!(is_missing(&json!("not_found")));
        assert!(is_missing(&json!({"id": "a", "rev": "1-a", "error": "not_found", "reason": "missing"})));
        assert!(
            !is_missing(&json!({"error": "forbidden", "reason": "no"}))
                && !is_missing(&json!("unknown_error"))
        );
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", Couch::new("http://127.0.0.1:1", "admin", "secret"));
        assert!(
            !shown.contains("secret") && !shown.contains(&BASE64_STANDARD.encode("admin:secret")),
            "{shown}"
        );
    }
}
