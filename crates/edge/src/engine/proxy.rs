//! One request, from its head to the head of its response.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, ready};
use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use launcher_model::Span;

use super::assets;
use super::attempts::Attempts;
use super::body::{Passing, Relay, ResponseBody};
use super::body_limit::BodyLimit;
use super::client::Client;
use super::closed;
use super::compress::Compress;
use super::elsewhere::{self, ByPath};
use super::events::Events;
use super::hints::Early;
use super::line::Line;
use super::login;
use super::outgoing::{Outgoing, Seen};
use super::page::Page;
use super::request_body::RequestBody;
use super::secure;
use super::silence::Silence;
use super::ticket::{Side, Ticket};
use super::trial;
use super::tunnel::Tunnel;
use super::upstream::{Head, Upload};
use super::waking::{self, Waking};
use crate::compiled::{Attempt, Fields, Found, HostBuffer, Site, Way};
use crate::hold::Waiting;

/// Answers one request. What can be done at once is done before the future is made, and the future
/// works where its parts are: it is moved into its place for every request, so its size counts.
pub(super) fn handle(
    client: Rc<Client>,
    request: Request<RequestBody>,
) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> {
    client.begin();
    client.log_begin(&request);
    let accept = request.headers().get(header::ACCEPT).cloned();
    let found = client.worker.gate().within(|| Target::find(&client, &request));
    let begun = match found {
        Ok((target, seen)) => begin(target, &seen, &client, request),
        Err(Detour::Page(page)) => Err(page),
        Err(Detour::Later(until)) => {
            let later = Box::pin(answer_later(until, client, request, accept));
            return Either::Right(Either::Right(later));
        }
    };
    match begun {
        Ok(attempts) => Either::Left(answer(attempts, client, accept)),
        Err(page) => Either::Right(Either::Left(ready(Ok(client.page(page, accept.as_ref()))))),
    }
}

/// Answers a request that has to wait for something first. Until then no version has it.
async fn answer_later(
    mut until: Later,
    client: Rc<Client>,
    request: Request<RequestBody>,
    accept: Option<HeaderValue>,
) -> Result<Response<ResponseBody>, Infallible> {
    let begun = loop {
        let waited = match until.over(&client).await {
            Ok(waited) => waited,
            Err(page) => break Err(page),
        };
        match client.worker.gate().within(|| Target::find(&client, &request)) {
            Ok((target, seen)) => break begin(target, &seen, &client, request),
            Err(Detour::Page(page)) => break Err(page),
            Err(Detour::Later(again)) => until = again,
        }
        drop(waited);
    };
    match begun {
        Ok(attempts) => {
            client.log(|draft| draft.queued = client.took());
            answer(attempts, client, accept).await
        }
        Err(page) => Ok(client.page(page, accept.as_ref())),
    }
}

/// Why a request does not go to a container now.
pub(super) enum Detour {
    /// It is answered here.
    Page(Page),
    /// Something has to come first.
    Later(Later),
}

/// What a request waits for.
pub(super) enum Later {
    /// Its service is held.
    Held(Waiting),
    /// Whether who wants to see a preview may.
    Login(Attempt),
    /// An environment that is asleep.
    Waking(Waking),
}

impl Later {
    /// Waits until the request may be looked at again, or is answered. A hold measures how long it had
    /// it wait by what is returned.
    async fn over(self, client: &Client) -> Result<Option<Waiting>, Page> {
        match self {
            Self::Held(waiting) => {
                waiting.over().await;
                Ok(Some(waiting))
            }
            Self::Login(attempt) => login::find_out(attempt).await.map(|()| None),
            Self::Waking(waking) => waking.over(&client.worker.common).await.map(|()| None),
        }
    }
}

