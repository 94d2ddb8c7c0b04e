//! The provider: found when it is first needed, and looked at again when its keys may have changed.

use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthType, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    IdTokenClaims, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse, UserInfoClaims, UserInfoError,
};
use reqwest::Url;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::{harmless, whole};
use crate::http::ask;
use crate::person::has;
use crate::settings::is_guarded;
use crate::{Error, Result, Round, Settings, Somebody};

/// So long it is believed to be as it was.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// It is not asked more often than that what its keys are.
const PAUSE: Duration = Duration::from_secs(5);

/// The claims that are not in every token.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct More {
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl AdditionalClaims for More {}

type Fields = IdTokenFields<
    More,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Given = StandardTokenResponse<Fields, CoreTokenType>;
type Provider = Client<
    More,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Given,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;
type Claims = IdTokenClaims<More, CoreGenderClaim>;

/// A provider, and how it is asked.
#[derive(Debug)]
pub struct OpenId {
    settings: Settings,
    client: reqwest::Client,
    known: Mutex<Known>,
}

/// What is known of the provider.
#[derive(Debug, Default)]
struct Known {
    provider: Option<Arc<Provider>>,
    found: Option<Instant>,
    /// When it was last looked for in vain, and why that was.
    failed: Option<(Instant, Error)>,
}

impl OpenId {
    /// A provider that nobody has asked yet.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn new(settings: Settings) -> Result<Self> {
        settings.check()?;
        let client = crate::http::client(&settings)?;
        Ok(Self { settings, client, known: Mutex::default() })
    }

    /// What the team says of it.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Looks whether it is there.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub async fn find(&self) -> Result<()> {
        self.provider(FRESH).await.map(drop)
    }

    /// Looks whether it is there now. What was known of it a moment ago is believed.
    ///
    /// # Errors
    /// [`Error::Away`], also where people can still sign in by what is known of it.
    pub async fn look(&self) -> Result<()> {
        self.provider(PAUSE).await?;
        let failed = self.known.lock().await.failed.clone();
        failed.map_or(Ok(()), |(_, error)| Err(error))
    }

    /// The address at the provider to which a browser is led.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub async fn address(&self, round: &Round) -> Result<Url> {
        let provider = self.provider(FRESH).await?;
        let (state, nonce) = (round.state(), round.nonce());
        let verifier = PkceCodeVerifier::new(round.verifier());
        let mut request = provider.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        );
        // `openid` is asked for in any case.
        for scope in
            ["profile", "email"].into_iter().chain(self.settings.scopes.iter().map(String::as_str))
        {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let (address, _, _) = request.set_pkce_challenge(challenge).url();
        match is_guarded(&address) {
            true => Ok(address),
            false => Err(self.away("its authorization_endpoint is not https".to_owned())),
        }
    }

    /// Trades the code that a browser has brought for who it is.
    ///
    /// # Errors
    /// [`Error::Away`], [`Error::Refused`] and [`Error::Untrue`].
    pub async fn redeem(&self, code: String, round: &Round) -> Result<Somebody> {
        let provider = self.provider(FRESH).await?;
        let given = self.trade(&provider, code, round).await?;
        let claims = self.believed(&provider, &given, round).await?;
        let subject = claims.subject().to_string();
        let mut told = as_map(&claims)?;
        let claim = &self.settings.claim;
        let wants_groups = !self.settings.roles.is_empty();
        let lacks = |claim: &str| !has(&told, claim);
        if lacks(claim) || (wants_groups && lacks(&self.settings.groups_claim)) {
            // What the signed token says counts more.
            let more = self.user_info(&provider, &given, &claims).await?;
            for (claim, value) in more {
                told.entry(claim).or_insert(value);
            }
        }
        Ok(Somebody::new(&self.settings, subject, &told))
    }

    async fn trade(&self, provider: &Provider, code: String, round: &Round) -> Result<Given> {
        let request = provider.exchange_code(AuthorizationCode::new(code));
        let request = request.map_err(|_| self.away("it names no token_endpoint".to_owned()))?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(round.verifier()));
        let http = |request: HttpRequest| ask(self.client.clone(), request);
        request.request_async(&http).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(refusal) => {
                Error::Refused(harmless(&refusal.to_string()))
            }
            // The answer has tokens in it, and is not repeated.
            RequestTokenError::Parse(_, _) => {
                self.away("its answer to a code is none of OpenID Connect".to_owned())
            }
            error => self.away(whole(&error)),
        })
    }

    /// What the ID token says, once all about it is right.
    async fn believed(&self, provider: &Provider, given: &Given, round: &Round) -> Result<Claims> {
        let untrue = |why: String| Error::Untrue(why);
        let token = given.id_token().ok_or_else(|| untrue("there is no ID token".to_owned()))?;
        let nonce = Nonce::new(round.nonce());
        let mut fresher = None;
        let verified = token.claims(&verifier(provider), &nonce).cloned();
        let claims = match verified {
            Ok(claims) => claims,
            Err(first) => {
                // Its keys may be others by now.
                let newer = self.provider(PAUSE).await?;
                if std::ptr::eq(Arc::as_ptr(&newer), provider) {
                    return Err(untrue(whole(&first)));
                }
                let newer = fresher.insert(newer);
                let again = token.claims(&verifier(newer), &nonce).cloned();
                again.map_err(|error| untrue(whole(&error)))?
            }
        };
        let provider = fresher.as_deref().unwrap_or(provider);
        if let Some(hash) = claims.access_token_hash() {
            let verifier = verifier(provider);
            let (alg, key) = (token.signing_alg(), token.signing_key(&verifier));
            let (alg, key) = (
                alg.map_err(|error| untrue(whole(&error)))?,
                key.map_err(|error| untrue(whole(&error)))?,
            );
            let own = AccessTokenHash::from_token(given.access_token(), alg, key);
            if own.map_err(|error| untrue(whole(&error)))? != *hash {
                return Err(untrue("it is about another access token".to_owned()));
            }
        }
        Ok(claims)
    }

    /// What the provider tells of somebody beside their token; nothing where it tells nothing.
    async fn user_info(
        &self,
        provider: &Provider,
        given: &Given,
        claims: &Claims,
    ) -> Result<Map<String, Value>> {
        let subject = claims.subject().clone();
        let request = provider.user_info(given.access_token().clone(), Some(subject));
        let Ok(request) = request else { return Ok(Map::new()) };
        let http = |request: HttpRequest| ask(self.client.clone(), request);
        let told: UserInfoClaims<More, CoreGenderClaim> =
            request.request_async(&http).await.map_err(|error| match error {
                UserInfoError::ClaimsVerification(error) => Error::Untrue(whole(&error)),
                error => self.away(format!("its user info: {}", whole(&error))),
            })?;
        as_map(&told)
    }

    /// The provider as it was at most so long ago. When it is away, as it was before.
    async fn provider(&self, fresh: Duration) -> Result<Arc<Provider>> {
        let mut known = self.known.lock().await;
        let young = |at: Instant, most: Duration| at.elapsed() < most;
        if let Some(provider) = &known.provider
            && known.found.is_some_and(|found| young(found, fresh))
        {
            return Ok(Arc::clone(provider));
        }
        let failed = known.failed.clone().filter(|(at, _)| young(*at, PAUSE));
        let error = match failed {
            Some((_, error)) => error,
            None => match self.discover().await {
                Ok(provider) => {
                    let provider = Arc::new(provider);
                    *known = Known {
                        provider: Some(Arc::clone(&provider)),
                        found: Some(Instant::now()),
                        failed: None,
                    };
                    return Ok(provider);
                }
                Err(error) => {
                    tracing::warn!(%error, "nobody can sign in by OpenID Connect");
                    known.failed = Some((Instant::now(), error.clone()));
                    error
                }
            },
        };
        known.provider.clone().ok_or(error)
    }

    async fn discover(&self) -> Result<Provider> {
        let settings = &self.settings;
        let setting = |why: String| Error::Setting(why);
        let issuer = IssuerUrl::new(settings.issuer.clone());
        let issuer = issuer.map_err(|error| setting(whole(&error)))?;
        let http = |request: HttpRequest| ask(self.client.clone(), request);
        let found = CoreProviderMetadata::discover_async(issuer, &http);
        let found = found.await.map_err(|error| self.away(whole(&error)))?;
        let methods = found.token_endpoint_auth_methods_supported().cloned();
        let client_secret = settings.client_secret.as_ref();
        let secret =
            client_secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let callback = RedirectUrl::new(settings.callback());
        let callback = callback.map_err(|error| setting(whole(&error)))?;
        let client_id = ClientId::new(settings.client_id.clone());
        let provider = Client::from_provider_metadata(found, client_id, secret);
        Ok(provider.set_auth_type(auth_type(methods.as_deref())).set_redirect_uri(callback))
    }

    fn away(&self, why: String) -> Error {
        Error::Away { issuer: self.settings.issuer.clone(), why }
    }
}

