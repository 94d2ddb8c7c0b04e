//! Calls of a server's API.
//!
//! What changes something carries an `Idempotency-Key`, so that it can be sent again when the connection
//! breaks, and is still done once.

mod answer;
mod follow;
mod send;
mod socket;
mod stream;

use std::time::Duration;

use backon::{BackoffBuilder, ConstantBuilder, ExponentialBuilder};
use jiff::Timestamp;
use reqwest::{Method, Response, Url};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use launcher_agent::innermost;

use super::Failure;
use super::foreign::Shown;
use super::place::{Place, shown};
use answer::Answer;

pub(super) use follow::{Follow, RECONNECT};
pub(super) use socket::Socket;
pub(super) use stream::{Message, Stream};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer to a question may take. What changes something may take as long as it needs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A server that sends nothing on a stream for so long is gone; it sends a comment every 15 s.
const STREAM_SILENCE: Duration = Duration::from_secs(45);
/// How often a call whose first sending is still under way is asked after, and for how long in all.
const UNDER_WAY: (Duration, usize) = (Duration::from_millis(500), 2400);
/// As many items of a list as are asked for at once: the API's most.
const PAGE: usize = 500;

/// A server, and how to call it.
#[derive(Debug)]
pub(super) struct Client {
    calls: reqwest::Client,
    streams: reqwest::Client,
    place: Place,
}

/// One call.
#[derive(Debug, Clone)]
struct Call {
    method: Method,
    url: Url,
    body: Option<Value>,
    key: Option<String>,
    stream: bool,
    /// The event that a stream is to go on behind.
    behind: Option<String>,
    /// What is to be changed has this `ETag`.
    seen: Option<String>,
}

