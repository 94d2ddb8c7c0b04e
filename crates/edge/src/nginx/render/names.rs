//! What parts of a configuration are called, so that others can name them.

use launcher_model::{ServiceName, VersionNumber};
use sha2::{Digest, Sha256};

/// What a request is led on by: statuses that nothing else answers with.
pub(super) mod step {
    /// To a worker of the next configuration.
    pub(in super::super) const SUCCESSOR: u16 = 418;
    /// To where nothing ends it for being silent.
    pub(in super::super) const ENDLESS: u16 = 419;
    /// To the same place, with the path written plainly.
    pub(in super::super) const AGAIN: u16 = 437;
    /// To the answer to a link that tries a version.
    pub(in super::super) const LINK: u16 = 432;
    /// To the page of a service that is maintained.
    pub(in super::super) const MAINTENANCE: u16 = 433;
    /// To the page of a service of which nothing is live.
    pub(in super::super) const NOTHING: u16 = 434;
    /// To another service.
    pub(in super::super) const PATH: u16 = 435;
    /// To another service, which does not see the path that led there.
    pub(in super::super) const BELOW: u16 = 436;
}

/// The longest name of a service that goes into the name of a variable. What nginx has for those is not
/// enough for all (`variables_hash_bucket_size`, 64 octets).
const LONGEST: usize = 24;

/// The name of a service's own variable. In one no `-` can stand, and in the name of a service no `_`.
pub(super) fn variable(what: &str, service: &ServiceName) -> String {
    let name = service.as_str();
    if name.len() <= LONGEST {
        return format!("launcher_{what}_{}", name.replace('-', "_"));
    }
    // The name of a service begins with a letter.
    let hash = Sha256::digest(name);
    let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("launcher_{what}_0{hex}")
}

/// The name of a service holds no `_`, so no two are alike.
pub(super) fn upstream(service: &ServiceName, version: VersionNumber) -> String {
    format!("launcher_{service}_{}", version.0)
}

/// By what other servers name a service's production at the internal address. No hostname has a `_`.
pub(super) fn inner_production(service: &ServiceName) -> String {
    format!("_{service}")
}

/// By what the server that asks for a login names the preview behind it.
pub(super) fn inner_preview(service: &ServiceName, version: VersionNumber) -> String {
    format!("_{}_{service}", version.0)
}
