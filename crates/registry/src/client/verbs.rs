//! What is asked of a registry.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use launcher_model::image::Digest;
use reqwest::header::{CONTENT_TYPE, LINK};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use sha2::Digest as _;

use super::{Answer, Call, Client};
use crate::{About, Error, Place, Result};

/// Every kind of manifest.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";
/// The header that names a manifest's content.
const CONTENT_DIGEST: &str = "docker-content-digest";
/// So many tags are asked for at once.
const TAGS: usize = 1000;
/// Not more pages of them.
const MOST_PAGES: usize = 100;

/// A manifest or an index, as far as it matters here.
#[derive(Deserialize)]
struct Manifest {
    config: Option<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: Digest,
}

/// An image's configuration, as far as it matters here.
#[derive(Deserialize)]
struct Config {
    created: Option<String>,
    config: Option<Settings>,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

impl Client {
    /// The digest of the manifest with this tag or digest.
    pub(crate) async fn digest(&self, place: &Place, name: &str) -> Result<Digest> {
        let path = format!("{}/manifests/{name}", place.path());
        let call = Call { accept: MANIFESTS, ..Call::new(Method::HEAD, &path) };
        let answer = self.send(&call).await?;
        match answer.status {
            StatusCode::OK => {}
            // An answer to HEAD has no words.
            StatusCode::NOT_FOUND => {
                let call = Call { accept: MANIFESTS, ..Call::new(Method::GET, &path) };
                return self.manifest_digest(&self.send(&call).await?, place, name);
            }
            _ => return Err(self.refused(&answer, &shown(place, name))),
        }
        if answer.headers.contains_key(CONTENT_DIGEST) {
            return self.told_digest(&answer, name);
        }
        let call = Call { accept: MANIFESTS, ..Call::new(Method::GET, &path) };
        self.manifest_digest(&self.send(&call).await?, place, name)
    }

    /// The digest of the manifest that was sent.
    fn manifest_digest(&self, answer: &Answer, place: &Place, name: &str) -> Result<Digest> {
        if answer.status != StatusCode::OK {
            return Err(self.refused(answer, &shown(place, name)));
        }
        let digest = digest_of(&answer.body).map_err(|_| self.nonsense("a wrong digest"))?;
        match Digest::new(name) {
            Ok(asked) if asked != digest => Err(self.nonsense(format!("{digest} for {asked}"))),
            _ => Ok(digest),
        }
    }

    fn told_digest(&self, answer: &Answer, name: &str) -> Result<Digest> {
        let told = answer.headers.get(CONTENT_DIGEST).and_then(|told| told.to_str().ok());
        let digest = Digest::new(told.unwrap_or_default());
        let digest = digest.map_err(|_| self.nonsense("a digest that is none"))?;
        match Digest::new(name) {
            Ok(asked) if asked != digest => Err(self.nonsense(format!("{digest} for {asked}"))),
            _ => Ok(digest),
        }
    }

    /// The tags of a repository.
    pub(crate) async fn tags(&self, place: &Place) -> Result<Vec<String>> {
        let mut tags: Vec<String> = Vec::new();
        let mut query = format!("n={TAGS}");
        for _ in 0..MOST_PAGES {
            let path = format!("{}/tags/list?{query}", place.path());
            let answer = self.send(&Call::new(Method::GET, &path)).await?;
            if answer.status != StatusCode::OK {
                return Err(self.refused(&answer, place.path()));
            }
            let page: Tags = self.parse(&answer.body, "a list of tags")?;
            tags.extend(page.tags.unwrap_or_default());
            match next_page(&answer) {
                Some(next) => query = next,
                None => {
                    tags.sort_unstable();
                    return Ok(tags);
                }
            }
        }
        Err(self.nonsense(format!("a list of tags with more than {MOST_PAGES} pages")))
    }

    /// What an image says of itself.
    pub(crate) async fn about(&self, place: &Place, digest: &Digest) -> Result<About> {
        let mut manifest = self.manifest(place, digest).await?;
        let mut labels = manifest.annotations.take().unwrap_or_default();
        if manifest.config.is_none()
            && let Some(first) = manifest.manifests.first()
        {
            manifest = self.manifest(place, &first.digest).await?;
        }
        let Some(config) = manifest.config else { return Ok(About { created: None, labels }) };
        let path = format!("{}/blobs/{}", place.path(), config.digest);
        let answer = self.send(&Call::new(Method::GET, &path)).await?;
        let body = self.content(&answer, place, &config.digest)?;
        // What is no image, such as a chart, has another configuration.
        let config: Option<Config> = serde_json::from_slice(body).ok();
        let created = config.as_ref().and_then(|config| config.created.as_deref());
        let created = created.and_then(|text| text.parse::<Timestamp>().ok());
        let own = config.and_then(|config| config.config).and_then(|config| config.labels);
        labels.extend(own.unwrap_or_default());
        Ok(About { created, labels })
    }

