//! One order (RFC 8555 §7.4), from the names to the certificate.

use std::time::Duration;

use instant_acme::{
    AuthorizationStatus, ChallengeStatus, ChallengeType, Identifier, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use launcher_edge::Certificate;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use secrecy::{ExposeSecret, SecretString};

use crate::error::words;
use crate::{Error, Inner, Result, Settings};

/// How long a whole order may take.
pub(crate) const WITHIN: Duration = Duration::from_secs(300);

/// How long the authority may take for one of its steps, and how often it is asked meanwhile.
const STEP: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).timeout(Duration::from_secs(120));

/// What was issued.
pub(crate) struct Ordered {
    /// The certificate, and those that lead to its authority, in PEM.
    pub(crate) chain: String,
    pub(crate) key: SecretString,
    pub(crate) certificate: Certificate,
}

impl Inner {
    /// Orders a certificate for these names.
    pub(crate) async fn order(&self, settings: &Settings, names: &[String]) -> Result<Ordered> {
        let ordered = tokio::time::timeout(WITHIN, self.order_in_time(settings, names)).await;
        ordered.unwrap_or_else(|_elapsed| Err(Error::Slow(WITHIN.as_secs())))
    }

    async fn order_in_time(&self, settings: &Settings, names: &[String]) -> Result<Ordered> {
        let account = self.account(settings).await?;
        let identifiers: Vec<_> = names.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
        let answers = answers(&mut order).await?;
        if !answers.is_empty() {
            // It ends with the last look of the authority.
            let _answered = self.answer(answers).await;
            be_looked_at(&mut order).await?;
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key)?;
        order.finalize_csr(request.der()).await?;
        let chain = order.poll_certificate(&STEP).await?;
        let key = SecretString::from(key.serialize_pem());
        let certificate = Certificate::from_pem(chain.as_bytes(), key.expose_secret().as_bytes())?;
        match names.iter().find(|name| !certificate.names().contains(name)) {
            Some(missing) => Err(Error::OtherNames(missing.clone())),
            None => Ok(Ordered { chain, key, certificate }),
        }
    }
}

/// What is to be answered to which token, of the names that the authority does not know to be ours yet.
async fn answers(order: &mut Order) -> Result<Vec<(String, String)>> {
    let mut answers = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let name = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            status => {
                let why = format!("its authorization is {status:?} already");
                return Err(Error::NotOurs { name, why });
            }
        }
        let challenge = authorization.challenge(ChallengeType::Http01);
        let challenge = challenge.ok_or(Error::NoChallenge(name))?;
        let answer = challenge.key_authorization().as_str().to_owned();
        answers.push((challenge.token.clone(), answer));
    }
    Ok(answers)
}

/// Has the authority look, and waits for what it finds.
async fn be_looked_at(order: &mut Order) -> Result<()> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Pending
            && let Some(mut challenge) = authorization.challenge(ChallengeType::Http01)
        {
            challenge.set_ready().await?;
        }
    }
    match order.poll_ready(&STEP).await {
        Ok(OrderStatus::Ready) => Ok(()),
        // Why is said of the single names.
        Ok(_) | Err(instant_acme::Error::Api(_)) => Err(why_not(order).await?),
        Err(error) => Err(error.into()),
    }
}

async fn why_not(order: &mut Order) -> Result<Error> {
    let refused = order.state().error.as_ref().map(words);
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let name = authorization.identifier().to_string();
        let state = authorization.refresh().await?;
        let failed = state.challenges.iter().find(|one| one.status == ChallengeStatus::Invalid);
        if let Some(error) = failed.and_then(|one| one.error.as_ref()) {
            return Ok(Error::NotOurs { name, why: words(error) });
        }
    }
    Ok(Error::Refused(refused.unwrap_or_else(|| "it gave no reason".to_owned())))
}
