//! Early hints (RFC 8297): what a container says of a response before it has it, passed on to clients of HTTP/2.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, Response, StatusCode};

use super::http2::{Respond, fields};
use crate::compiled::Changes;

/// So many are passed on of one request; they wait for a client that takes none, without a bound of their own.
const MOST: u8 = 8;

/// Where those of the request under way go.
#[derive(Default)]
pub(super) struct Hints {
    /// What answers the request. Nowhere when it has been answered, or there is none that takes hints.
    to: RefCell<Weak<RefCell<SendResponse<Bytes>>>>,
    passed: Cell<u8>,
}

impl Hints {
    /// Has those of the request that begins go to its client.
    pub(super) fn go_to(&self, respond: &Respond) {
        self.to.replace(Rc::downgrade(respond));
        self.passed.set(0);
    }

    fn pass(&self, mut headers: HeaderMap) {
        let Some(respond) = self.to.borrow().upgrade() else { return };
        if self.passed.get() == MOST {
            return;
        }
        self.passed.set(self.passed.get() + 1);
        fields::clean_trailers(&mut headers);
        let mut hint = Response::new(());
        *hint.status_mut() = StatusCode::EARLY_HINTS;
        *hint.headers_mut() = headers;
        // A client that is gone by now is noticed elsewhere.
        let _ = respond.borrow_mut().send_informational(hint);
    }
}

/// What is done with hints that come while a response is waited for.
#[derive(Clone, Copy)]
pub(super) struct Early<'a> {
    pub(super) hints: &'a Hints,
    /// What the service's rules change in a response.
    pub(super) changes: Option<&'a Changes>,
}

impl Early<'_> {
    /// Passes what a container says before its response, if it is hints.
    pub(super) fn take(self, status: StatusCode, mut headers: HeaderMap) {
        if status != StatusCode::EARLY_HINTS {
            return;
        }
        if let Some(changes) = self.changes {
            changes.apply(&mut headers);
        }
        self.hints.pass(headers);
    }
}
