//! What plans are tried on.

use jiff::Timestamp;

use crate::environment::{Environment, EnvironmentState, Release, Wanted};
use crate::{ServiceName, VersionNumber};

/// An environment of the shop that is what it is wanted to be.
pub(super) fn environment(version: u32, state: EnvironmentState) -> Environment {
    let wanted = match state {
        EnvironmentState::Stopped | EnvironmentState::Failed => Wanted::Stopped,
        EnvironmentState::Destroyed => Wanted::Gone,
        EnvironmentState::Creating | EnvironmentState::Ready => Wanted::Running,
    };
    Environment {
        service: ServiceName::new("shop").unwrap(),
        version: VersionNumber(version),
        wanted,
        replicas: 1,
        state,
        since: Timestamp::UNIX_EPOCH,
        failure: None,
        release: Release::Passed,
        starting_since: None,
        pinned: false,
        last_used: Timestamp::UNIX_EPOCH,
        branch: None,
        asleep: false,
    }
}
