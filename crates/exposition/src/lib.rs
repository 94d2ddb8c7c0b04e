//! Pages in the text format of Prometheus:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! What is measured comes and goes, as containers do. So nothing is registered for good: a page is made anew
//! whenever it is asked for, of what there is at that moment.

mod times;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::core::{Atomic, AtomicF64, AtomicU64, GenericCounterVec, GenericGaugeVec};
use prometheus::{Encoder, Opts, Registry, TextEncoder};
use tokio::net::TcpListener;

pub use times::Times;

/// Why a page cannot be made: two families of one name, or a name that Prometheus does not take.
pub use prometheus::Error;

/// A page that is being made.
#[derive(Debug, Default)]
pub struct Page(Registry);

/// Numbers that only grow, of one name.
#[derive(Debug)]
pub struct Counters<P: Atomic>(GenericCounterVec<P>);

/// Numbers that grow and shrink, of one name.
#[derive(Debug)]
pub struct Gauges(GenericGaugeVec<AtomicF64>);

impl Page {
    /// Adds counters of whole numbers. Their name ends with `_total`.
    ///
    /// # Errors
    /// When Prometheus would not take them.
    pub fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<Counters<AtomicU64>, Error> {
        let counters = GenericCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(counters.clone()))?;
        Ok(Counters(counters))
    }

    /// Adds counters of seconds. Their name ends with `_seconds_total`.
    ///
    /// # Errors
    /// When Prometheus would not take them.
    pub fn seconds(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<Counters<AtomicF64>, Error> {
        let counters = GenericCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(counters.clone()))?;
        Ok(Counters(counters))
    }

    /// Adds gauges.
    ///
    /// # Errors
    /// When Prometheus would not take them.
    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<Gauges, Error> {
        let gauges = GenericGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(gauges.clone()))?;
        Ok(Gauges(gauges))
    }

    /// Adds how long things took, in seconds. Their name ends with `_seconds`.
    ///
    /// # Errors
    /// When Prometheus would not take them.
    pub fn times(&self, name: &str, help: &str, labels: &[&str]) -> Result<Times, Error> {
        let times = Times::new(name, help, labels)?;
        self.0.register(Box::new(times.clone()))?;
        Ok(times)
    }

    /// The page. Families without a value are not on it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn text(&self) -> Result<String, Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.0.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| Error::Msg(error.to_string()))
    }
}

impl<P: Atomic> Counters<P> {
    /// Says what one of them is, by the values of its labels.
    ///
    /// # Errors
    /// When there are not as many values as labels.
    pub fn set(&self, labels: &[&str], value: P::T) -> Result<(), Error> {
        self.0.get_metric_with_label_values(labels)?.inc_by(value);
        Ok(())
    }
}

impl Gauges {
    /// The same, for what is counted in whole numbers.
    ///
    /// # Errors
    /// When there are not as many values as labels.
    #[expect(clippy::cast_precision_loss, reason = "what is counted stays below 2^53")]
    pub fn count(&self, labels: &[&str], value: u64) -> Result<(), Error> {
        self.set(labels, value as f64)
    }

    /// Says what one of them is, by the values of its labels.
    ///
    /// # Errors
    /// When there are not as many values as labels.
    pub fn set(&self, labels: &[&str], value: f64) -> Result<(), Error> {
        self.0.get_metric_with_label_values(labels)?.set(value);
        Ok(())
    }
}

/// An answer with what `make` puts on a page.
pub fn answer(make: impl FnOnce(&Page) -> Result<(), Error>) -> Response {
    let page = Page::default();
    match make(&page).and_then(|()| page.text()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page for Prometheus could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
        }
    }
}

/// What makes a page.
pub type Make = Arc<dyn Fn(&Page) -> Result<(), Error> + Send + Sync>;

/// Serves a page as `/metrics`, and nothing else, until `shutdown` is done.
///
/// # Errors
/// When connections cannot be taken any more.
pub async fn serve(
    listener: TcpListener,
    make: Make,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let page = async move || answer(|page| make(page));
    let router = Router::new().route("/metrics", get(page));
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_was_put_on_it_and_nothing_more() {
        let page = Page::default();
        let bytes = page.counters("a_bytes_total", "Bytes.", &["service"]).unwrap();
        bytes.set(&["shop"], 3).unwrap();
        bytes.set(&["a\"b\\c\nd"], 4).unwrap();
        page.gauges("b_bytes", "More bytes.", &[]).unwrap().set(&[], 1.5).unwrap();
        page.seconds("c_seconds_total", "Nobody has any.", &["service"]).unwrap();
        let text = "\
# HELP a_bytes_total Bytes.
# TYPE a_bytes_total counter
a_bytes_total{service=\"a\\\"b\\\\c\\nd\"} 4
a_bytes_total{service=\"shop\"} 3
# HELP b_bytes More bytes.
# TYPE b_bytes gauge
b_bytes 1.5
";
        assert_eq!(page.text().unwrap(), text);
        assert!(page.gauges("b_bytes", "Twice.", &[]).is_err());
        assert!(bytes.set(&[], 1).is_err());
    }
}
