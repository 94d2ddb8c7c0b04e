//! Edges on this machine that do not fit this server.

use launcher_edge::protocol::{FromEdge, PROTOCOL, ToEdge};
use launcher_edge::wire;
use launcher_model::EdgeName;
use tokio::net::UnixStream;

use crate::world::World;

/// What the server answers such an edge first.
async fn answer(world: &World, protocol: u32, installation: Option<&str>) -> ToEdge {
    let stream = UnixStream::connect(world.socket()).await.unwrap();
    let (mut reader, mut writer) = wire::split::<_, ToEdge, FromEdge>(stream);
    let hello = FromEdge::Hello {
        protocol,
        edge: EdgeName::new("b").unwrap(),
        version: "test".to_owned(),
        driver: "pretend".to_owned(),
        http: Vec::new(),
        https: Vec::new(),
        installation: installation.map(str::to_owned),
        draining: Vec::new(),
        has: Vec::new(),
    };
    writer.send(&hello).await.unwrap();
    reader.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn one_with_routes_of_another_installation_is_turned_away() {
    let (world, _edge) = World::new().await;
    let foreign = ToEdge::Foreign { installation: "test".to_owned() };
    assert_eq!(answer(&world, PROTOCOL, Some("other")).await, foreign);
    let names: Vec<_> = world.control().hub().edges().into_iter().map(|edge| edge.name).collect();
    assert_eq!(names, [EdgeName::new("a").unwrap()]);
    // One with none, or with ours, is welcome.
    for ours in [None, Some("test")] {
        let answered = answer(&world, PROTOCOL, ours).await;
        assert!(matches!(answered, ToEdge::Welcome { .. }), "{answered:?}");
    }
}

#[tokio::test]
async fn one_of_another_release_is_told_so() {
    let (world, _edge) = World::new().await;
    let ToEdge::Refused { why } = answer(&world, PROTOCOL - 1, None).await else {
        panic!("it was welcomed");
    };
    let both = format!("this server speaks protocol {PROTOCOL}, the edge {}", PROTOCOL - 1);
    assert!(why.starts_with(&both) && why.contains("run the same release of both"), "{why}");
}
