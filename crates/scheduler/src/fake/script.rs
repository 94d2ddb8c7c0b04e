//! How an image's containers behave.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use launcher_model::container::ExecCheck;

/// What a command does: prints, takes its time, ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// The lines that it prints at once.
    pub prints: Vec<String>,
    /// How long it runs after that.
    pub takes: Duration,
    /// Its exit status.
    pub code: i64,
}

type Commands = Arc<dyn Fn(&[String]) -> Command + Send + Sync>;

/// How an image's containers behave: what is not said goes well, and at once.
#[derive(Clone)]
pub struct Script {
    pub(super) unknown: Option<String>,
    pub(super) unpullable: Option<String>,
    pub(super) pull_takes: Duration,
    pub(super) unstartable: Option<String>,
    pub(super) start_takes: Duration,
    pub(super) prints: Vec<String>,
    pub(super) exits: Option<(Duration, i64)>,
    pub(super) check: Option<ExecCheck>,
    pub(super) commands: Commands,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// Containers that run until they are stopped; commands that exit with 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            unknown: None,
            unpullable: None,
            pull_takes: Duration::ZERO,
            unstartable: None,
            start_takes: Duration::ZERO,
            prints: Vec::new(),
            exits: None,
            check: None,
            commands: Arc::new(|_| Command::default()),
        }
    }

    /// No registry has the image.
    #[must_use]
    pub fn unknown(mut self, why: impl Into<String>) -> Self {
        self.unknown = Some(why.into());
        self
    }

    /// The image is known, but cannot be pulled.
    #[must_use]
    pub fn unpullable(mut self, why: impl Into<String>) -> Self {
        self.unpullable = Some(why.into());
        self
    }

    /// Pulling takes so long.
    #[must_use]
    pub fn pull_takes(mut self, long: Duration) -> Self {
        self.pull_takes = long;
        self
    }

    /// The engine cannot start a container of it.
    #[must_use]
    pub fn unstartable(mut self, why: impl Into<String>) -> Self {
        self.unstartable = Some(why.into());
        self
    }

    /// Starting a container takes so long.
    #[must_use]
    pub fn start_takes(mut self, long: Duration) -> Self {
        self.start_takes = long;
        self
    }

    /// A container prints this line when it starts; more calls, more lines.
    #[must_use]
    pub fn prints(mut self, line: impl Into<String>) -> Self {
        self.prints.push(line.into());
        self
    }

    /// A container ends by itself so long after its start.
    #[must_use]
    pub fn exits(mut self, after: Duration, code: i64) -> Self {
        self.exits = Some((after, code));
        self
    }

    /// What the engine's own check says of a container that has just started.
    #[must_use]
    pub fn check(mut self, healthy: bool, output: impl Into<String>) -> Self {
        self.check = Some(ExecCheck { healthy, output: output.into() });
        self
    }

    /// What commands do, in running containers and in one-off ones.
    #[must_use]
    pub fn commands(
        mut self,
        commands: impl Fn(&[String]) -> Command + Send + Sync + 'static,
    ) -> Self {
        self.commands = Arc::new(commands);
        self
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("unknown", &self.unknown)
            .field("unpullable", &self.unpullable)
            .field("unstartable", &self.unstartable)
            .field("exits", &self.exits)
            .finish_non_exhaustive()
    }
}
