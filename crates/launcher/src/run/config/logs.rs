//! `[logs]`: how much is kept of what containers have printed that are gone.

use anyhow::{Result, bail};
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
    ///
    /// # Errors
    /// When an environment's logs have less room than one of its containers'.
    pub(crate) fn bounds(&self) -> Result<Bounds> {
        let default = Bounds::default();
        let bytes = |bytes: Option<Bytes>, default| bytes.map_or(default, |bytes| bytes.0);
        let bounds = Bounds {
            container: bytes(self.container, default.container),
            environment: bytes(self.environment, default.environment),
        };
        if bounds.container > bounds.environment {
            bail!(
                "[logs] container is {}, and environment, which bounds all of one together, is {}; make \
                 environment as large at least",
                Bytes(bounds.container),
                Bytes(bounds.environment)
            );
        }
        Ok(bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_container_has_no_more_room_than_its_environment() {
        let read = |text: &str| toml::from_str::<Logs>(text).unwrap().bounds();
        assert_eq!(read("container = \"1MiB\"").unwrap().container, 1 << 20);
        for text in ["container = \"101MiB\"", "environment = \"9MiB\""] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("make environment as large at least"), "{error}");
        }
    }
}
