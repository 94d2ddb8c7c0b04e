//! A Jenkins in this process: crumbs that belong to a session, a queue, runs with logs, as its documentation
//! of the remote access API describes them. Its addresses name another host, as behind a proxy.

mod form;
mod run;
mod tree;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Response, Uri};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use form::form;
pub use run::Run;

/// What opens it to the user `launcher`.
pub const TOKEN: &str = "11aa-of-jenkins";
/// What it says that it is.
pub const VERSION: &str = "2.541.1";
/// Where it believes that it is.
const BELIEVED: &str = "http://jenkins.invalid/ci";
/// The parameters that its job `web/shop` declares; it drops others.
const DECLARED: [&str; 4] = ["LAUNCHER_BUILD", "LAUNCHER_COMMIT", "LAUNCHER_BRANCH", "TARGET"];
/// Its queue has counted on since it was set up: no run has the number that it had there.
const FIRST_ITEM: u64 = 41;

#[derive(Default)]
struct Inner {
    runs: Mutex<Vec<Run>>,
    crumbs: bool,
    away: Mutex<bool>,
    /// It starts runs, and does not come to say so.
    slow: Mutex<bool>,
    /// How a run ends by itself once its log was read; it waits to be stopped when there is none.
    ends: Mutex<Option<String>>,
}

