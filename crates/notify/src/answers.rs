//! What people are answered who ask in a chat.

use async_trait::async_trait;
use launcher_model::ServiceName;

/// Knows how things are. Every answer is a few short lines, or one.
#[async_trait]
pub trait Answers: Send + Sync + 'static {
    /// All services, each with how it is in a few words.
    async fn overview(&self) -> Vec<(ServiceName, String)>;
    /// How a service is; none when there is no such service.
    async fn status(&self, service: &ServiceName) -> Option<Vec<String>>;
    /// What was deployed last, newest first; none when there is no such service.
    async fn history(&self, service: &ServiceName) -> Option<Vec<String>>;
}

/// Knows of nothing: for where nobody can ask.
#[async_trait]
impl Answers for () {
    async fn overview(&self) -> Vec<(ServiceName, String)> {
        Vec::new()
    }

    async fn status(&self, _: &ServiceName) -> Option<Vec<String>> {
        None
    }

    async fn history(&self, _: &ServiceName) -> Option<Vec<String>> {
        None
    }
}
