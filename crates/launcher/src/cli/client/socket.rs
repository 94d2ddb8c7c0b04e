//! A call that goes on as a WebSocket (RFC 6455).

use reqwest::{Method, StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::answer::Answer;
use super::{Client, Failure};

/// A connection on which both sides send messages.
pub(in crate::cli) type Socket = WebSocketStream<Upgraded>;

impl Client {
    /// Begins something that both sides have a conversation about. It is sent once: what was begun must not
    /// begin again.
    pub(in crate::cli) async fn converse(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Socket, Failure> {
        let call = self.call(Method::GET, path, query);
        let request = self.streams.get(call.url.clone());
        let request = self.authorized(request).headers(
            [
                ("connection", "upgrade".to_owned()),
                ("upgrade", "websocket".to_owned()),
                ("sec-websocket-version", "13".to_owned()),
                ("sec-websocket-key", generate_key()),
            ]
            .into_iter()
            .filter_map(|(name, value)| {
                Some((http::HeaderName::from_static(name), value.parse().ok()?))
            })
            .collect(),
        );
        let failed = |error: reqwest::Error| self.failure(&call, &error);
        let response = request.send().await.map_err(failed)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let answer = Answer::of(response).await.map_err(failed)?;
            return Err(answer.failure(&self.url()));
        }
        let upgraded = response.upgrade().await.map_err(failed)?;
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await)
    }

    /// The failure of a conversation that ended before it was to end.
    pub(in crate::cli) fn hung_up(&self, why: String) -> Failure {
        Failure::Broken { url: self.url(), doing: "the command ran".to_owned(), why }
    }
}
