//! Early hints (RFC 8297): what a container says of a response before it has it, passed on to the client.

use std::cell::{Cell, RefCell};
use std::rc::Weak;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, Response, StatusCode};

use super::http1::Wire;
use super::http2::fields;
use crate::compiled::Changes;

/// So many are passed on of one request; they wait for a client that takes none, without a bound of their own.
const MOST: u8 = 8;

/// Where hints go.
#[derive(Default)]
pub(super) enum To {
    /// The request has been answered, or its client takes none.
    #[default]
    Nowhere,
    Http1(Weak<Wire>),
    Http2(Weak<RefCell<SendResponse<Bytes>>>),
}

/// Those of the request under way.
#[derive(Default)]
pub(super) struct Hints {
    to: Cell<To>,
    passed: Cell<u8>,
}

impl Hints {
    /// Has those of the request that begins go there.
    pub(super) fn go_to(&self, to: To) {
        self.to.set(to);
        self.passed.set(0);
    }

    fn pass(&self, mut headers: HeaderMap) {
        if self.passed.get() == MOST {
            return;
        }
        self.passed.set(self.passed.get() + 1);
        fields::clean_trailers(&mut headers);
        let to = self.to.take();
        match &to {
            To::Nowhere => {}
            To::Http1(wire) => {
                if let Some(wire) = wire.upgrade() {
                    wire.hints(&headers);
                }
            }
            To::Http2(respond) => {
                if let Some(respond) = respond.upgrade() {
                    let mut hint = Response::new(());
                    *hint.status_mut() = StatusCode::EARLY_HINTS;
                    *hint.headers_mut() = headers;
                    // A client that is gone by now is noticed elsewhere.
                    let _ = respond.borrow_mut().send_informational(hint);
                }
            }
        }
        self.to.set(to);
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
