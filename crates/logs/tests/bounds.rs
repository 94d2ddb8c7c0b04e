//! How much is kept of one environment, whatever its containers print.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use launcher_logs::{Bounds, Kept};
use launcher_model::container::{Container, ContainerPhase};
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::{LogLine, LogStream};
use tempfile::TempDir;

/// So many logs are kept of an environment at the most.
const MOST_FILES: usize = 500;

/// A place for logs of which no environment has more than these bytes.
struct Ground {
    folder: TempDir,
    kept: Kept,
}

impl Ground {
    fn new(environment: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bounds = Bounds { environment, ..Bounds::default() };
        let kept = Kept::new(folder.path().join("logs"), bounds);
        Self { folder, kept }
    }

    fn of(&self, version: u32) -> PathBuf {
        self.folder.path().join(format!("logs/shop/v{version}"))
    }

    /// The ids of what is kept of version 1.
    async fn ids(&self) -> Vec<String> {
        let found = self.kept.list(&shop(), VersionNumber(1)).await.unwrap();
        found.logs.iter().map(|log| log.container().id.clone()).collect()
    }

    fn left_out(&self) -> Option<Timestamp> {
        self.kept.left_out(&shop(), VersionNumber(1))
    }

    /// Keeps a log of about so many bytes, whose last line was printed at that second.
    async fn take(&self, container: &Container, second: i64, bytes: usize) {
        let lines = stream::iter([Ok(line(second - 1, bytes)), Ok(line(second, 0))]);
        self.kept.take(container, lines.boxed()).await.unwrap();
    }
}

fn shop() -> ServiceName {
    ServiceName::new("shop").unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn container(version: u32, number: usize) -> Container {
    Container {
        id: format!("{number:064x}"),
        name: format!("shop-{number}"),
        service: shop(),
        version: VersionNumber(version),
        slot: 1,
        attempt: 0,
        failures: 0,
        created: at(i64::try_from(number).unwrap()),
        host: "here".to_owned(),
        address: None,
        published: None,
        phase: ContainerPhase::Created,
    }
}

/// A line that takes as many bytes when it is compressed.
fn line(second: i64, bytes: usize) -> LogLine {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ second.unsigned_abs();
    let letters = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Of 64 letters, which are worth 6 bits each.
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
            [usize::try_from(state >> 58).unwrap()]
    });
    let text: Vec<u8> = letters.take(bytes * 4 / 3).collect();
    let text = String::from_utf8(text).unwrap();
    LogLine { at: Some(at(second)), stream: LogStream::Stdout, text }
}

/// Bytes and files that a folder has.
fn used(folder: &Path) -> (u64, usize) {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let sizes: Vec<u64> = files.map(|file| file.metadata().unwrap().len()).collect();
    (sizes.iter().sum(), sizes.len())
}

#[tokio::test]
async fn what_was_kept_first_goes_when_an_environment_has_too_much() {
    let ground = Ground::new(100_000);
    let another = container(2, 99);
    ground.take(&another, 99, 60_000).await;
    let containers: Vec<Container> = (0..8).map(|number| container(1, number)).collect();
    for (second, container) in (1000..).zip(&containers) {
        ground.take(container, second, 30_000).await;
        let (bytes, _) = used(&ground.of(1));
        assert!(bytes <= 100_100, "{bytes} bytes after the log of {second}");
    }
    let newest: Vec<String> = containers[5..].iter().map(|one| one.id.clone()).collect();
    assert_eq!(ground.ids().await, newest);
    // Whoever reads the rest is told until when something is missing.
    assert_eq!(ground.left_out(), Some(at(1004)));
    // An environment has its bound to itself.
    assert!(ground.kept.has(&another));
    assert_eq!(ground.kept.left_out(&shop(), VersionNumber(2)), None);
    ground.kept.forget(&shop(), VersionNumber(1)).await.unwrap();
    assert_eq!((ground.ids().await, ground.left_out()), (Vec::new(), None));
    assert!(ground.kept.has(&another));
}

#[tokio::test]
async fn the_newest_log_stays_however_long_it_is() {
    let ground = Ground::new(10_000);
    let (small, large) = (container(1, 1), container(1, 2));
    ground.take(&small, 1000, 1_000).await;
    ground.take(&large, 2000, 50_000).await;
    assert_eq!(ground.ids().await, std::slice::from_ref(&large.id));
    assert_eq!(ground.left_out(), Some(at(1000)));
    // It goes with the next, whose lines are older: what is missing is told up to the last of it.
    ground.take(&small, 1500, 1_000).await;
    assert_eq!((ground.ids().await, ground.left_out()), (vec![small.id], Some(at(2000))));
}

