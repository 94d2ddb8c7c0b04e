//! The requests that one connection carries.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::goodbye::Goodbye;
use super::storm::Storm;
use crate::engine::client::Client;

/// So many clients of streams that have ended are kept for those to come.
const MOST_SPARE: usize = 16;

/// What the requests of one connection share.
pub(super) struct Streams {
    /// The client of the connection.
    client: Rc<Client>,
    goodbye: Rc<Goodbye>,
    most: usize,
    under_way: Cell<usize>,
    spare: RefCell<Vec<Rc<Client>>>,
    storm: RefCell<Storm>,
    stormy: Cell<bool>,
    /// Of who carries the connection, to be told of a place that has become free, or of a storm.
    waiting: Cell<Option<Waker>>,
}

impl Streams {
    /// Those of a connection that carries at `most` so many at a time.
    pub(super) fn new(client: Rc<Client>, goodbye: Rc<Goodbye>, most: usize) -> Rc<Self> {
        Rc::new(Self {
            client,
            goodbye,
            most,
            under_way: Cell::new(0),
            spare: RefCell::default(),
            storm: RefCell::default(),
            stormy: Cell::new(false),
            waiting: Cell::new(None),
        })
    }

    /// Whether requests are under way.
    pub(super) fn any(&self) -> bool {
        self.under_way.get() > 0
    }

    /// Ready when another request can be taken. One whose client has taken it back has its place until
    /// all is let go of that it had.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let same = self.waiting.take().filter(|waiting| waiting.will_wake(cx.waker()));
        self.waiting.set(Some(same.unwrap_or_else(|| cx.waker().clone())));
        if self.under_way.get() < self.most { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether it has been found that the client takes back most of what it asks for. Says so once.
    pub(super) fn takes_storm(&self) -> bool {
        self.stormy.take()
    }

    /// Notes that a request has ended, perhaps because it was taken back.
    pub(super) fn ended(&self, taken_back: bool) {
        if self.storm.borrow_mut().is_one(taken_back) {
            self.stormy.set(true);
        }
    }

    /// A place for one more request, whose client is this.
    fn place(&self) -> Rc<Client> {
        if self.under_way.replace(self.under_way.get() + 1) == 0 {
            self.client.begin();
        }
        match self.spare.borrow_mut().pop() {
            Some(client) => {
                client.is_reused();
                client
            }
            None => self.client.of_stream(self.goodbye.clone()),
        }
    }

    fn give_back(&self, client: Option<Rc<Client>>) {
        let left = self.under_way.get() - 1;
        self.under_way.set(left);
        if left == 0 {
            self.client.idle();
        }
        let mut spare = self.spare.borrow_mut();
        // Who else knows of it may still note something.
        if let Some(client) = client.filter(|client| Rc::strong_count(client) == 1)
            && spare.len() < MOST_SPARE
        {
            spare.push(client);
        }
        drop(spare);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Has a request carried by a task of its own, among those that the thread knows of.
    pub(super) fn carry<F>(self: &Rc<Self>, carry: impl FnOnce(Rc<Client>) -> F)
    where
        F: Future<Output = ()> + 'static,
    {
        let client = self.place();
        // It is under way from now on, not only when its task begins.
        client.begin();
        let mut clients = self.client.worker.clients.borrow_mut();
        let entry = clients.vacant_entry();
        let seat = Seat { streams: self.clone(), key: entry.key() };
        let carried = carry(client.clone());
        let task = tokio::task::spawn_local(async move {
            let _seat = seat;
            carried.await;
        });
        entry.insert((client, task.abort_handle()));
    }
}

/// A request's place, given back at its end.
struct Seat {
    streams: Rc<Streams>,
    key: usize,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let worker = &self.streams.client.worker;
        let entry = worker.clients.borrow_mut().try_remove(self.key);
        self.streams.give_back(entry.map(|(client, _)| client));
        worker.ended.notify_one();
    }
}
