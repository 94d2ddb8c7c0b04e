//! Asking a registry which content a name has now.

use std::net::IpAddr;
use std::time::Duration;

use launcher_model::image::{Digest, ImageRef};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use secrecy::ExposeSecret;

use crate::RegistryLogin;

const CONNECT: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(20);

/// Why a registry did not tell.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It cannot be reached.
    Unreachable(String),
    /// It has no such image.
    Missing(String),
    /// It shows the image only to others.
    Login(String),
    /// Anything else that it answered.
    Other(String),
}

/// The digest of the manifest that `image` names now. An `insecure` registry may have any certificate, or
/// speak without TLS, as engines allow it there.
pub(super) async fn digest(
    image: &ImageRef,
    login: Option<&RegistryLogin>,
    insecure: bool,
) -> Result<Digest, Trouble> {
    let reference =
        Reference::try_from(image.to_string()).map_err(|e| Trouble::Other(e.to_string()))?;
    let auth = login.map_or(RegistryAuth::Anonymous, |login| {
        RegistryAuth::Basic(login.username.clone(), login.password.expose_secret().to_owned())
    });
    match ask(&reference, &auth, ClientProtocol::Https, insecure).await {
        Err(Trouble::Unreachable(_)) if insecure => {
            ask(&reference, &auth, ClientProtocol::Http, false).await
        }
        answer => answer,
    }
}

async fn ask(
    reference: &Reference,
    auth: &RegistryAuth,
    protocol: ClientProtocol,
    any_certificate: bool,
) -> Result<Digest, Trouble> {
    let config = ClientConfig {
        protocol,
        accept_invalid_certificates: any_certificate,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(READ),
        ..ClientConfig::default()
    };
    // A client remembers the first login that it is given, so each question has its own.
    let client = Client::try_from(config).map_err(read_trouble)?;
    let answer = client.fetch_manifest_digest(reference, auth).await.map_err(read_trouble)?;
    Digest::new(answer).map_err(|error| Trouble::Other(error.to_string()))
}

fn read_trouble(error: OciDistributionError) -> Trouble {
    use OciDistributionError as E;
    match error {
        E::RequestError(error) => Trouble::Unreachable(chain(&error)),
        E::UnauthorizedError { .. } => Trouble::Login("authentication required".to_owned()),
        E::AuthenticationFailure(words) => Trouble::Login(words),
        E::ImageManifestNotFoundError(words) => Trouble::Missing(words),
        E::RegistryError { envelope, .. } => {
            let words: Vec<_> =
                envelope.errors.iter().map(|error| error.message.as_str()).collect();
            let words = words.join(", ");
            match envelope.errors.first().map(|error| &error.code) {
                Some(
                    OciErrorCode::ManifestUnknown
                    | OciErrorCode::NameUnknown
                    | OciErrorCode::NotFound,
                ) => Trouble::Missing(words),
                Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => Trouble::Login(words),
                _ => Trouble::Other(words),
            }
        }
        E::ServerError { code: 404, message, .. } => Trouble::Missing(message),
        E::ServerError { code: 401 | 403, message, .. } => Trouble::Login(message),
        E::ServerError { code, message, .. } => {
            Trouble::Other(format!("status {code} {message}").trim_end().to_owned())
        }
        other => Trouble::Other(other.to_string()),
    }
}

/// The innermost cause says most: the outer ones repeat the address.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

/// Whether a registry (`host`, `host:port`) is on this machine: engines take those without TLS.
pub(super) fn is_loopback(registry: &str) -> bool {
    let host = host(registry);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// The host of `host` or `host:port`.
pub(super) fn host(registry: &str) -> &str {
    registry.rsplit_once(':').map_or(registry, |(host, _port)| host)
}

/// Whether `ip` lies in a network such as `10.0.0.0/8`.
pub(super) fn contains(network: &str, ip: IpAddr) -> bool {
    let Some((base, length)) = network.split_once('/') else { return false };
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    let differ = match (base, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << 96,
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
        _ => return false,
    };
    differ.leading_zeros() >= length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_registries_are_known() {
        for here in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.9.1"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in ["example.com", "localhost.example.com:5000", "10.0.0.1:5000"] {
            assert!(!is_loopback(there), "{there}");
        }
    }

    #[test]
    fn networks_contain_what_they_contain() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(contains("10.99.0.0/24", ip("10.99.0.7")));
        assert!(contains("0.0.0.0/0", ip("10.99.0.7")));
        assert!(contains("10.99.0.7/32", ip("10.99.0.7")));
        assert!(contains("fd00::/8", ip("fd12::1")));
        for (network, other) in
            [("10.99.0.0/24", "10.99.1.7"), ("10.0.0.0/8", "fd00::1"), ("10.0.0.0", "10.0.0.0")]
        {
            assert!(!contains(network, ip(other)), "{network} {other}");
        }
    }
}
