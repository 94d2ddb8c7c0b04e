//! What a service's rules do to its requests: other services' paths, redirects, fields.

use http::Request;
use launcher_edge::table::ServiceTable;
use launcher_model::ServiceName;
use launcher_model::service::{PathTarget, Redirect};

use crate::lab::Lab;
use crate::support::*;

/// Answers with its name, the request's target and its fields.
async fn mirror(name: &'static str) -> Container {
    Container::serve(name, move |request: Request<hyper::body::Incoming>| async move {
        let fields = request.headers().iter();
        let mut lines: Vec<String> =
            fields.map(|(field, value)| format!("{field}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        let mut response = text(format!("{name} {}\n{}", request.uri(), lines.join("\n")));
        for (field, value) in [("server", "own"), ("x-powered-by", "own"), ("x-frame", "own")] {
            response.headers_mut().insert(field, value.parse().unwrap());
        }
        response
    })
    .await
}

/// Another service than the shop.
fn service(name: &str, table: ServiceTable) -> ServiceTable {
    ServiceTable { name: ServiceName::new(name).unwrap(), hosts: vec![], ..table }
}

fn path(service: &str, strip: bool) -> PathTarget {
    PathTarget { service: ServiceName::new(service).unwrap(), strip }
}

fn redirect(from: &str, to: &str, status: u16) -> Redirect {
    Redirect { host: None, from: from.into(), to: to.into(), status }
}

/// What a client that writes its requests itself gets: the status and the address that it is led to.
async fn moved(lab: &Lab, host: &str, target: &str) -> (u16, Option<String>) {
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let answer = raw(lab.http, request.as_bytes()).await;
    let location = answer.lines().find_map(|line| line.strip_prefix("Location: "));
    (answer[9..12].parse().unwrap(), location.map(str::to_owned))
}

#[tokio::test]
async fn heavy_nginx_redirects_by_the_first_rule_that_fits() {
    let container = mirror("shop").await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.hosts = vec![HOST.into(), "www.shop.test".into()];
    table.rules.redirects = vec![
        Redirect {
            host: Some("www.shop.test".into()),
            ..redirect("/*", "https://shop.test/*", 301)
        },
        redirect("/old", "/new", 308),
        redirect("/old/*", "/new/*", 307),
        redirect("/all/*", "/*", 302),
        redirect("/end/*", "/*/other.test", 302),
        redirect("/query", "/to?a=b", 303),
        redirect("/%C3%BC/*", "/u/*", 308),
        redirect("/old/late", "/never", 308),
    ];
    let lab = Lab::new(&[table]).await;
    for (host, target, expected) in [
        (HOST, "/old", (308, Some("/new"))),
        (HOST, "/old?x=%20y&z", (308, Some("/new?x=%20y&z"))),
        (HOST, "/old/", (307, Some("/new/"))),
        (HOST, "/old/late?x", (307, Some("/new/late?x"))),
        (HOST, "/old/a%20b%0d%0aSet-Cookie:%20c", (307, Some("/new/a%20b%0d%0aSet-Cookie:%20c"))),
        (HOST, "/query?x=y", (303, Some("/to?a=b"))),
        (HOST, "/%c3%bc/x", (308, Some("/u/x"))),
        (HOST, "/all/x", (302, Some("/x"))),
        // Nobody is led to another host.
        (HOST, "/all//other.test", (302, Some("/other.test"))),
        (HOST, "/all/%2F%2fother.test", (302, Some("/%2F%2fother.test"))),
        (HOST, "/end/", (400, None)),
        (HOST, "/end/x", (302, Some("/x/other.test"))),
        (HOST, "/all/\\other.test", (302, Some("/%5Cother.test"))),
        // No other way of writing a path gets around a rule.
        (HOST, "/%6fld", (308, Some("/new"))),
        (HOST, "/x/../old", (308, Some("/new"))),
        (HOST, "//old/./%61?c=d", (307, Some("/new/a?c=d"))),
        (HOST, "/x/../old/a%2Fb%0d%0ac", (307, Some("/new/a/b%0D%0Ac"))),
        ("v1.shop.preview.test", "//old/x", (307, Some("/new/x"))),
        (HOST, "/older", (200, None)),
        (HOST, "/Old", (200, None)),
        (HOST, "/old%0a", (200, None)),
        (HOST, "/", (200, None)),
        ("www.shop.test", "/a/b?c", (301, Some("https://shop.test/a/b?c"))),
        ("WWW.shop.test:80", "/old", (301, Some("https://shop.test/old"))),
        ("v1.shop.preview.test", "/old/x", (307, Some("/new/x"))),
        ("v1.shop.preview.test", "/", (200, None)),
    ] {
        let expected = (expected.0, expected.1.map(str::to_owned));
        assert_eq!(moved(&lab, host, target).await, expected, "{host} {target}");
    }
}

#[tokio::test]
async fn heavy_nginx_has_other_services_answer_paths() {
    let (main, api, img) = (mirror("shop").await, mirror("api").await, mirror("img").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&main])];
    let mut table = shop(1, &[(1, 100)], pools);
    table.rules.paths.insert("/api".into(), path("api", false));
    table.rules.paths.insert("/api/img".into(), path("img", true));
    table.rules.paths.insert("/gone".into(), path("gone", false));
    table.rules.headers.request.set.insert("x-of".into(), "the shop".into());
    let mut other = service("api", shop(1, &[(1, 100)], &[(1, &[&api])]));
    other.rules.headers.request.set.insert("x-of".into(), "the api".into());
    other.rules.redirects = vec![redirect("/*", "/never/*", 308)];
    other.rules.paths.insert("/api".into(), path("shop", false));
    let images = service("img", shop(1, &[(1, 100)], &[(1, &[&img])]));
    let lab = Lab::new(&[table, other, images]).await;
    for (target, answer) in [
        ("/", "shop /"),
        ("/api", "api /api"),
        ("/api/a%20b%2Fc?x=/api/img", "api /api/a%20b%2Fc?x=/api/img"),
        ("/api/img", "img /"),
        ("/api/img?x=y", "img /?x=y"),
        ("/api/img/a%20b%3Fc?x=y", "img /a%20b%3Fc?x=y"),
        ("/api/img//other.test", "img /other.test"),
        ("/x/../api/img/y", "img /y"),
        ("/%61pi/x", "api /%61pi/x"),
        ("/apix", "shop /apix"),
        ("/API", "shop /API"),
    ] {
        for host in [HOST, "v1.shop.preview.test"] {
            let request =
                format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let got = raw(lab.http, request.as_bytes()).await;
            assert!(
                got.contains(&format!("\r\n\r\n{answer}\n"))
                    || got.contains(&format!("\n{answer}\n")),
                "{host} {target}: {got}"
            );
        }
    }
    let got = lab.get("/api").await.body;
    assert_eq!(
        got,
        "api /api\nforwarded: for=127.0.0.1;host=shop.test;proto=http\nhost: shop.test\n\
         x-forwarded-for: 127.0.0.1\nx-forwarded-host: shop.test\nx-forwarded-proto: http\nx-of: the api"
    );
    let got = lab.get("/gone").await;
    assert_eq!(got.status, 503, "{got:?}");
    let mut asked = request(HOST, "/api/img/x");
    asked.headers_mut().insert("x-forwarded-prefix", "/evil".parse().unwrap());
    let got = Client::connect(lab.http).await.ask(asked).await.body;
    assert!(
        got.starts_with("img /x\n") && got.contains("\nx-forwarded-prefix: /api/img\n"),
        "{got}"
    );
    // It counts for the one that answers.
    until("all are counted", || {
        let counted = lab.edge.counters.read();
        let of = |name: &str| {
            counted.iter().find(|of| of.service.as_str() == name).unwrap().counted.requests[1]
        };
        (of("shop"), of("api"), of("img")) == (6, 7, 11)
    })
    .await;
}

