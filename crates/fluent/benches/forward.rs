//! What records cost: to decode, to encode, and to be given to a forwarder.
//!
//! `cargo bench -p launcher-fluent`. Each item is a record of an access log with twelve fields; the folder
//! of the buffer is in `target`, so that the disk that matters is measured.

#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use launcher_fluent::wire::{Frame, Framer, Limits, deflate, write_entry, write_packed};
use launcher_fluent::{EventTime, ForwardOptions, Forwarder, Record, Server};
use rmpv::Value;

const RECORDS: u64 = 1000;

fn main() {
    divan::main();
}

fn record(number: u64) -> Record {
    let text = |name: &'static str, value: &str| (name, Value::from(value));
    let fields = [
        text("remote", "203.0.113.195"),
        text("host", "shop.example.com"),
        text("method", "GET"),
        text("path", "/products/1234567?colour=blue&page=2"),
        ("status", 200.into()),
        ("bytes", (number * 7).into()),
        ("duration", 0.012_345.into()),
        text("referer", "https://shop.example.com/products"),
        text("agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        text("service", "shop"),
        ("version", 12.into()),
        text("container", "0d8f0f9a6c1e4b7b"),
    ];
    Record::new("launcher.access", EventTime::now(), fields)
}

fn frame(compress: bool) -> Bytes {
    let (mut entries, mut frame) = (Vec::new(), Vec::new());
    for number in 0..RECORDS {
        write_entry(&record(number), &mut entries);
    }
    let entries = if compress { deflate(&entries) } else { entries };
    write_packed("launcher.access", &entries, RECORDS, compress, Some("id"), &mut frame);
    frame.into()
}

/// Finding the frame in a stream that comes in pieces of 16 KiB, and checking it: what a listener does.
#[divan::bench(args = [false, true])]
fn take(bencher: Bencher<'_, '_>, compressed: bool) {
    let bytes = frame(compressed);
    bencher.counter(ItemsCount::new(RECORDS)).counter(BytesCount::new(bytes.len())).bench(|| {
        let limits = Limits::default();
        let mut framer = Framer::new(&limits);
        let mut found = None;
        for piece in black_box(&bytes).chunks(16 << 10) {
            framer.buffer().extend_from_slice(piece);
            found = framer.next_frame().unwrap();
        }
        let Frame::Events(events) = Frame::decode(&found.unwrap(), &limits).unwrap() else {
            return 0;
        };
        events.entries(&limits, EventTime::default()).unwrap().len()
    });
}

/// Making records of it: what a consumer does.
#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    let Frame::Events(events) = Frame::decode(&frame(false), &limits).unwrap() else { return };
    let entries = events.entries(&limits, EventTime::default()).unwrap();
    bencher.counter(ItemsCount::new(RECORDS)).bench(|| {
        for record in &entries {
            black_box(record);
        }
    });
}

/// Giving records to a forwarder, and having them in the buffer on disk, while no server is there.
#[divan::bench(args = [false, true])]
fn forward(bencher: Bencher<'_, '_>, compress: bool) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    let _inside = runtime.enter();
    let servers = vec![Server::at("127.0.0.1", 1)];
    let options = ForwardOptions { compress, ..ForwardOptions::new(servers, folder.path()) };
    let forwarder = Forwarder::start(options).unwrap();
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    bencher.counter(ItemsCount::new(RECORDS)).bench(|| {
        for record in &records {
            forwarder.send(record).unwrap();
        }
        runtime.block_on(forwarder.buffered());
    });
}

/// The part of it for which whoever gives a record has to wait.
#[divan::bench]
fn give(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    let _inside = runtime.enter();
    let options = ForwardOptions::new(vec![Server::at("127.0.0.1", 1)], folder.path());
    let forwarder = Forwarder::start(options).unwrap();
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    bencher
        .counter(ItemsCount::new(RECORDS))
        .with_inputs(|| runtime.block_on(forwarder.buffered()))
        .bench_values(|()| {
            for record in &records {
                forwarder.send(record).unwrap();
            }
        });
}
