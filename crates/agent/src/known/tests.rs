use std::path::Path;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Those of an engine that is asked: no files are needed.
fn known() -> Known {
    Known::new(Cgroups::of(Path::new("/nowhere")), false, Some("ours".to_owned()), at(100))
}

fn resident(started: i64, restarts: u64) -> Resident {
    Resident {
        id: "4f2a".to_owned(),
        installation: "ours".to_owned(),
        service: ServiceName::new("shop").unwrap(),
        version: VersionNumber(42),
        pid: u32::try_from(started).unwrap(),
        started: at(started),
        restarts,
        own_network: true,
    }
}

fn cpu(cpu_us: u64) -> Counters {
    Counters { cpu_us, ..Counters::default() }
}

fn hear(known: &mut Known, change: Residence) {
    known.apply(change, at(110));
}

/// What is said of the container after the engine was asked.
fn take(known: &mut Known, counters: Counters) -> Usage {
    let (_, to_ask) = known.read();
    assert_eq!(to_ask, ["4f2a"]);
    known.take("4f2a", counters).unwrap().sample.usage
}

fn late(known: &mut Known) -> Vec<u64> {
    let (late, _) = known.read();
    late.iter().map(|one| one.sample.usage.oom_kills).collect()
}

#[test]
fn what_was_used_before_the_agent_came_is_not_counted() {
    let mut known = known();
    let foreign = Resident { installation: "theirs".to_owned(), ..resident(50, 0) };
    let foreign = Resident { id: "other".to_owned(), ..foreign };
    hear(&mut known, Residence::All(vec![resident(50, 3), foreign]));
    let first = take(&mut known, cpu(1000));
    assert_eq!((first.containers, first.cpu_us, first.restarts), (1, 0, 0));
    assert_eq!(take(&mut known, cpu(1700)).cpu_us, 700);
}

#[test]
fn what_a_new_one_has_used_before_there_was_a_sample_belongs_to_the_first() {
    let mut known = known();
    hear(&mut known, Residence::All(vec![resident(50, 0)]));
    let new = Resident { id: "5a2b".to_owned(), ..resident(103, 0) };
    hear(&mut known, Residence::Started(new));
    assert_eq!(known.read_before(), ["4f2a"]);
    known.take("4f2a", cpu(1000)).unwrap();

    let (_, mut to_ask) = known.read();
    to_ask.sort();
    assert_eq!(to_ask, ["4f2a", "5a2b"]);
    assert_eq!(known.take("4f2a", cpu(1200)).unwrap().sample.usage.cpu_us, 200);
    let used = Counters { oom_kills: 1, ..cpu(300) };
    let usage = known.take("5a2b", used).unwrap().sample.usage;
    assert_eq!((usage.cpu_us, usage.oom_kills), (300, 1));
}

#[test]
fn what_a_new_one_has_used_is_counted_from_its_start() {
    let mut known = known();
    hear(&mut known, Residence::Started(resident(103, 0)));
    assert_eq!(take(&mut known, cpu(1000)).cpu_us, 1000);
    // The same may be told twice.
    hear(&mut known, Residence::Started(resident(103, 0)));
    assert_eq!(take(&mut known, cpu(1001)).cpu_us, 1);
    // One that was started while the engine was away is new, too.
    hear(&mut known, Residence::Lost("gone".to_owned()));
    hear(&mut known, Residence::All(vec![resident(112, 0)]));
    assert_eq!(take(&mut known, cpu(500)).cpu_us, 500);
    hear(&mut known, Residence::All(vec![resident(103, 0)]));
    assert_eq!(take(&mut known, cpu(1001)).cpu_us, 0, "it was there before");
    // The engine was away: what is there stays, and its counters go on.
    hear(&mut known, Residence::Lost("gone".to_owned()));
    hear(&mut known, Residence::All(vec![resident(103, 0)]));
    assert_eq!(take(&mut known, cpu(1003)).cpu_us, 2);
    hear(&mut known, Residence::All(vec![]));
    assert!(known.shown().is_empty());
}

#[test]
fn one_that_the_engine_starts_again_counts_from_0() {
    let mut known = known();
    hear(&mut known, Residence::Started(resident(103, 0)));
    take(&mut known, cpu(5000));
    hear(&mut known, Residence::Ended("4f2a".to_owned()));
    hear(&mut known, Residence::Started(resident(107, 1)));
    let usage = take(&mut known, cpu(6000));
    assert_eq!((usage.cpu_us, usage.restarts), (6000, 1));
    // Also when its end was not noticed, or it took long to come back.
    hear(&mut known, Residence::All(vec![resident(112, 2)]));
    assert_eq!(take(&mut known, cpu(10)).restarts, 1);
    hear(&mut known, Residence::Ended("4f2a".to_owned()));
    late(&mut known);
    late(&mut known);
    hear(&mut known, Residence::Started(resident(150, 3)));
    assert_eq!(take(&mut known, cpu(10)).restarts, 1);
}

#[test]
fn one_that_memory_ran_out_for_is_counted_though_it_is_gone() {
    let mut known = known();
    hear(&mut known, Residence::Started(resident(103, 0)));
    take(&mut known, cpu(1));
    hear(&mut known, Residence::OutOfMemory("4f2a".to_owned()));
    hear(&mut known, Residence::Ended("4f2a".to_owned()));
    assert_eq!(late(&mut known), [1]);
    // Told late, and then of nobody that is known.
    hear(&mut known, Residence::OutOfMemory("4f2a".to_owned()));
    assert_eq!(late(&mut known), [1]);
    hear(&mut known, Residence::OutOfMemory("4f2a".to_owned()));
    assert_eq!(late(&mut known), [0; 0]);
    let kills: Vec<_> = known.oom_kills().map(|(_, _, kills)| kills).collect();
    assert_eq!(kills, [2]);
}

#[test]
fn what_the_kernel_has_counted_is_not_counted_again() {
    let mut known = known();
    hear(&mut known, Residence::Started(resident(103, 0)));
    take(&mut known, cpu(1));
    hear(&mut known, Residence::OutOfMemory("4f2a".to_owned()));
    let usage = take(&mut known, Counters { oom_kills: 2, ..cpu(1) });
    assert_eq!(usage.oom_kills, 2);
    hear(&mut known, Residence::OutOfMemory("4f2a".to_owned()));
    hear(&mut known, Residence::Ended("4f2a".to_owned()));
    assert_eq!(late(&mut known), [0; 0]);
}

#[test]
fn what_only_the_engine_tells_is_counted_once() {
    let mut known = known();
    hear(&mut known, Residence::Started(resident(103, 0)));
    hear(&mut known, Residence::OutOfMemory("4f2a".to_owned()));
    assert_eq!(take(&mut known, cpu(1)).oom_kills, 1);
    assert_eq!(take(&mut known, cpu(1)).oom_kills, 0);
}
