//! Switches: what is served after one, and who may notice.

use launcher_edge::protocol::ToEdge;
use launcher_model::{DeploymentId, Generation};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::lab::Lab;
use crate::support::*;

#[tokio::test]
async fn heavy_nginx_serves_what_a_switch_says() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    assert_eq!(lab.get("/").await.body, "one");
    let readiness = lab.control.prepare(7, &shop(2, &[(2, 100)], pools)).await.unwrap();
    assert_eq!(readiness.checked, 1);
    assert_eq!(lab.get("/").await.body, "one", "preparing changes nothing");
    let flip = lab.control.commit(7).await.unwrap();
    assert_eq!(flip.generation, Generation(2));
    assert_eq!(lab.get("/").await.body, "two");
    let outcome = lab.control.drained(7).await;
    assert_eq!((outcome.versions.len(), outcome.drained, outcome.cut), (1, 0, 0));
    assert_eq!(get(lab.http, "v1.shop.preview.test", "/").await.body, "one");
    assert_eq!(get(lab.http, "v2.shop.preview.test", "/").await.body, "two");
    assert_eq!(lab.control.commit(7).await.unwrap(), flip, "a commit can be repeated");
    eprintln!("prepared in {} us, committed in {} us", readiness.took_us, flip.took_us);
}

#[tokio::test]
async fn heavy_nginx_answers_a_request_that_begins_after_the_switch_by_the_new_version() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    // Browsers open connections ahead; a worker of nginx keeps such a one although it is leaving.
    let mut opened = Vec::new();
    for _ in 0..8 {
        opened.push(TcpStream::connect(lab.http).await.unwrap());
    }
    // They have been taken once others that came after them have been answered, by either worker.
    for _ in 0..50 {
        assert_eq!(lab.get("/").await.body, "one");
    }
    lab.control.switch(7, &shop(2, &[(2, 100)], pools)).await;
    for stream in &mut opened {
        stream
            .write_all(b"POST / HTTP/1.1\r\nhost: shop.test\r\ncontent-length: 2\r\n\r\nhi")
            .await
            .unwrap();
        let answer = read_until(stream, "two").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(v1.requests(), 50);
}

#[tokio::test]
async fn heavy_nginx_switches_to_nothing_that_is_not_healthy_or_was_aborted() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    lab.control.prepare(7, &shop(2, &[(2, 100)], pools)).await.unwrap();
    lab.control.say(ToEdge::Abort { deployment: DeploymentId(7) }).await;
    assert!(lab.control.commit(7).await.unwrap_err().contains("not prepared"));
    let skips = lab.control.prepare(8, &shop(3, &[(2, 100)], pools)).await.unwrap_err();
    assert!(skips.contains("generation 1"), "{skips}");
    v2.kill();
    let refused = lab.control.prepare(9, &shop(2, &[(2, 100)], pools)).await.unwrap_err();
    assert!(refused.contains("container 0-two of shop v2 is not ready"), "{refused}");
    assert_eq!(lab.get("/").await.body, "one");
    assert_eq!(lab.server.reloads(), 1);
}

#[tokio::test]
async fn heavy_nginx_and_a_built_in_edge_switch_together() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let first = shop(1, &[(1, 100)], pools);
    let mut beside = Lab::new(std::slice::from_ref(&first)).await;
    let mut built_in = crate::support::Lab::new(std::slice::from_ref(&first)).await;
    for (revision, version, body) in [(2, 2, "two"), (3, 1, "one"), (4, 2, "two")] {
        let (id, next) = (i64::from(version), shop(revision, &[(version, 100)], pools));
        let id = id + 10 * i64::try_from(revision).unwrap();
        let (one, other) =
            tokio::join!(beside.control.prepare(id, &next), built_in.control.prepare(id, &next));
        assert_eq!((one.unwrap().checked, other.unwrap().checked), (1, 1));
        let (one, other) = tokio::join!(beside.control.commit(id), built_in.control.commit(id));
        assert_eq!(one.unwrap().generation, other.unwrap().generation);
        assert_eq!(
            (beside.get("/").await.body, built_in.get("/").await.body),
            (body.into(), body.into())
        );
    }
    // Neither can make a switch to what it cannot reach.
    v1.kill();
    let next = shop(5, &[(1, 100)], pools);
    let (one, other) =
        tokio::join!(beside.control.prepare(99, &next), built_in.control.prepare(99, &next));
    assert!(one.is_err() && other.is_err());
    assert_eq!(
        (beside.get("/").await.body, built_in.get("/").await.body),
        ("two".into(), "two".into())
    );
}
