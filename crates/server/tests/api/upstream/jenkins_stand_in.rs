//! A Jenkins in this process: crumbs that belong to a session, a queue, runs with logs, as its documentation
//! of the remote access API describes them. Its addresses name another host, as behind a proxy.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(super) const TOKEN: &str = "11aa-of-jenkins";

/// One run, from the queue on.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    pub(super) parameters: BTreeMap<String, String>,
    /// So often it was asked whether its turn has come.
    asked: u32,
    pub(super) result: Option<String>,
    pub(super) log: String,
}

#[derive(Default)]
struct Inner {
    runs: Mutex<Vec<Run>>,
    crumbs: bool,
    away: Mutex<bool>,
    /// How a run ends by itself once its log was read; it waits to be stopped when there is none.
    ends: Mutex<Option<String>>,
}

pub(super) struct Jenkins {
    pub(super) base: String,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Drop for Jenkins {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Jenkins {
    pub(super) async fn open(crumbs: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/ci", listener.local_addr().unwrap());
        let inner = Arc::new(Inner { crumbs, ..Inner::default() });
        let router = Router::new().fallback(call).with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, inner, task }
    }

    pub(super) fn ends_with(&self, result: &str) {
        *self.inner.ends.lock().unwrap() = Some(result.to_owned());
    }

    pub(super) fn is_away(&self, away: bool) {
        *self.inner.away.lock().unwrap() = away;
    }

    pub(super) fn runs(&self) -> Vec<Run> {
        self.inner.runs.lock().unwrap().clone()
    }
}

type Answer = Response<Body>;

fn answer(status: u16, body: impl Into<Body>) -> Answer {
    Response::builder().status(status).body(body.into()).unwrap()
}

fn told(value: &Value) -> Answer {
    use axum::response::IntoResponse;
    Json(value).into_response()
}

async fn call(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if *inner.away.lock().unwrap() {
        return answer(503, "<html>Jenkins is getting ready to work</html>");
    }
    let given = headers.get("authorization").map_or("", |value| value.to_str().unwrap());
    if given != format!("Basic {}", BASE64_STANDARD.encode(format!("launcher:{TOKEN}"))) {
        return answer(401, "<html>Invalid password/token for user: launcher</html>");
    }
    let path = uri.path().strip_prefix("/ci/").unwrap_or_default().to_owned();
    if method == Method::GET {
        return get(&inner, &path, uri.query().unwrap_or_default());
    }
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    if inner.crumbs
        && (text("jenkins-crumb"), text("cookie")) != ("c0ffee", "JSESSIONID.1=node0abc")
    {
        return answer(403, "<html>No valid crumb was included in the request</html>");
    }
    post(&inner, &path, uri.query().unwrap_or_default(), &body)
}

fn get(inner: &Inner, path: &str, query: &str) -> Answer {
    let mut runs = inner.runs.lock().unwrap();
    let parameters = |run: &Run| {
        let all =
            run.parameters.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        json!([{ "_class": "hudson.model.ParametersAction", "parameters": all.collect::<Vec<_>>() }, {}])
    };
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["crumbIssuer", "api", "json"] if inner.crumbs => {
            let crumb = json!({ "crumb": "c0ffee", "crumbRequestField": "Jenkins-Crumb" });
            let mut crumb = told(&crumb);
            let cookie = "JSESSIONID.1=node0abc; Path=/ci; HttpOnly";
            crumb.headers_mut().insert("set-cookie", cookie.parse().unwrap());
            crumb
        }
        ["queue", "api", "json"] => told(&json!({ "items": [] })),
        ["queue", "item", number, "api", "json"] => {
            let number: usize = number.parse().unwrap();
            let Some(run) = runs.get_mut(number - 1) else { return answer(404, "") };
            run.asked += 1;
            if run.asked < 2 {
                let why = "Waiting for next available executor";
                return told(&json!({ "id": number, "why": why, "actions": [{}] }));
            }
            let url = format!("http://jenkins.invalid/ci/job/web/job/shop/{number}/");
            told(&json!({ "id": number, "executable": { "number": number, "url": url } }))
        }
        ["job", "web", "job", "shop", "api", "json"] => {
            let all = runs.iter().enumerate().rev();
            let all = all.map(|(n, run)| json!({ "number": n + 1, "actions": parameters(run) }));
            told(&json!({ "builds": all.collect::<Vec<_>>() }))
        }
        ["job", "web", "job", "shop", number, "api", "json"] => {
            let run = &runs[number.parse::<usize>().unwrap() - 1];
            told(&json!({ "building": run.result.is_none(), "result": run.result }))
        }
        ["job", "web", "job", "shop", number, "logText", "progressiveText"] => {
            let run = &mut runs[number.parse::<usize>().unwrap() - 1];
            let start: usize = query.strip_prefix("start=").unwrap().parse().unwrap();
            let text = run.log[start..].to_owned();
            let size = run.log.len().to_string();
            if run.result.is_none() && !text.is_empty() {
                run.result = inner.ends.lock().unwrap().clone();
                if run.result.is_some() {
                    run.log.push_str("Finished\n");
                }
            }
            Response::builder().header("x-text-size", size).body(Body::from(text)).unwrap()
        }
        _ => answer(404, "<html>Not Found</html>"),
    }
}

fn post(inner: &Inner, path: &str, query: &str, body: &[u8]) -> Answer {
    let mut runs = inner.runs.lock().unwrap();
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["job", "web", "job", "shop", "buildWithParameters"] => {
            let parameters = form(body);
            let log = "Started by user launcher\n+ docker build .\n".to_owned();
            runs.push(Run { parameters, log, ..Run::default() });
            let place = format!("http://jenkins.invalid/ci/queue/item/{}/", runs.len());
            Response::builder().status(201).header("location", place).body(Body::empty()).unwrap()
        }
        ["queue", "cancelItem"] => {
            let id: usize = query.strip_prefix("id=").unwrap().parse().unwrap();
            runs[id - 1].result = Some("ABORTED".to_owned());
            answer(StatusCode::NO_CONTENT.as_u16(), "")
        }
        ["job", "web", "job", "shop", number, "stop"] => {
            runs[number.parse::<usize>().unwrap() - 1].result = Some("ABORTED".to_owned());
            Response::builder().status(302).header("location", "..").body(Body::empty()).unwrap()
        }
        _ => answer(404, "<html>Not Found</html>"),
    }
}

/// `application/x-www-form-urlencoded`, as the URL standard reads it.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let text = std::str::from_utf8(body).unwrap().replace('+', " ");
    let decode = |text: &str| {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                let hex = std::str::from_utf8(&hex).unwrap();
                out.push(u8::from_str_radix(hex, 16).unwrap());
            } else {
                out.push(byte);
            }
        }
        String::from_utf8(out).unwrap()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}
