//! Whoever visits: a browser without JavaScript.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use launcher_model::PersonName;
use launcher_model::role::Roles;
use launcher_server::access::Caller;
use launcher_store::{NewPerson, Owner};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tower::ServiceExt;

use super::World;

/// A browser without JavaScript: keeps cookies and follows no redirect by itself.
pub(crate) struct Visitor<'w> {
    router: &'w Router,
    cookies: BTreeMap<String, String>,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Where it leads to.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// The value of the first hidden field of this name.
    pub(crate) fn field(&self, name: &str) -> &str {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\"")).expect(name);
        rest.split('"').next().unwrap()
    }

    /// The sentence that says what the last press did.
    pub(crate) fn flash(&self) -> Option<&str> {
        let (_, rest) = self.body.split_once("id=\"flash\"")?;
        rest.split_once('>')?.1.split('<').next()
    }
}

impl<'w> Visitor<'w> {
    /// Somebody who is not signed in.
    pub(crate) fn stranger(world: &'w World) -> Self {
        Self { router: &world.router, cookies: Default::default() }
    }

    /// Somebody who signed in with the token.
    pub(crate) async fn signed_in(world: &'w World) -> Self {
        let mut visitor = Self::stranger(world);
        let answer = visitor.post("/login", &[("token", world.token.expose())]).await;
        assert_eq!(answer.location(), "/");
        visitor
    }

    /// A person with these roles.
    pub(crate) async fn person(world: &'w World, name: &str, roles: Roles) -> Self {
        let (store, name) = (&world.app.store, PersonName::new(name).unwrap());
        let new = NewPerson { name: name.clone(), display_name: None, roles };
        store.add_person(new, "test", world.app.now()).await.unwrap();
        let owner = Owner::Person(name);
        let begun = world.app.begin_session(owner, &Caller::default()).await.unwrap();
        let mut visitor = Self::stranger(world);
        visitor.set_cookie("launcher_session", begun.cookie.expose());
        visitor
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    pub(crate) async fn get_with(&mut self, path: &str, (name, value): (&str, &str)) -> Answer {
        self.send(Request::get(path).header(name, value), Body::empty()).await
    }

    /// The head of an answer alone.
    pub(crate) async fn head_of(&mut self, path: &str, (name, value): (&str, &str)) -> HeaderMap {
        let request = Request::get(path).header(name, value);
        self.answered(request, Body::empty()).await.headers().clone()
    }

    pub(crate) fn cookie(&self, name: &str) -> &str {
        &self.cookies[name]
    }

    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(path, fields, &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn post_from(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::post(path)
            .header(header::HOST, "launcher.test")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let fields = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
        let fields: Vec<_> = fields.collect();
        self.send(request, Body::from(fields.join("&"))).await
    }

    /// Presses the first button with this path on a page, and says yes where that is asked.
    pub(crate) async fn press(&mut self, page: &Answer, path: &str) -> Answer {
        let forms = page.body.split("<form ").skip(1);
        let form = forms.filter_map(|form| form.split("</form>").next());
        let form = form.into_iter().find(|form| form.contains(&format!("action=\"{path}\"")));
        let form = Answer {
            status: page.status,
            headers: Default::default(),
            body: form
                .unwrap_or_else(|| panic!("no button for {path} in {}", page.body))
                .to_owned(),
        };
        let fields = ["form_secret", "version", "generation", "from"];
        let mut fields = fields.map(|name| (name, form.field(name))).to_vec();
        fields.push(("sure", "true"));
        self.post(path, &fields).await
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Answer {
        let (parts, body) = self.answered(request, body).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn answered(
        &mut self,
        request: axum::http::request::Builder,
        body: Body,
    ) -> Response<Body> {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(header::COOKIE, cookies.join("; ")).body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        self.keep_cookies(&response);
        response
    }

    fn keep_cookies(&mut self, response: &Response<Body>) {
        for line in response.headers().get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            for wanted in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
                assert!(line.contains(wanted), "{line}");
            }
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
