//! Reading from Graphite's web application (its documentation, "The Render URL API").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// How long an answer may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The longest answer that is taken, in bytes.
const LONGEST: usize = 16 << 20;

/// Where Graphite's web application is.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// Such as `https://graphite.example.com`.
    pub url: Url,
    /// User and password, where it asks for them.
    pub login: Option<(String, SecretString)>,
}

/// Graphite's web application.
#[derive(Debug, Clone)]
pub struct Web {
    options: WebOptions,
    client: Client,
    failed: Arc<AtomicU64>,
}

/// What stands in the way of what Graphite knows.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// There is no client.
    #[error("cannot ask Graphite: {0}")]
    Client(reqwest::Error),
    /// It cannot be reached, or breaks off.
    #[error("Graphite at {url} cannot be asked: {cause}")]
    Away {
        /// Where.
        url: Url,
        /// Why.
        cause: reqwest::Error,
    },
    /// It refuses.
    #[error("Graphite at {url} answers with {status}{}", login(*status))]
    Refused {
        /// Where.
        url: Url,
        /// The HTTP status.
        status: u16,
    },
    /// Its answer is too long.
    #[error("Graphite at {url} answers with more than {} MiB", LONGEST >> 20)]
    Long {
        /// Where.
        url: Url,
    },
    /// Its answer makes no sense.
    #[error("Graphite at {url} answers with what is no series: {why}")]
    Malformed {
        /// Where.
        url: Url,
        /// Why.
        why: String,
    },
}

fn login(status: u16) -> &'static str {
    if status == 401 { "; [graphite] needs username and password_file" } else { "" }
}

/// A series as `/render?format=json` has it.
#[derive(Debug, Deserialize)]
struct Series {
    target: String,
    /// Numbers with their seconds since 1970.
    datapoints: Vec<(Option<f64>, i64)>,
}

/// By the names that were asked for, the numbers that there are, in order of their time.
pub(crate) type Found = BTreeMap<String, Vec<(i64, f64)>>;

impl Web {
    /// Is asked when something is read.
    ///
    /// # Errors
    /// When there can be no client.
    pub fn new(options: WebOptions) -> Result<Self, WebError> {
        let client = Client::builder().timeout(WITHIN).build().map_err(WebError::Client)?;
        Ok(Self { options, client, failed: Arc::default() })
    }

