//! Forms: taken only from our own pages.

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::PageError;
use super::visitor::Visitor;
use crate::App;

/// What every form of a session carries.
pub(super) trait Carries {
    /// [`Visitor::form_secret`].
    fn form_secret(&self) -> &str;
}

/// A form that is a button and nothing else.
#[derive(Debug, Deserialize)]
pub(super) struct ButtonForm {
    form_secret: String,
}

impl Carries for ButtonForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

/// A form that somebody who is signed in sent from one of our pages.
pub(super) struct Signed<T>(pub(super) Visitor, pub(super) T);

impl<T: DeserializeOwned + Carries> FromRequest<App> for Signed<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, app).await?;
        let Own(form) = Own::<T>::from_request(Request::from_parts(parts, body), app).await?;
        if visitor.made(form.form_secret()) {
            Ok(Self(visitor, form))
        } else {
            Err(PageError::foreign_form().into_response())
        }
    }
}

/// A form that no other site made the browser send.
pub(super) struct Own<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Own<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        if comes_from_elsewhere(request.headers()) {
            return Err(PageError::foreign_form().into_response());
        }
        let form = Form::<T>::from_request(request, app).await;
        let Form(form) = form.map_err(|fault| {
            PageError::malformed(fault.status(), fault.body_text()).into_response()
        })?;
        Ok(Self(form))
    }
}

/// Whether a browser says that another site's page sent this. One that says nothing is not a browser of
/// these years, and nobody's cookies are in it by accident.
pub(super) fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else { return false };
    let host = text(header::HOST.as_str());
    origin.split_once("://").map(|(_, authority)| authority) != host
}

/// Whether a request comes from a page of ours, and says so, as browsers do.
pub(crate) fn says_where_from(headers: &HeaderMap) -> bool {
    let says = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    says && !comes_from_elsewhere(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_browser_says_where_a_form_comes_from() {
        let host = ("host", "launcher.example.com");
        for own in [
            &[host, ("sec-fetch-site", "same-origin")][..],
            &[host, ("origin", "https://launcher.example.com")],
            &[host],
        ] {
            assert!(!comes_from_elsewhere(&headers(own)), "{own:?}");
        }
        for foreign in [
            &[host, ("sec-fetch-site", "cross-site")][..],
            &[host, ("sec-fetch-site", "same-site"), ("origin", "https://launcher.example.com")],
            &[host, ("origin", "https://evil.example.com")],
            &[host, ("origin", "null")],
            &[("origin", "https://launcher.example.com")],
        ] {
            assert!(comes_from_elsewhere(&headers(foreign)), "{foreign:?}");
        }
    }
}
