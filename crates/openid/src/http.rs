//! Asking the provider over HTTP.

use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse};
use reqwest::Client;
use reqwest::redirect::Policy;

use crate::error::whole;
use crate::settings::is_guarded;
use crate::{Error, Result, Settings};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a whole answer may take: somebody waits for it.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const LONGEST: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Silent(String);

/// A client that follows nobody elsewhere: what is sent is secret.
pub(crate) fn client(settings: &Settings) -> Result<Client> {
    let setting = |why: String| Error::Setting(format!("ca_file cannot be used: {why}"));
    let mut builder = Client::builder()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .redirect(Policy::none())
        .user_agent(concat!("rocket-launcher/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = &settings.authority {
        let read = reqwest::Certificate::from_pem_bundle(pem);
        let certificates = read.map_err(|error| setting(whole(&error)))?;
        if certificates.is_empty() {
            return Err(setting("there is no -----BEGIN CERTIFICATE----- in it".to_owned()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| setting(whole(&error)))
}

/// Asks once.
pub(crate) async fn ask(
    client: Client,
    request: HttpRequest,
) -> std::result::Result<HttpResponse, Silent> {
    let failed = |error: reqwest::Error| {
        Silent(match error.is_timeout() {
            true => "it does not answer in time".to_owned(),
            false => whole(&error.without_url()),
        })
    };
    let request = reqwest::Request::try_from(request).map_err(failed)?;
    // What it says of its own addresses is no more to be trusted to a wire than itself.
    if !is_guarded(request.url()) {
        return Err(Silent(format!("it names {}, which is not https", request.url())));
    }
    let mut response = client.execute(request).await.map_err(failed)?;
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if body.len() + piece.len() > LONGEST {
            return Err(Silent(format!("its answer is longer than {LONGEST} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    let mut answer = http::Response::new(body);
    *answer.status_mut() = response.status();
    *answer.headers_mut() = response.headers().clone();
    Ok(answer)
}
