//! Asking the authority over HTTP.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use reqwest::redirect::Policy;

use crate::{Error, Result, Settings};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A client for the authority.
#[derive(Clone)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let failed = |error: reqwest::Error| Error::Setting(whole(&error));
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(settings.within)
            .redirect(Policy::none())
            .user_agent(concat!("rocket-launcher/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &settings.authority {
            let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(failed)?;
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().map(Self).map_err(failed)
    }
}

type Asked = Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>>;

impl HttpClient for Client {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Asked {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            // It is in memory, and never fails.
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let request = reqwest::Request::try_from(Request::from_parts(parts, body));
            let answer = client.execute(request.map_err(away)?).await.map_err(away)?;
            Ok(BytesResponse::from(http::Response::from(answer)))
        })
    }
}

fn away(error: reqwest::Error) -> instant_acme::Error {
    let why = match error.is_timeout() {
        true => "it does not answer in time".to_owned(),
        false => whole(&error.without_url()),
    };
    instant_acme::Error::Other(why.into())
}

/// An error with what has led to it.
fn whole(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words.push_str(": ");
            words.push_str(&cause_words);
        }
        source = cause.source();
    }
    words
}
