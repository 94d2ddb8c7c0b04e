//! A service that is being maintained.

use launcher_edge::table::Maintenance;
use launcher_model::ServiceName;
use launcher_model::service::PathTarget;

use crate::lab::Lab;
use crate::support::*;

#[tokio::test]
async fn heavy_nginx_answers_with_the_teams_page() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut table = shop(1, &[(1, 100)], pools);
    let mut lab = Lab::new(std::slice::from_ref(&table)).await;
    // Longer than nginx reads a word, and with all that could mean something to it.
    let line = "<p class=\"x\">$host ${uri} \\n 'a' {b}; # ü 100%</p>\r\n\t";
    let page = format!("<!doctype html>\n{}", line.repeat(400));
    table.revision = 2;
    table.rules.maintenance =
        Some(Maintenance { page: Some(page.clone()), retry_after_s: Some(120) });
    lab.control.replace(&table).await;
    let mut client = Client::connect(lab.http).await;
    let answer = client.ask(request(HOST, "/any?thing")).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (503, &page));
    for (field, value) in [
        ("retry-after", "120"),
        ("cache-control", "no-store"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(answer.headers[field], value);
    }
    let post =
        "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    let posted = raw(lab.http, post.as_bytes()).await;
    assert!(posted.starts_with("HTTP/1.1 503 ") && posted.contains("100%"), "{posted}");
    assert_eq!(v1.requests(), 0);

    // Who tries a version passes, the live one too, and previews do.
    for (pass, body) in [("v1.t1", "one"), ("v2.t2", "two")] {
        let mut request = request(HOST, "/");
        request.headers_mut().insert("launcher-try", pass.parse().unwrap());
        assert_eq!(client.ask(request).await.body, body);
        let mut request = crate::support::request(HOST, "/");
        let cookie = format!("launcher-try-shop={pass}");
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        assert_eq!(client.ask(request).await.body, body);
    }
    assert_eq!(client.ask(request(HOST, "/?launcher-try=v1.t1")).await.status, 302);
    assert_eq!(get(lab.http, "v1.shop.preview.test", "/").await.body, "one");

    table.revision = 3;
    table.rules.maintenance = Some(Maintenance::default());
    lab.control.replace(&table).await;
    let answer = lab.get("/").await;
    assert_eq!((answer.status.as_u16(), answer.headers.get("retry-after")), (503, None));
    assert!(answer.body.starts_with("503 Service Unavailable\n"), "{answer:?}");
    table.revision = 4;
    table.rules.maintenance = None;
    lab.control.replace(&table).await;
    assert_eq!(lab.get("/").await.body, "one");
}

#[tokio::test]
async fn heavy_nginx_combines_shares_a_path_and_maintenance() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let (a1, a2) = (Container::named("api one").await, Container::named("api two").await);
    let mut table = shop(1, &[(1, 50), (2, 50)], &[(1, &[&v1]), (2, &[&v2])]);
    let api = ServiceName::new("api").unwrap();
    table.rules.paths.insert("/api".into(), PathTarget { service: api.clone(), strip: true });
    let mut other = shop(1, &[(1, 50), (2, 50)], &[(1, &[&a1]), (2, &[&a2])]);
    (other.name, other.hosts) = (api, vec![]);
    let mut lab = Lab::new(&[table.clone(), other.clone()]).await;
    let mut client = Client::connect(lab.http).await;
    let cookies =
        "launcher-version-shop=v1.s1; launcher-version-api=v2.s2; launcher-try-cart=v2.t2";
    let mut ask = async |path: &str, more: &str| {
        let mut request = request(HOST, path);
        request.headers_mut().insert("cookie", format!("{cookies}{more}").parse().unwrap());
        match client.send(request).await {
            Ok(response) => whole(response).await,
            Err(_) => panic!("the connection was closed"),
        }
    };
    for _ in 0..5 {
        let (here, there) = (ask("/", "").await, ask("/api", "").await);
        assert_eq!((here.body.as_str(), there.body.as_str()), ("one", "api two"));
        assert!(
            !here.headers.contains_key("set-cookie") && !there.headers.contains_key("set-cookie")
        );
    }

    // The one behind the path is maintained, and the one before it is not.
    other.revision = 2;
    other.rules.maintenance =
        Some(Maintenance { page: Some("the api's".into()), retry_after_s: None });
    lab.control.replace(&other).await;
    let mut client = Client::connect(lab.http).await;
    let mut ask = async |path: &str, more: &str| {
        let mut request = request(HOST, path);
        request.headers_mut().insert("cookie", format!("{cookies}{more}").parse().unwrap());
        client.ask(request).await.body
    };
    assert_eq!(ask("/", "").await, "one");
    assert_eq!(ask("/api/x", "").await, "the api's");
    assert_eq!(ask("/api/x", "; launcher-try-api=v1.t1").await, "api one");
    // And the other way around.
    table.revision = 2;
    table.rules.maintenance =
        Some(Maintenance { page: Some("the shop's".into()), retry_after_s: None });
    lab.control.replace(&table).await;
    other.revision = 3;
    other.rules.maintenance = None;
    lab.control.replace(&other).await;
    let mut client = Client::connect(lab.http).await;
    let mut ask = async |path: &str, more: &str| {
        let mut request = request(HOST, path);
        request.headers_mut().insert("cookie", format!("{cookies}{more}").parse().unwrap());
        client.ask(request).await.body
    };
    assert_eq!(ask("/", "").await, "the shop's");
    assert_eq!(ask("/", "; launcher-try-shop=v2.t2").await, "two");
    assert_eq!(ask("/api/x", "").await, "api two");
}
