//! What is done to a service's requests on their way: to other services, elsewhere, with other fields.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::ServiceName;

/// Where requests under a path go. In `launcher.toml`: the name of a service, or a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PathTarget {
    /// The service whose production answers.
    pub service: ServiceName,
    /// The container sees what is behind the path, and not the path itself.
    #[serde(default)]
    pub strip: bool,
}

impl<'de> Deserialize<'de> for PathTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            service: ServiceName,
            #[serde(default)]
            strip: bool,
        }

        struct NameOrTable;

        impl<'de> Visitor<'de> for NameOrTable {
            type Value = PathTarget;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a service, or { service = \"…\", strip = true }")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                let service = ServiceName::new(name).map_err(E::custom)?;
                Ok(PathTarget { service, strip: false })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let Table { service, strip } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(PathTarget { service, strip })
            }
        }

        deserializer.deserialize_any(NameOrTable)
    }
}

/// An address that has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Only requests for this one of the service's hostnames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "www.shop.example.com")]
    pub host: Option<String>,
    /// A path, or one that ends in `/*`: all that is under it.
    #[serde(default = "everything")]
    #[schema(example = "/old/*")]
    pub from: String,
    /// Where it is now: a path, or a whole address. A `*` stands for what the one of `from` stood for. The
    /// query goes along, unless this has one.
    #[schema(example = "/new/*")]
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "permanent")]
    #[schema(example = 308)]
    pub status: u16,
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, from, to, status } = self;
        write!(f, "{}{from} to {to} ({status})", host.as_deref().unwrap_or_default())
    }
}

fn everything() -> String {
    "/*".into()
}

/// For ever, and with the same method (RFC 9110 §15.4.9).
fn permanent() -> u16 {
    308
}

/// Header fields that the edge sets or takes away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Headers {
    /// Of requests, before a container sees them.
    #[serde(default)]
    pub request: FieldRules,
    /// Of containers' responses, before the client sees them.
    #[serde(default)]
    pub response: FieldRules,
}

/// What is done to the fields of one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldRules {
    /// Fields by name, with the value that takes the place of any that is there.
    #[serde(default, deserialize_with = "by_name")]
    pub set: BTreeMap<String, String>,
    /// Names of fields that are taken away.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// Reads fields by name. A date is told from them: TOML's reader passes it on as a map with one key.
fn by_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let fields = BTreeMap::<String, String>::deserialize(deserializer)?;
    if fields.keys().any(|name| name.starts_with("$__toml_private")) {
        return Err(D::Error::custom("expected fields by name, such as { X-Name = \"value\" }"));
    }
    Ok(fields)
}

impl FieldRules {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

/// Who may look at previews.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Previews {
    /// The name of a secret with a line `user:password` for each who may; without one, everybody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "shop/preview-logins")]
    pub login: Option<String>,
}
