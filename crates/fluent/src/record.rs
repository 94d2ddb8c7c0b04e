//! What is carried: a tag, a time, and fields.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rmpv::Value;

/// One event: "a set of tag, time and record", section *Terminology*.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What receivers route it by, such as `launcher.access`.
    pub tag: Arc<str>,
    /// When it happened.
    pub time: EventTime,
    /// Its fields in their order: pairs of a name, which is a [`Value::String`] wherever the sender
    /// keeps to the specification, and a value.
    pub fields: Vec<(Value, Value)>,
}

impl Record {
    /// One with fields that are named by strings.
    pub fn new<N, V>(
        tag: impl Into<Arc<str>>,
        time: EventTime,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self
    where
        N: Into<Value>,
        V: Into<Value>,
    {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { tag: tag.into(), time, fields }
    }

    /// The first field of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
    }
}

/// A time as the protocol has it, section *EventTime Ext Format*: until February 2106.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime {
    /// Seconds since 1970, in UTC.
    pub seconds: u32,
    /// Nanoseconds within the second; less than 1,000,000,000.
    pub nanos: u32,
}

impl EventTime {
    /// What the clock says.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// A time with a fraction of a second; none where it does not exist.
    #[must_use]
    pub fn new(seconds: u32, nanos: u32) -> Option<Self> {
        (nanos < 1_000_000_000).then_some(Self { seconds, nanos })
    }
}

impl From<SystemTime> for EventTime {
    /// Times that cannot be written become the nearest that can.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        match u32::try_from(since.as_secs()) {
            Ok(seconds) => Self { seconds, nanos: since.subsec_nanos() },
            Err(_) => Self { seconds: u32::MAX, nanos: 999_999_999 },
        }
    }
}

impl From<EventTime> for SystemTime {
    fn from(time: EventTime) -> Self {
        Self::UNIX_EPOCH + Duration::new(time.seconds.into(), time.nanos)
    }
}
