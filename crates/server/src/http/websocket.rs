//! WebSockets (RFC 6455): the handshake. Whoever comes in by a session's cookie must come from a page of this
//! server: the [door](crate::access) looks at that, as for whatever may change something.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::problem::Problem;
use crate::serve::Stopping;

/// A connection, of which both sides send messages.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The longest message that is taken, in bytes.
const LONGEST: usize = 1 << 20;

const VERSION: &str = "13";
const ASK: &str = "this call is a WebSocket (RFC 6455, version 13): ask for it with `Connection: Upgrade`, \
    `Upgrade: websocket`, `Sec-WebSocket-Version` and `Sec-WebSocket-Key`, over HTTP/1.1";

/// A request to go on as a WebSocket.
pub(crate) struct WebSocket {
    key: HeaderValue,
    upgrade: OnUpgrade,
    /// A browser sent it.
    pub(crate) by_browser: bool,
    /// Tells when the server stops.
    pub(crate) stopping: Stopping,
}

/// Whether a request asks to go on as another protocol.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}

fn says(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

impl<S: Sync> FromRequestParts<S> for WebSocket {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let headers = &parts.headers;
        let wanted = says(headers, header::CONNECTION, "upgrade")
            && says(headers, header::UPGRADE, "websocket")
            && says(headers, header::SEC_WEBSOCKET_VERSION, VERSION);
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| wanted).cloned();
        let by_browser = headers.contains_key(header::ORIGIN);
        let stopping = parts.extensions.get::<Stopping>().cloned().unwrap_or_default();
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        match (key, upgrade) {
            (Some(key), Some(upgrade)) => Ok(Self { key, upgrade, by_browser, stopping }),
            _ => Err(Problem::malformed(StatusCode::UPGRADE_REQUIRED, ASK)),
        }
    }
}

impl WebSocket {
    /// Agrees, and serves the connection once it is there.
    pub(crate) fn serve<F>(self, serve: impl FnOnce(Socket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { key, upgrade, stopping, .. } = self;
        let accept = derive_accept_key(key.as_bytes());
        stopping.under_way(async move {
            let upgraded = match upgrade.await {
                Ok(upgraded) => TokioIo::new(upgraded),
                Err(error) => return tracing::debug!(%error, "a WebSocket did not come about"),
            };
            let config = WebSocketConfig::default()
                .max_message_size(Some(LONGEST))
                .max_frame_size(Some(LONGEST));
            serve(WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await)
                .await;
        });
        let headers = [
            (header::CONNECTION, HeaderValue::from_static("upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            // Base64.
            (
                header::SEC_WEBSOCKET_ACCEPT,
                HeaderValue::try_from(accept).unwrap_or_else(|_| HeaderValue::from_static("")),
            ),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }
}
