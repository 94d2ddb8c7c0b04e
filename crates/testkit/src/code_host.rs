//! A code host in this process: git's own server of repositories, and the calls for statuses, each behind
//! the host's token.

pub mod payloads;

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use axum::routing::{any, post};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use launcher_model::service::CodeHost;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{Checkout, Folder};

/// What opens it.
pub const TOKEN: &str = "tok-5f1c9a-of-the-host";

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// 503 to everything.
    Unwell,
    /// Repositories are served, statuses are refused.
    Refusing,
    /// Repositories are elsewhere, statuses are away.
    Elsewhere,
}

/// The host, with a repository `acme/shop`. It is gone when this is dropped.
pub struct Host {
    /// Where it is.
    pub base: String,
    folder: Folder,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    kind: CodeHost,
    root: std::path::PathBuf,
    mood: Mutex<Mood>,
    statuses: Mutex<Vec<(String, Value)>>,
    /// Where it leads who asks elsewhere, and who came there.
    other: Mutex<Option<String>>,
    asked: Mutex<Vec<String>>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Host {
    /// One of this kind, whose repository is empty.
    pub async fn open(kind: CodeHost) -> Self {
        let folder = Folder::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            kind,
            root: folder.path().to_owned(),
            mood: Mutex::new(Mood::Well),
            statuses: Mutex::default(),
            other: Mutex::default(),
            asked: Mutex::default(),
        });
        let calls = match kind {
            CodeHost::Github => "/api/v3/repos/acme/shop/statuses/{commit}",
            CodeHost::Gitlab => "/api/v4/projects/acme%2Fshop/statuses/{commit}",
            CodeHost::Gitea => "/api/v1/repos/acme/shop/statuses/{commit}",
        };
        let router = Router::new()
            .route(calls, post(status))
            .fallback(any(repositories))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let host = Self { base, folder, inner, task };
        let bare = host.repository();
        std::fs::create_dir_all(&bare).unwrap();
        let mut init = std::process::Command::new("git");
        assert!(init.args(["init", "--quiet", "--bare", &bare]).status().unwrap().success());
        host
    }

    /// Where people push to; they do not do so through HTTP here.
    #[must_use]
    pub fn repository(&self) -> String {
        self.folder.path().join("acme/shop.git").to_str().unwrap().to_owned()
    }

    /// The repository's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/acme/shop.git", self.base)
    }

    /// Changes how it behaves.
    pub fn is(&self, mood: Mood) {
        *self.inner.mood.lock().unwrap() = mood;
    }

    /// Sends whoever asks for a repository to another host.
    pub fn leads_to(&self, other: &str) {
        *self.inner.other.lock().unwrap() = Some(other.to_owned());
        self.is(Mood::Elsewhere);
    }

    /// What was asked of it, whatever it answered.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.inner.asked.lock().unwrap().clone()
    }

    /// Takes the newest commit of a working copy as a branch; the commit.
    pub fn takes(&self, checkout: &Checkout, branch: &str) -> String {
        let to = format!("HEAD:refs/heads/{branch}");
        let _ = checkout.push(&["--force", &self.repository(), &to]).taken();
        checkout.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// The statuses that it was told of a commit.
    #[must_use]
    pub fn statuses(&self, commit: &str) -> Vec<Value> {
        let all = self.inner.statuses.lock().unwrap();
        all.iter().filter(|(of, _)| of == commit).map(|(_, status)| status.clone()).collect()
    }
}

async fn status(
    State(host): State<Arc<Inner>>,
    Path(commit): Path<String>,
    headers: HeaderMap,
    axum::Json(status): axum::Json<Value>,
) -> (StatusCode, String) {
    let (name, value) = match host.kind {
        CodeHost::Github => ("authorization", format!("Bearer {TOKEN}")),
        CodeHost::Gitlab => ("private-token", TOKEN.to_owned()),
        CodeHost::Gitea => ("authorization", format!("token {TOKEN}")),
    };
    let mood = *host.mood.lock().unwrap();
    if mood == Mood::Unwell || mood == Mood::Elsewhere {
        return (StatusCode::SERVICE_UNAVAILABLE, "<html>down</html>".to_owned());
    }
    if headers.get(name).is_none_or(|given| given != value.as_str()) {
        return (StatusCode::UNAUTHORIZED, "{\"message\":\"Bad credentials\"}".to_owned());
    }
    if mood == Mood::Refusing {
        return (StatusCode::NOT_FOUND, "{\"message\":\"Not Found\"}".to_owned());
    }
    let mut statuses = host.statuses.lock().unwrap();
    // As GitLab does it.
    let same = statuses.iter().rev().find(|(of, _)| *of == commit);
    if host.kind == CodeHost::Gitlab && same.is_some_and(|(_, it)| it["state"] == status["state"]) {
        let words = "{\"message\":\"Cannot transition status via :run from :running\"}";
        return (StatusCode::BAD_REQUEST, words.to_owned());
    }
    statuses.push((commit, status));
    (StatusCode::CREATED, "{}".to_owned())
}

async fn repositories(
    State(host): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    host.asked.lock().unwrap().push(format!("{uri} {headers:?}"));
    let answer = |status: StatusCode| Response::builder().status(status);
    let mood = *host.mood.lock().unwrap();
    match mood {
        Mood::Unwell => {
            return answer(StatusCode::SERVICE_UNAVAILABLE).body(Body::empty()).unwrap();
        }
        Mood::Elsewhere => {
            let other = host.other.lock().unwrap().clone().unwrap();
            let to = answer(StatusCode::FOUND).header(header::LOCATION, format!("{other}{uri}"));
            return to.body(Body::empty()).unwrap();
        }
        Mood::Well | Mood::Refusing => {}
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok());
    let user = if host.kind == CodeHost::Gitlab { "oauth2" } else { "x-access-token" };
    if given != Some(format!("{user}:{TOKEN}").into_bytes()) {
        let asking = answer(StatusCode::UNAUTHORIZED);
        return asking
            .header("www-authenticate", "Basic realm=\"host\"")
            .body(Body::empty())
            .unwrap();
    }
    backend(&host, &method, &uri, &headers, &body).await
}

/// `git http-backend`, as a web server runs it (RFC 3875).
async fn backend(
    host: &Inner,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response<Body> {
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &host.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", text("content-type"))
        .env("HTTP_CONTENT_ENCODING", text("content-encoding"))
        .env("GIT_PROTOCOL", text("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).await.unwrap();
    let output = child.wait_with_output().await.unwrap().stdout;
    let end = output.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in std::str::from_utf8(&output[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            name => response.header(name, value),
        };
    }
    response.body(Body::from(output[end + 4..].to_vec())).unwrap()
}
