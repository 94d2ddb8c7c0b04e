//! `[logs]`: how much is kept of what containers have printed that are gone.

use launcher_logs::Bounds;
use launcher_model::Bytes;
use serde::Deserialize;

/// What is kept, in bytes on disk.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logs {
    container: Option<Bytes>,
    environment: Option<Bytes>,
}

impl Logs {
    /// With what holds where nothing is said.
    pub(crate) fn bounds(&self) -> Bounds {
        let default = Bounds::default();
        let bytes = |bytes: Option<Bytes>, default| bytes.map_or(default, |bytes| bytes.0);
        Bounds {
            container: bytes(self.container, default.container),
            environment: bytes(self.environment, default.environment),
        }
    }
}
