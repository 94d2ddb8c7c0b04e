//! What nginx writes to its log of what clients ask for.

use launcher_edge::fuzz::nginx_log as count;
use launcher_model::{ServiceName, VersionNumber};

/// A line counts one request at most, and it does not matter in which order they come.
pub(crate) fn nginx_log(bytes: &[u8]) {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let of = || {
        let Ok(service) = ServiceName::new("shop") else { panic!("it is a name") };
        (service, VersionNumber(1))
    };
    let (service, version) = of();
    let counts = count(service, version, lines.iter().copied());
    let most = lines.len() as u64;
    assert!(counts.requests.iter().sum::<u64>() <= most);
    assert!(counts.retried <= most && counts.failed <= counts.requests[4]);
    let (service, version) = of();
    assert_eq!(count(service, version, lines.into_iter().rev()), counts);
}
