//! Times as Marathon writes them.

use jiff::Timestamp;

/// `2020-09-14T10:21:07.413Z`.
pub(crate) fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// To the millisecond, as what is written can be read again.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Seconds since 1970, as Mesos writes times.
pub(crate) fn epoch_seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}
