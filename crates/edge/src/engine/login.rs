//! Previews that only some may look at.

use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use tokio::sync::{TryAcquireError, oneshot};

use super::page::Page;
use super::proxy::{Detour, Later};
use crate::compiled::{Asked, Attempt, Site};

/// A wrong attempt holds its turn for so long: guesses at a service's passwords are as many as turns
/// allow, and not as many as hashes can be computed.
const WRONG_TAKES: Duration = Duration::from_millis(50);

/// Lets a request for one of the service's previews pass, or says what is to be done first. Says whether
/// its Authorization field was for the edge.
pub(super) fn asked(headers: &HeaderMap, site: &Site) -> Result<bool, Detour> {
    let Some(logins) = &site.logins else { return Ok(false) };
    match logins.ask(headers) {
        Asked::Welcome => Ok(true),
        Asked::Stranger => {
            let text = format!("Log in to look at previews of service {}.", site.name);
            Err(unauthorized(text, &logins.challenge).into())
        }
        Asked::Nobody => {
            let text = format!(
                "Nobody may look at previews of service {} now, because the secret with their \
                 logins is not set or of no use. `launcher status {}` says more.",
                site.name, site.name
            );
            Err(Page::new(StatusCode::FORBIDDEN, text).into())
        }
        Asked::Attempt(attempt) => Err(Detour::Later(Later::Login(attempt))),
    }
}

/// Finds out whether an attempt is right; the answer if it is not. A flood of them costs neither this
/// thread nor those who are known to be right anything, as they wait their turn and the work is done on
/// threads of their own.
pub(super) async fn find_out(attempt: Attempt) -> Result<(), Page> {
    let logins = attempt.logins.clone();
    let _place = logins.places.try_acquire().map_err(|_: TryAcquireError| {
        let text = "Too many are trying to log in at once. Try again in a moment.";
        Page::new(StatusCode::TOO_MANY_REQUESTS, text)
            .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
    })?;
    // Nobody closes it.
    let _turn = logins.turns.acquire().await.ok();
    if attempt.takes_long() && is_right(attempt).await? {
        return Ok(());
    }
    tokio::time::sleep(WRONG_TAKES).await;
    Err(unauthorized("This user and password may not look here.".into(), &logins.challenge))
}

async fn is_right(attempt: Attempt) -> Result<bool, Page> {
    let (said, answer) = oneshot::channel();
    let look = move || {
        let _ = said.send(attempt.is_right());
    };
    let began = std::thread::Builder::new().name("edge-login".into()).spawn(look);
    let failed = || {
        let text = "The edge cannot check logins now. Try again in a moment.";
        Page::new(StatusCode::SERVICE_UNAVAILABLE, text)
    };
    began.map_err(|error| {
        tracing::error!(%error, "no thread could be started to check a login");
        failed()
    })?;
    answer.await.map_err(|_| failed())
}

fn unauthorized(text: String, challenge: &HeaderValue) -> Page {
    Page::new(StatusCode::UNAUTHORIZED, text).with(header::WWW_AUTHENTICATE, challenge.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Login, Rules, SALT_BYTES, ServiceTable};
    use launcher_model::service::Traffic;
    use launcher_model::{Generation, ServiceName};
    use std::collections::BTreeMap;

    #[tokio::test]
    async fn attempts_beyond_those_that_may_wait_are_sent_away() {
        let login = Login::new("ada", &"lace".to_owned().into(), [0; SALT_BYTES]).unwrap();
        let table = ServiceTable {
            name: ServiceName::new("shop").unwrap(),
            hosts: Vec::new(),
            revision: 1,
            generation: Generation(1),
            weights: BTreeMap::new(),
            pools: BTreeMap::new(),
            traffic: Traffic::default(),
            rules: Rules { preview_logins: Some(vec![login]), ..Rules::default() },
            branches: Default::default(),
        };
        let site = Site::compile(&table, &[], 1);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic YWRhOmxhY2U="));
        let attempt = || match asked(&headers, &site) {
            Err(Detour::Later(Later::Login(attempt))) => Some(attempt),
            _ => None,
        };
        let places = site.logins.as_ref().unwrap().places.clone();
        let all = u32::try_from(places.available_permits()).unwrap();
        let full = places.acquire_many(all).await.unwrap();
        let refused = find_out(attempt().unwrap()).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        drop(full);
        find_out(attempt().unwrap()).await.unwrap();
        assert!(attempt().is_none() && matches!(asked(&headers, &site), Ok(true)));
    }
}
