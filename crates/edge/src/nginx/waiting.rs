//! The waiting room: nginx leads requests here for an environment that does not serve now. It is had
//! started, and who waits is sent to the same address again once nginx serves it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use launcher_model::{ServiceName, VersionNumber};
use tokio::net::{UnixListener, UnixStream};

use crate::table::{Rest, RestKind, ServiceTable};
use crate::wakes::{AGAIN_AFTER, PAGE_AFTER, Unserved, Wakes};

/// The header in which nginx says what a request is for: `shop/7`.
pub(super) const FOR: &str = "launcher-waits-for";

/// Environments that nginx does not serve now.
type Resting = BTreeMap<(ServiceName, VersionNumber), Rest>;

/// Those who wait.
#[derive(Debug, Default)]
pub(super) struct WaitingRoom {
    pub(super) wakes: Arc<Wakes>,
    resting: RwLock<Resting>,
}

/// Why a version of a service does not serve, if it is one that may again.
pub(super) fn rest(table: &ServiceTable, version: VersionNumber) -> Option<Rest> {
    let rest = table.branches.resting.get(&version)?;
    let serves = table.pools.get(&version).is_some_and(|pool| !pool.endpoints.is_empty());
    (rest.kind != RestKind::Starting || !serves).then_some(*rest)
}

impl WaitingRoom {
    /// nginx serves these now.
    pub(super) fn follow<'t>(&self, tables: impl Iterator<Item = &'t ServiceTable>) {
        let resting = tables.flat_map(|table| {
            let versions = table.branches.resting.keys();
            versions.filter_map(|version| {
                Some(((table.name.clone(), *version), rest(table, *version)?))
            })
        });
        *self.resting.write().unwrap_or_else(PoisonError::into_inner) = resting.collect();
        self.wakes.table_changed();
    }

    fn rest(&self, service: &ServiceName, version: VersionNumber) -> Option<Rest> {
        let resting = self.resting.read().unwrap_or_else(PoisonError::into_inner);
        resting.get(&(service.clone(), version)).copied()
    }

    /// Opens the door, at a socket that nginx's workers may use, whoever they are.
    pub(super) fn open(&self, socket: &Path) -> io::Result<UnixListener> {
        match fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(socket)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o666))?;
        Ok(listener)
    }

    /// Lets in who comes, for ever.
    pub(super) async fn receive(self: Arc<Self>, listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(self.clone().serve(stream))),
                Err(error) => {
                    tracing::error!(%error, "cannot let a request into the waiting room");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: UnixStream) {
        let answer = service_fn(move |request| {
            let room = self.clone();
            async move { Ok::<_, Infallible>(room.answer(&request).await) }
        });
        if let Err(error) =
            http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await
        {
            tracing::debug!(%error, "who waited has gone");
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let Some((service, version)) = wanted(request.headers()) else {
            return plain(StatusCode::BAD_REQUEST, "This is for nginx alone.");
        };
        // What serves by now is found at the same address.
        if let Some(its) = self.rest(&service, version) {
            let whole = Duration::from_millis(its.within_ms);
            let within = if is_for_a_person(request) { whole.min(PAGE_AFTER) } else { whole };
            let rest = || self.rest(&service, version).map(|rest| rest.kind);
            let waited = self.wakes.until_it_serves(&service, version, within, rest).await;
            if let Err(why) = waited {
                return turned_away(why, &service, version);
            }
        }
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        // Two slashes would lead to another host (RFC 3986 §4.2).
        let target = format!("/{}", target.trim_start_matches('/'));
        let mut response = plain(StatusCode::TEMPORARY_REDIRECT, "It is started.");
        if let Ok(target) = HeaderValue::try_from(target) {
            response.headers_mut().insert(header::LOCATION, target);
        }
        response
    }
}

fn wanted(headers: &HeaderMap) -> Option<(ServiceName, VersionNumber)> {
    let (service, version) = headers.get(FOR)?.to_str().ok()?.split_once('/')?;
    Some((service.parse().ok()?, version.parse().ok()?))
}

fn is_for_a_person(request: &Request<Incoming>) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    matches!(*request.method(), Method::GET | Method::HEAD)
        && accept.is_some_and(|accept| accept.to_ascii_lowercase().contains("text/html"))
}

fn turned_away(
    why: Unserved,
    service: &ServiceName,
    version: VersionNumber,
) -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, &why.text(service, version));
    if why.may_serve_soon() {
        let after = HeaderValue::from_static(AGAIN_AFTER);
        response.headers_mut().insert(header::RETRY_AFTER, after.clone());
        response.headers_mut().insert(header::REFRESH, after);
    }
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let mut response = Response::new(Full::from(format!("{title}\n{text}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
