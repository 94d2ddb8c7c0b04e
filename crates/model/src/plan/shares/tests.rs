use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{DeploymentId, ServiceName};

fn weights(shares: &[(u32, u8)]) -> Weights {
    let share =
        |(version, percent): &(u32, u8)| (VersionNumber(*version), Weight::new(*percent).unwrap());
    shares.iter().map(share).collect()
}

fn given(live: &[(u32, u8)], version: u32, percent: u8) -> Result<Weights, InvalidShares> {
    with_share(&weights(live), VersionNumber(version), Weight::new(percent).unwrap())
}

#[test]
fn the_rest_stays_with_what_is_live_in_proportion() {
    for (live, version, percent, shares) in [
        (&[(1, 100)][..], 2, 10, &[(1, 90), (2, 10)][..]),
        (&[(1, 90), (2, 10)], 2, 50, &[(1, 50), (2, 50)]),
        (&[(1, 90), (2, 10)], 2, 100, &[(2, 100)]),
        (&[(1, 90), (2, 10)], 2, 0, &[(1, 100)]),
        (&[(1, 60), (2, 30), (3, 10)], 3, 0, &[(1, 67), (2, 33)]),
        (&[(1, 60), (2, 40)], 3, 50, &[(1, 30), (2, 20), (3, 50)]),
        (&[(1, 50), (2, 50)], 3, 1, &[(1, 49), (2, 50), (3, 1)]),
        // The last percent of a version is not lost to rounding.
        (&[(1, 99), (2, 1)], 3, 50, &[(1, 49), (2, 1), (3, 50)]),
        (&[(1, 98), (2, 1), (3, 1)], 4, 97, &[(1, 1), (2, 1), (3, 1), (4, 97)]),
        (&[(1, 100)], 2, 0, &[(1, 100)]),
        (&[], 1, 100, &[(1, 100)]),
    ] {
        assert_eq!(
            given(live, version, percent),
            Ok(weights(shares)),
            "{live:?} {version} {percent}"
        );
    }
}

#[test]
fn shares_that_nobody_could_have_are_refused() {
    let rest = |version, rest| InvalidShares::NoOther { version: VersionNumber(version), rest };
    assert_eq!(given(&[(1, 100)], 1, 60), Err(rest(1, 40)));
    assert_eq!(given(&[], 1, 0), Err(rest(1, 100)));
    let too_little = given(&[(1, 50), (2, 50)], 3, 99);
    assert!(
        matches!(too_little, Err(InvalidShares::TooLittle { others: 2, .. })),
        "{too_little:?}"
    );

    let split = |shares: &[(u32, u8)]| {
        split(shares.iter().map(|(v, w)| (VersionNumber(*v), Weight::new(*w).unwrap())))
    };
    assert_eq!(split(&[(1, 90), (2, 9)]), Err(InvalidShares::Sum(99)));
    assert_eq!(split(&[(1, 100), (2, 100)]), Err(InvalidShares::Sum(200)));
    assert_eq!(split(&[]), Err(InvalidShares::Sum(0)));
    assert_eq!(split(&[(1, 50), (1, 50)]), Err(InvalidShares::Twice(VersionNumber(1))));
    assert_eq!(split(&[(1, 100), (2, 0)]), Ok(weights(&[(1, 100)])));
    let eleven: Vec<(u32, u8)> = (1..=11).map(|v| (v, if v == 1 { 10 } else { 9 })).collect();
    assert_eq!(split(&eleven), Err(InvalidShares::TooMany));
}

#[test]
fn a_change_is_about_the_version_that_gains_most() {
    for (from, to, about) in [
        (&[(1, 100)][..], &[(1, 90), (2, 10)][..], Some(2)),
        (&[(1, 90), (2, 10)], &[(1, 100)], Some(1)),
        (&[], &[(1, 50), (2, 50)], Some(2)),
        (&[], &[], None),
    ] {
        assert_eq!(gains_most(&weights(from), &weights(to)), about.map(VersionNumber));
    }
}

fn made(id: i64, kind: DeploymentKind, from: Weights, to: Weights) -> Deployment {
    Deployment {
        id: DeploymentId(id),
        service: ServiceName::new("shop").unwrap(),
        kind,
        state: DeploymentState::Done,
        from,
        to,
        generation: None,
        by: "test".to_owned(),
        automatic: false,
        newest: None,
        note: None,
        created_at: Timestamp::UNIX_EPOCH,
        finished_at: None,
        abort_reason: None,
        receipt: None,
    }
}

