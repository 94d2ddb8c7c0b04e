//! How requests come into the access log: a thread's part of it, and a connection's.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Body;
use tokio::sync::Notify;

use super::body::ResponseBody;
use super::client::Client;
use crate::access::{Batch, Draft, End, Log, Passed, Traffic};
use crate::compiled::Found;

/// For how long entries wait for others of their thread.
const TOGETHER: Duration = Duration::from_millis(200);

/// So many drafts are kept for the requests to come.
const SPARE: usize = 256;

/// What one thread has for the log.
pub(super) struct Access {
    log: Log,
    batch: RefCell<Batch>,
    #[expect(clippy::vec_box, reason = "each goes to a connection, which has room for a pointer")]
    spare: RefCell<Vec<Box<Draft>>>,
    came: Notify,
}

impl Access {
    pub(super) fn new(log: Log) -> Self {
        Self { log, batch: RefCell::default(), spare: RefCell::default(), came: Notify::new() }
    }

    fn draft(&self) -> Box<Draft> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    fn keep(&self, draft: Box<Draft>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE {
            spare.push(draft);
        }
    }

    fn add(&self, client: &Client, draft: &Draft) {
        let mut batch = self.batch.borrow_mut();
        batch.add(draft, client.began().into_std(), client.took());
        let (first, full) = (batch.len() == 1, batch.is_full());
        drop(batch);
        if full {
            self.flush();
        } else if first {
            self.came.notify_one();
        }
    }

    /// Hands over what there is.
    pub(super) fn flush(&self) {
        let batch = self.batch.take();
        if batch.len() > 0 {
            self.log.send(batch);
        }
    }

    /// Hands over what does not fill a batch, for ever.
    pub(super) async fn flush_in_time(&self) {
        loop {
            self.came.notified().await;
            tokio::time::sleep(TOGETHER).await;
            self.flush();
        }
    }
}

/// What is logged of the request under way. Without a log, each of these is one branch.
impl Client {
    pub(super) fn log_begin<B>(&self, request: &Request<B>) {
        let Some(access) = &self.worker.access else { return };
        let mut draft = access.draft();
        draft.begin(request, self.forwarding.address());
        self.draft.replace(Some(draft));
    }

    /// Notes something.
    pub(super) fn log(&self, note: impl FnOnce(&mut Draft)) {
        if let Some(draft) = self.draft.borrow_mut().as_deref_mut() {
            note(draft);
        }
    }

    /// Notes where the request's host has led.
    pub(super) fn log_found(&self, found: &Found<'_>) {
        self.log(|draft| {
            let (site, version, traffic) = match found {
                Found::Production(site) => (site, None, Traffic::Production),
                Found::Preview(site, pool) => (site, Some(pool.version.0), Traffic::Preview),
                Found::Resting(site, version, _) | Found::NoSuchVersion(site, version) => {
                    (site, Some(version.0), Traffic::Preview)
                }
                Found::Unknown => return,
            };
            draft.is_of(site.name.as_str(), version, traffic, None);
        });
    }

    /// What counts the bytes of its bodies.
    pub(super) fn log_passed(&self) -> Option<Rc<Passed>> {
        self.draft.borrow().as_ref().map(|draft| draft.passed.clone())
    }

    /// The edge has answered it.
    pub(super) fn log_page(&self, response: &Response<ResponseBody>) {
        self.log(|draft| {
            (draft.status, draft.end) = (Some(response.status().as_u16()), End::Whole);
            if !draft.is_head() {
                draft.passed.sent.set(response.body().size_hint().lower());
            }
        });
        self.log_end();
    }

    /// It has ended.
    pub(super) fn log_end(&self) {
        let Some(draft) = self.draft.take() else { return };
        let Some(access) = &self.worker.access else { return };
        // What is nobody's is nobody's business: scanners, mostly.
        if draft.has_service() {
            access.add(self, &draft);
        }
        access.keep(draft);
    }
}
