use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::support::*;
use launcher_edge::protocol::{FromEdge, InFlight, ToEdge};
use launcher_model::{DeploymentId, Generation};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_switch_moves_the_next_request_and_closes_nothing() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let mut client = Client::connect(lab.edge.http).await;
    assert_eq!(client.ask(request(HOST, "/")).await.body, "one");

    let next = shop(2, &[(2, 100)], pools);
    let ready = lab.control.prepare(7, &next).await.unwrap();
    // One connection per thread.
    assert_eq!((ready.checked, ready.warmed), (1, 2));
    assert_eq!(client.ask(request(HOST, "/")).await.body, "one", "preparing changes nothing");
    let connections = v2.connections();

    let flip = lab.control.commit(7).await.unwrap();
    assert_eq!((flip.generation, flip.in_flight), (Generation(2), InFlight::default()));
    assert_eq!(client.ask(request(HOST, "/")).await.body, "two");
    assert_eq!(v2.connections(), connections, "the first request goes over a warmed connection");

    let drained = lab.control.drained(7).await;
    assert_eq!((drained.versions[0].0, drained.drained, drained.cut), (1, 0, 0));
    assert!(!drained.superseded);
    let flip = lab.control.switch(8, &shop(3, &[(1, 100)], pools)).await;
    assert_eq!(flip.generation, Generation(3));
    assert_eq!(client.ask(request(HOST, "/")).await.body, "one");
}

#[tokio::test]
async fn what_is_said_twice_is_answered_twice() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let next = shop(2, &[(2, 100)], pools);
    let ready = lab.control.prepare(7, &next).await;
    assert_eq!(lab.control.prepare(7, &next).await, ready);
    let flip = lab.control.commit(7).await;
    lab.control.drained(7).await;
    assert_eq!(lab.control.commit(7).await, flip);
    assert_eq!(lab.control.prepare(7, &next).await, ready);
    assert_eq!(lab.get("/").await.body, "two");
}

#[tokio::test]
async fn one_bad_container_stops_the_switch_and_changes_nothing() {
    let (v1, good) = (Container::named("one").await, Container::named("two").await);
    let bad = Container::raw("bad", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let answer = b"HTTP/1.1 500 Oops\r\ncontent-length: 12\r\n\r\nno database!";
        let _ = stream.write_all(answer).await;
    })
    .await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&good, &bad])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let why = lab.control.prepare(7, &shop(2, &[(2, 100)], pools)).await.unwrap_err();
    assert!(why.contains("container 1-bad of shop v2"), "{why}");
    assert!(why.contains("answered 500: no database!"), "{why}");
    let why = lab.control.commit(7).await.unwrap_err();
    assert!(why.contains("deployment 7 is not prepared"), "{why}");
    assert_eq!(lab.get("/").await.body, "one");
    let kept = std::fs::read_dir(lab.dir.path().join("edge/routes")).unwrap();
    for entry in kept {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".prepared"), "{name} is left");
    }
    // The same generation can be prepared again.
    lab.control.switch(8, &shop(2, &[(1, 50), (2, 50)], &[(1, &[&v1]), (2, &[&good])])).await;
}

#[tokio::test]
async fn a_directory_that_was_removed_is_filled_again() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut blog = shop(1, &[(1, 100)], &[(1, &[&v1])]);
    blog.name = launcher_model::ServiceName::new("blog").unwrap();
    blog.hosts = vec!["blog.test".into()];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools), blog]).await;
    let data = lab.dir.path().join("edge");
    std::fs::remove_dir_all(&data).unwrap();
    lab.control.switch(7, &shop(2, &[(2, 100)], pools)).await;
    until("all being kept again", || {
        let names = std::fs::read_dir(data.join("routes")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        data.join("edge.json").exists()
            && names.filter(|name| name.starts_with("blog.")).count() == 1
    })
    .await;
    let Lab { edge, control, listener, dir } = lab;
    drop((control, listener));
    edge.stop().await;
    let edge = Edge::start(dir.path(), launcher_edge::Limits::default());
    assert_eq!(get(edge.http, HOST, "/").await.body, "two");
    assert_eq!(get(edge.http, "blog.test", "/").await.body, "one");
    assert_eq!(get(edge.http, "v1.shop.preview.test", "/").await.body, "one");
}

