use super::support::*;
use launcher_edge::protocol::ToEdge;
use launcher_model::ServiceName;

#[tokio::test]
async fn production_goes_by_hostname_and_previews_by_version() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1]), (2, &[&v2])])]).await;
    let edge = lab.edge.http;
    assert_eq!(lab.get("/").await.body, "one");
    assert_eq!(get(edge, "SHOP.test:8080", "/").await.body, "one");
    assert_eq!(get(edge, "v1.shop.preview.test", "/").await.body, "one");
    assert_eq!(get(edge, "v2.shop.preview.test:80", "/").await.body, "two");

    let unknown = get(edge, "nobody.test", "/").await;
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.body.contains("No service is known by the hostname nobody.test."),
        "{unknown:?}"
    );
    let gone = get(edge, "v3.shop.preview.test", "/").await;
    assert_eq!(gone.status, 404);
    assert!(gone.body.contains("shop has no running environment v3"), "{gone:?}");
}

#[tokio::test]
async fn a_whole_uri_counts_more_than_the_host_header() {
    let v1 = Container::serve("one", |request| async move {
        text(format!("{} {}", request.headers()["host"].to_str().unwrap(), request.uri()))
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1])])]).await;
    let answer = raw(
        lab.edge.http,
        b"GET http://Shop.test/a?b=c HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.ends_with("Shop.test /a?b=c"), "{answer}");
    let answer = raw(
        lab.edge.http,
        b"GET http://shop.test?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.ends_with("shop.test /?b"), "{answer}");
    let answer =
        raw(lab.edge.http, b"OPTIONS * HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
            .await;
    assert!(answer.ends_with("shop.test *"), "{answer}");
}

#[tokio::test]
async fn requests_without_one_good_host_are_refused() {
    let lab = Lab::new(&[]).await;
    for hosts in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a b\r\n",
        "Host:\r\n",
        "Host: a/b\r\n",
        "Host: u@a\r\n",
    ] {
        let request = format!("GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let answer = raw(lab.edge.http, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{hosts:?}: {answer}");
    }
    let answer =
        raw(lab.edge.http, b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn weights_share_the_traffic_out() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let lab = Lab::new(&[shop(1, &[(1, 80), (2, 20)], &[(1, &[&v1]), (2, &[&v2])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for _ in 0..500 {
        assert_eq!(client.ask(request(HOST, "/")).await.status, 200);
    }
    assert_eq!(v1.requests() + v2.requests(), 500);
    // Outside of this by chance once in more than a million runs (five standard deviations).
    assert!((55..=145).contains(&v2.requests()), "{}", v2.requests());
}

#[tokio::test]
async fn containers_of_an_environment_share_its_traffic() {
    let (a, b) = (Container::named("a").await, Container::named("b").await);
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&a, &b])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for _ in 0..200 {
        client.ask(request(HOST, "/")).await;
    }
    assert!(a.requests() > 50 && b.requests() > 50, "{} {}", a.requests(), b.requests());
}

#[tokio::test]
async fn a_replaced_service_is_served_at_once_and_an_older_one_never() {
    let (a, b) = (Container::named("a").await, Container::named("b").await);
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&a])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    assert_eq!(client.ask(request(HOST, "/")).await.body, "a");

    let mut moved = shop(3, &[(1, 100)], &[(1, &[&b])]);
    moved.generation.0 = 1;
    assert_eq!(lab.control.replace(&moved).await[0].1, 3);
    assert_eq!(client.ask(request(HOST, "/")).await.body, "b");

    let older = shop(2, &[(1, 100)], &[(1, &[&a])]);
    assert_eq!(lab.control.replace(&older).await[0].1, 3);
    assert_eq!(client.ask(request(HOST, "/")).await.body, "b");

    lab.control.say(ToEdge::Remove { service: ServiceName::new("shop").unwrap() }).await;
    lab.control.say(ToEdge::Ping { nonce: 7 }).await;
    lab.control.hear().await;
    assert_eq!(client.ask(request(HOST, "/")).await.status, 404);
}

#[tokio::test]
async fn a_target_that_is_neither_path_nor_whole_is_refused() {
    let container = Container::named("c").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let ask = async |method: &str, target: &str| {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
        raw(lab.edge.http, request.as_bytes()).await
    };
    for (method, target) in [
        ("GET", "index.html"),
        ("GET", "shop.test"),
        ("GET", "shop.test:80"),
        ("GET", "*"),
        ("GET", "*/a"),
        ("OPTIONS", "*a"),
        ("OPTIONS", "shop.test"),
        ("POST", "?a=b"),
    ] {
        let answer = ask(method, target).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{method} {target}: {answer}");
    }
    let answer = ask("GET", "index.html").await;
    assert!(answer.contains("A request's target begins with '/'"), "{answer}");
    assert_eq!(container.requests(), 0);
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/a*?b=*"),
        ("GET", "http://shop.test"),
        ("GET", "http://shop.test/a"),
        ("GET", "http://shop.test?a"),
        ("OPTIONS", "*"),
        ("OPTIONS", "/"),
    ] {
        let answer = ask(method, target).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{method} {target}: {answer}");
    }
}
