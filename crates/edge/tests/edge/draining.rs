use std::time::{Duration, Instant};

use super::support::*;
use futures_util::{SinkExt, StreamExt};
use launcher_edge::protocol::{FromEdge, InFlight, ToEdge};
use launcher_edge::table::ServiceTable;
use launcher_model::service::Health;
use launcher_model::{DeploymentId, Generation, Span};
use tokio_tungstenite::tungstenite::Message;

/// Two versions that speak WebSocket; switched to the first.
struct Sockets {
    lab: Lab,
    v1: Container,
    v2: Container,
    drain: Span,
}

impl Sockets {
    async fn new(drain: Span) -> Self {
        let (v1, v2) = (websocket_echo().await, websocket_echo().await);
        let mut first = shop(1, &[(1, 100)], &[(1, &[&v1]), (2, &[&v2])]);
        Self::adapt(&mut first, drain);
        let lab = Lab::new(&[first]).await;
        Self { lab, v1, v2, drain }
    }

    fn adapt(table: &mut ServiceTable, drain: Span) {
        table.pools.values_mut().for_each(|pool| pool.health = Health::default());
        table.traffic.drain = drain;
    }

    fn table(&self, revision: u64, live: u32) -> ServiceTable {
        let pools: &[(u32, &[&Container])] = &[(1, &[&self.v1]), (2, &[&self.v2])];
        let mut table = shop(revision, &[(live, 100)], pools);
        Self::adapt(&mut table, self.drain);
        table
    }
}

/// Ends a WebSocket as a browser does.
async fn close(socket: &mut WebSocket) {
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = soon("the end", socket.next()).await {}
    tokio::io::AsyncWriteExt::shutdown(socket.get_mut()).await.unwrap();
}

async fn echoes(socket: &mut WebSocket) -> bool {
    if socket.send(Message::text("still there?")).await.is_err() {
        return false;
    }
    matches!(soon("the echo", socket.next()).await, Some(Ok(Message::Text(_))))
}

#[tokio::test]
async fn a_websocket_stays_with_its_version_until_it_is_done() {
    let mut t = Sockets::new(Span::secs(60)).await;
    let mut old = websocket(t.lab.edge.http).await;
    let flip = t.lab.control.switch(7, &t.table(2, 2)).await;
    assert_eq!(flip.in_flight, InFlight { requests: 0, connections: 1 });
    let mut new = websocket(t.lab.edge.http).await;
    assert!(echoes(&mut old).await && echoes(&mut new).await);
    close(&mut old).await;
    let drained = t.lab.control.drained(7).await;
    assert_eq!((drained.drained, drained.cut, drained.failed), (1, 0, 0));
    assert!(!drained.superseded);
    assert!(echoes(&mut new).await);
}

#[tokio::test]
async fn the_deadline_cuts_what_is_left_and_nothing_else() {
    let mut t = Sockets::new(Span::millis(300)).await;
    let edge = t.lab.edge.http;
    let mut old = [websocket(edge).await, websocket(edge).await, websocket(edge).await];
    let mut idle = Client::connect(edge).await;
    idle.send(request(HOST, "/")).await.unwrap();
    let began = Instant::now();
    t.lab.control.switch(7, &t.table(2, 2)).await;
    let mut new = websocket(edge).await;
    let [done, rest @ ..] = &mut old;
    close(done).await;
    let drained = t.lab.control.drained(7).await;
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!((drained.drained, drained.cut, drained.superseded), (1, 2, false));
    for socket in rest {
        while let Some(Ok(_)) = soon("the cut", socket.next()).await {}
        assert!(!echoes(socket).await);
    }
    assert!(echoes(&mut new).await);
    idle.send(request(HOST, "/")).await.expect("an idle connection is not cut");
}

#[tokio::test]
async fn a_version_that_goes_live_again_keeps_what_it_has() {
    let mut t = Sockets::new(Span::millis(300)).await;
    let mut old = websocket(t.lab.edge.http).await;
    t.lab.control.switch(7, &t.table(2, 2)).await;
    t.lab.control.switch(8, &t.table(3, 1)).await;
    let first = t.lab.control.drained(7).await;
    assert_eq!((first.superseded, first.cut, first.drained), (true, 0, 0));
    let second = t.lab.control.drained(8).await;
    assert_eq!((second.superseded, second.cut, second.drained), (false, 0, 0));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(echoes(&mut old).await, "the deadline of the first switch counts no more");

    // Leaving once more, it drains as ever.
    let flip = t.lab.control.switch(9, &t.table(4, 2)).await;
    assert_eq!(flip.in_flight.connections, 1);
    let drained = t.lab.control.drained(9).await;
    assert_eq!((drained.cut, drained.superseded), (1, false));
}

