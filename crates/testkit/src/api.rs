//! A small client of the HTTP API.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::wait::{SOON, until};

/// Calls one server with one token.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    token: String,
}

/// What a call was answered with.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, `null` when it is none.
    pub body: Value,
}

impl Api {
    /// A client of the server at `base`, such as `http://127.0.0.1:7070`.
    #[must_use]
    pub fn new(base: &str, token: &str) -> Self {
        // Only plain HTTP is spoken here, but the client wants a provider all the same; one may be there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(120));
        Self {
            client: client.build().unwrap(),
            base: format!("{base}/api/v1"),
            token: token.to_owned(),
        }
    }

    /// The same server, called with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// A call; an error when no server answers.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let mut request = request.bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, body })
    }

    /// A call that must be answered with success.
    ///
    /// # Panics
    /// When it is not.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.try_call(method.clone(), path, body.as_ref()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert!(answer.status < 300, "{method} {path} answered {}: {}", answer.status, answer.body);
        answer.body
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Creates a service, or replaces its settings.
    pub async fn put_service(&self, spec: Value) {
        let name = spec["service"]["name"].as_str().unwrap().to_owned();
        self.call(Method::PUT, &format!("/services/{name}"), Some(spec)).await;
    }

    /// Launches an image: the number.
    pub async fn launch(&self, service: &str, image: &str) -> u64 {
        let launched =
            self.post(&format!("/services/{service}/versions"), json!({ "image": image })).await;
        launched["number"].as_u64().unwrap()
    }

    /// One version with its environment.
    pub async fn version(&self, service: &str, number: u64) -> Value {
        self.get(&format!("/services/{service}/versions/{number}")).await
    }

    /// Waits until an environment is in a state.
    ///
    /// # Panics
    /// When it fails although that is not what is waited for, or does not get there soon.
    pub async fn wait_for_state(&self, service: &str, number: u64, state: &str) -> Value {
        until(&format!("v{number} of {service} becoming {state}"), SOON, || async {
            let path = format!("/services/{service}/versions/{number}");
            let version = self.insist_get(&path).await;
            let now = version["environment"]["state"].as_str().unwrap_or_default();
            assert!(
                now == state || now != "failed",
                "v{number} of {service} failed: {}",
                version["environment"]["failure"]
            );
            (now == state).then_some(version)
        })
        .await
    }

    /// Launches an image and waits until its environment is ready: the number.
    pub async fn launch_ready(&self, service: &str, image: &str) -> u64 {
        let number = self.launch(service, image).await;
        self.wait_for_state(service, number, "ready").await;
        number
    }

    /// Calls until it is answered with success or refused for good, across restarts of the server; with
    /// one key, so that nothing is done twice.
    ///
    /// # Panics
    /// When it never is.
    pub async fn insist(&self, method: Method, path: &str, body: &Value) -> Answer {
        let key = format!("{:032x}", rand::random::<u128>());
        until(&format!("an answer to {method} {path}"), SOON, || async {
            let request = self.client.request(method.clone(), format!("{}{path}", self.base));
            let request = request.bearer_auth(&self.token).header("idempotency-key", &key);
            let response = request.json(body).send().await.ok()?;
            let status = response.status().as_u16();
            let body: Value = response.json().await.ok()?;
            let passing = status >= 500
                || body["type"] == "urn:launcher:problem:busy"
                || body["type"] == "urn:launcher:problem:idempotency";
            (!passing).then_some(Answer { status, body })
        })
        .await
    }

    /// `GET`, until the server answers with success.
    pub async fn insist_get(&self, path: &str) -> Value {
        until(&format!("an answer to GET {path}"), SOON, || async {
            let answer = self.try_call(Method::GET, path, None).await.ok()?;
            (answer.status == 200).then_some(answer.body)
        })
        .await
    }

    /// Makes a version live: the deployment.
    pub async fn deploy(&self, service: &str, number: u64) -> Value {
        self.post(&format!("/services/{service}/deployments"), json!({ "version": number })).await
    }

    /// The version that is live alone.
    pub async fn live(&self, service: &str) -> Option<u64> {
        let live = self.get(&format!("/services/{service}")).await["live"].clone();
        let live = live.as_object()?.clone();
        live.into_iter()
            .find(|(_, weight)| *weight == 100)
            .and_then(|(number, _)| number.parse().ok())
    }
}
