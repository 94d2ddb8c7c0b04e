use super::support::*;
use launcher_edge::protocol::{FromEdge, PROTOCOL, ToEdge};
use launcher_edge::{Config, ControlPlane, Daemon, Limits};
use launcher_model::EdgeName;
use launcher_testkit::Folder;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

#[tokio::test]
async fn an_edge_introduces_itself() {
    let lab = Lab::new(&[]).await;
    let FromEdge::Hello { protocol, edge, driver, http, draining, .. } = &lab.control.hello else {
        panic!()
    };
    assert_eq!((*protocol, edge.as_str(), driver.as_str()), (PROTOCOL, "test", "builtin"));
    assert_eq!((http.as_slice(), draining.as_slice()), (&[lab.edge.http][..], &[][..]));
}

#[tokio::test]
async fn a_restarted_edge_serves_from_its_disk() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    lab.control.switch(7, &shop(2, &[(2, 100)], pools)).await;
    lab.control.drained(7).await;
    // Prepared, but never committed: it must not come to life.
    lab.control.prepare(8, &shop(3, &[(1, 100)], pools)).await.unwrap();
    let Lab { edge, control, listener, dir } = lab;
    drop((control, listener));
    edge.stop().await;

    let edge = Edge::start(dir.path(), Limits::default());
    assert_eq!(get(edge.http, HOST, "/").await.body, "two");
    assert_eq!(get(edge.http, "v1.shop.preview.test", "/").await.body, "one");
}

#[tokio::test]
async fn an_edge_that_missed_a_switch_serves_no_old_route_when_it_can_be_told() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let Lab { edge, control, listener, dir } = lab;
    drop(control);
    // It may have tried to come back already.
    edge.stop().await;
    let _ = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;

    let edge = Edge::start(dir.path(), Limits::default());
    let http = edge.http;
    let asked = tokio::spawn(async move { get(http, HOST, "/").await });
    let mut control = Control::accept(&listener).await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    control.welcome(&[shop(2, &[(2, 100)], pools)]).await;
    assert_eq!(asked.await.unwrap().body, "two");
    drop(control);
    edge.stop().await;

    // One that says nothing is not waited for.
    let edge = Edge::start(dir.path(), Limits::default());
    let _silent = Control::accept(&listener).await;
    assert_eq!(get(edge.http, HOST, "/").await.body, "two");
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_the_others_serve() {
    let container = Container::named("one").await;
    let mut blog = shop(1, &[(1, 100)], &[(1, &[&container])]);
    blog.name = launcher_model::ServiceName::new("blog").unwrap();
    blog.hosts = vec!["blog.test".into()];
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])]), blog]).await;
    let Lab { edge, control, listener, dir } = lab;
    drop((control, listener));
    edge.stop().await;

    let routes = dir.path().join("edge/routes");
    let damaged = std::fs::read(routes.join("shop.json")).unwrap();
    std::fs::write(routes.join("shop.json"), &damaged[..damaged.len() / 2]).unwrap();
    let edge = Edge::start(dir.path(), Limits::default());
    assert_eq!(get(edge.http, "blog.test", "/").await.body, "one");
    assert_eq!(get(edge.http, HOST, "/").await.status, 404);
    assert!(routes.join("shop.corrupt").exists() && !routes.join("shop.json").exists());
}

#[tokio::test]
async fn an_edge_serves_on_while_the_control_plane_is_away_and_takes_its_word_after() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let lab = Lab::new(&[shop(3, &[(1, 100)], pools)]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let Lab { edge, control, listener, dir } = lab;
    drop((control, listener));
    std::fs::remove_file(dir.path().join("control.sock")).unwrap();
    for _ in 0..20 {
        assert_eq!(client.ask(request(HOST, "/")).await.body, "one");
    }
    let listener = UnixListener::bind(dir.path().join("control.sock")).unwrap();
    let mut control = Control::accept(&listener).await;
    // An older table is not believed, a newer one is, and what is not in it goes.
    control.welcome(&[shop(2, &[(2, 100)], pools)]).await;
    assert_eq!(client.ask(request(HOST, "/")).await.body, "one");
    control.welcome(&[shop(4, &[(2, 100)], pools)]).await;
    assert_eq!(client.ask(request(HOST, "/")).await.body, "two");
    control.welcome(&[]).await;
    assert_eq!(client.ask(request(HOST, "/")).await.status, 404);
    assert_eq!(std::fs::read_dir(dir.path().join("edge/routes")).unwrap().count(), 0);
    drop(edge);
}

