//! How production traffic is shared out over versions, and where going back leads.

use crate::route::{Deployment, DeploymentKind, DeploymentState, Weights};
use crate::{VersionNumber, Weight};

/// As many versions as may be live at one time.
pub const MOST_LIVE: usize = 10;

/// Why traffic cannot be shared out so; the message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShares {
    /// Not everything, or more than everything, is given away.
    #[error("the shares sum to {0} percent; they must sum to 100")]
    Sum(u32),
    /// A version stands there twice.
    #[error("{0} is named twice; name each version once")]
    Twice(VersionNumber),
    /// Too many at one time.
    #[error("at most {MOST_LIVE} versions can be live at one time; take one out first")]
    TooMany,
    /// Nobody is there for what is left.
    #[error(
        "no version but {version} is live, so nothing can have the other {rest} percent; \
         deploy {version} whole, or give another version a share"
    )]
    NoOther {
        /// The version whose share was to be set.
        version: VersionNumber,
        /// What would be left over.
        rest: u8,
    },
    /// Fewer percent than versions.
    #[error(
        "{rest} percent cannot be shared by {others} versions, of which each keeps 1 at the least; \
         take one out first, or give {version} less"
    )]
    TooLittle {
        /// The version whose share was to be set.
        version: VersionNumber,
        /// What would be left for the others.
        rest: u8,
        /// How many others are live.
        others: usize,
    },
}

/// Everything to one version.
#[must_use]
pub fn all_to(version: VersionNumber) -> Weights {
    Weights::from([(version, Weight::ALL)])
}

/// The version that has everything.
#[must_use]
pub fn whole(weights: &Weights) -> Option<VersionNumber> {
    weights.iter().find(|(_, weight)| **weight == Weight::ALL).map(|(version, _)| *version)
}

/// Shares that were given each. Versions with 0 percent are left out.
///
/// # Errors
/// When they do not sum to 100, name a version twice, or are too many.
pub fn split(
    shares: impl IntoIterator<Item = (VersionNumber, Weight)>,
) -> Result<Weights, InvalidShares> {
    let mut weights = Weights::new();
    for (version, weight) in shares {
        if weights.insert(version, weight).is_some() {
            return Err(InvalidShares::Twice(version));
        }
    }
    weights.retain(|_, weight| weight.percent() > 0);
    let sum = weights.values().map(|weight| u32::from(weight.percent())).sum();
    match sum {
        100 if weights.len() > MOST_LIVE => Err(InvalidShares::TooMany),
        100 => Ok(weights),
        _ => Err(InvalidShares::Sum(sum)),
    }
}

/// Gives one version a share; the others that are live keep the rest, in proportion to what they have.
/// None of them loses its last percent.
///
/// # Errors
/// When nothing is live that the rest could stay with, or the rest is less than one percent for each.
pub fn with_share(
    live: &Weights,
    version: VersionNumber,
    weight: Weight,
) -> Result<Weights, InvalidShares> {
    if weight == Weight::ALL {
        return Ok(all_to(version));
    }
    let has_some =
        |(other, weight): &(&VersionNumber, &Weight)| **other != version && weight.percent() > 0;
    let others: Vec<_> = live.iter().filter(has_some).map(|(v, w)| (*v, w.percent())).collect();
    let rest = 100 - weight.percent();
    if others.is_empty() {
        return Err(InvalidShares::NoOther { version, rest });
    }
    if usize::from(rest) < others.len() {
        return Err(InvalidShares::TooLittle { version, rest, others: others.len() });
    }
    let shared = in_proportion(&others, rest);
    let all = shared.into_iter().chain([(version, weight.percent())]);
    split(all.filter_map(|(version, percent)| Some((version, Weight::new(percent).ok()?))))
}

/// Shares `rest` percent out by largest remainders: first 1 for each, then what is missing to the exact
/// share, rounded down, then a percent each to those who lost most by the rounding.
fn in_proportion(others: &[(VersionNumber, u8)], rest: u8) -> Vec<(VersionNumber, u8)> {
    let sum: u32 = others.iter().map(|(_, percent)| u32::from(*percent)).sum();
    // In hundredths of `sum`, so that nothing is rounded before its time.
    let exact = |percent: u8| u32::from(percent) * u32::from(rest);
    let mut shares: Vec<(VersionNumber, u32, u32)> = (others.iter())
        .map(|(version, percent)| {
            let exact = exact(*percent);
            (*version, (exact / sum).max(1), exact)
        })
        .collect();
    let given = |shares: &[(VersionNumber, u32, u32)]| shares.iter().map(|one| one.1).sum::<u32>();
    while given(&shares) != u32::from(rest) {
        let too_little = given(&shares) < u32::from(rest);
        let lost = |one: &(VersionNumber, u32, u32)| i64::from(one.2) - i64::from(one.1 * sum);
        let next = if too_little {
            shares.iter_mut().max_by_key(|one| (lost(one), one.2))
        } else {
            shares.iter_mut().filter(|one| one.1 > 1).min_by_key(|one| lost(one))
        };
        match next {
            Some(one) if too_little => one.1 += 1,
            Some(one) => one.1 -= 1,
            None => break,
        }
    }
    let percent = |share: u32| u8::try_from(share).unwrap_or(u8::MAX);
    shares.into_iter().map(|(version, share, _)| (version, percent(share))).collect()
}

/// The version that a change of shares is about: the one that gains most by it, the newest of several.
#[must_use]
pub fn gains_most(from: &Weights, to: &Weights) -> Option<VersionNumber> {
    let had = |version: &VersionNumber| from.get(version).map_or(0, |weight| weight.percent());
    let gain = |version: &VersionNumber, weight: &Weight| {
        i16::from(weight.percent()) - i16::from(had(version))
    };
    to.iter().max_by_key(|(version, weight)| gain(version, weight)).map(|(version, _)| *version)
}

/// Where going back leads when no version is named: to the version that had everything last before
/// what is live now. Steps of a rollout, where several versions had shares, are passed over: whoever
/// goes back in the middle of one wants out of it, and whoever does afterwards does not want into it.
///
/// `history` is the service's deployments, newest first.
#[must_use]
pub fn before(history: &[Deployment], now: &Weights) -> Option<VersionNumber> {
    let mut at = now;
    let made = history.iter().filter(|one| one.state != DeploymentState::Aborted);
    for (nth, made) in made.enumerate() {
        // A service that was deleted and is back has no part in its life before. One that was taken offline goes
        // on where it was.
        let is_offline = nth == 0 && made.kind == DeploymentKind::Offline;
        if at.is_empty() && !is_offline {
            return None;
        }
        if made.to != *at {
            continue;
        }
        at = &made.from;
        if let Some(version) = whole(at)
            && at != now
        {
            return Some(version);
        }
    }
    None
}

#[cfg(test)]
mod tests;
