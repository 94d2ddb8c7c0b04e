//! Git: the repositories that this installation keeps, and what clients of theirs say over HTTP.
//!
//! What understands packs is `git` itself. It is run without the settings of whoever runs the server,
//! without hooks, and with those checks of what comes in that it has ([`command`]).

mod command;
mod commit;
mod elsewhere;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod pkt;
mod receive;
mod report;
mod repository;
mod serve;
mod sideband;

pub use commit::{Commit, archive, file, has, head_of, read, remove_branch};
pub use elsewhere::{Elsewhere, fetch_branch, head_elsewhere};
pub use receive::{Push, Received, RefUpdate, receive};
pub use repository::{Repositories, Repository};
pub use serve::{Service, advertise, fetch};
pub use sideband::Progress;
