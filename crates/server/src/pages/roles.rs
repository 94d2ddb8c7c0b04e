//! Roles in forms: one everywhere, and more on single services.

use std::collections::BTreeMap;

use launcher_model::ServiceName;
use launcher_model::role::{Role, Roles};

use crate::App;
use crate::http::problem::Problem;

/// So many services can be added at once.
const MORE: usize = 2;

/// What a form says besides what it names: `on:SERVICE=ROLE` for each service that there was a role on, and
/// `service1=SERVICE` with `role1=ROLE` for new ones.
pub(super) type Said = BTreeMap<String, String>;

/// The part of a form that asks for roles.
pub(super) struct RolesField {
    /// Those that may be chosen, and whether it is the one that holds.
    pub(super) everywhere: Vec<(Role, bool)>,
    /// The services that there is a role on.
    pub(super) on: Vec<(ServiceName, Vec<(Role, bool)>)>,
    /// The numbers of the fields for more.
    pub(super) more: Vec<usize>,
    /// Those that may be chosen on a service.
    pub(super) on_services: [Role; 3],
    /// The services that there are.
    pub(super) services: Vec<ServiceName>,
}

/// What may be given on a service.
const ON_SERVICES: [Role; 3] = [Role::Viewer, Role::Deployer, Role::Admin];

impl RolesField {
    /// Asks for these roles or others, a token's or a person's.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn of(app: &App, roles: &Roles, token: bool) -> Result<Self, Problem> {
        let services = app.store.services().await?.into_iter();
        let all = [Role::Viewer, Role::Deployer, Role::Admin, Role::None, Role::Agent];
        let offered = all.into_iter().filter(|role| token || *role != Role::Agent);
        let on = roles.services.iter().map(|(service, own)| {
            (service.clone(), ON_SERVICES.map(|role| (role, role == *own)).to_vec())
        });
        Ok(Self {
            everywhere: offered.map(|role| (role, role == roles.role)).collect(),
            on: on.collect(),
            more: (1..=MORE).collect(),
            on_services: ON_SERVICES,
            services: services.map(|service| service.spec.service.name).collect(),
        })
    }
}

/// The roles on services that a form says.
///
/// # Errors
/// When it names what is no service's name or no role.
pub(super) fn on_services(said: &Said) -> Result<BTreeMap<ServiceName, Role>, Problem> {
    let mut on = BTreeMap::new();
    let mut add = |service: &str, role: &str| {
        let service = service.trim();
        if service.is_empty() || role.is_empty() {
            return Ok(());
        }
        let name = ServiceName::new(service)
            .map_err(|error| Problem::invalid(format!("a role on {service:?}: {error}")))?;
        let role = role.parse().map_err(|error| Problem::invalid(format!("{service}: {error}")))?;
        on.insert(name, role);
        Ok::<_, Problem>(())
    };
    for (field, role) in said {
        if let Some(service) = field.strip_prefix("on:") {
            add(service, role)?;
        }
    }
    for number in 1..=MORE {
        let said = |what: &str| said.get(&format!("{what}{number}")).map(String::as_str);
        add(said("service").unwrap_or_default(), said("role").unwrap_or_default())?;
    }
    Ok(on)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_from_what_a_form_says() {
        let said = |pairs: &[(&str, &str)]| -> Said {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let read = on_services(&said(&[
            ("on:shop", "deployer"),
            ("on:mail", ""),
            ("service1", " docs "),
            ("role1", "viewer"),
            ("service2", ""),
            ("role2", "admin"),
            ("role", "agent"),
        ]));
        let told: Vec<_> =
            read.unwrap().into_iter().map(|(name, role)| format!("{name} {role}")).collect();
        assert_eq!(told, ["docs viewer", "shop deployer"]);
        for wrong in [&[("on:shop", "root")][..], &[("service1", "<b>"), ("role1", "admin")]] {
            assert!(on_services(&said(wrong)).is_err(), "{wrong:?}");
        }
    }
}