/// How the secret is shown: as a header, unless the provider takes it in a form alone.
fn auth_type(methods: Option<&[CoreClientAuthMethod]>) -> AuthType {
    let takes = |method| methods.is_none_or(|methods| methods.contains(&method));
    let basic = takes(CoreClientAuthMethod::ClientSecretBasic);
    match takes(CoreClientAuthMethod::ClientSecretPost) && !basic {
        true => AuthType::RequestBody,
        false => AuthType::BasicAuth,
    }
}

/// Only signatures that others cannot make who know the secret of this installation, or nothing.
fn verifier(provider: &Provider) -> openidconnect::IdTokenVerifier<'_, CoreJsonWebKey> {
    use CoreJwsSigningAlgorithm as Alg;
    provider.id_token_verifier().set_allowed_algs([
        Alg::RsaSsaPkcs1V15Sha256,
        Alg::RsaSsaPkcs1V15Sha384,
        Alg::RsaSsaPkcs1V15Sha512,
        Alg::RsaSsaPssSha256,
        Alg::RsaSsaPssSha384,
        Alg::RsaSsaPssSha512,
        Alg::EcdsaP256Sha256,
        Alg::EcdsaP384Sha384,
        Alg::EdDsa,
    ])
}

fn as_map(claims: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(claims)) => Ok(claims),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(Error::Untrue(whole(&error))),
    }
}
