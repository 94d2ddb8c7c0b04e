//! Versions that are tried on the production hostname.

use http::header;
use launcher_edge::table::ServiceTable;

use crate::browser::Jar;
use crate::lab::Lab;
use crate::support::*;

async fn three() -> [Container; 3] {
    [Container::named("v1").await, Container::named("v2").await, Container::named("v3").await]
}

fn shares(revision: u64, weights: &[(u32, u8)], [v1, v2, v3]: [&Container; 3]) -> ServiceTable {
    shop(revision, weights, &[(1, &[v1]), (2, &[v2]), (3, &[v3])])
}

fn cookies(answer: &Answer) -> usize {
    answer.headers.get_all(header::SET_COOKIE).iter().count()
}

#[tokio::test]
async fn heavy_nginx_has_a_link_try_a_version() {
    let containers = three().await;
    let [v1, v2, v3] = containers.each_ref();
    let mut lab = Lab::new(&[shares(1, &[(1, 100)], [v1, v2, v3])]).await;
    let mut client = Client::connect(lab.http).await;
    let mut jar = Jar::default();

    let followed = jar.ask(&mut client, "/cart?launcher-try=v2.t2&a=b").await;
    assert_eq!(
        (followed.status.as_u16(), &followed.headers["location"]),
        (302, &"/cart?a=b".parse().unwrap())
    );
    assert_eq!(followed.headers["cache-control"], "no-store");
    assert_eq!(jar.ask(&mut client, "/cart?a=b").await.body, "v2");
    assert_eq!(lab.get("/").await.body, "v1", "nobody else sees it");

    jar.ask(&mut client, "/?launcher-try=v3.t3").await;
    assert_eq!(jar.ask(&mut client, "/").await.body, "v3");
    let forged = jar.ask(&mut client, "/?launcher-try=v2.s2").await;
    assert_eq!((forged.status.as_u16(), jar.0.len()), (302, 0));
    assert_eq!(jar.ask(&mut client, "/").await.body, "v1");
    jar.ask(&mut client, "/?launcher-try=v2.t2").await;
    jar.ask(&mut client, "/?launcher-try=").await;
    assert!(jar.0.is_empty(), "an empty value leaves it");

    // The version goes away under the one who tries it.
    jar.ask(&mut client, "/?launcher-try=v2.t2").await;
    lab.control.replace(&shop(2, &[(1, 100)], &[(1, &[v1]), (3, &[v3])])).await;
    let mut client = Client::connect(lab.http).await;
    assert_eq!(jar.ask(&mut client, "/").await.body, "v1");
}

#[tokio::test]
async fn heavy_nginx_leads_a_link_to_the_address_without_it() {
    let v1 = Container::serve("v1", |request| async move { text(request.uri().to_string()) }).await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1])])]).await;
    let ask = async |method: &str, target: &str| {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
        raw(lab.http, request.as_bytes()).await.to_lowercase()
    };
    for (target, address) in [
        ("/?launcher-try=v1.t1", "/"),
        ("/a/b?launcher-try=v1.t1&c=d&e", "/a/b?c=d&e"),
        ("/?c=d&launcher-try=v1.t1", "/?c=d"),
        ("/?c=d&launcher-try=&e=f", "/?c=d&e=f"),
        ("/a%20b%0d%0ax?launcher-try=v1.t1", "/a%20b%0d%0ax"),
        ("http://shop.test/a?launcher-try=v1.t1", "/a"),
        ("//other.test/?launcher-try=v1.t1", "/.//other.test/"),
        ("/\\other.test?launcher-try=v1.t1", "/./\\other.test"),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = ask(method, target).await;
            assert!(answer.starts_with("http/1.1 302 "), "{target}: {answer}");
            assert!(answer.contains(&format!("\r\nlocation: {address}\r\n")), "{target}: {answer}");
        }
    }
    for target in [
        "/?launcher-trying=v1.t1",
        "/?launcher-try",
        "/?xlauncher-try=v1.t1",
        "/launcher-try=v1.t1",
    ] {
        assert!(ask("GET", target).await.ends_with(target), "{target}");
    }
    let posted = ask("POST", "/?launcher-try=v1.t1").await;
    assert!(posted.ends_with("/?launcher-try=v1.t1"), "{posted}");
}

#[tokio::test]
async fn heavy_nginx_counts_a_tried_version_as_what_it_is() {
    let containers = three().await;
    let containers = containers.each_ref();
    let lab = Lab::new(&[shares(1, &[(1, 90), (2, 10)], containers)]).await;
    let mut client = Client::connect(lab.http).await;
    let mut ask = async |header: &str, cookie: &str| {
        let mut request = request(HOST, "/");
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request.headers_mut().insert("launcher-try", header.parse().unwrap());
        client.ask(request).await
    };
    for (header, cookie, version) in [
        ("v2.t2", "", "v2"),
        ("v3.t3", "launcher-try-shop=v2.t2", "v3"),
        ("v3.T3", "launcher-try-shop=v2.t2", "v2"),
        ("", "launcher-try-shop=v3.t3; launcher-version-shop=v1.s1", "v3"),
    ] {
        let answer = ask(header, cookie).await;
        assert_eq!((answer.body.as_str(), cookies(&answer)), (version, 0), "{header} {cookie}");
    }
    let answer = ask("v2.t3", "launcher-try-shop=v2.s2").await;
    assert_eq!(cookies(&answer), 1, "who tries nothing is a new user");
    // What the log says of who is live decides what counts as production's failure.
    for container in containers {
        container.kill();
    }
    assert_eq!(ask("v3.t3", "").await.status, 502);
    assert_eq!(ask("v2.t2", "").await.status, 502);
    let failed = || -> Vec<String> {
        let log = std::fs::read_to_string(lab.dir.path().join("edge/nginx-access.log")).unwrap();
        log.lines().filter(|line| line.contains("\"502\"")).map(str::to_owned).collect()
    };
    until("both are logged", || failed().len() == 2).await;
    let failed = failed();
    assert!(failed[0].contains("\"version\":\"3\",\"live\":\"\""), "{failed:?}");
    assert!(failed[1].contains("\"version\":\"2\",\"live\":\"1\""), "{failed:?}");
}

#[tokio::test]
async fn heavy_nginx_has_a_version_tried_before_anything_is_live() {
    let (v1, v2) = (Container::named("v1").await, Container::named("v2").await);
    let lab = Lab::new(&[shop(1, &[], &[(1, &[&v1]), (2, &[&v2]), (3, &[])])]).await;
    let mut client = Client::connect(lab.http).await;
    let mut ask = async |pass: &str| {
        let mut request = request(HOST, "/");
        request.headers_mut().insert("launcher-try", pass.parse().unwrap());
        client.ask(request).await
    };
    assert_eq!(ask("v2.t2").await.body, "v2");
    let answer = ask("v3.t3").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("At present shop v3 has no healthy container."), "{answer:?}");
    let answer = ask("v4.t4").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("Service shop has no live version."), "{answer:?}");
}
