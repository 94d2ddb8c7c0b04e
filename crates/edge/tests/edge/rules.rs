//! Redirects, and header fields that the edge sets and takes away.

use super::support::*;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use launcher_edge::table::ServiceTable;
use launcher_model::service::{FieldRules, Headers, PathTarget, Redirect};
use launcher_model::{ServiceName, Span};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const WWW: &str = "www.shop.test";

fn redirect(host: Option<&str>, from: &str, to: &str, status: u16) -> Redirect {
    let host = host.map(str::to_owned);
    Redirect { host, from: from.to_owned(), to: to.to_owned(), status }
}

fn fields(set: &[(&str, &str)], remove: &[&str]) -> FieldRules {
    FieldRules {
        set: set.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        remove: remove.iter().map(ToString::to_string).collect(),
    }
}

fn with_headers(container: &Container, headers: Headers) -> ServiceTable {
    let mut shop = shop(1, &[(1, 100)], &[(1, &[container])]);
    shop.rules.headers = headers;
    shop
}

async fn moved() -> (Container, Lab) {
    let container = Container::named("shop").await;
    let mut shop = shop(1, &[(1, 100)], &[(1, &[&container])]);
    shop.hosts.push(WWW.to_owned());
    shop.rules.redirects = vec![
        redirect(Some(WWW), "/*", "https://shop.test/*", 308),
        redirect(None, "/old/*", "/new/*", 301),
        redirect(None, "/sale", "/summer?from=sale", 303),
        redirect(None, "/api/gone", "/here", 302),
    ];
    let api = ServiceName::new("api").unwrap();
    shop.rules.paths = [("/api".to_owned(), PathTarget { service: api, strip: false })].into();
    (container, Lab::new(&[shop]).await)
}

#[tokio::test]
async fn what_has_moved_is_told_with_its_status() {
    let (container, lab) = moved().await;
    let mut client = Client::connect(lab.edge.http).await;
    for (host, path, status, location) in [
        (HOST, "/old/a%2Fb?c=d", 301, "/new/a%2Fb?c=d"),
        (HOST, "//old/./%61?c=d", 301, "/new/a?c=d"),
        (HOST, "/old//evil.test", 301, "/new/evil.test"),
        (HOST, "/sale?c=d", 303, "/summer?from=sale"),
        // Redirects come before paths.
        (HOST, "/api/gone", 302, "/here"),
        (WWW, "/old/a?b", 308, "https://shop.test/old/a?b"),
        ("WWW.shop.test:8080", "/", 308, "https://shop.test/"),
        ("v1.shop.preview.test", "/old/a", 301, "/new/a"),
    ] {
        for method in [Method::GET, Method::HEAD, Method::DELETE] {
            let mut asked = request(host, path);
            *asked.method_mut() = method.clone();
            let answer = client.ask(asked).await;
            assert_eq!(answer.status, status, "{method} {path}");
            assert_eq!(answer.headers["location"], location, "{method} {path}");
            assert_eq!(answer.body.is_empty(), method == Method::HEAD, "{answer:?}");
        }
    }
    let kept = client.ask(request(HOST, "/old/a")).await;
    assert!(!kept.headers.contains_key("cache-control"), "it has moved for good");
    let asked_again = client.ask(request(HOST, "/sale")).await;
    assert_eq!(asked_again.headers["cache-control"], "no-store");
    assert_eq!(container.requests(), 0);
    for (host, path) in [(HOST, "/old"), (HOST, "/older/a"), ("v1.shop.preview.test", "/sales")] {
        assert_eq!(client.ask(request(host, path)).await.body, "shop", "{path}");
    }
}

#[tokio::test]
async fn a_body_does_not_keep_a_redirect_back() {
    let (container, lab) = moved().await;
    let mut client = Client::connect(lab.edge.http).await;
    let body = Full::new(Bytes::from(vec![b'x'; 1 << 20]));
    let asked = Request::post("/old/a").header("host", HOST).body(body).unwrap();
    let answer = client.ask(asked).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["location"]),
        (301, &"/new/a".parse().unwrap())
    );
    assert_eq!(container.requests(), 0);
}

#[tokio::test]
async fn no_address_adds_a_field_or_leads_to_another_host() {
    let (_container, lab) = moved().await;
    for (target, location) in [
        ("/old/%0d%0aSet-Cookie:%20a=b", "/new/%0d%0aSet-Cookie:%20a=b"),
        ("/old/\\\\evil.test", "/new/%5C%5Cevil.test"),
        ("/old/a?b=é", "/new/a?b=%C3%A9"),
        ("/old/é", "/new/%C3%A9"),
    ] {
        let asked =
            format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
        let answer = raw(lab.edge.http, asked.as_bytes()).await;
        let lines = answer.lines().filter_map(|line| line.strip_prefix("location: "));
        assert_eq!(lines.collect::<Vec<_>>(), [location], "{answer}");
        assert!(!answer.to_ascii_lowercase().contains("\nset-cookie"), "{answer}");
    }
}

