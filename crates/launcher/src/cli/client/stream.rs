//! Server-sent events, read one by one.

use std::pin::Pin;

use futures_util::StreamExt;
use reqwest::Response;
use serde::de::DeserializeOwned;
use sse_stream::{Sse, SseStream};

use crate::cli::Failure;

type Messages = dyn futures_util::Stream<Item = Result<Sse, sse_stream::Error>> + Send;

/// A stream of events.
pub(in crate::cli) struct Stream {
    messages: Pin<Box<Messages>>,
    url: String,
}

/// One event.
#[derive(Debug)]
pub(in crate::cli) struct Message {
    /// What kind of event.
    pub(in crate::cli) name: String,
    /// What a reader goes on behind.
    pub(in crate::cli) id: Option<String>,
    data: String,
    url: String,
}

impl Stream {
    pub(super) fn new(response: Response, url: String) -> Self {
        Self { messages: Box::pin(SseStream::from_bytes_stream(response.bytes_stream())), url }
    }

    /// The next event; none when the server has ended the stream.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(in crate::cli) async fn next(&mut self) -> Result<Option<Message>, Failure> {
        while let Some(message) = self.messages.next().await {
            let message = message.map_err(|error| self.broken(&error))?;
            if let Sse { event: Some(name), data: Some(data), id, .. } = message {
                return Ok(Some(Message { name, id, data, url: self.url.clone() }));
            }
        }
        Ok(None)
    }

    /// The failure of a stream that ended before it was to end.
    pub(in crate::cli) fn cut_short(&self) -> Failure {
        self.failed("the server ended it".to_owned())
    }

    fn broken(&self, error: &sse_stream::Error) -> Failure {
        let body = match error {
            sse_stream::Error::Body(error) => error.downcast_ref::<reqwest::Error>(),
            _ => None,
        };
        self.failed(body.map_or_else(|| error.to_string(), super::innermost))
    }

    fn failed(&self, why: String) -> Failure {
        Failure::Broken { url: self.url.clone(), doing: "reading what it sends".to_owned(), why }
    }
}

impl Message {
    /// What the event carries.
    ///
    /// # Errors
    /// When it is not what this program knows.
    pub(in crate::cli) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.data).map_err(|error| Failure::Strange {
            url: self.url.clone(),
            why: format!("its event {} cannot be read: {error}", self.name),
        })
    }
}
