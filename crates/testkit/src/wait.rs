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
    let mut ask = || {
        let answer = ask();
        async { answer.await.ok_or(String::new()) }
    };
    until_ok(what, within, &mut ask).await
}

/// Asks again and again until the answer is not that something is missing.
///
/// # Panics
/// When something still is after `within`; it says what.
pub async fn until_ok<T, F>(what: &str, within: Duration, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let began = Instant::now();
    loop {
        let missing = match ask().await {
            Ok(answer) => return answer,
            Err(missing) => missing,
        };
        assert!(
            began.elapsed() < within,
            "{what} did not come to pass within {within:?} {missing}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