#[tokio::test]
async fn a_log_that_is_kept_again_counts_once_and_as_the_newest() {
    let ground = Ground::new(100_000);
    let containers: Vec<Container> = (0..3).map(|number| container(1, number)).collect();
    for (second, container) in (1000..).zip(&containers) {
        ground.take(container, second, 30_000).await;
    }
    for second in 2000..2005 {
        ground.take(&containers[0], second, 30_000).await;
    }
    assert_eq!((ground.ids().await.len(), ground.left_out()), (3, None));
    ground.take(&container(1, 3), 3000, 30_000).await;
    assert!(!ground.kept.has(&containers[1]) && ground.kept.has(&containers[0]));
}

#[tokio::test]
async fn logs_that_are_kept_at_once_are_within_the_bounds() {
    let ground = Ground::new(100_000);
    let containers: Vec<Container> = (0..24).map(|number| container(1, number)).collect();
    let takes = (1000..).zip(&containers).map(|(at, one)| ground.take(one, at, 30_000));
    futures_util::future::join_all(takes).await;
    let (bytes, _) = used(&ground.of(1));
    assert!((60_000..=100_100).contains(&bytes), "{bytes}");
    assert_eq!(ground.ids().await.len(), 3);
}

#[tokio::test]
async fn an_environment_has_so_many_logs_however_short_they_are() {
    let ground = Ground::new(u64::MAX);
    for (second, number) in (1000..).zip(0..MOST_FILES + 3) {
        ground.take(&container(1, number), second, 0).await;
    }
    let ids = ground.ids().await;
    assert_eq!(ids.len(), MOST_FILES);
    assert_eq!((&ids[0], ground.left_out()), (&container(1, 3).id, Some(at(1002))));
    // Beside them there is only the note of what was left out.
    assert_eq!(used(&ground.of(1)).1, MOST_FILES + 1);
}

#[tokio::test]
async fn what_a_killed_server_has_half_written_takes_no_room_for_ever() {
    let ground = Ground::new(100_000);
    ground.take(&container(1, 1), 1000, 1_000).await;
    // Of a container that was gone when the server came back.
    std::fs::write(ground.of(1).join("gone.part"), vec![0; 90_000]).unwrap();
    ground.take(&container(1, 2), 1001, 1_000).await;
    let (bytes, files) = used(&ground.of(1));
    assert!(bytes < 10_000 && files == 2, "{bytes} bytes in {files} files");
    assert_eq!((ground.ids().await.len(), ground.left_out()), (2, None));
}

#[tokio::test]
async fn a_damaged_log_is_told_beside_those_that_are_whole() {
    let ground = Ground::new(100_000);
    let containers = [container(1, 1), container(1, 2), container(1, 3)];
    for (second, container) in (1000..).zip(&containers) {
        ground.take(container, second, 1000).await;
    }
    // The end of one is lost, and another is something else.
    let path = |container: &Container| ground.of(1).join(format!("{}.log", container.id));
    let whole = std::fs::read(path(&containers[1])).unwrap();
    std::fs::write(path(&containers[1]), &whole[..whole.len() - 30]).unwrap();
    std::fs::write(ground.of(1).join("x2f.log"), "a letter").unwrap();
    let found = ground.kept.list(&shop(), VersionNumber(1)).await.unwrap();
    let ids: Vec<&str> = found.logs.iter().map(|log| log.container().id.as_str()).collect();
    assert_eq!(ids, [&containers[0].id, &containers[2].id]);
    let mut damaged = found.damaged;
    damaged.sort_by(|a, b| a.why.cmp(&b.why));
    assert_eq!(damaged[0].id.as_ref(), Some(&containers[1].id));
    assert_eq!(damaged[1].id.as_deref(), Some("x2f"));
    for one in damaged {
        assert!(one.why.contains("is damaged") && one.why.contains("backup"), "{}", one.why);
    }
    assert!(!ground.kept.has(&containers[1]));
    assert!(ground.kept.has(&containers[0]));
}

#[tokio::test]
async fn lines_of_a_damaged_part_are_missing_and_the_others_are_not() {
    let ground = Ground::new(u64::MAX);
    let container = container(1, 1);
    // Each is a part of its own.
    let lines: Vec<LogLine> = (1..=3).map(|second| line(second, 600_000)).collect();
    let taken = stream::iter(lines.clone().into_iter().map(Ok));
    ground.kept.take(&container, taken.boxed()).await.unwrap();
    let path = ground.of(1).join(format!("{}.log", container.id));
    let mut file = std::fs::read(&path).unwrap();
    let middle = file.len() / 2;
    file[middle..middle + 100].fill(0);
    std::fs::write(&path, file).unwrap();
    let log = ground.kept.find(&shop(), VersionNumber(1), &container.id).unwrap();
    let (told, _) = log.lines(None, None);
    let told: Vec<_> = told.collect().await;
    assert_eq!((&told[0], &told[2]), (&Ok(lines[0].clone()), &Ok(lines[2].clone())));
    let missing = told[1].as_ref().unwrap_err();
    let says = format!("1 of them, printed from {0} to {0}: ", at(2));
    assert!(missing.starts_with(&says) && missing.contains("backup"), "{missing}");
}
