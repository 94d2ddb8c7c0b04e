//! What is not believed.

use axum::body::Body;
use launcher_model::service::CodeHost;
use launcher_testkit::code_host::payloads::{self, NONE, hmac, signed};
use serde_json::json;

use super::{HOSTS, SECRET, Team, settings, word};

const COMMIT: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_by_the_host_changes_nothing() {
    for kind in HOSTS {
        let team = Team::on(kind).await;
        let other = settings().replace("\"shop\"", "\"cart\"");
        team.put(&other).await;
        let body = payloads::push(kind, &team.host.base, "main", NONE, COMMIT).to_string();
        let good = signed(kind, SECRET, body.as_bytes());
        let last = good.len() - 1;
        let with = |value: &str| {
            let mut headers = good.clone();
            headers[last].1 = value.to_owned();
            headers
        };
        let before = team.world.kept().await;
        let mut wrong = vec![
            good[..last].to_vec(),
            with(""),
            with("sha256="),
            with(&format!("sha1={}", good[last].1.replace("sha256=", ""))),
            with(&good[last].1[..good[last].1.len() - 1]),
            with(&format!("{}0", good[last].1)),
            signed(kind, "another secret", body.as_bytes()),
            signed(kind, "", body.as_bytes()),
        ];
        if kind != CodeHost::Gitlab {
            wrong.push(signed(kind, SECRET, b"another body"));
        }
        let mut answers = Vec::new();
        for headers in wrong {
            let answer = team.delivers("shop", &headers, body.clone()).await;
            answers.push(answer.tells(403, "signature"));
        }
        // A service without a [source], and none: the same to a stranger.
        for service in ["cart", "nothing"] {
            let answer = team.delivers(service, &good, body.clone()).await;
            answers.push(answer.tells(403, "signature"));
        }
        assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
        assert_eq!(team.world.kept().await, before);
        assert!(team.world.app.store.unfinished_builds(None).await.unwrap().is_empty());
        // A token of this server helps nobody here.
        let token = [("authorization", format!("Bearer {}", team.world.token))];
        team.delivers("shop", &token, body).await.tells(403, "signature");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_set_or_empty_refuses_all() {
    for kind in HOSTS {
        let team = Team::on(kind).await;
        let body = payloads::push(kind, &team.host.base, "main", NONE, COMMIT).to_string();
        team.world.call("DELETE", "/api/v1/secrets/shop%2Fhook", None).await;
        for secret in [SECRET, "", "shop/hook"] {
            let headers = signed(kind, secret, body.as_bytes());
            team.delivers("shop", &headers, body.clone()).await.tells(403, "signature");
        }
        let text = format!(
            "{}[source]\nhost = {:?}\nurl = {:?}\n",
            settings(),
            kind.as_str(),
            team.host.url()
        );
        team.put(&text).await;
        let headers = signed(kind, "", body.as_bytes());
        team.delivers("shop", &headers, body).await.tells(403, "signature");
        assert!(team.builds().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_one_service_opens_no_other() {
    let team = Team::on(CodeHost::Github).await;
    team.secret("cart/hook", "the secret of cart").await;
    let text = settings().replace("\"shop\"", "\"cart\"");
    let source = format!(
        "[source]\nhost = \"github\"\nurl = \"{}/acme/cart.git\"\nhook_secret = \"cart/hook\"\n",
        team.host.base
    );
    team.put(&format!("{text}{source}")).await;
    let body = payloads::push(CodeHost::Github, &team.host.base, "main", NONE, COMMIT).to_string();
    for (service, secret) in [("shop", "the secret of cart"), ("cart", SECRET)] {
        let headers = signed(CodeHost::Github, secret, body.as_bytes());
        team.delivers(service, &headers, body.clone()).await.tells(403, "signature");
    }
    // A host of another kind signs in another way.
    let headers = signed(CodeHost::Github, SECRET, body.as_bytes());
    for (host, status) in [("gitea", 403), ("gitlab", 403), ("bitbucket", 400)] {
        let mut request = axum::http::Request::post(format!("/api/v1/hooks/{host}/shop"));
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let answer = team.world.send(request.body(Body::from(body.clone())).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{host}: {}", answer.text());
    }
    assert!(team.world.app.store.unfinished_builds(None).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_or_no_push_is_refused_though_it_is_signed() {
    let team = Team::on(CodeHost::Github).await;
    let long = vec![b' '; (4 << 20) + 1];
    let headers = signed(CodeHost::Github, SECRET, &long);
    team.delivers("shop", &headers, long).await.tells(413, "malformed");
    let push = |reference: &str, after: &str| {
        let mut told = payloads::push(CodeHost::Github, &team.host.base, "x", NONE, COMMIT);
        told["ref"] = json!(reference);
        told["after"] = json!(after);
        told.to_string()
    };
    for body in [
        String::new(),
        "[]".to_owned(),
        "payload=%7B%7D".to_owned(),
        "{\"ref\":\"refs/heads/main\"}".to_owned(),
        push("refs/heads/main", "HEAD"),
        push("refs/heads/main", "--upload-pack=touch /tmp/x"),
        push("refs/heads/../../x", COMMIT),
        push("refs/heads/main:refs/heads/other", COMMIT),
        push("refs/heads/-x", COMMIT),
        push("refs/heads/", COMMIT),
        "[".repeat(100_000),
    ] {
        let headers = signed(CodeHost::Github, SECRET, body.as_bytes());
        let problem = team.delivers("shop", &headers, body.clone()).await.tells(400, "malformed");
        assert!(word(&problem["detail"]).contains("not what this host sends"), "{problem}");
    }
    assert!(team.builds().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlab_s_signing_token_is_checked_with_its_time() {
    let team = Team::on(CodeHost::Gitlab).await;
    let key: Vec<u8> = (0..32).collect();
    let base64 = |bytes: &[u8]| {
        use base64::Engine;
        base64::prelude::BASE64_STANDARD.encode(bytes)
    };
    team.secret("shop/hook", &format!("whsec_{}", base64(&key))).await;
    let commit = team.host.takes(&team.checkout, "main");
    let body = payloads::push(CodeHost::Gitlab, &team.host.base, "main", NONE, &commit).to_string();
    let headers = |id: &str, second: i64| {
        let signed = format!("{id}.{second}.{body}");
        let hex = hmac(&key, signed.as_bytes());
        let raw: Vec<u8> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        vec![
            ("x-gitlab-event", "Push Hook".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", second.to_string()),
            ("webhook-signature", format!("v1,{}", base64(&raw))),
        ]
    };
    let now = team.world.app.now().as_second();
    let send =
        async |headers: &[(&str, String)]| team.delivers("shop", headers, body.clone()).await;
    send(&headers("one", now - 3600)).await.tells(403, "signature");
    let mut other = headers("one", now);
    other[1].1 = "two".to_owned();
    send(&other).await.tells(403, "signature");
    send(&headers("one", now)).await.is(202);
    // A later attempt to send the same has another time, and the same id.
    let again = send(&headers("one", now + 2)).await.is(200).json();
    assert_eq!(again["note"], "this was told before");
    assert_eq!(word(&team.ended().await[0]["state"]), "passed");
    assert_eq!(team.builds().await.len(), 1);
}
