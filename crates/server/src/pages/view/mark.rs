//! The one thing to know of a service at a glance.

/// What a service or an environment shows by its colour, the most pressing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// Something is wrong.
    Trouble,
    /// Closed to its users: somebody opens it again.
    Closed,
    /// Ready beside what is live: a person decides.
    Waiting,
    /// On its way.
    Moving,
    /// Live, and nothing else.
    Live,
    /// Nothing runs that matters.
    Idle,
}

impl Mark {
    pub(crate) const ALL: [Self; 6] =
        [Self::Trouble, Self::Closed, Self::Waiting, Self::Moving, Self::Live, Self::Idle];

    /// Its place in that order.
    pub(crate) fn place(&self) -> u8 {
        *self as u8
    }

    /// The class that gives it its colour.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Closed => "closed",
            Self::Waiting => "ready",
            Self::Moving => "moving",
            Self::Live => "live",
            Self::Idle => "idle",
        }
    }

    /// The icon of a page about it.
    pub(crate) fn icon(&self) -> &'static str {
        match self {
            Self::Trouble => "icons/trouble.svg",
            Self::Closed => "icons/closed.svg",
            Self::Waiting => "icons/ready.svg",
            Self::Moving => "icons/moving.svg",
            Self::Live => "icons/live.svg",
            Self::Idle => "icons/idle.svg",
        }
    }

    /// What its dot says to those who do not see colours.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Trouble => "needs eyes",
            Self::Closed => "in maintenance",
            Self::Waiting => "waits for you",
            Self::Moving => "moving",
            Self::Live => "live",
            Self::Idle => "nothing live",
        }
    }
}