    async fn manifest(&self, place: &Place, digest: &Digest) -> Result<Manifest> {
        let (_, body) = self.raw_manifest(place, digest).await?;
        self.parse(&body, "a manifest")
    }

    /// A manifest's media type and bytes.
    async fn raw_manifest(&self, place: &Place, digest: &Digest) -> Result<(String, Bytes)> {
        let path = format!("{}/manifests/{digest}", place.path());
        let call = Call { accept: MANIFESTS, ..Call::new(Method::GET, &path) };
        let answer = self.send(&call).await?;
        let body = Bytes::copy_from_slice(self.content(&answer, place, digest)?);
        let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.ok_or_else(|| self.nonsense("a manifest of no kind"))?;
        Ok((media_type.to_owned(), body))
    }

    /// What was sent, when it is what was asked for.
    fn content<'a>(&self, answer: &'a Answer, place: &Place, digest: &Digest) -> Result<&'a [u8]> {
        if answer.status != StatusCode::OK {
            return Err(self.refused(answer, &shown(place, digest.as_str())));
        }
        match digest_of(&answer.body) {
            Ok(sent) if sent == *digest => Ok(&answer.body),
            _ => Err(self.nonsense(format!("other content than {digest}"))),
        }
    }

    /// Gives a manifest another tag.
    pub(crate) async fn tag(&self, place: &Place, digest: &Digest, tag: &str) -> Result<()> {
        let (media_type, body) = self.raw_manifest(place, digest).await?;
        let path = format!("{}/manifests/{tag}", place.path());
        let body = Some((body, media_type.as_str()));
        let answer = self.send(&Call { body, ..Call::new(Method::PUT, &path) }).await?;
        match answer.status {
            StatusCode::CREATED | StatusCode::OK => Ok(()),
            _ => Err(self.refused(&answer, &shown(place, tag))),
        }
    }

    /// Deletes a manifest; false when there was none.
    pub(crate) async fn delete(&self, place: &Place, digest: &Digest) -> Result<bool> {
        let path = format!("{}/manifests/{digest}", place.path());
        let answer = self.send(&Call::new(Method::DELETE, &path)).await?;
        match answer.status {
            StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => Ok(true),
            // Whatever else answers with 404 speaks another language.
            StatusCode::NOT_FOUND if answer.speaks_of(&["MANIFEST_UNKNOWN", "NAME_UNKNOWN"]) => {
                Ok(false)
            }
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                let (registry, why) = (self.registry.clone(), answer.words());
                Err(Error::DeletingDisabled { registry, why })
            }
            _ if answer.speaks_of(&["UNSUPPORTED"]) => {
                let (registry, why) = (self.registry.clone(), answer.words());
                Err(Error::DeletingDisabled { registry, why })
            }
            _ => Err(self.refused(&answer, &shown(place, digest.as_str()))),
        }
    }

    fn parse<'a, T: Deserialize<'a>>(&self, body: &'a [u8], what: &str) -> Result<T> {
        serde_json::from_slice(body).map_err(|error| self.nonsense(format!("no {what}: {error}")))
    }
}

impl Answer {
    /// Whether it is an error of one of these codes
    /// (<https://distribution.github.io/distribution/spec/api/#errors-2>).
    fn speaks_of(&self, codes: &[&str]) -> bool {
        let told: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let code = told.as_ref().and_then(|told| told["errors"][0]["code"].as_str());
        code.is_some_and(|code| codes.contains(&code))
    }
}

fn shown(place: &Place, name: &str) -> String {
    let sign = if name.contains(':') { '@' } else { ':' };
    format!("{}{sign}{name}", place.path())
}

fn digest_of(body: &[u8]) -> std::result::Result<Digest, launcher_model::image::InvalidImage> {
    let hash = sha2::Sha256::digest(body);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::new(format!("sha256:{hex}"))
}

/// The query of the next page: `Link: </v2/NAME/tags/list?n=…&last=…>; rel="next"`. Only that is taken of
/// it, so that it leads nowhere else.
fn next_page(answer: &Answer) -> Option<String> {
    let link = answer.headers.get(LINK)?.to_str().ok()?;
    let (target, relation) = link.split_once('<')?.1.split_once('>')?;
    let (_, query) = target.split_once('?')?;
    relation.contains("next").then(|| query.to_owned())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, LINK};

    use super::{Answer, StatusCode, next_page};

    #[test]
    fn a_next_page_is_only_more_of_the_same_list() {
        let page = |link: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, HeaderValue::from_str(link).unwrap());
            next_page(&Answer { status: StatusCode::OK, headers, body: Vec::new() })
        };
        let next = Some("last=b&n=2".to_owned());
        assert_eq!(page("</v2/shop/tags/list?last=b&n=2>; rel=\"next\""), next);
        assert_eq!(page("<http://evil.example/x?last=b&n=2>; rel=\"next\""), next);
        for none in
            ["", "</v2/shop/tags/list>; rel=\"next\"", "</v2/a?b>; rel=\"prev\"", "<", ">x<"]
        {
            assert_eq!(page(none), None, "{none}");
        }
    }
}