/// A container that answers with the head of the request that it got.
async fn mirror() -> Container {
    Container::serve("mirror", |request| async move {
        let fields = request.headers().iter();
        let mut lines: Vec<String> = fields
            .filter(|(name, _)| !name.as_str().contains("forwarded") && *name != "host")
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        Response::builder()
            .header("server", "mirror")
            .header("x-debug", "1")
            .header("x-debug", "2")
            .header("set-cookie", "a=b")
            .header("cache-control", "private")
            .body(Full::new(Bytes::from(lines.join("\n"))).boxed())
            .unwrap()
    })
    .await
}

#[tokio::test]
async fn fields_of_requests_and_responses_are_set_and_taken_away() {
    let container = mirror().await;
    let headers = Headers {
        request: fields(
            &[("X-Env", "production"), ("Accept-Language", "en")],
            &["X-Secret", "cookie"],
        ),
        response: fields(
            &[("Cache-Control", "no-cache"), ("X-Frame-Options", "DENY")],
            &["Server", "x-Debug"],
        ),
    };
    let lab = Lab::new(&[with_headers(&container, headers)]).await;
    for host in [HOST, "v1.shop.preview.test"] {
        let asked = Request::get("/")
            .header("host", host)
            .header("x-env", "client's")
            .header("X-ENV", "client's again")
            .header("x-secret", "1")
            .header("cookie", "a=b")
            .header("x-other", "kept")
            .header("connection", "x-hop, x-env")
            .header("x-hop", "1")
            .body(Full::new(Bytes::new()))
            .unwrap();
        let answer = Client::connect(lab.edge.http).await.ask(asked).await;
        assert_eq!(answer.body, "accept-language: en\nx-env: production\nx-other: kept");
        let fields = |name: &str| answer.headers.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(fields("cache-control"), ["no-cache"]);
        assert_eq!(fields("x-frame-options"), ["DENY"]);
        assert_eq!(fields("set-cookie"), ["a=b"]);
        assert!(fields("server").is_empty() && fields("x-debug").is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn the_edge_s_own_pages_and_cookies_stay_as_they_are() {
    let (one, two) = (mirror().await, mirror().await);
    let mut shop = shop(1, &[(1, 50), (2, 50)], &[(1, &[&one]), (2, &[&two])]);
    shop.rules.headers.response = fields(&[("X-Frame-Options", "DENY")], &["Set-Cookie"]);
    shop.traffic.connect_timeout = Span::millis(200);
    let lab = Lab::new(&[shop]).await;
    let answer = lab.get("/").await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 1, "{answer:?}");
    assert!(cookies[0].to_str().unwrap().starts_with("launcher-version-shop=v"), "{answer:?}");
    one.kill();
    two.kill();
    let page = lab.get("/").await;
    assert_eq!(page.status, 502);
    assert!(!page.headers.contains_key("x-frame-options"), "{page:?}");
}

#[tokio::test]
async fn a_switch_of_protocols_has_the_fields_too() {
    let container = Container::raw("other", |mut stream| async move {
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.contains("\r\nx-env: production\r\n"), "{head}");
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other/1\r\n\
                      Server: other\r\n\r\nwelcome";
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let headers = Headers {
        request: fields(&[("X-Env", "production")], &[]),
        response: fields(&[("X-Frame-Options", "DENY")], &["Server"]),
    };
    let lab = Lab::new(&[with_headers(&container, headers)]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let asked =
        "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: other/1\r\n\r\n";
    stream.write_all(asked.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "welcome").await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    assert!(answer.contains("\r\nx-frame-options: deny\r\n"), "{answer}");
    assert!(answer.contains("\r\nupgrade: other/1\r\n"), "{answer}");
    assert!(!answer.contains("\r\nserver:"), "{answer}");
}

#[tokio::test]
async fn what_answers_under_a_path_has_its_own_fields_and_no_other_s() {
    let (front, back) = (mirror().await, mirror().await);
    let mut front = with_headers(
        &front,
        Headers { request: fields(&[("X-From", "shop")], &[]), response: fields(&[], &["Server"]) },
    );
    let api = ServiceName::new("api").unwrap();
    let target = PathTarget { service: api.clone(), strip: true };
    front.rules.paths = [("/api".to_owned(), target)].into();
    front.rules.redirects = vec![redirect(None, "/api/old", "/api/new", 301)];
    let headers = Headers {
        request: fields(&[("X-From", "api"), ("X-Forwarded-Prefix", "/set")], &[]),
        response: fields(&[("X-Frame-Options", "DENY")], &[]),
    };
    let mut back =
        ServiceTable { name: api, hosts: vec!["api.test".into()], ..with_headers(&back, headers) };
    back.rules.redirects = vec![redirect(None, "/*", "https://elsewhere.test/*", 301)];
    let lab = Lab::new(&[front, back]).await;
    assert_eq!(lab.get("/").await.body, "x-from: shop");
    let answer = lab.get("/api/x").await;
    assert_eq!(answer.body, "x-from: api");
    assert_eq!(
        (&answer.headers["server"], &answer.headers["x-frame-options"]),
        (&"mirror".parse().unwrap(), &"DENY".parse().unwrap())
    );
    assert_eq!(lab.get("/api/old").await.headers["location"], "/api/new");
}
