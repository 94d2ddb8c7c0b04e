//! How far others were told: where transactions begin and end.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, told};
use crate::{Result, Told, ToldStore};

#[async_trait]
impl ToldStore for SqliteStore {
    async fn begin_telling(&self, targets: &[String]) -> Result<Vec<Told>> {
        let mut write = self.begin("beginning to tell others").await?;
        let outcome = told::begin(&mut write, targets).await;
        write.end(outcome).await
    }

    async fn told_up_to(&self, target: &str, event: i64) -> Result<()> {
        let mut write = self.begin_step("keeping what others were told").await?;
        let outcome = told::up_to(&mut write, target, event).await;
        write.end(outcome).await
    }

    async fn telling_failed(&self, target: &str, why: &str, at: Timestamp) -> Result<()> {
        let mut write = self.begin_step("keeping that others could not be told").await?;
        let outcome = told::failed(&mut write, target, why, kept(at)).await;
        write.end(outcome).await
    }

    async fn telling_given_up(
        &self,
        target: &str,
        event: i64,
        events: u64,
        why: &str,
        at: Timestamp,
    ) -> Result<()> {
        let mut write = self.begin_step("keeping what others are not told").await?;
        let outcome = told::given_up(&mut write, target, event, events, why, kept(at)).await;
        write.end(outcome).await
    }

    async fn told(&self) -> Result<Vec<Told>> {
        self.read("listing what others were told", told::list(&self.readers).await)
    }
}
