//! Jenkins ("Remote Access API" and "CSRF Protection" in its documentation).
//!
//! Jenkins tells nobody outside of it how a job goes, so it is asked, ever more slowly. Where it is asked is
//! built from the settings alone: of the addresses in its answers only the numbers count, since they may name
//! another host, which must not be given the token.

pub mod notification;
mod wire;

use std::collections::BTreeMap;

use launcher_model::service::Jenkins as Settings;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use crate::ask::{Answer, ask, client};
use crate::{Error, Result};
use wire::{Crumb, Item, Items, Run, Runs};

const NAME: &str = "Jenkins";

/// One job of a Jenkins, and who uses it.
pub struct Job {
    client: Client,
    root: String,
    path: String,
    user: String,
    token: SecretString,
}

/// Where a run of a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In Jenkins' queue, under this number.
    Queue(u64),
    /// It is the run of this number.
    Run(u64),
}

impl Place {
    /// As it is kept.
    #[must_use]
    pub fn to_text(self) -> String {
        match self {
            Self::Queue(number) => format!("queue {number}"),
            Self::Run(number) => format!("run {number}"),
        }
    }

    /// From what was kept.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (kind, number) = text.split_once(' ')?;
        let number = number.parse().ok()?;
        match kind {
            "queue" => Some(Self::Queue(number)),
            "run" => Some(Self::Run(number)),
            _ => None,
        }
    }
}

/// How a run that waits is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// It waits, and why.
    Still(String),
    /// It is the run of this number.
    Begun(u64),
    /// Somebody has taken it out of the queue.
    Cancelled,
}

/// A part of a run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it says.
    pub text: String,
    /// Where the next part begins, in bytes.
    pub next: u64,
}

impl Job {
    /// The job of these settings.
    ///
    /// # Errors
    /// When the machine has no usable TLS.
    pub fn new(settings: &Settings, token: SecretString) -> Result<Self> {
        let part = |part| format!("job/{}", utf8_percent_encode(part, NON_ALPHANUMERIC));
        let path = settings.job.split('/').map(part).collect::<Vec<_>>().join("/");
        let root = settings.url.trim_end_matches('/').to_owned();
        Ok(Self { client: client()?, root, path, user: settings.user.clone(), token })
    }

    /// Where people see a run.
    #[must_use]
    pub fn page(&self, number: u64) -> String {
        format!("{}/{}/{number}/", self.root, self.path)
    }

    /// Starts a run with these parameters.
    ///
    /// # Errors
    /// When Jenkins cannot be reached, or refuses.
    pub async fn start(&self, parameters: &BTreeMap<String, String>) -> Result<Place> {
        let path = format!("{}/buildWithParameters", self.path);
        let answer = self.post(&path, parameters).await?;
        if !answer.status.is_success() {
            return Err(refused(&answer));
        }
        // Behind proxies its address is another one: only the number at its end counts.
        let place = answer.headers.get("location").and_then(|place| place.to_str().ok());
        let number = place.and_then(|place| {
            let (_, number) = place.trim_end_matches('/').rsplit_once("/queue/item/")?;
            number.parse().ok()
        });
        let strange = || Error::Strange {
            whom: NAME.to_owned(),
            why: "it names no place in its queue for what was started".to_owned(),
        };
        number.map(Place::Queue).ok_or_else(strange)
    }

    /// The run with this value of a parameter, among those that wait and the newest ones: whoever died
    /// after starting it does not start it again.
    ///
    /// # Errors
    /// When Jenkins cannot be reached, or refuses.
    pub async fn find(&self, parameter: &str, value: &str) -> Result<Option<Place>> {
        let runs: Runs = self
            .get(&format!(
                "{}/api/json?tree=builds[number,actions[parameters[name,value]]]{{0,50}}",
                self.path
            ))
            .await?;
        if let Some(run) = runs.builds.iter().find(|run| run.has(parameter, value)) {
            return Ok(Some(Place::Run(run.number)));
        }
        let items: Items =
            self.get("queue/api/json?tree=items[id,actions[parameters[name,value]]]").await?;
        let item = items.items.iter().find(|item| item.has(parameter, value));
        Ok(item.map(|item| Place::Queue(item.id)))
    }

