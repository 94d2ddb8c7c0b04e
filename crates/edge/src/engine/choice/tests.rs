use super::*;
use crate::compiled::{self, Failure, Standing};
use launcher_model::service::Protocol;
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// Containers that came at these times.
fn pool(came: &[u64]) -> Vec<Rc<Endpoint>> {
    let endpoint = |(n, came): (usize, &u64)| {
        let address = format!("127.0.0.1:{}", 1000 + n).parse().unwrap();
        let container = n.to_string().into();
        let standing = Standing::new(*came).into();
        Rc::new(Endpoint::new(compiled::Endpoint {
            container,
            address,
            protocol: Protocol::Http1,
            standing,
        }))
    };
    came.iter().enumerate().map(endpoint).collect()
}

/// How much of many requests, which are answered at once, goes to each.
fn shares(endpoints: &[Rc<Endpoint>], length: u64, now: u64) -> Vec<f64> {
    let came = endpoints.iter().map(|endpoint| endpoint.standing().since());
    let slow_start = SlowStart::of(length, came, now);
    let mut rng = SmallRng::seed_from_u64(1);
    let mut counts = vec![0_u32; endpoints.len()];
    for _ in 0..20_000 {
        let chosen = choose(endpoints, slow_start.as_ref(), None, now, &mut rng).unwrap();
        let at = endpoints.iter().position(|endpoint| Rc::ptr_eq(endpoint, chosen)).unwrap();
        counts[at] += 1;
    }
    counts.iter().map(|count| f64::from(*count) / 20_000.0).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 0.02, "{found} {expected}");
}

#[test]
fn the_share_of_one_that_joins_grows_in_a_line() {
    let endpoints = pool(&[0, 5, 100_000]);
    for (age, share) in [(0, 0.1), (10_000, 0.4), (20_000, 0.7), (30_000, 1.0), (90_000, 1.0)] {
        let shares = shares(&endpoints, 30_000, 100_000 + age);
        assert_close(shares[2], share / (2.0 + share));
        assert_close(shares[0], 1.0 / (2.0 + share));
    }
}

#[test]
fn those_that_begin_together_have_their_whole_share() {
    let shares_of = |came: &[u64]| shares(&pool(came), 30_000, came[came.len() - 1] + 1);
    shares_of(&[70_000, 80_000, 99_000])
        .into_iter()
        .for_each(|share| assert_close(share, 1.0 / 3.0));
    assert_close(shares_of(&[70_000])[0], 1.0);
    let without = shares(&pool(&[0, 100_000]), 0, 100_001);
    assert_close(without[1], 0.5);
}

#[test]
fn what_joins_gets_as_much_at_one_time_as_its_share_says() {
    let endpoints = pool(&[0, 100_000]);
    let slow_start = SlowStart::of(30_000, [0, 100_000].into_iter(), 100_000).unwrap();
    let mut rng = SmallRng::seed_from_u64(1);
    for _ in 0..110 {
        choose(&endpoints, Some(&slow_start), None, 100_000, &mut rng).unwrap().begin();
    }
    assert!((8..=12).contains(&endpoints[1].in_flight()), "{}", endpoints[1].in_flight());
}

#[test]
fn what_is_left_out_gets_one_request_to_try_it() {
    let endpoints = pool(&[0, 0, 0]);
    let mut rng = SmallRng::seed_from_u64(1);
    let pause = endpoints[0].standing().failed(Failure::Unanswered, 0, 1, || true, &mut rng);
    let pause = u64::try_from(pause.unwrap().as_millis()).unwrap();
    let mut chosen = |now| -> usize {
        let mut first =
            || choose(&endpoints, None, None, now, &mut rng).unwrap().container() == "0";
        (0..1000).filter(|_| first()).count()
    };
    assert_eq!((chosen(pause - 1), chosen(pause), chosen(pause + 1)), (0, 1, 0));
    endpoints[0].standing().succeeded();
    assert!(chosen(pause + 1) > 250);
}

#[test]
fn when_all_are_left_out_all_are_used() {
    let endpoints = pool(&[0, 0]);
    let mut rng = SmallRng::seed_from_u64(1);
    for endpoint in &endpoints {
        endpoint.standing().failed(Failure::Unreachable, 0, 5, || true, &mut rng);
    }
    shares(&endpoints, 0, 1).into_iter().for_each(|share| assert_close(share, 0.5));
    let other = choose(&endpoints, None, Some(&endpoints[0]), 1, &mut rng).unwrap();
    assert!(Rc::ptr_eq(other, &endpoints[1]));
}
