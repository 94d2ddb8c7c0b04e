//! Previews that only some may look at.

use std::time::{Duration, Instant};

use super::support::*;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use launcher_edge::table::{Login, SALT_BYTES, ServiceTable};
use launcher_model::service::Traffic;

const PREVIEW: &str = "v1.shop.preview.test";

fn login(user: &str, password: &str, salt: u8) -> Login {
    Login::new(user, &password.to_owned().into(), [salt; SALT_BYTES]).unwrap()
}

fn guarded(revision: u64, container: &Container, logins: &[Login]) -> ServiceTable {
    let mut table = shop(revision, &[(1, 100)], &[(1, &[container])]);
    table.traffic = Traffic { sticky: false, ..table.traffic };
    table.rules.preview_logins = Some(logins.to_vec());
    table
}

/// Says which Authorization came.
async fn telling() -> Container {
    Container::serve("c", |request| async move {
        let field = request.headers().get("authorization").map(|value| value.to_str().unwrap());
        text(field.unwrap_or("none").to_owned())
    })
    .await
}

fn with(host: &str, authorization: &str) -> Request<Empty<Bytes>> {
    let mut request = request(host, "/");
    request.headers_mut().insert("authorization", authorization.parse().unwrap());
    request
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(credentials))
}

#[tokio::test]
async fn previews_open_to_those_who_may_and_take_their_login_away() {
    let container = telling().await;
    let logins = [login("ada", "a:b c", 1), login("grace", "höpper", 2)];
    let lab = Lab::new(&[guarded(1, &container, &logins)]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for host in [PREVIEW, "v9.shop.preview.test"] {
        let answer = client.ask(request(host, "/")).await;
        assert_eq!(answer.status, 401);
        let challenge = "Basic realm=\"previews of shop\", charset=\"UTF-8\"";
        assert_eq!(answer.headers["www-authenticate"], challenge);
    }
    for wrong in [
        basic("ada:a:b  c"),
        basic("ada:höpper"),
        basic("nobody:a:b c"),
        basic("ada"),
        basic(":"),
        format!("ada {}", basic("ada:a:b c")),
        format!("Bearer {}", &basic("ada:a:b c")[6..]),
        "Basic !".into(),
        "Basic".into(),
    ] {
        let answer = client.ask(with(PREVIEW, &wrong)).await;
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(answer.headers.contains_key("www-authenticate"), "{wrong}");
    }
    assert_eq!(container.requests(), 0);
    // The second time from memory, in which a wrong password does not fit either.
    for _ in 0..2 {
        assert_eq!(client.ask(with(PREVIEW, &basic("ada:a:b c"))).await.body, "none");
        let other_case = basic("grace:höpper").replace("Basic", "bASIC");
        assert_eq!(client.ask(with(PREVIEW, &other_case)).await.body, "none");
        assert_eq!(client.ask(with(PREVIEW, &basic("ada:höpper"))).await.status, 401);
    }
    let missing = client.ask(with("v9.shop.preview.test", &basic("ada:a:b c"))).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn production_asks_for_no_login_and_keeps_the_application_s_own() {
    let container = telling().await;
    let lab = Lab::new(&[guarded(1, &container, &[login("ada", "lace", 1)])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    assert_eq!(client.ask(request(HOST, "/")).await.body, "none");
    assert_eq!(client.ask(with(HOST, "Bearer x")).await.body, "Bearer x");
    let mut tried = request(HOST, "/");
    tried.headers_mut().insert("launcher-try", "v1.t1".parse().unwrap());
    assert_eq!(client.ask(tried).await.body, "none");
}

#[tokio::test]
async fn where_there_are_no_logins_the_application_s_own_passes() {
    let container = telling().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    assert_eq!(client.ask(with(PREVIEW, &basic("a:b"))).await.body, basic("a:b"));
}

#[tokio::test]
async fn nobody_is_told_why_nobody_may_look() {
    let container = telling().await;
    let lab = Lab::new(&[guarded(1, &container, &[])]).await;
    let answer = Client::connect(lab.edge.http).await.ask(with(PREVIEW, &basic("a:b"))).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("`launcher status shop` says more"), "{answer:?}");
    assert_eq!(container.requests(), 0);
}

#[tokio::test]
async fn who_may_look_changes_with_the_table_and_on_open_connections() {
    let container = telling().await;
    let mut lab = Lab::new(&[guarded(1, &container, &[login("ada", "lace", 1)])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    assert_eq!(client.ask(with(PREVIEW, &basic("ada:lace"))).await.status, 200);
    lab.control.replace(&guarded(2, &container, &[login("ada", "new", 2)])).await;
    assert_eq!(client.ask(with(PREVIEW, &basic("ada:lace"))).await.status, 401);
    assert_eq!(client.ask(with(PREVIEW, &basic("ada:new"))).await.status, 200);
    let mut open = guarded(3, &container, &[]);
    open.rules.preview_logins = None;
    lab.control.replace(&open).await;
    assert_eq!(client.ask(request(PREVIEW, "/")).await.status, 200);
}

/// 600 wrong attempts at once: those who are known to be right and production go on as before, and no
/// attempt waits for ever.
#[tokio::test]
async fn a_flood_of_wrong_attempts_holds_nobody_else_up() {
    let container = telling().await;
    let lab = Lab::new(&[guarded(1, &container, &[login("ada", "lace", 1)])]).await;
    let to = lab.edge.http;
    let mut client = Client::connect(to).await;
    assert_eq!(client.ask(with(PREVIEW, &basic("ada:lace"))).await.status, 200);
    let mut flood = tokio::task::JoinSet::new();
    for n in 0..600 {
        let mut wrong = Client::connect(to).await;
        flood.spawn(async move {
            wrong.ask(with(PREVIEW, &basic(&format!("ada:{n}")))).await.status.as_u16()
        });
    }
    let since = Instant::now();
    for _ in 0..20 {
        assert_eq!(client.ask(with(PREVIEW, &basic("ada:lace"))).await.status, 200);
        assert_eq!(client.ask(request(HOST, "/")).await.status, 200);
    }
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    let mut answers = std::collections::BTreeMap::new();
    while let Some(status) = soon("the flood's end", flood.join_next()).await {
        *answers.entry(status.unwrap()).or_insert(0) += 1;
    }
    assert!(answers.keys().all(|status| matches!(status, 401 | 429)), "{answers:?}");
    assert!(answers[&401] >= 256, "{answers:?}");
}

#[tokio::test]
async fn the_hashes_on_disk_are_for_the_edge_alone() {
    use std::os::unix::fs::PermissionsExt;

    let container = telling().await;
    let lab = Lab::new(&[guarded(1, &container, &[login("ada", "lace", 1)])]).await;
    let routes = lab.dir.path().join("edge/routes");
    let files = std::fs::read_dir(&routes).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<_> = files
        .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("$5$")))
        .collect();
    assert!(!kept.is_empty());
    for path in kept {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
    }
}
