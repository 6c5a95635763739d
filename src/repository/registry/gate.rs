//! Who asks: a login from a callback, and what the registry wants to hear for it. Both come to their end in the middle of a long push: then
//! a new token is asked for, and where that does not help, a new login, once.

use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};

use ureq::http::Response;
use ureq::http::header::WWW_AUTHENTICATE;
use ureq::{Agent, Body};

use super::LoginSource;
use super::error::{RegistryError, Trouble};
use crate::session::{Login, Session};

/// So many tokens are tried for one request before it is the login's fault: some are over soon.
const TOKENS: u32 = 3;

/// What is said of who asks, by all threads.
pub(super) struct Gate {
    source: LoginSource,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None: it was not asked for yet.
    login: Option<Option<Login>>,
    authorization: Option<String>,
    /// Counts the authorizations.
    generation: u64,
}

/// What one request has tried already, to be let in.
#[derive(Debug, Default)]
pub(super) struct Tried {
    times: u32,
    has_new_login: bool,
}

impl Gate {
    pub(super) fn new(source: LoginSource) -> Self {
        Self { source, state: Mutex::default() }
    }

    /// What to say, and its number.
    pub(super) fn current(&self) -> (u64, Option<String>) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.generation, state.authorization.clone())
    }

    /// Gets something new to say, after the registry did not take what has the number `said`.
    pub(super) fn renew(
        &self,
        said: u64,
        refusal: &Response<Body>,
        agent: &Agent,
        tried: &mut Tried,
    ) -> Result<(), Trouble> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        tried.times += 1;
        if state.generation != said && tried.times <= TOKENS {
            // Another thread was quicker.
            return Ok(());
        }
        if state.login.is_none() {
            // Not yet the new one of this request: before it is used, another thread may find that it is over.
            state.login = Some(self.ask()?);
        } else if said > 0 && (!wants_token(refusal) || tried.times > TOKENS) {
            // The same again would be refused again.
            self.renew_login(&mut state, tried)?;
        }
        let mut answer = state.session().answer(agent, refusal);
        // The server of tokens may be the one that does not take the login any more.
        if said > 0
            && answer.as_ref().is_err_and(|failure| failure.error.kind() == ErrorKind::PermissionDenied)
        {
            self.renew_login(&mut state, tried)?;
            answer = state.session().answer(agent, refusal);
        }
        let authorization = answer.map_err(|failure| Trouble {
            is_transient: failure.transient,
            ..Trouble::last(RegistryError::Login(failure.error))
        })?;
        state.authorization = Some(authorization);
        state.generation += 1;
        Ok(())
    }

    /// Asks for the login anew, once in a request; the same one as before will not do.
    fn renew_login(&self, state: &mut State, tried: &mut Tried) -> Result<(), Trouble> {
        let refused = |state: &State| Trouble::last(RegistryError::Login(state.session().refused().error));
        if tried.has_new_login {
            return Err(refused(state));
        }
        tried.has_new_login = true;
        let new = self.ask()?;
        if state.login.as_ref() == Some(&new) {
            return Err(refused(state));
        }
        state.login = Some(new);
        Ok(())
    }

    fn ask(&self) -> Result<Option<Login>, Trouble> {
        (self.source)().map_err(|error| Trouble::last(RegistryError::Login(error)))
    }
}

impl State {
    fn session(&self) -> Session {
        Session::new(self.login.clone().flatten())
    }
}

fn wants_token(refusal: &Response<Body>) -> bool {
    let challenge = refusal.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    challenge.is_some_and(|challenge| challenge.to_ascii_lowercase().starts_with("bearer "))
}
