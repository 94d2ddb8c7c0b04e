use launcher_model::route::Weights;
use launcher_store::IdempotencyClaim::{Answered, Claimed, InProgress, Made, Mismatch};
use launcher_store::{self as store, Answer, IdempotencyClaim, NewDeployment, NewVersion, Store};

use crate::support::*;

async fn claim(store: &dyn Store, request: u8, second: i64) -> IdempotencyClaim {
    store.claim_key("ci/key", &[request; 32], at(second)).await.unwrap()
}

fn answer() -> Answer {
    Answer { status: 202, body: b"{\"number\": 1}".to_vec() }
}

#[tokio::test]
async fn a_key_is_claimed_once_and_answers_for_a_day() {
    let store = Temporary::open().await;
    assert_eq!(claim(&*store, 1, 0).await, Claimed);
    assert_eq!(claim(&*store, 1, 1).await, InProgress);
    assert_eq!(claim(&*store, 2, 1).await, Mismatch);
    store.answer_key("ci/key", &answer()).await.unwrap();
    assert_eq!(claim(&*store, 1, 2).await, Answered(answer()));
    assert_eq!(claim(&*store, 2, 2).await, Mismatch);
    // An answer is not taken back.
    store.release_key("ci/key").await.unwrap();
    let day = 24 * 3600;
    assert_eq!(claim(&*store, 1, day).await, Answered(answer()));
    assert_eq!(claim(&*store, 2, day + 1).await, Claimed);
}

#[tokio::test]
async fn a_released_key_can_be_claimed_again() {
    let store = Temporary::open().await;
    assert_eq!(claim(&*store, 1, 0).await, Claimed);
    store.release_key("ci/key").await.unwrap();
    assert_eq!(claim(&*store, 2, 1).await, Claimed);
}

#[tokio::test]
async fn the_claims_of_a_process_that_died_are_free_and_its_answers_stay() {
    let store = Temporary::open().await;
    assert_eq!(claim(&*store, 1, 0).await, Claimed);
    let store = store.reopen().await;
    assert_eq!(claim(&*store, 2, 1).await, Mismatch);
    assert_eq!(claim(&*store, 1, 1).await, Claimed);
    assert_eq!(claim(&*store, 1, 2).await, InProgress);
    store.answer_key("ci/key", &answer()).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(claim(&*store, 1, 3).await, Answered(answer()));
}

#[tokio::test]
async fn what_was_made_is_known_when_its_process_died_before_it_answered() {
    let store = Temporary::open().await;
    let spec = spec("shop", &["shop.example.com"]);
    store.put_service(&spec, "alice", at(0)).await.unwrap();
    assert_eq!(claim(&*store, 1, 0).await, Claimed);
    let new = NewVersion { key: Some("ci/key".into()), ..new_version(&spec) };
    let (version, _) = store.create_version(new, at(1)).await.unwrap();
    assert_eq!(claim(&*store, 1, 2).await, InProgress);
    let store = store.reopen().await;
    assert_eq!(claim(&*store, 1, 3).await, Made(store::Made::Version(version.number)));
    // Nor is it forgotten by one who cannot answer either.
    store.release_key("ci/key").await.unwrap();
    assert_eq!(claim(&*store, 1, 4).await, Made(store::Made::Version(version.number)));
    store.answer_key("ci/key", &answer()).await.unwrap();
    assert_eq!(claim(&*store, 1, 5).await, Answered(answer()));
}

#[tokio::test]
async fn a_deployment_that_was_begun_is_known_by_its_key() {
    let store = Temporary::open().await;
    let spec = spec("shop", &["shop.example.com"]);
    let shop = spec.service.name.clone();
    store.put_service(&spec, "alice", at(0)).await.unwrap();
    let (version, _) = store.create_version(new_version(&spec), at(0)).await.unwrap();
    assert_eq!(claim(&*store, 1, 0).await, Claimed);
    let to = all_to(version.number);
    let new =
        NewDeployment { key: Some("ci/key".into()), ..deployment(&shop, &Weights::new(), &to) };
    let begun = store.begin_deployment(new, &[], at(1)).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(claim(&*store, 1, 3).await, Made(store::Made::Deployment(begun.id)));
}