#[tokio::test]
async fn previews_are_neither_waited_for_nor_cut() {
    let mut t = Sockets::new(Span::millis(200)).await;
    let stream = tokio::net::TcpStream::connect(t.lab.edge.http).await.unwrap();
    let url = "ws://v1.shop.preview.test/";
    let (mut preview, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let flip = t.lab.control.switch(7, &t.table(2, 2)).await;
    assert_eq!(flip.in_flight, InFlight::default());
    assert_eq!(t.lab.control.drained(7).await.cut, 0);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(echoes(&mut preview).await);
}

#[tokio::test]
async fn a_version_whose_share_shrinks_does_not_drain() {
    let mut t = Sockets::new(Span::millis(200)).await;
    let mut old = websocket(t.lab.edge.http).await;
    let mut split = t.table(2, 2);
    split.weights.insert(launcher_model::VersionNumber(1), launcher_model::Weight::new(1).unwrap());
    let flip = t.lab.control.switch(7, &split).await;
    assert_eq!(flip.in_flight, InFlight::default());
    let drained = t.lab.control.drained(7).await;
    assert!(drained.versions.is_empty(), "nothing left, so nothing drains: {drained:?}");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(echoes(&mut old).await);
}

#[tokio::test]
async fn outcomes_are_repeated_until_they_are_seen() {
    let mut t = Sockets::new(Span::secs(60)).await;
    let old = websocket(t.lab.edge.http).await;
    let next = t.table(2, 2);
    t.lab.control.switch(7, &next).await;

    // The connection breaks while it drains, and again when it has.
    drop(t.lab.control);
    let mut control = Control::accept(&t.lab.listener).await;
    let FromEdge::Hello { draining, .. } = &control.hello else { panic!() };
    assert_eq!(*draining, [DeploymentId(7)]);
    control.welcome(std::slice::from_ref(&next)).await;
    drop(old);
    assert_eq!(control.drained(7).await.drained, 1);

    drop(control);
    let mut control = Control::accept(&t.lab.listener).await;
    let FromEdge::Hello { draining, .. } = &control.hello else { panic!() };
    assert_eq!(*draining, [DeploymentId(7)]);
    control.welcome(std::slice::from_ref(&next)).await;
    assert_eq!(control.drained(7).await.drained, 1);
    control.say(ToEdge::DrainSeen { deployment: DeploymentId(7) }).await;

    drop(control);
    let control = Control::accept(&t.lab.listener).await;
    let FromEdge::Hello { draining, .. } = &control.hello else { panic!() };
    assert!(draining.is_empty());
}

#[tokio::test]
async fn a_route_that_changed_while_the_edge_was_away_flips_and_drains() {
    let mut t = Sockets::new(Span::millis(200)).await;
    let mut old = websocket(t.lab.edge.http).await;
    drop(t.lab.control);
    t.lab.control = Control::accept(&t.lab.listener).await;
    let mut later = t.table(9, 2);
    later.generation = Generation(5);
    t.lab.control.welcome(&[later]).await;
    let mut new = websocket(t.lab.edge.http).await;
    while let Some(Ok(_)) = soon("the cut", old.next()).await {}
    assert!(echoes(&mut new).await);
}

#[tokio::test]
async fn what_fails_while_draining_is_counted() {
    let v1 = Container::raw("breaks", |mut stream| async move {
        let head = read_until(&mut stream, "\r\n\r\n").await;
        if head.contains("/healthz") {
            return;
        }
        // Long enough for the switch, and then it breaks off.
        tokio::time::sleep(Duration::from_millis(300)).await;
    })
    .await;
    let v2 = Container::named("two").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let edge = lab.edge.http;
    let asked = tokio::spawn(async move {
        let mut client = Client::connect(edge).await;
        let post = http::Request::post("/").header("host", HOST);
        client.ask(post.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap()).await
    });
    until("the request is there", || v1.connections() == 1).await;
    lab.control.switch(7, &shop(2, &[(2, 100)], pools)).await;
    assert_eq!(asked.await.unwrap().status, 502);
    let drained = lab.control.drained(7).await;
    assert_eq!((drained.failed, drained.drained, drained.cut), (1, 0, 0));
}
