//! What is known of a request that is under way.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{self, HeaderName};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Version};

use super::{End, Traffic};

/// How much of a field is told, in bytes: what clients send must not fill anything.
const LONGEST: [usize; FIELDS] = [32, 255, 8 << 10, 2 << 10, 1 << 10, 64, 12];

/// The fields that are text, in the order in which they stand one behind the other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    Method,
    Host,
    Path,
    Referer,
    Agent,
    Service,
    Container,
}

pub(super) const FIELDS: usize = 7;

/// Bytes of one request's bodies, which may still be passing when the request has ended.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) received: Cell<u64>,
    pub(crate) sent: Cell<u64>,
}

/// All fields that are text, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    /// Where each ends. They are short enough for that.
    pub(super) ends: [u16; FIELDS],
}

impl Text {
    /// Writes a field, behind those before it; those after it are empty then.
    fn set(&mut self, field: Field, text: &[u8]) {
        let at = field as usize;
        let start = at.checked_sub(1).map_or(0, |before| usize::from(self.ends[before]));
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(&text[..text.len().min(LONGEST[at])]);
        let end = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
        self.ends[at..].fill(end);
    }
}

/// Where a field is among those that end so.
pub(super) fn place(ends: &[u16; FIELDS], field: Field) -> Range<usize> {
    let at = field as usize;
    let start = at.checked_sub(1).map_or(0, |before| usize::from(ends[before]));
    start..usize::from(ends[at])
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(super) text: Text,
    pub(super) client: IpAddr,
    pub(super) protocol: Version,
    /// Whether the client said so, if only that it is nothing.
    pub(super) has_referer: bool,
    pub(super) has_agent: bool,
    pub(super) version: Option<u32>,
    pub(super) traffic: Traffic,
    /// How long it had waited when it was sent to a container.
    pub(crate) queued: Duration,
    /// When the head of the container's response had come.
    pub(crate) head: Option<Instant>,
    pub(crate) status: Option<u16>,
    pub(crate) again: u32,
    pub(crate) end: End,
    pub(crate) passed: Rc<Passed>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            text: Text::default(),
            client: Ipv4Addr::UNSPECIFIED.into(),
            protocol: Version::HTTP_11,
            has_referer: false,
            has_agent: false,
            version: None,
            traffic: Traffic::Production,
            queued: Duration::ZERO,
            head: None,
            status: None,
            again: 0,
            end: End::Gone,
            passed: Rc::default(),
        }
    }
}

impl Draft {
    /// Begins with another request.
    pub(crate) fn begin<B>(&mut self, request: &Request<B>, client: IpAddr) {
        let (uri, headers) = (request.uri(), request.headers());
        let host = uri.authority().map(|authority| authority.as_str().as_bytes());
        let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
        self.text.set(Field::Method, request.method().as_str().as_bytes());
        self.text.set(Field::Host, host.or(value(headers, header::HOST)).unwrap_or_default());
        self.text.set(Field::Path, path.as_bytes());
        let (referer, agent) =
            (value(headers, header::REFERER), value(headers, header::USER_AGENT));
        self.text.set(Field::Referer, referer.unwrap_or_default());
        self.text.set(Field::Agent, agent.unwrap_or_default());
        (self.has_referer, self.has_agent) = (referer.is_some(), agent.is_some());
        (self.client, self.protocol) = (client, request.version());
        (self.version, self.traffic) = (None, Traffic::Production);
        (self.head, self.status, self.again, self.end) = (None, None, 0, End::Gone);
        self.queued = Duration::ZERO;
        match Rc::get_mut(&mut self.passed) {
            Some(passed) => *passed = Passed::default(),
            None => self.passed = Rc::default(),
        }
    }

    /// Notes whose it is, and where it was sent.
    pub(crate) fn is_of(
        &mut self,
        service: &str,
        version: Option<u32>,
        traffic: Traffic,
        container: Option<&str>,
    ) {
        self.text.set(Field::Service, service.as_bytes());
        self.text.set(Field::Container, container.unwrap_or_default().as_bytes());
        (self.version, self.traffic) = (version, traffic);
    }

    /// Whether it is known whose it is.
    pub(crate) fn has_service(&self) -> bool {
        !place(&self.text.ends, Field::Service).is_empty()
    }

    /// Whether it asks for a head alone.
    pub(crate) fn is_head(&self) -> bool {
        self.text.bytes.starts_with(b"HEAD") && self.text.ends[Field::Method as usize] == 4
    }
}

fn value(headers: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    headers.get(name).map(http::HeaderValue::as_bytes)
}
