//! Where the command line finds its server and token, and how it treats what is secret.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use cli_support::{Call, Ran, Stub, answer, end, ended, launcher, nowhere, problem, run};
use serde_json::json;

/// A server that takes one token alone.
async fn taking(token: &'static str) -> Stub {
    Stub::start(move |call: &Call, _| {
        if call.line == "GET /readyz" {
            return answer(200, &json!({ "ready": true }));
        }
        if call.header("authorization") != format!("Bearer {token}") {
            return problem(401, "unauthorized", "this token is not valid");
        }
        match call.line.as_str() {
            "GET /api/v1/server" => answer(
                200,
                &json!({ "version": env!("CARGO_PKG_VERSION"), "installation": "i", "scheduler": "docker",
                    "engine_trouble": null, "you": "admin", "preview_url": "http://{version}.{service}" }),
            ),
            line if line.starts_with("GET /api/v1/edges") => answer(
                200,
                &json!({ "next": null, "items": [{ "name": "local", "version": env!("CARGO_PKG_VERSION"),
                    "state": "connected", "remote": false, "driver": "builtin", "http": ["127.0.0.1:8080"],
                    "connected_at": "2026-11-24T12:00:00Z", "behind": 0 }] }),
            ),
            "GET /api/v1/server/checkup" => answer(
                200,
                &json!({ "openid": { "issuer": "https://login.example.com", "trouble": null }, "registries": [
                    { "registry": "registry.example.com", "services": ["mail", "shop"], "trouble": null,
                    "login_refused": false }] }),
            ),
            _ => answer(200, &json!({ "items": [], "next": null })),
        }
    })
    .await
}

async fn fed(home: &std::path::Path, arguments: &[&str], input: &str) -> Ran {
    let child = launcher(home, arguments).stdin(Stdio::piped()).spawn().unwrap();
    ended(child, input).await
}

#[tokio::test]
async fn a_login_is_kept_for_this_user_alone_until_it_is_forgotten() {
    let stub = taking("rl_secret").await;
    let home = tempfile::tempdir().unwrap();
    let refused = fed(home.path(), &["login", &stub.url], "rl_wrong\n").await;
    assert_eq!((refused.status, refused.stderr.as_str()), (1, "error: this token is not valid\n"));
    let file = home.path().join(".config/rocket-launcher/login.toml");
    assert!(!file.exists(), "what is refused is not kept");

    let ran = fed(home.path(), &["login", &stub.url], "rl_secret\n").await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stderr.contains("as admin") && !ran.stderr.contains("rl_secret"), "{ran:?}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(end(&mut launcher(home.path(), &["services"])).await.status, 0);

    let other = taking("rl_secret").await;
    let ran = end(launcher(home.path(), &["services"]).env("LAUNCHER_URL", &other.url)).await;
    assert!(ran.stderr.starts_with("error: there is no token for"), "{ran:?}");
    assert!(other.calls().is_empty(), "a token goes to its own server alone");

    assert_eq!(end(&mut launcher(home.path(), &["logout"])).await.status, 0);
    assert!(!file.exists());
}

#[tokio::test]
async fn the_server_of_this_machine_is_found_by_its_data_directory() {
    let stub = taking("rl_local").await;
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    std::fs::write(data.path().join("address"), format!("{}\n", stub.url)).unwrap();
    let ran = end(&mut launcher(data.path(), &["services", "--data", path])).await;
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("admin-token is not there"), "{ran:?}");
    std::fs::write(data.path().join("admin-token"), "rl_local\n").unwrap();
    for ran in [
        end(&mut launcher(data.path(), &["services", "--data", path])).await,
        end(launcher(data.path(), &["services"]).env("LAUNCHER_DATA", path)).await,
    ] {
        assert_eq!(ran.status, 0, "{ran:?}");
    }
}

#[tokio::test]
async fn a_secret_is_read_from_where_nobody_sees_it() {
    let stub = Stub::start(|_, _| {
        let set = json!({ "name": "shop/url", "number": 1, "set_at": "2026-11-24T12:00:00Z", "set_by": "a",
            "previews_of": ["shop", "mail"] });
        answer(200, &set)
    });
    let stub = stub.await;
    let home = tempfile::tempdir().unwrap();
    let mut command = launcher(home.path(), &["secret", "set", "shop/url"]);
    command.env("LAUNCHER_URL", &stub.url).env("LAUNCHER_TOKEN", "t").stdin(Stdio::piped());
    let ran = ended(command.spawn().unwrap(), "s3cret\n\n").await;
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("s3cret"), "{ran:?}");
    assert!(ran.stderr.contains("previews of shop, mail ask for the logins in it"), "{ran:?}");
    let file = home.path().join("value");
    std::fs::write(&file, "as it is\n").unwrap();
    let from_file = ["secret", "set", "shop/url", "--from-file", file.to_str().unwrap()];
    assert_eq!(run(&stub.url, &from_file).await.status, 0);
    let calls = stub.calls();
    assert_eq!(stub.lines(), ["PUT /api/v1/secrets/shop%2Furl"; 2]);
    assert_eq!(calls[0].json(), json!({ "value": "s3cret\n" }), "one line end is left out");
    assert_eq!(calls[1].json(), json!({ "value": "as it is\n" }));
    let empty = run(&stub.url, &["secret", "set", "shop/url"]).await;
    assert_eq!((empty.status, stub.calls().len()), (1, 2), "{empty:?}");
    std::fs::write(&file, vec![b'a'; 200_000]).unwrap();
    let long = run(&stub.url, &from_file).await;
    assert_eq!((long.status, stub.calls().len()), (1, 2), "{long:?}");
    assert!(
        long.stderr.contains("200000 bytes") && long.stderr.contains("at most 65536"),
        "{long:?}"
    );
}

