//! One request, from its head to the head of its response.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::attempts::{Again, attempt};
use super::body::{Relay, RequestBody, ResponseBody};
use super::client::Client;
use super::headers;
use super::page::{Page, wants_html};
use super::ticket::Ticket;
use super::tunnel::Tunnel;
use super::upstream::Conn;
use crate::compiled::{Found, HostBuffer, Site};

/// Answers one request.
pub(super) async fn handle(
    client: Rc<Client>,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    client.begin();
    let accept = request.headers().get(header::ACCEPT).cloned();
    let answered = match Target::find(&client, &mut request) {
        Ok(target) => target.forward(&client, request).await,
        Err(page) => Err(page),
    };
    let mut response = answered.unwrap_or_else(|page| {
        client.idle();
        page.respond(accept.as_ref().is_some_and(wants_html))
    });
    if client.worker.is_closing() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Where a request goes.
pub(super) struct Target {
    pub(super) ticket: Ticket,
    host: HeaderValue,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
}

impl Target {
    /// Looks the route up and counts the request to its version. No pause comes between the two.
    fn find(client: &Rc<Client>, request: &mut Request<Incoming>) -> Result<Self, Page> {
        if request.method() == Method::CONNECT {
            let text = "The edge opens no tunnels for CONNECT.";
            return Err(Page::new(StatusCode::METHOD_NOT_ALLOWED, text));
        }
        let host = host_of(request)?;
        let mut buffer = HostBuffer::new();
        let name = buffer.read(host.as_bytes()).ok_or_else(bad_host)?;
        let table = client.worker.table.load();
        let (site, pool, live) = match table.find(name) {
            Found::Production(site) => {
                let chosen = site.choose(&mut *client.worker.rng.borrow_mut());
                (site, chosen.ok_or_else(|| nothing_live(site))?, true)
            }
            Found::Preview(site, pool) => (site, pool, false),
            Found::NoSuchVersion(site, version) => {
                let text = format!("Service {} has no running environment {version}.", site.name);
                return Err(Page::new(StatusCode::NOT_FOUND, text));
            }
            Found::Unknown => {
                let text = format!("No service is known by the hostname {name}.");
                return Err(Page::new(StatusCode::NOT_FOUND, text));
            }
        };
        let pool = client.worker.pool(pool);
        Ok(Self {
            ticket: Ticket::new(client.clone(), pool, live),
            host,
            connect_timeout: site.traffic.connect_timeout.duration(),
            response_timeout: site.traffic.response_timeout.duration(),
        })
    }

    /// Sends the request to a container and makes its response one for the client.
    async fn forward(
        mut self,
        client: &Client,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Page> {
        let (mut parts, incoming) = request.into_parts();
        let wanted = headers::to_container(&mut parts.headers, &self.host, &client.forwarding);
        let upgrade = wanted.inspect_err(|page| self.ticket.answered(page.status()))?;
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        let body = RequestBody::new(incoming, &parts.headers);
        let request = Request::from_parts(parts, body);
        let again = if upgrade { None } else { Again::of(&request, client) };
        match attempt(&mut self, client, request, again).await {
            Ok((conn, response)) => self.respond(client, conn, response, upgrade),
            Err(page) => {
                self.ticket.answered(page.status());
                Err(page)
            }
        }
    }

    fn respond(
        mut self,
        client: &Client,
        conn: Box<Conn>,
        response: Response<Incoming>,
        upgrade: bool,
    ) -> Result<Response<ResponseBody>, Page> {
        let (mut parts, incoming) = response.into_parts();
        let switched = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        if switched && !upgrade {
            self.ticket.failed();
            self.ticket.answered(StatusCode::BAD_GATEWAY);
            let text = "The container switched to another protocol without being asked to.";
            return Err(Page::new(StatusCode::BAD_GATEWAY, text));
        }
        self.ticket.answered(parts.status);
        parts.version = Version::HTTP_11;
        headers::to_client(&mut parts.headers, switched);
        let body = if switched {
            self.ticket.upgrade();
            client.becomes(Tunnel { conn, ticket: self.ticket });
            ResponseBody::Empty
        } else {
            Relay::body(incoming, conn, self.ticket)
        };
        Ok(Response::from_parts(parts, body))
    }
}

/// The host that a request is for: its one Host field, or the authority of its target when that is a
/// whole URI, which then is made the request's Host (RFC 9112 §3.2).
fn host_of(request: &mut Request<Incoming>) -> Result<HeaderValue, Page> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(bad_host()) };
    let Some(authority) = request.uri().authority() else { return Ok(host.clone()) };
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| bad_host())?;
    let path = request.uri().path_and_query().cloned();
    request.headers_mut().insert(header::HOST, host.clone());
    *request.uri_mut() = path.map(Into::into).unwrap_or_default();
    Ok(host)
}

fn bad_host() -> Page {
    let text = "A request needs one Host header, with the name of a host in it.";
    Page::new(StatusCode::BAD_REQUEST, text)
}

fn nothing_live(site: &Site) -> Page {
    let text = format!("Service {} has no live version. Deploy one.", site.name);
    Page::new(StatusCode::SERVICE_UNAVAILABLE, text)
}
