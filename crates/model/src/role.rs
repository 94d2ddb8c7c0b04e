//! What a person or a token may do.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ServiceName;

/// What a person or a token may do, in the whole installation or with one service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    #[default]
    Admin,
    /// Launch, deploy, roll back, and all else that services need from day to day.
    Deployer,
    /// Look at everything that is no secret, and change nothing.
    Viewer,
    /// Tell what hosts use, and ask whose server it is: for agents.
    Agent,
    /// Nothing, but for what roles on single services add.
    None,
}

impl Role {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Deployer, Self::Viewer, Self::Agent, Self::None];

    /// Its word, as the API has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Deployer => "deployer",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
            Self::None => "none",
        }
    }

    /// Whether it may do all that another one may. An agent's is beside the others.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self == other || (other != Self::Agent && self.height() >= other.height())
    }

    /// What it may do, said of its bearer.
    #[must_use]
    pub fn may(self) -> &'static str {
        match self {
            Self::Admin => "may do everything",
            Self::Deployer => "may launch and deploy, and not administrate",
            Self::Viewer => "may look, and change nothing",
            Self::Agent => "may tell what hosts use, and nothing else",
            Self::None => "may do nothing",
        }
    }

    fn height(self) -> u8 {
        match self {
            Self::Admin => 3,
            Self::Deployer => 2,
            Self::Viewer => 1,
            Self::Agent | Self::None => 0,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// No role is called like this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is admin, deployer, viewer, agent or none")]
pub struct InvalidRole;

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(InvalidRole)
    }
}

/// The roles of a person or a token: one everywhere, and more on single services. A role on a service adds
/// to the one everywhere, and never takes anything away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// Everywhere.
    pub role: Role,
    /// On single services.
    #[serde(default)]
    pub services: BTreeMap<ServiceName, Role>,
}

/// Why roles make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRoles {
    /// On a service there are fewer roles.
    #[error("on a service a role is admin, deployer or viewer, and not {1}: say another for {0}")]
    OnService(ServiceName, Role),
    /// An agent's is for nothing else.
    #[error("an agent has no roles on services: leave them out, or give another role")]
    Agent,
}

impl Roles {
    /// Everywhere, and nothing more.
    #[must_use]
    pub fn everywhere(role: Role) -> Self {
        Self { role, services: BTreeMap::new() }
    }

    /// The same, when they make sense.
    ///
    /// # Errors
    /// [`InvalidRoles`], when they do not.
    pub fn checked(self) -> Result<Self, InvalidRoles> {
        if self.role == Role::Agent && !self.services.is_empty() {
            return Err(InvalidRoles::Agent);
        }
        let wrong = |role: &Role| matches!(role, Role::Agent | Role::None);
        match self.services.iter().find(|(_, role)| wrong(role)) {
            Some((service, role)) => Err(InvalidRoles::OnService(service.clone(), *role)),
            None => Ok(self),
        }
    }

    /// The role on a service.
    #[must_use]
    pub fn on(&self, service: &ServiceName) -> Role {
        let own = self.services.get(service).copied().unwrap_or(Role::None);
        if own.includes(self.role) { own } else { self.role }
    }

    /// Whether they include a role everywhere.
    #[must_use]
    pub fn include(&self, role: Role) -> bool {
        self.role.includes(role)
    }

    /// Whether they include a role on a service.
    #[must_use]
    pub fn include_on(&self, role: Role, service: &ServiceName) -> bool {
        self.on(service).includes(role)
    }

    /// Whether they include a role anywhere.
    #[must_use]
    pub fn include_somewhere(&self, role: Role) -> bool {
        self.include(role) || self.services.values().any(|own| own.includes(role))
    }

    /// Whether a service, and what happens to it, may be seen.
    #[must_use]
    pub fn see(&self, service: &ServiceName) -> bool {
        self.include_on(Role::Viewer, service)
    }

    /// The services that alone may be seen; none when all may.
    #[must_use]
    pub fn only(&self) -> Option<Vec<ServiceName>> {
        (!self.include(Role::Viewer)).then(|| self.services.keys().cloned().collect())
    }

    /// In words, such as `viewer; deployer on shop`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let own = self.services.iter().map(|(service, role)| format!("{role} on {service}"));
        let all = self.role != Role::None || self.services.is_empty();
        let first = all.then(|| self.role.to_string());
        first.into_iter().chain(own).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn service(name: &str) -> ServiceName {
        ServiceName::new(name).unwrap()
    }

    #[test]
    fn a_role_is_read_from_the_word_that_it_is_written_as() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!("root".parse::<Role>(), Err(InvalidRole));
    }

    #[test]
    fn a_higher_role_includes_the_lower_ones_and_an_agent_is_beside_them() {
        let order = [Role::None, Role::Viewer, Role::Deployer, Role::Admin];
        for (height, role) in order.iter().enumerate() {
            for (other_height, other) in order.iter().enumerate() {
                assert_eq!(role.includes(*other), height >= other_height, "{role} {other}");
            }
        }
        for role in Role::ALL {
            assert_eq!(role.includes(Role::Agent), role == Role::Agent, "{role}");
        }
        assert!(!Role::Agent.includes(Role::Viewer));
    }

    #[test]
    fn a_role_on_a_service_adds_to_the_one_everywhere() {
        let (shop, mail) = (service("shop"), service("mail"));
        let roles = Roles {
            role: Role::Viewer,
            services: [(shop.clone(), Role::Deployer)].into_iter().collect(),
        };
        assert_eq!((roles.on(&shop), roles.on(&mail)), (Role::Deployer, Role::Viewer));
        assert_eq!(roles.only(), None);
        assert_eq!(roles.in_words(), "viewer; deployer on shop");

        let admin = Roles { role: Role::Admin, ..roles.clone() };
        assert_eq!(admin.on(&shop), Role::Admin, "nothing is taken away");

        let alone = Roles { role: Role::None, ..roles };
        assert!(alone.see(&shop) && !alone.see(&mail));
        assert_eq!(alone.only(), Some(vec![shop]));
        assert!(alone.include_somewhere(Role::Deployer) && !alone.include(Role::Viewer));
        assert_eq!(alone.in_words(), "deployer on shop");
        assert_eq!(Roles::everywhere(Role::None).in_words(), "none");
    }

    #[test]
    fn roles_that_make_no_sense_are_refused() {
        let on =
            |role, own| Roles { role, services: [(service("shop"), own)].into_iter().collect() };
        assert!(on(Role::None, Role::Admin).checked().is_ok());
        assert_eq!(on(Role::Agent, Role::Viewer).checked(), Err(InvalidRoles::Agent));
        for own in [Role::Agent, Role::None] {
            assert!(matches!(on(Role::None, own).checked(), Err(InvalidRoles::OnService(..))));
        }
    }
}