/// Plays shares through as deployments, and says where going back leads from the last of them.
fn back(shares: &[&[(u32, u8)]]) -> Option<u32> {
    let mut history = Vec::new();
    let mut at = Weights::new();
    for (id, to) in (1..).zip(shares) {
        let from = std::mem::replace(&mut at, weights(to));
        let deployment = made(id, DeploymentKind::Deploy, from, at.clone());
        let aborted = Deployment {
            state: DeploymentState::Aborted,
            from: at.clone(),
            to: weights(&[(9, 100)]),
            ..deployment.clone()
        };
        history.splice(0..0, [aborted, deployment]);
    }
    before(&history, &at).map(|version| version.0)
}

#[test]
fn going_back_leads_out_of_a_rollout_and_never_into_one() {
    let (v1, v2, v3): (&[_], &[_], &[_]) = (&[(1, 100)], &[(2, 100)], &[(3, 100)]);
    let (ten, half): (&[_], &[_]) = (&[(1, 90), (2, 10)], &[(1, 50), (2, 50)]);
    assert_eq!(back(&[]), None);
    assert_eq!(back(&[v1]), None);
    assert_eq!(back(&[v1, v2]), Some(1));
    assert_eq!(back(&[v1, v2, v1]), Some(2));
    assert_eq!(back(&[v1, ten]), Some(1));
    assert_eq!(back(&[v1, ten, half]), Some(1));
    assert_eq!(back(&[v1, ten, half, v2]), Some(1));
    assert_eq!(back(&[v1, ten, half, v2, v3]), Some(2));
    assert_eq!(back(&[v3, v1, ten, v1]), Some(3), "not to where it is already");
    assert_eq!(back(&[ten, half]), None, "nothing ever had everything");
    assert_eq!(back(&[v1, &[], v2]), None, "it was deleted in between");
    assert_eq!(back(&[v1, v2, &[]]), None);
}

#[test]
fn what_was_taken_offline_goes_back_to_where_it_was() {
    let made =
        |kind, from: &[(u32, u8)], to: &[(u32, u8)]| made(1, kind, weights(from), weights(to));
    let (deploy, offline) = (DeploymentKind::Deploy, DeploymentKind::Offline);
    let mut history = vec![
        made(offline, &[(1, 90), (2, 10)], &[]),
        made(deploy, &[(1, 100)], &[(1, 90), (2, 10)]),
        made(deploy, &[], &[(1, 100)]),
    ];
    assert_eq!(before(&history, &Weights::new()), Some(VersionNumber(1)));
    // Once it is back, nothing leads behind the time when it was offline.
    history.insert(0, made(DeploymentKind::Rollback, &[], &[(2, 100)]));
    assert_eq!(before(&history, &weights(&[(2, 100)])), None);
}

proptest! {
    #[test]
    fn whatever_is_live_the_rest_is_shared_fairly(
        parts in proptest::collection::vec(1u32..=100, 1..=8),
        percent in 0u8..=90,
    ) {
        // Any shares that sum to 100, each at least 1.
        let sum: u32 = parts.iter().sum();
        let mut live: Vec<u32> = parts.iter().map(|part| 1 + part * (100 - parts.len() as u32) / sum).collect();
        let short = 100 - live.iter().sum::<u32>();
        live[0] += short;
        let live: Vec<(u32, u8)> = (1..).zip(live.iter().map(|share| *share as u8)).collect();
        let rest = f64::from(100 - percent);
        let shares = given(&live, 99, percent).unwrap();
        prop_assert_eq!(shares.values().map(|weight| u32::from(weight.percent())).sum::<u32>(), 100);
        let exact = |before: u8| f64::from(before) * rest / 100.0;
        // Whoever is held up to 1 percent takes that from others.
        let held_up = live.iter().any(|(_, before)| exact(*before) < 1.0);
        for (version, before) in &live {
            let now = f64::from(shares[&VersionNumber(*version)].percent());
            let fair = held_up || (now - exact(*before)).abs() < 1.0;
            prop_assert!(now >= 1.0 && fair, "{live:?} {percent}: {shares:?}");
        }
    }
}
