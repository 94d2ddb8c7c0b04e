//! nginx and the edge come and go independently of one another.

use crate::lab::{Edge, Lab};
use crate::support::*;

#[tokio::test]
async fn heavy_nginx_that_was_killed_serves_again_when_its_owner_starts_it() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    lab.server.kill();
    let refused = lab.control.prepare(7, &shop(2, &[(2, 100)], pools)).await.unwrap_err();
    assert!(refused.starts_with("nginx is not running: "), "{refused}");
    // What changes meanwhile is there when it comes back.
    let mut changed = shop(2, &[(1, 100)], pools);
    changed.generation = launcher_model::Generation(1);
    changed.hosts.push("also.test".into());
    assert_eq!(lab.control.replace(&changed).await[0].1, 2);
    lab.server.run();
    assert_eq!(get(lab.http, "also.test", "/").await.body, "one");
    let reloads = lab.server.reloads();
    let mut next = shop(3, &[(2, 100)], pools);
    next.generation = launcher_model::Generation(2);
    lab.control.switch(8, &next).await;
    assert_eq!(lab.get("/").await.body, "two");
    assert_eq!(lab.server.reloads(), reloads + 1);
}

#[tokio::test]
async fn heavy_nginx_serves_on_while_the_edge_is_away_and_is_left_alone_when_it_is_back() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    lab.control.switch(7, &shop(2, &[(2, 100)], pools)).await;
    lab.control.drained(7).await;
    lab.quiet().await;
    let Lab { control, edge, server, options, http, listener, dir } = lab;
    drop((control, listener));
    edge.stop().await;
    assert_eq!(get(http, HOST, "/").await.body, "two");
    let workers = server.workers();

    // The control plane is away, and the edge goes by what it kept.
    let (file, log) = (options.include.join("service-shop.conf"), dir.path().join("error.log"));
    let written = std::fs::metadata(&file).unwrap().modified().unwrap();
    let edge = Edge::start(options.clone(), dir.path());
    std::fs::remove_file(options.include.join("00-shared.conf")).unwrap();
    until("what was missing is back", || options.include.join("00-shared.conf").exists()).await;
    until("nginx has been told", || {
        std::fs::read_to_string(&log).unwrap().matches("(SIGHUP) received").count() == 3
    })
    .await;
    assert_eq!(get(http, HOST, "/").await.body, "two");
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), written);
    until("the old workers leave", || server.workers().is_disjoint(&workers)).await;
    edge.stop().await;

    let workers = server.workers();
    std::fs::remove_file(dir.path().join("control.sock")).unwrap();
    let listener = tokio::net::UnixListener::bind(dir.path().join("control.sock")).unwrap();
    let edge = Edge::start(options, dir.path());
    let mut control = Control::accept(&listener).await;
    let revisions = control.welcome(&[shop(2, &[(2, 100)], pools)]).await;
    assert_eq!(revisions[0].1, 2);
    assert_eq!(server.workers(), workers, "there was nothing to reload for");
    control.switch(8, &shop(3, &[(1, 100)], pools)).await;
    assert_eq!(get(http, HOST, "/").await.body, "one");
    edge.stop().await;
}
