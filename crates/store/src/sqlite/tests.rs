//! What only shows from inside: a database that runs out of room.

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launcher_model::event::{EventKind, NewEvent};
use launcher_testkit::Folder;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::{SqliteStore, open, schema};
use crate::{Error, EventFilter, Owner, SessionStore, Store};

/// Limits the writer's database to the pages that it has and so many more.
async fn allow_pages(store: &SqliteStore, more: u32) {
    let mut write = store.begin("testing").await.unwrap();
    let connection = write.connection().unwrap();
    let pages: u32 =
        sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await.unwrap();
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + more));
    sqlx::query(limit).execute(connection).await.unwrap();
    write.end(Ok(())).await.unwrap();
}

fn long_event() -> NewEvent {
    NewEvent::new(EventKind::ContainerLost, "x".repeat(3_000))
}

async fn count(store: &SqliteStore) -> usize {
    let all = EventFilter { limit: 100_000, ..EventFilter::default() };
    store.events(&all).await.unwrap().len()
}

async fn store_in(folder: &Path) -> SqliteStore {
    open(&folder.join("store.db")).await.unwrap()
}

#[tokio::test]
async fn a_database_without_room_says_so_and_works_again_by_itself() {
    let folder = Folder::new();
    let store = store_in(folder.path()).await;
    let mut watcher = store.watch();
    allow_pages(&store, 8).await;
    let mut kept = 0;
    let error = loop {
        match store.record(&[long_event()], Timestamp::UNIX_EPOCH).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Full), "{error}");
    assert!(error.to_string().contains("free some space"));
    // The connection may have been replaced by one without the limit.
    allow_pages(&store, 8).await;
    let many = vec![long_event(); 20];
    assert!(matches!(store.record(&many, Timestamp::UNIX_EPOCH).await, Err(Error::Full)));
    assert_eq!(count(&store).await, kept);

    allow_pages(&store, 1_000).await;
    store.record(&many, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(count(&store).await, kept + 20);
    let mut heard = 0;
    while watcher.try_recv().is_ok() {
        heard += 1;
    }
    assert_eq!(heard, kept + 20);
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_rolled_back() {
    let folder = Folder::new();
    let store = store_in(folder.path()).await;
    let mut write = store.begin("testing").await.unwrap();
    super::events::record(&mut write, &[long_event()], Timestamp::UNIX_EPOCH).await.unwrap();
    drop(write);
    store.record(&[long_event()], Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn a_connection_that_is_in_doubt_is_replaced() {
    let folder = Folder::new();
    let store = store_in(folder.path()).await;
    let mut write = store.begin("testing").await.unwrap();
    let mark = "PRAGMA cache_size = 77";
    sqlx::query(mark).execute(write.connection().unwrap()).await.unwrap();
    // As SQLite does by itself after some failures: the transaction is over, and nobody was told.
    sqlx::query("ROLLBACK").execute(write.connection().unwrap()).await.unwrap();
    drop(write);
    store.record(&[long_event()], Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(count(&store).await, 1);
    let mut write = store.begin("testing").await.unwrap();
    let size: i64 = sqlx::query_scalar("PRAGMA cache_size")
        .fetch_one(write.connection().unwrap())
        .await
        .unwrap();
    assert_ne!(size, 77);
}

/// What `PRAGMA synchronous` says inside a transaction: 1 is NORMAL, 2 is FULL.
async fn synchronous(mut write: super::write::Write) -> i64 {
    let sql = "PRAGMA synchronous";
    let value = sqlx::query_scalar(sql).fetch_one(write.connection().unwrap()).await.unwrap();
    write.end(Ok(value)).await.unwrap()
}

#[tokio::test]
async fn a_decision_waits_for_the_disk_and_a_step_does_not() {
    let folder = Folder::new();
    let store = store_in(folder.path()).await;
    for _ in 0..2 {
        assert_eq!(synchronous(store.begin("testing").await.unwrap()).await, 2);
        assert_eq!(synchronous(store.begin_step("testing").await.unwrap()).await, 1);
        assert_eq!(synchronous(store.begin_step("testing").await.unwrap()).await, 1);
    }
    // A connection that was replaced is set anew, and a caller that went away leaves no doubt.
    let mut write = store.begin_step("testing").await.unwrap();
    sqlx::query("ROLLBACK").execute(write.connection().unwrap()).await.unwrap();
    drop(write);
    assert_eq!(synchronous(store.begin_step("testing").await.unwrap()).await, 1);
    for _ in 0..300 {
        assert_eq!(synchronous(store.begin("testing").await.unwrap()).await, 2);
        // Looked at once, then dropped: often the connection is on its way to the other setting.
        let mut begun = pin!(store.begin_step("testing"));
        poll_fn(|context| Poll::Ready(begun.as_mut().poll(context).is_ready())).await;
    }
}

#[tokio::test]
async fn the_log_is_moved_beside_the_writer() {
    let folder = Folder::new();
    let store = store_in(folder.path()).await;
    let mark = "this shall reach the database's own file";
    let event = NewEvent::new(EventKind::ContainerLost, mark);
    store.record(&[event], Timestamp::UNIX_EPOCH).await.unwrap();
    let moved = || {
        let bytes = std::fs::read(folder.path().join("store.db")).unwrap();
        bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
    };
    assert!(!moved());
    // Far fewer than those after which a commit would do it.
    for _ in 0..100 {
        store.ping().await.unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while !moved() {
        assert!(Instant::now() < deadline, "the log was not moved");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn who_was_signed_in_before_there_were_people_stays_signed_in() {
    let folder = Folder::new();
    let file = folder.path().join("store.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    schema::migrate_to(&mut connection, &file, 13).await.unwrap();
    let sql = "INSERT INTO tokens (name, hash, created_at) VALUES ('admin', x'01', 0)";
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    let sql = "INSERT INTO sessions (hash, token, once, expires_at) VALUES (?, 1, 0, ?)";
    let ends = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 15);
    let session = sqlx::query(sql).bind(&[7u8; 32][..]).bind(ends.as_microsecond());
    session.execute(&mut connection).await.unwrap();
    drop(connection);

    let store = store_in(folder.path()).await;
    let session = store.session(&[7; 32], Timestamp::UNIX_EPOCH).await.unwrap().unwrap();
    assert_eq!(session.owner, Owner::Token("admin".to_owned()));
    let began = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24);
    assert_eq!((session.began_at, session.expires_at), (began, ends));
    assert!(session.roles.include(launcher_model::role::Role::Admin));
}
