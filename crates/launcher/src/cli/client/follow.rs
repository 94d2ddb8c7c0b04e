//! Following what happens, over broken connections and restarts of the server.

use std::time::Duration;

use serde_json::Value;

use super::{Client, Stream};
use crate::cli::{Failure, output};

/// From one attempt to come back to the next, and how many of them.
pub(in crate::cli) const RECONNECT: (Duration, u32) = (Duration::from_secs(1), 60);

/// Every event behind a certain one, each once and in order.
pub(in crate::cli) struct Follow<'a> {
    client: &'a Client,
    query: Vec<(&'a str, String)>,
    last: i64,
    stream: Option<Stream>,
}

impl<'a> Follow<'a> {
    /// Begins behind the event with this number; 0 is the beginning.
    pub(in crate::cli) fn new(
        client: &'a Client,
        query: Vec<(&'a str, String)>,
        last: i64,
    ) -> Self {
        Self { client, query, last, stream: None }
    }

    /// The next event. When the connection breaks, it goes on where it was.
    ///
    /// # Errors
    /// When the server refuses, or does not come back within a minute.
    pub(in crate::cli) async fn next(&mut self) -> Result<Value, Failure> {
        let mut left = RECONNECT.1;
        loop {
            let failure = match self.next_of_stream().await {
                Ok(event) => return Ok(event),
                Err(failure) => failure,
            };
            self.stream = None;
            if !failure.is_absence() || left == 0 {
                return Err(failure);
            }
            if left == RECONNECT.1 {
                output::say(&format!(
                    "the connection to {} broke; trying again",
                    self.client.url()
                ));
            }
            left -= 1;
            tokio::time::sleep(RECONNECT.0).await;
        }
    }

    async fn next_of_stream(&mut self) -> Result<Value, Failure> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let last = self.last.to_string();
                let query = self.query.iter().map(|(name, value)| (*name, value.as_str()));
                let query: Vec<(&str, &str)> = query.chain([("after", last.as_str())]).collect();
                self.stream.insert(self.client.stream(&["events"], &query).await?)
            }
        };
        let Some(message) = stream.next().await? else { return Err(stream.cut_short()) };
        let event: Value = message.read()?;
        if let Some(id) = event.get("id").and_then(Value::as_i64) {
            self.last = id;
        }
        Ok(event)
    }
}
