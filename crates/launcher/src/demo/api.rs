//! The calls of the server's API that the demonstration makes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use launcher_model::DeploymentId;
use launcher_model::environment::EnvironmentState;
use launcher_model::route::{Deployment, DeploymentState};
use launcher_model::service::ServiceSpec;
use launcher_server::api::views::{DeployBody, EdgeView, RollbackBody, ServiceView, VersionView};
use launcher_server::http::page::Page;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A server, and the one service that is shown.
#[derive(Debug)]
pub(super) struct Api {
    client: reqwest::Client,
    base: String,
    token: SecretString,
    service: String,
}

/// The part of a problem document (RFC 9457) that is for people.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Api {
    /// Prepares to call the server at `address`.
    pub(super) fn new(address: SocketAddr, token: SecretString, service: &str) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build();
        Ok(Self {
            client: client.context("cannot prepare to call the server")?,
            base: format!("http://{address}/api/v1"),
            token,
            service: service.to_owned(),
        })
    }

    /// The edges that are connected.
    pub(super) async fn edges(&self) -> Result<Vec<EdgeView>> {
        Ok(self.get::<Page<EdgeView>>("/edges").await?.items)
    }

    /// Creates the service, or changes its settings.
    pub(super) async fn put_service(&self, spec: &ServiceSpec) -> Result<()> {
        let path = format!("/services/{}", self.service);
        self.send::<serde_json::Value>(Method::PUT, &path, spec).await.map(drop)
    }

    /// The service.
    pub(super) async fn service(&self) -> Result<ServiceView> {
        self.get(&format!("/services/{}", self.service)).await
    }

    /// Waits until an environment is ready or has failed, and returns it as it is then.
    pub(super) async fn settled(&self, version: u32, within: Duration) -> Result<VersionView> {
        let deadline = Instant::now() + within;
        loop {
            let view: VersionView =
                self.get(&format!("/services/{}/versions/{version}", self.service)).await?;
            if view.environment.state != EnvironmentState::Creating {
                return Ok(view);
            }
            look_again(deadline, || format!("version {version} is still being created")).await?;
        }
    }

    /// Makes a version live.
    pub(super) async fn deploy(&self, version: u32) -> Result<Deployment> {
        let path = format!("/services/{}/deployments", self.service);
        let version = Some(launcher_model::VersionNumber(version));
        let body = DeployBody { version, ..DeployBody::default() };
        self.send(Method::POST, &path, &body).await
    }

    /// Makes the version live again that was live before.
    pub(super) async fn rollback(&self) -> Result<Deployment> {
        let path = format!("/services/{}/rollback", self.service);
        let body = RollbackBody::default();
        self.send(Method::POST, &path, &body).await
    }

    /// Waits until a deployment is over, so that its receipt is final.
    pub(super) async fn finished(&self, id: DeploymentId, within: Duration) -> Result<Deployment> {
        let deadline = Instant::now() + within;
        loop {
            let path = format!("/services/{}/deployments/{}", self.service, id.0);
            let deployment: Deployment = self.get(&path).await?;
            if matches!(deployment.state, DeploymentState::Done | DeploymentState::Aborted) {
                return Ok(deployment);
            }
            look_again(deadline, || format!("deployment {} is still draining", id.0)).await?;
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.answer(path, self.client.get(format!("{}{path}", self.base))).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let request = self.client.request(method, format!("{}{path}", self.base));
        self.answer(path, request.json(body)).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<T> {
        let doing = || format!("the call of {path} failed");
        let response = request.bearer_auth(self.token.expose_secret()).send().await;
        let response = response.with_context(doing)?;
        let status = response.status();
        let body = response.bytes().await.with_context(doing)?;
        if !status.is_success() {
            let problem = serde_json::from_slice::<Problem>(&body);
            let detail = problem.map_or_else(|_| status.to_string(), |problem| problem.detail);
            bail!("the server refused {path}: {detail}");
        }
        serde_json::from_slice(&body).with_context(doing)
    }
}

/// Waits a moment, unless it is too late.
async fn look_again(deadline: Instant, state: impl Fn() -> String) -> Result<()> {
    if Instant::now() >= deadline {
        bail!("{}; that should not take so long", state());
    }
    tokio::time::sleep(LOOK).await;
    Ok(())
}