#[tokio::test]
async fn what_was_prepared_on_a_connection_that_broke_is_forgotten() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let first = shop(1, &[(1, 100)], pools);
    let mut lab = Lab::new(std::slice::from_ref(&first)).await;
    lab.control.prepare(7, &shop(2, &[(2, 100)], pools)).await.unwrap();
    drop(lab.control);
    let mut control = Control::accept(&lab.listener).await;
    control.welcome(&[first]).await;
    assert!(control.commit(7).await.unwrap_err().contains("not prepared"));
}

#[tokio::test]
async fn a_peer_that_talks_nonsense_is_left_and_met_again() {
    let lab = Lab::new(&[]).await;
    let Lab { edge, control, listener, .. } = lab;
    drop(control);
    let (mut stream, _) = soon("the edge", listener.accept()).await.unwrap();
    stream.write_all(b"\0\0\0\x05hello").await.unwrap();
    let mut again = Control::accept(&listener).await;
    again.say(ToEdge::Refused { why: "a test".into() }).await;
    again.welcome(&[]).await;
    drop(edge);
}

#[tokio::test]
async fn what_is_under_way_ends_before_the_edge_stops() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let container = Container::serve("slow", move |_| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            text("done")
        }
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let http = lab.edge.http;
    let mut idle = Client::connect(http).await;
    assert_eq!(idle.ask(request("nobody", "/")).await.status, 404);
    let asked = tokio::spawn(async move { get(http, HOST, "/").await });
    until("the request is there", || container.requests() == 1).await;
    let stopping = tokio::spawn(lab.edge.stop());
    until("no connection is taken", || std::net::TcpStream::connect(http).is_err()).await;
    assert!(idle.send(request(HOST, "/")).await.is_err(), "an idle connection is closed");
    go.send(true).unwrap();
    let answer = asked.await.unwrap();
    assert_eq!(
        (answer.body.as_str(), &answer.headers["connection"]),
        ("done", &"close".parse().unwrap())
    );
    soon("the stop", stopping).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_to_be() {
    let lab = Lab::new(&[]).await;
    let dir = Folder::new();
    let config = Config {
        name: EdgeName::new("second").unwrap(),
        http: vec![lab.edge.http],
        https: Default::default(),
        threads: 1,
        data_dir: dir.path().join("edge"),
        control: ControlPlane::Local(dir.path().join("control.sock")),
        limits: Limits::default(),
        access: None,
        stop_within: std::time::Duration::ZERO,
    };
    let error = Daemon::start(config).err().expect("another edge serves there").to_string();
    assert!(error.contains(&format!("cannot serve HTTP on {}", lab.edge.http)), "{error}");
}

#[tokio::test]
async fn requests_are_counted_by_version() {
    let container = Container::serve("c", |request| async move {
        let status = if request.uri().path() == "/no" { 404 } else { 200 };
        let mut response = text("c");
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        response
    })
    .await;
    let dir = Folder::new();
    let listener = UnixListener::bind(dir.path().join("control.sock")).unwrap();
    let config = Config {
        name: EdgeName::new("counts").unwrap(),
        http: vec!["127.0.0.1:0".parse().unwrap()],
        https: Default::default(),
        threads: 2,
        data_dir: dir.path().join("edge"),
        control: ControlPlane::Local(dir.path().join("control.sock")),
        limits: Limits::default(),
        access: None,
        stop_within: std::time::Duration::ZERO,
    };
    let daemon = Daemon::start(config).unwrap();
    let (http, counters) = (daemon.http()[0], daemon.counters());
    let running = tokio::spawn(daemon.run(std::future::pending()));
    let mut control = Control::accept(&listener).await;
    control.welcome(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    for path in ["/", "/", "/no"] {
        get(http, HOST, path).await;
    }
    get(http, "v1.shop.preview.test", "/").await;
    let counted = counters.read();
    assert_eq!(counted.len(), 1);
    assert_eq!((counted[0].service.as_str(), counted[0].version.0), ("shop", 1));
    assert_eq!(counted[0].counted.requests, [0, 3, 0, 1, 0]);
    assert_eq!((counted[0].counted.failed, counted[0].counted.retried), (0, 0));
    container.kill();
    assert_eq!(get(http, HOST, "/").await.status, 502);
    let counted = counters.read();
    assert_eq!(
        (counted[0].counted.requests[4], counted[0].counted.failed, counted[0].counted.retried),
        (1, 1, 1)
    );
    running.abort();
}
