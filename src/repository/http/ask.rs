//! One question to a web interface that answers with a small document: what a login is got by, such as a cloud's API.
//!
//! Nothing leads elsewhere (what was asked may hold secrets), and what is said is told to nobody.

use std::io;
use std::time::Duration;

use ureq::http::Request;

use super::{ANSWER, Failure, Network, agent, persist, whole};

/// The most bytes of an answer.
const MAX_ANSWER: u64 = 1 << 20;

/// What is asked.
pub struct Question<'a> {
    /// `GET`, `POST` or `PUT`.
    pub method: &'a str,
    /// The address.
    pub url: &'a str,
    /// Names and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// What comes after them; of `GET`, nothing.
    pub body: &'a [u8],
    /// The time for one attempt, where something may not be there at all; without, the patience and the attempts that there are for
    /// every server.
    pub within: Option<Duration>,
}

/// What was answered.
pub struct Answer {
    /// The status, such as 200. One of 5xx only comes where there was one attempt.
    pub status: u16,
    /// The document.
    pub body: Vec<u8>,
}

/// Asks.
///
/// # Errors
/// The address or a header is malformed, the server cannot be reached, is not trusted, or goes on failing.
pub fn ask(question: &Question<'_>, network: &Network) -> io::Result<Answer> {
    let agent = agent(question.url, network, ANSWER)?;
    let attempt = || {
        let mut request = Request::builder().method(question.method).uri(question.url);
        for (name, value) in question.headers {
            request = request.header(*name, *value);
        }
        let malformed = |error: ureq::http::Error| Failure::final_of(io::Error::other(error));
        let response = if question.method == "GET" {
            let request = agent.configure_request(request.body(()).map_err(malformed)?).max_redirects(0);
            agent.run(request.timeout_global(question.within).build())
        } else {
            let request = request.body(question.body).map_err(malformed)?;
            let request = agent.configure_request(request).max_redirects(0);
            agent.run(request.timeout_global(question.within).build())
        };
        let response = response.map_err(Failure::of)?;
        let status = response.status();
        if question.within.is_none() && (status.is_server_error() || status.as_u16() == 429) {
            return Err(Failure::transient_of(io::Error::other(format!("the server answers {status}"))));
        }
        Ok(Answer { status: status.as_u16(), body: whole(response, MAX_ANSWER)? })
    };
    match question.within {
        Some(_) => attempt().map_err(|failure| failure.error),
        None => persist(attempt, || 0),
    }
}
