//! Agents of Mesos, each of them an engine.

use bollard::Docker;

use crate::options::AgentOptions;
use crate::standin::StartError;

/// How long an engine may take for an answer, in seconds.
const ANSWER: u64 = 120;

/// An agent; whether it is reached is in the state.
#[derive(Debug)]
pub(crate) struct Agent {
    /// As in `slaveId`.
    pub(crate) id: String,
    pub(crate) options: AgentOptions,
    pub(crate) docker: Docker,
}

impl Agent {
    /// Reaches its engine.
    ///
    /// # Errors
    /// When that does not answer.
    pub(crate) async fn reach(id: String, options: AgentOptions) -> Result<Self, StartError> {
        let failed = |why: bollard::errors::Error| StartError::Engine {
            agent: options.hostname.clone(),
            engine: options.engine.clone(),
            why: why.to_string(),
        };
        let docker =
            connect(&options).map_err(failed)?.negotiate_version().await.map_err(failed)?;
        Ok(Self { id, options, docker })
    }

    /// What a constraint sees under a name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        match name {
            "hostname" | "@hostname" => Some(&self.options.hostname),
            attribute => self.options.attributes.get(attribute).map(String::as_str),
        }
    }
}

/// Prepares calls of an agent's engine.
pub(crate) fn connect(options: &AgentOptions) -> Result<Docker, bollard::errors::Error> {
    let version = bollard::API_DEFAULT_VERSION;
    if options.engine.starts_with("unix://") || options.engine.starts_with('/') {
        Docker::connect_with_unix(&options.engine, ANSWER, version)
    } else {
        Docker::connect_with_http(&options.engine, ANSWER, version)
    }
}
