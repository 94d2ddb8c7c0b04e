//! Conversations with commands in containers, over WebSockets.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use futures_util::{SinkExt, StreamExt};
use launcher_model::role::{Role, Roles};
use launcher_model::{PersonName, ServiceName, VersionNumber};
use launcher_scheduler::fake::{Command, Script};
use launcher_server::access::Caller;
use launcher_store::{AuditEntry, AuditFilter, NewPerson, Outcome, Owner, PersonChange, Way};
use launcher_testkit::wait::until;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::world::{World, eventually};

const EXEC: &str = "/api/v1/services/shop/versions/1/exec";
const SH: &str = "command=sh&command=-c&command=echo%20%26";
const PATIENCE: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<TcpStream>;

async fn open(
    address: SocketAddr,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, StatusCode> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("ws://{address}{EXEC}?{query}").into_client_request().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status()),
        Err(error) => panic!("{error}"),
    }
}

async fn next(socket: &mut Socket) -> Option<Message> {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await.expect("it goes on");
        match next {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(message)) => return Some(message),
        }
    }
}

async fn told(socket: &mut Socket) -> Value {
    match next(socket).await {
        Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Reads until this was printed to standard output.
async fn printed(socket: &mut Socket, wanted: &str) {
    let mut text = String::new();
    while !text.contains(wanted) {
        match next(socket).await {
            Some(Message::Binary(bytes)) if bytes[0] == 1 => {
                text.push_str(std::str::from_utf8(&bytes[1..]).unwrap());
            }
            other => panic!("{other:?} after {text:?}"),
        }
    }
}

async fn shop(world: &World) -> ServiceName {
    let shop = world.service("shop").await;
    let says = |command: &[String]| Command {
        prints: vec![format!("{command:?}")],
        code: 7,
        ..Command::default()
    };
    world.script(&shop, "1", Script::new().commands(says));
    world.ready(&shop, "1").await;
    shop
}

async fn commands(world: &World) -> Vec<AuditEntry> {
    let filter = AuditFilter { limit: 100, ..AuditFilter::default() };
    let all = world.app.store.audited(&filter).await.unwrap();
    all.into_iter().filter(|entry| entry.call.path.starts_with(EXEC)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_talks_to_a_command_and_it_is_written_down() {
    let mut world = World::without_edge().await;
    let shop = shop(&world).await;
    let address = world.listen().await;
    let bearer = format!("Bearer {}", world.token);
    let size = format!("{SH}&slot=1&columns=80&rows=24");
    let mut socket = open(address, &size, &[("authorization", &bearer)]).await.unwrap();
    let began = told(&mut socket).await;
    let view = world.app.control.environment(&shop, VersionNumber(1)).await.unwrap();
    let container = &view.containers[0].container;
    assert_eq!((&began["kind"], &began["id"]), (&json!("began"), &json!(container.id)));
    printed(&mut socket, "[\"sh\", \"-c\", \"echo &\"]\r\n").await;
    socket.send(Message::binary("hi".as_bytes().to_vec())).await.unwrap();
    printed(&mut socket, "hi").await;
    let size = json!({ "kind": "resize", "columns": 100, "rows": 30 });
    socket.send(Message::text(size.to_string())).await.unwrap();
    printed(&mut socket, "[100x30]").await;
    socket.send(Message::text(json!({ "kind": "end" }).to_string())).await.unwrap();
    assert_eq!(told(&mut socket).await, json!({ "kind": "exit", "code": 7 }));
    assert_eq!(next(&mut socket).await, None);

    let written = commands(&world).await;
    assert_eq!(written.len(), 1, "{written:?}");
    let call = &written[0].call;
    assert_eq!((call.who.as_deref(), call.way), (Some(crate::world::WHO), Way::Token));
    assert_eq!((call.status, call.outcome, call.method.as_str()), (101, Outcome::Done, "GET"));
    assert_eq!((call.service.as_ref(), call.version), (Some(&shop), Some(VersionNumber(1))));
    let name = &container.name;
    let path = format!("{EXEC}?container={name}&command=sh&command=-c&command=echo+%26");
    assert_eq!(call.path, path);

    // Calls without a conversation too.
    let body = json!({ "command": ["ls", "/data"] });
    world.call("POST", EXEC, body).await.is(200);
    let path = format!("{EXEC}?container={name}&command=ls&command=/data");
    assert!(commands(&world).await.iter().any(|entry| entry.call.path == path));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_talks_in_somebodys_name() {
    let mut world = World::without_edge().await;
    shop(&world).await;
    let address = world.listen().await;
    let owner = Owner::Token(crate::world::WHO.to_owned());
    let begun = world.app.begin_session(owner, &Caller::default()).await.unwrap();
    let cookie = format!("launcher_session={}", begun.cookie.expose());
    let own = format!("http://{address}");
    for headers in [
        &[("cookie", cookie.as_str())][..],
        &[("cookie", &cookie), ("origin", "https://evil.example.com")],
        &[("cookie", &cookie), ("origin", "null")],
        &[("cookie", &cookie), ("origin", &own), ("sec-fetch-site", "cross-site")],
        &[("cookie", &cookie), ("origin", &own), ("sec-fetch-site", "same-site")],
        &[("origin", &own)],
    ] {
        let refused = open(address, SH, headers).await.err();
        assert_eq!(refused, Some(StatusCode::UNAUTHORIZED), "{headers:?}");
    }
    let from_here = [("cookie", cookie.as_str()), ("origin", own.as_str())];
    let mut socket = open(address, SH, &from_here).await.unwrap();
    assert_eq!(told(&mut socket).await["kind"], "began");

    // A page is told by messages why there is none: a browser shows nothing of an answer that refuses.
    let mut refused = open(address, &format!("{SH}&container=none"), &from_here).await.unwrap();
    let over = told(&mut refused).await;
    assert_eq!(over["kind"], "over");
    assert!(
        over["detail"].as_str().unwrap().contains("no container \"none\" of v1 runs"),
        "{over}"
    );
    assert_eq!(next(&mut refused).await, None);
    eventually("it is written down as refused", async || {
        let written = commands(&world).await;
        written.iter().any(|entry| {
            entry.call.outcome == Outcome::Refused && entry.call.path.contains("container=none")
        })
    })
    .await;

    // Who signs out has no terminal any more.
    world.app.store.end_session(&begun.cookie.hash()).await.unwrap();
    printed(&mut socket, "sh").await;
    let over = told(&mut socket).await;
    assert!(over["detail"].as_str().unwrap().contains("your session"), "{over}");
    assert_eq!(next(&mut socket).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_talk_and_only_while_they_are() {
    let mut world = World::without_edge().await;
    let shop = shop(&world).await;
    let address = world.listen().await;
    let deployer = format!("Bearer {}", world.token_with("deployer", Role::Deployer).await);
    let refused = open(address, SH, &[("authorization", &deployer)]).await.err();
    assert_eq!(refused, Some(StatusCode::FORBIDDEN));

    let (store, now) = (&world.app.store, world.app.now());
    let name = PersonName::new("mika.m").unwrap();
    let roles = |role| Roles { role: Role::Viewer, services: [(shop.clone(), role)].into() };
    let new = NewPerson { name: name.clone(), display_name: None, roles: roles(Role::Admin) };
    store.add_person(new, "test", now).await.unwrap();
    let begun = world.app.begin_session(Owner::Person(name.clone()), &Caller::default()).await;
    let cookie = format!("launcher_session={}", begun.unwrap().cookie.expose());
    let origin = format!("http://{address}");
    let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let mut socket = open(address, SH, &headers).await.unwrap();
    assert_eq!(told(&mut socket).await["kind"], "began");
    printed(&mut socket, "sh").await;
    let change = PersonChange { roles: Some(roles(Role::Deployer)), ..PersonChange::default() };
    store.change_person(&name, change, "test", now).await.unwrap();
    let over = told(&mut socket).await;
    assert!(over["detail"].as_str().unwrap().contains("needs admin on shop"), "{over}");
    assert_eq!(next(&mut socket).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_container_and_of_the_server_end_a_conversation() {
    let mut world = World::without_edge().await;
    let shop = shop(&world).await;
    let address = world.listen().await;
    let bearer = format!("Bearer {}", world.token);
    let headers = [("authorization", bearer.as_str())];
    let mut socket = open(address, SH, &headers).await.unwrap();
    let began = told(&mut socket).await;
    printed(&mut socket, "sh").await;
    world.fake.kill(began["id"].as_str().unwrap(), 137);
    // Whichever is seen first: the end of the command, or that of its container.
    let mut last = told(&mut socket).await;
    if last["kind"] == "exit" {
        assert_eq!(last["code"], 137);
        last = told(&mut socket).await;
    }
    let ended = format!("the container {} has ended", began["container"].as_str().unwrap());
    assert_eq!(last, json!({ "kind": "over", "detail": ended }));
    assert_eq!(next(&mut socket).await, None);

    world.reaches(&shop, 1, "ready").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(launcher_server::serve(world.app.clone(), listener, async {
        let _ = stopped.await;
    }));
    let opened = || async { open(address, SH, &headers).await.ok() };
    let mut socket = until("the one that died being replaced", PATIENCE, opened).await;
    assert_eq!(told(&mut socket).await["kind"], "began");
    printed(&mut socket, "sh").await;
    stop.send(()).unwrap();
    let over = told(&mut socket).await;
    assert!(over["detail"].as_str().unwrap().contains("the server stops"), "{over}");
    drop(socket);
    tokio::time::timeout(PATIENCE, serving).await.expect("it stops").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_conversation_is_told_so() {
    let mut world = World::without_edge().await;
    shop(&world).await;
    let problem = world.get(&format!("{EXEC}?{SH}")).await.tells(426, "malformed");
    assert!(problem["detail"].as_str().unwrap().contains("WebSocket"), "{problem}");
    let address = world.listen().await;
    let bearer = format!("Bearer {}", world.token);
    let headers = [("authorization", bearer.as_str())];
    for (query, status) in [
        ("", 422),
        ("command=", 422),
        ("command=a%00", 422),
        ("command=ls&columns=80", 422),
        ("command=ls&columns=0&rows=1", 422),
        ("command=ls&slot=x", 422),
        ("command=ls&user=root", 422),
        ("command=ls&slot=9", 409),
    ] {
        let refused = open(address, query, &headers).await.err();
        assert_eq!(refused.map(|status| status.as_u16()), Some(status), "{query}");
    }
    let mut socket = open(address, "command=ls", &headers).await.unwrap();
    assert_eq!(told(&mut socket).await["kind"], "began");
    printed(&mut socket, "[\"ls\"]\n").await;
    socket.send(Message::text("{\"kind\":\"jump\"}")).await.unwrap();
    let over = told(&mut socket).await;
    assert!(over["detail"].as_str().unwrap().contains("\"resize\""), "{over}");
    assert_eq!(next(&mut socket).await, None);
}