    /// How often it could not be asked, or answered what makes no sense.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn count<T>(&self, answered: Result<T, WebError>) -> Result<T, WebError> {
        if answered.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        answered
    }

    /// What was written under these names, from `from` until `until`.
    pub(crate) async fn read(
        &self,
        names: &[String],
        (from, until): (i64, i64),
    ) -> Result<Found, WebError> {
        let mut form = vec![
            ("format", "json".to_owned()),
            ("noNullPoints", "true".to_owned()),
            // The first second is left out by Graphite.
            ("from", (from - 1).to_string()),
            ("until", (until - 1).to_string()),
        ];
        form.extend(names.iter().map(|name| ("target", name.clone())));
        let malformed = |why| WebError::Malformed { url: self.options.url.clone(), why };
        let rendered = self.render(&form).await;
        self.count(rendered.and_then(|bytes| read(&bytes).map_err(malformed)))
    }

    /// Graphite's own picture of these targets, as PNG.
    ///
    /// # Errors
    /// When Graphite does not draw it.
    pub async fn picture(&self, query: &[(&'static str, String)]) -> Result<Vec<u8>, WebError> {
        let mut form = vec![("format", "png".to_owned())];
        form.extend(query.iter().cloned());
        let is_picture = |picture: Vec<u8>| match picture.starts_with(b"\x89PNG\r\n") {
            true => Ok(picture),
            false => {
                let why = "it is no PNG".to_owned();
                Err(WebError::Malformed { url: self.options.url.clone(), why })
            }
        };
        let rendered = self.render(&form).await;
        self.count(rendered.and_then(is_picture))
    }

    /// What `/render` answers to a form.
    async fn render(&self, form: &[(&'static str, String)]) -> Result<Vec<u8>, WebError> {
        let url = || self.options.url.clone();
        let mut at = self.options.url.clone();
        if let Ok(mut path) = at.path_segments_mut() {
            path.pop_if_empty().push("render");
        }
        let mut request = self.client.post(at).form(form);
        if let Some((user, password)) = &self.options.login {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        let away = |cause| WebError::Away { url: url(), cause };
        let response = request.send().await.map_err(away)?;
        if !response.status().is_success() {
            return Err(WebError::Refused { url: url(), status: response.status().as_u16() });
        }
        let mut body = response.bytes_stream();
        let mut bytes = Vec::new();
        while let Some(part) = body.next().await {
            let part = part.map_err(away)?;
            if bytes.len() + part.len() > LONGEST {
                return Err(WebError::Long { url: url() });
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }
}

/// Reads an answer. One that says no numbers is one of nothing.
pub(super) fn read(bytes: &[u8]) -> Result<Found, String> {
    let all: Vec<Series> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut found = Found::new();
    for series in all {
        let numbers = series.datapoints.into_iter();
        let numbers = numbers.filter_map(|(number, at)| Some((at, number?)));
        let of = found.entry(series.target).or_default();
        of.extend(numbers.filter(|(_, number)| number.is_finite()));
        of.sort_by_key(|(at, _)| *at);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn an_answer_is_read_without_what_was_not_measured() {
        let text =
            r#"[{"target": "a.b", "tags": {}, "datapoints": [[null, 10], [2.5, 12], [1, 11]]}]"#;
        assert_eq!(read(text.as_bytes()).unwrap()["a.b"], [(11, 1.0), (12, 2.5)]);
        assert!(read(b"[]").unwrap().is_empty());
        assert!(read(b"<html>").is_err());
    }

    /// What is read from one that answers with these bytes over and over, until it is left.
    async fn answered_with(head: &'static [u8], more: Vec<u8>) -> (Result<Found, WebError>, u64) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let web = Web::new(WebOptions { url, login: None }).unwrap();
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let mut out = stream.write_all(head).await;
            while out.is_ok() && !more.is_empty() {
                out = stream.write_all(&more).await;
            }
        });
        let answer = web.read(&["a.b".to_owned()], (0, 10)).await;
        answering.abort();
        (answer, web.failed())
    }

    #[tokio::test]
    async fn what_is_no_answer_is_refused_and_counted() {
        // One may be there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endless = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
        let (answer, failed) = answered_with(endless, vec![b' '; 1 << 16]).await;
        assert!(matches!(answer, Err(WebError::Long { .. })), "{answer:?}");
        assert_eq!(failed, 1);
        let page = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>";
        let (answer, failed) = answered_with(page, Vec::new()).await;
        assert!(matches!(answer, Err(WebError::Malformed { .. })), "{answer:?}");
        assert_eq!(failed, 1);
        let nothing = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]";
        let (answer, failed) = answered_with(nothing, Vec::new()).await;
        assert!(answer.unwrap().is_empty());
        assert_eq!(failed, 0);
    }

    proptest! {
        #[test]
        fn whatever_is_answered_is_read_or_refused(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300),
                r#"\[\{"target":"[a-z.]{0,9}","datapoints":\[(\[(null|-?[0-9]{1,30}|1e999|"x"),-?[0-9]{1,25}\],?){0,5}\]\}\]"#
                    .prop_map(String::into_bytes),
            ],
        ) {
            for numbers in read(&bytes).into_iter().flat_map(Found::into_values) {
                prop_assert!(numbers.iter().all(|(_, number)| number.is_finite()));
                prop_assert!(numbers.is_sorted_by_key(|(at, _)| *at));
                // Each takes ten bytes of the answer at least.
                prop_assert!(numbers.len() <= bytes.len() / 5);
            }
        }
    }
}
