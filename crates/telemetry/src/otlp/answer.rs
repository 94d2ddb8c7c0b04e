//! What a collector answers (OTLP specification, "OTLP/HTTP Response").

use std::time::Duration;

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::collector::Signal;

/// For how long a collector is obeyed that wants to be left alone.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// So many characters of what it says are passed on.
const LONGEST_MESSAGE: usize = 300;

/// What becomes of what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was taken, but for so many points or spans.
    Taken {
        /// How many were not.
        rejected: u64,
        /// What it says about them, or warns of.
        message: String,
    },
    /// It shall be sent again.
    Later {
        /// Not before that.
        after: Option<Duration>,
        /// Why.
        why: String,
    },
    /// It must not be sent again.
    Refused {
        /// Why.
        why: String,
    },
}

/// `google.rpc.Status`, as far as it is of use here.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
}

/// Reads an answer.
pub(super) fn read(
    signal: Signal,
    status: u16,
    retry_after: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Answer {
    match status {
        200..=299 => {
            let (rejected, message) = partial_success(signal, body);
            Answer::Taken {
                rejected: u64::try_from(rejected).unwrap_or(0),
                message: plain(&message),
            }
        }
        429 | 502 | 503 | 504 => {
            let after = retry_after.and_then(|text| wait(text, now));
            Answer::Later { after, why: why(status, body) }
        }
        _ => Answer::Refused { why: why(status, body) },
    }
}

/// How many were rejected, and what is said of that. Whoever takes all may say nothing at all, or something
/// else: that is no reason to send it again.
fn partial_success(signal: Signal, body: &[u8]) -> (i64, String) {
    let partial = match signal {
        Signal::Metrics => ExportMetricsServiceResponse::decode(body)
            .ok()
            .and_then(|answer| answer.partial_success)
            .map(|partial| (partial.rejected_data_points, partial.error_message)),
        Signal::Traces => ExportTraceServiceResponse::decode(body)
            .ok()
            .and_then(|answer| answer.partial_success)
            .map(|partial| (partial.rejected_spans, partial.error_message)),
    };
    partial.unwrap_or_default()
}

fn why(status: u16, body: &[u8]) -> String {
    let said = Status::decode(body).map(|status| status.message).unwrap_or_default();
    let said = plain(&said);
    let login = match status {
        401 | 403 => "; [otlp] headers_file says who asks",
        404 => "; is [otlp] endpoint the one for OTLP over HTTP?",
        _ => "",
    };
    if said.is_empty() {
        return format!("it answers with {status}{login}");
    }
    format!("it answers with {status}, {said:?}{login}")
}

/// How long `Retry-After` says (RFC 9110, section 10.2.3): seconds, or a date.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(until.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

/// What can be printed in one line.
fn plain(text: &str) -> String {
    let printed = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printed.take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn partial(rejected: i64, message: &str) -> Vec<u8> {
        let partial = ExportMetricsPartialSuccess {
            rejected_data_points: rejected,
            error_message: message.to_owned(),
        };
        ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
    }

    #[test]
    fn what_was_taken_in_part_is_counted() {
        let read = |body: &[u8]| read(Signal::Metrics, 200, None, body, NOW);
        let taken = |rejected, message: &str| Answer::Taken { rejected, message: message.into() };
        assert_eq!(read(&partial(3, "too\nold")), taken(3, "too old"));
        assert_eq!(read(&partial(0, "a warning")), taken(0, "a warning"));
        for nothing in [&b""[..], b"OK", b"{\"partialSuccess\":{}}", &partial(-5, "")] {
            assert_eq!(read(nothing), taken(0, ""), "{nothing:?}");
        }
    }

    #[test]
    fn four_statuses_mean_later_and_all_others_mean_no() {
        for status in 300..600 {
            let answer = read(Signal::Traces, status, None, b"", NOW);
            let later = [429, 502, 503, 504].contains(&status);
            assert_eq!(matches!(answer, Answer::Later { .. }), later, "{status}");
            assert_eq!(matches!(answer, Answer::Refused { .. }), !later, "{status}");
        }
        let body = Status { message: "no such tenant".to_owned() }.encode_to_vec();
        let Answer::Refused { why } = read(Signal::Traces, 401, None, &body, NOW) else { panic!() };
        assert_eq!(
            why,
            "it answers with 401, \"no such tenant\"; [otlp] headers_file says who asks"
        );
    }

    #[test]
    fn a_collector_says_when_to_come_again() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let wait = |text, now| super::wait(text, now).map(|wait| wait.as_secs());
        assert_eq!(wait("7", at(0)), Some(7));
        assert_eq!(wait("86400", at(0)), Some(300));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", at(784_111_700)), Some(77));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", at(800_000_000)), Some(0));
        for none in ["", "soon", "-1", "1.5"] {
            assert_eq!(wait(none, at(0)), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_answered_is_read(
            traces in any::<bool>(),
            status in any::<u16>(),
            after in proptest::option::of("\\PC{0,40}"),
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300),
                (any::<i64>(), ".{0,500}").prop_map(|(rejected, message)| partial(rejected, &message)),
            ],
        ) {
            let signal = if traces { Signal::Traces } else { Signal::Metrics };
            match read(signal, status, after.as_deref(), &body, NOW) {
                Answer::Taken { message, .. } => {
                    prop_assert!((200..300).contains(&status));
                    prop_assert!(message.chars().count() <= LONGEST_MESSAGE);
                    prop_assert!(!message.chars().any(char::is_control));
                }
                Answer::Later { after, why } => {
                    prop_assert!(after.is_none_or(|after| after <= LONGEST_WAIT));
                    prop_assert!(!why.chars().any(char::is_control));
                }
                Answer::Refused { why } => prop_assert!(!why.chars().any(char::is_control)),
            }
        }

        #[test]
        fn what_was_rejected_is_read_as_it_was_written(rejected in 0..i64::MAX, message in "[a-z ]{0,50}") {
            let answer = read(Signal::Metrics, 200, None, &partial(rejected, &message), NOW);
            let rejected = rejected.unsigned_abs();
            prop_assert_eq!(answer, Answer::Taken { rejected, message });
        }
    }
}
