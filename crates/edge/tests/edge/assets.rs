//! Files that one version does not have and another one has.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use launcher_edge::table::{Assets, Rules, ServiceTable};
use launcher_model::VersionNumber;

use super::support::*;

/// A container of a version that has a file of its own, `/assets/NAME.js`, and one that all have.
async fn version(name: &'static str) -> Container {
    Container::serve(name, move |request| async move {
        let own = format!("/assets/{name}.js");
        let mut response = match request.uri().path() {
            path if path == own || path.ends_with("/all.js") => {
                let mut response = text(format!("{name} has {path}"));
                let forever = header::HeaderValue::from_static("public, max-age=31536000");
                response.headers_mut().insert(header::CACHE_CONTROL, forever);
                response
            }
            _ => {
                let mut response = text(format!("{name} has none"));
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        };
        response.headers_mut().insert(header::SERVER, header::HeaderValue::from_static(name));
        response
    })
    .await
}

/// The service, with `/assets/` looked for in versions that were live lately.
fn with_assets(table: ServiceTable, lately: &[u32]) -> ServiceTable {
    let assets = Assets {
        prefixes: vec!["/assets/".into()],
        lately: lately.iter().copied().map(VersionNumber).collect(),
    };
    ServiceTable { rules: Rules { assets: Some(assets), ..Rules::default() }, ..table }
}

#[tokio::test]
async fn a_page_of_the_version_before_finds_its_files_for_as_long_as_it_is_told() {
    let (v1, v2) = (version("v1").await, version("v2").await);
    let both: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[with_assets(shop(1, &[(2, 100)], both), &[1])]).await;
    let answer = lab.get("/assets/v1.js?v=7").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "v1 has /assets/v1.js"));
    assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=31536000");
    assert_eq!(answer.headers[header::SERVER], "v1");
    // Both have it: it is that of the version which is live.
    assert_eq!(lab.get("/assets/all.js").await.body, "v2 has /assets/all.js");
    // Nobody has it: it is the first one's answer.
    let none = lab.get("/assets/none.js").await;
    assert_eq!((none.status.as_u16(), none.body.as_str()), (404, "v2 has none"));
    // It is asked for elsewhere under the prefix alone, however that is written.
    for path in ["/v1.js", "/x/assets/v1.js", "/assets/../v1.js", "/assets/%2e%2e/assets.js", "/a%"]
    {
        let before = v1.requests();
        let answer = lab.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, "v2 has none"), "{path}");
        assert_eq!(v1.requests(), before, "{path}");
    }
    let head = Request::head("/assets/v1.js").header("host", HOST).body(Full::default()).unwrap();
    assert_eq!(Client::connect(lab.edge.http).await.ask(head).await.status, 200);

    lab.control.replace(&with_assets(shop(2, &[(2, 100)], both), &[])).await;
    assert_eq!(lab.get("/assets/v1.js").await.status, 404);
}

#[tokio::test]
async fn a_request_with_a_body_or_of_another_method_is_asked_once() {
    let (v1, v2) = (version("v1").await, version("v2").await);
    let table = shop(1, &[(2, 100)], &[(1, &[&v1]), (2, &[&v2])]);
    let lab = Lab::new(&[with_assets(table, &[1])]).await;
    for (method, body) in [(Method::GET, "body"), (Method::POST, ""), (Method::DELETE, "")] {
        let request = Request::builder().method(&method).uri("/assets/v1.js").header("host", HOST);
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let answer = Client::connect(lab.edge.http).await.ask(request).await;
        assert_eq!(answer.status, 404, "{method}");
    }
    assert_eq!((v1.requests(), v2.requests()), (0, 3));
}

#[tokio::test]
async fn while_several_are_live_each_has_the_files_of_all() {
    let (v1, v2) = (version("v1").await, version("v2").await);
    let split = shop(1, &[(1, 50), (2, 50)], &[(1, &[&v1]), (2, &[&v2])]);
    let lab = Lab::new(&[with_assets(split, &[])]).await;
    for _ in 0..20 {
        for name in ["v1", "v2"] {
            let path = format!("/assets/{name}.js");
            let answer = lab.get(&path).await;
            assert_eq!(answer.body, format!("{name} has {path}"));
        }
    }
    // Who is kept on a version is, and sees what it has.
    let mut client = Client::connect(lab.edge.http).await;
    for (pass, name) in [("v1.s1", "v1"), ("v2.s2", "v2")] {
        let mut request = request(HOST, "/assets/all.js");
        let cookie = format!("launcher-version-shop={pass}");
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
        assert_eq!(client.ask(request).await.body, format!("{name} has /assets/all.js"));
    }
}

#[tokio::test]
async fn who_looks_at_a_version_sees_what_it_does_not_have() {
    let (v1, v2) = (version("v1").await, version("v2").await);
    let table = shop(1, &[(1, 100)], &[(1, &[&v1]), (2, &[&v2])]);
    let lab = Lab::new(&[with_assets(table, &[])]).await;
    let preview = get(lab.edge.http, "v2.shop.preview.test", "/assets/v1.js").await;
    assert_eq!(preview.body, "v2 has none");
    let mut tried = request(HOST, "/assets/v1.js");
    tried.headers_mut().insert("launcher-try", "v2.t2".parse().unwrap());
    assert_eq!(Client::connect(lab.edge.http).await.ask(tried).await.body, "v2 has none");
}

#[tokio::test]
async fn another_edge_may_have_flipped_already() {
    let (v1, v2) = (version("v1").await, version("v2").await);
    let both: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[with_assets(shop(1, &[(1, 100)], both), &[])]).await;
    assert_eq!(lab.get("/assets/v2.js").await.status, 404);
    let next = with_assets(shop(2, &[(2, 100)], both), &[1]);
    lab.control.prepare(7, &next).await.unwrap();
    assert_eq!(lab.get("/assets/v2.js").await.body, "v2 has /assets/v2.js");
    assert_eq!(lab.get("/assets/all.js").await.body, "v1 has /assets/all.js");
    lab.control.commit(7).await.unwrap();
    assert_eq!(lab.get("/assets/v1.js").await.body, "v1 has /assets/v1.js");
    // What is asked of the version that left is none of what it has to drain.
    let drained = lab.control.drained(7).await;
    assert_eq!((drained.failed, drained.cut), (0, 0));
}

#[tokio::test]
async fn what_answers_is_measured_and_a_version_that_cannot_is_passed_over() {
    let (v1, v2) = (version("v1").await, version("v2").await);
    let broken = Container::raw("broken", |_| async {}).await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2]), (3, &[&broken])];
    let mut lab = Lab::new(&[with_assets(shop(1, &[(2, 100)], pools), &[3, 1])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for _ in 0..5 {
        let answer = client.ask(request(HOST, "/assets/v1.js")).await;
        assert_eq!(answer.body, "v1 has /assets/v1.js");
        let answer = client.ask(request(HOST, "/assets/none.js")).await;
        assert_eq!(answer.body, "v2 has none");
    }
    let measured = lab.control.measured(10).await;
    assert_eq!(measured[&VersionNumber(1)].requests, [0, 5, 0, 0, 0]);
    assert_eq!(measured[&VersionNumber(2)].requests, [0, 0, 0, 5, 0]);
    // Answers that are not passed on cost no connection.
    assert_eq!((v1.connections(), v2.connections() <= 2), (1, true));
}
