//! One request, from its head to the head of its response.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, ready};
use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::attempts::Attempts;
use super::body::{Relay, ResponseBody};
use super::client::Client;
use super::outgoing::Outgoing;
use super::page::Page;
use super::ticket::Ticket;
use super::trial;
use super::tunnel::Tunnel;
use super::upstream::{Conn, Head, Upload};
use crate::compiled::{Found, HostBuffer, Site, Way};
use crate::hold::Waiting;

/// Answers one request. What can be done at once is done before the future is made, and the future
/// works where its parts are: it is moved into its place for every request, so its size counts.
pub(super) fn handle(
    client: Rc<Client>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> {
    client.begin();
    let accept = request.headers().get(header::ACCEPT).cloned();
    let found = client.worker.gate().within(|| Target::find(&client, &request));
    let begun = match found {
        Ok((target, host)) => begin(target, &host, &client, request),
        Err(Detour::Page(page)) => Err(page),
        Err(Detour::Held(waiting)) => {
            let later = Box::pin(answer_later(waiting, client, request, accept));
            return Either::Right(Either::Right(later));
        }
    };
    match begun {
        Ok(attempts) => Either::Left(answer(attempts, client, accept)),
        Err(page) => Either::Right(Either::Left(ready(Ok(client.page(page, accept.as_ref()))))),
    }
}

/// Answers a request whose service is held, when it is not any more. Until then no version has it.
async fn answer_later(
    mut waiting: Waiting,
    client: Rc<Client>,
    request: Request<Incoming>,
    accept: Option<HeaderValue>,
) -> Result<Response<ResponseBody>, Infallible> {
    let begun = loop {
        waiting.over().await;
        match client.worker.gate().within(|| Target::find(&client, &request)) {
            Ok((target, host)) => break begin(target, &host, &client, request),
            Err(Detour::Page(page)) => break Err(page),
            Err(Detour::Held(again)) => waiting = again,
        }
    };
    drop(waiting);
    match begun {
        Ok(attempts) => answer(attempts, client, accept).await,
        Err(page) => Ok(client.page(page, accept.as_ref())),
    }
}

/// Why a request does not go to a container now.
enum Detour {
    /// It is answered here.
    Page(Page),
    /// Its service is held.
    Held(Waiting),
}

impl From<Page> for Detour {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

/// Makes the client's request the container's.
fn begin(
    target: Target,
    host: &HeaderValue,
    client: &Client,
    request: Request<Incoming>,
) -> Result<Attempts, Page> {
    let mut head = client.take_head();
    let written = Outgoing::write(&mut head, &request, host, &client.forwarding);
    let outgoing = written.inspect_err(|page| target.ticket.answered(page.status()))?;
    let (parts, incoming) = request.into_parts();
    let body = Upload::of(incoming, outgoing.length, outgoing.expects_continue);
    let mut headers = parts.headers;
    headers.clear();
    Ok(Attempts { target, request: outgoing, head, body, headers })
}

/// Sends it and makes the container's response the client's.
#[expect(clippy::manual_async_fn, reason = "an async fn would hold its arguments twice")]
fn answer(
    mut attempts: Attempts,
    client: Rc<Client>,
    accept: Option<HeaderValue>,
) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> {
    async move {
        let attempted = attempts.run(&client).await;
        client.keep_head(attempts.head);
        let target = attempts.target;
        let answered = match attempted {
            Ok((conn, head)) => respond(target, &client, conn, head, attempts.request.upgrade),
            Err(page) => {
                target.ticket.answered(page.status());
                Err(page)
            }
        };
        Ok(answered.unwrap_or_else(|page| client.page(page, accept.as_ref())))
    }
}

/// Where a request goes.
pub(super) struct Target {
    pub(super) ticket: Ticket,
    /// The cookie that the response sets.
    cookie: Option<Arc<HeaderValue>>,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
}

impl Target {
    /// Looks the route up by the request's host and counts the request to its version, within the
    /// thread's gate.
    fn find(
        client: &Rc<Client>,
        request: &Request<Incoming>,
    ) -> Result<(Self, HeaderValue), Detour> {
        if request.method() == Method::CONNECT {
            let text = "The edge opens no tunnels for CONNECT.";
            return Err(Page::new(StatusCode::METHOD_NOT_ALLOWED, text).into());
        }
        if !is_whole(request) {
            let text = "A request's target begins with '/', or is a whole URI.";
            return Err(Page::new(StatusCode::BAD_REQUEST, text).into());
        }
        let host = host_of(request)?;
        let mut buffer = HostBuffer::new();
        let name = buffer.read(host.as_bytes()).ok_or_else(bad_host)?;
        let table = client.worker.common.table.load();
        let (site, way) = match table.find(name) {
            Found::Production(site) => {
                if let Some(page) = trial::followed(request, site) {
                    return Err(page.into());
                }
                if let Some(hold) = table.hold(site) {
                    return Err(Detour::Held(hold.keep()));
                }
                let way = site.way(request.headers(), &mut *client.worker.rng.borrow_mut());
                (site, way.ok_or_else(|| nothing_live(site))?)
            }
            Found::Preview(site, pool) => (site, Way { pool, live: false, cookie: None }),
            Found::NoSuchVersion(site, version) => {
                let text = format!("Service {} has no running environment {version}.", site.name);
                return Err(Page::new(StatusCode::NOT_FOUND, text).into());
            }
            Found::Unknown => {
                let text = format!("No service is known by the hostname {name}.");
                return Err(Page::new(StatusCode::NOT_FOUND, text).into());
            }
        };
        let pool = client.worker.pool(way.pool);
        let target = Self {
            ticket: Ticket::new(client.clone(), pool, way.live),
            cookie: way.cookie.cloned(),
            connect_timeout: site.traffic.connect_timeout.duration(),
            response_timeout: site.traffic.response_timeout.duration(),
        };
        Ok((target, host))
    }
}

fn respond(
    Target { mut ticket, cookie, .. }: Target,
    client: &Client,
    conn: Box<Conn>,
    head: Head,
    upgrade: bool,
) -> Result<Response<ResponseBody>, Page> {
    let switched = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if switched && !upgrade {
        ticket.failed();
        ticket.answered(StatusCode::BAD_GATEWAY);
        let text = "The container switched to another protocol without being asked to.";
        return Err(Page::new(StatusCode::BAD_GATEWAY, text));
    }
    ticket.answered(head.status);
    let body = if switched {
        ticket.upgrade();
        let is_websocket = speaks_websocket(&head.headers);
        client.becomes(Tunnel { conn, ticket, is_websocket });
        ResponseBody::Empty
    } else {
        Relay::body(head.framing, &head.headers, conn, ticket)
    };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, HeaderValue::clone(&cookie));
    }
    if let Some(reason) = head.reason {
        response.extensions_mut().insert(reason);
    }
    if !switched {
        client.close_if_stopping(&mut response);
    }
    Ok(response)
}

fn speaks_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether a request's target has the form that its method takes (RFC 9112 §3.2): a path, a whole URI,
/// or `*` with OPTIONS. What a name alone would be is left to CONNECT.
fn is_whole(request: &Request<Incoming>) -> bool {
    let uri = request.uri();
    if uri.scheme().is_some() {
        return true;
    }
    let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
    let is_path = path.starts_with('/') || (path == "*" && request.method() == Method::OPTIONS);
    is_path && uri.authority().is_none()
}

/// The host that a request is for: its one Host field, or the authority of its target when that is a
/// whole URI (RFC 9112 §3.2).
fn host_of(request: &Request<Incoming>) -> Result<HeaderValue, Page> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(bad_host()) };
    match request.uri().authority() {
        None => Ok(host.clone()),
        Some(authority) => HeaderValue::from_str(authority.as_str()).map_err(|_| bad_host()),
    }
}

fn bad_host() -> Page {
    let text = "A request needs one Host header, with the name of a host in it.";
    Page::new(StatusCode::BAD_REQUEST, text)
}

fn nothing_live(site: &Site) -> Page {
    let text = format!("Service {} has no live version. Deploy one.", site.name);
    Page::new(StatusCode::SERVICE_UNAVAILABLE, text)
}
