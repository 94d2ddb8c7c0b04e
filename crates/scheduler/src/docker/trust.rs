//! Which registries the engine takes without TLS, or with any certificate.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bollard::models::RegistryServiceConfig;
use launcher_registry::{Place, Trust};

use super::Docker;
use super::connection::Connection;

#[async_trait]
impl Trust for Docker {
    async fn is_insecure(&self, place: &Place) -> bool {
        is_insecure(&self.0.connection, place).await
    }
}

/// Whether the engine takes a registry without TLS or with any certificate. The engine pulls in the
/// end, so its own settings are the ones that count.
pub(super) async fn is_insecure(connection: &Arc<Connection>, place: &Place) -> bool {
    let known = place.is_hub() || place.is_loopback();
    let told =
        if known { None } else { connection.open("asking the engine about registries").await.ok() };
    settings_allow(told.and_then(|(_, info)| info.registry_config), place).await
}

/// The same, as an engine tells it that has been asked.
pub(crate) async fn settings_allow(settings: Option<RegistryServiceConfig>, place: &Place) -> bool {
    if place.is_hub() {
        return false;
    }
    if place.is_loopback() {
        return true;
    }
    let Some(settings) = settings else { return false };
    let index = settings.index_configs.unwrap_or_default().remove(place.registry());
    if let Some(secure) = index.and_then(|index| index.secure) {
        return !secure;
    }
    let networks = settings.insecure_registry_cidrs.unwrap_or_default();
    let addresses = addresses(place.host()).await;
    addresses.iter().any(|ip| networks.iter().any(|network| contains(network, *ip)))
}

async fn addresses(host: &str) -> Vec<IpAddr> {
    let found = tokio::net::lookup_host((host, 0)).await;
    found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
}

/// Whether `ip` lies in a network such as `10.0.0.0/8`.
fn contains(network: &str, ip: IpAddr) -> bool {
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
    use super::{IpAddr, contains};

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
