//! Paths of a service under which another one answers.

use std::time::Duration;

use super::support::*;
use http::Request;
use http_body_util::Empty;
use hyper::body::Incoming;
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::table::ServiceTable;
use launcher_model::service::PathTarget;
use launcher_model::{Generation, ServiceName};
use tokio::sync::Notify;

fn name(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

/// The shop, with paths to other services; those with `!` behind their name see what is below the path.
fn shop_with(paths: &[(&str, &str)], container: &Container) -> ServiceTable {
    let mut shop = shop(1, &[(1, 100)], &[(1, &[container])]);
    shop.rules.paths = paths
        .iter()
        .map(|(path, to)| {
            let service = name(to.trim_end_matches('!'));
            ((*path).to_owned(), PathTarget { service, strip: to.ends_with('!') })
        })
        .collect();
    shop
}

/// Another service, with a hostname of its own.
fn other(of: &str, revision: u64, weights: &[(u32, u8)], pools: Pools<'_>) -> ServiceTable {
    let table = shop(revision, weights, pools);
    ServiceTable { name: name(of), hosts: vec![format!("{of}.test")], ..table }
}

type Pools<'p> = &'p [(u32, &'p [&'p Container])];

/// Answers with its name and with what it sees of a request.
async fn witness(of: &'static str) -> Container {
    Container::serve(of, move |request: Request<Incoming>| async move {
        let field = |name: &str| match request.headers().get(name) {
            Some(value) => format!(" {}", value.to_str().unwrap()),
            None => String::new(),
        };
        let host = field("host");
        text(format!("{of}{host} {}{}", request.uri(), field("x-forwarded-prefix")))
    })
    .await
}

#[tokio::test]
async fn another_service_answers_under_a_path() {
    let (shop, api, img) = (witness("shop").await, witness("api").await, witness("img").await);
    let lab = Lab::new(&[
        shop_with(&[("/api", "api"), ("/api/img", "img!"), ("/caf%C3%A9", "img!")], &shop),
        other("api", 1, &[(1, 100)], &[(1, &[&api])]),
        other("img", 1, &[(1, 100)], &[(1, &[&img])]),
    ])
    .await;
    for (path, seen) in [
        ("/", "shop shop.test /"),
        ("/apix", "shop shop.test /apix"),
        ("/API", "shop shop.test /API"),
        ("/x?/api", "shop shop.test /x?/api"),
        ("/api", "api shop.test /api"),
        ("/api/", "api shop.test /api/"),
        ("/api/a%2Fb?c=%20d", "api shop.test /api/a%2Fb?c=%20d"),
        ("/api/imgs", "api shop.test /api/imgs"),
        ("/api/img", "img shop.test / /api/img"),
        ("/api/img?", "img shop.test /? /api/img"),
        ("/api/img/a%2Fb?c=%20d", "img shop.test /a%2Fb?c=%20d /api/img"),
        ("/api/img//evil.test/?c", "img shop.test /evil.test/?c /api/img"),
        ("/caf%c3%a9/a", "img shop.test /a /caf%C3%A9"),
        // However a path is written, its rule counts; what is not stripped is passed on as it came.
        ("//api", "api shop.test //api"),
        ("/x/..%2fapi", "api shop.test /x/..%2fapi"),
        ("/%61pi/%69mg/%2e/a", "img shop.test /a /api/img"),
        ("/api/img/../x", "api shop.test /api/img/../x"),
        ("/api/..", "shop shop.test /api/.."),
    ] {
        let answer = lab.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, seen), "{path}");
    }
    for path in ["/..", "/%2e%2e/api", "/a%00", "/%zz"] {
        let answer = lab.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.body.contains("the rules of service shop"), "{answer:?}");
    }
    // Other services, and requests without a path, go where they did.
    assert_eq!(
        get(lab.edge.http, "api.test", "/api/img/..").await.body,
        "api api.test /api/img/.."
    );
    let asked = "OPTIONS * HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";
    let answer = raw(lab.edge.http, asked.as_bytes()).await;
    assert!(answer.ends_with("shop shop.test *"), "{answer}");
    let asked = "GET http://shop.test?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = raw(lab.edge.http, asked.as_bytes()).await;
    assert!(answer.ends_with("shop shop.test /?a"), "{answer}");
}

#[tokio::test]
async fn a_client_cannot_say_which_prefix_was_taken_away() {
    let (shop, api) = (witness("shop").await, witness("api").await);
    let lab = Lab::new(&[
        shop_with(&[("/api", "api!")], &shop),
        other("api", 1, &[(1, 100)], &[(1, &[&api])]),
    ])
    .await;
    let mut asked = request(HOST, "/api/x");
    asked.headers_mut().insert("x-forwarded-prefix", "/evil".parse().unwrap());
    let answer = Client::connect(lab.edge.http).await.ask(asked).await;
    assert_eq!(answer.body, "api shop.test /x /api");
}

