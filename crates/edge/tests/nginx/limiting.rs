//! Limits: large bodies, previews with a login, containers that fail.

use std::os::unix::fs::MetadataExt;

use http::{Request, StatusCode};
use launcher_edge::table::Login;
use launcher_model::Bytes;
use launcher_model::service::Redirect;

use crate::lab::Lab;
use crate::support::*;

#[tokio::test]
async fn heavy_nginx_takes_bodies_up_to_the_largest() {
    let container = Container::serve("c", |request: Request<hyper::body::Incoming>| async move {
        let read = http_body_util::BodyExt::collect(request.into_body()).await;
        text(read.map_or("broken off".into(), |read| format!("{} bytes", read.to_bytes().len())))
    })
    .await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.traffic.max_body = Some(Bytes(1000));
    let lab = Lab::new(&[table]).await;
    let post = async |length: usize, chunked: bool, more: &str| {
        let body = "x".repeat(length);
        let (field, body) = if chunked {
            ("Transfer-Encoding: chunked".to_owned(), format!("{length:x}\r\n{body}\r\n0\r\n\r\n"))
        } else {
            (format!("Content-Length: {length}"), body)
        };
        let head = format!(
            "POST / HTTP/1.1\r\nHost: shop.test\r\n{more}{field}\r\nConnection: close\r\n\r\n"
        );
        raw(lab.http, format!("{head}{body}").as_bytes()).await
    };
    // Streams of events are asked for by some with a body, too.
    for more in ["", "Accept: text/event-stream\r\n"] {
        for chunked in [false, true] {
            let answer = post(1000, chunked, more).await;
            assert!(answer.ends_with("1000 bytes"), "{chunked} {more} {answer}");
            let answer = post(1001, chunked, more).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{chunked} {more} {answer}");
            assert!(answer.contains("This service takes bodies of up to 1000"), "{answer}");
        }
    }
    // What is announced and does not come is not counted.
    let announced = format!(
        "POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        i64::MAX
    );
    for _ in 0..3 {
        let answer = raw(lab.http, announced.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    let counted = || lab.edge.counters.read()[0].counted;
    until("all are counted", || counted().requests == [0, 4, 0, 7, 0]).await;
    let received = counted().received;
    assert!((2_000..6_000).contains(&received), "{received}");
}

/// `openssl passwd -5 -salt salt secret`
const HASH: &str = "$5$salt$kpa26zwgX83BPSR8d7w93OIXbFt/d3UOTZaAu5vsTM6";

/// `ann:secret`, as RFC 7617 has it.
const ANN: &str = "Basic YW5uOnNlY3JldA==";

#[tokio::test]
async fn heavy_nginx_asks_for_a_login_before_a_preview() {
    let container = Container::serve("c", |request: Request<hyper::body::Incoming>| async move {
        text(if request.headers().contains_key("authorization") { "told" } else { "one" })
    })
    .await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&container])];
    let mut table = shop(1, &[(1, 100)], pools);
    table.rules.redirects =
        vec![Redirect { host: None, from: "/old".into(), to: "/new".into(), status: 308 }];
    table.rules.preview_logins = Some(vec![Login { user: "ann".into(), hash: HASH.into() }]);
    let mut lab = Lab::new(std::slice::from_ref(&table)).await;
    let http = lab.http;
    let ask = async |path: &str, login: &str| {
        let mut request = request("v1.shop.preview.test", path);
        request.headers_mut().insert("authorization", login.parse().unwrap());
        Client::connect(http).await.ask(request).await
    };
    let answer = get(http, "v1.shop.preview.test", "/old").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "before all else");
    assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    assert_eq!(ask("/", ANN).await.body, "one");
    assert_eq!(ask("/old", ANN).await.headers["location"], "/new");
    for wrong in ["Basic YW5uOndyb25n", "Basic Ym9iOnNlY3JldA==", "Basic", "Bearer x"] {
        assert_eq!(ask("/", wrong).await.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    assert_eq!(lab.get("/").await.body, "one", "production asks nobody");

    let file = lab.server.include().join("logins/shop");
    let (of, dir) = (std::fs::metadata(&file).unwrap(), file.parent().unwrap());
    assert_eq!(of.mode() & 0o777, 0o640, "it is no concern of others");
    assert_eq!(std::fs::metadata(dir).unwrap().mode() & 0o777, 0o750);

    // Other logins need no reload.
    let (workers, reloads) = (lab.server.workers(), lab.server.reloads());
    table.revision = 2;
    table.rules.preview_logins = Some(vec![]);
    lab.control.replace(&table).await;
    assert_eq!(ask("/", ANN).await.status, StatusCode::UNAUTHORIZED, "nobody may look");
    assert_eq!((lab.server.workers(), lab.server.reloads()), (workers, reloads));
    table.revision = 3;
    table.rules.preview_logins = None;
    lab.control.replace(&table).await;
    assert_eq!(get(http, "v1.shop.preview.test", "/").await.body, "one");
    assert!(!file.exists());
}

#[tokio::test]
async fn heavy_nginx_leaves_a_container_out_that_has_failed_too_often() {
    let good = Container::named("good").await;
    let bad = Container::raw("bad", |stream| async move {
        let mut stream = stream;
        let mut part = [0; 1024];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut part).await;
    })
    .await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&good, &bad])]);
    table.traffic.eject_after = 3;
    let lab = Lab::new(&[table]).await;
    for _ in 0..100 {
        assert_eq!(lab.get("/").await.body, "good", "another one is asked");
    }
    // Each of the two workers counts for itself.
    let asked = bad.connections();
    assert!((1..=6).contains(&asked), "{asked}");
}
