//! A data directory in which files are missing, empty, or open to others.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod up_support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Checkout};
use reqwest::Method;
use serde_json::json;
use up_support::{Up, write_private};

async fn status_with(api: &Api, token: &str) -> u16 {
    let api = api.with_token(token);
    api.try_call(Method::GET, "/services", None).await.unwrap().status
}

#[tokio::test]
async fn heavy_a_token_file_without_a_token_makes_nobody_an_administrator() {
    let mut up = Up::new();
    let file = up.data().join("admin-token");
    for content in ["", "\n", "secret\n", "rl_short\n"] {
        write_private(&file, content.as_bytes());
        let said = up.refusal().await;
        assert!(said.contains("admin-token holds no token"), "{content:?}: {said}");
        assert!(said.contains("remove the file and start again"), "{said}");
    }
    fs::remove_file(&file).unwrap();
    let api = up.start_quietly().await;
    for token in ["", "secret", "rl_short"] {
        assert_eq!(status_with(&api, token).await, 401, "{token:?}");
    }
}

#[tokio::test]
async fn heavy_a_token_file_that_a_killed_start_left_is_taken_over_and_closed_to_others() {
    let mut up = Up::new();
    let file = up.data().join("admin-token");
    fs::write(&file, "").unwrap();
    up.refusal().await;
    let token = format!("rl_{}", "A".repeat(43));
    fs::write(&file, format!("{token}\n")).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let api = up.start_quietly().await;
    assert_eq!(status_with(&api, &token).await, 200);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn heavy_a_lost_database_is_no_new_installation() {
    let mut up = Up::new();
    let api = up.start_quietly().await;
    let made = api.post("/tokens", json!({ "name": "ci" })).await;
    up.stop();
    let database = up.data().join("launcher.db");
    let away = up.data().join("away.db");
    fs::rename(&database, &away).unwrap();
    for empty in [false, true] {
        if empty {
            fs::write(&database, "").unwrap();
        }
        let said = up.refusal().await;
        assert!(said.contains("launcher.db is gone"), "{said}");
        assert!(said.contains("Put the database back"), "{said}");
        assert!(said.contains("secret.key") && said.contains("admin-token"), "{said}");
    }
    fs::rename(&away, &database).unwrap();
    let api = up.start_quietly().await;
    assert_eq!(status_with(&api, made["token"].as_str().unwrap()).await, 200);
}

#[tokio::test]
async fn heavy_a_removed_socket_is_made_again_for_edges_that_start_later() {
    let mut up = Up::new();
    let api = up.start_quietly().await;
    let connected = async || api.get("/edges").await["items"][0]["connected_at"].clone();
    let before = connected().await;
    let socket = up.data().join("edge.sock");
    fs::remove_file(&socket).unwrap();
    up.kill("edge").await;
    until("another edge being connected", SOON, || async {
        let now = connected().await;
        (now.is_string() && now != before).then_some(())
    })
    .await;
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn heavy_a_key_that_opens_nothing_is_not_made_in_place_of_a_lost_one() {
    let mut up = Up::new();
    let key = up.data().join("secret.key");
    up.start_quietly().await;
    up.stop();
    fs::remove_file(&key).unwrap();
    let api = up.start_quietly().await;
    assert!(key.exists(), "nothing was sealed with the one before");
    api.call(Method::PUT, "/secrets/shop%2Furl", Some(json!({ "value": "hunter2" }))).await;
    up.stop();
    fs::remove_file(&key).unwrap();
    let said = up.refusal().await;
    assert!(said.contains("secret.key, is missing"), "{said}");
    assert!(said.contains("put back the key file that belongs to this database"), "{said}");
    assert!(!key.exists());
}

/// What others may read, write or enter, from a folder on.
fn open_to_others(folder: &std::path::Path) -> Vec<String> {
    let mut open = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let told = path.symlink_metadata().unwrap();
        if told.permissions().mode() & 0o077 != 0 && !told.is_symlink() {
            open.push(format!("{} {:o}", path.display(), told.permissions().mode()));
        }
        if told.is_dir() {
            open.extend(open_to_others(&path));
        }
    }
    open
}

#[tokio::test]
async fn heavy_nothing_of_what_is_kept_is_open_to_others() {
    let mut up = Up::new();
    // As an older server has left it, in a directory that somebody else has made.
    fs::set_permissions(up.data(), Permissions::from_mode(0o755)).unwrap();
    for name in ["builds", "git"] {
        fs::create_dir(up.data().join(name)).unwrap();
        fs::set_permissions(up.data().join(name), Permissions::from_mode(0o755)).unwrap();
    }
    let api = up.start_quietly().await;
    let service = json!({ "name": "shop", "build": ".", "port": 80 });
    api.put_service(json!({ "service": service })).await;
    let checkout = Checkout::web("shop", "private");
    let token = fs::read_to_string(up.data().join("admin-token")).unwrap();
    let server = fs::read_to_string(up.data().join("address")).unwrap();
    let remote = server.trim().replace("http://", &format!("http://git:{}@", token.trim()));
    let _ = checkout.push(&["-o", "nowait", &format!("{remote}/git/shop.git"), "main"]).taken();
    until("the build being over", SOON, || async {
        let builds = api.get("/services/shop/builds").await;
        (builds["items"][0]["state"] == "failed").then_some(())
    })
    .await;
    assert!(
        up.data().join("builds/1/log").exists() && up.data().join("git/shop.git/HEAD").exists()
    );
    assert_eq!(open_to_others(&up.data()), Vec::<String>::new());
}

#[tokio::test]
async fn heavy_a_provider_of_openid_may_be_away_at_the_start_and_must_make_sense() {
    let mut up = Up::new();
    let config = up.data().with_file_name("config.toml");
    let openid =
        "[openid]\nissuer = \"http://127.0.0.1:1\"\nclient_id = \"launcher\"\nname = \"Team\"\n";
    fs::write(&config, openid).unwrap();
    let said = up.refusal().await;
    assert!(said.contains("[openid] needs url"), "{said}");
    let url = "url = \"https://launcher.example.com\"\n";
    fs::write(&config, format!("{url}{openid}add_people = true\n")).unwrap();
    let said = up.refusal().await;
    assert!(said.contains("add_people is true, and roles says nobody's role"), "{said}");

    fs::write(&config, format!("{url}{openid}")).unwrap();
    up.start_quietly().await;
    let server = fs::read_to_string(up.data().join("address")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client.get(format!("{}/login", server.trim())).send().await.unwrap();
    let page = page.text().await.unwrap();
    let button =
        "href=\"https://launcher.example.com/login/openid\" autofocus>Sign in with Team</a>";
    assert!(page.contains(button), "{page}");
    let log = up.data().with_file_name("log");
    until("the log saying that it is away", SOON, || async {
        let log = fs::read_to_string(&log).unwrap();
        let says = "nobody can sign in by OpenID Connect";
        (log.contains(says) && log.contains("http://127.0.0.1:1 cannot be used now")).then_some(())
    })
    .await;
}
