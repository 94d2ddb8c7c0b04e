//! Who may see and press: signing in and out, forms of other sites, and what a page may show and run.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use axum::http::{StatusCode, header};
use jiff::SignedDuration;
use launcher_control::{DeployRequest, LaunchRequest, Target};
use launcher_model::build::Origin;
use launcher_model::environment::EnvironmentState;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::role::{Role, Roles};
use launcher_server::TokenText;
use launcher_store::{NewBuild, NewSession, NewToken, Owner};
use pages_support::{Visitor, WHO, World};
use sha2::{Digest, Sha256};

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_strangers_to_the_sign_in_page_and_back() {
    let world = World::without_edge().await;
    world.service("shop", "").await;
    let mut visitor = Visitor::stranger(&world);
    assert_eq!(visitor.get("/").await.location(), "/login");
    assert_eq!(visitor.get("/services/shop").await.location(), "/login?next=/services/shop");
    assert_eq!(visitor.post("/services/shop/deploy", &[]).await.location(), "/login");
    assert_eq!(visitor.post("/logout", &[]).await.location(), "/login");

    let door = visitor.get("/login?next=/services/shop").await;
    assert_eq!(door.field("next"), "/services/shop");
    let form = [("token", world.token.expose()), ("next", "/services/shop")];
    assert_eq!(visitor.post("/login", &form).await.location(), "/services/shop");
    assert!(visitor.get("/services/shop").await.body.contains(WHO));
    assert_eq!(visitor.get("/login").await.location(), "/");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_was_asked_for_outlives_signing_in() {
    let world = World::without_edge().await;
    let mut visitor = Visitor::stranger(&world);
    let page = "/services/shop/versions/1?find=a%20b&container=web";
    let door = visitor.get(page).await;
    let escaped = "/login?next=/services/shop/versions/1?find=a%2520b%26container=web";
    assert_eq!(door.location(), escaped);
    let door = visitor.get(escaped).await;
    assert_eq!(door.field("next").replace("&#38;", "&"), page);

    // A token that is not valid is asked for again where it was given.
    assert!(door.body.contains("<details>"), "{}", door.body);
    let refused = visitor.post("/login", &[("token", "rl_wrong"), ("next", page)]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.body.contains("<details open>"), "{}", refused.body);
    assert_eq!(refused.field("next").replace("&#38;", "&"), page);
    let form = [("token", world.token.expose()), ("next", page)];
    assert_eq!(visitor.post("/login", &form).await.location(), page);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_a_session_that_is_over_leads_back_to_its_page() {
    let world = World::without_edge().await;
    world.service("shop", "").await;
    let mut visitor = Visitor::stranger(&world);
    let own = ("sec-fetch-site", "same-origin");
    for (path, page, door) in [
        (
            "/services/shop/settings",
            "/services/shop/settings",
            "/login?next=/services/shop/settings",
        ),
        (
            "/services/shop/settings",
            "/services/shop/settings/check",
            "/login?next=/services/shop/settings",
        ),
        ("/services/shop/launch", "/services/shop/launch", "/login?next=/services/shop/launch"),
        ("/logout", "/events?service=shop", "/login?next=/events?service=shop"),
        ("/logout", "/", "/login"),
    ] {
        let referer = format!("http://launcher.test{page}");
        let answer = visitor.post_from(path, &[], &[own, ("referer", referer.as_str())]).await;
        assert_eq!(answer.location(), door, "{page}");
    }
    // A page of another site is no page of ours.
    let foreign = [("sec-fetch-site", "cross-site"), ("referer", "https://evil.example.com/a")];
    let answer = visitor.post_from("/services/shop/settings", &[], &foreign).await;
    assert_eq!(answer.location(), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_asks_for_does_not_become_a_sign_in_page() {
    let world = World::without_edge().await;
    let mut visitor = Visitor::stranger(&world);
    for path in ["/live?after=0", "/live/home"] {
        let headers = [("hx-request", "true"), ("accept", "text/event-stream")];
        for header in headers {
            let answer = visitor.get_with(path, header).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(answer.headers["hx-redirect"], "/login");
        }
    }
    let page = ("hx-current-url", "http://launcher.test/services/shop?a=b");
    let answer = visitor.get_with("/live/services/shop", page).await;
    assert_eq!(answer.location(), "/login?next=/live/services/shop", "no script says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_in_once_and_only_by_its_button() {
    let world = World::without_edge().await;
    let link = world.app.one_time_link(WHO).await.unwrap();
    let path = format!("/login/{}", link.expose());
    for _ in 0..3 {
        let page = Visitor::stranger(&world).get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "programs that look at links do not use it up");
        assert!(page.headers.get(header::SET_COOKIE).is_none());
    }
    let mut visitor = Visitor::stranger(&world);
    assert_eq!(visitor.post(&path, &[]).await.location(), "/");
    assert!(visitor.get("/").await.body.contains(WHO));

    let mut second = Visitor::stranger(&world);
    assert_eq!(second.post(&path, &[]).await.status, StatusCode::GONE);
    assert_eq!(second.get("/").await.location(), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_no_session_and_a_revoked_token_has_none() {
    let world = World::without_edge().await;
    let link = world.app.one_time_link(WHO).await.unwrap();
    let mut visitor = Visitor::stranger(&world);
    visitor.set_cookie("launcher_session", link.expose());
    assert_eq!(visitor.get("/").await.location(), "/login");

    let mut visitor = Visitor::signed_in(&world).await;
    assert_eq!(visitor.get("/").await.status, StatusCode::OK);
    assert!(world.app.store.revoke_token(WHO, "test", world.app.now()).await.unwrap());
    assert_eq!(visitor.get("/").await.location(), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_text_is_nobody_even_where_one_was_kept_as_a_token() {
    let world = World::without_edge().await;
    let hash: [u8; 32] = Sha256::digest(b"").into();
    let (store, now) = (&world.app.store, world.app.now());
    let new = NewToken { name: "empty".to_owned(), hash, roles: Roles::everywhere(Role::Admin) };
    store.create_token(new, "test", now).await.unwrap();
    let owner = Owner::Token("empty".to_owned());
    let expires_at = now + SignedDuration::from_hours(1);
    let session = NewSession { hash, owner, once: false, expires_at, address: None, agent: None };
    store.create_session(session, now).await.unwrap();

    let mut visitor = Visitor::stranger(&world);
    for text in ["", "  "] {
        let refused = visitor.post("/login", &[("token", text)]).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
    visitor.set_cookie("launcher_session", "");
    assert_eq!(visitor.get("/").await.location(), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_sent_over_tls_alone_where_the_pages_are() {
    let mut world = World::without_edge().await;
    for secure in [false, true] {
        if secure {
            world.set_secure();
        }
        let mut visitor = Visitor::stranger(&world);
        let begun = visitor.post("/login", &[("token", world.token.expose())]).await;
        let page = visitor.get("/").await;
        let ended = visitor.post("/logout", &[("form_secret", page.field("form_secret"))]).await;
        for answer in [begun, ended] {
            let cookie = answer.headers["set-cookie"].to_str().unwrap();
            assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session() {
    let world = World::without_edge().await;
    let mut visitor = Visitor::signed_in(&world).await;
    let mut thief = Visitor::stranger(&world);
    thief.set_cookie("launcher_session", visitor.cookie("launcher_session"));
    assert_eq!(thief.get("/").await.status, StatusCode::OK);

    let page = visitor.get("/").await;
    let form = [("form_secret", page.field("form_secret"))];
    assert_eq!(visitor.post("/logout", &form).await.location(), "/login");
    assert_eq!(visitor.get("/").await.location(), "/login");
    assert_eq!(thief.get("/").await.location(), "/login", "the cookie is worth nothing any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_other_sites_and_sessions_are_refused() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    let own = page.field("form_secret").to_owned();
    let foreign = Visitor::signed_in(&world).await.get("/").await.field("form_secret").to_owned();
    assert_ne!(own, foreign);

    let rest = [("version", "1"), ("generation", "0")];
    for (secret, headers) in [
        ("", &[("sec-fetch-site", "same-origin")][..]),
        ("0", &[("sec-fetch-site", "same-origin")]),
        (&foreign, &[("sec-fetch-site", "same-origin")]),
        (&own, &[("sec-fetch-site", "cross-site")]),
        (&own, &[("sec-fetch-site", "same-site")]),
        (&own, &[("origin", "http://evil.test")]),
    ] {
        let form = [rest[0], rest[1], ("form_secret", secret)];
        let answer = visitor.post_from("/services/shop/pin", &form, headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{secret} {headers:?}");
        assert!(answer.body.contains("nothing was done"), "{}", answer.body);
    }
    let pinned = world.app.control.environment(&shop, "1".parse().unwrap()).await.unwrap();
    assert!(!pinned.environment.pinned);

    let form = [rest[0], rest[1], ("form_secret", &own)];
    let own_site = [("origin", "http://launcher.test")];
    let answer = visitor.post_from("/services/shop/pin", &form, &own_site).await;
    assert_eq!(answer.location(), "/services/shop");
    let pinned = world.app.control.environment(&shop, "1".parse().unwrap()).await.unwrap();
    assert!(pinned.environment.pinned);

    let login = [("token", world.token.expose())];
    let cross = [("sec-fetch-site", "cross-site")];
    let answer = Visitor::stranger(&world).post_from("/login", &login, &cross).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "nobody signs another person in");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down() {
    let world = World::without_edge().await;
    let mut visitor = Visitor::stranger(&world);
    for _ in 0..10 {
        let answer = visitor.post("/login", &[("token", "rl_guess")]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(!answer.body.contains("rl_guess"));
    }
    for path in ["/login", "/login/rl_guess"] {
        let answer = visitor.post(path, &[("token", world.token.expose())]).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_run_nothing_but_their_own_files() {
    let world = World::without_edge().await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    for forbidden in ["<style", "style=\"", "onclick", "<script>", "javascript:"] {
        assert!(!page.body.contains(forbidden), "{forbidden}");
    }

    let assets: Vec<&str> =
        page.body.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert!(assets.len() >= 6, "{assets:?}");
    for asset in assets {
        let answer = Visitor::stranger(&world).get(asset).await;
        assert_eq!(answer.status, StatusCode::OK, "{asset}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    }
    let missing = Visitor::stranger(&world).get("/assets/0/app.css").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

/// Every kind of page and answer: path, and the status that it has for who is signed in.
const ANSWERS: [(&str, u16); 18] = [
    ("/", 200),
    ("/services/shop", 200),
    ("/services/shop/versions/1", 200),
    ("/services/shop/versions/1/log.txt", 200),
    ("/services/nobody", 404),
    ("/builds", 200),
    ("/hosts", 200),
    ("/edges", 200),
    ("/deployments", 200),
    ("/events", 200),
    ("/people", 200),
    ("/audit", 200),
    ("/sessions", 200),
    ("/live/home", 200),
    ("/live/home?only=shop", 200),
    ("/nowhere", 404),
    ("/api/v1/services", 200),
    ("/healthz", 200),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_may_be_framed_or_run_what_is_written_in_it() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let mut answers = Vec::new();
    for (path, status) in ANSWERS {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
        answers.push((path, answer));
    }
    let mut stranger = Visitor::stranger(&world);
    for path in ["/", "/login", "/login/rl_no", "/api/v1/services", "/assets/0/app.css"] {
        answers.push((path, stranger.get(path).await));
    }
    for (path, answer) in answers {
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        for loose in ["unsafe", "http:", "https:", "*"] {
            assert!(!policy.contains(loose), "{path}: {policy}");
        }
        assert_eq!(answer.headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        let is_page = |kind: &axum::http::HeaderValue| kind.as_bytes().starts_with(b"text/html");
        if answer.headers.get(header::CONTENT_TYPE).is_some_and(is_page) {
            for inline in ["<style", " style=", "<script>", "javascript:", " onclick=", " onload="]
            {
                assert!(!answer.body.contains(inline), "{path}: {inline}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_begins_a_session_of_its_own() {
    let world = World::without_edge().await;
    let planted = TokenText::random();
    let mut visitor = Visitor::stranger(&world);
    visitor.set_cookie("launcher_session", planted.expose());
    assert_eq!(visitor.get("/").await.location(), "/login", "a cookie is no session");
    visitor.post("/login", &[("token", world.token.expose())]).await.location();
    let first = visitor.cookie("launcher_session").to_owned();
    assert_ne!(first, planted.expose(), "who planted the cookie does not know the session");

    visitor.post("/login", &[("token", world.token.expose())]).await.location();
    let second = visitor.cookie("launcher_session").to_owned();
    assert_ne!(first, second);
    for over in [planted.expose(), &first] {
        let mut thief = Visitor::stranger(&world);
        thief.set_cookie("launcher_session", over);
        assert_eq!(thief.get("/").await.location(), "/login");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_leads_to_no_other_site() {
    let world = World::without_edge().await;
    for next in [
        "//evil.example.com",
        "https://evil.example.com",
        "/%5Cevil.example.com",
        "/%09/evil.example.com",
        "javascript:alert(1)",
        "evil.example.com",
        "/services/shop%0d%0aset-cookie:a=b",
    ] {
        let mut visitor = Visitor::stranger(&world);
        let door = visitor.get(&format!("/login?next={next}")).await;
        assert_eq!(door.status, StatusCode::OK);
        let form = [("token", world.token.expose()), ("next", next)];
        assert_eq!(visitor.post("/login", &form).await.location(), "/", "{next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_carries_its_secret_otherwise_each_time() {
    let world = World::without_edge().await;
    world.service("shop", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let secrets: Vec<String> = [visitor.get("/").await, visitor.get("/").await]
        .map(|page| page.field("form_secret").to_owned())
        .into();
    assert_ne!(secrets[0], secrets[1], "the length of a compressed page tells nothing of it");
    for secret in secrets {
        let answer = {
            let form = [("form_secret", secret.as_str()), ("sure", "true")];
            visitor.post("/services/shop/maintenance", &form).await
        };
        assert_eq!(answer.location(), "/services/shop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_compressed_and_streams_as_they_are() {
    let world = World::without_edge().await;
    world.service("shop", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    for (path, wanted) in [
        ("/", Some("gzip")),
        ("/services/shop", Some("gzip")),
        ("/api/v1/services", Some("gzip")),
        ("/live?after=1000", None),
    ] {
        let headers = visitor.head_of(path, ("accept-encoding", "gzip")).await;
        let encoding = headers.get(header::CONTENT_ENCODING).map(|one| one.to_str().unwrap());
        assert_eq!(encoding, wanted, "{path}");
    }
    let page = visitor.get("/").await;
    let asset = page.body.split('"').find(|text| text.ends_with("/app.css")).unwrap();
    for (accepts, wanted) in [("gzip", Some("gzip")), ("br, gzip;q=0.5", None), ("identity", None)]
    {
        let headers = visitor.head_of(asset, ("accept-encoding", accepts)).await;
        let encoding = headers.get(header::CONTENT_ENCODING).map(|one| one.to_str().unwrap());
        assert_eq!(encoding.filter(|one| *one == "gzip"), wanted, "{accepts}");
        assert_eq!(headers[header::VARY].to_str().unwrap().to_lowercase(), "accept-encoding");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_written_is_shown_as_text() {
    const MARKUP: &str = "<script>alert(1)</script><img/src=x/onerror=alert(2)>\"'&";
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    let request = LaunchRequest {
        image: Some(":1".to_owned()),
        commit: Some(MARKUP.to_owned()),
        branch: Some(MARKUP.to_owned()),
        ..LaunchRequest::new(shop.clone(), MARKUP)
    };
    let number = world.app.control.launch(request).await.unwrap().0.number;
    world.reaches(&shop, number, EnvironmentState::Ready).await;
    let note = Some(MARKUP.to_owned());
    let request =
        DeployRequest { note, ..DeployRequest::new(shop.clone(), Target::Deploy(number), MARKUP) };
    world.app.control.deploy(request).await.unwrap();
    let event = NewEvent::new(EventKind::ContainerUnhealthy, MARKUP).service(&shop);
    world.app.store.record(&[event], world.app.now()).await.unwrap();
    world.fails("search", "2", &[MARKUP]).await;
    let build = NewBuild {
        service: shop.clone(),
        origin: Origin::Push,
        branch: Some(MARKUP.to_owned()),
        commit: Some(MARKUP.to_owned()),
        subject: Some(MARKUP.to_owned()),
        author: None,
        by: MARKUP.to_owned(),
    };
    world.app.store.queue_build(build, world.app.now()).await.unwrap();
    let view = world.app.control.environment(&shop, number).await.unwrap();
    world.fake.print(&view.containers[0].container.id, MARKUP);

    let mut visitor = Visitor::signed_in(&world).await;
    let (mut shown, mut pages) = (0, Vec::new());
    for (path, _) in
        ANSWERS.iter().filter(|(path, _)| !path.starts_with("/api") && !path.ends_with(".txt"))
    {
        pages.push((*path, visitor.get(path).await));
    }
    let sought = "/?filter=%3Cscript%3Ealert(1)%3C/script%3E";
    pages.push((sought, visitor.get(sought).await));
    let next = "/login?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    pages.push((next, Visitor::stranger(&world).get(next).await));
    for (path, page) in pages {
        for raw in ["<script>alert", "<img/src=x"] {
            assert!(!page.body.contains(raw), "{path}: {}", page.body);
        }
        shown += page.body.matches("script&#62;alert(1)").count();
    }
    assert!(shown >= 12, "it is shown {shown} times");
}
