//! What code hosts tell. They have no token: what they send is signed with a secret of the service.

use std::time::Duration;

use axum::Json as Answer;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use launcher_build::Delivered;
use launcher_model::service::{CodeHost, Upstream};
use launcher_model::{BuildId, ServiceName};
use launcher_upstream::Refused;
use launcher_upstream::hook::{self, Told};
use launcher_upstream::jenkins::notification;
use secrecy::SecretString;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::auth::Principal;
use crate::http::extract::Path;
use crate::http::problem::Problem;

/// The longest body that is taken, in bytes. A host names each commit of a push: GitHub as many as 2048,
/// in some 1 KiB each. Who calls is only known when all of it is there, so it is not as long as a host
/// would let it be, which is 25 MiB.
const MOST: usize = 4 << 20;
/// How long it may take to come.
const WITHIN: Duration = Duration::from_secs(20);

/// What was done with what a code host told.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct HookAnswer {
    /// The build that waits for its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<BuildId>,
    /// What was done, or why nothing was: one sentence.
    note: String,
}

/// Takes in what a code host tells: a webhook of GitHub, GitLab or Gitea. It has no token; the service's
/// `[source] hook_secret` signs it. What was told before is not done again.
#[utoipa::path(post, path = "/hooks/{host}/{service}", tag = "hooks", security(()),
    params(("host" = CodeHost, Path), ("service" = String, Path)),
    request_body(content_type = "application/json", content = serde_json::Value),
    responses((status = 200, body = HookAnswer), (status = 202, body = HookAnswer),
        (status = "4XX", body = Problem), (status = 503, body = Problem)))]
pub(in crate::api) async fn deliver(
    State(app): State<App>,
    Path((host, service)): Path<(CodeHost, ServiceName)>,
    request: Request,
) -> Result<(StatusCode, Answer<HookAnswer>), Problem> {
    let (upstream, told) = believe(&app, host, &service, request).await?;
    let done = app.builds.delivered(&service, &upstream, told).await.map_err(later)?;
    Ok(answer(done))
}

/// Where a token is given that can be given nowhere else. The check has read it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the parameter")]
pub(in crate::api) struct TokenQuery {
    /// A token of this server. Jenkins' Notification plugin can be told a URL, and no header.
    token: Option<String>,
}

/// Takes in what Jenkins' Notification plugin tells of a run: an image that a run has pushed is launched. It
/// takes a token as the parameter `token`, as the password of basic authentication, or as every call does.
#[utoipa::path(post, path = "/hooks/jenkins/{service}", tag = "hooks", security(()),
    params(("service" = String, Path), TokenQuery),
    request_body(content_type = "application/json", content = serde_json::Value),
    responses((status = 200, body = HookAnswer), (status = 202, body = HookAnswer),
        (status = "4XX", body = Problem)))]
pub(in crate::api) async fn notify(
    State(app): State<App>,
    principal: Principal,
    Path(service): Path<ServiceName>,
    request: Request,
) -> Result<(StatusCode, Answer<HookAnswer>), Problem> {
    let body = body(request.into_body()).await?;
    let told = notification::read(&body)
        .map_err(|why| malformed(StatusCode::BAD_REQUEST, &why.to_string()))?;
    let by = format!("{} (Jenkins)", principal.name);
    Ok(answer(app.builds.notified(&service, told, &by).await?))
}

async fn body(body: Body) -> Result<Bytes, Problem> {
    let body = tokio::time::timeout(WITHIN, to_bytes(body, MOST)).await;
    body.map_err(|_| malformed(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))?
        .map_err(|_| malformed(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 4 MiB"))
}

/// What is told, once it is known that the code host tells it.
async fn believe(
    app: &App,
    host: CodeHost,
    service: &ServiceName,
    request: Request,
) -> Result<(Upstream, Told), Problem> {
    let (parts, told) = request.into_parts();
    let refused = |why: &str| refused(host, service, why);
    hook::has_signature(host, &parts.headers).map_err(|why| refused(&why.to_string()))?;
    let Some((upstream, secret)) = app.builds.upstream(service, host).await? else {
        return Err(refused(
            "no service of this name has a [source] there whose hook_secret is set",
        ));
    };
    let body = body(told).await?;
    match read(app, &upstream, &secret, &parts.headers, &body) {
        Ok(told) => Ok((upstream, told)),
        Err(why @ Refused::Malformed(_)) => {
            Err(malformed(StatusCode::BAD_REQUEST, &why.to_string()))
        }
        Err(why) => Err(refused(&why.to_string())),
    }
}

fn read(
    app: &App,
    upstream: &Upstream,
    secret: &SecretString,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Told, Refused> {
    hook::read(upstream, secret, headers, body, app.now())
}

/// Strangers learn the same whether there is such a service or not; the server's log says which it was.
fn refused(host: CodeHost, service: &ServiceName, why: &str) -> Problem {
    tracing::warn!(%service, host = host.as_str(), why, "a webhook was refused");
    let detail = format!(
        "this is not signed with the hook_secret of a service with [source] host = {:?}; set the webhook's \
         secret to the value of that secret (`launcher secret set`), and its content type to \
         application/json; the server's log says what is wrong",
        host.as_str()
    );
    Problem::signature(detail)
}

fn malformed(status: StatusCode, why: &str) -> Problem {
    Problem::malformed(status, why)
}

/// What cannot be done now may be sent again.
fn later(error: launcher_build::Error) -> Problem {
    match error {
        launcher_build::Error::Store(error) => error.into(),
        error => Problem::later(format!("{error}; have the host send it again")),
    }
}

fn answer(done: Delivered) -> (StatusCode, Answer<HookAnswer>) {
    let (status, build, note) = match done {
        Delivered::Queued(id) => {
            (StatusCode::ACCEPTED, Some(id), format!("build {id} waits for its turn"))
        }
        Delivered::Repeated => (StatusCode::OK, None, "this was told before".to_owned()),
        Delivered::Gone(branch) => (StatusCode::OK, None, format!("{branch} is gone")),
        Delivered::Nothing(why) => (StatusCode::OK, None, why),
    };
    (status, Answer(HookAnswer { build, note }))
}
