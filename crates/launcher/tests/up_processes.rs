//! `launcher up`, when what is around its processes fails.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod up_support;

use std::fs::OpenOptions;

use up_support::Up;

#[tokio::test]
async fn heavy_a_reader_of_the_log_that_goes_away_takes_nothing_along() {
    let mut up = Up::new();
    let (reader, writer) = std::io::pipe().unwrap();
    up.start(writer.try_clone().unwrap(), writer);
    up.api().await;
    drop(reader);
    let edge = up.process("edge");
    up.kill("server").await;
    up.api().await;
    assert!(up.runs());
    assert_eq!(up.process("edge"), edge, "the edge has served on");
}

#[tokio::test]
async fn heavy_a_full_disk_below_the_log_takes_nothing_along() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut up = Up::new();
    up.start(full(), full());
    up.api().await;
    up.kill("edge").await;
    up.api().await;
    assert!(up.runs());
}
