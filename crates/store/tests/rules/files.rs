use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use launcher_model::VersionNumber;
use launcher_model::container::{Host, Promised};
use launcher_store::{Error, Store, sqlite};
use launcher_testkit::Folder;
use sqlx::Executor;

use crate::support::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn refused(path: &Path) -> Error {
    match sqlite::open(path).await {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn only_its_owner_may_read_it() {
    let store = Temporary::open().await;
    put(&*store, "shop").await;
    let files = ["db", "db-wal", "db-shm"].map(|end| store.file().with_extension(end));
    assert_eq!(files.each_ref().map(|file| mode(file)), [0o600; 3]);

    std::fs::set_permissions(store.file(), PermissionsExt::from_mode(0o644)).unwrap();
    let store = store.reopen().await;
    assert_eq!(mode(&store.file()), 0o600);
}

#[tokio::test]
async fn a_store_that_is_opened_again_has_everything() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    let version = ready(&*store, &shop).await;
    let route = make_live(&*store, &name, version).await;
    let (events, installation) = (all_events(&*store).await, store.installation().await.unwrap());
    let environments = store.environments(&name, true).await.unwrap();
    assert_eq!(store.next_epoch().await.unwrap(), 1);

    let store = store.reopen().await;
    assert_eq!(store.route(&name).await.unwrap(), route);
    assert_eq!(all_events(&*store).await, events);
    assert_eq!(store.environments(&name, true).await.unwrap(), environments);
    assert_eq!(store.installation().await.unwrap(), installation);
    assert_eq!(store.next_epoch().await.unwrap(), 2);
    assert_eq!(launch(&*store, &shop).await.0.number, VersionNumber(2));
}

#[tokio::test]
async fn each_installation_has_a_name_of_its_own() {
    let (one, other) = (Temporary::open().await, Temporary::open().await);
    let (one, other) = (one.installation().await.unwrap(), other.installation().await.unwrap());
    assert_eq!((one.len(), other.len()), (16, 16));
    assert_ne!(one, other);
}

/// Runs itself as a process that writes until it is killed, and says after each write how far it is.
#[tokio::test]
async fn what_was_acknowledged_outlives_kill_9() {
    const ENVIRONMENT: &str = "STORE_TEST_WRITES_TO";
    if let Some(file) = std::env::var_os(ENVIRONMENT) {
        write_until_killed(Path::new(&file)).await;
    }
    let folder = Folder::new();
    let file = folder.path().join("store.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "files::what_was_acknowledged_outlives_kill_9", "--nocapture"])
        .env(ENVIRONMENT, &file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((_, number)) = line.rsplit_once("acknowledged ") {
            acknowledged = number.parse().unwrap();
            if acknowledged == 40 {
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();

    assert!(acknowledged >= 40, "the writer ended by itself");
    let store = sqlite::open(&file).await.unwrap();
    let versions = store.versions(&service("shop"), None, 10_000).await.unwrap();
    assert!(versions[0].number.0 >= acknowledged);
    assert_eq!(versions.len(), versions[0].number.0 as usize);
    assert!(store.recorded_hosts().await.unwrap()[0].host.running >= acknowledged);
}

#[expect(clippy::print_stdout, reason = "its parent reads it")]
async fn write_until_killed(file: &Path) -> ! {
    let store = sqlite::open(file).await.unwrap();
    let shop = put(&store, "shop").await;
    loop {
        let (version, _) = launch(&store, &shop).await;
        let host = Host {
            name: "local".into(),
            address: String::new(),
            engine: String::new(),
            cpus: 1,
            memory: 1,
            running: version.number.0,
            promised: Promised::default(),
            labels: BTreeMap::new(),
            closed: false,
            usable: true,
            trouble: None,
        };
        store.record_hosts(&[host], at(1)).await.unwrap();
        println!("acknowledged {}", version.number.0);
    }
}

#[tokio::test]
async fn a_file_that_another_process_locks_is_named() {
    let store = Temporary::open().await;
    let mut other = connect(&store.file()).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let error = refusal(store.ping().await);
    assert!(matches!(&error, Error::Locked { file } if *file == store.file()), "{error}");
    assert!(error.to_string().contains("is locked by another process: end that one"), "{error}");
    // Reading goes on, and so does writing when the other one has ended.
    store.services().await.unwrap();
    other.execute("ROLLBACK").await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = Folder::new();
    let file = folder.path().join("store.db");
    std::fs::write(&file, "nothing that a database would begin with. ".repeat(100)).unwrap();
    let error = refused(&file).await;
    assert!(matches!(&error, Error::Damaged { file: named, .. } if *named == file), "{error}");
    assert!(error.to_string().contains("put a backup in its place"), "{error}");
}

#[tokio::test]
async fn a_damaged_page_is_reported_as_such() {
    let store = Temporary::open().await;
    put(&*store, "shop").await;
    let copy = store.folder.path().join("copy.db");
    store.store.backup_to(&copy).await.unwrap();
    let mut bytes = std::fs::read(&copy).unwrap();
    for byte in &mut bytes[4096..] {
        *byte = 0xa5;
    }
    std::fs::write(&copy, bytes).unwrap();
    let error = match sqlite::open(&copy).await {
        Err(error) => error,
        Ok(damaged) => refusal(damaged.services().await),
    };
    assert!(matches!(&error, Error::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = Folder::new();
    let file = folder.path().join("nowhere/store.db");
    let error = refused(&file).await;
    assert!(matches!(&error, Error::File { .. }), "{error}");
    assert!(
        error.to_string().contains("nowhere/store.db cannot be opened: No such file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let store = Temporary::open().await;
    let mut other = connect(&store.file()).await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'future', TRUE, x'00', 0)";
    other.execute(newer).await.unwrap();
    let error = refused(&store.file()).await.to_string();
    assert!(error.contains("a newer version of this program wrote it"), "{error}");
}

#[tokio::test]
async fn a_backup_is_whole_private_and_can_be_opened() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let version = ready(&*store, &shop).await;
    make_live(&*store, &service("shop"), version).await;
    let copy = store.folder.path().join("copy.db");
    std::fs::write(&copy, "an older backup").unwrap();
    store.store.backup_to(&copy).await.unwrap();
    // What comes later is not in it.
    put(&*store, "blog").await;

    assert_eq!(mode(&copy), 0o600);
    let restored = sqlite::open(&copy).await.unwrap();
    assert_eq!(restored.services().await.unwrap().len(), 1);
    let route = restored.route(&service("shop")).await.unwrap();
    assert_eq!(route, store.route(&service("shop")).await.unwrap());
    assert_eq!(restored.installation().await.unwrap(), store.installation().await.unwrap());
    assert_eq!(launch(&restored, &shop).await.0.number, VersionNumber(2));

    let nowhere = store.folder.path().join("nowhere/copy.db");
    let error = refusal(store.store.backup_to(&nowhere).await);
    assert!(matches!(error, Error::File { .. }), "{error}");
    let left: Vec<_> = std::fs::read_dir(store.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("store.db") && !name.starts_with("copy.db"))
        .collect();
    assert_eq!(left, [""; 0]);
}
