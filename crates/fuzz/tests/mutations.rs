//! Every target with its seeds, with what once broke it, and with mutations of both.
//!
//! The mutations are the same in each run, so that a change fails for what it does itself. With
//! `LAUNCHER_FUZZ_SEED` they are others.

#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use launcher_fuzz::{TARGETS, Target};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Of each target so many are tried, as far as there is time.
const ROUNDS: u64 = 2_000;
const TIME: Duration = Duration::from_millis(400);
/// The longest that is made, in bytes.
const LONGEST: usize = 4 << 10;
/// So many changes are made of one.
const CHANGES: usize = 6;
/// What means something in one protocol or another.
const WORDS: [&[u8]; 14] = [
    b"\r\n",
    b"\n\n",
    b"\0",
    b"\xff",
    b":",
    b";",
    b"=",
    b"+",
    b"%2e",
    b"..",
    b"0",
    b"18446744073709551616",
    b"\xf0\x9f\x9a\x80",
    b"\xe2\x80\xae",
];

fn seed() -> u64 {
    std::env::var("LAUNCHER_FUZZ_SEED").ok().map_or(1, |text| text.parse().unwrap())
}

/// Whether all holds; what did not is told by the panic itself.
fn try_out(target: &Target, bytes: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_err() {
        let (name, shown) = (target.name, bytes.escape_ascii());
        panic!("{name} does not hold for {what}, which is\n{shown}");
    }
}

fn mutated(inputs: &[Vec<u8>], rng: &mut SmallRng) -> Vec<u8> {
    let mut bytes = inputs.choose(rng).unwrap().clone();
    for _ in 0..rng.random_range(1..=CHANGES) {
        let at = rng.random_range(0..=bytes.len());
        let end = (at + rng.random_range(0..=16)).min(bytes.len());
        match rng.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = rng.random(),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            5 => drop(bytes.splice(at..end, WORDS.choose(rng).unwrap().iter().copied())),
            _ => {
                let other = inputs.choose(rng).unwrap();
                let from = rng.random_range(0..=other.len());
                drop(bytes.splice(at.., other[from..].iter().copied()));
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn holds(name: &str) {
    let target = Target::named(name).unwrap();
    let files = target.inputs().unwrap();
    assert!(!files.is_empty(), "there are no seeds: crates/fuzz/seeds/{name}");
    for (path, bytes) in &files {
        try_out(&target, bytes, &path.display().to_string());
    }
    let inputs: Vec<Vec<u8>> = files.into_iter().map(|(_, bytes)| bytes).collect();
    let (seed, begun) = (seed(), Instant::now());
    for round in (0..ROUNDS).take_while(|_| begun.elapsed() < TIME) {
        let mut rng = SmallRng::seed_from_u64(seed ^ round << 32);
        let bytes = mutated(&inputs, &mut rng);
        try_out(&target, &bytes, &format!("round {round} with LAUNCHER_FUZZ_SEED={seed}"));
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })*

        #[test]
        fn every_target_is_tried() {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

targets! {
    access_log body_chunks codings collector_answer container_log container_output cookies credentials dockerignore
    edge_messages event_stream fluent_frames fluent_handshake forms git_packets git_push graph_addresses
    graphite_answer host irc irc_message jenkins launcher_toml nginx_log request_head request_path response_head texts webhook
    webhook_refusal websocket
}
