//! Environments of branches beside nginx: their names, and requests that wait for one that is asleep.

use http::Request;
use http_body_util::Empty;
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::table::{Login, Rest, RestKind, SALT_BYTES, ServiceTable};
use launcher_model::{ServiceName, VersionNumber};

use crate::lab::Lab;
use crate::support::*;

const BRANCH: &str = "login.shop.preview.test";

/// The branch `login` at version 2, which may be at rest.
fn branching(
    revision: u64,
    rest: Option<(RestKind, u64)>,
    pools: &[(u32, &[&Container])],
) -> ServiceTable {
    let mut table = shop(revision, &[], pools);
    table.branches.aliases = [("login".to_owned(), VersionNumber(2))].into();
    let rest = rest.map(|(kind, within_ms)| (VersionNumber(2), Rest { kind, within_ms }));
    table.branches.resting = rest.into_iter().collect();
    table
}

async fn is_told(lab: &mut Lab, what: impl Fn(&FromEdge) -> bool) {
    while !what(&lab.control.hear().await) {}
}

async fn replace(lab: &mut Lab, service: ServiceTable) {
    lab.control.say(ToEdge::Replace { service }).await;
    is_told(lab, |message| matches!(message, FromEdge::Applied { .. })).await;
}

fn is_wake(message: &FromEdge) -> bool {
    matches!(message, FromEdge::Wake { version: VersionNumber(2), .. })
}

#[tokio::test]
async fn heavy_nginx_has_requests_wait_for_an_environment_that_is_asleep() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let asleep =
        |revision, within| branching(revision, Some((RestKind::Asleep, within)), &[(1, &[&v1])]);
    let mut lab = Lab::new(&[asleep(1, 20_000)]).await;
    let http = lab.http;
    assert_eq!(get(http, "v1.shop.preview.test", "/").await.body, "one");
    let asking: Vec<_> = (0..4).map(|_| tokio::spawn(get(http, BRANCH, "/a/b?c=d%20e"))).collect();
    is_told(&mut lab, is_wake).await;
    replace(&mut lab, branching(2, Some((RestKind::Starting, 20_000)), &[(1, &[&v1]), (2, &[])]))
        .await;
    assert!(asking.iter().all(|asking| !asking.is_finished()));
    replace(&mut lab, branching(3, None, &[(1, &[&v1]), (2, &[&v2])])).await;
    for asking in asking {
        let answer = soon("an answer", asking).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["location"]),
            (307, &"/a/b?c=d%20e".parse().unwrap())
        );
    }
    for host in [BRANCH, "v2.shop.preview.test"] {
        assert_eq!(get(http, host, "/a/b?c=d%20e").await.body, "two");
    }
    is_told(&mut lab, |message| {
        matches!(message, FromEdge::Looked { versions, .. } if *versions == [VersionNumber(2)])
    })
    .await;
    let service = ServiceName::new("shop").unwrap();
    let version = VersionNumber(2);
    lab.control
        .say(ToEdge::Rest { nonce: 1, service, version, containers: None, within_ms: 9_000 })
        .await;
    is_told(&mut lab, |message| matches!(message, FromEdge::Rested { at_rest: true, .. })).await;

    replace(&mut lab, asleep(4, 300)).await;
    let answer = get(http, BRANCH, "/").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["retry-after"]),
        (503, &"2".parse().unwrap())
    );
    assert!(answer.body.contains("v2 of service shop was stopped"), "{}", answer.body);
    replace(&mut lab, branching(5, Some((RestKind::Failed, 300)), &[(1, &[&v1])])).await;
    let answer = get(http, BRANCH, "/").await;
    assert!(answer.status == 503 && answer.body.contains("has failed"), "{answer:?}");
}

#[tokio::test]
async fn heavy_nginx_lets_nobody_start_what_they_may_not_see() {
    let mut table = branching(1, Some((RestKind::Asleep, 300)), &[]);
    let login = Login::new("ada", &"lace".to_owned().into(), [0; SALT_BYTES]).unwrap();
    table.rules.preview_logins = Some(vec![login]);
    let mut lab = Lab::new(&[table]).await;
    assert_eq!(get(lab.http, BRANCH, "/").await.status, 401);
    lab.control.say(ToEdge::Ping { nonce: 1 }).await;
    assert_eq!(lab.control.hear().await, FromEdge::Pong { nonce: 1 });
    let asks =
        Request::get("/").header("host", BRANCH).header("authorization", "Basic YWRhOmxhY2U=");
    let answer = Client::connect(lab.http).await.ask(asks.body(Empty::new()).unwrap()).await;
    assert_eq!(answer.status, 503);
    is_told(&mut lab, is_wake).await;
}