impl Inner {
    fn runs(&self) -> MutexGuard<'_, Vec<Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The Jenkins. It is gone when this is dropped.
pub struct Jenkins {
    /// Where it is.
    pub base: String,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Drop for Jenkins {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Jenkins {
    /// One with a job `web/shop`, which wants crumbs or does not.
    pub async fn open(crumbs: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/ci", listener.local_addr().unwrap());
        let inner = Arc::new(Inner { crumbs, ..Inner::default() });
        let router = Router::new().fallback(call).with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, inner, task }
    }

    /// How runs end from now on, once their log was read.
    pub fn ends_with(&self, result: &str) {
        *self.inner.ends.lock().unwrap() = Some(result.to_owned());
    }

    /// Whether it is being restarted.
    pub fn is_away(&self, away: bool) {
        *self.inner.away.lock().unwrap() = away;
    }

    /// Whether it starts runs without coming to say so.
    pub fn is_slow(&self, slow: bool) {
        *self.inner.slow.lock().unwrap() = slow;
    }

    /// All runs, those that wait too.
    #[must_use]
    pub fn runs(&self) -> Vec<Run> {
        self.inner.runs().clone()
    }

    /// Whatever waits has its turn.
    pub fn begins_all(&self) {
        let mut runs = self.inner.runs();
        for at in 0..runs.len() {
            begin(&mut runs, at);
        }
    }

    /// Whatever waits or runs comes to its end, though nobody has looked.
    pub fn ends_all(&self) {
        self.begins_all();
        for run in self.inner.runs().iter_mut() {
            read(&self.inner, run);
        }
    }
}

/// Gives a run that waits its number.
fn begin(runs: &mut [Run], at: usize) {
    let newest = runs.iter().filter_map(|run| run.number).max();
    if runs[at].waits() {
        runs[at].number = Some(newest.unwrap_or(0) + 1);
    }
}

type Answer = Response<Body>;

fn answer(status: u16, body: impl Into<Body>) -> Answer {
    Response::builder().status(status).body(body.into()).unwrap()
}

/// A value, as far as the call's `tree` asks for it.
fn told(value: &Value, query: &BTreeMap<String, String>) -> Answer {
    use axum::response::IntoResponse;
    match query.get("tree") {
        Some(tree) => Json(tree::pruned(value, tree)).into_response(),
        None => Json(value).into_response(),
    }
}

async fn call(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let mut answer = answered(&inner, &method, &uri, &headers, &body);
    answer.headers_mut().insert("x-jenkins", HeaderValue::from_static(VERSION));
    let slow = *inner.slow.lock().unwrap();
    if slow && uri.path().ends_with("/buildWithParameters") {
        std::future::pending::<()>().await;
    }
    answer
}

fn answered(inner: &Inner, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Answer {
    if *inner.away.lock().unwrap() {
        return answer(503, "<html>Jenkins is getting ready to work</html>");
    }
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let known = BASE64_STANDARD.encode(format!("launcher:{TOKEN}"));
    if text("authorization") != format!("Basic {known}") {
        return answer(401, "<html>Invalid password/token for user: launcher</html>");
    }
    let path = uri.path().strip_prefix("/ci/").unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let query = form(uri.query().unwrap_or_default().as_bytes());
    if method == Method::GET {
        return get(inner, &parts, &query);
    }
    if inner.crumbs
        && (text("jenkins-crumb"), text("cookie")) != ("c0ffee", "JSESSIONID.1=node0abc")
    {
        return answer(403, "<html>No valid crumb was included in the request</html>");
    }
    // It takes parameters from either place.
    let mut given = query;
    given.extend(form(body));
    post(inner, &parts, &given)
}

fn get(inner: &Inner, parts: &[&str], query: &BTreeMap<String, String>) -> Answer {
    match parts {
        [""] => answer(200, "<html>Dashboard</html>"),
        ["me", "api", "json"] => {
            let url = format!("{BELIEVED}/user/launcher");
            let me = json!({ "_class": "hudson.model.User", "id": "launcher", "fullName": "Launcher",
                "absoluteUrl": url, "description": null, "property": [] });
            told(&me, query)
        }
        ["crumbIssuer", "api", "json"] if inner.crumbs => {
            let crumb = json!({ "_class": "hudson.security.csrf.DefaultCrumbIssuer",
                "crumb": "c0ffee", "crumbRequestField": "Jenkins-Crumb" });
            let mut crumb = told(&crumb, query);
            let cookie = "JSESSIONID.1=node0abc; Path=/ci; HttpOnly";
            crumb.headers_mut().insert("set-cookie", HeaderValue::from_static(cookie));
            crumb
        }
        ["queue", "api", "json"] => {
            let runs = inner.runs();
            let waiting = runs.iter().filter(|run| run.waits()).map(Run::queued);
            told(&json!({ "items": waiting.collect::<Vec<_>>() }), query)
        }
        ["queue", "item", item, "api", "json"] => {
            let mut runs = inner.runs();
            let Some(at) = runs.iter().position(|run| run.item.to_string() == *item) else {
                return answer(404, "<html>Not Found</html>");
            };
            runs[at].asked += 1;
            if runs[at].asked > 1 {
                begin(&mut runs, at);
            }
            told(&runs[at].queued(), query)
        }
        ["job", "web", "job", "shop", "api", "json"] => told(&job(&inner.runs()), query),
        ["job", "web", "job", "shop", number, rest @ ..] => {
            let mut runs = inner.runs();
            let run =
                runs.iter_mut().find(|run| run.number.is_some_and(|n| n.to_string() == *number));
            match run {
                Some(run) => get_run(inner, run, rest, query),
                None => answer(404, "<html>Not Found</html>"),
            }
        }
        _ => answer(404, "<html>Not Found</html>"),
    }
}

/// The job, with its newest run first.
fn job(runs: &[Run]) -> Value {
    let mut begun: Vec<_> = runs.iter().filter_map(|run| Some((run.number?, run))).collect();
    begun.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let builds: Vec<_> = begun.iter().map(|(number, run)| run.told(*number)).collect();
    let parameter = |name| {
        json!({ "_class": "hudson.model.StringParameterDefinition", "name": name,
            "type": "StringParameterDefinition" })
    };
    json!({
        "_class": "hudson.model.FreeStyleProject",
        "name": "shop",
        "fullName": "web/shop",
        "url": format!("{BELIEVED}/job/web/job/shop/"),
        "buildable": true,
        "inQueue": runs.iter().any(Run::waits),
        "lastBuild": builds.first(),
        "nextBuildNumber": builds.len() + 1,
        "property": [{ "_class": "hudson.model.ParametersDefinitionProperty",
            "parameterDefinitions": DECLARED.map(parameter) }],
        "builds": builds
    })
}

fn get_run(
    inner: &Inner,
    run: &mut Run,
    rest: &[&str],
    query: &BTreeMap<String, String>,
) -> Answer {
    let number = run.number.unwrap_or_default();
    match rest {
        [""] => answer(200, "<html>web » shop</html>"),
        ["api", "json"] => told(&run.told(number), query),
        ["consoleText"] => {
            let text = run.log.clone();
            read(inner, run);
            plain().body(Body::from(text)).unwrap()
        }
        ["logText", "progressiveText"] => {
            let start = query.get("start").and_then(|start| start.parse().ok()).unwrap_or(0);
            let text = run.log.get(start..).unwrap_or_default().to_owned();
            let mut head = plain().header("x-text-size", run.log.len().to_string());
            if run.result.is_none() {
                head = head.header("x-more-data", "true");
            }
            if !text.is_empty() {
                read(inner, run);
            }
            head.body(Body::from(text)).unwrap()
        }
        _ => answer(404, "<html>Not Found</html>"),
    }
}

fn plain() -> axum::http::response::Builder {
    Response::builder().header("content-type", "text/plain;charset=utf-8")
}

/// A run whose log was read ends, if runs end.
fn read(inner: &Inner, run: &mut Run) {
    if run.result.is_some() {
        return;
    }
    run.result = inner.ends.lock().unwrap().clone();
    if run.result.is_some() {
        run.log.push_str("Finished\n");
    }
}

fn post(inner: &Inner, parts: &[&str], given: &BTreeMap<String, String>) -> Answer {
    let mut runs = inner.runs();
    match parts {
        // A job with parameters is started by a form alone there.
        ["job", "web", "job", "shop", "build"] => answer(400, "<html>Nothing is submitted</html>"),
        ["job", "web", "job", "shop", "buildWithParameters"] => {
            let parameters = DECLARED
                .iter()
                .map(|name| ((*name).to_owned(), given.get(*name).cloned().unwrap_or_default()));
            let item = FIRST_ITEM + runs.len() as u64;
            let log = "Started by user launcher\n+ docker build .\n".to_owned();
            runs.push(Run { parameters: parameters.collect(), item, log, ..Run::default() });
            let place = format!("{BELIEVED}/queue/item/{item}/");
            Response::builder().status(201).header("location", place).body(Body::empty()).unwrap()
        }
        ["queue", "cancelItem"] => {
            let waits = |run: &&mut Run| {
                run.waits() && given.get("id").is_some_and(|id| *id == run.item.to_string())
            };
            match runs.iter_mut().find(waits) {
                Some(run) => {
                    run.result = Some("ABORTED".to_owned());
                    answer(204, "")
                }
                None => answer(404, ""),
            }
        }
        ["job", "web", "job", "shop", number, "stop"] => {
            let run =
                runs.iter_mut().find(|run| run.number.is_some_and(|n| n.to_string() == *number));
            let Some(run) = run else { return answer(404, "<html>Not Found</html>") };
            // One that is over stays what it is. It leads back to the page of the run.
            run.result.get_or_insert_with(|| "ABORTED".to_owned());
            Response::builder().status(302).header("location", ".").body(Body::empty()).unwrap()
        }
        _ => answer(404, "<html>Not Found</html>"),
    }
}
