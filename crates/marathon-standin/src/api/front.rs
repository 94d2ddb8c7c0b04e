//! What every call passes first: faults, the login, the way to the leader.

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use super::answer::page;
use super::{Instance, proxy};

/// How long a call is held while it is being settled who leads.
const SETTLE: Duration = Duration::from_millis(2500);
/// Who leads is looked at so often then.
const LOOK: Duration = Duration::from_millis(20);

pub(super) async fn front(
    State(instance): State<Instance>,
    request: Request,
    next: Next,
) -> Response {
    let is_broken = {
        let mut state = instance.world.state();
        state.calls += 1;
        state.broken_until.is_some_and(|until| Instant::now() < until)
    };
    if is_broken {
        return page(StatusCode::BAD_GATEWAY, "Bad Gateway");
    }
    if !may_enter(&instance, &request) {
        let mut response = page(StatusCode::UNAUTHORIZED, "Unauthorized");
        let realm = HeaderValue::from_static("Basic realm=\"Mesosphere\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, realm);
        return response;
    }
    let Some(leader) = leader(&instance).await else {
        return page(StatusCode::BAD_GATEWAY, "Could not determine the current leader");
    };
    if leader == instance.index {
        return sign(&instance, next.run(request).await);
    }
    if instance.version().redirects_events() && request.uri().path() == "/v2/events" {
        return redirect(&instance, leader, &request);
    }
    proxy::pass_on(&instance, leader, request).await
}

fn may_enter(instance: &Instance, request: &Request) -> bool {
    let Some((user, password)) = &instance.world.options.credentials else { return true };
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Basic "));
    let given = given.and_then(|value| BASE64_STANDARD.decode(value.trim()).ok());
    let expected = format!("{user}:{}", password.expose_secret());
    given.is_some_and(|given| given.ct_eq(expected.as_bytes()).into())
}

async fn leader(instance: &Instance) -> Option<usize> {
    let began = Instant::now();
    loop {
        let leader = instance.world.state().leader;
        if leader.is_some() || began.elapsed() >= SETTLE {
            return leader;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What the leader adds to its answers.
fn sign(instance: &Instance, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let never = HeaderValue::from_static("no-cache, no-store, must-revalidate");
    headers.entry(CACHE_CONTROL).or_insert(never);
    let leader = format!("http://{}", instance.authority());
    if instance.version().has_event_stream()
        && let Ok(leader) = leader.parse()
    {
        headers.insert("x-marathon-leader", leader);
    }
    response
}

fn redirect(instance: &Instance, leader: usize, request: &Request) -> Response {
    let target = request.uri().path_and_query().map_or("/v2/events", |target| target.as_str());
    let location = format!("http://{}{target}", instance.authorities[leader]);
    (StatusCode::FOUND, [("location", location)]).into_response()
}
