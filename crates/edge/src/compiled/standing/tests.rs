use super::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

const MAY: fn() -> bool = || true;

/// A container that has been asked many times, and the chance.
struct Asked {
    standing: Standing,
    rng: SmallRng,
}

impl Asked {
    fn new() -> Self {
        Self { standing: Standing::new(0), rng: SmallRng::seed_from_u64(1) }
    }

    fn fails(&mut self, failure: Failure, now: u64, after: u16) -> Option<u64> {
        let pause = self.standing.failed(failure, now, after, MAY, &mut self.rng);
        pause.map(|pause| u64::try_from(pause.as_millis()).unwrap())
    }
}

#[test]
fn so_many_failures_in_a_row_take_it_out_of_the_choice() {
    let mut asked = Asked::new();
    for _ in 0..4 {
        assert_eq!(asked.fails(Failure::Unanswered, 10, 5), None);
        assert!(asked.standing.is_in());
    }
    asked.standing.succeeded();
    for _ in 0..4 {
        assert_eq!(asked.fails(Failure::Unanswered, 10, 5), None);
    }
    let pause = asked.fails(Failure::Unanswered, 10, 5).expect("five in a row");
    assert!((800..=1200).contains(&pause), "{pause}");
    assert!(!asked.standing.is_in() && !asked.standing.is_to_be_tried(10 + pause - 1));
    assert_eq!(asked.fails(Failure::Unanswered, 11, 5), None, "it is once that it is told");
}

#[test]
fn one_request_lets_it_in_again_and_none_from_before() {
    let mut asked = Asked::new();
    let pause = asked.fails(Failure::Unanswered, 0, 1).unwrap();
    asked.standing.succeeded();
    assert!(!asked.standing.is_in(), "that request began before");
    assert!(asked.standing.is_to_be_tried(pause));
    assert!(!asked.standing.is_to_be_tried(pause), "one at a time");
    assert!(!asked.standing.is_in());
    asked.standing.succeeded();
    assert!(asked.standing.is_in());

    // A try of which nothing is heard is followed by another one.
    let pause = asked.fails(Failure::Unanswered, 0, 1).unwrap();
    assert!(asked.standing.is_to_be_tried(pause));
    assert!(asked.standing.is_to_be_tried(pause + TRY_MS));
}

#[test]
fn the_time_doubles_to_a_bound_and_is_forgiven() {
    let mut asked = Asked::new();
    let mut now = 0;
    for expected in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        let pause = asked.fails(Failure::Unanswered, now, 1).unwrap();
        assert!((expected * 4 / 5..=expected * 6 / 5).contains(&pause), "{pause} {expected}");
        now += pause;
        assert!(asked.standing.is_to_be_tried(now));
    }
    asked.standing.succeeded();
    let pause = asked.fails(Failure::Unanswered, now + FORGIVEN_MS + 1, 1).unwrap();
    assert!(pause <= 1_200, "{pause}");
}

#[test]
fn one_that_cannot_be_reached_is_avoided_at_once() {
    let mut asked = Asked::new();
    assert_eq!(asked.fails(Failure::Unreachable, 0, 0), None);
    assert!(!asked.standing.is_in() && !asked.standing.is_to_be_tried(AVOID_MS - 1));
    assert!(asked.standing.is_to_be_tried(AVOID_MS));
    asked.standing.succeeded();
    assert!(asked.standing.is_in());
}

#[test]
fn what_the_choice_cannot_do_without_stays_in_it() {
    let mut asked = Asked::new();
    for _ in 0..100 {
        let pause = asked.standing.failed(Failure::Unanswered, 0, 5, || false, &mut asked.rng);
        assert!(pause.is_none() && asked.standing.is_in());
        assert_eq!(Asked::new().fails(Failure::Unanswered, 0, 0), None, "0 is never");
    }
}
