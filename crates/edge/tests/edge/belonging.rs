//! An edge whose directory holds the routes of another installation.

use std::time::Duration;

use launcher_edge::Limits;
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::table::ServiceTable;
use launcher_model::ServiceName;

use crate::support::*;

fn belongs_to(control: &Control) -> Option<&str> {
    let FromEdge::Hello { installation, .. } = &control.hello else { panic!("no hello") };
    installation.as_deref()
}

fn revised(mut table: ServiceTable, revision: u64) -> ServiceTable {
    table.revision = revision;
    table
}

#[tokio::test]
async fn an_edge_that_joined_anew_drops_what_it_had() {
    let (theirs, ours) = (Container::named("theirs").await, Container::named("ours").await);
    // The installation before counted further.
    let before = revised(shop(1, &[(1, 100)], &[(1, &[&theirs])]), 7_000);
    let mut also = before.clone();
    (also.name, also.hosts) = (ServiceName::new("blog").unwrap(), vec!["blog.test".into()]);
    let mut lab = Lab::new(&[before, also]).await;
    assert_eq!(lab.get("/").await.body, "theirs");
    let next = revised(shop(1, &[(1, 100)], &[(1, &[&ours])]), 3);
    assert_eq!(
        lab.control.welcome_to("other", &[next]).await,
        [(ServiceName::new("shop").unwrap(), 3)]
    );
    assert_eq!(lab.get("/").await.body, "ours");
    assert_eq!(get(lab.edge.http, "blog.test", "/").await.status, 404);

    // And remembers whose it is.
    let Lab { edge, control, listener, dir } = lab;
    drop(control);
    edge.stop().await;
    let _ = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    let edge = Edge::start(dir.path(), Limits::default());
    let control = Control::accept(&listener).await;
    assert_eq!(belongs_to(&control), Some("other"));
    drop((control, listener));
    assert_eq!(get(edge.http, HOST, "/").await.body, "ours");
}

#[tokio::test]
async fn an_edge_that_is_turned_away_serves_nothing_of_another_installation() {
    let container = Container::named("theirs").await;
    let table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let mut lab = Lab::new(std::slice::from_ref(&table)).await;
    // What was served before goes on, as while the control plane is away.
    let foreign = || ToEdge::Foreign { installation: "other".into() };
    lab.control.say(foreign()).await;
    assert_eq!(lab.get("/").await.body, "theirs");
    let Lab { edge, control, listener, dir } = lab;
    drop(control);
    edge.stop().await;
    let _ = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;

    let edge = Edge::start(dir.path(), Limits::default());
    let http = edge.http;
    let asked = tokio::spawn(async move { get(http, HOST, "/").await });
    let mut control = Control::accept(&listener).await;
    assert_eq!(belongs_to(&control), Some("test"));
    control.say(foreign()).await;
    drop(control);
    // It comes again, for longer than it would have waited for a silent one.
    let again = Control::accept(&listener).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!asked.is_finished());
    drop(again);
    let mut control = Control::accept(&listener).await;
    control.welcome(&[table]).await;
    assert_eq!(asked.await.unwrap().body, "theirs");
}
