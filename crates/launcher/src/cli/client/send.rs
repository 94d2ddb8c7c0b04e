//! Sending a working copy: `multipart/form-data` (RFC 7578) whose last part streams.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use reqwest::{Body, Method};
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::{Client, innermost};
use crate::cli::Failure;

impl Client {
    /// Sends parts, and an archive as the part `context`. It is sent once: it cannot be begun anew.
    ///
    /// # Errors
    /// When the server refuses, is away, or goes away.
    pub(in crate::cli) async fn send<T: DeserializeOwned>(
        &self,
        path: &[&str],
        parts: &[(&str, &str)],
        archive: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<T, Failure> {
        let boundary = format!("launcher-{:032x}", rand::random::<u128>());
        let mut beginning = String::new();
        for (name, text) in parts {
            beginning.push_str(&format!("{}\r\n{text}\r\n", head(&boundary, name)));
        }
        beginning.push_str(&head(&boundary, "context"));
        beginning.push_str("Content-Type: application/x-tar\r\n\r\n");
        let end = format!("\r\n--{boundary}--\r\n");
        let whole = |text: String| stream::once(async move { Ok(Bytes::from(text)) });
        let body = Body::wrap_stream(whole(beginning).chain(archive).chain(whole(end)));
        let call = self.call(Method::POST, path, &[]);
        let request = self
            .request(&call)
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .body(body);
        let answer = async { Answer::of(request.send().await?).await };
        let answer = answer.await.map_err(|error: reqwest::Error| match error.is_connect() {
            true => self.failure(&call, &error),
            false => Failure::NotSent { url: self.url(), why: innermost(&error) },
        })?;
        answer.read(&self.url())
    }
}

/// What stands before a part; an empty line, or more about it, is to follow.
fn head(boundary: &str, name: &str) -> String {
    format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n")
}