#[tokio::test]
async fn a_disk_that_fails_refuses_switches_and_nothing_else() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let routes = lab.dir.path().join("edge/routes");
    std::fs::remove_dir_all(&routes).unwrap();
    std::fs::write(&routes, "a file in the way of the directory").unwrap();
    let why = lab.control.prepare(7, &shop(3, &[(2, 100)], pools)).await.unwrap_err();
    assert!(why.contains("generation 3 does not follow"), "{why}");
    let why = lab.control.prepare(7, &shop(2, &[(2, 100)], pools)).await.unwrap_err();
    assert!(why.contains("this edge cannot keep the route on disk: "), "{why}");
    assert!(why.contains(routes.to_str().unwrap()) && why.contains("can be written"), "{why}");
    assert_eq!(lab.get("/").await.body, "one");

    let mut moved = shop(2, &[(1, 100)], &[(1, &[&v2])]);
    moved.generation = Generation(1);
    assert_eq!(lab.control.replace(&moved).await[0].1, 2);
    assert_eq!(lab.get("/").await.body, "two");

    std::fs::remove_file(&routes).unwrap();
    std::fs::create_dir(&routes).unwrap();
    let mut next = shop(3, &[(2, 100)], pools);
    next.generation = Generation(2);
    lab.control.switch(8, &next).await;
}

#[tokio::test]
async fn what_does_not_follow_is_refused() {
    let v1 = Container::named("one").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[])];
    let mut current = shop(5, &[(1, 100)], pools);
    current.generation = Generation(3);
    let mut lab = Lab::new(&[current]).await;
    let wanted = |revision, generation, version| {
        let mut wanted = shop(revision, &[(version, 100)], pools);
        wanted.generation = Generation(generation);
        wanted
    };
    for (wanted, why) in [
        (wanted(6, 3, 1), "this edge serves generation 3 of service shop"),
        (wanted(6, 5, 1), "which generation 5 does not follow"),
        (wanted(4, 4, 1), "revision 4 is older"),
        (wanted(6, 4, 2), "v2 of service shop has no healthy container"),
        (wanted(6, 4, 9), "v9 of service shop has no healthy container"),
    ] {
        let refused = lab.control.prepare(7, &wanted).await.unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    lab.control.switch(7, &wanted(6, 4, 1)).await;
}

#[tokio::test]
async fn a_switch_that_is_aborted_is_forgotten() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    // Its health check hangs until it is told.
    let open = Arc::new(AtomicBool::new(false));
    let slow = {
        let open = open.clone();
        Container::raw("slow", move |mut stream| {
            let open = open.clone();
            async move {
                while !open.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                read_until(&mut stream, "never").await;
            }
        })
        .await
    };
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2]), (3, &[&slow])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let abort = |id| ToEdge::Abort { deployment: DeploymentId(id) };

    lab.control.prepare(7, &shop(2, &[(2, 100)], pools)).await.unwrap();
    lab.control.say(abort(7)).await;
    assert!(lab.control.commit(7).await.unwrap_err().contains("not prepared"));

    let (deployment, service) = (DeploymentId(8), shop(2, &[(3, 100)], pools));
    lab.control.say(ToEdge::Prepare { deployment, service, within_ms: 60_000 }).await;
    until("it is being checked", || slow.connections() > 0).await;
    lab.control.say(abort(8)).await;
    assert!(lab.control.prepared(8).await.unwrap_err().contains("aborted"));
    open.store(true, Ordering::SeqCst);
    assert!(lab.control.commit(8).await.unwrap_err().contains("not prepared"));
    assert_eq!(lab.get("/").await.body, "one");
}

#[tokio::test]
async fn a_switch_that_is_not_ready_in_time_is_given_up() {
    let (v1, silent) = (
        Container::named("one").await,
        Container::raw("silent", |mut stream| async move {
            read_until(&mut stream, "never").await;
        })
        .await,
    );
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&silent])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let service = shop(2, &[(2, 100)], pools);
    let deployment = DeploymentId(7);
    lab.control.say(ToEdge::Prepare { deployment, service, within_ms: 100 }).await;
    let why = lab.control.prepared(7).await.unwrap_err();
    assert!(why.contains("not ready for generation 2 within 100 ms"), "{why}");
    let why = lab.control.prepare(8, &shop(2, &[(2, 100)], pools)).await.unwrap_err();
    assert!(why.contains("had no answer within 1000 ms"), "{why}");
}

