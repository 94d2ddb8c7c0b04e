//! How a request comes to a container: the choice of one, the connection, and the second attempt.

use std::io;
use std::rc::Rc;

use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};

use super::body::RequestBody;
use super::client::Client;
use super::page::Page;
use super::pool::Endpoint;
use super::proxy::Target;
use super::upstream::{Conn, Lost};

/// A request that is not repeatable goes over a connection that was used within this time, in
/// milliseconds: a container that closes unused connections may be closing an older one this moment.
const WARM_MS: u64 = 1_000;

/// Why one attempt has brought no response.
enum Failed {
    /// A connection of the pool was closed before the request went out.
    Stale(Box<Request<RequestBody>>),
    /// No connection could be made; the request has not gone out.
    Unreachable(io::Error, Box<Request<RequestBody>>),
    /// The container broke off.
    Broke(hyper::Error),
    Late,
    ClientLate,
}

/// Sends a request to a container of the target's version, and to a second one when the first cannot be
/// reached, or breaks off before it answers a request that may be sent `again`.
pub(super) async fn attempt(
    target: &mut Target,
    client: &Client,
    mut request: Request<RequestBody>,
    mut again: Option<Again>,
) -> Result<(Box<Conn>, Response<Incoming>), Page> {
    let mut failed: Option<Rc<Endpoint>> = None;
    let mut oldest =
        if again.is_some() { Some(0) } else { Some(client.worker.now().saturating_sub(WARM_MS)) };
    loop {
        let endpoint = choose(target, client, failed.as_ref())?;
        match once(target, client, &endpoint, request, oldest).await {
            Ok(answer) => return Ok(answer),
            Err(Failed::Stale(back)) => {
                // Nothing has failed but a connection that nobody used.
                request = *back;
                oldest = None;
                continue;
            }
            Err(Failed::Unreachable(error, back)) => {
                endpoint.avoid(client.worker.now());
                if failed.is_some() {
                    return Err(unreachable(target, &endpoint, &error));
                }
                request = *back;
            }
            Err(Failed::Broke(error)) => match again.take() {
                Some(again) if failed.is_none() && !error.is_parse() => {
                    request = again.request(client);
                }
                _ => return Err(broke(target, &endpoint, &error)),
            },
            Err(Failed::Late) => return Err(late(target, &endpoint)),
            Err(Failed::ClientLate) => {
                let text = "The rest of the request did not come in time.";
                return Err(Page::new(StatusCode::REQUEST_TIMEOUT, text));
            }
        }
        target.ticket.retried();
        failed = Some(endpoint);
        oldest = None;
    }
}

fn choose(
    target: &mut Target,
    client: &Client,
    failed: Option<&Rc<Endpoint>>,
) -> Result<Rc<Endpoint>, Page> {
    let mut rng = client.worker.rng.borrow_mut();
    let picked = target.ticket.pool().pick(&mut *rng, failed, client.worker.now());
    let Some(endpoint) = picked else {
        let text = format!("At present {} has no healthy container.", target.ticket.pool().name());
        return Err(Page::new(StatusCode::SERVICE_UNAVAILABLE, text));
    };
    target.ticket.assign(endpoint.clone());
    Ok(endpoint)
}

/// One attempt at one container, over a connection that was last used at `oldest` or later, or else
/// over a new one.
async fn once(
    target: &Target,
    client: &Client,
    endpoint: &Endpoint,
    request: Request<RequestBody>,
    oldest: Option<u64>,
) -> Result<(Box<Conn>, Response<Incoming>), Failed> {
    let pooled = oldest.and_then(|oldest| endpoint.take(oldest));
    let was_pooled = pooled.is_some();
    let mut conn = match pooled {
        Some(conn) => conn,
        None => match Conn::open(endpoint.address(), target.connect_timeout).await {
            Ok(conn) => conn,
            Err(error) => return Err(Failed::Unreachable(error, Box::new(request))),
        },
    };
    let mut timer = client.take_timer();
    let exchanged = conn.exchange(request, target.response_timeout, timer.as_mut()).await;
    client.keep_timer(timer);
    match exchanged {
        Ok(response) => {
            client.copy.borrow_mut().clear();
            Ok((conn, response))
        }
        Err(Lost::Unsent(request)) if was_pooled => Err(Failed::Stale(request)),
        Err(Lost::Unsent(request)) => {
            Err(Failed::Unreachable(io::ErrorKind::ConnectionReset.into(), request))
        }
        Err(Lost::Broken(error)) => Err(Failed::Broke(error)),
        Err(Lost::Late) => Err(Failed::Late),
        Err(Lost::ClientLate) => Err(Failed::ClientLate),
    }
}

/// What it takes to send a request once more. Its headers are in the client's
/// [`copy`](Client::copy), which is kept from request to request so that copying allocates nothing.
pub(super) struct Again {
    method: Method,
    uri: Uri,
}

impl Again {
    /// Copies a request that may be sent twice: one without a body, of a method that is idempotent
    /// (RFC 9110 §9.2.2).
    pub(super) fn of(request: &Request<RequestBody>, client: &Client) -> Option<Self> {
        let idempotent = matches!(
            *request.method(),
            Method::GET
                | Method::HEAD
                | Method::OPTIONS
                | Method::TRACE
                | Method::PUT
                | Method::DELETE
        );
        if !idempotent || !request.body().is_end_stream() {
            return None;
        }
        let mut copy = client.copy.borrow_mut();
        copy.clear();
        let headers = request.headers().iter();
        copy.extend(headers.map(|(name, value)| (name.clone(), value.clone())));
        Some(Self { method: request.method().clone(), uri: request.uri().clone() })
    }

    fn request(self, client: &Client) -> Request<RequestBody> {
        let copy = client.copy.borrow();
        let mut headers = HeaderMap::with_capacity(copy.len());
        for (name, value) in copy.iter() {
            headers.append(name.clone(), value.clone());
        }
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers;
        request
    }
}

fn unreachable(target: &Target, endpoint: &Endpoint, error: &io::Error) -> Page {
    target.ticket.failed();
    let text = format!("{} cannot be reached: {error}.", container(target, endpoint));
    Page::new(StatusCode::BAD_GATEWAY, text)
}

fn broke(target: &Target, endpoint: &Endpoint, error: &hyper::Error) -> Page {
    target.ticket.failed();
    let container = container(target, endpoint);
    let text = if error.is_parse() {
        format!("{container} answered with something that is not HTTP: {error}.")
    } else {
        format!("{container} closed the connection before it answered.")
    };
    Page::new(StatusCode::BAD_GATEWAY, text)
}

fn late(target: &Target, endpoint: &Endpoint) -> Page {
    target.ticket.failed();
    let timeout = target.response_timeout;
    let text = format!("{} did not answer within {timeout:?}.", container(target, endpoint));
    Page::new(StatusCode::GATEWAY_TIMEOUT, text)
}

/// Names a container as engines list it, by the first twelve digits of its id.
fn container(target: &Target, endpoint: &Endpoint) -> String {
    let id: String = endpoint.container().chars().take(12).collect();
    format!("Container {id} of {}", target.ticket.pool().name())
}
