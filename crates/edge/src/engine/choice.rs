//! Which container of a pool has a request: of two drawn at random the one with less to do
//! (Mitzenmacher, "The power of two choices", 2001). One that has failed too often is left out for a
//! while, and one that has only just joined others is drawn less often.

use std::rc::Rc;

use rand::{Rng, RngExt};

use super::pool::Endpoint;

/// The share that a container begins with that joins others, of what each of those has.
const FIRST_SHARE: f64 = 0.1;

/// How often something is drawn again. The oldest container is always taken.
const MOST_DRAWS: usize = 16;

/// How shares grow in a pool.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SlowStart {
    /// For so many milliseconds.
    length: u64,
    /// Those that came from then on have joined others; before, they began together.
    joined_from: u64,
    /// When the last of them has its whole share.
    over: u64,
}

impl SlowStart {
    /// Of a pool whose containers came at these times. `None` when all have their whole share.
    pub(super) fn of(
        length: u64,
        came: impl Iterator<Item = u64> + Clone,
        now: u64,
    ) -> Option<Self> {
        let joined_from = came.clone().min()?.saturating_add(length);
        let last = came.max()?;
        let over = last.saturating_add(length);
        (length > 0 && last >= joined_from && over > now).then_some(Self {
            length,
            joined_from,
            over,
        })
    }

    /// Whether all have their whole share.
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.over <= now
    }

    /// The share of one that came then, as part of 1.
    fn share(&self, came: u64, now: u64) -> f64 {
        if came < self.joined_from {
            return 1.0;
        }
        let grown = now.saturating_sub(came) as f64 / self.length as f64;
        (FIRST_SHARE + (1.0 - FIRST_SHARE) * grown).min(1.0)
    }
}

/// Chooses. One that was just `tried` is taken only when there is no other.
pub(super) fn choose<'e>(
    endpoints: &'e [Rc<Endpoint>],
    slow_start: Option<&SlowStart>,
    tried: Option<&Rc<Endpoint>>,
    now: u64,
    rng: &mut impl Rng,
) -> Option<&'e Rc<Endpoint>> {
    let n = endpoints.len();
    if n < 2 {
        return endpoints.first();
    }
    let (i, j) = match slow_start {
        None => two(n, rng),
        Some(slow_start) => two_by_share(endpoints, slow_start, now, rng),
    };
    let (a, b) = (&endpoints[i], &endpoints[j]);
    let untried = |e: &Rc<Endpoint>| tried.is_none_or(|tried| !Rc::ptr_eq(tried, e));
    let good = |e: &Rc<Endpoint>| untried(e) && e.standing().is_in();
    let picked = match (good(a), good(b)) {
        (true, true) if has_less(b, a, slow_start, now) => b,
        (true, true) => a,
        _ if untried(a) && a.standing().is_to_be_tried(now) => a,
        _ if untried(b) && b.standing().is_to_be_tried(now) => b,
        (true, false) => a,
        (false, true) => b,
        (false, false) => {
            let rest = || endpoints[i..].iter().chain(&endpoints[..i]);
            rest().find(|e| good(e)).or_else(|| rest().find(|e| untried(e))).unwrap_or(a)
        }
    };
    Some(picked)
}

fn two(n: usize, rng: &mut impl Rng) -> (usize, usize) {
    let i = rng.random_range(0..n);
    (i, (i + rng.random_range(1..n)) % n)
}

/// Draws each container as often as its share says.
fn two_by_share(
    endpoints: &[Rc<Endpoint>],
    slow_start: &SlowStart,
    now: u64,
    rng: &mut impl Rng,
) -> (usize, usize) {
    let n = endpoints.len();
    let share = |i: usize| slow_start.share(endpoints[i].standing().since(), now);
    let mut drawn = two(n, rng);
    for _ in 0..MOST_DRAWS {
        if rng.random::<f64>() < share(drawn.0) {
            break;
        }
        drawn = two(n, rng);
    }
    for _ in 0..MOST_DRAWS {
        if rng.random::<f64>() < share(drawn.1) {
            break;
        }
        drawn.1 = (drawn.0 + rng.random_range(1..n)) % n;
    }
    drawn
}

/// Whether the one has less to do than the other, for its share.
fn has_less(one: &Endpoint, other: &Endpoint, slow_start: Option<&SlowStart>, now: u64) -> bool {
    let Some(slow_start) = slow_start else { return one.in_flight() < other.in_flight() };
    let share = |e: &Endpoint| slow_start.share(e.standing().since(), now);
    f64::from(one.in_flight()) * share(other) < f64::from(other.in_flight()) * share(one)
}

#[cfg(test)]
mod tests;
