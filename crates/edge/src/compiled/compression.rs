//! Which responses are compressed for whom.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use launcher_model::service::{self, Algorithm};

/// A service's rules.
#[derive(Debug)]
pub(crate) struct Compression {
    algorithms: Box<[Algorithm]>,
    min_size: u64,
    types: Box<[Box<str>]>,
}

/// Fields with which a response vouches for its bytes as they are.
const VOUCHES: [&str; 6] =
    ["content-digest", "content-md5", "digest", "repr-digest", "signature", "want-content-digest"];

impl Compression {
    /// None for a service whose responses stay as they are.
    pub(super) fn compile(rules: Option<&service::Compression>) -> Option<Arc<Self>> {
        let rules = rules.filter(|rules| rules.enabled && !rules.algorithms.is_empty())?;
        Some(Arc::new(Self {
            algorithms: rules.algorithms.clone().into(),
            min_size: rules.min_size.0,
            types: rules.types.iter().map(|kind| kind.as_str().into()).collect(),
        }))
    }

    /// The algorithm that a client takes, and of several the one that it, and then the service, likes
    /// best (RFC 9110 §12.5.3).
    pub(crate) fn chosen(&self, headers: &HeaderMap) -> Option<Algorithm> {
        let accepted = Accepted::read(headers);
        let mut best: Option<(Algorithm, u16)> = None;
        for algorithm in &self.algorithms {
            let quality = accepted.quality(*algorithm);
            if quality > best.map_or(0, |(_, quality)| quality) {
                best = Some((*algorithm, quality));
            }
        }
        // Of what it likes as much, the smaller is the better.
        best.filter(|(_, quality)| *quality >= accepted.identity).map(|(algorithm, _)| algorithm)
    }

    /// Whether a response to a plain GET, or to another method than HEAD, is compressed for those who take
    /// it. One without a length may be of any.
    pub(crate) fn applies(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        length: Option<u64>,
    ) -> bool {
        let has_all = !matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
        );
        let answers = status.is_success() || status.is_client_error() || status.is_server_error();
        has_all
            && answers
            && length.is_none_or(|length| length >= self.min_size.max(1))
            && self.has_type(headers)
            && !headers.contains_key(header::CONTENT_ENCODING)
            && !headers.contains_key(header::CONTENT_RANGE)
            && !has_directive(headers, b"no-transform")
            && !VOUCHES.iter().any(|name| headers.contains_key(*name))
    }

    fn has_type(&self, headers: &HeaderMap) -> bool {
        let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        self.types.iter().any(|known| match known.strip_suffix('*') {
            Some(all) => {
                kind.len() > all.len() && kind[..all.len()].eq_ignore_ascii_case(all.as_bytes())
            }
            None => kind.eq_ignore_ascii_case(known.as_bytes()),
        })
    }
}

fn has_directive(headers: &HeaderMap, name: &[u8]) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).into_iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(name))
}

/// What a client says of codings, in thousandths of quality.
#[derive(Debug, Default)]
struct Accepted {
    gzip: Option<u16>,
    br: Option<u16>,
    zstd: Option<u16>,
    others: u16,
    /// How much it likes what is not compressed, where it says so.
    identity: u16,
}

impl Accepted {
    fn read(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
        for member in values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
            let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            // What cannot be read is taken as a no.
            let quality = parts.find_map(quality_of).map_or(1000, Option::unwrap_or_default);
            match name {
                b"*" => accepted.others = quality,
                _ if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                    accepted.gzip = Some(quality);
                }
                _ if name.eq_ignore_ascii_case(b"br") => accepted.br = Some(quality),
                _ if name.eq_ignore_ascii_case(b"zstd") => accepted.zstd = Some(quality),
                _ if name.eq_ignore_ascii_case(b"identity") => accepted.identity = quality,
                _ => {}
            }
        }
        accepted
    }

    fn quality(&self, of: Algorithm) -> u16 {
        let said = match of {
            Algorithm::Br => self.br,
            Algorithm::Gzip => self.gzip,
            Algorithm::Zstd => self.zstd,
        };
        said.unwrap_or(self.others)
    }
}

