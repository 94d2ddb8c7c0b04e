//! Builds of the fake engine.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use launcher_model::BuildId;
use launcher_model::image::{Digest, PinnedImage};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::world::World;
use super::{Fake, Script, Verb};
use crate::{
    BuildOrder, Builder, Building, Context, Error, LogLine, LogStream, Output, Push, Pushing,
    RegistryLogin, Result, TestRun,
};

/// What one step of a build does: what is not said goes well, and at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepScript {
    prints: Vec<String>,
    takes: Duration,
    fails: Option<String>,
    hangs: bool,
}

impl StepScript {
    /// One that goes well.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// It prints this line; more calls, more lines.
    #[must_use]
    pub fn prints(mut self, line: impl Into<String>) -> Self {
        self.prints.push(line.into());
        self
    }

    /// It takes so long after its lines.
    #[must_use]
    pub fn takes(mut self, long: Duration) -> Self {
        self.takes = long;
        self
    }

    /// It fails; a test with the exit status 1.
    #[must_use]
    pub fn fails(mut self, why: impl Into<String>) -> Self {
        self.fails = Some(why.into());
        self
    }

    /// It never ends by itself: only its timeout, or nobody who listens, ends it.
    #[must_use]
    pub fn hangs(mut self) -> Self {
        self.hangs = true;
        self
    }
}

/// What builds do from now on.
#[derive(Debug, Clone, Default)]
pub struct BuildScript {
    /// The build of the image.
    pub build: StepScript,
    /// Its test.
    pub test: StepScript,
    /// Its push.
    pub push: StepScript,
    /// How containers of the image behave.
    pub image: Script,
}

/// An image that was built.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// As what.
    pub order: BuildOrder,
    /// The files, as they came.
    pub context: Vec<u8>,
    /// Its id.
    pub image: Digest,
}

#[derive(Default)]
pub(super) struct Builds {
    script: BuildScript,
    built: Vec<BuiltImage>,
    tested: Vec<TestRun>,
    pushed: Vec<Push>,
    forgotten: Vec<PinnedImage>,
    under_way: usize,
}

impl Fake {
    /// Says what builds do from now on.
    pub fn script_builds(&self, script: BuildScript) {
        self.world.state().builds.script = script;
    }

    /// The images that were built, oldest first.
    #[must_use]
    pub fn built(&self) -> Vec<BuiltImage> {
        self.world.state().builds.built.clone()
    }

    /// The tests that were begun, oldest first.
    #[must_use]
    pub fn tested(&self) -> Vec<TestRun> {
        self.world.state().builds.tested.clone()
    }

    /// What was pushed, oldest first.
    #[must_use]
    pub fn pushed(&self) -> Vec<Push> {
        self.world.state().builds.pushed.clone()
    }

    /// The images that were to be forgotten, oldest first.
    #[must_use]
    pub fn forgotten(&self) -> Vec<PinnedImage> {
        self.world.state().builds.forgotten.clone()
    }

    /// How many steps of builds are under way.
    #[must_use]
    pub fn steps_under_way(&self) -> usize {
        self.world.state().builds.under_way
    }

    /// Plays a step: its lines, its time, and what comes after.
    fn play<T: Send + 'static>(
        &self,
        script: StepScript,
        timeout: Option<(Duration, Error)>,
        line: impl Fn(String) -> T + Send + Sync + 'static,
        end: impl Future<Output = Result<T>> + Send + 'static,
    ) -> BoxStream<'static, Result<T>> {
        let guard = UnderWay::begin(&self.world);
        let (to, told) = mpsc::channel(64);
        tokio::spawn(async move {
            let _guard = guard;
            let work = async {
                for text in script.prints {
                    let _ = to.send(Ok(line(text))).await;
                }
                tokio::time::sleep(script.takes).await;
                if script.hangs {
                    std::future::pending::<()>().await;
                }
                end.await
            };
            let limited = async {
                let Some((timeout, error)) = timeout else { return work.await };
                tokio::time::timeout(timeout, work).await.unwrap_or(Err(error))
            };
            tokio::select! {
                outcome = limited => {
                    let _ = to.send(outcome).await;
                }
                () = to.closed() => {}
            }
        });
        ReceiverStream::new(told).boxed()
    }
}

struct UnderWay(Arc<World>);

impl UnderWay {
    fn begin(world: &Arc<World>) -> Self {
        world.state().builds.under_way += 1;
        Self(Arc::clone(world))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.state().builds.under_way -= 1;
    }
}

#[async_trait]
impl Builder for Fake {
    async fn build(
        &self,
        order: &BuildOrder,
        context: Context,
    ) -> Result<BoxStream<'static, Result<Building>>> {
        let script = {
            let state = self.world.reach(Verb::Build, "building an image")?;
            state.builds.script.clone()
        };
        let (world, order) = (Arc::clone(&self.world), order.clone());
        let timeout = order.settings.timeout.duration();
        let (step, image) = (script.build.clone(), script.image);
        let end = async move {
            let files: Vec<_> =
                context.try_collect().await.map_err(|error| Error::Context(error.to_string()))?;
            if let Some(why) = script.build.fails {
                return Err(Error::Build { why, last: script.build.prints });
            }
            let mut state = world.still("building an image")?;
            let id = state.build(&order.service, image);
            let context = files.concat();
            state.builds.built.push(BuiltImage { order, context, image: id.clone() });
            Ok(Building::Built { image: id })
        };
        let overdue = Error::BuildOverdue(timeout);
        Ok(self.play(step, Some((timeout, overdue)), Building::Line, end))
    }

    async fn test(&self, test: &TestRun) -> Result<BoxStream<'static, Result<Output>>> {
        let step = {
            let mut state = self.world.reach(Verb::Test, "running a test")?;
            state.builds.tested.push(test.clone());
            state.builds.script.test.clone()
        };
        let command = test.command.join(" ");
        let overdue = Error::Overdue { command, after: test.timeout };
        let code = i64::from(step.fails.is_some());
        let line = |text| Output::Line(LogLine { at: None, stream: LogStream::Stdout, text });
        let end = async move { Ok(Output::Exit { code }) };
        Ok(self.play(step, Some((test.timeout, overdue)), line, end))
    }

    async fn push(
        &self,
        push: &Push,
        _login: Option<&RegistryLogin>,
    ) -> Result<BoxStream<'static, Result<Pushing>>> {
        const DOING: &str = "pushing an image";
        let step = self.world.reach(Verb::Push, DOING)?.builds.script.push.clone();
        let (world, push, fails) = (Arc::clone(&self.world), push.clone(), step.fails.clone());
        let end = async move {
            if let Some(why) = fails {
                return Err(Error::Push { to: push.to.to_string(), why });
            }
            let mut state = world.still(DOING)?;
            let script = state.script(&push.image);
            let digest = state.publish(&push.to, script);
            state.fetched.insert(digest.clone());
            state.builds.pushed.push(push);
            Ok(Pushing::Pushed { digest })
        };
        Ok(self.play(step, None, Pushing::Line, end))
    }

    async fn sweep_builds(&self, _running: &[BuildId]) -> Result<()> {
        self.world.reach(Verb::SweepBuilds, "removing what builds have left").map(drop)
    }

    async fn forget_image(&self, image: &PinnedImage) -> Result<()> {
        let mut state = self.world.reach(Verb::ForgetImage, "removing an image")?;
        state.builds.forgotten.push(image.clone());
        let used = state.containers.values().any(|held| held.digest == image.digest);
        if !used {
            state.fetched.remove(&image.digest);
        }
        Ok(())
    }
}