impl From<Page> for Detour {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

/// Makes the client's request the container's.
fn begin(
    target: Target,
    seen: &Seen,
    client: &Client,
    mut request: Request<RequestBody>,
) -> Result<Attempts, Page> {
    if target.logged_in {
        request.headers_mut().remove(header::AUTHORIZATION);
    }
    let mut head = client.worker.heads.take();
    let fields = target.fields.as_ref().map(|fields| &fields.request);
    let written = Outgoing::write(&mut head, &request, seen, fields, &client.forwarding);
    let written = written.and_then(|outgoing| target.body.take(outgoing));
    let outgoing = written.inspect_err(|page| target.ticket.refused(page.status()))?;
    let (parts, incoming) = request.into_parts();
    let most = target.body.most();
    let meter = target.ticket.meter(Side::Container);
    let (length, held) = (outgoing.length, outgoing.expects_continue);
    let body = Upload::of(incoming, meter, length, held, most, target.fields.clone());
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
        let attempted = match attempts.run(&client).await {
            Ok(missing)
                if missing.1.status == StatusCode::NOT_FOUND && attempts.target.has_assets =>
            {
                // Boxed, because it is seldom awaited and would make every request's future larger.
                Ok(Box::pin(assets::look_elsewhere(&mut attempts, &client, missing)).await)
            }
            attempted => attempted,
        };
        client.worker.heads.keep_room(attempts.head);
        let target = attempts.target;
        let answered = match attempted {
            Ok((line, head)) => respond(target, &client, line, head, attempts.request.upgrade),
            Err(page) => {
                target.ticket.refused(page.status());
                drop(target);
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
    /// What is done to the fields of the request and of the response.
    fields: Option<Arc<Fields>>,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    silence_timeout: Option<Duration>,
    pub(super) body: BodyLimit,
    /// How its response may be compressed.
    compress: Option<Compress>,
    /// What it answers 404 for may be a file that another version has.
    has_assets: bool,
    /// The Authorization field was for the edge, and is not the container's.
    logged_in: bool,
}

impl Target {
    /// What is done with hints that come before the response.
    pub(super) fn early<'a>(&'a self, client: &'a Client) -> Early<'a> {
        let changes = self.fields.as_ref().map(|fields| &fields.response);
        Early { hints: &client.hints, changes }
    }

    /// Looks the route up by the request's host and counts the request to its version, within the
    /// thread's gate.
    fn find(client: &Rc<Client>, request: &Request<RequestBody>) -> Result<(Self, Seen), Detour> {
        if request.method() == Method::CONNECT {
            let text = "The edge opens no tunnels for CONNECT.";
            return Err(Page::new(StatusCode::METHOD_NOT_ALLOWED, text).into());
        }
        if !is_whole(request) {
            let text = "A request's target begins with '/', or is a whole URI.";
            return Err(Page::new(StatusCode::BAD_REQUEST, text).into());
        }
        if let Some(page) = secure::challenge(client, request) {
            return Err(page.into());
        }
        let host = host_of(request)?;
        let mut buffer = HostBuffer::new();
        let name = buffer.read(host.as_bytes()).ok_or_else(bad_host)?;
        let table = client.worker.common.table.load();
        let found = table.find(name);
        client.log_found(&found);
        client.remembers(secure::to_remember(client, &found));
        if let Found::Production(site) = &found
            && let Some(page) = secure::redirect(client, site, name, request)
        {
            return Err(page.into());
        }
        let logged_in = match &found {
            Found::Preview(site, _) | Found::Resting(site, ..) | Found::NoSuchVersion(site, _) => {
                login::asked(request.headers(), site)?
            }
            Found::Production(_) | Found::Unknown => false,
        };
        if let Found::Preview(site, pool) = &found {
            waking::looked(&client.worker.common, site, pool);
        }
        let (found, by_path) = elsewhere::follow(found, &table, name, request)?;
        if by_path.is_some() {
            client.remembers(secure::to_remember(client, &found));
        }
        let (site, way) = match found {
            Found::Production(site) => {
                if let Some(page) = trial::followed(request, site) {
                    return Err(page.into());
                }
                if let Some(page) = closed::answer(site, request.headers()) {
                    return Err(page.into());
                }
                if let Some(hold) = table.hold(site) {
                    return Err(Detour::Later(Later::Held(hold.keep())));
                }
                let way = site.way(request.headers(), &mut *client.worker.rng.borrow_mut());
                (site, way.ok_or_else(|| nothing_live(site, by_path.as_ref()))?)
            }
            Found::Preview(site, pool) => (site, Way { pool, live: false, cookie: None }),
            Found::Resting(site, version, rest) => {
                let waking = Waking::of(site, version, rest, request)?;
                return Err(Detour::Later(Later::Waking(waking)));
            }
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
        // Who only tries a version shall see what it does not have.
        let has_assets = way.live && site.assets.is_some();
        let target = Self {
            ticket: Ticket::new(client.clone(), pool, way.live),
            cookie: way.cookie.cloned(),
            fields: site.fields.clone(),
            connect_timeout: site.traffic.connect_timeout.duration(),
            response_timeout: site.traffic.response_timeout.duration(),
            silence_timeout: site.traffic.silence_timeout.map(Span::duration),
            body: BodyLimit::of(&site.traffic),
            compress: Compress::of(site, request.method(), request.headers()),
            has_assets,
            logged_in,
        };
        Ok((target, Seen { host, stripped: by_path.and_then(ByPath::stripped) }))
    }
}

fn respond(
    Target { mut ticket, cookie, fields, silence_timeout, compress, .. }: Target,
    client: &Client,
    line: Line,
    mut head: Head,
    upgrade: bool,
) -> Result<Response<ResponseBody>, Page> {
    let switched = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if switched && !upgrade {
        ticket.failed();
        ticket.refused(StatusCode::BAD_GATEWAY);
        let text = "The container switched to another protocol without being asked to.";
        return Err(Page::new(StatusCode::BAD_GATEWAY, text));
    }
    ticket.answered(head.status);
    let body = match line {
        Line::Http1(conn) if switched => {
            ticket.upgrade();
            let is_websocket = speaks_websocket(&head.headers);
            client.becomes(Tunnel { conn, ticket, is_websocket });
            ResponseBody::Empty
        }
        line => {
            let silence = Silence::of(silence_timeout, &head.headers);
            // By the fields of the container, of which compressing changes some.
            let events = Events::of_body(head.framing, &head.headers);
            let coder = compress.and_then(|compress| compress.begin(&mut head));
            Relay::body(head.framing, line, ticket, Passing { silence, events, coder })
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    if let Some(fields) = fields {
        fields.response.apply(response.headers_mut());
    }
    client.tell_to_remember(response.headers_mut());
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, HeaderValue::clone(&cookie));
    }
    if let Some(reason) = head.reason {
        response.extensions_mut().insert(reason);
    }
    if !switched {
        client.says_goodbye_if_leaving();
    }
    Ok(response)
}

fn speaks_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether a request's target has the form that its method takes (RFC 9112 §3.2): a path, a whole URI,
/// or `*` with OPTIONS. What a name alone would be is left to CONNECT.
fn is_whole(request: &Request<RequestBody>) -> bool {
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
fn host_of(request: &Request<RequestBody>) -> Result<HeaderValue, Page> {
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

fn nothing_live(site: &Site, by_path: Option<&ByPath<'_>>) -> Page {
    if let Some(by_path) = by_path {
        return by_path.leads_nowhere("which has no live version; deploy one");
    }
    let text = format!("Service {} has no live version. Deploy one.", site.name);
    Page::new(StatusCode::SERVICE_UNAVAILABLE, text)
}
