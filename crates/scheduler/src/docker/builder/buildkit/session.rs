//! The session that BuildKit asks for what it needs: logins for base images.
//!
//! The engine takes over a connection of ours and speaks gRPC on it, as the client. Of the services that a
//! session may have, this one has the check of its health and the logins (`grpc.health.v1.Health`,
//! `moby.filesync.v1.Auth`).

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use bollard::errors::Error as EngineError;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioExecutor;
use prost::Message;
use rand::RngExt;
use secrecy::ExposeSecret;
use tokio_util::task::AbortOnDropHandle;

use super::super::super::connection::{Call, Connection};
use super::super::wire;
use crate::RegistryLogin;

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";
/// So long is the head of a gRPC message: whether it is packed, and its length.
const HEAD: usize = 5;
/// A question is no longer than this, in bytes.
const LONGEST: usize = 64 * 1024;
/// gRPC's status for a method that is not there.
const UNIMPLEMENTED: HeaderValue = HeaderValue::from_static("12");
const OK: HeaderValue = HeaderValue::from_static("0");

type Logins = Arc<HashMap<String, RegistryLogin>>;

/// A session, which ends when it is dropped.
pub(super) struct Session {
    pub(super) id: String,
    _serving: AbortOnDropHandle<()>,
}

impl Session {
    /// Opens a session; none when the engine knows nothing of the kind.
    pub(super) async fn open(
        connection: &Connection,
        call: &Call,
        logins: &HashMap<String, RegistryLogin>,
    ) -> Result<Option<Self>, EngineError> {
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let version = call.api.client_version();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/v{}.{}/session", version.major_version, version.minor_version))
            .header(header::HOST, "docker")
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "h2c")
            .header("X-Docker-Expose-Session-Uuid", &id)
            .header("X-Docker-Expose-Session-Name", "rocket-launcher")
            .header("X-Docker-Expose-Session-Sharedkey", "")
            .header("X-Docker-Expose-Session-Grpc-Method", CREDENTIALS)
            .header("X-Docker-Expose-Session-Grpc-Method", HEALTH)
            .body(wire::nothing())?;
        let mut answer = wire::send(connection, request).await?;
        match answer.response.status() {
            StatusCode::SWITCHING_PROTOCOLS => {}
            status if wire::is_unknown(status) => return Ok(None),
            _ => return Err(wire::refusal(answer).await),
        }
        let upgraded = hyper::upgrade::on(&mut answer.response).await?;
        let logins = Arc::new(logins.clone());
        let serving = tokio::spawn(async move {
            let service = service_fn(move |request| answer_to(request, Arc::clone(&logins)));
            let served =
                http2::Builder::new(TokioExecutor::new()).serve_connection(upgraded, service);
            // It ends with the build.
            let _ = served.await;
        });
        Ok(Some(Self { id, _serving: AbortOnDropHandle::new(serving) }))
    }
}

/// One message and the status that follows it.
type Answer =
    Response<StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>>;

async fn answer_to(request: Request<Incoming>, logins: Logins) -> Result<Answer, Infallible> {
    let message = match request.uri().path() {
        HEALTH => Some(Healthy { status: 1 }.encode_to_vec()),
        CREDENTIALS => Some(login(request, &logins).await.encode_to_vec()),
        _ => None,
    };
    Ok(message.map_or_else(unimplemented, |message| reply(&message)))
}

async fn login(request: Request<Incoming>, logins: &HashMap<String, RegistryLogin>) -> Login {
    let body = Limited::new(request.into_body(), LONGEST).collect().await;
    let question = body.map(|body| body.to_bytes()).unwrap_or_default();
    let asked = question.get(HEAD..).and_then(|message| Registry::decode(message).ok());
    let found = asked.and_then(|asked| find(logins, &asked.host));
    found.map_or_else(Login::default, |login| Login {
        username: login.username.clone(),
        password: login.password.expose_secret().to_owned(),
    })
}

/// Docker Hub is asked for under the name of its machine.
fn find<'a>(logins: &'a HashMap<String, RegistryLogin>, host: &str) -> Option<&'a RegistryLogin> {
    let hub = matches!(host, "registry-1.docker.io" | "https://index.docker.io/v1/");
    logins.get(host).or_else(|| logins.get("docker.io").filter(|_| hub))
}

fn reply(message: &[u8]) -> Answer {
    let mut framed = BytesMut::with_capacity(HEAD + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len().try_into().unwrap_or(u32::MAX));
    framed.put_slice(message);
    let mut end = HeaderMap::new();
    end.insert("grpc-status", OK);
    respond(vec![Ok(Frame::data(framed.freeze())), Ok(Frame::trailers(end))])
}

fn unimplemented() -> Answer {
    let mut response = respond(Vec::new());
    response.headers_mut().insert("grpc-status", UNIMPLEMENTED);
    response
}

fn respond(frames: Vec<Result<Frame<Bytes>, Infallible>>) -> Answer {
    let mut response = Response::new(StreamBody::new(stream::iter(frames)));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// `grpc.health.v1.HealthCheckResponse`
#[derive(Clone, PartialEq, Message)]
struct Healthy {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `moby.filesync.v1.CredentialsRequest`
#[derive(Clone, PartialEq, Message)]
struct Registry {
    #[prost(string, tag = "1")]
    host: String,
}

/// `moby.filesync.v1.CredentialsResponse`
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct Login {
    #[prost(string, tag = "1")]
    username: String,
    #[prost(string, tag = "2")]
    password: String,
}
