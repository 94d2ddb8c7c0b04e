//! A provider of OpenID Connect that others wrote, and whoever signs in there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use launcher_testkit::{Folder, clients};
use reqwest::{Method, Url, header};
use serde_json::Value;

static INSTALLED: LazyLock<PathBuf> =
    LazyLock::new(|| clients::installed("openid-clients", env!("CARGO_TARGET_TMPDIR")));

/// What it calls these tests, and by what it knows them.
pub(crate) const CLIENT: (&str, &str) = ("launcher", "a secret of two");

/// A running provider. It is gone when this is dropped.
pub(crate) struct Provider {
    process: Child,
    /// Where it is.
    pub(crate) issuer: String,
    accounts: PathBuf,
    _folder: Folder,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Provider {
    /// One that leads people back to this address.
    pub(crate) fn start(callback: &str) -> Self {
        let folder = Folder::new();
        let accounts = folder.path().join("accounts.json");
        std::fs::write(&accounts, "{}").unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages_openid/provider.mjs");
        let library = INSTALLED.join("node_modules/oidc-provider/lib/index.js");
        let mut process = Command::new("node")
            .arg(script)
            .arg(library)
            .arg(&accounts)
            .arg(callback)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is needed: `make setup` installs it");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let told = lines.map_while(Result::ok).find(|line| line.starts_with("http://"));
        Self { process, issuer: told.expect("it says where it is"), accounts, _folder: folder }
    }

    /// From now on it knows these, by what they sign in with.
    pub(crate) fn knows(&self, accounts: &Value) {
        // It must not read half of them.
        let new = self.accounts.with_extension("new");
        std::fs::write(&new, accounts.to_string()).unwrap();
        std::fs::rename(new, &self.accounts).unwrap();
    }
}

/// A browser at the provider, with the cookies that it has there.
pub(crate) struct Guest {
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

/// What somebody does at the provider.
#[derive(Clone, Copy)]
pub(crate) enum Does<'a> {
    /// Signs in with this name, and lets it tell who they are.
    SignsIn(&'a str),
    /// Leaves.
    Cancels,
}

struct Answer {
    to: Option<Url>,
    body: String,
}

impl Guest {
    pub(crate) fn new() -> Self {
        let client =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { client: client.build().unwrap(), cookies: BTreeMap::new() }
    }

    /// Goes to this address of the provider's, does what there is to do, and ends at one of another host: its path
    /// and query.
    pub(crate) async fn goes(&mut self, address: &str, does: Does<'_>) -> String {
        let mut at: Url = address.parse().unwrap();
        let home = at.host_str().unwrap().to_owned();
        let mut answer = self.asks(Method::GET, &at, None).await;
        for _ in 0..20 {
            if let Some(to) = answer.to {
                if to.host_str() != Some(&home) {
                    return format!("{}?{}", to.path(), to.query().unwrap_or_default());
                }
                at = to;
                answer = self.asks(Method::GET, &at, None).await;
                continue;
            }
            let between = |from: &str, to: &str| {
                let (_, rest) = answer.body.split_once(from)?;
                Some(rest.split_once(to)?.0.to_owned())
            };
            let prompt = between("name=\"prompt\" value=\"", "\"");
            let prompt = prompt.unwrap_or_else(|| panic!("no form at {at}: {}", answer.body));
            answer = match does {
                Does::Cancels => {
                    at = at.join(&(at.path().to_owned() + "/abort")).unwrap();
                    self.asks(Method::GET, &at, None).await
                }
                Does::SignsIn(who) => {
                    at = at.join(&between("action=\"", "\"").unwrap()).unwrap();
                    let form = format!("prompt={prompt}&login={who}&password=any");
                    self.asks(Method::POST, &at, Some(form)).await
                }
            };
        }
        panic!("no way back from {at}");
    }

    async fn asks(&mut self, method: Method, at: &Url, form: Option<String>) -> Answer {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request =
            self.client.request(method, at.clone()).header(header::COOKIE, cookies.join("; "));
        let request = match form {
            Some(form) => {
                request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
            }
            None => request,
        };
        let response = request.send().await.unwrap();
        for line in response.headers().get_all(header::SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value {
                "" => self.cookies.remove(name),
                _ => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let to = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap());
        let to = to.map(|to| at.join(to).unwrap());
        Answer { to, body: response.text().await.unwrap() }
    }
}
