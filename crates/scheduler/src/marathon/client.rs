//! The way to Marathon: several masters of which one leads, bounded answers, and a login that nobody else
//! is told.

mod answer;
mod masters;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

pub(super) use self::answer::Answer;
use self::masters::Masters;
use crate::{Error, Result};

/// How long connecting to a master may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Marathon closes a connection that was idle for 30 s; one that it is just closing is never used.
const IDLE: Duration = Duration::from_secs(20);

/// As whom Marathon is spoken to.
#[derive(Debug, Clone)]
pub enum Login {
    /// HTTP's basic authentication (RFC 7617).
    Basic {
        /// The user.
        username: String,
        /// Its password.
        password: SecretString,
    },
    /// DC/OS's: `Authorization: token=…`.
    Token(SecretString),
}

impl Login {
    fn header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose_secret());
                format!("Basic {}", BASE64_STANDARD.encode(pair))
            }
            Self::Token(token) => format!("token={}", token.expose_secret()),
        };
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    fn who(&self) -> String {
        match self {
            Self::Basic { username, .. } => format!("the login of {username}"),
            Self::Token(_) => "the token".to_owned(),
        }
    }
}

/// Speaks with Marathon.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    masters: Masters,
    /// The master that answered last.
    good: AtomicUsize,
    login: Option<Login>,
    authorization: Option<HeaderValue>,
    deadline: Duration,
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    /// With its query, beginning with `/`.
    path: String,
    /// The media type that is taken. Marathon compares that of its stream letter by letter.
    accept: &'static str,
    body: Option<bytes::Bytes>,
    /// What is being done, for errors.
    doing: &'static str,
}

impl Call {
    pub(super) fn get(path: impl Into<String>, doing: &'static str) -> Self {
        Self::new(Method::GET, path, doing)
    }

    pub(super) fn new(method: Method, path: impl Into<String>, doing: &'static str) -> Self {
        Self { method, path: path.into(), accept: "application/json", body: None, doing }
    }

    /// With a body in JSON.
    pub(super) fn body(mut self, body: impl Into<bytes::Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }
}

/// What came of sending a call to one master.
enum Sent {
    /// An answer.
    Response(Response),
    /// None; another master may be asked all the same.
    Nothing(String),
}

