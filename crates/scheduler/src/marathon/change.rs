//! Calls that change something, and deployments that hold what is to be changed.
//!
//! Marathon locks the apps that a running deployment touches. A deployment of our own apps alone may be
//! cut short by the next change: it would only bring about what is not wanted any more. One that somebody
//! else has begun is waited for.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};

use super::Engine;
use super::client::{Answer, Call};
use super::wire::deployment::{Begun, Deployment};
use crate::{Error, Result};

/// How long after a lock was seen it is looked at again.
const PAUSE: Duration = Duration::from_millis(250);

/// A change of one app.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) method: Method,
    /// Without `force`.
    pub(super) path: String,
    pub(super) body: Option<Vec<u8>>,
    pub(super) doing: &'static str,
}

impl Change {
    fn call(&self, force: bool) -> Call {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{separator}force={force}", self.path);
        let call = Call::new(self.method.clone(), path, self.doing);
        match &self.body {
            Some(body) => call.body(body.clone()),
            None => call,
        }
    }
}

/// Who has begun the deployments that hold an app.
enum Lock {
    /// They are over.
    Gone,
    /// This installation.
    Ours,
    /// Somebody else; what they change.
    Foreign(String),
}

impl Engine {
    /// Makes a change, after whatever holds the app. 404 and a 409 that is no lock are answers.
    pub(super) async fn change(&self, change: Change) -> Result<Answer> {
        self.snapshots.changed();
        let deadline = Instant::now() + self.client.deadline();
        let mut force = false;
        let answer = loop {
            let answer = self.client.send(&change.call(force)).await?;
            let locks = locks(&answer);
            if locks.is_empty() {
                break answer;
            }
            let why = match self.lock(&locks).await? {
                Lock::Ours => {
                    force = true;
                    "its own deployments follow each other too fast".to_owned()
                }
                Lock::Gone => "deployments of others come one after the other".to_owned(),
                Lock::Foreign(what) => {
                    format!("deployment {} also changes {what}, and is not over", locks.join(", "))
                }
            };
            if Instant::now() >= deadline {
                let engine = self.client.name();
                return Err(Error::Busy { engine, doing: change.doing, why });
            }
            if !force {
                tokio::time::sleep(PAUSE).await;
            }
        };
        launcher_fault::point("marathon.changed");
        self.snapshots.changed();
        self.touched.notify_one();
        Ok(answer)
    }

    async fn lock(&self, locks: &[String]) -> Result<Lock> {
        let all = self.deployments().await?;
        let holding: Vec<_> = all.iter().filter(|held| locks.contains(&held.id)).collect();
        if holding.is_empty() {
            return Ok(Lock::Gone);
        }
        let snapshot = self.look_again().await?;
        let ours: HashSet<_> =
            snapshot.apps.iter().map(|standing| standing.app.id.as_str()).collect();
        let foreign: Vec<_> = holding
            .iter()
            .flat_map(|held| held.affected_apps.iter().chain(&held.affected_pods))
            .filter(|app| !ours.contains(app.as_str()))
            .map(String::as_str)
            .collect();
        Ok(if foreign.is_empty() { Lock::Ours } else { Lock::Foreign(foreign.join(", ")) })
    }

    /// What Marathon is still changing.
    pub(super) async fn deployments(&self) -> Result<Vec<Deployment>> {
        const DOING: &str = "looking at deployments";
        let answer = self.client.send(&Call::get("/v2/deployments", DOING)).await?;
        answer.json(DOING)
    }

    /// Has so many instances of an app. One that is gone is left alone.
    pub(super) async fn scale(&self, app: &str, instances: u32) -> Result<()> {
        const DOING: &str = "changing the number of an app's instances";
        let body = format!("{{\"instances\":{instances}}}").into_bytes();
        let path = format!("/v2/apps{app}");
        let change = Change { method: Method::PUT, path, body: Some(body), doing: DOING };
        // PUT creates what is not there; an app of nothing but a number is refused then, with 422.
        expect(&self.change(change).await?, DOING)
    }

    /// Ends tasks, and has as many fewer instances of their apps. Tasks that are gone are passed over.
    pub(super) async fn kill(&self, tasks: &[String]) -> Result<()> {
        const DOING: &str = "ending containers";
        let body = serde_json::json!({ "ids": tasks }).to_string().into_bytes();
        let path = "/v2/tasks/delete?scale=true".to_owned();
        let change = Change { method: Method::POST, path, body: Some(body), doing: DOING };
        expect(&self.change(change).await?, DOING)
    }

    /// Removes an app with its tasks; gives the deployment that does so. One that is gone is no error.
    pub(super) async fn delete(&self, app: &str) -> Result<Option<String>> {
        const DOING: &str = "removing an app";
        let path = format!("/v2/apps{app}");
        let change = Change { method: Method::DELETE, path, body: None, doing: DOING };
        let answer = self.change(change).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let begun: Begun = answer.json(DOING)?;
        Ok(begun.id())
    }
}

/// Takes an app that is gone for one that has changed, and no other refusal.
fn expect(answer: &Answer, doing: &'static str) -> Result<()> {
    match answer.status {
        StatusCode::CONFLICT => Err(Error::Refused { doing, why: answer.words() }),
        _ => Ok(()),
    }
}

/// The deployments that an answer says hold the app.
fn locks(answer: &Answer) -> Vec<String> {
    if answer.status != StatusCode::CONFLICT {
        return Vec::new();
    }
    answer.refusal().map(|refusal| refusal.locks()).unwrap_or_default()
}
