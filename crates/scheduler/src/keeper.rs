//! Who keeps what containers have printed.

use std::fmt;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use launcher_model::container::Container;

use crate::{LogLine, Result};

/// Keeps the logs of containers that are about to be removed.
#[async_trait]
pub trait LogKeeper: fmt::Debug + Send + Sync + 'static {
    /// Keeps the log of a container that has ended. When this returns, the container is removed: a log that
    /// cannot be kept is no reason to leave it there, and it is the keeper that tells of it. May be repeated.
    async fn keep(&self, container: &Container, log: BoxStream<'static, Result<LogLine>>);
}