impl Client {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// When an address or the login cannot be used.
    pub(super) fn new(urls: &[String], login: Option<Login>, deadline: Duration) -> Result<Self> {
        let masters = Masters::read(urls)?;
        let authorization = login.as_ref().map(|login| {
            login.header().ok_or(Error::Setting {
                what: "the login for Marathon",
                given: login.who(),
                why: "it must be one line of text",
            })
        });
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rocket-launcher/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Refused {
                doing: "preparing to speak with Marathon",
                why: innermost(&error),
            })?;
        let authorization = authorization.transpose()?;
        Ok(Self { http, masters, good: AtomicUsize::new(0), login, authorization, deadline })
    }

    /// How long one call may take.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Sends a call, and reads the answer to its end. One that says 404 or 409 is an answer like others;
    /// what else is no success is an error.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer> {
        let work = async { Answer::read(self.respond(call).await?, self, call.doing).await };
        let answer = tokio::time::timeout(self.deadline, work);
        let answer = answer.await.map_err(|_elapsed| self.silent(call))??;
        match answer.status {
            StatusCode::NOT_FOUND | StatusCode::CONFLICT => Ok(answer),
            status if status.is_success() => Ok(answer),
            _ => Err(self.refused(&answer, call.doing)),
        }
    }

    /// Sends a call, and gives its answer as soon as that begins: for one that does not end.
    pub(super) async fn open(&self, path: String, doing: &'static str) -> Result<Response> {
        let call = Call { accept: "text/event-stream", ..Call::get(path, doing) };
        let head = tokio::time::timeout(self.deadline, self.respond(&call));
        let response = head.await.map_err(|_elapsed| self.silent(&call))??;
        if response.status().is_success() {
            return Ok(response);
        }
        let rest = tokio::time::timeout(self.deadline, Answer::read(response, self, doing));
        let answer = rest.await.map_err(|_elapsed| self.silent(&call))??;
        Err(self.refused(&answer, doing))
    }

    /// The first answer of a master that knows who leads.
    async fn respond(&self, call: &Call) -> Result<Response> {
        let first = self.good.load(Ordering::Relaxed);
        let mut why = String::new();
        for step in 0..self.masters.len() {
            let index = (first + step) % self.masters.len();
            let url = self.masters.url(index, &call.path);
            match self.send_to(url, call).await? {
                Sent::Nothing(words) => why = words,
                Sent::Response(response) if knows_no_leader(response.status()) => {
                    let answer = Answer::read(response, self, call.doing).await?;
                    why = answer.words();
                }
                Sent::Response(response) => {
                    self.good.store(index, Ordering::Relaxed);
                    return self.follow(response, call).await;
                }
            }
        }
        Err(self.unreachable(call.doing, why))
    }

    async fn send_to(&self, url: Url, call: &Call) -> Result<Sent> {
        let known = self.masters.knows(&url);
        let mut request = self.http.request(call.method.clone(), url).header(ACCEPT, call.accept);
        if let Some(authorization) = self.authorization.as_ref().filter(|_| known) {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        match request.send().await {
            Ok(response) => Ok(Sent::Response(response)),
            // What may have been begun is not asked of another one, too.
            Err(error) if error.is_connect() || call.method == Method::GET => {
                Ok(Sent::Nothing(innermost(&error)))
            }
            Err(error) => Err(self.unreachable(call.doing, innermost(&error))),
        }
    }

    /// Goes where a stand-by master sends it, once. The login goes along to masters that the
    /// configuration names, and to no one else.
    async fn follow(&self, response: Response, call: &Call) -> Result<Response> {
        if !response.status().is_redirection() {
            return Ok(response);
        }
        let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        let Some(url) = place.and_then(|place| response.url().join(place).ok()) else {
            let why = format!("it answered {} without saying where to", response.status());
            return Err(self.unreachable(call.doing, why));
        };
        if self.authorization.is_some() && !self.masters.knows(&url) {
            let why = format!(
                "a master sends it to {}, which is not among urls in [marathon]: name all masters there, \
                 so that the login is given to that one, too",
                origin(&url)
            );
            return Err(Error::Refused { doing: call.doing, why });
        }
        match self.send_to(url, call).await? {
            Sent::Response(response) if response.status().is_redirection() => {
                let why = "a master sends it on, and that one does so again".to_owned();
                Err(self.unreachable(call.doing, why))
            }
            Sent::Response(response) => Ok(response),
            Sent::Nothing(why) => Err(self.unreachable(call.doing, why)),
        }
    }

    /// What an answer means that is no success.
    fn refused(&self, answer: &Answer, doing: &'static str) -> Error {
        let words = answer.words();
        match answer.status {
            StatusCode::UNAUTHORIZED => {
                let why = match &self.login {
                    None => {
                        "it asks for a login: set username and password_file, or token_file, in \
                             [marathon]"
                            .to_owned()
                    }
                    Some(login) => format!("it does not take {}: {words}", login.who()),
                };
                Error::Refused { doing, why }
            }
            StatusCode::FORBIDDEN if words.starts_with("Max number") => {
                Error::Busy { engine: self.name(), doing, why: words }
            }
            StatusCode::FORBIDDEN => {
                let why = match &self.login {
                    None => format!("it does not let everybody do that: {words}"),
                    Some(login) => format!("it does not let {} do that: {words}", login.who()),
                };
                Error::Refused { doing, why }
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Error::Busy { engine: self.name(), doing, why: words }
            }
            _ => Error::Refused { doing, why: words },
        }
    }

    pub(super) fn unreachable(&self, doing: &'static str, why: String) -> Error {
        Error::Unreachable { engine: self.name(), doing, why }
    }

    fn silent(&self, call: &Call) -> Error {
        let why = format!("no answer within {} s", self.deadline.as_secs_f64());
        self.unreachable(call.doing, why)
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        format!("Marathon at {}", self.masters.shown(self.good.load(Ordering::Relaxed)))
    }
}

/// What a master answers that cannot reach the one that leads, or has too much to do.
fn knows_no_leader(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Scheme, host and port.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The words of the error behind the errors.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
