//! What the event stream leaves out.

use futures_util::StreamExt;
use launcher_scheduler::{Change, OneOffRole};

use crate::conformance::{
    Behaviour, Ground, one_off, place, settle, to_end, until, version_of, within,
};
use crate::ground::DockerGround;

#[tokio::test]
async fn docker_tells_no_changes_of_others_or_of_one_off_containers() {
    let ground = DockerGround::prepare().await;
    let (ours, theirs) = (ground.engine(), ground.neighbour());
    let mut changes = ours.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let image = ground.image(Behaviour::Runs).await;
    let placement = place(version_of("shop", 1, image.clone()), 1);
    settle(&*theirs, &placement).await;
    to_end(ours.run_once(&one_off(&placement, OneOffRole::Run, "exit 0")).await.unwrap()).await;

    // The engine tells in order: had it told of those, it would have told of them first.
    settle(&*ours, &place(version_of("last", 1, image), 1)).await;
    let first = within(changes.next()).await;
    assert!(matches!(&first, Some(Change::Service(s)) if s.as_str() == "last"), "{first:?}");
}