#[tokio::test]
async fn heavy_nginx_leaves_a_services_file_alone_when_another_is_switched() {
    let (main, v1, v2) =
        (mirror("shop").await, Container::named("one").await, Container::named("two").await);
    let mut table = shop(1, &[(1, 100)], &[(1, &[&main])]);
    table.rules.paths.insert("/api".into(), path("api", false));
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let of = |revision, weights| service("api", shop(revision, weights, pools));
    let mut lab = Lab::new(&[table, of(1, &[(1, 100)])]).await;
    let file = lab.server.include().join("service-shop.conf");
    let before = std::fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(lab.get("/api").await.body, "one");
    lab.control.switch(7, &of(2, &[(2, 100)])).await;
    assert_eq!(lab.get("/api").await.body, "two");
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), before);
    // Its users stay on their versions there, and links keep to the path.
    lab.control.switch(8, &of(3, &[(1, 50), (2, 50)])).await;
    let answer = lab.get("/api").await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("launcher-version-api=v"), "{cookie}");
    let answer = lab.get("/api/x?launcher-try=v1.t1").await;
    assert_eq!(answer.headers["location"], "/api/x");
    assert!(answer.headers["set-cookie"].to_str().unwrap().starts_with("launcher-try-api=v1.t1;"));
}

#[tokio::test]
async fn heavy_nginx_carries_a_websocket_to_another_service() {
    let (main, echo) = (mirror("shop").await, websocket_echo().await);
    let mut table = shop(1, &[(1, 100)], &[(1, &[&main])]);
    table.rules.paths.insert("/ws".into(), path("ws", true));
    let mut other = service("ws", shop(1, &[(1, 100)], &[(1, &[&echo])]));
    other.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let lab = Lab::new(&[table, other]).await;
    let stream = tokio::net::TcpStream::connect(lab.http).await.unwrap();
    let url = format!("ws://{HOST}/ws");
    let (mut socket, _) =
        soon("a WebSocket", tokio_tungstenite::client_async(url, stream)).await.unwrap();
    let sent = tokio_tungstenite::tungstenite::Message::text("hello");
    futures_util::SinkExt::send(&mut socket, sent.clone()).await.unwrap();
    let heard = soon("the echo", futures_util::StreamExt::next(&mut socket)).await;
    assert_eq!(heard.unwrap().unwrap(), sent);
}

