//! What nginx refuses: it serves on as before, and says why.

use std::fs;

use crate::lab::{Edge, Lab};
use crate::support::*;

#[tokio::test]
async fn heavy_nginx_says_in_its_own_words_why_it_cannot_be_switched() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let (workers, broken) = (lab.server.workers(), lab.dir.path().join("conf/sites/broken"));
    fs::write(&broken, "server { listen nowhere:; }\n").unwrap();
    let next = shop(2, &[(2, 100)], pools);
    let refused = lab.control.prepare(7, &next).await.unwrap_err();
    let expected = format!("in \"nowhere:\" of the \"listen\" directive in {}:1", broken.display());
    assert!(refused.contains("nginx refuses the configuration: [emerg]"), "{refused}");
    assert!(refused.contains(&expected), "{refused}");
    assert_eq!(lab.get("/").await.body, "one");
    assert_eq!(lab.server.workers(), workers, "it was not asked to reload");
    fs::remove_file(&broken).unwrap();
    lab.control.switch(8, &next).await;
    assert_eq!(lab.get("/").await.body, "two");
}

#[tokio::test]
async fn heavy_nginx_that_refuses_after_all_serves_on_with_what_it_had() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let file = lab.server.include().join("service-shop.conf");
    let (before, workers) = (fs::read(&file).unwrap(), lab.server.workers());
    let next = shop(2, &[(2, 100)], pools);
    lab.control.prepare(7, &next).await.unwrap();
    // Its owner breaks something else between the two halves.
    let broken = lab.dir.path().join("conf/sites/broken");
    fs::write(&broken, "no_such_directive;\n").unwrap();
    let refused = lab.control.commit(7).await.unwrap_err();
    assert!(refused.contains("[emerg] unknown directive \"no_such_directive\" in"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), before, "the old file is back");
    assert_eq!(lab.server.workers(), workers);
    assert_eq!(lab.get("/").await.body, "one");
    fs::remove_file(&broken).unwrap();
    lab.control.commit(7).await.unwrap();
    assert_eq!(lab.get("/").await.body, "two");
}

#[tokio::test]
async fn heavy_nginx_that_cannot_have_an_address_serves_on_without_it() {
    let container = Container::named("one").await;
    let table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let lab = Lab::new(std::slice::from_ref(&table)).await;
    let Lab { control, edge, server, mut options, http, listener, dir } = lab;
    drop(control);
    edge.stop().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    options.http.push(taken.local_addr().unwrap());
    let files = options.include.clone();
    let before = fs::read_to_string(files.join("service-shop.conf")).unwrap();
    let edge = Edge::start(options, dir.path());
    let mut control = Control::accept(&listener).await;
    let applied = control.welcome(&[table]).await;
    assert_eq!(applied, [], "nothing is in force of what the edge was told");
    assert!(server.errors().contains("Address already in use"));
    assert_eq!(fs::read_to_string(files.join("service-shop.conf")).unwrap(), before);
    assert_eq!(get(http, HOST, "/").await.body, "one");
    edge.stop().await;
}

#[tokio::test]
async fn heavy_nginx_must_include_the_files() {
    let container = Container::named("one").await;
    let mut lab = Lab::new(&[]).await;
    fs::write(lab.dir.path().join("conf/sites/edge"), "").unwrap();
    let wanted = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let refused = lab.control.prepare(7, &wanted).await.unwrap_err();
    let include = lab.server.include();
    let line = format!("add the line \"include {}/*.conf;\" to its http block", include.display());
    assert!(refused.contains(&line), "{refused}");
}

#[tokio::test]
async fn heavy_nginx_is_told_of_no_name_that_is_more_than_a_name() {
    let container = Container::named("one").await;
    let good = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let mut lab = Lab::new(std::slice::from_ref(&good)).await;
    let mut bad = good.clone();
    (bad.revision, bad.generation) = (2, launcher_model::Generation(2));
    bad.hosts = vec!["a; } server { listen 1;".into()];
    let refused = lab.control.prepare(7, &bad).await.unwrap_err();
    assert!(refused.contains("is not a hostname"), "{refused}");
    assert_eq!(lab.control.replace(&bad).await[0].1, 1);
    assert_eq!(lab.get("/").await.body, "one");
}
