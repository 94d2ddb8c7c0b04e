//! Requests that have ended, together.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use http::Version;

use super::draft::{Draft, FIELDS, Field, place};
use super::private::address;
use super::{End, Entry, Options, Traffic, protocol};

/// So many are handed over at once, or as many as have so many bytes of text.
const MOST: usize = 256;
const MOST_BYTES: usize = 64 << 10;

/// Requests that have ended. Their text stands one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    text: Vec<u8>,
    ended: Vec<Ended>,
}

#[derive(Debug)]
struct Ended {
    start: usize,
    ends: [u16; FIELDS],
    began: Instant,
    took: Duration,
    queued: Duration,
    head: Option<Duration>,
    client: IpAddr,
    protocol: Version,
    has_referer: bool,
    has_agent: bool,
    version: Option<u32>,
    traffic: Traffic,
    status: Option<u16>,
    received: u64,
    sent: u64,
    again: u32,
    end: End,
}

impl Batch {
    /// Adds a request that began then and has ended now.
    pub(crate) fn add(&mut self, draft: &Draft, began: Instant, took: Duration) {
        let start = self.text.len();
        self.text.extend_from_slice(&draft.text.bytes);
        self.ended.push(Ended {
            start,
            ends: draft.text.ends,
            began,
            took,
            queued: draft.queued,
            head: draft.head.map(|head| head.saturating_duration_since(began)),
            client: draft.client,
            protocol: draft.protocol,
            has_referer: draft.has_referer,
            has_agent: draft.has_agent,
            version: draft.version,
            traffic: draft.traffic,
            status: draft.status,
            received: draft.passed.received.get(),
            sent: draft.passed.sent.get(),
            again: draft.again,
            end: draft.end,
        });
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ended.len()
    }

    /// How much room it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.ended.len() * size_of::<Ended>()
    }

    /// Whether it should not wait for more.
    pub(crate) fn is_full(&self) -> bool {
        self.ended.len() >= MOST || self.text.len() >= MOST_BYTES
    }

    /// What there is to tell of them. The time was `time` when the clock that they know said `now`.
    pub(super) fn entries(
        &self,
        options: Options,
        now: Instant,
        time: SystemTime,
    ) -> impl Iterator<Item = Entry<'_>> {
        self.ended.iter().map(move |one| one.entry(&self.text, options, now, time))
    }
}

impl Ended {
    fn entry<'t>(
        &self,
        text: &'t [u8],
        options: Options,
        now: Instant,
        time: SystemTime,
    ) -> Entry<'t> {
        let text = &text[self.start..];
        let bytes = |field| &text[place(&self.ends, field)];
        let words = |field| String::from_utf8_lossy(bytes(field));
        let ours = |field| std::str::from_utf8(bytes(field)).unwrap_or_default();
        let ago = now.saturating_duration_since(self.began);
        Entry {
            began: time.checked_sub(ago).unwrap_or(time),
            took: self.took,
            queued: self.queued,
            head: self.head,
            service: ours(Field::Service),
            version: self.version,
            container: Some(ours(Field::Container)).filter(|container| !container.is_empty()),
            traffic: self.traffic,
            client: self.client,
            method: words(Field::Method),
            host: words(Field::Host),
            path: address(words(Field::Path), options.query),
            protocol: protocol(self.protocol),
            status: self.status,
            received: self.received,
            sent: self.sent,
            again: self.again,
            referer: self.has_referer.then(|| address(words(Field::Referer), options.query)),
            agent: self.has_agent.then(|| -> Cow<'t, str> { words(Field::Agent) }),
            end: self.end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn ended(request: &Request<()>, options: Options, look: impl FnOnce(&Entry<'_>)) {
        let mut draft = Draft::default();
        // Whatever another request left is gone.
        let before = Request::get("/before?long=er").header("user-agent", "before/1.0").body(());
        draft.begin(&before.unwrap(), IpAddr::from([192, 0, 2, 1]));
        draft.is_of("other", Some(1), Traffic::Preview, Some("0123456789abcdef"));
        draft.begin(request, IpAddr::from([192, 0, 2, 7]));
        draft.is_of("shop", Some(42), Traffic::Production, Some("0123456789abcdef"));
        (draft.status, draft.end) = (Some(200), End::Whole);
        draft.passed.sent.set(1234);
        let (now, time) = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(100));
        let began = now.checked_sub(Duration::from_secs(3)).unwrap();
        let mut batch = Batch::default();
        batch.add(&draft, began, Duration::from_millis(20));
        batch.add(&draft, began, Duration::from_millis(30));
        let entries: Vec<_> = batch.entries(options, now, time).collect();
        assert_eq!((entries.len(), batch.len()), (2, 2));
        assert_eq!(entries[1].took, Duration::from_millis(30));
        look(&entries[1]);
    }

    #[test]
    fn an_entry_says_what_the_request_was() {
        let request = Request::post("/cart?item=1")
            .header("host", "Shop.test:8080")
            .header("referer", "http://shop.test/?q=shoes")
            .header("cookie", "session=secret")
            .body(())
            .unwrap();
        ended(&request, Options::default(), |entry| {
            assert_eq!(entry.began, SystemTime::UNIX_EPOCH + Duration::from_secs(97));
            assert_eq!((entry.service, entry.version), ("shop", Some(42)));
            assert_eq!(entry.container, Some("0123456789ab"));
            assert_eq!((&*entry.method, &*entry.host), ("POST", "Shop.test:8080"));
            assert_eq!((&*entry.path, entry.protocol), ("/cart?item=1", "HTTP/1.1"));
            assert_eq!(entry.referer.as_deref(), Some("http://shop.test/?q=shoes"));
            assert_eq!((entry.agent.as_deref(), entry.sent), (None, 1234));
            assert!(!format!("{entry:?}").contains("secret"));
        });
        ended(&request, Options { query: false }, |entry| {
            assert_eq!(&*entry.path, "/cart");
            assert_eq!(entry.referer.as_deref(), Some("http://shop.test/"));
        });
    }

    #[test]
    fn what_is_long_is_cut_and_what_is_no_text_is_replaced() {
        let request = Request::get(format!("/{}", "a".repeat(60_000)))
            .header("user-agent", http::HeaderValue::from_bytes(b"caf\xe9").unwrap())
            .header("referer", "r".repeat(60_000))
            .body(())
            .unwrap();
        ended(&request, Options::default(), |entry| {
            assert_eq!(entry.path.len(), 8 << 10);
            assert_eq!(entry.referer.as_ref().unwrap().len(), 2 << 10);
            assert_eq!(entry.agent.as_deref(), Some("caf\u{fffd}"));
            assert_eq!(entry.service, "shop");
        });
    }

    #[test]
    fn a_batch_is_full_by_number_or_by_length() {
        let long = Request::get(format!("/{}", "a".repeat(8000))).body(()).unwrap();
        for (request, most) in [(Request::new(()), 256), (long, 9)] {
            let mut draft = Draft::default();
            draft.begin(&request, IpAddr::from([192, 0, 2, 7]));
            let mut batch = Batch::default();
            while !batch.is_full() {
                batch.add(&draft, Instant::now(), Duration::ZERO);
            }
            assert_eq!(batch.len(), most);
        }
    }
}