#[tokio::test]
async fn heavy_nginx_sets_and_removes_fields() {
    let container = mirror("shop").await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let odd = r#"a"b\c $host ${uri} 'd'; } # 100%"#;
    table.rules.headers.request.set.insert("X-Odd".into(), odd.into());
    table.rules.headers.request.remove = vec!["User-Agent".into(), "Cookie".into()];
    table.rules.headers.response.set.insert("X-Frame".into(), odd.into());
    table.rules.headers.response.set.insert("Cache-Control".into(), "no-cache".into());
    table.rules.headers.response.remove = vec!["X-Powered-By".into(), "Server".into()];
    let lab = Lab::new(&[table]).await;
    for host in [HOST, "v1.shop.preview.test"] {
        let mut request = request(host, "/");
        for (field, value) in [("user-agent", "u"), ("cookie", "c=d"), ("x-odd", "mine")] {
            request.headers_mut().insert(field, value.parse().unwrap());
        }
        let answer = Client::connect(lab.http).await.ask(request).await;
        assert!(answer.body.ends_with(&format!("\nx-odd: {odd}")), "{answer:?}");
        assert!(!answer.body.contains("user-agent") && !answer.body.contains("cookie"));
        let of = |field: &str| {
            let all = answer.headers.get_all(field).iter();
            all.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            (of("x-frame"), of("cache-control")),
            (vec![odd.into()], vec!["no-cache".into()])
        );
        assert!(of("x-powered-by").is_empty(), "{answer:?}");
        assert!(of("server").iter().all(|name| name.starts_with("nginx")), "{answer:?}");
    }
}
