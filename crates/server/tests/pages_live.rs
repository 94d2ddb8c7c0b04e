//! What tells pages that they are out of date.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use std::time::Duration;

use launcher_model::ServiceName;
use launcher_model::event::{EventKind, NewEvent};
use pages_support::{Visitor, WHO, World};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);

/// A reader of `/live`, over a real connection.
struct Listener(BufReader<TcpStream>);

impl Listener {
    async fn new(world: &World, url: &str, query: &str) -> Self {
        let visitor = Visitor::signed_in(world).await;
        let cookie = visitor.cookie("launcher_session");
        let host = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let request = format!(
            "GET /live?{query} HTTP/1.1\r\nhost: {host}\r\ncookie: launcher_session={cookie}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut listener = Self(BufReader::new(stream));
        assert_eq!(listener.line().await.as_deref(), Some("HTTP/1.1 200 OK"));
        while listener.line().await.is_some_and(|line| !line.is_empty()) {}
        listener
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(SOON, self.0.read_line(&mut line)).await.expect("a line, or the end");
        (read.unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// The next service that changed; nothing when the stream ends.
    async fn changed(&mut self) -> Option<String> {
        while let Some(line) = self.line().await {
            if let Some(service) = line.strip_prefix("data: ") {
                return Some(service.to_owned());
            }
        }
        None
    }
}

async fn happens(world: &World, service: Option<&ServiceName>) {
    let event = NewEvent::new(EventKind::EnvironmentPinned, "something happened");
    let event = match service {
        Some(service) => event.service(service),
        None => event,
    };
    world.app.store.record(&[event], world.app.now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_told_to_those_whom_it_concerns() {
    let mut world = World::without_edge().await;
    let (shop, accounts) = (world.service("shop", "").await, world.service("accounts", "").await);
    let url = world.listen().await;
    let page = Visitor::signed_in(&world).await.get("/").await;
    let (_, after) = page.body.split_once("sse-connect=\"/live?").unwrap();
    let after = after.split('"').next().unwrap();
    let mut all = Listener::new(&world, &url, after).await;
    let mut one = Listener::new(&world, &url, &format!("{after}&service=shop")).await;

    happens(&world, Some(&accounts)).await;
    assert_eq!(all.changed().await.as_deref(), Some("accounts"));
    happens(&world, Some(&shop)).await;
    assert_eq!(all.changed().await.as_deref(), Some("shop"));
    assert_eq!(one.changed().await.as_deref(), Some("shop"), "nothing of the other service");
    happens(&world, None).await;
    assert_eq!(all.changed().await.as_deref(), Some("*"));
    assert_eq!(one.changed().await.as_deref(), Some("*"));

    let mut late = Listener::new(&world, &url, after).await;
    assert_eq!(late.changed().await.as_deref(), Some("*"), "what was missed is told at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_are_told_as_one() {
    let mut world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    let url = world.listen().await;
    let mut all = Listener::new(&world, &url, "after=1000").await;
    let events: Vec<_> = (0..50)
        .map(|_| NewEvent::new(EventKind::ContainerHealthy, "a container").service(&shop))
        .collect();
    world.app.store.record(&events, world.app.now()).await.unwrap();
    assert_eq!(all.changed().await.as_deref(), Some("shop"));
    happens(&world, None).await;
    assert_eq!(all.changed().await.as_deref(), Some("*"), "and not shop again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_hears_nothing_more() {
    let mut world = World::without_edge().await;
    let url = world.listen().await;
    let mut all = Listener::new(&world, &url, "after=1000").await;
    world.app.store.revoke_token(WHO, "test", world.app.now()).await.unwrap();
    assert_eq!(all.changed().await.as_deref(), Some("*"), "it is told to look again");
    assert_eq!(all.changed().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_is_told_so_at_once() {
    let mut world = World::without_edge().await;
    let url = world.listen().await;
    let mut listener = Listener::new(&world, &url, "after=1000").await;
    let sessions = world.app.store.sessions(None, world.app.now()).await.unwrap();
    let [session] = sessions.as_slice() else { panic!("{} sessions", sessions.len()) };
    let mut other = Listener::new(&world, &url, "after=1000").await;
    assert!(world.app.store.revoke_session(session.id, None, world.app.now()).await.unwrap());
    assert_eq!(listener.changed().await.as_deref(), Some("*"));
    assert_eq!(listener.changed().await, None, "nothing more is told");
    happens(&world, None).await;
    assert_eq!(other.changed().await.as_deref(), Some("*"), "another one goes on");
    happens(&world, None).await;
    assert_eq!(other.changed().await.as_deref(), Some("*"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_listens_does_not_keep_the_server_from_stopping() {
    let world = World::without_edge().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(launcher_server::serve(world.app.clone(), listener, async {
        let _ = stopped.await;
    }));
    let mut all = Listener::new(&world, &url, "after=1000").await;
    stop.send(()).unwrap();
    assert_eq!(all.changed().await, None);
    timeout(SOON / 2, serving).await.expect("the server ends").unwrap();
}