    /// How a run that waits is.
    ///
    /// # Errors
    /// When Jenkins cannot be reached, or refuses.
    pub async fn waiting(&self, item: u64) -> Result<Waiting> {
        let item: Item = self.get(&format!("queue/item/{item}/api/json")).await?;
        if item.cancelled == Some(true) {
            return Ok(Waiting::Cancelled);
        }
        Ok(match item.executable {
            Some(run) => Waiting::Begun(run.number),
            None => Waiting::Still(item.why.unwrap_or_default()),
        })
    }

    /// How a run has ended, such as `SUCCESS`; none while it runs.
    ///
    /// # Errors
    /// When Jenkins cannot be reached, or refuses.
    pub async fn result(&self, number: u64) -> Result<Option<String>> {
        let path = format!("{}/{number}/api/json?tree=building,result", self.path);
        let run: Run = self.get(&path).await?;
        Ok(run.result.filter(|_| !run.building))
    }

    /// What a run has printed from a point on.
    ///
    /// # Errors
    /// When Jenkins cannot be reached, or refuses.
    pub async fn log(&self, number: u64, start: u64) -> Result<Part> {
        let path = format!("{}/{number}/logText/progressiveText?start={start}", self.path);
        let answer = self.ask(self.client.get(self.url(&path))).await?;
        let next = answer.headers.get("x-text-size").and_then(|size| size.to_str().ok());
        let next = next.and_then(|size| size.parse().ok()).unwrap_or(start);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        Ok(Part { text, next })
    }

    /// Stops a run, or takes it out of the queue. One that is over stays what it is.
    ///
    /// # Errors
    /// When Jenkins cannot be reached, or refuses.
    pub async fn stop(&self, place: Place) -> Result<()> {
        let path = match place {
            Place::Queue(item) => format!("queue/cancelItem?id={item}"),
            Place::Run(number) => format!("{}/{number}/stop", self.path),
        };
        let answer = self.post(&path, &BTreeMap::new()).await?;
        // It leads to the page of what was stopped; what is gone needs no stopping.
        let done = answer.status.is_success() || answer.status.is_redirection();
        if done || answer.status == StatusCode::NOT_FOUND { Ok(()) } else { Err(refused(&answer)) }
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.ask(self.client.get(self.url(path))).await?.json(NAME)
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Answer> {
        let answer = ask(NAME, self.known(request)).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refused(&answer)) }
    }

    /// A call that changes something carries a crumb, where Jenkins wants one: it belongs to a session, whose
    /// cookie goes along.
    async fn post(&self, path: &str, form: &BTreeMap<String, String>) -> Result<Answer> {
        let mut request = self.client.post(self.url(path)).form(form);
        let crumb = self.client.get(self.url("crumbIssuer/api/json"));
        let crumb = ask(NAME, self.known(crumb)).await?;
        if crumb.status.is_success() {
            let cookies = crumb.headers.get_all("set-cookie").iter();
            let pair = |value: &http::HeaderValue| {
                Some(value.to_str().ok()?.split(';').next()?.trim().to_owned())
            };
            let cookies = cookies.filter_map(pair).collect::<Vec<_>>().join("; ");
            let crumb: Crumb = crumb.json(NAME)?;
            request = request.header(crumb.field, crumb.crumb);
            if !cookies.is_empty() {
                request = request.header("cookie", cookies);
            }
        } else if crumb.status != StatusCode::NOT_FOUND {
            return Err(refused(&crumb));
        }
        ask(NAME, self.known(request)).await
    }

    fn known(&self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(&self.user, Some(self.token.expose_secret().trim()))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }
}

fn refused(answer: &Answer) -> Error {
    let advice = match answer.status.as_u16() {
        401 => "is the API token of [jenkins] still valid, and is it this user's?",
        403 => {
            "the user of [jenkins] needs the permissions Overall/Read, Job/Read, Job/Build and Job/Cancel"
        }
        404 => "is there a job of the name in [jenkins], and may the user read it?",
        400 | 500 => {
            "does the job take the parameters LAUNCHER_BUILD, LAUNCHER_COMMIT and LAUNCHER_BRANCH?"
        }
        301 | 302 | 307 | 308 => "is [jenkins] url what Jenkins itself says is its URL?",
        _ => "see [jenkins] in launcher.toml",
    };
    // A job without parameters answers 500, as a fault of its own would.
    if answer.status.as_u16() == 500 && answer.words().contains("not parameterized") {
        let words = answer.words();
        return Error::Refused { whom: NAME.to_owned(), status: 500, words, advice };
    }
    answer.error(NAME, advice)
}