impl Client {
    /// Prepares to call a server; nothing is sent.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(place: Place) -> Result<Self, Failure> {
        let basic = || {
            // No proxy of the surroundings: the token is for the server alone.
            reqwest::Client::builder()
                .user_agent(concat!("launcher/", env!("CARGO_PKG_VERSION")))
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                .tcp_keepalive(Duration::from_secs(15))
        };
        let built = |builder: reqwest::ClientBuilder| {
            let doing = "set up TLS";
            builder.build().map_err(|error| Failure::io(doing)(std::io::Error::other(error)))
        };
        let streams = built(basic().read_timeout(STREAM_SILENCE))?;
        Ok(Self { calls: built(basic())?, streams, place })
    }

    /// The server's URL, as people write it.
    pub(super) fn url(&self) -> String {
        shown(&self.place.url)
    }

    /// Gets one thing, to be shown to people.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        let call = self.call(Method::GET, path, &[]);
        let Shown(thing) = self.sent(&call).await?.read(&self.url())?;
        Ok(thing)
    }

    /// Gets one thing as the server has it, for programs.
    pub(super) async fn get_as_it_is(&self, path: &[&str]) -> Result<Value, Failure> {
        let call = self.call(Method::GET, path, &[]);
        self.sent(&call).await?.read(&self.url())
    }

    /// Gets what a query asks for, as the server has it.
    pub(super) async fn ask(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        let call = self.call(Method::GET, path, query);
        self.sent(&call).await?.read(&self.url())
    }

    /// Gets a list whole, part by part.
    pub(super) async fn list(&self, path: &[&str]) -> Result<Vec<Value>, Failure> {
        self.part_of(path, &[], None).await
    }

    /// Gets the first items of a list, or all of it.
    pub(super) async fn part_of(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        most: Option<usize>,
    ) -> Result<Vec<Value>, Failure> {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        let most = most.unwrap_or(usize::MAX);
        while items.len() < most {
            let limit = (most - items.len()).min(PAGE).to_string();
            let mut query = query.to_vec();
            query.push(("limit", &limit));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let call = self.call(Method::GET, path, &query);
            let page: launcher_server::http::page::Page<Value> =
                self.sent(&call).await?.read(&self.url())?;
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// Changes something, once, however often it has to be sent.
    pub(super) async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let call = self.with_body(self.call(method, path, query), body)?;
        self.changed(call).await
    }

    /// The same, if what is to be changed is still as it was seen.
    pub(super) async fn change_seen<T: DeserializeOwned>(
        &self,
        path: &[&str],
        seen: Option<Timestamp>,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let mut call = self.with_body(self.call(Method::PUT, path, &[]), Some(body))?;
        call.seen = seen.map(|seen| format!("\"{seen}\""));
        self.changed(call).await
    }

    async fn changed<T: DeserializeOwned>(&self, mut call: Call) -> Result<T, Failure> {
        call.key = Some(format!("{:032x}", rand::random::<u128>()));
        let (interval, times) = UNDER_WAY;
        let mut waits =
            ConstantBuilder::default().with_delay(interval).with_max_times(times).build();
        loop {
            let answer = self.sent(&call).await?;
            // The first sending arrived, and its answer was lost: it is given as soon as there is one.
            match waits.next().filter(|_| answer.is_under_way()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return answer.read(&self.url()),
            }
        }
    }

    /// Creates what is told only once, so that no copy of the answer is kept for a repetition: it is not
    /// sent again when the connection breaks.
    pub(super) async fn create_unkept<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let call = self.with_body(self.call(Method::POST, path, &[]), Some(body))?;
        self.sent(&call).await?.read(&self.url())
    }

    /// Begins to read a stream.
    pub(super) async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Stream, Failure> {
        self.opened(self.call(Method::GET, path, query)).await
    }

    /// Goes on to read a stream, behind the event with this id where one is given.
    pub(super) async fn stream_behind(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        behind: Option<&str>,
    ) -> Result<Stream, Failure> {
        let mut call = self.call(Method::GET, path, query);
        call.behind = behind.map(str::to_owned);
        self.opened(call).await
    }

    /// Begins something that answers with a stream, and is not to be begun twice.
    pub(super) async fn begin(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Stream, Failure> {
        let call = self.with_body(self.call(Method::POST, path, &[]), Some(body))?;
        self.opened(call).await
    }

    async fn opened(&self, mut call: Call) -> Result<Stream, Failure> {
        call.stream = true;
        let response = self.repeated(&call, async |response| Ok(response)).await?;
        if response.status().is_success() {
            return Ok(Stream::new(response, self.url()));
        }
        let answer = Answer::of(response).await.map_err(|error| self.failure(&call, &error))?;
        Err(answer.failure(&self.url()))
    }

    fn call(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> Call {
        let mut url = self.place.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Call { method, url, body: None, key: None, stream: false, behind: None, seen: None }
    }

    fn with_body(&self, mut call: Call, body: Option<&impl Serialize>) -> Result<Call, Failure> {
        call.body = body
            .map(serde_json::to_value)
            .transpose()
            .map_err(|error| Failure::io("write the call's body")(error.into()))?;
        Ok(call)
    }

    async fn sent(&self, call: &Call) -> Result<Answer, Failure> {
        self.repeated(call, Answer::of).await
    }

    /// Sends a call until it arrives, a few times. One that changes something and has no key is sent again
    /// only when it cannot have arrived.
    async fn repeated<T>(
        &self,
        call: &Call,
        read: impl AsyncFn(Response) -> reqwest::Result<T>,
    ) -> Result<T, Failure> {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_times(4)
            .build();
        let repeatable = call.method == Method::GET || call.key.is_some();
        loop {
            let tried = async { read(self.request(call).send().await?).await };
            let error = match tried.await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let again = !error.is_timeout() && (repeatable || error.is_connect());
            match delays.next().filter(|_| again) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(self.failure(call, &error)),
            }
        }
    }

    fn request(&self, call: &Call) -> reqwest::RequestBuilder {
        let client = if call.stream { &self.streams } else { &self.calls };
        let mut request = self.authorized(client.request(call.method.clone(), call.url.clone()));
        if call.stream {
            request = request.header("accept", "text/event-stream");
        } else if call.method == Method::GET {
            request = request.timeout(ANSWER_TIMEOUT);
        }
        if let Some(id) = &call.behind {
            request = request.header("last-event-id", id);
        }
        if let Some(tag) = &call.seen {
            request = request.header("if-match", tag);
        }
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key);
        }
        match &call.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request.bearer_auth(self.place.token.expose_secret())
    }

    fn failure(&self, call: &Call, error: &reqwest::Error) -> Failure {
        let (url, why) = (self.url(), innermost(error));
        if error.is_connect() {
            return Failure::NoServer { url, why };
        }
        Failure::Broken { url, doing: format!("calling {} {}", call.method, call.url.path()), why }
    }
}