#[tokio::test]
async fn a_new_token_is_printed_alone_and_leaves_no_copy() {
    let stub = Stub::start(|_, _| answer(201, &json!({ "name": "ci", "token": "rl_new" }))).await;
    let ran = run(&stub.url, &["token", "create", "ci"]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "rl_new\n"));
    assert_eq!(stub.calls()[0].header("idempotency-key"), "", "its answer is not to be stored");
}

#[tokio::test]
async fn the_doctor_finds_what_is_wrong_and_says_what_to_do() {
    let stub = taking("of-the-test").await;
    let ran = run(&stub.url, &["doctor"]).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
    insta::assert_snapshot!("doctor-well", ran.stdout.replace(&stub.url, "URL"));

    let stranger = taking("another").await;
    let ran = run(&stranger.url, &["doctor"]).await;
    assert_eq!(ran.status, 1);
    insta::assert_snapshot!("doctor-wrong-token", ran.stdout.replace(&stranger.url, "URL"));

    let url = nowhere().await;
    let ran = run(&url, &["doctor"]).await;
    assert_eq!(ran.status, 1);
    insta::assert_snapshot!("doctor-no-server", ran.stdout.replace(&url, "URL"));
    let ran = run(&url, &["doctor", "--json"]).await;
    let checks: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(checks[0]["finding"], "bad");
}

#[tokio::test]
async fn the_doctor_tells_what_registries_and_the_provider_say() {
    async fn told(checkup: Result<serde_json::Value, u16>) -> (i32, String) {
        let stub = Stub::start(move |call: &Call, _| match call.line.as_str() {
            "GET /readyz" => answer(200, &json!({ "ready": true })),
            "GET /api/v1/server" => answer(
                200,
                &json!({ "version": "0", "installation": "i", "scheduler": "docker", "engine_trouble": null,
                    "you": "admin", "preview_url": "http://{version}.{service}" }),
            ),
            "GET /api/v1/server/checkup" => match &checkup {
                Ok(checkup) => answer(200, checkup),
                Err(status) => problem(*status, "forbidden", "this needs the role admin"),
            },
            _ => answer(200, &json!({ "items": [], "next": null })),
        });
        let ran = run(&stub.await.url, &["doctor"]).await;
        (ran.status, ran.stdout)
    }
    let registry = |trouble: &str, login_refused: bool| {
        let registry = json!({ "registry": "r.example.com", "services": ["shop"], "trouble": trouble,
            "login_refused": login_refused });
        Ok(json!({ "registries": [registry], "openid": null }))
    };
    let (_, text) = told(registry("it cannot be reached", false)).await;
    assert!(
        text.contains("warn  registries     r.example.com (shop): it cannot be reached"),
        "{text}"
    );
    assert!(text.contains("ok    sign-in        by passwords and links"), "{text}");
    let (status, text) = told(registry("it refused the login", true)).await;
    assert!(
        status == 1 && text.contains("FAIL  registries     r.example.com (shop): it refused"),
        "{text}"
    );
    assert!(text.contains("[[registries]]"), "{text}");
    let away = json!({ "issuer": "https://id", "trouble": "the provider at https://id cannot be used now" });
    let (_, text) = told(Ok(json!({ "registries": [], "openid": away }))).await;
    assert!(
        text.contains("FAIL  sign-in        the provider at https://id cannot be used"),
        "{text}"
    );
    assert!(text.contains("ok    registries     no service uses any"), "{text}");
    let (_, text) = told(Err(403)).await;
    assert!(text.contains("-     registries     not looked at: only an administrator's"), "{text}");
}

#[tokio::test]
async fn a_token_is_recovered_only_where_an_installation_is() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let recover = ["token", "recover", "--data", data.to_str().unwrap()];
    let ran = end(&mut launcher(home.path(), &recover)).await;
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("there is no installation in"), "{ran:?}");
    assert!(!data.exists());
}
