//! Waiting for what another process or task does, with a deadline instead of a guess.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(10);

/// Asks `probe` until it has a value.
///
/// # Panics
/// When `deadline` passes first; the message names `what` was awaited.
pub async fn wait_for<T>(deadline: Duration, what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    let found = timeout_at(end, async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            sleep(STEP).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("waited {deadline:?} in vain for: {what}"))
}

/// Asks `condition` until it is true.
///
/// # Panics
/// When `deadline` passes first; the message names `what` was awaited.
pub async fn wait_until(deadline: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    wait_for(deadline, what, async || condition().await.then_some(())).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn returns_as_soon_as_the_condition_holds() {
        let mut looks = 0;
        wait_until(Duration::from_secs(5), "third look", async || {
            looks += 1;
            looks == 3
        })
        .await;
        assert_eq!(looks, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "in vain for: nothing")]
    async fn a_condition_that_never_answers_is_given_up() {
        wait_until(Duration::from_millis(30), "nothing", async || std::future::pending().await).await;
    }
}