#[tokio::test]
async fn a_path_has_the_weights_cookies_and_trials_of_its_service() {
    let (shop, one) = (Container::named("shop").await, Container::named("one").await);
    let (two, three) = (Container::named("two").await, Container::named("three").await);
    let pools: Pools<'_> = &[(1, &[&one]), (2, &[&two]), (3, &[&three])];
    let lab = Lab::new(&[
        shop_with(&[("/api", "api")], &shop),
        other("api", 1, &[(1, 50), (2, 50)], pools),
    ])
    .await;
    let ask = async |path: &str, field: (&'static str, String)| {
        let mut asked = request(HOST, path);
        asked.headers_mut().insert(field.0, field.1.parse().unwrap());
        Client::connect(lab.edge.http).await.ask(asked).await
    };
    let sticky = |version| ("cookie", format!("launcher-version-api={}", passes(version).sticky));
    for _ in 0..10 {
        assert_eq!(ask("/api", sticky(1)).await.body, "one");
        assert_eq!(ask("/api", sticky(2)).await.body, "two");
    }
    let given = lab.get("/api").await;
    let cookie = given.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("launcher-version-api=v"), "{cookie}");
    assert!(!lab.get("/").await.headers.contains_key("set-cookie"));

    assert_eq!(ask("/api", ("launcher-try", passes(3).trial)).await.body, "three");
    let link = lab.get(&format!("/api/x?launcher-try={}&a", passes(3).trial)).await;
    assert_eq!(
        (link.status.as_u16(), &link.headers["location"]),
        (302, &"/api/x?a".parse().unwrap())
    );
    let cookie = link.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with(&format!("launcher-try-api={};", passes(3).trial)), "{cookie}");
}

#[tokio::test]
async fn a_path_of_a_preview_is_answered_by_production() {
    let (shop, api) = (Container::named("shop").await, Container::named("api").await);
    let lab = Lab::new(&[
        shop_with(&[("/api", "api")], &shop),
        other("api", 1, &[(1, 100)], &[(1, &[&api])]),
    ])
    .await;
    let preview = async |path: &str| get(lab.edge.http, "v1.shop.preview.test", path).await.body;
    assert_eq!((preview("/").await.as_str(), preview("/api").await.as_str()), ("shop", "api"));
    let gone = get(lab.edge.http, "v9.shop.preview.test", "/api").await;
    assert_eq!(gone.status, 404);
    // The paths of the service that answers do not count.
    assert_eq!(get(lab.edge.http, "v1.api.preview.test", "/api").await.body, "api");
}

#[tokio::test]
async fn a_path_that_leads_nowhere_names_both_services() {
    let shop = Container::named("shop").await;
    let mut lab = Lab::new(&[
        shop_with(&[("/api", "api"), ("/cart", "cart")], &shop),
        other("cart", 1, &[], &[]),
    ])
    .await;
    let api = lab.get("/api/x").await;
    assert_eq!(api.status, 503);
    let told = "/api of service shop is answered by service api, which this edge does not know.";
    assert!(api.body.contains(told), "{api:?}");
    let cart = lab.get("/cart").await;
    assert_eq!(cart.status, 503);
    let told = "/cart of service shop is answered by service cart, which has no live version;";
    assert!(cart.body.contains(told), "{cart:?}");
    assert_eq!(lab.get("/").await.body, "shop");
    // It needs but to come.
    let api = Container::named("api").await;
    lab.control.replace(&other("api", 1, &[(1, 100)], &[(1, &[&api])])).await;
    assert_eq!(lab.get("/api/x").await.body, "api");
}

#[tokio::test]
async fn what_came_by_a_path_is_drained_with_its_service() {
    let shop = Container::named("shop").await;
    let (begun, go_on) =
        (&*Box::leak(Box::new(Notify::new())), &*Box::leak(Box::new(Notify::new())));
    let old = Container::serve("old", move |_| async move {
        begun.notify_one();
        go_on.notified().await;
        text("old")
    })
    .await;
    let new = Container::named("new").await;
    let pools: Pools<'_> = &[(1, &[&old]), (2, &[&new])];
    let mut lab =
        Lab::new(&[shop_with(&[("/api", "api")], &shop), other("api", 1, &[(1, 100)], pools)])
            .await;
    let edge = lab.edge.http;
    let asking = tokio::spawn(async move { get(edge, HOST, "/api/slow").await });
    soon("the request", begun.notified()).await;
    let flip = lab.control.switch(7, &other("api", 2, &[(2, 100)], pools)).await;
    assert_eq!((flip.generation, flip.in_flight.requests), (Generation(2), 1));
    assert_eq!(lab.get("/api").await.body, "new");
    assert!(lab.control.outcomes.is_empty(), "it has not drained");
    go_on.notify_one();
    assert_eq!(asking.await.unwrap().body, "old");
    let drained = lab.control.drained(7).await;
    assert_eq!((drained.drained, drained.failed, drained.cut), (1, 0, 0));
}

#[tokio::test]
async fn what_comes_by_a_path_waits_while_its_service_is_held() {
    let (shop, api) = (Container::named("shop").await, Container::named("api").await);
    let mut lab = Lab::new(&[
        shop_with(&[("/api", "api")], &shop),
        other("api", 1, &[(1, 100)], &[(1, &[&api])]),
    ])
    .await;
    lab.control.say(ToEdge::Hold { service: name("api"), within_ms: 30_000 }).await;
    assert!(matches!(lab.control.hear().await, FromEdge::Held { outcome: Ok(true), .. }));
    let mut waiting = Client::<Empty<bytes::Bytes>>::connect(lab.edge.http).await;
    let waiting = tokio::spawn(async move { waiting.ask(request(HOST, "/api/x")).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    assert_eq!(lab.get("/").await.body, "shop");
    lab.control.say(ToEdge::Release { service: name("api") }).await;
    match lab.control.hear().await {
        FromEdge::Released { outcome, .. } => assert_eq!(outcome.requests, 1),
        other => panic!("{other:?}"),
    }
    assert_eq!(waiting.await.unwrap().body, "api");
}
