//! Waiting for conditions, never for time alone.

use std::time::{Duration, Instant};

/// How long tests wait for what should happen soon; generous, because machines are busy.
pub const SOON: Duration = Duration::from_secs(60);

/// Asks again and again until the answer is something.
///
/// # Panics
/// When it is still nothing after `within`.
pub async fn until<T, F>(what: &str, within: Duration, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < within, "{what} did not come to pass within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
