//! Whose containers are whose.

use std::collections::HashMap;
use std::net::SocketAddr;

use launcher_model::{ServiceName, VersionNumber};

use crate::gathered::WINDOW;

/// What a request is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The service.
    pub service: ServiceName,
    /// The version.
    pub version: VersionNumber,
}

/// A container that is there.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The engine's id.
    pub id: String,
    /// Where it is reached.
    pub addresses: Vec<SocketAddr>,
    /// Whose it is.
    pub place: Place,
}

/// By how many of its first digits a container is known.
const DIGITS: usize = 12;

/// The containers that there are, and those that were there a moment ago: their last requests are told of
/// when they have gone.
#[derive(Debug, Default)]
pub struct Places {
    ids: HashMap<String, Known>,
    addresses: HashMap<SocketAddr, Known>,
    places: HashMap<Place, i64>,
}

#[derive(Debug, Clone)]
struct Known {
    place: Place,
    /// When it was there.
    at: i64,
}

impl Places {
    /// Takes in what is there now, in seconds since 1970.
    pub fn look(&mut self, now: i64, seen: impl IntoIterator<Item = Seen>) {
        for Seen { id, addresses, place } in seen {
            let known = Known { place: place.clone(), at: now };
            for address in addresses {
                self.addresses.insert(address, known.clone());
            }
            self.ids.insert(digits(&id).to_owned(), known);
            self.places.insert(place, now);
        }
        let since = now - WINDOW;
        self.ids.retain(|_, known| known.at >= since);
        self.addresses.retain(|_, known| known.at >= since);
        self.places.retain(|_, at| *at >= since);
    }

    /// Whether there are containers of it.
    pub(super) fn has(&self, place: &Place) -> bool {
        self.places.contains_key(place)
    }

    /// Whose container it is, by twelve digits of its id at least.
    pub(super) fn container(&self, id: &str) -> Option<&Place> {
        (id.len() >= DIGITS).then(|| self.ids.get(digits(id)))?.map(|known| &known.place)
    }

    /// Whose container is reached there.
    pub(super) fn address(&self, address: SocketAddr) -> Option<&Place> {
        self.addresses.get(&address).map(|known| &known.place)
    }
}

fn digits(id: &str) -> &str {
    id.get(..DIGITS).unwrap_or(id)
}
