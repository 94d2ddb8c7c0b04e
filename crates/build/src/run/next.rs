//! What comes after a build that has passed.

use launcher_model::VersionNumber;
use launcher_model::build::Build;

use crate::Result;
use crate::builds::Inner;

impl Inner {
    /// What to tell of it: the address of its branch, and how it goes live.
    pub(super) async fn next_for(&self, build: &Build, version: VersionNumber) -> Vec<String> {
        let mut lines = Vec::new();
        match self.branch_address(build).await {
            Ok(address) => lines.extend(address),
            Err(error) => tracing::warn!(build = %build.id, %error, "its branch could not be read"),
        }
        lines.push(self.how_it_goes_live(build, version).await.unwrap_or_else(|error| {
            tracing::warn!(build = %build.id, %error, "what goes live next could not be read");
            by_hand(build, version)
        }));
        lines
    }

    /// Where the environment of a branch other than production's is, now and after the next push.
    async fn branch_address(&self, build: &Build) -> Result<Option<String>> {
        let Some(name) = &build.branch else { return Ok(None) };
        let branches = self.store.branches(&build.service).await?;
        let branch = branches.iter().find(|branch| branch.name == *name);
        Ok(branch.map(|branch| format!("{name} is at {}", (self.config.branch_url)(branch))))
    }

    async fn how_it_goes_live(&self, build: &Build, version: VersionNumber) -> Result<String> {
        let Some(service) = self.store.service(&build.service).await? else {
            return Ok(by_hand(build, version));
        };
        let now = self.now();
        let plan = self.control.next_auto(&service.spec).await?;
        if let Some(plan) = plan.filter(|plan| plan.version == version) {
            return Ok(plan.told(&service.spec.deploy, now));
        }
        Ok(match service.spec.deploy.frozen(now) {
            Some(frozen) => format!(
                "production is frozen until {}; make it live after that, or with --force and --note: launcher \
                 deploy {} {version}",
                frozen.until_told(now),
                build.service
            ),
            None => by_hand(build, version),
        })
    }
}

fn by_hand(build: &Build, version: VersionNumber) -> String {
    format!("make it live: launcher deploy {} {version}", build.service)
}