#[tokio::test]
async fn containers_that_change_between_the_halves_are_those_that_serve() {
    let (v1, v2, more) = (
        Container::named("one").await,
        Container::named("two").await,
        Container::named("more").await,
    );
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1]), (2, &[&v2])])]).await;
    let next = shop(2, &[(2, 100)], &[(1, &[&v1]), (2, &[&v2])]);
    lab.control.prepare(7, &next).await.unwrap();
    let mut changed = shop(3, &[(1, 100)], &[(1, &[&v1]), (2, &[&more])]);
    changed.generation = Generation(1);
    lab.control.replace(&changed).await;
    assert_eq!(lab.get("/").await.body, "one");
    assert_eq!(lab.control.commit(7).await.unwrap().generation, Generation(2));
    assert_eq!(lab.get("/").await.body, "more");
    lab.control.drained(7).await;

    // When none is left, nothing changes.
    let mut back = shop(4, &[(1, 100)], &[(1, &[&v1]), (2, &[&more])]);
    back.generation = Generation(3);
    lab.control.prepare(8, &back).await.unwrap();
    let mut changed = shop(5, &[(2, 100)], &[(1, &[]), (2, &[&more])]);
    changed.generation = Generation(2);
    lab.control.replace(&changed).await;
    let why = lab.control.commit(8).await.unwrap_err();
    assert!(why.contains("v1 of service shop has no healthy container"), "{why}");
    assert_eq!(lab.get("/").await.body, "more");
}

#[tokio::test]
async fn a_request_under_way_stays_with_its_container_when_that_leaves() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let v1 = Container::serve("one", move |_| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            text("late")
        }
    })
    .await;
    let other = Container::named("other").await;
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1])])]).await;
    let edge = lab.edge.http;
    let asked = tokio::spawn(async move { get(edge, HOST, "/").await });
    until("the request is there", || v1.requests() == 1).await;
    let mut changed = shop(2, &[(1, 100)], &[(1, &[&other])]);
    changed.generation = Generation(1);
    lab.control.replace(&changed).await;
    assert_eq!(lab.get("/").await.body, "other");
    go.send(true).unwrap();
    assert_eq!(asked.await.unwrap().body, "late");
}

#[tokio::test]
async fn unused_connections_to_a_container_that_left_are_closed() {
    let (closed, mut is_closed) = tokio::sync::mpsc::unbounded_channel();
    let leaving = Container::raw("leaving", move |mut stream| {
        let closed = closed.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let mut rest = [0; 1];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await;
            let _ = closed.send(());
        }
    })
    .await;
    let stays = Container::named("stays").await;
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&leaving])])]).await;
    assert_eq!(lab.get("/").await.status, 200);
    let mut changed = shop(2, &[(1, 100)], &[(1, &[&stays])]);
    changed.generation = Generation(1);
    lab.control.replace(&changed).await;
    soon("the unused connection to be closed", is_closed.recv()).await;
}

#[tokio::test]
async fn a_streamed_answer_outlives_the_switch() {
    let (parts, received) = tokio::sync::mpsc::unbounded_channel::<&'static str>();
    let received = Arc::new(tokio::sync::Mutex::new(received));
    let v1 = Container::raw("one", move |mut stream| {
        let received = received.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while let Some(part) = received.lock().await.recv().await {
                let _ = stream.write_all(part.as_bytes()).await;
            }
        }
    })
    .await;
    let v2 = Container::named("two").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let mut client = Client::connect(lab.edge.http).await;
    parts.send("before ").unwrap();
    let response = client.send(request(HOST, "/")).await.unwrap();
    let flip = lab.control.switch(7, &shop(2, &[(2, 100)], pools)).await;
    assert_eq!(flip.in_flight, InFlight { requests: 1, connections: 0 });
    parts.send("after").unwrap();
    drop(parts);
    assert_eq!(whole(response).await.body, "before after");
    let drained = lab.control.drained(7).await;
    assert_eq!((drained.drained, drained.failed, drained.cut), (1, 0, 0));
    assert_eq!(client.ask(request(HOST, "/")).await.body, "two");
    lab.control.say(ToEdge::DrainSeen { deployment: DeploymentId(7) }).await;
    lab.control.say(ToEdge::Ping { nonce: 1 }).await;
    assert_eq!(lab.control.hear().await, FromEdge::Pong { nonce: 1 });
}
