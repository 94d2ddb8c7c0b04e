//! Why a service stands before others: what is wrong with it, or what a person is to decide, in words.

use super::environment::Card;
use super::mark::Mark;
use super::service::ServiceView;
use super::spark::Figures;

/// Requests that fail are no trouble where there are fewer each second: one of two says nothing.
const LEAST_RATE: f64 = 0.2;

/// What a service needs, and how pressing that is.
pub(crate) struct Need {
    pub(crate) mark: Mark,
    pub(crate) told: String,
}

impl Need {
    /// What somebody is to know first of a service; nothing where all is as it should be.
    pub(crate) fn of(service: &ServiceView, figures: Option<&Figures>) -> Option<Self> {
        if let Some(deleting) = &service.deleting {
            let told = format!("being deleted, by {}", deleting.by);
            return Some(Self { mark: Mark::Moving, told });
        }
        let trouble = |told| Some(Self { mark: Mark::Trouble, told });
        if let Some(card) = service.live.iter().find(|card| card.mark == Mark::Trouble) {
            return trouble(unwell(card));
        }
        if let Some(figures) =
            figures.filter(|figures| is_failing(figures) && service.closed.is_none())
        {
            return trouble(format!("{} of its requests fail", figures.error_share));
        }
        let beside = service.beside.as_ref()?;
        if let Some(at) = &beside.left {
            let ago = if at.is_now() { "just now".to_owned() } else { format!("{at} ago") };
            let told = format!("{} was left {ago}", beside.version);
            return Some(Self { mark: Mark::Idle, told });
        }
        match beside.mark {
            // Its reason stands beside it.
            Mark::Trouble if beside.failure.is_some() => {
                trouble(format!("{} has failed", beside.version))
            }
            Mark::Trouble => trouble(unwell(beside)),
            Mark::Waiting if service.auto.is_none() => Some(Self {
                mark: Mark::Waiting,
                told: format!("{} is ready: deploy it, or leave it", beside.version),
            }),
            _ => None,
        }
    }
}

/// Whether users meet errors.
fn is_failing(figures: &Figures) -> bool {
    figures.is_bad && figures.per_second >= LEAST_RATE
}

/// How an environment is that lacks healthy containers, and what the first of them says.
fn unwell(card: &Card) -> String {
    let sick = card.containers.iter().find(|square| square.class == "bad");
    let why = sick.map(|square| format!(": {}", square.told)).unwrap_or_default();
    format!("{} {}, {}{why}", card.version, card.word, card.health)
}