/// The weight that a parameter gives, if it is one (RFC 9110 §12.4.2): 0 to 1 with three decimals.
fn quality_of(parameter: &[u8]) -> Option<Option<u16>> {
    let (name, value) = parameter.split_at(parameter.iter().position(|byte| *byte == b'=')?);
    if !name.trim_ascii().eq_ignore_ascii_case(b"q") {
        return None;
    }
    let value = std::str::from_utf8(&value[1..]).unwrap_or_default().trim();
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{decimals:0<3}").parse::<u16>().ok().filter(|_| digits);
    Some(match (whole, thousandths) {
        ("0", Some(thousandths)) => Some(thousandths),
        ("1", Some(0)) => Some(1000),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Algorithm::{Br, Gzip, Zstd};

    fn rules() -> Arc<Compression> {
        let mut rules = service::Compression::default();
        rules.types.push("font/*".into());
        Compression::compile(Some(&rules)).unwrap()
    }

    #[test]
    fn of_what_a_client_takes_the_best_is_chosen() {
        for (accepts, chosen) in [
            (&[][..], None),
            (&[""], None),
            (&["identity"], None),
            (&["deflate"], None),
            (&["gzip"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["GZIP, deflate, BR"], Some(Br)),
            (&["gzip, deflate, br, zstd"], Some(Zstd)),
            (&["gzip", "br"], Some(Br)),
            (&["ZSTD"], Some(Zstd)),
            (&["zstd;q=0.8, br"], Some(Br)),
            (&["br;q=0.5, gzip;q=0.8"], Some(Gzip)),
            (&["br;q=0.800 , gzip; q=0.8"], Some(Br)),
            (&["gzip;q=0"], None),
            (&["gzip;q=0.000"], None),
            (&["gzip;q=0.001"], Some(Gzip)),
            (&["*"], Some(Zstd)),
            (&["*;q=0.1, gzip;q=0.2"], Some(Gzip)),
            (&["zstd;q=0, br;q=0, *"], Some(Gzip)),
            (&["*;q=0, gzip"], Some(Gzip)),
            (&["gzip;q=x"], None),
            (&["gzip;q=2"], None),
            (&["gzip;q=0.1234"], None),
            (&["gzip;level=9;q=0.5"], Some(Gzip)),
            (&["identity;q=1, gzip;q=0.5"], None),
            (&["identity, gzip"], Some(Gzip)),
            (&["identity;q=0.5, gzip"], Some(Gzip)),
        ] {
            let mut headers = HeaderMap::new();
            for accept in accepts {
                headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
            }
            assert_eq!(rules().chosen(&headers), chosen, "{accepts:?}");
        }
    }

    #[test]
    fn only_what_gains_by_it_and_may_be_changed_is_compressed() {
        let applies = |status: u16, fields: &[(&'static str, &'static str)], length| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            rules().applies(StatusCode::from_u16(status).unwrap(), &headers, length)
        };
        let html = ("content-type", "Text/HTML; charset=utf-8");
        for status in [200, 201, 404, 500] {
            assert!(applies(status, &[html], Some(1024)) && applies(status, &[html], None));
        }
        assert!(applies(200, &[("content-type", "font/ttf")], None));
        for status in [101, 204, 205, 206, 301, 304] {
            assert!(!applies(status, &[html], None), "{status}");
        }
        assert!(!applies(200, &[html], Some(1023)));
        for field in [
            ("content-encoding", "gzip"),
            ("content-encoding", "identity"),
            ("content-range", "bytes 0-1/2"),
            ("cache-control", "public, No-Transform"),
            ("content-md5", "x"),
        ] {
            assert!(!applies(200, &[html, field], None), "{field:?}");
        }
        for kind in ["", "image/png", "text/htmlx", "text/event-stream", "font/"] {
            assert!(!applies(200, &[("content-type", kind)], None), "{kind}");
        }
    }
}
