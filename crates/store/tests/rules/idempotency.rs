use launcher_store::IdempotencyClaim::{Answered, Claimed, InProgress, Mismatch};
use launcher_store::{Answer, IdempotencyClaim, Store};

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
