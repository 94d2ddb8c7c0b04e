//! Which request gets which answer.

use std::io::Write;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::mpsc;

use crate::body::Body;
use crate::page::Page;
use crate::stopping::Stopping;
use crate::{Broken, Options, websocket};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
const X_VERSION: HeaderName = HeaderName::from_static("x-version");
const X_CONTAINER: HeaderName = HeaderName::from_static("x-container");

/// One running instance, shared by all its connections.
pub(crate) struct App {
    version: Bytes,
    version_header: HeaderValue,
    container_header: HeaderValue,
    page: Page,
    started: Instant,
    start_delay: Duration,
    broken: Option<Broken>,
    healthy: AtomicBool,
    requests: AtomicU64,
    exit: mpsc::UnboundedSender<u8>,
}

impl App {
    /// `exit` is told the status when a request asks the process to exit.
    pub(crate) fn new(options: &Options, exit: mpsc::UnboundedSender<u8>) -> Self {
        let header = |text: &str| {
            HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unprintable"))
        };
        let hostname = hostname();
        Self {
            version: Bytes::from(options.version.clone()),
            version_header: header(&options.version),
            container_header: header(&hostname),
            page: Page::new(&options.version, &hostname),
            started: Instant::now(),
            start_delay: options.start_delay,
            broken: options.broken,
            healthy: AtomicBool::new(options.broken != Some(Broken::Unhealthy)),
            requests: AtomicU64::new(0),
            exit,
        }
    }

    /// Whatever the request, there is an answer, unless the application hangs. What lasts, such as a
    /// WebSocket, comes to its end when `stopping` says so.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        stopping: &Stopping,
    ) -> Response<Body> {
        let count = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if self.broken == Some(Broken::Hang) {
            std::future::pending::<()>().await;
        }
        let mut response = match self.route(request, count, stopping).await {
            Ok(response) => response,
            Err(NotANumber(name)) => text(
                StatusCode::BAD_REQUEST,
                format!("{name} must be a number, and not too large a one\n"),
            ),
        };
        let headers = response.headers_mut();
        headers.insert(X_VERSION, self.version_header.clone());
        headers.insert(X_CONTAINER, self.container_header.clone());
        response
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        count: u64,
        stopping: &Stopping,
    ) -> Result<Response<Body>, NotANumber> {
        let path = request.uri().path();
        let expected = match path {
            "/echo" | "/health/fail" | "/health/pass" => Method::POST,
            _ => Method::GET,
        };
        if *request.method() != expected && !is_head_for(&expected, request.method()) {
            return Ok(method_not_allowed(&expected));
        }
        Ok(match path {
            "/" => reply(HTML, Body::Whole(self.page.render(count).into())),
            "/version" => self.version(),
            "/healthz" => self.health(),
            "/bytes" => reply(OCTETS, Body::Filling(number(&request, "n", 64 << 10)?)),
            "/slow" => self.slow(number(&request, "ms", 500)?).await,
            "/echo" => echo(request),
            "/ws" => websocket::upgrade(request, self.version.clone(), stopping.clone()),
            "/env" => env(&request),
            "/print" => print(&request).await?,
            "/exit" => self.exit(number(&request, "code", 0)?).await,
            "/health/fail" => self.set_health(false),
            "/health/pass" => self.set_health(true),
            _ => text(StatusCode::NOT_FOUND, "there is nothing here\n"),
        })
    }

    fn version(&self) -> Response<Body> {
        reply(TEXT, Body::Whole(self.version.clone()))
    }

    fn health(&self) -> Response<Body> {
        let warm_in = self.start_delay.saturating_sub(self.started.elapsed());
        if !warm_in.is_zero() {
            let reason = format!("warming up, {} ms to go\n", warm_in.as_millis());
            return text(StatusCode::SERVICE_UNAVAILABLE, reason);
        }
        match (self.healthy.load(Ordering::Relaxed), self.broken) {
            // It gives up before it has what it needs to serve.
            (_, Some(Broken::Exit)) => {
                text(StatusCode::SERVICE_UNAVAILABLE, "connecting to the database\n")
            }
            (true, _) => text(StatusCode::OK, "ok\n"),
            (false, Some(Broken::Unhealthy)) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the table \"orders\" has no column \"currency\": has the migration run?\n",
            ),
            (false, _) => text(StatusCode::INTERNAL_SERVER_ERROR, "told to fail\n"),
        }
    }

    fn set_health(&self, healthy: bool) -> Response<Body> {
        self.healthy.store(healthy, Ordering::Relaxed);
        status(StatusCode::NO_CONTENT)
    }

    async fn slow(&self, ms: u64) -> Response<Body> {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        self.version()
    }

    async fn exit(&self, code: u8) -> Response<Body> {
        let _ = self.exit.send(code);
        std::future::pending().await
    }
}

fn echo(request: Request<Incoming>) -> Response<Body> {
    let kind = request.headers().get(CONTENT_TYPE).cloned().unwrap_or(OCTETS);
    reply(kind, Body::Echo(request.into_body()))
}

/// Prints numbered lines, as a busy application does.
async fn print(request: &Request<Incoming>) -> Result<Response<Body>, NotANumber> {
    let (lines, from) = (number(request, "lines", 10_u64)?, number(request, "from", 1_u64)?);
    let to_stderr = query(request, "stream") == Some("stderr");
    let printed = tokio::task::spawn_blocking(move || {
        let mut out: Box<dyn Write> = if to_stderr {
            Box::new(std::io::stderr().lock())
        } else {
            Box::new(std::io::stdout().lock())
        };
        let mut numbers = from..from.saturating_add(lines);
        numbers.try_for_each(|number| writeln!(out, "number {number}")).and_then(|()| out.flush())
    });
    Ok(match printed.await {
        Ok(Ok(())) => text(StatusCode::OK, format!("{lines}\n")),
        _ => text(StatusCode::INTERNAL_SERVER_ERROR, "nobody takes what is printed\n"),
    })
}

fn env(request: &Request<Incoming>) -> Response<Body> {
    match query(request, "name").and_then(std::env::var_os) {
        Some(value) => reply(TEXT, Body::Whole(value.into_encoded_bytes().into())),
        None => text(StatusCode::NOT_FOUND, "that variable is not set\n"),
    }
}

/// A parameter that holds something else than a number of its size.
struct NotANumber(&'static str);

/// A number of the query string, or `default` when it is not there.
fn number<T: FromStr>(
    request: &Request<Incoming>,
    name: &'static str,
    default: T,
) -> Result<T, NotANumber> {
    query(request, name).map_or(Ok(default), |value| value.parse().map_err(|_| NotANumber(name)))
}

fn query<'a>(request: &'a Request<Incoming>, name: &str) -> Option<&'a str> {
    let pairs = request.uri().query()?.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|pair| pair.1)
}

fn is_head_for(expected: &Method, method: &Method) -> bool {
    expected == Method::GET && method == Method::HEAD
}

fn method_not_allowed(expected: &Method) -> Response<Body> {
    let allow = if expected == Method::POST { "POST" } else { "GET, HEAD" };
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allow} here\n"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

pub(crate) fn text(code: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = reply(TEXT, Body::Whole(text.into()));
    *response.status_mut() = code;
    response
}

pub(crate) fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = code;
    response
}

fn reply(kind: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// The container's, which is the first part of its id unless it was given another.
fn hostname() -> String {
    let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = std::env::var("HOSTNAME").ok().or_else(kernel).unwrap_or_default();
    name.trim().to_owned()
}
