//! Looking for a server that comes before the one in use, without disturbing that.

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::ForwardOptions;
use super::connect::{Connection, Trouble, connect};
use super::courier::at;
use super::servers::Servers;

#[derive(Default)]
pub(super) struct Preferred {
    /// The one that is being connected to.
    asked: Option<(usize, JoinHandle<Result<Connection, Trouble>>)>,
    /// It is there; first what is on its way has to arrive.
    pub(super) connected: Option<(usize, Connection)>,
}

impl Preferred {
    /// Asks the next when it is its turn. It may be given up and called again.
    pub(super) async fn look(
        &mut self,
        in_use: usize,
        servers: &mut Servers,
        options: &ForwardOptions,
    ) -> (usize, Connection) {
        loop {
            if let Some((index, asked)) = &mut self.asked {
                let index = *index;
                let answer = asked.await;
                self.asked = None;
                if let Ok(Ok(connection)) = answer {
                    return (index, connection);
                }
                servers.fail(index, Instant::now());
            }
            let next = servers.next_before(in_use).filter(|_| self.connected.is_none());
            at(next).await;
            let index = servers.next(Instant::now()).filter(|index| *index < in_use);
            let Some(index) = index else { continue };
            let (server, within) = (servers.get(index).clone(), options.connect);
            self.asked = Some((index, tokio::spawn(async move { connect(&server, within).await })));
        }
    }
}

impl Drop for Preferred {
    fn drop(&mut self) {
        if let Some((_, asked)) = &self.asked {
            asked.abort();
        }
    }
}
