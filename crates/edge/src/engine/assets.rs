//! A file that the version of a request does not have is looked for in others: the page that asks for it
//! may be another version's.

use std::rc::Rc;

use http::StatusCode;
use launcher_model::ServiceName;

use super::attempts::Attempts;
use super::client::Client;
use super::line::Line;
use super::outgoing::Length;
use super::ticket::Ticket;
use super::upstream::Head;
use crate::compiled::PoolId;

/// So many others are asked at most.
const MOST_ASKED: usize = 3;

/// What a container has answered.
pub(super) type Answer = (Line, Head);

/// Looks for what a version has answered 404 for in the others. Returns the answer of the one that has it,
/// whose the request then is; or the first answer, when none has.
pub(super) async fn look_elsewhere(
    attempts: &mut Attempts,
    client: &Rc<Client>,
    missing: Answer,
) -> Answer {
    let Some(path) = asked_for(attempts) else { return missing };
    let service = attempts.target.ticket.pool().service().clone();
    let mut asked = vec![attempts.target.ticket.pool().id];
    while asked.len() <= MOST_ASKED {
        let next = client.worker.gate().within(|| next(client, &service, &path, &asked));
        let Some(ticket) = next else { break };
        asked.push(ticket.pool().id);
        let first = std::mem::replace(&mut attempts.target.ticket, ticket);
        client.log(|draft| draft.again += 1);
        let found = attempts.run(client).await;
        if let Ok((mut line, head)) = found {
            if head.status.is_success() || head.status == StatusCode::NOT_MODIFIED {
                let (mut unused, Head { framing, .. }) = missing;
                let kept = unused.skip(framing).then_some(unused);
                first.set_aside(kept);
                return (line, head);
            }
            let kept = line.skip(head.framing).then_some(line);
            std::mem::replace(&mut attempts.target.ticket, first).set_aside(kept);
        } else {
            std::mem::replace(&mut attempts.target.ticket, first).set_aside(None);
        }
        attempts.target.ticket.resume();
    }
    missing
}

/// The path that a request is for, when it may be asked for again elsewhere: GET or HEAD without a body.
/// It is the one that containers see.
fn asked_for(attempts: &Attempts) -> Option<String> {
    let request = &attempts.request;
    let is_bare = matches!(request.length, Length::None | Length::Known(0)) && !request.upgrade;
    let mut line = attempts.head.split(|byte| *byte == b' ');
    let method = line.next().filter(|method| is_bare && matches!(*method, b"GET" | b"HEAD"));
    let target = method.and_then(|_| line.next())?;
    let path = target.split(|byte| *byte == b'?').next()?;
    String::from_utf8(path.to_vec()).ok()
}

/// Counts the request to the next version that may have the file. To be called within the thread's gate.
fn next(
    client: &Rc<Client>,
    service: &ServiceName,
    path: &str,
    asked: &[PoolId],
) -> Option<Ticket> {
    let common = &client.worker.common;
    let table = common.table.load();
    let site = table.service(service)?;
    if !site.assets.as_ref()?.has(path) {
        return None;
    }
    let coming = common.coming.of(service);
    let may =
        |pool: &crate::compiled::Pool| !asked.contains(&pool.id) && !pool.endpoints.is_empty();
    let (pool, live) = site.others(&coming).find(|(pool, _)| may(pool))?;
    Some(Ticket::of_production(client.clone(), client.worker.pool(pool), live))
}
