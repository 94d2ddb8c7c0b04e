//! Who somebody is here, by what the provider says of them.

use launcher_model::PersonName;
use launcher_model::role::Role;
use serde_json::{Map, Value};

use crate::Settings;

/// The longest that somebody is called, in characters.
const LONGEST: usize = 80;
/// The claim that must say that an address is somebody's, where that is their name.
const EMAIL: &str = "email";

/// Somebody whom the provider knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Somebody {
    /// Who says so.
    pub issuer: String,
    /// What they call them, for ever and nobody else.
    pub subject: String,
    /// Their name here.
    pub name: Result<PersonName, Unnamed>,
    /// What they are called.
    pub called: Option<String>,
    /// The highest role that their groups give; none where none does.
    pub role: Option<Role>,
}

/// Why the provider does not say what somebody is called here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unnamed {
    /// It does not say.
    #[error("the provider does not say who you are: there is no {0} in what it tells")]
    Missing(String),
    /// It says something else.
    #[error("the provider calls you {0}, and that is no name here")]
    NoName(String),
    /// It does not vouch for the address.
    #[error("the provider does not say that the address {0} is yours: have it confirmed there")]
    Unconfirmed(String),
}

impl Somebody {
    pub(crate) fn new(settings: &Settings, subject: String, claims: &Map<String, Value>) -> Self {
        let called = claims.get("name").and_then(Value::as_str).map(|name| name.trim().to_owned());
        let visible = |name: &String| {
            !name.is_empty()
                && name.chars().count() <= LONGEST
                && !name.chars().any(char::is_control)
        };
        Self {
            issuer: settings.issuer.clone(),
            subject,
            name: name(&settings.claim, claims),
            called: called.filter(visible),
            role: role(settings, claims),
        }
    }
}

fn name(claim: &str, claims: &Map<String, Value>) -> Result<PersonName, Unnamed> {
    let text = find(claims, claim).and_then(Value::as_str);
    let text = text.ok_or_else(|| Unnamed::Missing(claim.to_owned()))?.trim();
    let shown = || text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if claim == EMAIL && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err(Unnamed::Unconfirmed(shown()));
    }
    PersonName::new(text.to_lowercase()).map_err(|_| Unnamed::NoName(shown()))
}

fn role(settings: &Settings, claims: &Map<String, Value>) -> Option<Role> {
    let groups: Vec<&str> = match find(claims, &settings.groups_claim)? {
        Value::String(group) => vec![group],
        Value::Array(groups) => groups.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let roles = groups.iter().filter_map(|group| settings.roles.get(*group)).copied();
    roles.reduce(|highest, role| if role.includes(highest) { role } else { highest })
}

/// Whether there is such a claim.
pub(crate) fn has(claims: &Map<String, Value>, claim: &str) -> bool {
    find(claims, claim).is_some()
}

/// A claim by its name; or, as some providers put theirs into objects, by a path with dots.
fn find<'c>(claims: &'c Map<String, Value>, claim: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(claim) {
        return Some(value);
    }
    let (first, rest) = claim.split_once('.')?;
    find(claims.get(first)?.as_object()?, rest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::tests::settings;

    fn somebody(settings: &Settings, claims: &Value) -> Somebody {
        Somebody::new(settings, "s1".to_owned(), claims.as_object().unwrap())
    }

    #[test]
    fn a_name_is_a_claim_in_small_letters() {
        let mut settings = settings();
        let named = |settings: &Settings, claims: Value| somebody(settings, &claims).name;
        let mika = PersonName::new("mika").unwrap();
        assert_eq!(named(&settings, json!({ "preferred_username": " Mika " })), Ok(mika));
        let missing = named(&settings, json!({ "name": "Mika" })).unwrap_err();
        assert!(missing.to_string().contains("no preferred_username"), "{missing}");
        let strange = named(&settings, json!({ "preferred_username": "Mi ka" }));
        assert_eq!(strange, Err(Unnamed::NoName("Mi ka".to_owned())));

        settings.claim = "email".to_owned();
        let address =
            |verified: Value| json!({ "email": "Mika@example.com", "email_verified": verified });
        assert_eq!(named(&settings, address(json!(true))).unwrap().as_str(), "mika@example.com");
        for unsure in [json!(false), json!(null), json!("yes")] {
            let refused = named(&settings, address(unsure));
            assert_eq!(refused, Err(Unnamed::Unconfirmed("Mika@example.com".to_owned())));
        }
    }

    #[test]
    fn the_highest_of_the_roles_that_groups_give_counts() {
        let mut settings = settings();
        settings.roles = [("all", Role::Viewer), ("ops", Role::Admin), ("dev", Role::Deployer)]
            .map(|(group, role)| (group.to_owned(), role))
            .into();
        let role = |settings: &Settings, groups: Value| somebody(settings, &groups).role;
        let of = |groups: Value| role(&settings, json!({ "groups": groups }));
        assert_eq!(of(json!(["all", "dev", "others"])), Some(Role::Deployer));
        assert_eq!(of(json!(["ops", "all"])), Some(Role::Admin));
        assert_eq!(of(json!("all")), Some(Role::Viewer));
        for none in [json!([]), json!(["OPS", "ops "]), json!({ "ops": true }), json!(null)] {
            assert_eq!(of(none.clone()), None, "{none}");
        }
        settings.groups_claim = "realm_access.roles".to_owned();
        let nested = json!({ "realm_access": { "roles": ["dev"] } });
        assert_eq!(role(&settings, nested), Some(Role::Deployer));
        assert_eq!(role(&settings, json!({ "realm_access.roles": ["all"] })), Some(Role::Viewer));
    }

    #[test]
    fn what_somebody_is_called_is_short_and_visible() {
        let called = |name: &str| somebody(&settings(), &json!({ "name": name })).called;
        assert_eq!(called(" Mika K. "), Some("Mika K.".to_owned()));
        for unseen in ["", " ", "a\u{7}b", &"a".repeat(81)] {
            assert_eq!(called(unseen), None);
        }
    }
}
