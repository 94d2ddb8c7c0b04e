//! What costs a reload, what does not, and what is put right.

use std::fs;

use launcher_edge::protocol::{FromEdge, ToEdge};

use crate::lab::Lab;
use crate::support::*;

#[tokio::test]
async fn heavy_nginx_is_not_reloaded_for_what_it_would_not_notice() {
    let container = Container::named("one").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&container])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    lab.quiet().await;
    let (workers, reloads) = (lab.server.workers(), lab.server.reloads());
    for revision in 2..5 {
        let mut same = shop(revision, &[(1, 100)], pools);
        same.traffic.drain = launcher_model::Span::secs(revision);
        let pool = same.pools.values_mut().next().unwrap();
        pool.health.interval = launcher_model::Span::secs(revision);
        assert_eq!(lab.control.replace(&same).await[0].1, revision);
    }
    assert_eq!((lab.server.workers(), lab.server.reloads()), (workers, reloads));
}

#[tokio::test]
async fn heavy_nginx_is_reloaded_once_for_a_burst() {
    let container = Container::named("one").await;
    let mut lab = Lab::new(&[]).await;
    let before = lab.server.reloads();
    const BURST: usize = 20;
    for n in 0..BURST {
        let mut service = shop(1, &[(1, 100)], &[(1, &[&container])]);
        service.name = launcher_model::ServiceName::new(format!("shop-{n}")).unwrap();
        service.hosts = vec![format!("shop-{n}.test")];
        lab.control.say(ToEdge::Replace { service }).await;
    }
    for _ in 0..BURST {
        let FromEdge::Applied { revisions } = lab.control.hear().await else { panic!() };
        assert_eq!(revisions[0].1, 1);
        let host = revisions[0].0.to_string();
        assert_eq!(get(lab.http, &format!("{host}.test"), "/").await.body, "one");
    }
    assert_eq!(lab.server.reloads(), before + 1);
    for n in 0..BURST {
        let service = launcher_model::ServiceName::new(format!("shop-{n}")).unwrap();
        lab.control.say(ToEdge::Remove { service }).await;
    }
    let left = || {
        let names = fs::read_dir(lab.server.include()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    until("they are gone", || left() == ["00-shared.conf", "passed", "waiting.sock"]).await;
    soon("the last is unknown", async {
        while get(lab.http, "shop-19.test", "/").await.status != 404 {}
    })
    .await;
}

#[tokio::test]
async fn heavy_nginx_files_that_were_changed_by_hand_are_changed_back() {
    let container = Container::named("one").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    lab.quiet().await;
    let file = lab.server.include().join("service-shop.conf");
    let (written, reloads) = (fs::read_to_string(&file).unwrap(), lab.server.reloads());
    let workers = lab.server.workers();
    fs::write(&file, written.replace("shop.test", "mine.test")).unwrap();
    until("it is put right", || fs::read_to_string(&file).unwrap() == written).await;
    lab.without(&workers).await;
    assert_eq!(lab.server.reloads(), reloads + 1);
    let workers = lab.server.workers();
    fs::remove_file(&file).unwrap();
    until("it is back", || fs::read_to_string(&file).is_ok_and(|text| text == written)).await;
    lab.without(&workers).await;
    assert_eq!(lab.server.reloads(), reloads + 2);
    fs::write(lab.server.include().join("mine.conf"), "server { listen 1; }").unwrap();
    until("it is gone", || !lab.server.include().join("mine.conf").exists()).await;
    assert_eq!(lab.get("/").await.body, "one");
}
